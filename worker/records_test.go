package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"

	"weir/internal/weirtest"
	"weir/sources"
	"weir/worker"
)

// noting is a source of batches of given sizes. Its documents are placed by
// itself, and each batch changes two records: its own, and one that counts.
type noting struct {
	sizes   []int
	pulling []chan struct{} // closed when the batch is asked for

	mu     sync.Mutex
	opened []map[string]json.RawMessage // records
	limits sources.Limits
}

func (*noting) Spec() sources.Spec { return sources.Spec{Records: true} }

func (*noting) Validate(_ context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	return sources.Validated{Bindings: make([]sources.ValidatedBinding, len(r.Bindings))}, nil
}

func (*noting) Apply(context.Context, sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, nil
}

func (s *noting) Open(_ context.Context, r sources.OpenRequest) (sources.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, maps.Clone(r.Records))
	s.limits = r.Limits
	return &notingSession{source: s, binding: r.Bindings[0], next: len(r.Records)}, nil
}

type notingSession struct {
	source  *noting
	binding sources.Binding
	next    int
}

func (s *notingSession) Pull(ctx context.Context) (b sources.Batch, err error) {
	n := max(s.next-1, 0) // batches that are durable: one record each, and the one that counts
	if n >= len(s.source.sizes) {
		<-ctx.Done()
		return b, ctx.Err()
	}
	close(s.source.pulling[n])
	s.next = n + 2
	checker := s.binding.Collection.Writes.Checker()
	for i := range s.source.sizes[n] {
		p := &sources.Placed{}
		text := fmt.Appendf(nil, `{"id":"d-%d-%d"}`, n, i)
		if err := p.Doc.Parse(text); err != nil {
			return b, err
		}
		subject, err := checker.Place(&p.Doc)
		if err != nil {
			return b, err
		}
		p.Subject = string(subject)
		b.Documents = append(b.Documents, sources.Document{Data: text, Placed: p})
	}
	b.Records = []sources.Record{{Key: fmt.Appendf(nil, "batch %d", n), Value: json.RawMessage(`true`)}, {Key: []byte("count"), Value: fmt.Appendf(nil, "%d", n+1)}}
	return b, nil
}

func (*notingSession) Acknowledge(context.Context, int) error { return nil }
func (*notingSession) Close() error                           { return nil }

// TestRecords lets batches wait behind a commit that together are more than a
// transaction holds: each is in one whole, none fails the task, and a new
// start has the records as of the last one.
func TestRecords(t *testing.T) {
	files := map[string]string{"flow.yaml": `
collections:
  acmeCo/noted:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/note:
    endpoint: {noting: {}}
    bindings:
      - {resource: {name: notes}, target: acmeCo/noted}
`}
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, files))
	s := &noting{sizes: []int{1, 100, 3950, 7}}
	for range s.sizes {
		s.pulling = append(s.pulling, make(chan struct{}))
	}
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources = sources.Registry{"noting": s}
	o.Cut = func(task, point string) error {
		if task == "acmeCo/note" && point == "commit.before" {
			<-s.pulling[3] // so that the second and the third batch are there together
		}
		return nil
	}
	w, stop := weirtest.Run(t, o)
	total := 0
	for _, n := range s.sizes {
		total += n
	}
	weirtest.Await(t, w, worker.KindCapture, "acmeCo/note", "through", func(s worker.Status) bool { return s.Out >= uint64(total) && s.Txns >= 2 })
	waitFor(t, "the documents", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/noted")) == total })
	stop()
	w, _ = weirtest.Run(t, o)
	weirtest.State(t, w, worker.KindCapture, "acmeCo/note", worker.StateRunning)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) != 2 || len(s.opened[0]) != 0 {
		t.Fatalf("opened with %v", s.opened)
	}
	if got := s.opened[1]; len(got) != 5 || string(got["count"]) != "4" || string(got["batch 2"]) != "true" {
		t.Errorf("opened again with %v", got)
	}
	if s.limits.Documents < 3950 || s.limits.DocumentBytes < 1<<19 {
		t.Errorf("limits %+v", s.limits)
	}
}
