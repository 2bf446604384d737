package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/document"
)

const mergesSchemas = `{"reduce":{"strategy":"jsonSchemaMerge"}}`

func TestMergeSchemas(t *testing.T) {
	for _, c := range []struct {
		name string
		docs []string
		want string // members sorted, as they are written
	}{
		{"one stays as it is", []string{`{"pattern":"a","type":"string"}`}, `{"pattern":"a","type":"string"}`},
		{"types", []string{`{"type":"string"}`, `{"type":"integer"}`, `{"type":"number"}`}, `{"type":["number","string"]}`},
		{"nothing", []string{`false`, `{"type":"string","format":"date"}`}, `{"format":"date","type":"string"}`},
		{"nothing at all", []string{`false`, `false`}, `false`},
		{"anything", []string{`{"type":"string"}`, `true`}, `true`},
		{"formats", []string{`{"type":"string","format":"date","contentEncoding":"base64"}`, `{"type":["string","null"],"format":"time","contentEncoding":"base64"}`}, `{"contentEncoding":"base64","type":["null","string"]}`},
		{"bounds", []string{`{"type":"integer","minimum":1,"maximum":5}`, `{"type":"number","exclusiveMinimum":0.5,"maximum":4}`}, `{"maximum":5,"minimum":0.5,"type":"number"}`},
		{"texts", []string{`{"title":"T","description":"D","default":1,"type":"integer"}`, `{"title":"T","description":"E","default":1,"type":"integer"}`}, `{"default":1,"title":"T","type":"integer"}`},
		{"values", []string{`{"const":"a"}`, `{"enum":["b",null]}`, `{"enum":["a"]}`}, `{"enum":["a","b",null],"type":["null","string"]}`},
		{"members", []string{`{"type":"object","required":["a","b"],"properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"null"}},"additionalProperties":false}},"additionalProperties":false}`,
			`{"type":"object","required":["b"],"properties":{"b":{"type":"object","properties":{"d":{"type":"boolean"}},"additionalProperties":false}},"additionalProperties":{"type":"integer"}}`},
			`{"additionalProperties":{"type":"integer"},"properties":{"a":{"type":["integer","string"]},"b":{"additionalProperties":false,"properties":{"c":{"type":"null"},"d":{"type":"boolean"}},"type":"object"}},"required":["b"],"type":"object"}`},
		{"elements", []string{`{"type":"array","items":{"type":"string"},"minItems":2,"maxItems":3}`, `{"type":"array","prefixItems":[{"type":"integer"}],"items":false,"minItems":1}`},
			`{"items":{"type":"string"},"minItems":1,"prefixItems":[{"type":["integer","string"]}],"type":"array"}`},
		{"references", []string{`{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}`, `{"$id":"other.json","type":"null"}`}, `{"type":["null","string"]}`},
		{"annotations of theirs", []string{`{"type":"integer","reduce":{"strategy":"sum"}}`, `{"type":"null"}`}, `{"type":["integer","null"]}`},
		{"the newest limit", []string{`{"x-complexity-limit":1,"type":"object","additionalProperties":false}`, `{"x-complexity-limit":2,"type":"object","properties":{"a":{"type":"null"}}}`}, `{"properties":{"a":{"type":"null"}},"type":"object","x-complexity-limit":2}`},
		{"names fold into what is known of all", []string{`{"x-complexity-limit":3,"type":"object","properties":{"a":{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"string"}},"additionalProperties":false}},"additionalProperties":false}`, `{"type":"object","additionalProperties":false}`},
			`{"additionalProperties":false,"properties":{"a":{"additionalProperties":{"type":["integer","string"]},"type":"object"}},"type":"object","x-complexity-limit":3}`},
		{"what is below is left open", []string{`{"x-complexity-limit":1,"type":"object","properties":{"a":{"type":"array","prefixItems":[{"type":"null"}],"items":false}},"additionalProperties":false}`, `{"type":"object","additionalProperties":false}`},
			`{"type":"object","x-complexity-limit":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, full := range []bool{false, true} {
				got, err := reduceTexts(t, compile(t, mergesSchemas), full, c.docs...)
				if err == nil {
					got = string(parse(t, got).AppendSorted(nil, 0))
				}
				if err != nil || got != c.want {
					t.Errorf("full %t: %s, %v", full, got, err)
				}
			}
		})
	}
}

// doubling is a schema that describes 2^n locations.
func doubling(n int) string {
	var defs []string
	for i := range n {
		defs = append(defs, fmt.Sprintf(`"d%d":{"properties":{"a":{"$ref":"#/$defs/d%d"},"b":{"$ref":"#/$defs/d%d"}}}`, i, i+1, i+1))
	}
	return fmt.Sprintf(`{"$ref":"#/$defs/d0","$defs":{%s,"d%d":{"type":"null"}}}`, strings.Join(defs, ","), n)
}

func TestMergeManyMembers(t *testing.T) {
	wide := func(first int) string {
		var members []string
		for i := range 3000 {
			members = append(members, fmt.Sprintf(`"m%d":{"type":"string"}`, first+i))
		}
		return `{"type":"object","additionalProperties":false,"properties":{` + strings.Join(members, ",") + `}}`
	}
	s := compile(t, mergesSchemas)
	got, err := reduceTexts(t, s, true, wide(0), wide(1000))
	if err != nil || strings.Count(got, `"string"`) != 4000 {
		t.Errorf("%d members, %v", strings.Count(got, `"string"`), err)
	}
	if got, err = reduceTexts(t, s, true, wide(0), wide(3000)); err != nil || got != `{"additionalProperties":{"type":"string"},"type":"object"}` {
		t.Errorf("%.200s, %v", got, err)
	}
}

func TestMergeSchemasErrors(t *testing.T) {
	for _, c := range []struct{ older, newer, reason string }{
		{`{}`, `7`, "needs a JSON schema"},
		{`null`, `{}`, "needs a JSON schema"},
		{`{}`, `{"type":"strin"}`, "type"},
		{`{}`, `{"$ref":"https://example.org/s.json"}`, "not part of the schema"},
		{`{}`, `{"x-complexity-limit":0}`, "is a number from 1 on"},
		{`{}`, `{"x-complexity-limit":"9"}`, "is a number from 1 on"},
		{`{}`, doubling(40), "describes more than 20000 locations"},
	} {
		_, err := reduceTexts(t, compile(t, mergesSchemas), true, c.older, c.newer)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s %s: %v", c.older, c.newer, err)
		}
	}
}

// Whatever the grouping, the merged schema is the same, and it accepts what any of its parts does.
func TestRandomSchemasMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	reducer := compile(t, mergesSchemas).Reducer()
	merge := func(docs ...*document.Doc) *document.Doc {
		t.Helper()
		out, err := reducer.Reduce(nil, docs, false)
		if err != nil {
			t.Fatalf("%s: %v", sources(docs), err)
		}
		return parse(t, string(out))
	}
	accepted, merged := 0, 0
	for range 150 {
		c := &chooser{data: randomBytes(r, 400)}
		limit := 0
		var docs []*document.Doc
		var parts []*Validator
		for range 3 {
			text := c.rootSchema()
			part, err := compileText(text)
			if err != nil {
				continue
			}
			parts = append(parts, part.Validator())
			if c.n(4) == 1 {
				limit = 1 + c.n(5)
				text = fmt.Sprintf(`{"x-complexity-limit":%d,%s`, limit, text[1:])
			}
			docs = append(docs, parse(t, text))
		}
		if len(docs) < 3 {
			continue
		}
		merged++
		all := merge(docs...)
		for _, other := range []*document.Doc{merge(merge(docs[0], docs[1]), docs[2]), merge(docs[0], merge(docs[1], docs[2]))} {
			if limit == 0 && string(all.Src) != string(other.Src) {
				t.Fatalf("%s\nmerge to   %s\nin groups  %s", sources(docs), all.Src, other.Src)
			}
		}
		whole := compile(t, string(all.Src))
		if n := whole.Shape().locations(); limit > 0 && n > limit {
			t.Fatalf("%s\nhas %d locations", all.Src, n)
		}
		for range 20 {
			value := parse(t, c.document(3))
			one := slices.ContainsFunc(parts, func(v *Validator) bool { return v.Valid(value, 0) })
			if one && !whole.Validator().Valid(value, 0) {
				t.Fatalf("%s\nmerge to %s\nwhich refuses %s", sources(docs), all.Src, value.Src)
			}
			if one {
				accepted++
			}
		}
	}
	if merged < 40 || accepted < 400 {
		t.Errorf("only %d schemas were merged, for which %d values are valid", merged, accepted)
	}
}

// A shape that is written as a schema and inferred from it is the same.
func TestShapesSurviveTheirSchema(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 300 {
		c := &chooser{data: randomBytes(r, 300)}
		s, err := compileText(c.rootSchema())
		if err != nil {
			continue
		}
		once, err := json.Marshal(s.Shape().describe())
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(compile(t, string(once)).Shape().describe())
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%s\nthen %s (%v)", once, twice, err)
		}
	}
}
