package postgres

import (
	"encoding/binary"
	"strconv"

	"weir/sinks/sqltable"
)

// What NUMERIC says in place of a sign.
const (
	signPlus  = 0x0000
	signMinus = 0x4000
	isNaN     = 0xC000
	isInf     = 0xD000
	isMinus   = 0xF000 // minus infinity
)

const (
	maxWhole    = 131072 // digits before the point
	maxFraction = 16383  // digits behind it
	maxExponent = 1 << 20
)

// appendNumeric writes a number with all its digits.
func appendNumeric(dst []byte, v *sqltable.Value) ([]byte, error) {
	var buffer [20]byte
	text := v.Text
	switch v.Kind {
	case sqltable.Int:
		text = strconv.AppendInt(buffer[:0], v.Int, 10)
	case sqltable.Digits, sqltable.Decimal, sqltable.Text:
	default:
		return dst, unfit("number", v.Text)
	}
	switch string(text) {
	case "NaN":
		return appendNumericHead(dst, 0, 0, isNaN, 0), nil
	case "Infinity":
		return appendNumericHead(dst, 0, 0, isInf, 0), nil
	case "-Infinity":
		return appendNumericHead(dst, 0, 0, isMinus, 0), nil
	}
	d, ok := parseNumber(text)
	if !ok {
		return dst, unfit("number", text)
	}
	return d.append(dst), nil
}

func appendNumericHead(dst []byte, digits, weight int, sign uint16, scale int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(digits))
	dst = binary.BigEndian.AppendUint16(dst, uint16(weight))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}

// number is a decimal number: 0.DIGITS times ten to the power of point, which
// has scale digits behind its point.
type number struct {
	negative bool
	digits   []byte // without the point; the first one is not 0, unless all are
	point    int    // of the first digit
	scale    int
}

// parseNumber reads a number as JSON writes it, if NUMERIC has room for it.
func parseNumber(text []byte) (n number, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		n.negative, text = true, text[1:]
	}
	n.digits = make([]byte, 0, len(text))
	var i, exponent int
	dot := -1
	for ; i < len(text) && text[i] != 'e' && text[i] != 'E'; i++ {
		switch c := text[i]; {
		case c == '.' && dot < 0:
			dot = len(n.digits)
		case c >= '0' && c <= '9':
			n.digits = append(n.digits, c-'0')
		default:
			return n, false
		}
	}
	if dot < 0 {
		dot = len(n.digits)
	}
	if i < len(text) {
		e, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || e > maxExponent || e < -maxExponent {
			return n, false
		}
		exponent = e
	}
	if len(n.digits) == 0 {
		return n, false
	}
	n.scale = max(0, len(n.digits)-dot-exponent)
	n.point = dot + exponent
	for len(n.digits) > 0 && n.digits[0] == 0 {
		n.digits, n.point = n.digits[1:], n.point-1
	}
	if len(n.digits) == 0 {
		n.point, n.negative = 0, false
	}
	return n, n.point <= maxWhole && n.scale <= maxFraction
}

// append writes groups of four digits, the first of which ends four times
// weight digits before the point.
func (n *number) append(dst []byte) []byte {
	digits := n.digits
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 {
		return appendNumericHead(dst, 0, 0, signPlus, n.scale)
	}
	lead := ((n.point % 4) + 4) % 4 // digits of the first group; 0: four
	if lead == 0 {
		lead = 4
	}
	weight := (n.point - lead) / 4
	sign := uint16(signPlus)
	if n.negative {
		sign = signMinus
	}
	groups := 1 + (max(0, len(digits)-lead)+3)/4
	dst = appendNumericHead(dst, groups, weight, sign, n.scale)
	at := 0
	for g := range groups {
		size := 4
		if g == 0 {
			size = lead
		}
		group := 0
		for range size {
			group *= 10
			if at < len(digits) {
				group += int(digits[at])
			}
			at++
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(group))
	}
	return dst
}
