package worker_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"weir/collection"
	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// A paused task commits what is open and stands still, through publications of
// it and restarts of its worker; resumed, it goes on with what came meanwhile.
func TestPause(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	in := c.Collections["acmeCo/in"]
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, in, `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if _, err := controlplane.Pause(t.Context(), conn, "acmeCo/out", "me@here", "the disk is full"); err != nil {
		t.Fatal(err)
	}
	paused := func(w *worker.Worker) {
		t.Helper()
		s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StatePaused)
		if s.Why == nil || s.Why.Code != "paused" || !strings.HasPrefix(s.Why.Message, "paused by me@here at ") || !strings.HasSuffix(s.Why.Message, ": the disk is full") || s.Why.Fix == "" {
			t.Errorf("why: %+v", s.Why)
		}
	}
	paused(w)
	weirtest.Ingest(t, conn, in, `{"id":"b"}`)
	weirtest.Publish(t, conn, weirtest.Files(t, flow("quarantine", strings.Replace(pass, "return doc", "return {...doc, n: 1}", 1))))
	stop()
	w, _ = weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	paused(w)
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"}` {
		t.Errorf("while paused: %s", got)
	}
	if _, err := controlplane.Resume(t.Context(), conn, "acmeCo/out", "you@there"); err != nil {
		t.Fatal(err)
	}
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); !strings.HasSuffix(got, `{"id":"b","n":1}`) || strings.Count(got, "id") != 2 {
		t.Errorf("resumed: %s", got)
	}
}

// A record of a control that this weir cannot read pauses: to go on might be the
// opposite of what its writer wanted.
func TestControlOfNewerWeir(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	bucket, err := conn.EnsureBucket(t.Context(), journal.BucketConfig{Name: worker.CatalogBucket})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(t.Context(), collection.ControlKey(worker.KindDerivation, "acmeCo/out"), []byte(`{"v":99}`)); err != nil {
		t.Fatal(err)
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StatePaused)
	if !strings.Contains(s.Why.Message, "format version 99") {
		t.Errorf("why: %+v", s.Why)
	}
}

// twoFlow has two derivations of one collection, and a table of the second.
const twoFlow = `
collections:
  acmeCo/in:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
  acmeCo/one:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: "export function fromIn({doc}) { return doc; }"}}
      transforms: [{name: fromIn, source: acmeCo/in, shuffle: any}]
  acmeCo/two:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: "export function fromIn({doc}) { return doc; }"}}
      transforms: [{name: fromIn, source: acmeCo/in, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/two, resource: {table: two}}]
`

// A publication that changes one derivation leaves the others' shards as they
// are: they are not claimed again, their sessions stay open, their counters and
// the time since which they run go on.
func TestOnlyChangedTasksRestart(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	path := weirtest.Files(t, map[string]string{"flow.yaml": twoFlow})
	c := weirtest.Publish(t, conn, path)
	var mu sync.Mutex
	claims := map[string]int{}
	o := weirtest.Options(t, conn, t.TempDir())
	o.Cut = func(task, point string) error {
		mu.Lock()
		defer mu.Unlock()
		if point == "claim.marker" {
			claims[task]++
		}
		return nil
	}
	w, _ := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	settled := func() map[string]worker.Status {
		t.Helper()
		out := map[string]worker.Status{}
		for _, name := range []string{"acmeCo/one", "acmeCo/two"} {
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, name, "acmeCo/in")
		}
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/two")
		for _, s := range w.Status() {
			out[s.Task] = s
		}
		return out
	}
	before := settled()
	weirtest.PublishBuilt(t, conn, path, weirtest.Load(t, weirtest.Files(t, map[string]string{
		"flow.yaml": strings.Replace(twoFlow, "return doc;", "return [doc];", 1),
	})))
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/one", "started again", func(s worker.Status) bool {
		return s.State == worker.StateRunning && s.Since.After(before["acmeCo/one"].Since)
	})
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"b"}`)
	after := settled()
	mu.Lock()
	defer mu.Unlock()
	if claims["acmeCo/one"] != 2 || claims["acmeCo/two"] != 1 {
		t.Errorf("claims: %v", claims)
	}
	for _, name := range []string{"acmeCo/two", "acmeCo/db"} {
		if was, is := before[name], after[name]; was.In != 1 || is.In != 2 || !is.Since.Equal(was.Since) {
			t.Errorf("%s was disturbed: %d documents since %s, then %d since %s", name, was.In, was.Since, is.In, is.Since)
		}
	}
	if is := after["acmeCo/one"]; is.In != 1 {
		t.Errorf("acmeCo/one read %d documents since it started again", is.In)
	}
}

// What failed for something outside the catalog starts again when somebody says
// that it is mended; what runs already is left alone.
func TestResumeAfterAFailure(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/in: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}
materializations:
  acmeCo/db: {endpoint: {sqlite: {path: "${file:where}"}}, bindings: [{source: acmeCo/in, resource: {table: docs}}]}
`}))
	core, lines := observer.New(zap.InfoLevel)
	o := weirtest.Options(t, conn, t.TempDir())
	o.Log = zap.New(core)
	w, _ := weirtest.Run(t, o)
	s := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateFailed)
	if s.Why.Code != "secret" || s.LastFailure == nil || s.LastFailure.Why.Code != "secret" {
		t.Fatalf("failed for %+v, %+v", s.Why, s.LastFailure)
	}
	if err := os.WriteFile(filepath.Join(o.DataDir, "where"), []byte("docs.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	resume := func() {
		t.Helper()
		if _, err := controlplane.Resume(t.Context(), conn, "acmeCo/db", "me"); err != nil {
			t.Fatal(err)
		}
	}
	resume()
	s = weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRunning)
	resume()
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/in")
	if now := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRunning); !now.Since.Equal(s.Since) {
		t.Errorf("runs since %s, then since %s", s.Since, now.Since)
	}
	if n := lines.FilterMessage("task runs").FilterField(zap.String("task", "acmeCo/db")).Len(); n != 1 {
		t.Errorf("%d lines say that it runs: %+v", n, lines.All())
	}
}
