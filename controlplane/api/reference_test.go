package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"weir/controlplane/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// docs/reference/api.md is what the table of operations says.
func TestReference(t *testing.T) {
	const file = "../../docs/reference/api.md"
	got := api.Reference()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s is not what the operations are (%v): go test ./controlplane/api -run Reference -update", file, err)
	}
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
