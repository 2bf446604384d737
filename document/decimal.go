package document

import (
	"bytes"
	"cmp"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
)

// MaxDigits bounds the digits that the exact arithmetic of Decimal handles and writes.
const MaxDigits = 10_000

// Decimal is an exact decimal number. The zero value is 0. A sum has as many decimal places as the one of its
// terms that has most, so that 1.10 + 2.20 is 3.30, in whatever order terms are added.
type Decimal struct {
	mant int64
	wide *big.Int // the mantissa when it does not fit mant; never changed once set
	exp  int64    // the value is mantissa × 10^exp
}

// ParseDecimal reads a JSON number. It fails when text is none, or has more than MaxDigits digits after its first
// one that is not 0.
func ParseDecimal(text []byte) (Decimal, error) {
	if d, ok := smallDecimal(text); ok {
		return d, nil
	}
	if err := checkNumber(text); err != nil {
		return Decimal{}, err
	}
	return parseWide(text)
}

// smallDecimal reads a number without exponent whose digits fit an int64 for certain.
func smallDecimal(text []byte) (Decimal, bool) {
	i, dot := 0, 0
	if len(text) > 0 && text[0] == '-' {
		i = 1
	}
	first := i
	if len(text)-i > maxSmall+1 || len(text) == i {
		return Decimal{}, false
	}
	var n int64
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && dot == 0 && i > first {
			dot = i
			continue
		}
		if c -= '0'; c > 9 {
			return Decimal{}, false
		}
		n = n*10 + int64(c)
	}
	whole, places := len(text)-first, 0
	if dot > 0 {
		whole, places = dot-first, len(text)-dot-1
		if places == 0 {
			return Decimal{}, false
		}
	}
	if whole+places > maxSmall || whole > 1 && text[first] == '0' {
		return Decimal{}, false
	}
	if first == 1 {
		n = -n
	}
	return Decimal{mant: n, exp: -int64(places)}, true
}

// parseWide reads a number that checkNumber accepts. Zeros at its end are kept, so that sums show as many decimal
// places; zeros in front are not.
func parseWide(text []byte) (Decimal, error) {
	mantissa, exp := bytes.TrimPrefix(text, []byte("-")), int64(0)
	if e := bytes.IndexAny(mantissa, "eE"); e >= 0 {
		mantissa, exp = mantissa[:e], parseExponent(mantissa[e+1:])
	}
	whole, places, _ := bytes.Cut(mantissa, []byte("."))
	exp -= int64(len(places))
	whole = bytes.TrimLeft(whole, "0")
	if len(whole) == 0 {
		places = bytes.TrimLeft(places, "0")
	}
	if len(whole)+len(places) > MaxDigits {
		return Decimal{}, fmt.Errorf("number %s: more than %d digits", shorten(text), MaxDigits)
	}
	plain := append(append([]byte("0"), whole...), places...)
	if text[0] == '-' {
		plain[0] = '-'
		if len(plain) == 1 {
			plain = append(plain, '0')
		}
	}
	m, ok := new(big.Int).SetString(string(plain), 10)
	if !ok {
		panic("document: digits expected: " + string(plain))
	}
	return newDecimal(m, exp), nil
}

// newDecimal takes m over.
func newDecimal(m *big.Int, exp int64) Decimal {
	if m.IsInt64() {
		return Decimal{mant: m.Int64(), exp: exp}
	}
	return Decimal{wide: m, exp: exp}
}

// mantissa returns the mantissa for reading.
func (d Decimal) mantissa() *big.Int {
	if d.wide != nil {
		return d.wide
	}
	return big.NewInt(d.mant)
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int {
	if d.wide != nil {
		return d.wide.Sign()
	}
	return cmp.Compare(d.mant, 0)
}

// width is the number of decimal digits of the mantissa, or one more than that.
func (d Decimal) width() int64 {
	size := bits.Len64(magnitude(d.mant))
	if d.wide != nil {
		size = d.wide.BitLen()
	}
	return int64(size)*30103/100000 + 1
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// Add returns the exact sum. It fails when writing it out would take more than MaxDigits digits, as for
// 1e999999999 + 1.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if d.exp < e.exp {
		d, e = e, d
	}
	shift := d.exp - e.exp
	if d.wide == nil && e.wide == nil {
		if sum, ok := addSmall(d.mant, shift, e.mant); ok {
			return Decimal{mant: sum, exp: e.exp}, nil
		}
	}
	if max(d.width()+shift, e.width()) > MaxDigits {
		return Decimal{}, fmt.Errorf("the exact sum of %s and %s has more than %d digits", shorten(d.Append(nil)), shorten(e.Append(nil)), MaxDigits)
	}
	sum := scale(d.mantissa(), shift)
	return newDecimal(sum.Add(sum, e.mantissa()), e.exp), nil
}

// addSmall computes a × 10^shift + b while that fits an int64.
func addSmall(a, shift, b int64) (int64, bool) {
	if shift > maxSmall {
		return 0, false
	}
	high, low := bits.Mul64(magnitude(a), pow10[shift])
	if high != 0 || low > 1<<63-1 {
		return 0, false
	}
	scaled := int64(low)
	if a < 0 {
		scaled = -scaled
	}
	sum := scaled + b
	return sum, (scaled^sum)&(b^sum) >= 0
}

// pow10 holds the powers of ten that fit an uint64.
var pow10 = [...]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// scale returns m × 10^shift in memory of its own. Callers bound shift.
func scale(m *big.Int, shift int64) *big.Int {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(shift), nil)
	return power.Mul(power, m)
}

// Cmp compares exact values. Exponents that are far apart decide alone: nothing is written out for them.
func (d Decimal) Cmp(e Decimal) int {
	sign := d.Sign()
	if c := cmp.Compare(sign, e.Sign()); c != 0 || sign == 0 {
		return c
	}
	if d.exp < e.exp {
		return -e.Cmp(d)
	}
	shift := d.exp - e.exp
	if d.wide == nil && e.wide == nil && shift < int64(len(pow10)) {
		high, low := bits.Mul64(magnitude(d.mant), pow10[shift])
		if high != 0 {
			return sign
		}
		return sign * cmp.Compare(low, magnitude(e.mant))
	}
	switch top, other := d.width()+d.exp, e.width()+e.exp; {
	case top > other+1:
		return sign
	case other > top+1:
		return -sign
	}
	return scale(d.mantissa(), shift).Cmp(e.mantissa())
}

// MultipleOf reports whether d / e is an integer; no number is a multiple of 0.
func (d Decimal) MultipleOf(e Decimal) bool {
	if e.Sign() == 0 || d.Sign() == 0 {
		return e.Sign() != 0
	}
	shift := d.exp - e.exp
	if d.wide == nil && e.wide == nil {
		if multiple, ok := multipleSmall(magnitude(d.mant), magnitude(e.mant), shift); ok {
			return multiple
		}
	}
	if shift < 0 {
		// d has -shift more places than e: unless its last digits are zeros, it is no multiple.
		if -shift > d.width() {
			return false
		}
		return new(big.Int).Rem(d.mantissa(), scale(e.mantissa(), -shift)).Sign() == 0
	}
	m := new(big.Int).Abs(e.mantissa())
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(shift), m)
	return power.Mul(power, d.mantissa()).Rem(power, m).Sign() == 0
}

// multipleSmall decides whether a × 10^shift is a multiple of b, neither being 0, while that fits 64 bits.
func multipleSmall(a, b uint64, shift int64) (multiple, ok bool) {
	switch most := int64(len(pow10)) - 1; {
	case shift > most || shift < -most:
		return false, false
	case shift >= 0:
		high, low := bits.Mul64(a, pow10[shift])
		return high == 0 && low%b == 0, high == 0
	}
	high, low := bits.Mul64(b, pow10[-shift])
	return high == 0 && a%low == 0, true
}

// Append appends the number in plain notation, with all its decimal places. One that needed more than MaxDigits
// digits keeps an exponent.
func (d Decimal) Append(dst []byte) []byte {
	start := len(dst)
	if d.wide != nil {
		dst = d.wide.Append(dst, 10)
	} else {
		dst = strconv.AppendInt(dst, d.mant, 10)
	}
	if dst[start] == '-' {
		start++
	}
	count := int64(len(dst) - start)
	switch {
	case d.exp == 0, d.exp > 0 && d.Sign() == 0:
		return dst
	case d.exp > MaxDigits-count || d.exp < -MaxDigits:
		return strconv.AppendInt(append(dst, 'e'), d.exp, 10)
	case d.exp > 0:
		return appendZeros(dst, d.exp)
	}
	return insertPoint(dst, start, int(-d.exp))
}

func appendZeros(dst []byte, n int64) []byte {
	for ; n > 0; n-- {
		dst = append(dst, '0')
	}
	return dst
}

// insertPoint sets a decimal point before the last places digits of dst[start:], which gets zeros in front when
// it has too few.
func insertPoint(dst []byte, start, places int) []byte {
	count := len(dst) - start
	if missing := places + 1 - count; missing > 0 {
		dst = appendZeros(dst, int64(missing))
		copy(dst[start+missing:], dst[start:start+count])
		for i := start; i < start+missing; i++ {
			dst[i] = '0'
		}
	}
	dst = append(dst, 0)
	point := len(dst) - 1 - places
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}

// String is the number as Append writes it.
func (d Decimal) String() string { return string(d.Append(nil)) }
