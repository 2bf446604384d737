package controlplane_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	"weir/sinks/sqlite"
)

const flow = `
collections:
  acmeCo/a:
    key: [/id]
    schema: {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}}}
  acmeCo/b:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: b.js}}
      transforms: [{name: fromA, source: acmeCo/a, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/b, resource: {table: b}}]
`

const module = "export function fromA({ doc }) {\n  return { id: doc.id };\n}\n"

func load(t *testing.T, text, js string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(weirtest.Files(t, map[string]string{"flow.yaml": text, "b.js": js}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func build(t *testing.T, text, js string) *catalog.Catalog {
	t.Helper()
	c := load(t, text, js)
	if err := controlplane.Build(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func publish(t *testing.T, conn *journal.Conn, c *catalog.Catalog, root string) controlplane.Published {
	t.Helper()
	p, err := controlplane.Publish(context.Background(), conn, c, controlplane.Options{Catalog: root, Prune: true, Build: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func names(list []string) string { return strings.Join(list, " ") }

// TestPublish publishes a catalog, the same one again, a changed one and a
// smaller one; a catalog of another root is left alone.
func TestPublish(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	if p := publish(t, conn, build(t, flow, module), "/flow"); names(p.Created) != "acmeCo/a acmeCo/b acmeCo/db" || p.ID == "" {
		t.Errorf("first: %+v", p)
	}
	if p := publish(t, conn, build(t, flow, module), "/flow"); p.ID != "" || len(p.Unchanged) != 3 {
		t.Errorf("again: %+v", p)
	}
	other := strings.NewReplacer("acmeCo", "other").Replace(flow)
	publish(t, conn, build(t, other, module), "/other")
	if p := publish(t, conn, build(t, flow, module+"// more\n"), "/flow"); names(p.Changed) != "" && names(p.Changed) != "acmeCo/b" || len(p.Removed) != 0 {
		t.Errorf("a module with another comment: %+v", p)
	}
	changed := strings.Replace(module, "doc.id", "doc.id + '!'", 1)
	if p := publish(t, conn, build(t, flow, changed), "/flow"); names(p.Changed) != "acmeCo/b" {
		t.Errorf("changed: %+v", p)
	}
	small := flow[:strings.Index(flow, "materializations:")]
	if p := publish(t, conn, build(t, small, changed), "/flow"); names(p.Removed) != "acmeCo/db" {
		t.Errorf("smaller: %+v", p)
	}
	records, err := controlplane.Records(context.Background(), conn)
	if err != nil || len(records) != 5 {
		t.Errorf("%d records, %v", len(records), err)
	}
	info, err := conn.StreamInfo(context.Background(), "acmeCo=a")
	if err != nil || info.Metadata["weir.catalog-name"] != "acmeCo/a" || info.Metadata["weir.kind"] != "collection" || info.Metadata["weir.build"] != "test" {
		t.Errorf("stream: %+v, %v", info, err)
	}
}

// TestRefusedDefault refuses another default of a key's component, whichever of the
// schemas it stands in; what it means for the key is what counts, not how it is written.
func TestRefusedDefault(t *testing.T) {
	const text = `
collections:
  acmeCo/a:
    key: [/id, /part, /run]
    writeSchema: {type: object, required: [id], properties: {id: {type: string}, part: {type: integer, default: 1}, run: {type: ["null", string], default: null}}}
    readSchema: {allOf: [{$ref: "flow://relaxed-write-schema"}, {type: object, required: [id], properties: {id: {type: string}, part: {type: integer}, run: {type: ["null", string]}}}]}
`
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, text, module), "/flow")
	c := build(t, strings.NewReplacer("default: 1", "default: 2", "default: null", "default: x").Replace(text), module)
	_, err := controlplane.Publish(context.Background(), conn, c, controlplane.Options{Catalog: "/flow"})
	if err == nil || !strings.Contains(err.Error(), "/collections/acmeCo~1a/key/1: the default of /part in a published collection cannot change: documents without it are stored under 1 (publish a new collection") ||
		!strings.Contains(err.Error(), "/collections/acmeCo~1a/key/2: the default of /run in a published collection cannot change: documents without it are stored under null") {
		t.Errorf("defaults: %v", err)
	}
	same := strings.Replace(text, "part: {type: integer}, run", "part: {type: integer, default: 1}, run", 1)
	if p := publish(t, conn, build(t, same, module), "/flow"); names(p.Changed) != "acmeCo/a" {
		t.Errorf("the same default in both schemas: %+v", p)
	}
}

// TestRefused lists what a publication refuses, with the place of each fault.
func TestRefused(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, flow, module), "/flow")
	for change, want := range map[[2]string]string{
		{"    key: [/id]\n    schema: {type: object, required: [id, n]", "    key: [/n]\n    schema: {type: object, required: [id, n]"}:                                                          "flow.yaml:3:1: /collections/acmeCo~1a/key: the key of a published collection cannot change: it is [/id]",
		{"    key: [/id]\n    schema: {type: object, required: [id, n]", "    key: [/id]\n    partitions: 4\n    schema: {type: object, required: [id, n]"}:                                      "/collections/acmeCo~1a/partitions: the number of partitions of a published collection cannot change: it is 16",
		{"    key: [/id]\n    schema: {type: object, required: [id, n]", "    key: [/id]\n    projections: {by: {location: /n, partition: true}}\n    schema: {type: object, required: [id, n]"}: "/collections/acmeCo~1a/projections: the logical partitions of a published collection cannot change: they are none",
	} {
		c := build(t, strings.Replace(flow, change[0], change[1], 1), module)
		_, err := controlplane.Publish(context.Background(), conn, c, controlplane.Options{Catalog: "/flow"})
		var faults catalog.Errors
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if p := publish(t, conn, build(t, flow, module), "/flow"); p.ID != "" {
		t.Errorf("a refused publication changed something: %+v", p)
	}
}

// TestBuildErrors places a module's fault in the module.
func TestBuildErrors(t *testing.T) {
	for js, want := range map[string]string{
		"export function fromA({ doc }) {\n  return {;\n}\n": "b.js:2:",
		"export function other() {}\n":                       "fromA",
		"throw new Error('at start');\n":                     "at start",
	} {
		err := controlplane.Build(load(t, flow, js))
		var faults catalog.Errors
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", js, err, want)
		}
	}
}

// TestCheck asks the connectors.
func TestCheck(t *testing.T) {
	k := controlplane.Connectors{Sinks: sinks.Registry{"sqlite": sqlite.New()}, DataDir: t.TempDir()}
	if err := k.Check(context.Background(), build(t, flow, module)); err != nil {
		t.Error(err)
	}
	for change, want := range map[string]string{
		"sqlite: {path: out.db}": "flow.yaml:13:1: /materializations/acmeCo~1db: ",
		"mysql: {}":              `"mysql" is unknown: this weir has sqlite`,
		"sqlite: {pth: out.db}":  "pth",
	} {
		text := strings.Replace(flow, "sqlite: {path: out.db}", change, 1)
		if change == "sqlite: {path: out.db}" {
			text = strings.Replace(text, "{table: b}", "{tabel: b}", 1)
		}
		err := k.Check(context.Background(), build(t, text, module))
		var faults catalog.Errors
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", change, err, want)
		}
	}
}

// TestStreamMadeAgain gives a stream that is gone sequences that nobody has
// seen.
func TestStreamMadeAgain(t *testing.T) {
	ctx := context.Background()
	conn := weirtest.Connect(t, weirtest.Server(t))
	for block := range uint64(3) {
		publish(t, conn, build(t, flow, module), "/flow")
		seq, err := conn.Publish(ctx, journal.Outgoing{Subject: collection.PubSubject("acmeCo/a", "x"), Data: []byte(`{"id":"x","n":1}`)})
		if err != nil || seq>>40 != block {
			t.Fatalf("stream %d: sequence %d, %v", block, seq, err)
		}
		if err := conn.DeleteStream(ctx, "acmeCo=a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := controlplane.Unpublish(ctx, conn, "/flow"); err != nil {
		t.Fatal(err)
	}
	publish(t, conn, build(t, flow, module), "/flow")
	seq, err := conn.Publish(ctx, journal.Outgoing{Subject: collection.PubSubject("acmeCo/a", "x"), Data: []byte(`{"id":"x","n":1}`)})
	if err != nil || seq>>40 < 3 {
		t.Errorf("removed and published again: sequence %d, %v", seq, err)
	}
}

// TestCaptureTarget refuses another target of a published capture, and takes a
// capture of another name.
func TestCaptureTarget(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	to := func(capture, target string) *catalog.Catalog {
		return &catalog.Catalog{Captures: map[string]*catalog.Capture{capture: {Name: capture, Bindings: []catalog.CaptureBinding{{Target: target}}, Origin: catalog.Origin{File: "flow.yaml", Line: 7}}}}
	}
	publish(t, conn, to("acmeCo/in", "acmeCo/a"), "/flow")
	_, err := controlplane.Publish(context.Background(), conn, to("acmeCo/in", "acmeCo/b"), controlplane.Options{Catalog: "/flow"})
	var faults catalog.Errors
	if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Path != "/captures/acmeCo~1in/bindings/0/target" || faults[0].Line != 7 || !strings.Contains(faults[0].Message, "acmeCo/a") || faults[0].Hint == "" {
		t.Errorf("another target: %v", err)
	}
	publish(t, conn, to("acmeCo/other", "acmeCo/b"), "/flow")
}

// TestForeignStream does not take over what is not Weir's.
func TestForeignStream(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	foreign := journal.StreamConfig{Name: "mine", Subjects: []string{"weir.pub.acmeCo/a"}, Metadata: map[string]string{"weir.kind": "other"}}
	if _, err := conn.EnsureStream(context.Background(), foreign); err != nil {
		t.Fatal(err)
	}
	_, err := controlplane.Publish(context.Background(), conn, build(t, flow, module), controlplane.Options{Catalog: "/flow"})
	if err == nil || !strings.Contains(err.Error(), "mine") {
		t.Errorf("a stream in the way: %v", err)
	}
}

// TestPaths keeps the machine's paths out of records, but for the root.
func TestPaths(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	dir := weirtest.Files(t, map[string]string{"flow.yaml": flow, "b.js": module})
	weirtest.Publish(t, conn, dir)
	records, err := controlplane.Records(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Catalog != dir {
			t.Errorf("%s is of %s", r.Name(), r.Catalog)
		}
		if r.Collection != nil && r.Collection.Derive != nil && strings.Contains(r.Collection.Derive.Using.JavaScript.Bundle, filepath.Dir(dir)+string(os.PathSeparator)) {
			t.Errorf("the bundle of %s holds the path %s", r.Name(), dir)
		}
	}
}
