package schema

import (
	"fmt"
	"strings"
	"testing"

	"weir/document"
)

// draft names the drafts in the table below by short words.
var drafts = map[string]string{
	"4":    "http://json-schema.org/draft-04/schema#",
	"6":    "http://json-schema.org/draft-06/schema#",
	"7":    "http://json-schema.org/draft-07/schema#",
	"2019": "https://json-schema.org/draft/2019-09/schema",
	"2020": "https://json-schema.org/draft/2020-12/schema",
}

// keywordCases have documents that are valid, then those that are not. A schema without a draft declares none.
var keywordCases = []struct {
	name, draft, schema string
	valid, invalid      []string
}{
	{"true", "", `true`, []string{`1`, `{}`}, nil},
	{"false", "", `false`, nil, []string{`1`, `null`}},
	{"type one", "", `{"type":"string"}`, []string{`"a"`}, []string{`1`, `null`, `[]`, `{}`, `true`}},
	{"type list", "", `{"type":["null","boolean"]}`, []string{`null`, `true`, `false`}, []string{`0`, `""`}},
	{"integer", "", `{"type":"integer"}`, []string{`1`, `-0`, `1.0`, `1e2`, `100e-2`, `12345678901234567890123`, `0.0`}, []string{`1.5`, `"1"`, `1e-1`, `0.1e0`}},
	{"integer and number", "", `{"type":["integer","number"]}`, []string{`1.5`, `1`}, []string{`"1"`}},
	{"integer in draft 4", "4", `{"type":"integer"}`, []string{`1`, `1.0`}, []string{`1.1`}},
	{"enum", "", `{"enum":["a",1,null,{"x":[1,2]},"é"]}`, []string{`"a"`, `"\u0061"`, `1.0`, `10e-1`, `null`, `{"x":[1.0,2]}`, `"\u00e9"`}, []string{`"b"`, `2`, `false`, `{"x":[2,1]}`, `{}`}},
	{"enum of many", "", `{"enum":["a","b","c","d","e","f","g","h","i","j"]}`, []string{`"j"`, `"\u0061"`}, []string{`"k"`, `1`}},
	{"const", "", `{"const":{"a":1,"b":[true]}}`, []string{`{"b":[true],"a":1.0}`}, []string{`{"a":1}`, `{"a":1,"b":[true],"c":1}`, `1`}},
	{"const null", "", `{"const":null}`, []string{`null`}, []string{`0`, `false`}},
	{"const ignored in draft 4", "4", `{"const":1}`, []string{`2`}, nil},
	{"properties", "", `{"properties":{"a":{"type":"integer"},"b":false}}`, []string{`{}`, `{"a":1}`, `{"c":1}`, `[]`, `{"\u0061":1}`}, []string{`{"a":"x"}`, `{"b":1}`, `{"\u0061":"x"}`, `{"\u0062":1}`}},
	{"required", "", `{"required":["a","é"]}`, []string{`{"a":1,"é":2}`, `{"\u0061":1,"\u00e9":null}`, `1`}, []string{`{"a":1}`, `{}`, `{"b":1,"é":1}`}},
	{"required beyond 64", "", `{"required":[` + names(70) + `]}`, []string{object(70)}, []string{object(69), object(63)}},
	{"additional false", "", `{"properties":{"a":{}},"patternProperties":{"^x":{}},"additionalProperties":false}`, []string{`{"a":1,"x1":2}`, `{}`}, []string{`{"b":1}`, `{"a":1,"b":1}`}},
	{"additional false, required only", "", `{"required":["a"],"additionalProperties":false}`, nil, []string{`{"a":1}`, `{}`}},
	{"additional schema", "", `{"properties":{"a":{}},"additionalProperties":{"type":"integer"}}`, []string{`{"a":"x","b":1}`}, []string{`{"b":"x"}`}},
	{"pattern properties", "", `{"patternProperties":{"^i":{"type":"integer"},"s$":{"type":"string"}}}`, []string{`{"i1":1,"xs":"a","z":null}`}, []string{`{"i1":"a"}`, `{"is":1}`, `{"is":"a"}`, `{"\u0069":"x"}`}},
	{"pattern and property", "", `{"properties":{"ab":{"minimum":2}},"patternProperties":{"^a":{"maximum":3}}}`, []string{`{"ab":2}`}, []string{`{"ab":1}`, `{"ab":4}`}},
	{"property names", "", `{"propertyNames":{"maxLength":2,"pattern":"^[a-z]+$"}}`, []string{`{"ab":1}`, `{"\u0061":1}`}, []string{`{"abc":1}`, `{"A":1}`}},
	{"property counts", "", `{"minProperties":1,"maxProperties":2}`, []string{`{"a":1}`, `{"a":1,"b":2}`, `[]`}, []string{`{}`, `{"a":1,"b":2,"c":3}`}},
	{"dependent required", "", `{"dependentRequired":{"a":["b","c"]}}`, []string{`{}`, `{"b":1}`, `{"a":1,"b":2,"c":3}`}, []string{`{"a":1}`, `{"a":1,"c":1}`}},
	{"dependent schemas", "", `{"dependentSchemas":{"a":{"required":["b"]}}}`, []string{`{"b":1}`, `{"a":1,"b":1}`, `"a"`}, []string{`{"a":1}`}},
	{"dependencies", "7", `{"dependencies":{"a":["b"],"c":{"properties":{"d":{"type":"integer"}}}}}`, []string{`{"a":1,"b":1}`, `{"d":"x"}`, `{"c":1,"d":1}`}, []string{`{"a":1}`, `{"c":1,"d":"x"}`}},
	{"dependencies without a draft", "", `{"dependencies":{"a":["b"],"c":{"required":["d"]}}}`, []string{`{"a":1,"b":1}`, `{"c":1,"d":1}`}, []string{`{"a":1}`, `{"c":1}`}},
	{"items", "", `{"items":{"type":"integer"}}`, []string{`[]`, `[1,2]`, `{}`}, []string{`["a"]`, `[1,"a"]`}},
	{"items false", "", `{"items":false}`, []string{`[]`}, []string{`[1]`}},
	{"prefix items", "2020", `{"prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"}}`, []string{`[]`, `[1]`, `[1,"a",null]`}, []string{`["a"]`, `[1,1]`, `[1,"a",1]`}},
	{"items list", "7", `{"items":[{"type":"integer"}],"additionalItems":{"type":"null"}}`, []string{`[]`, `[1,null]`}, []string{`["a"]`, `[1,1]`}},
	{"items list, nothing more", "2019", `{"items":[true],"additionalItems":false}`, []string{`[]`, `[1]`}, []string{`[1,1]`}},
	{"items list without a draft", "", `{"items":[{"type":"integer"},{"items":[{"type":"null"}],"additionalItems":false}],"additionalItems":{"type":"string"}}`, []string{`[]`, `[1,[null],"a"]`}, []string{`["a"]`, `[1,[1]]`, `[1,[null,null]]`, `[1,[],1]`}},
	{"references through items without a draft", "", `{"properties":{"a":{"items":[{"type":"integer"}],"additionalItems":{"type":"null"}},"b":{"$ref":"#/properties/a/items/0"},"c":{"$ref":"#/properties/a/additionalItems"}}}`, []string{`{"b":1,"c":null}`}, []string{`{"b":"x"}`, `{"c":1}`}},
	{"additional items without a list", "", `{"items":{},"additionalItems":false}`, []string{`[1,2]`}, nil},
	{"item counts", "", `{"minItems":1,"maxItems":2}`, []string{`[1]`, `[1,2]`, `{}`}, []string{`[]`, `[1,2,3]`}},
	{"unique items", "", `{"uniqueItems":true}`, []string{`[]`, `[1,2]`, `[{"a":1},{"a":2}]`, `[1,true,"1",[1],{"1":1},null]`, `[0,false]`}, []string{`[1,1.0]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `["a","\u0061"]`, `[[1],[1e0]]`}},
	{"unique items, many", "", `{"uniqueItems":true}`, []string{array(40)}, []string{strings.Replace(array(40), `[0`, `[39.0`, 1)}},
	{"contains", "", `{"contains":{"type":"integer"}}`, []string{`["a",1]`, `{}`}, []string{`[]`, `["a"]`}},
	{"contains counts", "", `{"contains":{"type":"integer"},"minContains":2,"maxContains":3}`, []string{`[1,2]`, `[1,"a",2,3]`}, []string{`[1]`, `[1,2,3,4]`}},
	{"contains none", "2019", `{"contains":{"type":"integer"},"minContains":0}`, []string{`[]`, `["a"]`}, nil},
	{"contains in draft 6", "6", `{"contains":{"minimum":5}}`, []string{`[1,6]`}, []string{`[1]`}},
	{"lengths", "", `{"minLength":2,"maxLength":3}`, []string{`"ab"`, `"äöü"`, `"😀😀"`, `"\u00e4\n"`, `"\ud83d\ude00x"`, `1`}, []string{`"a"`, `"abcd"`, `"😀"`, `"\ud83d\ude00"`, `""`}},
	{"pattern", "", `{"pattern":"^[a-c]{2,3}x?$"}`, []string{`"ab"`, `"abcx"`, `"\u0061b"`}, []string{`"a"`, `"abca"`, `"abxx"`, `""`}},
	{"pattern anywhere", "", `{"pattern":"b+c"}`, []string{`"abbc"`}, []string{`"ab"`}},
	{"bounds", "", `{"minimum":1.5,"maximum":10}`, []string{`1.5`, `1.50`, `10`, `1e1`, `"a"`}, []string{`1.4999999999999999999999`, `10.00000000000000000001`, `-1e300`, `1e300`}},
	{"exclusive bounds", "", `{"exclusiveMinimum":0,"exclusiveMaximum":1e2}`, []string{`0.1`, `99.999`}, []string{`0`, `-0.0`, `100`, `1e2`}},
	{"exclusive bounds in draft 4", "4", `{"minimum":0,"exclusiveMinimum":true,"maximum":5,"exclusiveMaximum":false}`, []string{`0.1`, `5`}, []string{`0`, `5.1`}},
	{"big bounds", "", `{"maximum":9007199254740993}`, []string{`9007199254740993`}, []string{`9007199254740994`}},
	{"multiple of", "", `{"multipleOf":0.01}`, []string{`0`, `1.1`, `4.35`, `1e10`, `-0.07`, `12345678901234567890.12`}, []string{`0.001`, `1.111`, `12345678901234567890.123`}},
	{"multiple of an integer", "", `{"multipleOf":3}`, []string{`9`, `9.0`, `3e5`, `-6`}, []string{`10`, `1e5`, `0.3`}},
	{"format date-time", "", `{"format":"date-time"}`, []string{`"2026-01-07T12:34:56Z"`, `"2026-01-07t12:34:56.123+01:00"`, `"2024-02-29T23:59:60Z"`, `1`}, []string{`"2026-02-29T00:00:00Z"`, `"2026-01-07 12:34:56Z"`, `"2026-01-07T24:00:00Z"`, `""`, `"2026-01-07T12:34:56"`, `"2026-01-07T12:34:56.Z"`}},
	{"format date", "7", `{"format":"date"}`, []string{`"2026-01-31"`, `"2026-01-01"`}, []string{`"2026-04-31"`, `"2026-1-1"`, `"2026-00-10"`}},
	{"format time", "", `{"format":"time"}`, []string{`"12:34:56Z"`, `"12:34:56.7-08:00"`, `"23:59:60Z"`}, []string{`"12:34:56"`, `"12:34:60Z"`, `"1:2:3Z"`}},
	{"format uuid", "", `{"format":"uuid"}`, []string{`"123E4567-e89b-12d3-a456-426614174000"`}, []string{`"123e4567e89b12d3a456426614174000"`, `"g23e4567-e89b-12d3-a456-426614174000"`}},
	{"format email", "", `{"format":"email"}`, []string{`"a@example.org"`}, []string{`"example.org"`}},
	{"format ipv4", "", `{"format":"ipv4"}`, []string{`"127.0.0.1"`}, []string{`"127.0.0.256"`, `"01.1.1.1"`}},
	{"format uri", "", `{"format":"uri"}`, []string{`"https://example.org/a?b#c"`}, []string{`"/a"`}},
	{"format integer", "", `{"format":"integer"}`, []string{`"12345678901234567890"`, `"-1"`, `1.5`}, []string{`"1.0"`, `"a"`, `""`, `"1e3"`}},
	{"format number", "", `{"format":"number"}`, []string{`"1.5"`, `"1e3"`, `"NaN"`, `"-Infinity"`}, []string{`"1,5"`, `""`}},
	{"format unknown", "", `{"format":"colour"}`, []string{`"x"`}, nil},
	{"content is not asserted", "7", `{"contentEncoding":"base64","contentMediaType":"application/json"}`, []string{`"%%%"`}, nil},
	{"content is not asserted in 2020-12", "", `{"contentEncoding":"base64","contentMediaType":"application/json","contentSchema":false}`, []string{`"%%%"`}, nil},
	{"all of", "", `{"allOf":[{"minimum":1},{"maximum":2}]}`, []string{`1`}, []string{`0`, `3`}},
	{"any of", "", `{"anyOf":[{"minimum":5},{"maximum":2}]}`, []string{`1`, `6`}, []string{`3`}},
	{"one of", "", `{"oneOf":[{"minimum":5},{"maximum":6}]}`, []string{`1`, `7`}, []string{`5`, `6`}},
	{"not", "", `{"not":{"type":"integer"}}`, []string{`"a"`}, []string{`1`}},
	{"if then else", "", `{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["a"]},"else":{"required":["b"]}}`, []string{`{"k":1,"a":1}`, `{"k":2,"b":1}`, `{"b":1}`}, []string{`{"k":1,"b":1}`, `{"k":2,"a":1}`, `{}`}},
	{"if alone", "7", `{"if":false}`, []string{`1`}, nil},
	{"then without if", "", `{"then":false,"else":false}`, []string{`1`}, nil},
	{"ref", "", `{"$defs":{"a":{"type":"integer"}},"properties":{"x":{"$ref":"#/$defs/a","minimum":3}}}`, []string{`{"x":3}`}, []string{`{"x":2}`, `{"x":"a"}`}},
	{"ref ignores its siblings in draft 7", "7", `{"definitions":{"a":{"type":"integer"}},"properties":{"x":{"$ref":"#/definitions/a","minimum":3}}}`, []string{`{"x":2}`}, []string{`{"x":"a"}`}},
	{"definitions without a draft", "", `{"definitions":{"a":{"type":"integer"}},"$ref":"#/definitions/a"}`, []string{`2`}, []string{`"a"`}},
	{"recursion", "", `{"type":"object","properties":{"next":{"$ref":"#"}},"required":["v"]}`, []string{`{"v":1}`, `{"v":1,"next":{"v":2,"next":{"v":3}}}`}, []string{`{"v":1,"next":{}}`, `{"v":1,"next":{"v":2,"next":[]}}`}},
	{"anchor", "", `{"$defs":{"a":{"$anchor":"it","type":"integer"}},"$ref":"#it"}`, []string{`2`}, []string{`"a"`}},
	{"embedded id", "", `{"$id":"https://example.org/root","$defs":{"a":{"$id":"other","type":"integer"}},"$ref":"other"}`, []string{`2`}, []string{`"a"`}},
	{"recursive ref, one anchor", "2019", `{"$recursiveAnchor":true,"properties":{"a":{"$recursiveRef":"#"}},"additionalProperties":false}`, []string{`{"a":{"a":{}}}`}, []string{`{"a":{"b":1}}`}},
	{"recursive ref, several anchors", "2019", `{"$id":"https://example.org/tree","$recursiveAnchor":true,"$ref":"https://example.org/node","$defs":{"node":{"$id":"https://example.org/node","$recursiveAnchor":true,"type":"object","properties":{"kids":{"items":{"$recursiveRef":"#"}}}}},"required":["name"]}`, []string{`{"name":1,"kids":[{"name":2}]}`}, []string{`{"name":1,"kids":[{}]}`, `{}`}},
	{"dynamic ref, one anchor", "2020", `{"$defs":{"a":{"$dynamicAnchor":"it","type":"integer"}},"$dynamicRef":"#it"}`, []string{`2`}, []string{`"a"`}},
	{"dynamic ref, several anchors", "2020", `{"$id":"https://example.org/ints","$ref":"list","$defs":{"int":{"$dynamicAnchor":"item","type":"integer"},"list":{"$id":"list","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}}}}`, []string{`[1]`}, []string{`["a"]`}},
	{"metaschema", "", `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, []string{`{"type":"string"}`}, []string{`{"type":"strin"}`}},
	{"metaschema of draft 7", "", `{"$ref":"http://json-schema.org/draft-07/schema#"}`, []string{`{"type":"string"}`}, []string{`{"type":"strin"}`, `{"minLength":-1}`}},
	{"metaschema of draft 4", "4", `{"$ref":"http://json-schema.org/draft-04/schema#"}`, []string{`{"type":"string","patternProperties":{"a":{}}}`}, []string{`{"type":"strin"}`}},
	{"unevaluated properties", "", `{"allOf":[{"properties":{"a":{}}}],"anyOf":[{"properties":{"b":{"const":1}},"required":["b"]},true],"if":{"required":["c"],"properties":{"c":{}}},"unevaluatedProperties":false}`, []string{`{"a":1}`, `{"a":1,"b":1}`, `{"c":1}`}, []string{`{"b":2}`, `{"d":1}`}},
	{"unevaluated properties, schema", "2019", `{"properties":{"a":{}},"patternProperties":{"^x":{}},"unevaluatedProperties":{"type":"integer"}}`, []string{`{"a":"s","x":"s","b":1}`}, []string{`{"b":"s"}`}},
	{"unevaluated properties see no cousins", "", `{"allOf":[{"properties":{"a":{}}},{"unevaluatedProperties":false}]}`, []string{`{}`}, []string{`{"a":1}`}},
	{"unevaluated properties count as evaluated", "", `{"allOf":[{"unevaluatedProperties":true}],"unevaluatedProperties":false}`, []string{`{"a":1}`}, nil},
	{"unevaluated and additional", "", `{"$ref":"#/$defs/a","$defs":{"a":{"additionalProperties":{"type":"integer"}}},"unevaluatedProperties":false}`, []string{`{"a":1}`}, []string{`{"a":"s"}`}},
	{"unevaluated and dependent schemas", "", `{"dependentSchemas":{"a":{"properties":{"a":{},"b":{}}}},"unevaluatedProperties":false}`, []string{`{"a":1,"b":1}`}, []string{`{"b":1}`}},
	{"unevaluated and not", "", `{"not":{"not":{"properties":{"a":{}}}},"unevaluatedProperties":false}`, []string{`{}`}, []string{`{"a":1}`}},
	{"unevaluated items", "", `{"prefixItems":[{}],"contains":{"type":"integer"},"unevaluatedItems":{"type":"string"}}`, []string{`[null,1,"a"]`}, []string{`[1,null]`, `[1,"a",null]`}},
	{"unevaluated items in 2019-09", "2019", `{"items":[{}],"contains":{"type":"integer"},"unevaluatedItems":{"type":"string"}}`, []string{`[1,"a"]`}, []string{`["a",1]`}},
	{"unevaluated items, one of", "", `{"oneOf":[{"prefixItems":[{"const":1}]},{"prefixItems":[{"const":2},true]}],"unevaluatedItems":false}`, []string{`[1]`, `[2,1]`, `[2]`}, []string{`[1,1]`, `[2,1,1]`}},
	{"unknown keywords", "", `{"x-colour":"red","reduces":1}`, []string{`1`}, nil},
}

func names(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"p%d"`, i))
	}
	return strings.Join(list, ",")
}

func object(n int) string {
	return "{" + strings.ReplaceAll(names(n), `",`, `":0,`) + `:0}`
}

func array(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func withDraft(draft, schema string) string {
	if draft == "" {
		return schema
	}
	return `{"$schema":"` + drafts[draft] + `",` + schema[1:]
}

func TestKeywords(t *testing.T) {
	for _, c := range keywordCases {
		t.Run(c.name, func(t *testing.T) {
			s := compile(t, withDraft(c.draft, c.schema))
			v := s.Validator()
			for _, doc := range c.valid {
				verdict(t, s, v, doc, true)
			}
			for _, doc := range c.invalid {
				verdict(t, s, v, doc, false)
			}
		})
	}
}

// verdict compares a validator with what is wanted and with v5.
func verdict(t *testing.T, s *Schema, v *Validator, text string, want bool) {
	t.Helper()
	d := parse(t, text)
	if got := v.Valid(d, 0); got != want {
		t.Errorf("%s: valid is %t", text, got)
	}
	if err := judge(s.oracle, decode(d, 0)); (err == nil) != want {
		t.Errorf("%s: v5 says %v", text, err)
	}
	if violations := s.Explain([]byte(text)); (len(violations) == 0) != want {
		t.Errorf("%s: explained as %v", text, violations)
	}
}

func TestFallbacks(t *testing.T) {
	want := map[string]bool{"recursive ref, several anchors": true, "dynamic ref, several anchors": true, "metaschema": true}
	for _, c := range keywordCases {
		s := compile(t, withDraft(c.draft, c.schema))
		if got := len(s.Fallbacks()) > 0; got != want[c.name] {
			t.Errorf("%s: falls back at %v", c.name, s.Fallbacks())
		}
	}
}

func TestValidBelowTheRoot(t *testing.T) {
	v := compile(t, `{"type":"integer"}`).Validator()
	d := parse(t, `{"a":1,"b":"x"}`)
	for name, want := range map[string]bool{"a": true, "b": false} {
		if node, _ := d.Get(0, name); v.Valid(d, node) != want {
			t.Errorf("%s is not %t", name, want)
		}
	}
}

func TestOrderOfMembersDoesNotMatter(t *testing.T) {
	v := compile(t, `{"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["a","b","c"]}`).Validator()
	for range 2 {
		for _, text := range []string{`{"a":1,"b":2,"c":3}`, `{"c":3,"b":2,"a":1}`, `{"x":0,"b":2,"y":0,"a":1,"c":3}`} {
			if !v.Valid(parse(t, text), 0) {
				t.Errorf("%s is refused", text)
			}
		}
		if v.Valid(parse(t, `{"c":3,"a":2,"b":1}`), 0) {
			t.Error("a wrong value is accepted")
		}
	}
}

func TestNoAllocations(t *testing.T) {
	v, d := compile(t, orderSchema).Validator(), parse(t, orderDocument)
	if n := testing.AllocsPerRun(100, func() { v.Valid(d, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNumbersBeyondTheOracle(t *testing.T) {
	s := compile(t, `{"type":"integer","minimum":0,"multipleOf":3}`)
	v := s.Validator()
	for text, want := range map[string]bool{`3e9999999`: true, `1e9999999`: false, `-3e9999999`: false, `1e-9999999`: false} {
		if got := v.Valid(parse(t, text), 0); got != want {
			t.Errorf("%s: valid is %t", text, got)
		}
		if !want && len(s.Explain([]byte(text))) == 0 {
			t.Errorf("%s: no explanation", text)
		}
	}
	long := "3" + strings.Repeat("0", document.MaxDigits+10)
	if !v.Valid(parse(t, long), 0) || v.Valid(parse(t, long+"1"), 0) {
		t.Error("numbers of many digits are misjudged")
	}
}

func TestPatternsAreReadAsRuns(t *testing.T) {
	for expression, want := range map[string]bool{
		`^ord-[0-9]+$`: true, `^SKU-`: true, `^$`: true, `^`: true, `^[^/]+$`: true, `^a{2,3}b?c`: true, `^é+$`: false, `^ä$`: true,
		`^a*ab$`: false, `a`: false, `^(a|bc)$`: false, `(?i)^a$`: false, `^.+$`: false, `^[a-z]+[0-9]*[a-z]$`: false, `^[à-ü]+$`: false,
	} {
		if _, _, got := byteRuns(expression); got != want {
			t.Errorf("%s: %t", expression, got)
		}
	}
}

// TestFormatAsserted refuses strings that are not of their format, whatever the draft.
func TestFormatAsserted(t *testing.T) {
	for _, draft := range []string{"", "4", "6", "7", "2019", "2020"} {
		s := compile(t, withDraft(draft, `{"properties":{"at":{"format":"date-time"},"mail":{"format":"email"},"n":{"format":"integer"},"own":{"format":"of our own"}}}`))
		for text, want := range map[string]bool{
			`{"at":"2026-02-28T12:00:00Z","mail":"a@example.com","n":"-12","own":"anything"}`: true,
			`{"at":"2026-02-30T12:00:00Z"}`: false, `{"mail":"a"}`: false, `{"n":"1.5"}`: false, `{"at":1,"mail":2,"n":3}`: true,
		} {
			if got := s.Validator().Valid(parse(t, text), 0); got != want {
				t.Errorf("draft %q: %s is valid: %v", draft, text, got)
			}
		}
	}
}
