package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"weir/sinks"
)

var weirDB = json.RawMessage(`{"path":"weir.db"}`)

// TestOpenOfAnotherTable narrates: a start applies its tables and is paused;
// another one makes a table anew; the first opens its shard. It is refused, for
// the position that it would go on from is not that of the new table.
func TestOpenOfAnotherTable(t *testing.T) {
	dir := t.TempDir()
	_, b := orders(t, 0, false)
	apply := func(b sinks.Binding) []sinks.Binding {
		applied, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: "acmeCo/m", Config: weirDB, DataDir: dir, Bindings: []sinks.Binding{b}})
		if err != nil {
			t.Fatal(err)
		}
		b.StateKey = applied.StateKeys[0]
		return []sinks.Binding{b}
	}
	open := func(bindings []sinks.Binding) error {
		s, _, err := New().Open(t.Context(), sinks.OpenRequest{Task: "acmeCo/m", Shard: "0-1", Config: weirDB, DataDir: dir, Bindings: bindings})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	first := apply(b)
	b.StateKey = sinks.StateKey([]string{"orders"}, 1)
	second := apply(b)
	err := open(first)
	want := `table "orders" was made anew by another start of this materialization (its state is orders.v1.1, not orders.v0)`
	if !errors.Is(err, sinks.ErrTransient) || err.Error() != want {
		t.Errorf("the first: %v", err)
	}
	if err := open(second); err != nil {
		t.Errorf("the second: %v", err)
	}
}

// TestTablesOfFormerVersions: a database that an older Weir wrote keeps its
// tables and its positions.
func TestTablesOfFormerVersions(t *testing.T) {
	dir := t.TempDir()
	_, b := orders(t, 0, false)
	session := openIn(t, dir, b)
	if err := session.Commit(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	session.Close()
	c, err := connect(t.Context(), filepath.Join(dir, "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, s := range []string{"ALTER TABLE weir_tables DROP COLUMN rebuilt", "ALTER TABLE weir_tables DROP COLUMN made"} {
		if err := c.exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	r := sinks.ApplyRequest{Task: "acmeCo/m", Config: weirDB, DataDir: dir, Bindings: []sinks.Binding{b}}
	dry := r
	dry.DryRun = true
	if _, err := New().Apply(t.Context(), dry); err != nil {
		t.Errorf("dry run: %v", err)
	}
	applied, err := New().Apply(t.Context(), r)
	if err != nil || applied.Action != "" || fmt.Sprint(applied.StateKeys) != "[orders.v0]" {
		t.Errorf("%+v, %v", applied, err)
	}
	_, opened, err := New().Open(t.Context(), sinks.OpenRequest{Task: "acmeCo/m", Shard: "0-1", Config: weirDB, DataDir: dir, Bindings: []sinks.Binding{b}})
	if err != nil || string(opened.Checkpoint) != "one" {
		t.Errorf("checkpoint %q, %v", opened.Checkpoint, err)
	}
}

// TestFieldConfig: what a field's configuration says is checked with the rest
// of the binding.
func TestFieldConfig(t *testing.T) {
	_, b := orders(t, 0, false)
	b.FieldConfig = map[string]json.RawMessage{"id": json.RawMessage(`{"castToString":true}`), "nosuch": json.RawMessage(`{"x":1}`)}
	_, err := New().Validate(t.Context(), sinks.ValidateRequest{Config: weirDB, DataDir: t.TempDir(), Bindings: []sinks.Binding{b}})
	if err == nil || !strings.Contains(err.Error(), "configuration of field nosuch") || !strings.Contains(err.Error(), "field id is part of the table's key") {
		t.Errorf("%v", err)
	}
}
