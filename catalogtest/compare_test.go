package catalogtest

import (
	"fmt"
	"strings"
	"testing"

	"weir/document"
)

// An actual document may have more members at any depth; all else is equal,
// numbers within the precision of a float.
func TestCompare(t *testing.T) {
	for _, c := range []struct{ name, want, got, lines string }{
		{"the same", `{"a":[1,{"b":null}],"c":"x"}`, `{"c":"x","a":[1,{"b":null}]}`, ""},
		{"more members", `{"a":{"b":1}}`, `{"a":{"b":1,"c":2},"d":3}`, ""},
		{"more members in an array", `[{"a":1},{}]`, `[{"a":1,"b":2},{"c":3}]`, ""},
		{"fewer members", `{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`, `/a/c: want 2, got nothing`},
		{"null is not nothing", `{"a":null}`, `{}`, `/a: want null, got nothing`},
		{"escaped names", `{"a/b~c":1}`, `{"a/b~c":2}`, `/a~1b~0c: want 1, got 2`},
		{"names by their meaning", `{"\u0061":"\u0062"}`, `{"a":"b"}`, ""},
		{"shorter array", `{"a":[1]}`, `{"a":[1,2]}`, `/a: want [1], got [1,2]`},
		{"longer array", `{"a":[1,2]}`, `{"a":[1]}`, `/a: want [1,2], got [1]`},
		{"order in an array", `[1,2]`, `[2,1]`, "/0: want 1, got 2\n/1: want 2, got 1"},
		{"kinds", `{"a":1,"b":[],"c":{},"d":true}`, `{"a":"1","b":{},"c":[],"d":false}`,
			"/a: want 1, got \"1\"\n/b: want [], got {}\n/c: want {}, got []\n/d: want true, got false"},
		{"the whole document", `{}`, `[]`, `: want {}, got []`},
		{"numbers by value", `[1,100,0.5,-0]`, `[1.0,1e2,5e-1,0]`, ""},
		{"one float apart", `[0.3,5.2]`, `[0.30000000000000004,5.199999999999999289457264239899814128875732421875]`, ""},
		{"several floats apart", `0.3`, `0.3000000000000002`, `: want 0.3, got 0.3000000000000002`},
		{"next to nothing", `0`, `1e-300`, `: want 0, got 1e-300`},
		{"integers that no float tells apart", `9007199254740992`, `9007199254740993`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want, got document.Doc
			if err := want.Parse([]byte(c.want)); err != nil {
				t.Fatal(err)
			}
			if err := got.Parse([]byte(c.got)); err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, d := range compare(&want, &got) {
				if d.Actual == nil {
					d.Actual = []byte("nothing")
				}
				lines = append(lines, fmt.Sprintf("%s: want %s, got %s", d.Pointer, d.Expected, d.Actual))
			}
			if all := strings.Join(lines, "\n"); all != c.lines {
				t.Errorf("got\n%s\nwant\n%s", all, c.lines)
			}
		})
	}
}

// What a test would have to expect names the members that it named before, and
// keeps its own spelling of numbers that did not change.
func TestNarrow(t *testing.T) {
	for _, c := range []struct{ want, got, narrow string }{
		{`{"b":1.0,"a":2}`, `{"a":3,"b":1,"c":4}`, `{"b":1.0,"a":3}`},
		{`{"a":{"x":1},"gone":2}`, `{"a":{"x":2,"y":3}}`, `{"a":{"x":2}}`},
		{`{"a":[{"x":1},{"x":2}]}`, `{"a":[{"x":1,"y":0},{"x":3,"y":0}]}`, `{"a":[{"x":1},{"x":3}]}`},
		{`{"a":[{"x":1}]}`, `{"a":[{"x":1,"y":0},{"x":3,"y":0}]}`, `{"a":[{"x":1,"y":0},{"x":3,"y":0}]}`},
		{`{"a":{"x":1}}`, `{"a":null}`, `{"a":null}`},
		{`{}`, `{"a":1}`, `{}`},
		{`{"n":0.3}`, `{"n":0.30000000000000004}`, `{"n":0.3}`},
	} {
		var want, got document.Doc
		if err := want.Parse([]byte(c.want)); err != nil {
			t.Fatal(err)
		}
		if err := got.Parse([]byte(c.got)); err != nil {
			t.Fatal(err)
		}
		if n := string(narrow(&want, &got)); n != c.narrow {
			t.Errorf("%s of %s: %s, not %s", c.want, c.got, n, c.narrow)
		}
	}
}
