package schema

import (
	"strings"
	"testing"

	"weir/document"
)

// changes is the schema of rows whose op says what happened to them.
const changes = `{"type":"object","required":["id"],"if":{"properties":{"op":{"const":"d"}},"required":["op"]},
"then":{"reduce":{"strategy":"merge","delete":true}},"else":{"reduce":{"strategy":"merge"}},"properties":{"n":{"reduce":{"strategy":"sum"}}}}`

// patch is RFC 7396's merge of values below the document.
const patch = `{"$id":"test:patch","$defs":{"value":{"if":{"type":"object"},"then":{"reduce":{"strategy":"merge"},"additionalProperties":{"$ref":"#/$defs/value"}},
"else":{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}},"$ref":"#/$defs/value"}`

const (
	isApart   = "apart"   // documents have to be kept apart
	isDeleted = "deleted" // the document is deleted
)

func TestDeletions(t *testing.T) {
	for _, c := range []struct {
		name, schema  string
		docs          []string
		partial, full string
	}{
		{"the newest deletes", changes, []string{`{"id":1,"op":"c","a":1}`, `{"id":1,"op":"d"}`}, `{"id":1,"op":"d","a":1}`, isDeleted},
		{"nothing was there", changes, []string{`{"id":1,"op":"d"}`}, `{"id":1,"op":"d"}`, isDeleted},
		{"written again", changes, []string{`{"id":1,"op":"c","a":1,"n":1}`, `{"id":1,"op":"d","n":5}`, `{"id":1,"op":"c","b":2,"n":2}`, `{"id":1,"op":"u","n":3}`}, isApart, `{"id":1,"op":"u","b":2,"n":5}`},
		{"deleted twice", changes, []string{`{"id":1,"op":"d","a":1}`, `{"id":1,"op":"d","b":1}`}, `{"id":1,"op":"d","a":1,"b":1}`, isDeleted},
		{"deleted again", changes, []string{`{"id":1,"op":"d"}`, `{"id":1,"op":"c"}`, `{"id":1,"op":"d"}`}, isApart, isDeleted},
		{"the last write of all", `{"if":{"required":["gone"]},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}`,
			[]string{`{"a":1}`, `{"gone":1}`, `{"b":1}`}, `{"b":1}`, `{"b":1}`},
		{"the last write deletes all", `{"if":{"required":["gone"]},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}`,
			[]string{`{"a":1}`, `{"gone":1}`}, `{"gone":1}`, isDeleted},
		{"a member", patch, []string{`{"a":1,"b":{"x":1,"y":2}}`, `{"b":{"x":null},"c":null}`}, `{"a":1,"b":{"x":null,"y":2},"c":null}`, `{"a":1,"b":{"y":2}}`},
		{"a member alone", patch, []string{`{"a":null,"b":{"c":null}}`}, `{"a":null,"b":{"c":null}}`, `{"b":{}}`},
		{"a member that comes back as another kind", patch, []string{`{"a":{"x":1}}`, `{"a":null}`, `{"a":{"y":1}}`}, isApart, `{"a":{"y":1}}`},
		{"a member that comes back as a scalar", patch, []string{`{"a":{"x":1}}`, `{"a":null}`, `{"a":2}`}, `{"a":2}`, `{"a":2}`},
		{"always", `{"reduce":{"strategy":"merge"},"properties":{"tmp":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}`,
			[]string{`{"a":1,"tmp":1}`, `{"tmp":2,"b":1}`}, `{"a":1,"tmp":2,"b":1}`, `{"a":1,"b":1}`},
		{"under the last write nothing is", `{"properties":{"tmp":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}`, []string{`{"tmp":1}`, `{"tmp":2}`}, `{"tmp":2}`, `{"tmp":2}`},
		{"an element", `{"reduce":{"strategy":"merge"},"items":{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}`,
			[]string{`[1,2,3]`, `[4,null]`}, `[4,null,3]`, `[4,3]`},
		{"an element, and then those behind it by index", `{"reduce":{"strategy":"merge"},"items":{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}`,
			[]string{`[1,2,3]`, `[null]`, `[5]`, `[null,6]`}, isApart, `[6]`},
		{"an element by key", `{"reduce":{"strategy":"merge","key":["/k"]},"items":` + changes + `}`,
			[]string{`[{"id":1,"k":"a"},{"id":2,"k":"b"}]`, `[{"id":1,"k":"a","op":"d"},{"id":3,"k":"c","op":"d"}]`},
			`[{"id":1,"k":"a","op":"d"},{"id":2,"k":"b"},{"id":3,"k":"c","op":"d"}]`, `[{"id":2,"k":"b"}]`},
		{"a set's member", `{"reduce":{"strategy":"set"},"properties":{"add":{"additionalProperties":{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}},"else":{"reduce":{"strategy":"sum"}}}}}}`,
			[]string{`{"add":{"a":1,"b":2}}`, `{"add":{"a":null,"b":3}}`}, `{"add":{"a":null,"b":5}}`, `{"add":{"b":5}}`},
		{"in the least of two", `{"reduce":{"strategy":"minimize","key":["/k"]},"properties":{"x":{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}}`,
			[]string{`{"k":2,"x":1}`, `{"k":1,"x":null,"y":1}`}, `{"k":1,"x":null,"y":1}`, `{"k":1,"y":1}`},
		{"before another strategy", `{"reduce":{"strategy":"merge"},"properties":{"v":{"if":{"type":"object"},"then":{"reduce":{"strategy":"merge"},"properties":{"x":{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}}}}},
"else":{"reduce":{"strategy":"firstWriteWins"}}}}}`, []string{`{"v":{"x":1}}`, `{"v":{"x":null}}`, `{"v":7}`}, isApart, `{"v":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compile(t, c.schema)
			if !s.Reduces() {
				t.Error("the schema reduces nothing")
			}
			r := s.Reducer()
			for _, mode := range []struct {
				full bool
				want string
			}{{false, c.partial}, {true, c.full}} {
				var docs []*document.Doc
				for _, text := range c.docs {
					docs = append(docs, parse(t, text))
				}
				out, err := r.Reduce(nil, docs, mode.full)
				got := string(out)
				switch {
				case apart(err):
					got = isApart
				case err != nil:
					got = err.Error()
				case r.Deleted():
					got = isDeleted
				}
				if got != mode.want {
					t.Errorf("full %t: %s (%s, %v)", mode.full, got, out, err)
				}
			}
		})
	}
}

func TestDeletedDocumentIsWhatItWas(t *testing.T) {
	r := compile(t, changes).Reducer()
	docs := []*document.Doc{parse(t, `{"id":1,"op":"d","old":1}`), parse(t, `{"id":1,"op":"c","a":1,"n":1}`), parse(t, `{"id":1,"op":"d","n":2}`)}
	got, err := r.Reduce(nil, docs, true)
	if want := `{"id":1,"op":"d","a":1,"n":3}`; string(got) != want || !r.Deleted() || err != nil {
		t.Errorf("%s, deleted %t, %v", got, r.Deleted(), err)
	}
	if _, err := r.Reduce(nil, docs[1:2], true); r.Deleted() || err != nil {
		t.Errorf("the next document is deleted, too (%v)", err)
	}
}

func TestLastWriteThatIsNotAssociative(t *testing.T) {
	for _, root := range []string{`{"reduce":{"strategy":"merge"},"properties":{"a":%}}`, `{"reduce":{"strategy":"merge"},"properties":{"a":{"if":{"type":"number"},"then":%}}}`} {
		s := compile(t, strings.Replace(root, "%", `{"reduce":{"strategy":"lastWriteWins","associative":false}}`, 1))
		for _, c := range []struct {
			docs          []string
			partial, full string
		}{
			{[]string{`{"a":1}`, `{"a":2}`}, isApart, `{"a":2}`},
			{[]string{`{"a":1}`, `{"a":1.0}`}, `{"a":1.0}`, `{"a":1.0}`},
			{[]string{`{"a":1}`, `{"b":1}`, `{"a":1}`}, `{"a":1,"b":1}`, `{"a":1,"b":1}`},
			{[]string{`{}`, `{"a":1}`}, `{"a":1}`, `{"a":1}`},
			{[]string{`{}`, `{"a":1}`, `{"a":2}`}, isApart, `{"a":2}`},
		} {
			for want, full := range map[*string]bool{&c.partial: false, &c.full: true} {
				got, err := reduceTexts(t, s, full, c.docs...)
				if apart(err) {
					got, err = isApart, nil
				}
				if err != nil || got != *want {
					t.Errorf("%v, full %t: %s, %v", c.docs, full, got, err)
				}
			}
		}
	}
}
