package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/controlplane/api"
	"weir/internal/golden"
)

// docs/reference/api.md is what the table of operations says.
func TestReference(t *testing.T) {
	golden.Compare(t, "../../docs/reference/api.md", api.Reference())
}

// Every operation has words, is a path of its own, and is described in OpenAPI
// with each wildcard as a parameter.
func TestTable(t *testing.T) {
	text, err := json.Marshal(api.OpenAPI("1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct{ Name, In string }
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, o := range api.Operations() {
		if names[o.Name] || o.Doc == "" || o.Method != "GET" && o.Method != "POST" {
			t.Errorf("%+v", o)
		}
		names[o.Name] = true
		path := described.Paths[api.Root+strings.ReplaceAll(o.Path, "...}", "}")][strings.ToLower(o.Method)]
		inPath := 0
		for _, p := range path.Parameters {
			if p.In == "path" {
				inPath++
			}
		}
		if path.OperationID != o.Name || inPath != strings.Count(o.Path, "{") {
			t.Errorf("%s is described as %+v", o.Name, path)
		}
	}
	if len(described.Paths) != len(names) || described.Components.Schemas["Task"] == nil {
		t.Errorf("%d paths for %d operations", len(described.Paths), len(names))
	}
}
