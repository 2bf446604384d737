package document

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// The type codes of FoundationDB's tuple encoding that keys use. An integer of n bytes, 1 to 8, has the code
// codeZero + n, or codeZero - n when negative; longer ones say their length in a byte behind the code.
const (
	codeNull        = 0x00
	codeString      = 0x02
	codeBigNegative = 0x0b
	codeZero        = 0x14
	codeBigPositive = 0x1d
	codeFalse       = 0x26
	codeTrue        = 0x27

	// stringEnd ends a string; a zero byte within one is followed by zeroInside, which begins no code.
	stringEnd  = 0x00
	zeroInside = 0xff

	// maxIntegerBytes and maxIntegerDigits bound the integers that can be packed; the latter only spares the
	// conversion of what is too long anyway.
	maxIntegerBytes  = 255
	maxIntegerDigits = 615
)

var errIntegerTooLong = errors.New("is an integer of more than 255 bytes")

// appendPacked packs a scalar. The error completes a sentence that begins with the scalar's pointer.
func appendPacked(dst []byte, d *Doc, i uint32) ([]byte, error) {
	switch n := &d.Nodes[i]; n.Kind {
	case Null:
		return append(dst, codeNull), nil
	case False:
		return append(dst, codeFalse), nil
	case True:
		return append(dst, codeTrue), nil
	case String:
		return appendPackedString(dst, d, i), nil
	case Integer, Number:
		return appendPackedNumber(dst, d.Text(i))
	default:
		return dst, fmt.Errorf("is an %s; keys are made of strings, integers, booleans and null", n.Kind)
	}
}

func appendPackedString(dst []byte, d *Doc, i uint32) []byte {
	dst = append(dst, codeString)
	start := len(dst)
	dst = d.AppendString(dst, i)
	if d.Nodes[i].Flags&Escaped != 0 && bytes.IndexByte(dst[start:], 0) >= 0 {
		marked := bytes.ReplaceAll(dst[start:], []byte{0}, []byte{0, zeroInside})
		dst = append(dst[:start], marked...)
	}
	return append(dst, stringEnd)
}

func appendPackedNumber(dst, text []byte) ([]byte, error) {
	if n, ok := smallInteger(text); ok {
		return appendPackedInteger(dst, n < 0, magnitude(n)), nil
	}
	t := splitNumber(text)
	switch {
	case !t.integral():
		return dst, fmt.Errorf("is the fractional number %s; keys take integers only", shorten(text))
	case t.point > maxIntegerDigits:
		return dst, errIntegerTooLong
	}
	if t.digits() == 0 {
		return append(dst, codeZero), nil
	}
	plain := make([]byte, 0, maxIntegerDigits)
	plain = append(append(plain, t.head...), t.tail...)
	plain = appendZeros(plain, t.point-int64(len(plain)))
	if n, err := strconv.ParseUint(string(plain), 10, 64); err == nil {
		return appendPackedInteger(dst, t.negative, n), nil
	}
	n, ok := new(big.Int).SetString(string(plain), 10)
	if !ok {
		panic("document: digits expected: " + string(plain))
	}
	return appendPackedBig(dst, t.negative, n.Bytes())
}

// AppendPackedInteger appends a packed key of one component, a number that is not negative.
func AppendPackedInteger(dst []byte, n uint64) []byte { return appendPackedInteger(dst, false, n) }

func appendPackedInteger(dst []byte, negative bool, magnitude uint64) []byte {
	size := (bits.Len64(magnitude) + 7) / 8
	code := codeZero + size
	if negative {
		// One's complement: what is farther below zero sorts first.
		code, magnitude = codeZero-size, ^magnitude
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], magnitude)
	return append(append(dst, byte(code)), b[8-size:]...)
}

// appendPackedBig packs an integer of more than 8 bytes.
func appendPackedBig(dst []byte, negative bool, magnitude []byte) ([]byte, error) {
	size := len(magnitude)
	if size > maxIntegerBytes {
		return dst, errIntegerTooLong
	}
	if !negative {
		return append(append(dst, codeBigPositive, byte(size)), magnitude...), nil
	}
	dst = append(dst, codeBigNegative, ^byte(size))
	for _, c := range magnitude {
		dst = append(dst, ^c)
	}
	return dst, nil
}

// element is one component of a packed key: its code, and its bytes as they are packed, without code, length
// and end.
type element struct {
	code byte
	body []byte
}

// nextElement reads the first component. It accepts only what packing produces, so that a key has one packed form.
func nextElement(packed []byte) (element, []byte, error) {
	e, rest := element{code: packed[0]}, packed[1:]
	var size int
	switch c := e.code; {
	case c == codeNull || c == codeFalse || c == codeTrue || c == codeZero:
		return e, rest, nil
	case c == codeString:
		return nextString(rest)
	case c > codeZero && c <= codeZero+8:
		size = int(c) - codeZero
	case c >= codeZero-8 && c < codeZero:
		size = codeZero - int(c)
	case (c == codeBigPositive || c == codeBigNegative) && len(rest) > 0:
		if size = int(rest[0] ^ e.complement()); size <= 8 {
			return e, nil, fmt.Errorf("a big integer of %d bytes", size)
		}
		rest = rest[1:]
	case c == codeBigPositive || c == codeBigNegative:
		return e, nil, errors.New("an integer without its length")
	default:
		return e, nil, fmt.Errorf("the code 0x%02x, which is none of a key's", c)
	}
	if size > len(rest) {
		return e, nil, fmt.Errorf("an integer of %d bytes, of which %d are there", size, len(rest))
	}
	if rest[0] == e.complement() {
		return e, nil, errors.New("an integer that has a shorter form")
	}
	e.body = rest[:size]
	return e, rest[size:], nil
}

func nextString(packed []byte) (element, []byte, error) {
	e := element{code: codeString}
	for end := 0; ; end += 2 {
		n := bytes.IndexByte(packed[end:], stringEnd)
		if n < 0 {
			return e, nil, errors.New("a string without an end")
		}
		end += n
		if end+1 < len(packed) && packed[end+1] == zeroInside {
			continue
		}
		e.body = packed[:end]
		if !e.validText() {
			return e, nil, errors.New("a string that is not UTF-8")
		}
		return e, packed[end+1:], nil
	}
}

func (e element) validText() bool {
	if bytes.IndexByte(e.body, 0) < 0 {
		return utf8.Valid(e.body)
	}
	return utf8.Valid(e.appendText(nil))
}

// complement is what the bytes of an integer are combined with by exclusive or.
func (e element) complement() byte {
	if e.code < codeZero {
		return 0xff
	}
	return 0
}

// appendText appends a string as it was before it was packed.
func (e element) appendText(dst []byte) []byte {
	for body := e.body; ; {
		n := bytes.IndexByte(body, 0)
		if n < 0 {
			return append(dst, body...)
		}
		dst = append(dst, body[:n+1]...)
		body = body[n+2:]
	}
}

// integer returns the number as an int64, an uint64 when it does not fit one, or else a *big.Int.
func (e element) integer() any {
	if len(e.body) > 8 {
		return e.big()
	}
	var n uint64
	for _, c := range e.body {
		n = n<<8 | uint64(c^e.complement())
	}
	switch {
	case e.code < codeZero && n <= 1<<63:
		return -int64(n)
	case e.code < codeZero:
		return e.big()
	case n > math.MaxInt64:
		return n
	}
	return int64(n)
}

func (e element) big() *big.Int {
	magnitude := make([]byte, len(e.body))
	for i, c := range e.body {
		magnitude[i] = c ^ e.complement()
	}
	n := new(big.Int).SetBytes(magnitude)
	if e.code < codeZero {
		n.Neg(n)
	}
	return n
}

// value returns the component as UnpackKey does.
func (e element) value() any {
	switch e.code {
	case codeNull:
		return nil
	case codeFalse, codeTrue:
		return e.code == codeTrue
	case codeString:
		return string(e.appendText(nil))
	}
	return e.integer()
}

func (e element) appendJSON(dst []byte) []byte {
	switch v := e.value().(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return AppendQuoted(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case *big.Int:
		return v.Append(dst, 10)
	}
	panic(fmt.Sprintf("document: code 0x%02x has no JSON", e.code))
}
