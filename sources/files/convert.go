package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"weir/document"
	"weir/schema"
)

// kind is what a text becomes in a document. Where the schema allows strings it
// is a string: only a schema can tell that 007 is a number.
type kind struct {
	types schema.Types
	guess bool // nobody knows yet: what looks like a number or a truth value is one
}

// kindsOf gives the kinds of the members of a collection's documents. What the
// schema says nothing about is text.
func kindsOf(shape *schema.Shape) func(name string) kind {
	return func(name string) kind {
		if shape == nil {
			return kind{types: schema.TypeString}
		}
		sub, exists := shape.Locate(document.Pointer{name})
		if exists < schema.May || sub.Types == schema.AnyType {
			return kind{types: schema.TypeString}
		}
		return kind{types: sub.Types}
	}
}

// guessed is the kind of all columns while a schema is sought.
func guessed(string) kind { return kind{guess: true} }

// memberName is a name as it begins a member.
func memberName(name string) string { return string(document.AppendQuoted(nil, name)) + ":" }

// appendMember appends a member to an object that is open. An empty text is
// null where the schema allows it, else an empty string, else no member.
func appendMember(dst []byte, c *column, text []byte) []byte {
	start := len(dst)
	if dst[start-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, c.name...)
	value := len(dst)
	if dst = c.kind.append(dst, text); len(dst) == value {
		return dst[:start]
	}
	return dst
}

// append appends the value of a text; nothing when there is none.
func (k kind) append(dst, text []byte) []byte {
	has := func(t schema.Types) bool { return k.types&t != 0 }
	bare := bytes.TrimSpace(text)
	switch {
	case k.guess:
		return appendGuess(dst, text, bare)
	case len(bare) == 0 && has(schema.TypeNull):
		return append(dst, "null"...)
	case has(schema.TypeString):
		return appendString(dst, text)
	case len(bare) == 0:
		return dst
	case has(schema.TypeNumber) && isNumber(bare):
		return append(dst, bare...)
	case has(schema.TypeBoolean) && isTruth(bare, "true", "1", has(schema.TypeNumber)):
		return append(dst, "true"...)
	case has(schema.TypeBoolean) && isTruth(bare, "false", "0", has(schema.TypeNumber)):
		return append(dst, "false"...)
	case has(schema.TypeNull) && string(bare) == "null":
		return append(dst, "null"...)
	case has(schema.TypeObject|schema.TypeArray) && (bare[0] == '{' || bare[0] == '[') && json.Valid(bare):
		return append(dst, bare...)
	}
	return appendString(dst, text) // the schema will refuse it, and show it
}

func appendGuess(dst, text, bare []byte) []byte {
	switch {
	case len(bare) == 0:
		return append(dst, "null"...)
	case isNumber(bare), string(bare) == "true", string(bare) == "false":
		return append(dst, bare...)
	}
	return appendString(dst, text)
}

func isTruth(text []byte, word, digit string, numbers bool) bool {
	return bytes.EqualFold(text, []byte(word)) || !numbers && string(text) == digit
}

// isNumber says whether a text is a number as JSON writes it.
func isNumber(text []byte) bool {
	return (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid(text)
}

// appendString appends text, which is UTF-8, as a JSON string.
func appendString(dst, text []byte) []byte { return document.AppendQuoted(dst, string(text)) }

// errEncoding is a row or paragraph in another encoding.
var errEncoding = errors.New("the text is not UTF-8: convert the file, as with iconv -f WINDOWS-1252 -t UTF-8")

func checkText(text []byte) error {
	if !utf8.Valid(text) {
		return errEncoding
	}
	return nil
}
