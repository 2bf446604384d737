package document

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"testing"
)

func FuzzPack(f *testing.F) {
	for i, group := range ordered {
		f.Add([]byte(group[0]), []byte(group[len(group)-1]))
		f.Add([]byte(group[0]), []byte(ordered[(i+1)%len(ordered)][0]))
	}
	key := &Key{Pointers: []Pointer{{}}}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		var a, b Doc
		if a.Parse(x) != nil || b.Parse(y) != nil {
			return
		}
		packedA, errA := key.AppendPacked(nil, &a, 0)
		packedB, errB := key.AppendPacked(nil, &b, 0)
		if errA == nil {
			checkUnpack(t, &a, packedA)
		}
		if errA != nil || errB != nil {
			return
		}
		c := Compare(&a, 0, &b, 0)
		packed := bytes.Compare(packedA, packedB)
		if (c == 0) != (packed == 0) || a.Nodes[0].Kind.rank() == b.Nodes[0].Kind.rank() && c != packed {
			t.Fatalf("%s and %s: %d, packed %x and %x: %d", x, y, c, packedA, packedB, packed)
		}
		// What follows a component must not decide before the component does.
		ab, ba := append(bytes.Clone(packedA), packedB...), append(bytes.Clone(packedB), packedA...)
		if bytes.Compare(ab, ba) != packed {
			t.Fatalf("%s and %s: %d, but %x and %x", x, y, packed, ab, ba)
		}
		if values, err := UnpackKey(ab); err != nil || len(values) != 2 {
			t.Fatalf("%x: %v %v", ab, values, err)
		}
	})
}

// checkUnpack unpacks a key of one component and compares it with the document it came from.
func checkUnpack(t *testing.T, d *Doc, packed []byte) {
	t.Helper()
	text, err := AppendKeyJSON(nil, packed)
	if err != nil {
		t.Fatalf("%s: packed %x: %v", d.Src, packed, err)
	}
	var back Doc
	if err := back.Parse(text); err != nil || back.Nodes[0].N != 1 || !Equal(&back, 1, d, 0) {
		t.Fatalf("%s: packed %x, unpacked %s: %v", d.Src, packed, text, err)
	}
}

func FuzzUnpackKey(f *testing.F) {
	for _, s := range []string{"\x00", "\x02a\x00\xff\x00\x15\x07", "\x1d\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", "\x0b\xf6\xfe\x00\x00\x00\x00\x00\x00\x00\x00", "\x26\x27\x14\x13\xfe", "\x02"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		values, err := UnpackKey(packed)
		text, errJSON := AppendKeyJSON(nil, packed)
		if (err == nil) != (errJSON == nil) {
			t.Fatalf("%x: %v, but %v", packed, err, errJSON)
		}
		if err != nil {
			return
		}
		var d Doc
		if err := d.Parse(text); err != nil || int(d.Nodes[0].N) != len(values) {
			t.Fatalf("%x: %s: %v", packed, text, err)
		}
		var again []byte
		for k := uint32(1); k < d.Nodes[0].Next; k++ {
			if again, err = (&Key{Pointers: []Pointer{{}}}).AppendPacked(again, &d, k); err != nil {
				t.Fatalf("%x: %s: %v", packed, text, err)
			}
		}
		if !bytes.Equal(again, packed) {
			t.Fatalf("%x: unpacked to %s, which packs to %x", packed, text, again)
		}
	})
}

// rat converts a number whose exponent is small enough for that.
func rat(d Decimal) (*big.Rat, bool) {
	if d.exp > 3000 || d.exp < -3000 {
		return nil, false
	}
	return new(big.Rat).SetString(d.mantissa().String() + "e" + strconv.FormatInt(d.exp, 10))
}

func FuzzDecimal(f *testing.F) {
	for i, group := range ordered {
		f.Add(group[0], group[len(group)-1])
		f.Add(group[0], ordered[(i+1)%len(ordered)][0])
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		a, errA := ParseDecimal([]byte(x))
		b, errB := ParseDecimal([]byte(y))
		if errA == nil {
			checkNumberText(t, x, a)
		}
		if errA != nil || errB != nil {
			return
		}
		c := a.Cmp(b)
		if c != -b.Cmp(a) || c != CompareNumbers([]byte(x), []byte(y)) {
			t.Fatalf("%s and %s: %d, %d, as texts %d", x, y, c, b.Cmp(a), CompareNumbers([]byte(x), []byte(y)))
		}
		multiple := a.MultipleOf(b)
		sum, err := a.Add(b)
		p, okA := rat(a)
		q, okB := rat(b)
		if !okA || !okB {
			return
		}
		if c != p.Cmp(q) {
			t.Fatalf("%s and %s: %d", x, y, c)
		}
		if q.Sign() != 0 && multiple != new(big.Rat).Quo(p, q).IsInt() || q.Sign() == 0 && multiple {
			t.Fatalf("%s is a multiple of %s: %v", x, y, multiple)
		}
		checkSum(t, x, y, sum, err, new(big.Rat).Add(p, q))
	})
}

func checkSum(t *testing.T, x, y string, sum Decimal, err error, want *big.Rat) {
	t.Helper()
	if err != nil {
		if len(x)+len(y) < 2000 {
			t.Fatalf("%s + %s: %v", x, y, err)
		}
		return
	}
	got, ok := new(big.Rat).SetString(sum.String())
	if !ok || got.Cmp(want) != 0 || !json.Valid([]byte(sum.String())) {
		t.Fatalf("%s + %s: %s, want %s", x, y, sum, want)
	}
}

// checkNumberText compares what is said of one number with strconv and with the number read back.
func checkNumberText(t *testing.T, text string, d Decimal) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatalf("%q is taken for a number", text)
	}
	want, _ := strconv.ParseFloat(text, 64)
	if got := Float64([]byte(text)); math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("%s: %v, want %v", text, got, want)
	}
	again, err := ParseDecimal(d.Append(nil))
	if err != nil && d.exp == 0 || err == nil && again.Cmp(d) != 0 {
		t.Fatalf("%s is written as %s: %v", text, d, err)
	}
	if r, ok := rat(d); ok && Integral([]byte(text)) != r.IsInt() {
		t.Fatalf("%s integral: %v", text, !r.IsInt())
	}
}
