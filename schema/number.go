package schema

import (
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// bound is a number of a schema.
type bound struct {
	decimal document.Decimal
	exact   bool // decimal holds it
	value   *big.Rat
}

func newBound(value *big.Rat) *bound {
	if value == nil {
		return nil
	}
	b := &bound{value: value}
	// A schema's numbers are decimals, so their expansion ends.
	if places, ok := value.FloatPrec(); ok && places <= document.MaxDigits {
		d, err := document.ParseDecimal([]byte(value.FloatString(places)))
		b.decimal, b.exact = d, err == nil
	}
	return b
}

func newNumberRule(s *jsonschema.Schema) *numberRule {
	n := &numberRule{newBound(s.Minimum), newBound(s.ExclusiveMinimum), newBound(s.Maximum), newBound(s.ExclusiveMaximum), newBound(s.MultipleOf)}
	if *n == (numberRule{}) {
		return nil
	}
	return n
}

func (n *numberRule) valid(text []byte) bool {
	d, err := document.ParseDecimal(text)
	if err != nil {
		return n.validWide(text)
	}
	return (n.min == nil || n.min.cmp(d, text) <= 0) &&
		(n.above == nil || n.above.cmp(d, text) < 0) &&
		(n.max == nil || n.max.cmp(d, text) >= 0) &&
		(n.below == nil || n.below.cmp(d, text) > 0) &&
		(n.multiple == nil || n.multiple.divides(d, text))
}

// cmp compares the bound with a number.
func (b *bound) cmp(d document.Decimal, text []byte) int {
	if b.exact {
		return b.decimal.Cmp(d)
	}
	x, ok := new(big.Rat).SetString(string(text))
	if !ok {
		return d.Sign() * -1 // its exponent is beyond what any bound can have
	}
	return b.value.Cmp(x)
}

func (b *bound) divides(d document.Decimal, text []byte) bool {
	if b.exact {
		return d.MultipleOf(b.decimal)
	}
	x, ok := new(big.Rat).SetString(string(text))
	return ok && x.Quo(x, b.value).IsInt()
}

// validWide judges a number with more digits than decimals hold.
func (n *numberRule) validWide(text []byte) bool {
	x, ok := new(big.Rat).SetString(string(text))
	if !ok {
		return false
	}
	return (n.min == nil || n.min.value.Cmp(x) <= 0) &&
		(n.above == nil || n.above.value.Cmp(x) < 0) &&
		(n.max == nil || n.max.value.Cmp(x) >= 0) &&
		(n.below == nil || n.below.value.Cmp(x) > 0) &&
		(n.multiple == nil || new(big.Rat).Quo(x, n.multiple.value).IsInt())
}
