package document

import (
	"errors"
	"fmt"
)

// Key is where the parts of a document's key stand. It may be used by many goroutines once it is set up.
type Key struct {
	Pointers []Pointer
	// Defaults stand in for values that a document lacks: JSON text, or nil for null. There may be fewer than
	// pointers.
	Defaults [][]byte
}

// KeyError says which part of a document's key cannot be one, and why.
type KeyError struct {
	Pointer string
	Reason  string
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("key: the value at %q %s", e.Pointer, e.Reason)
}

// NewKey makes a key without defaults from the text of its pointers, of which there must be one at least.
func NewKey(pointers []string) (*Key, error) {
	if len(pointers) == 0 {
		return nil, errors.New("key: at least one pointer is needed")
	}
	k := &Key{Pointers: make([]Pointer, len(pointers))}
	for i, text := range pointers {
		p, err := ParsePointer(text)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		k.Pointers[i] = p
	}
	return k, nil
}

// AppendPacked appends the packed key of the document at root. What is missing takes its default, or null. Two
// documents have equal bytes exactly when their keys are equal, and of two components of one kind the smaller
// sorts first; across kinds the order is null, string, integer, boolean. The error is a *KeyError: arrays,
// objects, fractional numbers and integers of more than 255 bytes are refused. dst is returned as it was then.
func (k *Key) AppendPacked(dst []byte, d *Doc, root uint32) ([]byte, error) {
	packed := dst
	for n, pointer := range k.Pointers {
		var err error
		if i, ok := pointer.Find(d, root); ok {
			packed, err = appendPacked(packed, d, i)
		} else {
			packed, err = k.appendDefault(packed, n)
		}
		if err != nil {
			return dst, &KeyError{Pointer: pointer.String(), Reason: err.Error()}
		}
	}
	return packed, nil
}

func (k *Key) appendDefault(dst []byte, n int) ([]byte, error) {
	if n >= len(k.Defaults) || k.Defaults[n] == nil {
		return append(dst, codeNull), nil
	}
	var d Doc
	if err := d.Parse(k.Defaults[n]); err != nil {
		return dst, fmt.Errorf("is missing, and its default cannot be read: %w", err)
	}
	packed, err := appendPacked(dst, &d, 0)
	if err != nil {
		return dst, fmt.Errorf("is missing, and its default %w", err)
	}
	return packed, nil
}

// UnpackKey returns the components of a packed key: nil, bool, int64, uint64 (only beyond int64), *big.Int (only
// beyond both) or string. Bytes that AppendPacked cannot have written are an error.
func UnpackKey(packed []byte) ([]any, error) {
	var values []any
	err := eachElement(packed, func(e element) { values = append(values, e.value()) })
	if err != nil {
		return nil, err
	}
	return values, nil
}

// SplitKey gives the components of a packed key, each packed by itself.
func SplitKey(packed []byte) ([][]byte, error) {
	var parts [][]byte
	for rest := packed; len(rest) > 0; {
		_, after, err := nextElement(rest)
		if err != nil {
			return nil, fmt.Errorf("packed key: %w at byte %d", err, len(packed)-len(rest))
		}
		parts = append(parts, rest[:len(rest)-len(after)])
		rest = after
	}
	return parts, nil
}

// AppendKeyJSON appends a packed key as a JSON array of its components. On an error dst is returned as it was.
func AppendKeyJSON(dst []byte, packed []byte) ([]byte, error) {
	out := append(dst, '[')
	err := eachElement(packed, func(e element) {
		if len(out) > len(dst)+1 {
			out = append(out, ',')
		}
		out = e.appendJSON(out)
	})
	if err != nil {
		return dst, err
	}
	return append(out, ']'), nil
}

func eachElement(packed []byte, fn func(element)) error {
	for rest := packed; len(rest) > 0; {
		e, after, err := nextElement(rest)
		if err != nil {
			return fmt.Errorf("packed key: %w at byte %d", err, len(packed)-len(rest))
		}
		fn(e)
		rest = after
	}
	return nil
}
