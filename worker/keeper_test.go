package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"weir/internal/weirtest"
	"weir/sinks"
	"weir/worker"
)

// delivering is a sink without transactions: it keeps each row that a commit
// brought, in order, and no checkpoint.
type delivering struct {
	mu     sync.Mutex
	rows   []string
	opened int
}

func (*delivering) Spec() sinks.Spec { return sinks.Spec{} }

func (*delivering) Validate(_ context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	fields := map[string]sinks.Constraint{}
	for _, p := range r.Bindings[0].Collection.Projections {
		fields[p.Field] = sinks.Constraint{Type: sinks.FieldOptional}
	}
	return sinks.Validated{Bindings: []sinks.ValidatedBinding{{ResourcePath: []string{"out"}, Delta: true, Constraints: fields}}}, nil
}

func (*delivering) Apply(context.Context, sinks.ApplyRequest) (sinks.Applied, error) {
	return sinks.Applied{}, nil
}

func (d *delivering) Open(context.Context, sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	return &delivery{sink: d}, sinks.Opened{}, nil
}

// seen gives how often each document was delivered, and the sessions so far.
func (d *delivering) seen() (times map[string]int, opened int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	times = map[string]int{}
	for _, row := range d.rows {
		times[row]++
	}
	return times, d.opened
}

type delivery struct {
	sink *delivering
	open []string
}

func (*delivery) Load(context.Context, int, [][]byte, func(int, []byte) error) error { return nil }

func (s *delivery) Store(_ context.Context, _ int, rows []sinks.Row) error {
	for _, r := range rows {
		s.open = append(s.open, string(r.Raw))
	}
	return nil
}

func (s *delivery) Commit(context.Context, []byte) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.rows = append(s.sink.rows, s.open...)
	s.open = nil
	return nil
}

func (s *delivery) Rollback(context.Context) error { s.open = nil; return nil }
func (s *delivery) Close() error                   { return nil }

var deliveringFlow = map[string]string{"flow.yaml": `
collections:
  acmeCo/in:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
materializations:
  acmeCo/out:
    endpoint: {delivering: {}}
    bindings:
      - {source: acmeCo/in, resource: {name: out}}
`}

// TestAtLeastOnce fails a materialization whose endpoint keeps no checkpoint
// before and behind its commits: what was confirmed and not yet noted comes
// once more, nothing else does, and nothing is left out. A start after a clean
// stop goes on where the last one was.
func TestAtLeastOnce(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, deliveringFlow))
	sink := &delivering{}
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sinks = sinks.Registry{"delivering": sink}
	failed, points := failAt(&o, []string{"acmeCo/out sink.commit.before 1", "acmeCo/out sink.commit.after 2", "acmeCo/out sink.checkpoint.after 1"})
	w, stop := weirtest.Run(t, o)
	next := 0
	ingest := func() {
		t.Helper()
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], fmt.Sprintf(`{"id":"d-%d"}`, next))
		next++
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/out", "acmeCo/in")
	}
	for range 6 {
		ingest()
	}
	if failed.Load() != int64(points) {
		t.Fatalf("%d of %d points failed", failed.Load(), points)
	}
	times, opened := sink.seen()
	if len(times) != next || opened != points+1 {
		t.Fatalf("%d of %d documents in %d sessions", len(times), next, opened)
	}
	again := 0
	for _, n := range times {
		again += n - 1
	}
	if again != 1 {
		t.Errorf("%d documents came again, want the one whose checkpoint was not written: %v", again, times)
	}
	stop()
	w, _ = weirtest.Run(t, o)
	ingest()
	if after, _ := sink.seen(); len(after) != next || after["{\"id\":\"d-0\"}"] != times["{\"id\":\"d-0\"}"] {
		t.Errorf("after a new start: %v", after)
	}
}

// TestAtLeastOnceFence lets a second worker open the shard: the first one's
// next checkpoint is refused, and its task stands down.
func TestAtLeastOnceFence(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, deliveringFlow))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sinks = sinks.Registry{"delivering": &delivering{}}
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	first := o
	first.Cut = func(task, point string) error {
		if task == "acmeCo/out" && point == "sink.commit.after" {
			once.Do(func() { close(held) })
			<-release
		}
		return nil
	}
	old, _ := weirtest.Run(t, first)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	<-held
	w, _ := weirtest.Run(t, o)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/out", "acmeCo/in")
	close(release)
	s := weirtest.State(t, old, worker.KindMaterialization, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "taken-over" {
		text, _ := json.Marshal(s.Why)
		t.Errorf("the first owner says %s", text)
	}
}
