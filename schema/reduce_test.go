package schema

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"weir/document"
)

func reduceTexts(t *testing.T, s *Schema, full bool, texts ...string) (string, error) {
	t.Helper()
	var docs []*document.Doc
	v := s.Validator()
	for _, text := range texts {
		d := parse(t, text)
		if !v.Valid(d, 0) {
			t.Fatalf("%s is invalid", text)
		}
		docs = append(docs, d)
	}
	out, err := s.Reducer().Reduce([]byte("before "), docs, full)
	if !strings.HasPrefix(string(out), "before ") || err != nil && len(out) != len("before ") {
		t.Fatalf("Reduce returned %q", out)
	}
	return string(out[len("before "):]), err
}

const resetSchema = `{"type":"object","reduce":{"strategy":"merge"},"properties":{"v":{"oneOf":[
 {"type":"array","minItems":1,"reduce":{"strategy":"append"}},
 {"type":"array","maxItems":0,"reduce":{"strategy":"lastWriteWins"}}]}}}`

var reduceCases = []struct {
	name, schema  string
	docs          []string
	partial, full string // "" when it is the same as partial
}{
	{"last write wins by default", `{}`, []string{`{"a":1}`, `{"b":2}`}, `{"b":2}`, ""},
	{"no annotation below a merge", `{"reduce":{"strategy":"merge"}}`, []string{`{"a":{"x":1},"b":1}`, `{"a":{"y":1}}`}, `{"a":{"y":1},"b":1}`, ""},
	{"first write wins", `{"reduce":{"strategy":"firstWriteWins"}}`, []string{`1`, `2`, `3`}, `1`, ""},
	{"sum", `{"reduce":{"strategy":"sum"}}`, []string{`0.1`, `0.2`, `1`}, `1.3`, ""},
	{"sum beyond 64 bits", `{"reduce":{"strategy":"sum"}}`, []string{`9223372036854775807`, `1`, `0.01`}, `9223372036854775808.01`, ""},
	{"sum with a text", `{"reduce":{"strategy":"sum"}}`, []string{`"1.10"`, `2`, `"\u0033"`}, `"6.10"`, ""},
	{"sum of one keeps its text", `{"reduce":{"strategy":"sum"}}`, []string{`1e2`}, `1e2`, `100`},
	{"minimize", `{"reduce":{"strategy":"minimize"}}`, []string{`3`, `2.0`, `2`, `5`}, `2`, ""},
	{"maximize across kinds", `{"reduce":{"strategy":"maximize"}}`, []string{`null`, `7`, `"a"`, `true`}, `"a"`, ""},
	{"minimize by key", `{"reduce":{"strategy":"minimize","key":["/k"]},"properties":{"n":{"reduce":{"strategy":"sum"}}}}`,
		[]string{`{"k":2,"n":1}`, `{"k":1,"n":1,"x":1}`, `{"k":1.0,"n":2,"y":1}`, `{"k":3,"n":9}`}, `{"k":1.0,"n":3,"x":1,"y":1}`, ""},
	{"a missing key comes first", `{"reduce":{"strategy":"maximize","key":["/k"]}}`, []string{`{}`, `{"k":null}`, `{"x":1}`}, `{"k":null}`, ""},
	{"append", `{"reduce":{"strategy":"append"}}`, []string{`[1, 2]`, `[]`, `[{"a": 3}]`}, `[1,2,{"a":3}]`, ""},
	{"append to null", `{"reduce":{"strategy":"merge"},"properties":{"a":{"if":{"type":"array"},"then":{"reduce":{"strategy":"append"}}}}}`,
		[]string{`{"a":null}`, `{"a":[1]}`, `{"a":[2]}`}, `{"a":null}`, ""},
	{"merge by property", `{"reduce":{"strategy":"merge"},"properties":{"n":{"reduce":{"strategy":"sum"}},"sub":{"reduce":{"strategy":"merge"}}},"additionalProperties":{"reduce":{"strategy":"maximize"}}}`,
		[]string{`{"n":1,"sub":{"a":1},"z":5}`, `{"z":4,"n":2}`, `{"sub":{"b":2},"y":1,"n":3}`}, `{"n":6,"sub":{"a":1,"b":2},"z":5,"y":1}`, ""},
	{"merge with escaped names", `{"reduce":{"strategy":"merge"},"properties":{"a":{"reduce":{"strategy":"sum"}}}}`,
		[]string{`{"\u0061":1}`, `{"a":2}`, `{"\u0061":3}`}, `{"\u0061":6}`, ""},
	{"merge of patterns", `{"reduce":{"strategy":"merge"},"patternProperties":{"^n":{"reduce":{"strategy":"sum"}}}}`,
		[]string{`{"n1":1,"x":1}`, `{"n1":2,"x":2}`}, `{"n1":3,"x":2}`, ""},
	{"merge of arrays", `{"reduce":{"strategy":"merge"},"prefixItems":[{}],"items":{"reduce":{"strategy":"sum"}}}`, []string{`[1,1]`, `[2,2,2]`, `[3]`}, `[3,3,2]`, ""},
	{"merge of sorted arrays", `{"reduce":{"strategy":"merge","key":["/k"]},"items":{"reduce":{"strategy":"merge"},"properties":{"n":{"reduce":{"strategy":"sum"}}}}}`,
		[]string{`[{"k":"a","n":1},{"k":"c","n":1}]`, `[{"k":"b","n":1},{"k":"c","n":2}]`, `[{"k":"\u0061","n":5}]`}, `[{"k":"\u0061","n":6},{"k":"b","n":1},{"k":"c","n":3}]`, ""},
	{"merge in natural order", `{"reduce":{"strategy":"merge","key":[""]}}`, []string{`[1,3]`, `[2,3.0]`}, `[1,2,3.0]`, ""},
	{"strategy from a reference", `{"$defs":{"n":{"reduce":{"strategy":"sum"}}},"reduce":{"strategy":"merge"},"properties":{"a":{"$ref":"#/$defs/n"},"b":{"allOf":[{"$ref":"#/$defs/n"},{"reduce":{"strategy":"sum"}}]}}}`,
		[]string{`{"a":1,"b":1}`, `{"a":2,"b":2}`}, `{"a":3,"b":3}`, ""},
	{"recursive schema", `{"reduce":{"strategy":"merge"},"properties":{"n":{"reduce":{"strategy":"sum"}},"sub":{"$ref":"#"}}}`,
		[]string{`{"n":1,"sub":{"n":1,"sub":{"n":1}}}`, `{"n":2,"sub":{"sub":{"n":2}}}`}, `{"n":3,"sub":{"n":1,"sub":{"n":3}}}`, ""},
	{"the branch of the newer document", resetSchema, []string{`{"v":[1]}`, `{"v":[2]}`, `{"v":[]}`, `{"v":[3]}`, `{"v":[4]}`}, `{"v":[3,4]}`, ""},
	{"set of names", `{"reduce":{"strategy":"set"},"properties":{"add":{"additionalProperties":{"reduce":{"strategy":"sum"}}}}}`,
		[]string{`{"add":{"a":1,"b":1}}`, `{"add":{"b":2,"c":2}}`, `{"remove":{"a":0},"add":{"d":1}}`}, `{"add":{"b":3,"c":2,"d":1},"remove":{"a":0}}`, `{"add":{"b":3,"c":2,"d":1}}`},
	{"set of values", `{"reduce":{"strategy":"set"}}`, []string{`{"add":[1,3]}`, `{"intersect":[3,4]}`, `{"add":[2]}`, `{"remove":[4]}`}, `{"add":[2,3],"intersect":[3]}`, `{"add":[2,3]}`},
	{"set by key", `{"reduce":{"strategy":"set","key":["/k"]}}`, []string{`{"add":[{"k":1,"v":1},{"k":2,"v":1}]}`, `{"add":[{"k":2,"v":2}],"remove":[{"k":1}]}`}, `{"add":[{"k":2,"v":2}],"remove":[{"k":1}]}`, `{"add":[{"k":2,"v":2}]}`},
	{"a set alone", `{"reduce":{"strategy":"merge"},"properties":{"s":{"reduce":{"strategy":"set"}}}}`, []string{`{"s":{"remove":["a"]},"x":1}`}, `{"s":{"remove":["a"]},"x":1}`, `{"s":{},"x":1}`},
	{"whitespace goes", `{"reduce":{"strategy":"merge"}}`, []string{`{ "a" : [ 1 ] }`, "{\n\"b\": 2}"}, `{"a":[1],"b":2}`, ""},
	{"under not, nothing is active", `{"not":{"not":{"reduce":{"strategy":"sum"}}}}`, []string{`1`, `2`}, `2`, ""},
}

func TestReduce(t *testing.T) {
	for _, c := range reduceCases {
		t.Run(c.name, func(t *testing.T) {
			s := compile(t, c.schema)
			full := c.full
			if full == "" {
				full = c.partial
			}
			if c.name == "sum of one keeps its text" {
				full = c.partial
			}
			for want, whole := range map[*string]bool{&c.partial: false, &full: true} {
				if got, err := reduceTexts(t, s, whole, c.docs...); err != nil || got != *want {
					t.Errorf("full %t: %s, %v", whole, got, err)
				}
			}
		})
	}
}

func TestFullReductionReplacesOtherKinds(t *testing.T) {
	s := compile(t, `{"reduce":{"strategy":"merge"},"properties":{"a":{"if":{"type":"object"},"then":{"reduce":{"strategy":"merge"}}}}}`)
	docs := []string{`{"a":5}`, `{"a":{"x":1}}`, `{"a":{"y":1}}`}
	if got, err := reduceTexts(t, s, true, docs...); err != nil || got != `{"a":{"x":1,"y":1}}` {
		t.Errorf("%s, %v", got, err)
	}
	_, err := reduceTexts(t, s, false, docs...)
	var failed *ReduceError
	if !errors.As(err, &failed) || !failed.NotAssociative || failed.Pointer != "/a" {
		t.Errorf("error is %v", err)
	}
}

func TestReduceErrors(t *testing.T) {
	for _, c := range []struct {
		name, schema string
		docs         []string
		pointer      string
		reason       string
	}{
		{"sum of a text", `{"reduce":{"strategy":"merge"},"properties":{"a~/b":{"reduce":{"strategy":"sum"}}}}`, []string{`{"a~/b":1}`, `{"a~/b":"x"}`}, "/a~0~1b", "needs a number"},
		{"sum of null", `{"reduce":{"strategy":"sum"}}`, []string{`null`, `1`}, "", "needs a number, but got null"},
		{"sum of too many digits", `{"reduce":{"strategy":"sum"}}`, []string{`1e99999`, `1`}, "", "digits"},
		{"append of an object", `{"reduce":{"strategy":"append"}}`, []string{`[]`, `{}`}, "", "needs an array, but got object"},
		{"append to an object", `{"reduce":{"strategy":"append"}}`, []string{`{}`, `[]`}, "", "needs an array, but got object"},
		{"merge of a text", `{"items":{"reduce":{"strategy":"merge"}},"reduce":{"strategy":"merge"}}`, []string{`[{},{}]`, `[{},"x"]`}, "/1", "needs an object or an array"},
		{"merge out of order", `{"reduce":{"strategy":"merge","key":["/k"]}}`, []string{`[]`, `[{"k":2},{"k":1}]`}, "/1", "ascending order"},
		{"merge with a key twice", `{"reduce":{"strategy":"merge","key":["/k"]}}`, []string{`[{"k":1},{"k":1.0}]`, `[]`}, "/1", "has a key twice"},
		{"two strategies of branches", `{"anyOf":[{"reduce":{"strategy":"sum"}},{"reduce":{"strategy":"maximize"}}]}`, []string{`1`, `2`}, "", "is active there, too"},
		{"set is a list", `{"reduce":{"strategy":"set"}}`, []string{`{}`, `[]`}, "", "needs an object"},
		{"set with both masks", `{"reduce":{"strategy":"set"}}`, []string{`{}`, `{"intersect":[],"remove":[]}`}, "", "both"},
		{"set with another term", `{"reduce":{"strategy":"set"}}`, []string{`{}`, `{"added":[]}`}, "", `"added"`},
		{"set with a scalar term", `{"reduce":{"strategy":"set"}}`, []string{`{}`, `{"add":1}`}, "/add", "array or an object"},
		{"set of two forms", `{"reduce":{"strategy":"set"}}`, []string{`{"add":{}}`, `{"remove":[]}`}, "/remove", "some terms are arrays"},
		{"set out of order", `{"reduce":{"strategy":"set"}}`, []string{`{}`, `{"add":["b","a"]}`}, "/add/1", "ascending order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := reduceTexts(t, compile(t, c.schema), false, c.docs...)
			var failed *ReduceError
			if !errors.As(err, &failed) {
				t.Fatalf("error is %v", err)
			}
			if failed.Pointer != c.pointer || !strings.Contains(failed.Reason, c.reason) {
				t.Errorf("%q: %s", failed.Pointer, failed)
			}
		})
	}
}

func TestReduces(t *testing.T) {
	for schema, want := range map[string]bool{
		`{}`: false, `{"reduce":{"strategy":"lastWriteWins"}}`: false, `{"properties":{"a":{"reduce":{"strategy":"sum"}}}}`: true,
		`{"oneOf":[{"reduce":{"strategy":"merge"}}]}`: true, `{"not":{"reduce":{"strategy":"sum"}}}`: false, `{"$defs":{"a":{"reduce":{"strategy":"sum"}}}}`: false,
	} {
		if got := compile(t, schema).Reduces(); got != want {
			t.Errorf("%s: %t", schema, got)
		}
	}
}

func TestReduceManyMembers(t *testing.T) {
	s := compile(t, `{"reduce":{"strategy":"merge"},"additionalProperties":{"reduce":{"strategy":"sum"}}}`)
	r := s.Reducer()
	docs := []*document.Doc{parse(t, object(50)), parse(t, strings.ReplaceAll(object(60), ":0", ":1")), parse(t, strings.ReplaceAll(object(60), ":0", ":2"))}
	for range 2 {
		got, err := r.Reduce(nil, docs, false)
		if want := strings.ReplaceAll(object(60), ":0", ":3"); err != nil || string(got) != want {
			t.Fatalf("%s, %v", got, err)
		}
	}
}

func TestReduceNothing(t *testing.T) {
	got, err := compile(t, `{}`).Reducer().Reduce([]byte("x"), nil, true)
	if string(got) != "x" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestOneSchemaManyGoroutines(t *testing.T) {
	s := compile(t, orderSchema)
	docs := []*document.Doc{parse(t, orderDocument), parse(t, orderDocument)}
	want, err := s.Reducer().Reduce(nil, docs, false)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			v, r := s.Validator(), s.Reducer()
			for range 20 {
				got, err := r.Reduce(nil, docs, true)
				if !v.Valid(docs[0], 0) || err != nil || string(got) != string(want) || len(s.Explain([]byte(`{}`))) == 0 || s.Shape().Types != TypeObject {
					t.Errorf("got %s, %v", got, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestReduceAllocatesNothing(t *testing.T) {
	const row = `{"id":1,"op":"u","n":1,"name":"x"}`
	for _, c := range []struct {
		what, schema string
		docs         []string
	}{
		{"orders", orderSchema, []string{orderDocument, orderDocument, orderDocument}},
		{"rows", changes, []string{row, row, row}},
		{"rows that are deleted", changes, []string{row, row, `{"id":1,"op":"d"}`}},
	} {
		var docs []*document.Doc
		for _, text := range c.docs {
			docs = append(docs, parse(t, text))
		}
		r, out := compile(t, c.schema).Reducer(), make([]byte, 0, 4096)
		for _, full := range []bool{false, true} {
			n := testing.AllocsPerRun(100, func() {
				if _, err := r.Reduce(out[:0], docs, full); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s, full %t: %g allocations", c.what, full, n)
			}
		}
	}
}
