package sqltable

import (
	"encoding/base64"
	"math/big"
	"strconv"

	"weir/document"
)

// Kind says which member of a Value counts.
type Kind uint8

// The kinds of values.
const (
	Null    Kind = iota
	Bool         // Int is 0 or 1
	Int          // Int
	Float        // Float, never a NaN
	Digits       // Text is an integer beyond 64 bits in decimal
	Text         // Text
	Bytes        // Text
	Decimal      // Text is a number as JSON writes it
	Time         // Int is in nanoseconds since 1970
)

// Value is a column's value, ready to be bound. Text belongs to the Buffer
// that the value was made in.
type Value struct {
	Kind  Kind
	Int   int64
	Float float64
	Text  []byte
}

// Buffer holds the values of rows until they are written. It copies what it
// is given. The zero value is ready.
type Buffer struct {
	values []Value
	text   []byte // the chunk that is being filled; full ones are held by their values
	size   int    // bytes of text since Reset
}

const chunkSize = 256 << 10 // a few hundred rows of text

// Bytes is roughly the memory that the buffered values take.
func (b *Buffer) Bytes() int { return b.size + len(b.values)*48 }

// Len counts the buffered values.
func (b *Buffer) Len() int { return len(b.values) }

// Values gives the buffered values from i on.
func (b *Buffer) Values(i int) []Value { return b.values[i:] }

// Reset empties the buffer; values taken from it before are not valid any
// more. It keeps memory for as much as one chunk of text.
func (b *Buffer) Reset() {
	clear(b.values)
	b.values, b.text, b.size = b.values[:0], b.text[:0], 0
}

// room gives an empty slice with capacity for n bytes; keep takes over what
// was appended to it.
func (b *Buffer) room(n int) []byte {
	if cap(b.text)-len(b.text) < n {
		b.text = make([]byte, 0, max(n, chunkSize))
	}
	return b.text[len(b.text):]
}

func (b *Buffer) keep(s []byte) []byte {
	b.size += len(s)
	if n := len(b.text) + len(s); n <= cap(b.text) && (len(s) == 0 || &s[0] == &b.text[:n][len(b.text)]) {
		b.text = b.text[:n]
	}
	return s[:len(s):len(s)]
}

func (b *Buffer) copy(s []byte) []byte {
	return b.keep(append(b.room(len(s)), s...))
}

func (b *Buffer) add(v Value) { b.values = append(b.values, v) }

// addNode adds the node i of d as a value of type f.
func (b *Buffer) addNode(f Flat, d *document.Doc, i uint32) {
	n := &d.Nodes[i]
	if n.Kind == document.Null {
		b.add(Value{})
		return
	}
	switch f {
	case Boolean:
		if n.Kind == document.True || n.Kind == document.False {
			b.add(boolValue(n.Kind == document.True))
			return
		}
	case Integer, StringInteger:
		if b.addInteger(d.Text(i), n) {
			return
		}
	case Number, StringNumber:
		if isNumber(d.Text(i), n) {
			b.add(Value{Kind: Float, Float: document.Float64(d.Text(i))})
			return
		}
	case exactNumber:
		if isNumber(d.Text(i), n) {
			b.add(Value{Kind: Decimal, Text: b.copy(d.Text(i))})
			return
		}
	case Binary:
		if b.addBinary(d, i) {
			return
		}
	}
	if f != Multiple && n.Kind == document.String {
		b.add(Value{Kind: Text, Text: b.keep(d.AppendString(b.room(int(n.End-n.Off)), i))})
		return
	}
	b.add(Value{Kind: Text, Text: b.keep(d.Append(b.room(int(n.End-n.Off)+2), i))})
}

func boolValue(v bool) Value {
	if v {
		return Value{Kind: Bool, Int: 1}
	}
	return Value{Kind: Bool}
}

// addInteger adds a number without fraction, or a string that holds one in
// the way that JSON writes numbers.
func (b *Buffer) addInteger(text []byte, n *document.Node) bool {
	if v, ok := parseInt(text); ok {
		b.add(Value{Kind: Int, Int: v})
		return true
	}
	if !isNumber(text, n) || !document.Integral(text) {
		return false
	}
	d, err := document.ParseDecimal(text)
	if err != nil {
		return false // more digits than are worth writing out: the text says as much
	}
	digits := d.Append(b.room(len(text) + 32))
	if v, err := strconv.ParseInt(string(integerPart(digits)), 10, 64); err == nil {
		b.add(Value{Kind: Int, Int: v})
		return true
	}
	b.add(Value{Kind: Digits, Text: b.keep(integerPart(digits))})
	return true
}

// integerPart cuts the zeros behind the point of an integral decimal.
func integerPart(digits []byte) []byte {
	for i, c := range digits {
		if c == '.' {
			return digits[:i]
		}
	}
	return digits
}

// parseInt reads an integer of up to 18 digits as JSON writes them.
func parseInt(text []byte) (int64, bool) {
	digits, negative := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	var v int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if negative {
		v = -v
	}
	return v, true
}

// isNumber reports whether a node is a number, or a string that holds one.
func isNumber(text []byte, n *document.Node) bool {
	switch n.Kind {
	case document.Integer, document.Number:
		return true
	case document.String:
		_, err := document.ParseDecimal(text)
		return err == nil
	}
	return false
}

func (b *Buffer) addBinary(d *document.Doc, i uint32) bool {
	n := &d.Nodes[i]
	if n.Kind != document.String {
		return false
	}
	text := d.Text(i)
	if n.Flags&document.Escaped != 0 {
		text = d.AppendString(nil, i) // a slash may be written as \/
	}
	out, err := base64.StdEncoding.AppendDecode(b.room(base64.StdEncoding.DecodedLen(len(text))), text)
	if err != nil {
		return false
	}
	b.add(Value{Kind: Bytes, Text: b.keep(out)})
	return true
}

// addKey adds a component of a key as document.UnpackKey gives it. It reports
// whether a column of type f can hold it.
func (b *Buffer) addKey(f Flat, v any) bool {
	if v == nil {
		b.add(Value{})
		return true
	}
	if f == Multiple {
		b.add(Value{Kind: Text, Text: b.keep(appendKeyText(b.room(32), v))})
		return true
	}
	switch v := v.(type) {
	case bool:
		b.add(boolValue(v))
		return f == Boolean
	case int64:
		b.add(Value{Kind: Int, Int: v})
		return f == Integer
	case uint64:
		b.add(Value{Kind: Digits, Text: b.keep(strconv.AppendUint(b.room(20), v, 10))})
		return f == Integer
	case *big.Int:
		b.add(Value{Kind: Digits, Text: b.keep(v.Append(b.room(32), 10))})
		return f == Integer
	case string:
		b.add(Value{Kind: Text, Text: b.keep(append(b.room(len(v)), v...))})
		return f == String
	}
	return false
}

func appendKeyText(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case *big.Int:
		return v.Append(dst, 10)
	case string:
		return document.AppendQuoted(dst, v)
	}
	return dst
}
