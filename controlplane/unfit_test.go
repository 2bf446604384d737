package controlplane_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/collection"
	"weir/controlplane"
	"weir/sinks"
	"weir/sinks/sqlite"
)

const unfitFlow = `
collections:
  acmeCo/things:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, v: {type: boolean}, V: {type: string}}}
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/things, resource: {table: left}, disable: true}
      - source: acmeCo/things
        resource: {table: things}
        onIncompatibleSchemaChange: abort
        fields:
          exclude: [V]
`

// TestCheckBindings: what cannot be selected, and what does not fit where
// nothing may be made anew, is refused at the line of the binding's fields.
func TestCheckBindings(t *testing.T) {
	dir := t.TempDir()
	k := controlplane.Connectors{Sinks: sinks.Registry{"sqlite": sqlite.New()}, DataDir: dir}
	check := func(text string) string {
		if err := k.Check(t.Context(), build(t, text, "")); err != nil {
			return err.Error()
		}
		return ""
	}
	if got := check(unfitFlow); got != "" {
		t.Fatalf("nothing is there yet: %s", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.db")); err == nil {
		t.Error("the check makes the database")
	}
	apply(t, dir, strings.Replace(unfitFlow, "v: {type: boolean}", "v: {type: integer}", 1))
	const at = "flow.yaml:15:1: /materializations/acmeCo~1db/bindings/1: "
	want := at + `table "things": column "v" has type INTEGER (for type integer), and the collection's schema now needs BOOLEAN (for type boolean) (raise the binding's backfill counter`
	if got := check(unfitFlow); !strings.HasPrefix(got, want) {
		t.Errorf("abort:\n got %s\nwant %s", got, want)
	}
	for _, policy := range []string{"backfill", "disableTask", "disableBinding"} {
		if got := check(strings.Replace(unfitFlow, "Change: abort", "Change: "+policy, 1)); got != "" {
			t.Errorf("%s: %s", policy, got)
		}
	}
	conflict := strings.Replace(unfitFlow, "exclude: [V]", "exclude: [id]\n          require: {v: {}, V: {}}", 1)
	want = at + "binding of acmeCo/things: field v is required under fields.require, but field V has the same name at the endpoint [endpoint]\n" +
		at + "binding of acmeCo/things: /id is a component of the key, but no field of it can be materialized (id: excluded under fields.exclude) [endpoint]"
	if got := check(conflict); got != want {
		t.Errorf("conflicts:\n got %s\nwant %s", got, want)
	}
}

// apply makes the tables of a catalog.
func apply(t *testing.T, dir, text string) {
	t.Helper()
	c := build(t, text, "")
	spec := c.Materializations["acmeCo/db"]
	published := func(name string) (*collection.Collection, error) { return collection.New(c.Collections[name]) }
	bindings, err := sinks.Resolve(t.Context(), sqlite.New(), sinks.ValidateRequest{Task: spec.Name, Config: json.RawMessage(`{"path":"out.db"}`), DataDir: dir}, spec.Bindings[1:], published)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.New().Apply(t.Context(), sinks.ApplyRequest{Task: spec.Name, Config: json.RawMessage(`{"path":"out.db"}`), DataDir: dir, Bindings: bindings}); err != nil {
		t.Fatal(err)
	}
}
