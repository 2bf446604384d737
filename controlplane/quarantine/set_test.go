package quarantine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/controlplane/quarantine"
)

func TestSet(t *testing.T) {
	for _, test := range []struct{ text, pointer, value, want string }{
		{`{"a": "x", "b":1e400}`, "/a", `2`, `{"a": 2, "b":1e400}`},
		{`{"a":{"b":[1,2]}}`, "/a/b/1", `"y"`, `{"a":{"b":[1,"y"]}}`},
		{`{"a":{}}`, "/a/c~1d", `null`, `{"a":{"c/d":null}}`},
		{`{"a":1 }`, "/b", `[]`, `{"a":1 ,"b":[]}`},
		{`{"a":[]}`, "/a/-", `1`, `{"a":[1]}`},
		{`{"a":[1]}`, "/a/-", `2`, `{"a":[1,2]}`},
		{`[1]`, "", `{}`, `{}`},
		{`{"a":1}`, "/b/c", `1`, `nothing at "/b"`},
		{`{"a":1}`, "/a/c", `1`, `nothing can be added to the integer at "/a"`},
		{`{"a":[1]}`, "/a/3", `1`, `nothing can be added to the array`},
		{`{"a"`, "/a", `1`, `no JSON`},
		{`{"a":1}`, "/a", `x`, `value for /a`},
		{`{"a":1}`, "a", `1`, `must begin with '/'`},
	} {
		got, err := quarantine.Set([]byte(test.text), test.pointer, json.RawMessage(test.value))
		if err != nil {
			got = []byte(err.Error())
			if strings.Contains(err.Error(), test.want) {
				continue
			}
		}
		if string(got) != test.want {
			t.Errorf("%s of %s to %s: got %s, want %s", test.pointer, test.text, test.value, got, test.want)
		}
	}
}

func FuzzSet(f *testing.F) {
	f.Add(`{"a":[1,{"b":"x"}]}`, "/a/1/b", `2`)
	f.Add(`{}`, "/ü", `"\u0000"`)
	f.Add(`[]`, "/-", `[]`)
	f.Fuzz(func(t *testing.T, text, pointer, value string) {
		got, err := quarantine.Set([]byte(text), pointer, json.RawMessage(value))
		if err == nil && !json.Valid(got) {
			t.Fatalf("%q of %q to %q gives %q", pointer, text, value, got)
		}
	})
}
