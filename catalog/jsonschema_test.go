package catalog

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/internal/golden"
)

func compiledFormat(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("catalog.json", bytes.NewReader(JSONSchema())); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validateFile validates a catalog's file by the JSON Schema of the format.
func validateFile(t *testing.T, s *jsonschema.Schema, name string) error {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parse := parseYAML
	if filepath.Ext(name) == ".json" {
		parse = parseJSON
	}
	root, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	d := json.NewDecoder(bytes.NewReader(root.json()))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s.Validate(v)
}

func TestJSONSchema(t *testing.T) {
	golden.Compare(t, "testdata/format.schema.golden", string(JSONSchema()))
	s := compiledFormat(t)
	good := append(catalogs(t, "good"), "testdata/parts/shared.yaml", "testdata/parts/more.json")
	examples, err := filepath.Glob("../examples/*/*flow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(good, examples...) {
		if err := validateFile(t, s, name); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
	}
	for _, name := range []string{"fields", "later", "names", "import"} {
		if err := validateFile(t, s, "testdata/"+name+".bad.yaml"); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestJSONSchemaRefuses changes a good catalog in one place each.
func TestJSONSchemaRefuses(t *testing.T) {
	s := compiledFormat(t)
	for _, c := range []struct{ name, text string }{
		{"unknown field of the file", `{"colections": {}}`},
		{"unknown field of a collection", `{"collections": {"a": {"key": ["/id"], "schema": {}, "kee": 1}}}`},
		{"field that is not supported yet", `{"collections": {"a": {"key": ["/id"], "schema": {}, "journals": {}}}}`},
		{"missing field", `{"collections": {"a": {"key": ["/id"]}}}`},
		{"name", `{"collections": {"a b": {"key": ["/id"], "schema": {}}}}`},
		{"pointer", `{"collections": {"a": {"key": ["id"], "schema": {}}}}`},
		{"enumeration", `{"collections": {"a": {"key": ["/id"], "schema": {}, "onInvalid": "skip"}}}`},
		{"range", `{"collections": {"a": {"key": ["/id"], "schema": {}, "partitions": 2048}}}`},
		{"unknown field of a transform", `{"collections": {"a": {"key": ["/id"], "schema": {}, "derive": {"using": {"copy": {}}, "transforms": [{"name": "a", "source": "b", "shuffle": "any", "x": 1}]}}}}`},
		{"two kinds of endpoint", `{"captures": {"a": {"endpoint": {"a": {}, "b": {}}, "bindings": []}}}`},
		{"image", `{"captures": {"a": {"endpoint": {"connector": {}}, "bindings": []}}}`},
		{"unknown field of a step", `{"tests": {"a": [{"ingst": {}}]}}`},
	} {
		var v any
		if err := json.Unmarshal([]byte(c.text), &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err == nil {
			t.Errorf("%s: taken", c.name)
		}
	}
}
