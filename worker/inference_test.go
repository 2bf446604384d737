package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"weir/collection"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/schema"
	"weir/worker"
)

// inferring is a catalog of collections that are read by the schema of what was seen in them.
var inferring = map[string]string{"flow.yaml": `
collections:
  acmeCo/events:
    key: [/id]
    onInvalid: quarantine
    writeSchema: {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}
    readSchema: {allOf: [{$ref: "flow://relaxed-write-schema"}, {$ref: "flow://inferred-schema"}]}
  acmeCo/marked:
    key: [/id]
    writeSchema: {type: object, required: [id], properties: {id: {type: string}}}
    readSchema: {$ref: "flow://inferred-schema"}
    derive:
      using: {javascript: {module: marked.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: fromEvents, source: acmeCo/events, shuffle: {key: [/id]}}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/events, resource: {table: events}, fields: {require: {late: {}}}}
      - {source: acmeCo/marked, resource: {table: marked}}
`, "marked.js": `
export function fromEvents({ doc, register }) {
  register.set(register.value + 1);
  const out = { id: doc.id, times: register.value };
  if (doc.late) out.late = { was: doc.late };
  return out;
}`}

// TestInferred lets documents of new shapes come by every way. Each widens what readers
// know: the destination gets the columns, no task stops, nothing is published meanwhile, and only what
// writers may not write is refused.
func TestInferred(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	dir := t.TempDir()
	c := weirtest.Publish(t, conn, weirtest.Files(t, inferring))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	through := func() {
		t.Helper()
		waitFor(t, "the inbox to be empty", func() bool {
			_, err := conn.Last(weirtest.Context(t), collection.StreamName("acmeCo/events"), collection.PubFilter())
			return err != nil
		})
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/marked", "acmeCo/events")
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/events", "acmeCo/marked")
	}
	table := func(query string, want map[string]string) {
		t.Helper()
		weirtest.Same(t, query, weirtest.Rows(t, filepath.Join(dir, "out.db"), query), want)
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/events"], `{"id":"a","n":1}`, `{"id":"b","n":2,"note":"x"}`)
	through()
	table(`select id, n||coalesce(note, '-') from events`, map[string]string{"a": "1-", "b": "2x"})
	weirtest.Send(t, conn, "weir.pub.acmeCo/events", `{"id":"c","inbox":true}`) // by the inbox
	through()
	table(`select id, inbox from events where inbox is not null`, map[string]string{"c": "1"})
	weirtest.Send(t, conn, "weir.pub.acmeCo/events.d", `{"id":"d","n":7,"deep":{"x":[1]}}`) // past all entrances
	weirtest.Send(t, conn, "weir.pub.acmeCo/events.a", `{"id":"a","late":"2026-01-31"}`)
	through()
	table(`select id, coalesce(n, '-')||coalesce(late, '-')||coalesce(deep, '-') from events where n = 7 or late is not null`,
		map[string]string{"d": `7-{"x":[1]}`, "a": "-2026-01-31-"})
	table(`select id, times||coalesce(late, '-') from marked`, map[string]string{"a": `2{"was":"2026-01-31"}`, "b": "1-", "c": "1-", "d": `1-`})
	weirtest.Send(t, conn, "weir.pub.acmeCo/events.e", `{"id":"e","n":"no integer"}`, `{"id":"e","n":5}`)
	through()
	table(`select id, n from events where n > 4`, map[string]string{"d": "7", "e": "5"})
	bad := quarantined(t, conn, "acmeCo/events")
	if len(bad) != 2 || bad[0].Header["Weir-Rule"] != "type" || bad[0].Header["Weir-Pointer"] != "/n" {
		t.Errorf("quarantine: %v", bad)
	}
	for _, s := range w.Status() {
		if s.State != worker.StateRunning {
			t.Errorf("%s %s is %s: %+v", s.Kind, s.Task, s.State, s.Why)
		}
	}
	checkHistory(t, conn, "acmeCo/events", `{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"},"note":{"type":"string"},"inbox":{"type":"boolean"},`+
		`"deep":{"type":"object","properties":{"x":{"type":"array","items":{"type":"integer"}}},"additionalProperties":false},"late":{"type":"string","format":"date"}},"additionalProperties":false}`)
	checkHistory(t, conn, "acmeCo/marked", `{"type":"object","properties":{"id":{"type":"string"},"times":{"type":"integer"},`+
		`"late":{"type":"object","properties":{"was":{"type":"string","format":"date"}},"additionalProperties":false}},"additionalProperties":false}`)
}

// checkHistory compares the newest inferred schema, and makes sure that each version takes all that the one before
// it does.
func checkHistory(t *testing.T, conn *journal.Conn, name, want string) {
	t.Helper()
	versions, err := worker.InferredHistory(weirtest.Context(t), conn, name)
	if err != nil || len(versions) == 0 {
		t.Fatalf("history: %v %v", versions, err)
	}
	former := schema.NewObserved()
	for i, v := range versions {
		now, err := schema.ParseObserved(v.Schema)
		if err != nil || v.V != 1 || v.Version != i+1 || v.Collection != name || v.Time.IsZero() {
			t.Fatalf("%+v: %v", v, err)
		}
		if now.Merge(former) || !former.Merge(now) {
			t.Errorf("version %d is not wider than the one before: %s", v.Version, v.Schema)
		}
	}
	if got := string(versions[len(versions)-1].Schema); got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
	}
}

// TestInferredBurst reads many documents of which each has a shape of its own and nobody told: the
// first reader that meets one looks at those behind it, too.
func TestInferredBurst(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	dir := t.TempDir()
	weirtest.Publish(t, conn, weirtest.Files(t, inferring))
	want := map[string]string{}
	for i := range 100 {
		weirtest.Send(t, conn, fmt.Sprintf("weir.pub.acmeCo/events.k%d", i), fmt.Sprintf(`{"id":"k%d","m%d":%d}`, i, i, i))
		want[fmt.Sprintf("k%d", i)] = fmt.Sprint(i)
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/marked", "acmeCo/events")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/events")
	columns := make([]string, len(want))
	for i := range columns {
		columns[i] = fmt.Sprintf("m%d", i)
	}
	weirtest.Same(t, "events", weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, coalesce("+strings.Join(columns, ",")+") from events"), want)
	versions, err := worker.InferredHistory(weirtest.Context(t), conn, "acmeCo/events")
	if err != nil || len(versions) > 2 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
}

// TestInferredBeforeCommit cuts between the inferred schema and the commit: the schema is
// there first, so that no reader meets a document that nobody told of.
func TestInferredBeforeCommit(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, inferring))
	o := weirtest.Options(t, conn, t.TempDir())
	var once atomic.Bool
	o.Cut = func(task, point string) error {
		if task == "acmeCo/marked" && point == "infer.after" && once.CompareAndSwap(false, true) {
			return fmt.Errorf("cut at %s with %d documents", point, len(weirtest.Documents(t, conn, "acmeCo/marked")))
		}
		return nil
	}
	w, _ := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/events"], `{"id":"a"}`)
	s := weirtest.Await(t, w, worker.KindDerivation, "acmeCo/marked", "cut", func(s worker.Status) bool { return s.Why != nil })
	if s.Why.Message != "cut at infer.after with 0 documents" {
		t.Errorf("it failed with: %s", s.Why.Message)
	}
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/marked", "acmeCo/events")
	if got := texts(weirtest.Documents(t, conn, "acmeCo/marked")); got != `{"id":"a","times":1}` {
		t.Errorf("documents: %s", got)
	}
	checkHistory(t, conn, "acmeCo/marked", `{"type":"object","properties":{"id":{"type":"string"},"times":{"type":"integer"}},"additionalProperties":false}`)
}

// TestInferredTogether lets many entrances widen one schema at the same time: none of what
// they saw is lost.
func TestInferredTogether(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, inferring))
	const writers, rounds = 4, 5
	ended := make(chan error, writers)
	for i := range writers {
		go func() {
			var err error
			for n := range rounds {
				err = errors.Join(err, weirtest.Pour(context.Background(), conn, c.Collections["acmeCo/events"], []string{fmt.Sprintf(`{"id":"%d","w%d-%d":%d}`, i, i, n, n)}))
			}
			ended <- err
		}()
	}
	for range writers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	versions, err := worker.InferredHistory(weirtest.Context(t), conn, "acmeCo/events")
	if err != nil {
		t.Fatal(err)
	}
	var newest struct{ Properties map[string]any }
	if err := json.Unmarshal(versions[len(versions)-1].Schema, &newest); err != nil || len(newest.Properties) != 1+writers*rounds {
		t.Errorf("%d properties of %d: %v", len(newest.Properties), 1+writers*rounds, err)
	}
}
