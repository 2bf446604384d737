package schema

import (
	"fmt"
	"strings"
	"testing"

	"weir/document"
)

// observe adds documents and gives the schema, in which each of them must be valid.
func observe(t *testing.T, o *Observed, docs ...string) string {
	t.Helper()
	for _, text := range docs {
		before := string(o.Schema())
		d := parse(t, text)
		wider := o.Add(d)
		if after := string(o.Schema()); wider != (before != after) {
			t.Errorf("%s: wider is %v\nfrom %s\nto   %s", text, wider, before, after)
		}
		if o.Add(d) {
			t.Errorf("%s widens a second time", text)
		}
	}
	schema := string(o.Schema())
	s := compile(t, schema)
	for _, text := range docs {
		if !s.Validator().Valid(parse(t, text), 0) {
			t.Errorf("%s is not valid by %s", text, schema)
		}
	}
	again, err := ParseObserved(o.Schema())
	if err != nil || string(again.Schema()) != schema || again.Merge(o) || o.Merge(again) {
		t.Errorf("read again: %s, %v", again.Schema(), err)
	}
	return schema
}

func TestObserved(t *testing.T) {
	for _, c := range []struct {
		name string
		docs []string
		want string
	}{
		{"scalars", []string{`{"a":1,"b":"x","c":true,"d":null,"e":0.5}`},
			`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"boolean"},"d":{"type":"null"},"e":{"type":"number"}},"additionalProperties":false}`},
		{"types widen", []string{`{"a":1,"b":null}`, `{"a":1.5,"b":"x"}`, `{"b":7,"a":2}`},
			`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":["integer","null","string"]}},"additionalProperties":false}`},
		{"integers in other spellings", []string{`{"a":1}`, `{"a":1.0}`, `{"a":1e3}`},
			`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`},
		{"members come and stay", []string{`{"a":1}`, `{"b":1}`, `{}`},
			`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"additionalProperties":false}`},
		{"formats", []string{`{"on":"2026-01-31","at":"2026-01-31T10:00:00Z","id":"9f8e1c1a-4a5c-4b6e-8f0a-1234567890ab","zip":"01234"}`, `{"on":"2024-02-29","at":"2024-02-29t10:00:00.5+01:00"}`},
			`{"type":"object","properties":{"on":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},"id":{"type":"string","format":"uuid"},"zip":{"type":"string"}},"additionalProperties":false}`},
		{"formats that do not last", []string{`{"on":"2026-01-31","at":"x"}`, `{"on":"never","at":"2026-01-31T10:00:00Z"}`, `{"on":"2026-02-01"}`},
			`{"type":"object","properties":{"on":{"type":"string"},"at":{"type":"string"}},"additionalProperties":false}`},
		{"arrays", []string{`{"a":[]}`}, `{"type":"object","properties":{"a":{"type":"array","maxItems":0}},"additionalProperties":false}`},
		{"arrays with elements", []string{`{"a":[]}`, `{"a":[1,{"x":1}]}`, `{"a":[{"y":[null]}]}`},
			`{"type":"object","properties":{"a":{"type":"array","items":{"type":["integer","object"],"properties":{"x":{"type":"integer"},"y":{"type":"array","items":{"type":"null"}}},"additionalProperties":false}}},"additionalProperties":false}`},
		{"names with escapes", []string{`{"a\"b":1}`, `{"\u0061\"b":"\u0032\u0030\u0032\u0036-01-31"}`},
			`{"type":"object","properties":{"a\"b":{"type":["integer","string"],"format":"date"}},"additionalProperties":false}`},
		{"empty", []string{`{}`}, `{"type":"object","additionalProperties":false}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := observe(t, NewObserved(), c.docs...); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if o := NewObserved(); !o.Empty() || o.Schema() != nil || o.Merge(NewObserved()) {
		t.Error("nothing was seen, and it is a schema")
	}
}

// TestObservedLimit has more locations than are told apart: the widest objects lose their members' names, the
// document's own members keep theirs as long as there is room.
func TestObservedLimit(t *testing.T) {
	o := &Observed{limit: 12}
	observe(t, o, `{"id":1,"few":{"a":1,"b":2},"many":{"k1":1,"k2":"x","k3":null,"k4":1,"k5":1}}`)
	got := observe(t, o, `{"many":{"k6":{"v":1}}}`)
	if want := `{"type":"object","properties":{"id":{"type":"integer"},"few":{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"additionalProperties":false},` +
		`"many":{"type":"object","additionalProperties":{"type":["integer","null","object","string"],"properties":{"v":{"type":"integer"}},"additionalProperties":false}}},"additionalProperties":false}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if o.Add(parse(t, `{"many":{"k7":"of a known type"}}`)) {
		t.Error("another name of a collapsed object widens")
	}
	for i := range 40 {
		observe(t, o, fmt.Sprintf(`{"id":1,"own%d":%d}`, i, i))
	}
	s, _ := compile(t, string(o.Schema())).Shape().Locate(document.Pointer{"id"})
	if n := o.root.locations(); n > 12 || s.Types != TypeInteger {
		t.Errorf("%d locations: %s", n, o.Schema())
	}
	observe(t, o, `{"id":1,"deep":{"`+strings.Repeat("long", 1000)+`":{"b":1}}}`)
	if n := len(o.Schema()); n > 1000 {
		t.Errorf("%d bytes", n)
	}
	deep := strings.Repeat(`{"a":[`, observedDepth) + strings.Repeat(`]}`, observedDepth)
	observe(t, NewObserved(), deep, strings.Replace(deep, `[]`, `[{"x":1}]`, 1))
}

// TestObservedWide sees documents that are wide and deep in many ways; whatever is collapsed, the time is bounded.
func TestObservedWide(t *testing.T) {
	var wide, nested, pairs strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&wide, `,"w%d":%d`, i, i)
		fmt.Fprintf(&nested, `,"n%d":{"a":{"b":{"c":%d}}}`, i, i)
		fmt.Fprintf(&pairs, `,"p%d":{"a%d":1,"b%d":2}`, i, i, i)
	}
	for _, text := range []string{wide.String(), nested.String(), pairs.String(), `,"x":[{` + pairs.String()[1:] + `},{` + nested.String()[1:] + `}]`} {
		o := NewObserved()
		observe(t, o, `{"id":1`+text+`}`, `{"id":2}`)
		if n := o.root.locations(); n > observedLimit {
			t.Errorf("%d locations", n)
		}
		if s, _ := compile(t, string(o.Schema())).Shape().Locate(document.Pointer{"id"}); s.Types != TypeInteger {
			t.Errorf("the type of id is %s", s.Types)
		}
	}
}

func TestParseObservedRefuses(t *testing.T) {
	for _, text := range []string{`{`, `7`, `{}`, `{"type":"strin"}`, `{"type":7}`, `{"format":"date"}`, `{"type":"string","format":"email"}`, `{"type":"object","properties":7}`,
		`{"type":"object","properties":{"a":7}}`, `{"type":"object","required":["a"]}`, `{"type":"array","items":false}`, `{"type":"object","additionalProperties":true}`} {
		if _, err := ParseObserved([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "observed schema: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzObserved sees two documents in either order, and apart and then together: both are valid by what comes of it,
// a document widens exactly if it is not valid, and nothing ever gets narrower.
func FuzzObserved(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[{"c":"2026-01-01"}]}`), []byte(`{"a":1.5,"b":[[]],"c":{"d":null}}`), uint8(4))
	f.Add([]byte(`{"a":{"b":{},"c":{"x":1}}}`), []byte(`{"a":{"d":"","e":true},"z":1e400}`), uint8(3))
	f.Add([]byte(`{"t":"2026-01-01T00:00:00Z"}`), []byte(`{"t":"2016-12-31T23:59:60Z","\u0074t":[[[]]]}`), uint8(200))
	f.Fuzz(func(t *testing.T, x, y []byte, limit uint8) {
		var a, b document.Doc
		if a.Parse(x) != nil || b.Parse(y) != nil || a.Nodes[0].Kind != document.Object || b.Nodes[0].Kind != document.Object {
			return
		}
		one, other := &Observed{limit: int(limit) + 3}, &Observed{limit: int(limit) + 3}
		one.Add(&a)
		alone := compile(t, string(one.Schema()))
		fits := alone.Validator().Valid(&b, 0)
		if wider := one.Add(&b); wider == fits {
			t.Fatalf("%s after %s: valid %v, wider %v", y, x, fits, wider)
		}
		other.Add(&b)
		if other.Merge(one); other.Add(&a) || other.Merge(one) {
			t.Fatalf("%s and %s do not stay merged: %s", x, y, other.Schema())
		}
		for _, o := range []*Observed{one, other} {
			s := compile(t, string(o.Schema()))
			if !s.Validator().Valid(&a, 0) || !s.Validator().Valid(&b, 0) || o.Add(&a) || o.Add(&b) {
				t.Fatalf("%s and %s are not valid by %s", x, y, o.Schema())
			}
			again, err := ParseObserved(o.Schema())
			if err != nil || string(again.Schema()) != string(o.Schema()) {
				t.Fatalf("%s is read as %s, %v", o.Schema(), again.Schema(), err)
			}
		}
	})
}

// FuzzParseObserved reads records of any origin; what is read is written in the same way.
func FuzzParseObserved(f *testing.F) {
	f.Add([]byte(`{"type":["object","null"],"properties":{"a":{"type":"array","items":{}},"b":{"type":"string","format":"uuid"}},"additionalProperties":{"type":"number"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := ParseObserved(text)
		if err != nil {
			return
		}
		again, err := ParseObserved(o.Schema())
		if err != nil || string(again.Schema()) != string(o.Schema()) {
			t.Fatalf("%s: %s, then %s, %v", text, o.Schema(), again.Schema(), err)
		}
	})
}

// BenchmarkObserved sees a document that is like those before it.
func BenchmarkObserved(b *testing.B) {
	o, d := NewObserved(), parse(b, orderDocument)
	o.Add(d)
	b.ReportAllocs()
	for b.Loop() {
		if o.Add(d) {
			b.Fatal("it widens")
		}
	}
}
