package schema

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		name, schema, pointer string
		reason                []string
	}{
		{"no JSON", `{"type":}`, "", []string{"line 1"}},
		{"no schema", `[]`, "", []string{"a schema is an object, true or false, not []"}},
		{"unknown type", `{"properties":{"a":{"type":"strin"}}}`, "/properties/a/type", []string{`"string"`}},
		{"negative length", `{"items":[{"minLength":-1}]}`, "/items/0/minLength", []string{"must be >= 0"}},
		{"broken pattern", `{"properties":{"a/b":{"pattern":"("}}}`, "/properties/a~1b/pattern", []string{"not valid 'regex'"}},
		{"unknown resource", `{"properties":{"a":{"$ref":"other.json#/x"}}}`, "/properties/a/$ref", []string{`$ref "other.json#/x" leads to other.json`, "not part of the schema", "test.json"}},
		{"remote resource", `{"$ref":"https://example.org/s.json"}`, "/$ref", []string{"https://example.org/s.json", "not part of the schema"}},
		{"file", `{"$ref":"file:///etc/passwd"}`, "/$ref", []string{"file:///etc/passwd", "not part of the schema"}},
		{"unknown draft", `{"$schema":"https://example.org/draft"}`, "/$schema", []string{"no draft of JSON Schema that is known"}},
		{"dangling pointer", `{"allOf":[{"$ref":"#/$defs/nope"}]}`, "/allOf/0/$ref", []string{`$ref "#/$defs/nope" leads to nothing`}},
		{"dangling anchor", `{"$ref":"#Nope"}`, "/$ref", []string{"leads to nothing"}},
		{"loop", `{"$ref":"#"}`, "/$ref", []string{"refers to itself"}},
		{"loop in two steps", `{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"allOf":[{"$ref":"#"}]}}}`, "/anyOf/0/$ref", []string{"refers to itself"}},
		{"loop that the oracle only meets in documents", `{"properties":{"p":{"allOf":[{"$ref":"#"}]}},"dependentSchemas":{"x":{"$ref":"#/properties/p"}}}`, "", []string{"refers to itself"}},
		{"two spellings of a list", `{"properties":{"a":{"items":[{}],"prefixItems":[{}]}}}`, "/properties/a/items", []string{"two spellings"}},
		{"reduce is no object", `{"reduce":"sum"}`, "/reduce", []string{"{strategy: sum}"}},
		{"no strategy", `{"reduce":{}}`, "/reduce", []string{"needs a strategy", "minimize"}},
		{"unknown strategy", `{"properties":{"a":{"reduce":{"strategy":"summ"}}}}`, "/properties/a/reduce", []string{`unknown strategy "summ"`, "append, firstWriteWins, jsonSchemaMerge, lastWriteWins, maximize, merge, minimize, set, sum"}},
		{"unknown option", `{"reduce":{"strategy":"merge","keys":["/a"]}}`, "/reduce", []string{`no option "keys"`, "delete, key"}},
		{"option of another strategy", `{"reduce":{"strategy":"sum","key":["/a"]}}`, "/reduce", []string{`no option "key"`, "it takes none"}},
		{"delete of a strategy without it", `{"reduce":{"strategy":"sum","delete":true}}`, "/reduce", []string{`no option "delete"`}},
		{"associative of merge", `{"reduce":{"strategy":"merge","associative":false}}`, "/reduce", []string{`no option "associative"`}},
		{"associative is a text", `{"reduce":{"strategy":"lastWriteWins","associative":"no"}}`, "/reduce", []string{"true or false"}},
		{"two strategies", `{"reduce":{"strategy":"merge"},"properties":{"a":{"allOf":[{"reduce":{"strategy":"sum"}}],"reduce":{"strategy":"maximize"}}}}`, "/properties/a/allOf/0/reduce",
			[]string{"{strategy: sum} is active together with {strategy: maximize}, which stands at /properties/a/reduce", "a location has one strategy"}},
		{"two strategies, one of a pattern", `{"properties":{"ab":{"reduce":{"strategy":"sum"}}},"patternProperties":{"^a":{"reduce":{"strategy":"minimize","key":["/x"]}}}}`, "/patternProperties/^a/reduce",
			[]string{`{strategy: minimize, key: ["/x"]} is active together with {strategy: sum}, which stands at /properties/ab/reduce`}},
		{"two strategies, one of a reference", `{"items":[{},{"$ref":"#/$defs/n","reduce":{"strategy":"append"}}],"$defs":{"n":{"reduce":{"strategy":"sum"}}}}`, "/$defs/n/reduce", []string{"stands at /items/1/reduce"}},
		{"two strategies, one of a branch", `{"reduce":{"strategy":"merge"},"if":{"required":["gone"]},"then":{"reduce":{"strategy":"merge","delete":true}}}`, "/then/reduce",
			[]string{"{strategy: merge, delete: true} is active together with {strategy: merge}", "different branches"}},
		{"two strategies below a branch", `{"properties":{"a":{"reduce":{"strategy":"sum"}}},"oneOf":[{"required":["b"]},{"properties":{"a":{"reduce":{"strategy":"lastWriteWins","associative":false}}}}]}`, "/oneOf/1/properties/a/reduce",
			[]string{"{strategy: lastWriteWins, associative: false}"}},
		{"delete is a text", `{"reduce":{"strategy":"merge","delete":"no"}}`, "/reduce", []string{"true or false"}},
		{"empty key", `{"reduce":{"strategy":"merge","key":[]}}`, "/reduce", []string{"list of JSON pointers"}},
		{"broken key", `{"reduce":{"strategy":"merge","key":["a"]}}`, "/reduce", []string{"a"}},
		{"ignored beside a reference", `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{}},"properties":{"x":{"$ref":"#/definitions/a","reduce":{"strategy":"sum"}}}}`, "/properties/x/reduce", []string{"beside a $ref"}},
		{"reduce with dynamic references", `{"$id":"https://example.org/ints","$ref":"list","reduce":{"strategy":"append"},"$defs":{"int":{"$dynamicAnchor":"item"},"list":{"$id":"list","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}}}}`, "/$defs/list/items/$dynamicRef", []string{"dynamic reference"}},
		{"number that the oracle cannot read", `{"minLength":1e9999999}`, "", []string{"cannot be compiled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := compileText(c.schema)
			var broken *CompileError
			if !errors.As(err, &broken) {
				t.Fatalf("error is %v", err)
			}
			if broken.Pointer != c.pointer {
				t.Errorf("pointer is %q: %v", broken.Pointer, err)
			}
			for _, part := range c.reason {
				if !strings.Contains(broken.Reason, part) {
					t.Errorf("%q lacks %q", broken.Reason, part)
				}
			}
		})
	}
}

func TestResources(t *testing.T) {
	src := Source{
		URL: "flows/order.json#/$defs/order",
		Resources: map[string]json.RawMessage{
			"flows/order.json":            json.RawMessage(`{"$defs":{"order":{"properties":{"to":{"$ref":"../common/address.json#Address"},"n":{"$ref":"https://example.org/n"}}}}}`),
			"common/address.json":         json.RawMessage(`{"$defs":{"a":{"$anchor":"Address","type":"object","required":["street"]}}}`),
			"https://example.org/n":       json.RawMessage(`{"type":"integer"}`),
			"https://example.org/n?other": json.RawMessage(`true`),
		},
	}
	s, err := Compile(src)
	if err != nil {
		t.Fatal(err)
	}
	v := s.Validator()
	for text, want := range map[string]bool{`{"to":{"street":1},"n":1}`: true, `{"to":{}}`: false, `{"n":"x"}`: false} {
		if got := v.Valid(parse(t, text), 0); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	got := s.Explain([]byte(`{"to":{},"n":1}`))
	if len(got) != 1 || got[0].SchemaPointer != "common/address.json#/$defs/a/required" {
		t.Errorf("explained as %v", got)
	}
	src.Resources["https://example.org/n"] = json.RawMessage(`{"type":"int"}`)
	var broken *CompileError
	if _, err := Compile(src); !errors.As(err, &broken) || broken.URL != "https://example.org/n" || broken.Pointer != "/type" {
		t.Errorf("error is %v", err)
	}
	src.URL = "flows/none.json"
	if _, err := Compile(src); !errors.As(err, &broken) || !strings.Contains(err.Error(), "flows/none.json") {
		t.Errorf("error is %v", err)
	}
	for _, name := range []string{"a#b", "./flows/order.json", "%zz"} {
		src.Resources = map[string]json.RawMessage{"flows/order.json": json.RawMessage(`true`), name: json.RawMessage(`true`)}
		if _, err := Compile(src); !errors.As(err, &broken) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, c := range keywordCases {
		f.Add(withDraft(c.draft, c.schema), `{"a":[1,"x"]}`)
	}
	f.Fuzz(func(t *testing.T, schema, text string) {
		s, err := compileText(schema)
		if err != nil {
			var broken *CompileError
			if !errors.As(err, &broken) || broken.Reason == "" {
				t.Fatalf("error is %v", err)
			}
			return
		}
		s.Shape()
		var d = parse(t, `null`)
		if d.Parse([]byte(text)) != nil {
			return
		}
		verdict := judge(s.oracle, decode(d, 0))
		if verdict != nil && strings.HasPrefix(verdict.Error(), "number out of range") {
			return
		}
		if got := s.Validator().Valid(d, 0); got != (verdict == nil) {
			t.Fatalf("valid is %t, v5 says %v", got, verdict)
		}
	})
}
