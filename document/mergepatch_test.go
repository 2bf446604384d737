package document

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestMergePatch(t *testing.T) {
	for _, c := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a"]`, `["c"]`, `["c"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"b"}`, `null`, `null`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"n":9007199254740993,"x":1.10}`, `{"y":1e400}`, `{"n":9007199254740993,"x":1.10,"y":1e400}`},
	} {
		if got, err := MergePatch(json.RawMessage(c.target), json.RawMessage(c.patch)); err != nil || string(got) != c.want {
			t.Errorf("%s + %s = %s, %v; want %s", c.target, c.patch, got, err, c.want)
		}
	}
}

// FuzzMergePatch merges a patch a second time: that changes nothing.
func FuzzMergePatch(f *testing.F) {
	f.Add(`{"a":{"b":1}}`, `{"a":{"b":null,"c":[1]}}`)
	f.Add(`[]`, ` {"a":null}`)
	f.Add(`{`, `{}`)
	f.Fuzz(func(t *testing.T, target, patch string) {
		got, err := MergePatch(json.RawMessage(target), json.RawMessage(patch))
		var d Doc
		valid := d.Parse([]byte(target)) == nil && d.Parse([]byte(patch)) == nil
		if valid && (err != nil || !json.Valid(got)) {
			t.Fatalf("%s + %s = %s, %v", target, patch, got, err)
		}
		if err != nil || !valid {
			return
		}
		again, err := MergePatch(got, json.RawMessage(patch))
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%s + %s = %s, and again %s, %v", target, patch, got, again, err)
		}
	})
}
