package controlplane_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
	"weir/sinks"
	"weir/sinks/sqlite"
	"weir/sources"
)

// Two publications are made of the same state: the first one wins, the other
// is told, and nothing of it is published. Made anew, it goes through.
func TestConcurrent(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	mine, theirs := build(t, flow, module), build(t, strings.ReplaceAll(flow, "acmeCo", "other"), module)
	draft, err := controlplane.NewDraft(t.Context(), conn, mine, controlplane.Options{Catalog: "/mine"})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, conn, theirs, "/theirs")
	if _, err := draft.Publish(t.Context()); err == nil || err.Error() != "somebody else published at the same time" {
		t.Errorf("the second of two: %v", err)
	}
	if got := recordNames(t, conn); got != "other/a other/b other/db" {
		t.Errorf("published: %s", got)
	}
	if p := publish(t, conn, mine, "/mine"); len(p.Created) != 3 {
		t.Errorf("made anew: %+v", p)
	}
	if got := recordNames(t, conn); got != "acmeCo/a acmeCo/b acmeCo/db other/a other/b other/db" {
		t.Errorf("published: %s", got)
	}
}

func recordNames(t *testing.T, conn *journal.Conn) string {
	t.Helper()
	records, err := controlplane.Records(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = r.Name()
	}
	slices.Sort(all)
	return names(all)
}

// Only a publication that prunes stops what is gone from its root; streams
// stay in any case.
func TestKeepAndUnpublish(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, flow, module), "/flow")
	small := build(t, flow[:strings.Index(flow, "  acmeCo/b:")], module)
	p, err := controlplane.Publish(t.Context(), conn, small, controlplane.Options{Catalog: "/flow"})
	if err != nil || p.ID != "" || len(p.Removed) != 0 {
		t.Errorf("without pruning: %+v, %v", p, err)
	}
	if p, err = controlplane.Unpublish(t.Context(), conn, "/flow"); err != nil || names(p.Removed) != "acmeCo/a acmeCo/b acmeCo/db" {
		t.Errorf("unpublish: %+v, %v", p, err)
	}
	if got := recordNames(t, conn); got != "" {
		t.Errorf("still published: %s", got)
	}
	if _, err := conn.StreamInfo(t.Context(), collection.StreamName("acmeCo/a")); err != nil {
		t.Errorf("its stream: %v", err)
	}
}

// A publication that one batch or one message does not hold is refused before
// the first stream is made.
func TestTooLarge(t *testing.T) {
	s, err := server.Start(server.Options{StoreDir: t.TempDir(), MaxPayload: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	small, err := journal.Connect(t.Context(), journal.Options{Plain: true, URL: s.URL(), MaxBatch: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(small.Close)
	_, err = controlplane.Publish(t.Context(), small, build(t, flow, module), controlplane.Options{Catalog: "/flow"})
	if err == nil || err.Error() != "the publication changes 3 specs, but this server takes 2 in one step" {
		t.Errorf("too many specs: %v", err)
	}
	conn := weirtest.Connect(t, s)
	large := module + "const text = " + fmt.Sprintf("%q", strings.Repeat("x", 64<<10)) + ";\nexport const used = text;\n"
	_, err = controlplane.Publish(t.Context(), conn, build(t, flow, large), controlplane.Options{Catalog: "/flow"})
	if err == nil || !strings.HasPrefix(err.Error(), "acmeCo/b takes ") || !strings.Contains(err.Error(), "but the server takes messages of at most 64512") {
		t.Errorf("a large module: %v", err)
	}
	for _, name := range []string{"acmeCo/a", "acmeCo/b"} {
		if _, err := conn.StreamInfo(t.Context(), collection.StreamName(name)); !errors.Is(err, journal.ErrNoStream) {
			t.Errorf("stream of %s: %v", name, err)
		}
	}
	if got := recordNames(t, conn); got != "" {
		t.Errorf("published: %s", got)
	}
}

// Prepare makes what workers look for, any number of times, and publishes
// nothing.
func TestPrepare(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	for range 2 {
		if err := controlplane.Prepare(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	streams, err := conn.Streams(t.Context())
	if err != nil || len(streams) != 2 || streams[0].Name != "KV_weir_catalog" || streams[1].Name != collection.BadStream {
		t.Errorf("streams: %+v, %v", streams, err)
	}
	if got := recordNames(t, conn); got != "" {
		t.Errorf("published: %s", got)
	}
}

// Streams take part in the monitoring of the nats tools; the thresholds that
// an operator sets stay.
func TestMonitoring(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, build(t, flow, module), "/flow")
	c, err := collection.New(build(t, flow, module).Collections["acmeCo/b"])
	if err != nil {
		t.Fatal(err)
	}
	own := journal.StreamConfig{Name: c.StreamName(), Subjects: c.StreamSubjects(), Metadata: map[string]string{"weir.kind": "collection", "io.nats.monitor.msgs-critical": "5"}}
	if _, err := conn.EnsureStream(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	publish(t, conn, build(t, flow, strings.Replace(module, "doc.id", "doc.id + '!'", 1)), "/flow")
	for _, name := range []string{c.StreamName(), collection.BadStream} {
		info, err := conn.StreamInfo(t.Context(), name)
		if err != nil || info.Metadata["io.nats.monitor.enabled"] != "true" {
			t.Errorf("%s: %v, %v", name, info.Metadata, err)
		}
		if name == c.StreamName() && info.Metadata["io.nats.monitor.msgs-critical"] != "5" {
			t.Errorf("%s: the operator's threshold is gone: %v", name, info.Metadata)
		}
	}
}

// Every fault is told at once: those of all modules, those of all endpoints.
func TestAllFaultsAtOnce(t *testing.T) {
	two := strings.Replace(flow, "materializations:\n", `  acmeCo/c:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {typescript: {module: c.ts}}
      transforms: [{name: fromA, source: acmeCo/a, shuffle: any}]
captures:
  acmeCo/from:
    endpoint: {ftp: {}}
    bindings: [{resource: {}, target: acmeCo/a}]
materializations:
  acmeCo/also:
    endpoint: {mysql: {}}
    bindings: [{source: acmeCo/a, resource: {table: a}}]
`, 1)
	dir := weirtest.Files(t, map[string]string{"flow.yaml": two, "b.js": "export function fromA() {\n  return {;\n}\n", "c.ts": "\nexport function fromA(): number {\n  return ];\n}\n"})
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, controlplane.Build(c), "b.js:2:", "c.ts:3:")
	k := controlplane.Connectors{Sinks: sinks.Registry{"sqlite": sqlite.New()}, Sources: sources.Registry{}, DataDir: t.TempDir()}
	wantFaults(t, k.Check(t.Context(), c),
		`/captures/acmeCo~1from: capture endpoint "ftp" is unknown`,
		`/materializations/acmeCo~1also: materialization endpoint "mysql" is unknown: this weir has sqlite`)
}

func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	var faults catalog.Errors
	if !errors.As(err, &faults) || len(faults) != len(want) {
		t.Fatalf("%d faults wanted: %v", len(want), err)
	}
	for i, part := range want {
		if !strings.Contains(faults[i].Error(), part) || faults[i].Line < 1 {
			t.Errorf("no %q in %v", part, faults[i])
		}
	}
}
