package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/catalog"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sources"
	"weir/worker"
)

// counting is a source that gives numbered documents, a few a batch, and
// keeps in its state the number of the last one. It ends when all are given.
type counting struct {
	total, batch int

	mu     sync.Mutex
	opened []string // states
	acked  int      // batches
}

func (s *counting) Spec() sources.Spec { return sources.Spec{} }

func (s *counting) Validate(_ context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	return sources.Validated{Bindings: make([]sources.ValidatedBinding, len(r.Bindings))}, nil
}

func (s *counting) Apply(context.Context, sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, nil
}

func (s *counting) Open(_ context.Context, r sources.OpenRequest) (sources.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, string(r.State))
	var at struct{ Done int }
	if r.State != nil {
		if err := json.Unmarshal(r.State, &at); err != nil {
			return nil, err
		}
	}
	return &countingSession{source: s, next: at.Done}, nil
}

type countingSession struct {
	source *counting
	next   int
}

func (s *countingSession) Pull(ctx context.Context) (sources.Batch, error) {
	if s.next >= s.source.total {
		return sources.Batch{}, io.EOF
	}
	var b sources.Batch
	for range min(s.source.batch, s.source.total-s.next) {
		b.Documents = append(b.Documents, sources.Document{Data: fmt.Appendf(nil, `{"id":"d-%05d","group":"g-%d","n":1}`, s.next, s.next%10)})
		s.next++
	}
	b.State, b.Merge = fmt.Appendf(nil, `{"Done":%d,"gone":null}`, s.next), true
	return b, ctx.Err()
}

func (s *countingSession) Acknowledge(_ context.Context, n int) error {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	s.source.acked += n
	return nil
}

func (s *countingSession) Close() error { return nil }

var captureFlow = map[string]string{"flow.yaml": `
collections:
  acmeCo/counted:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/count:
    endpoint: {counting: {}}
    interval: 1h
    bindings:
      - {resource: {name: numbers}, target: acmeCo/counted}
`}

// TestCapture fails a capture at each point of its commits and starts it
// again: the collection holds every document once, and each start goes on
// from the state that became durable with the documents.
func TestCapture(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, captureFlow))
	s := &counting{total: 5000, batch: 7}
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources = sources.Registry{"counting": s}
	o.Limits.BatchBytes = 20_000
	points := []string{"claim.marker", "stage.after", "commit.before", "commit.after", "acknowledge.after"}
	var mu sync.Mutex
	seen := map[string]int{}
	o.Cut = func(task, point string) error {
		mu.Lock()
		defer mu.Unlock()
		if seen[point]++; task == "acmeCo/count" && slices.Contains(points, point) && seen[point] == 3 {
			return errors.New("cut at " + point)
		}
		return nil
	}
	w, _ := weirtest.Run(t, o)
	waitFor(t, "the last document", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/counted")) >= s.total })
	status := weirtest.State(t, w, worker.KindCapture, "acmeCo/count", worker.StateRunning)
	if got := weirtest.Reduced(t, conn, c.Collections["acmeCo/counted"]); len(got) != s.total || len(weirtest.Documents(t, conn, "acmeCo/counted")) != s.total {
		t.Errorf("%d documents of %d in %d messages", len(got), s.total, len(weirtest.Documents(t, conn, "acmeCo/counted")))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) < 4 || s.opened[0] != "" || !strings.HasPrefix(s.opened[len(s.opened)-1], `{"Done":`) {
		t.Errorf("opened with %q", s.opened)
	}
	if s.acked == 0 || status.In < uint64(s.total) {
		t.Errorf("%d batches acknowledged, %d documents read", s.acked, status.In)
	}
}

// A checkpoint of more documents than a transaction holds fails the capture, and
// says that it is the connector that has to send them more often.
func TestCheckpointOfTooManyDocuments(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, captureFlow))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources = sources.Registry{"counting": &counting{total: 5000, batch: 5000}}
	w, _ := weirtest.Run(t, o)
	s := weirtest.State(t, w, worker.KindCapture, "acmeCo/count", worker.StateFailed)
	if s.Why.Code != "too-many-outputs" || !strings.HasPrefix(s.Why.Message, "one checkpoint of the connector has 5000 documents for acmeCo/counted, but one transaction holds at most ") {
		t.Errorf("%+v", s.Why)
	}
}

// TestDisabled starts nothing that the catalog disables, and stops what a
// later publication disables or leaves out; streams stay.
func TestDisabled(t *testing.T) {
	dir := t.TempDir()
	conn := weirtest.Connect(t, weirtest.Server(t))
	files := toTable()
	path := weirtest.Files(t, files)
	c := weirtest.Publish(t, conn, path)
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/in")
	republish(t, conn, path, c, func(c *catalog.Catalog) { c.Materializations["acmeCo/db"].Disable = true })
	weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateDisabled)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"b"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	weirtest.Same(t, "table", weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, id from docs"), map[string]string{"a": "a"})
	republish(t, conn, path, c, func(c *catalog.Catalog) { delete(c.Collections, "acmeCo/out") })
	waitFor(t, "the derivation to be gone", func() bool {
		return !slices.ContainsFunc(w.Status(), func(s worker.Status) bool { return s.Task == "acmeCo/out" })
	})
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"} {"id":"b"}` {
		t.Errorf("derived: %s", got)
	}
}

func republish(t *testing.T, conn *journal.Conn, path string, c *catalog.Catalog, change func(*catalog.Catalog)) {
	t.Helper()
	change(c)
	weirtest.PublishBuilt(t, conn, path, c)
}
