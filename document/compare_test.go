package document

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
)

// ordered lists groups of texts: those of one group are equal, and each group comes before the next.
var ordered = [][]string{
	{`null`}, {`false`}, {`true`},
	{`-1e999999999999999999`}, {`-1e400`}, {`-9223372036854775809`}, {`-9223372036854775808`}, {`-12`}, {`-1.5`, `-15e-1`, `-1.50`},
	{`-1e-400`}, {`-1e-999999999999999999`}, {`0`, `-0`, `0.00`, `0e5`, `-0.0E-7`, `0e999999999`}, {`1e-999999999999999999`}, {`0.0012`, `12e-4`, `0.12E-2`},
	{`1`, `1.0`, `1e0`, `0.1e1`, `1000e-3`}, {`1.0000000000000000000000001`}, {`9.99`}, {`10`, `1e1`}, {`99`}, {`1e2`, `100`, `0.001e+5`},
	{`9007199254740992`}, {`9007199254740993`, `9007199254740993.0`}, {`18446744073709551615`}, {`18446744073709551616`}, {`1e400`}, {`1e999999999`}, {`1e999999999999999999`},
	{`""`}, {`"\u0000"`}, {`"A"`, `"\u0041"`}, {`"a"`}, {`"a\u0000"`}, {`"aa"`}, {`"é"`, `"\u00e9"`}, {"\"\uffff\"", `"\uffff"`}, {`"😀"`, `"\ud83d\ude00"`},
	{`[]`}, {`[null]`}, {`[1]`, `[1.0]`}, {`[1,2]`}, {`[2]`}, {`[[]]`},
	{`{}`}, {`{"b":1}`}, {`{"a":null}`}, {`{"a":null,"b":0}`}, {`{"a":1}`, `{"\u0061":1.0}`}, {`{"a":1,"c":0}`}, {`{"a":1,"b":0}`}, {`{"a":1,"b":2}`, `{"b":2,"a":1}`},
}

func TestCompare(t *testing.T) {
	for i, left := range ordered {
		for j, right := range ordered {
			for _, x := range left {
				for _, y := range right {
					a, b := parse(t, x), parse(t, y)
					if got := Compare(a, 0, b, 0); got != cmp.Compare(i, j) {
						t.Errorf("compare %s with %s: %d", x, y, got)
					}
					if got := Equal(a, 0, b, 0); got != (i == j) {
						t.Errorf("equal %s and %s: %v", x, y, got)
					}
				}
			}
		}
	}
}

func TestEqualWideObjects(t *testing.T) {
	name := func(i int) string { return fmt.Sprint("m", i) }
	other := func(i int) string { return strings.Replace(name(i), "m50", "extra", 1) }
	a, b := parse(t, wide(100, 0, name)), parse(t, wide(100, 0, other))
	if Equal(a, 0, b, 0) {
		t.Error("objects with other members are equal")
	}
	if !Equal(a, 0, parse(t, wide(100, 0, name)), 0) {
		t.Error("objects with the same members differ")
	}
}

func TestEqualMembersInAnotherOrder(t *testing.T) {
	a := parse(t, `{"a":{"x":[1,2.0]},"b":"é","c":null}`)
	for text, want := range map[string]bool{
		`{"c":null,"b":"\u00e9","a":{"x":[1.0,2]}}`:       true,
		`{"c":null,"b":"\u00e9","d":{"x":[1,2]}}`:         false,
		`{"c":null,"b":"\u00e9","a":{"x":[1,2]},"d":1}`:   false,
		`{"c":null,"b":"\u00e9","a":{"x":[1,2,3]}}`:       false,
		`{"c":null,"b":"e","a":{"x":[1,2]}}`:              false,
		`{"a":{"y":[1,2]},"b":"\u00e9","c":null}`:         false,
		`{"\u0061":{"x":[1,2]},"b":"\u00e9","c":null}`:    true,
		`{"a":{"x":[1,2]},"b":"\u00e9","c":null,"c2":[]}`: false,
	} {
		if got := Equal(a, 0, parse(t, text), 0); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
