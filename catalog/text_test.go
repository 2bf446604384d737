package catalog_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"weir/catalog"
	"weir/schema"
)

// What is written of specs loads as the same specs, and is written the same
// again.
func TestText(t *testing.T) {
	roots, err := filepath.Glob("../examples/*/flow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../examples/*/*/flow.yaml")
	if err != nil || len(roots)+len(more) < 5 {
		t.Fatalf("%d examples, %v", len(roots)+len(more), err)
	}
	for _, root := range append(roots, more...) {
		t.Run(filepath.Dir(root), func(t *testing.T) {
			c, err := catalog.Load(root)
			if err != nil {
				t.Fatal(err)
			}
			inlineModules(t, c)
			first := text(t, c)
			again, err := catalog.LoadFiles("written.yaml", map[string]string{"written.yaml": string(first)})
			if err != nil {
				t.Fatalf("%v\n%s", err, first)
			}
			if second := text(t, again); string(second) != string(first) {
				t.Errorf("written again:\n%s\nwant\n%s", second, first)
			}
			for name, was := range c.Collections {
				sameSchema(t, name, was.Schema, again.Collections[name].Schema)
			}
			for name, was := range c.Materializations {
				if was.Hash() != again.Materializations[name].Hash() {
					t.Errorf("%s is another one", name)
				}
			}
		})
	}
}

// inlineModules does what a publication does: it keeps the code in the spec.
func inlineModules(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	for _, spec := range c.Collections {
		if spec.Derive == nil {
			continue
		}
		for _, m := range []*catalog.Module{spec.Derive.Using.JavaScript, spec.Derive.Using.TypeScript} {
			if m != nil && m.Inline == "" {
				code, err := os.ReadFile(m.Path)
				if err != nil {
					t.Fatal(err)
				}
				m.Inline, m.File, m.Path = string(code), "", ""
			}
		}
	}
}

func text(t *testing.T, c *catalog.Catalog) []byte {
	t.Helper()
	var all []catalog.Record
	for _, spec := range c.Collections {
		all = append(all, catalog.Record{Collection: spec})
	}
	for _, spec := range c.Captures {
		all = append(all, catalog.Record{Capture: spec})
	}
	for _, spec := range c.Materializations {
		all = append(all, catalog.Record{Materialization: spec})
	}
	out, err := catalog.Text(all...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameSchema compares what two schemas say of their documents.
func sameSchema(t *testing.T, name string, was, now schema.Source) {
	t.Helper()
	var shapes [2]string
	for i, s := range []schema.Source{was, now} {
		compiled, err := schema.Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		shape, err := json.Marshal(compiled.Shape())
		if err != nil {
			t.Fatal(err)
		}
		shapes[i] = string(shape)
	}
	if shapes[0] != shapes[1] {
		t.Errorf("schema of %s: %s, was %s", name, shapes[1], shapes[0])
	}
}

// Schemas of several files are written in one piece, with their references.
func TestTextOfSchemas(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"flow.yaml": `
collections:
  acmeCo/a:
    key: [/id]
    partitions: 4
    onInvalid: quarantine
    writeSchema: parts.yaml#/$defs/order
    readSchema:
      allOf: [{$ref: flow://relaxed-write-schema}, {$ref: other.yaml}]
      required: [id]
      properties: {id: {type: string}}
      type: object
    projections: {by: {location: /id, partition: true}, who: /name}
captures:
  acmeCo/in:
    endpoint: {http: {port: 1}}
    interval: 1h
    bindings: [{resource: {path: x}, target: acmeCo/a, backfill: 2}]
    shards: {disable: true}
materializations:
  acmeCo/out:
    endpoint: {sqlite: {path: x.db}}
    bindings:
      - source: {name: acmeCo/a, partitions: {include: {by: [a, b]}}, notBefore: 2026-01-02T03:04:05Z}
        resource: {table: a}
        fields: {recommended: true, require: {id: {}}, exclude: [name]}
        onIncompatibleSchemaChange: abort
`,
		"parts.yaml": "$defs:\n  order:\n    type: object\n    required: [id]\n    properties: {id: {$ref: 'other.yaml#/$defs/id'}, name: {type: string}}\n",
		"other.yaml": "$defs: {id: {type: string, maxLength: 9}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := text(t, c)
	again, err := catalog.LoadFiles("written.yaml", map[string]string{"written.yaml": string(first)})
	if err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	was, now := c.Collections["acmeCo/a"], again.Collections["acmeCo/a"]
	sameSchema(t, "acmeCo/a", was.Schema, now.Schema)
	sameSchema(t, "acmeCo/a when read", *was.ReadSchema, *now.ReadSchema)
	if now.Partitions != 4 || now.OnInvalid != catalog.OnInvalidQuarantine || !now.Projections["by"].Partition {
		t.Errorf("collection: %+v", now)
	}
	if c.Captures["acmeCo/in"].Hash() != again.Captures["acmeCo/in"].Hash() || c.Materializations["acmeCo/out"].Hash() != again.Materializations["acmeCo/out"].Hash() {
		t.Errorf("tasks:\n%s", first)
	}
}
