package schema

import (
	"encoding/json"
	"testing"
)

func TestBundle(t *testing.T) {
	one := Source{URL: "a.json", Resources: map[string]json.RawMessage{"a.json": json.RawMessage(`{"type":"object"}`)}}
	if got := string(one.Bundle()); got != `{"type":"object"}` {
		t.Errorf("one resource: %s", got)
	}
	several := Source{URL: "dir/a.json#/$defs/order", Resources: map[string]json.RawMessage{
		"dir/a.json": json.RawMessage(`{"$defs":{"order":{"type":"object","properties":{"n":{"$ref":"b.json#/definitions/n"},"any":{"$ref":"c.json"}}}}}`),
		"dir/b.json": json.RawMessage(`{"definitions":{"n":{"type":"integer"}}}`),
		"dir/c.json": json.RawMessage(`{}`),
	}}
	bundle := several.Bundle()
	whole, err := Compile(several)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Compile(Source{URL: "bundle.json", Resources: map[string]json.RawMessage{"bundle.json": bundle}})
	if err != nil {
		t.Fatalf("%s: %v", bundle, err)
	}
	for doc, valid := range map[string]bool{`{"n":1,"any":[]}`: true, `{"n":"one"}`: false, `[]`: false} {
		for name, s := range map[string]*Schema{"resources": whole, "bundle": alone} {
			if got := s.Explain([]byte(doc)) == nil; got != valid {
				t.Errorf("%s: %s is valid: %t", name, doc, got)
			}
		}
	}
}
