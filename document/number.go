package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
)

// decimalText is a JSON number's text taken apart: 0.ddd… × 10^point, where the digits are those of head followed
// by those of tail, with neither leading nor trailing zeros. Zero has no digits. So two texts stand for one
// number exactly when their parts agree, and no digit is ever copied or converted.
type decimalText struct {
	negative   bool
	head, tail []byte
	point      int64
}

func (t *decimalText) digits() int { return len(t.head) + len(t.tail) }

// at returns the n-th digit.
func (t *decimalText) at(n int) byte {
	if n < len(t.head) {
		return t.head[n]
	}
	return t.tail[n-len(t.head)]
}

// integral reports whether the number has no fraction.
func (t *decimalText) integral() bool { return t.point >= int64(t.digits()) || t.digits() == 0 }

// splitNumber takes the text of a number apart, which must be one that Parse accepts.
func splitNumber(text []byte) decimalText {
	var t decimalText
	if text[0] == '-' {
		t.negative, text = true, text[1:]
	}
	i := digits(text, 0)
	t.head, text = text[:i], text[i:]
	if len(text) > 0 && text[0] == '.' {
		i = digits(text, 1)
		t.tail, text = text[1:i], text[i:]
	}
	if len(text) > 0 {
		t.point = parseExponent(text[1:])
	}
	t.trim()
	return t
}

// parseExponent reads a sign and digits; Parse has seen to it that they fit an int64.
func parseExponent(text []byte) int64 {
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	var n int64
	for _, c := range text {
		n = n*10 + int64(c-'0')
	}
	if negative {
		return -n
	}
	return n
}

// trim moves the point before the first digit that counts, and drops the zeros on both sides.
func (t *decimalText) trim() {
	t.head = bytes.TrimLeft(t.head, "0")
	t.point += int64(len(t.head))
	if len(t.head) == 0 {
		all := len(t.tail)
		t.tail = bytes.TrimLeft(t.tail, "0")
		t.point -= int64(all - len(t.tail))
	}
	if t.tail = bytes.TrimRight(t.tail, "0"); len(t.tail) == 0 {
		t.head = bytes.TrimRight(t.head, "0")
	}
	if t.digits() == 0 {
		t.negative, t.point = false, 0
	}
}

// CompareNumbers orders two numbers by their exact values; both must be texts that Parse accepts as numbers.
// It takes no memory, however far apart the exponents are.
func CompareNumbers(a, b []byte) int {
	if x, ok := smallDecimal(a); ok {
		if y, ok := smallDecimal(b); ok {
			return x.Cmp(y)
		}
	}
	x, y := splitNumber(a), splitNumber(b)
	if c := cmp.Compare(x.sign(), y.sign()); c != 0 {
		return c
	}
	return x.sign() * compareMagnitudes(&x, &y)
}

func (t *decimalText) sign() int {
	switch {
	case t.digits() == 0:
		return 0
	case t.negative:
		return -1
	}
	return 1
}

func compareMagnitudes(x, y *decimalText) int {
	if c := cmp.Compare(x.point, y.point); c != 0 {
		return c
	}
	for n := 0; n < x.digits() && n < y.digits(); n++ {
		if c := cmp.Compare(x.at(n), y.at(n)); c != 0 {
			return c
		}
	}
	return cmp.Compare(x.digits(), y.digits())
}

// maxSmall is how many decimal digits always fit an int64.
const maxSmall = 18

// smallInteger reads plain digits that fit an int64, with an optional sign and nothing else.
func smallInteger(text []byte) (int64, bool) {
	i := 0
	if len(text) > 0 && text[0] == '-' {
		i = 1
	}
	if len(text) == i || len(text)-i > maxSmall {
		return 0, false
	}
	var n int64
	for _, c := range text[i:] {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if i == 1 {
		n = -n
	}
	return n, true
}

// Integral reports whether a number that Parse accepts has no fraction, as 7, 7.0 and 70e-1.
func Integral(text []byte) bool {
	t := splitNumber(text)
	return t.integral()
}

// checkNumber refuses what is no JSON number or has an exponent out of bounds.
func checkNumber(text []byte) error {
	if len(text) == 0 {
		return errors.New("a number is empty")
	}
	p := parser{src: text}
	if p.number(0) == len(text) {
		return nil
	}
	if p.err != nil {
		return fmt.Errorf("number %q: %s", shorten(text), p.err.Reason)
	}
	return fmt.Errorf("number %q: more follows it", shorten(text))
}

// shorten cuts the text of a number to what an error may repeat.
func shorten(text []byte) string {
	if len(text) > maxQuoted {
		return string(text[:maxQuoted]) + "…"
	}
	return string(text)
}

// Float64 returns the double nearest to a number; beyond the range of doubles it is an infinity. text must be
// one that Parse accepts as a number.
func Float64(text []byte) float64 {
	// Mantissas below 2^53 and powers of ten up to 10^22 are exact doubles, so one division rounds correctly.
	if d, ok := smallDecimal(text); ok && d.mant < 1<<53 && d.mant > -1<<53 && d.mant != 0 {
		return float64(d.mant) / floatPow10[-d.exp]
	}
	f, _ := strconv.ParseFloat(string(text), 64) // the error says out of range, and f is then an infinity
	return f
}

var floatPow10 = [maxSmall + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}
