// Package weirtest is what tests of several packages share: a NATS server, a
// published catalog, a worker, a child process that can be killed, and a
// checker that waits for what must come.
package weirtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/journal"
	"weir/journal/server"
	"weir/sinks"
	"weir/sinks/postgres"
	"weir/sinks/sqlite"
	"weir/worker"
)

// Patience is how long a test waits for what must come.
const Patience = 60 * time.Second

// Context ends with the test, or when patience has run out.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 4*Patience)
	t.Cleanup(cancel)
	return ctx
}

// Server starts a NATS server on disk with a port of its own.
func Server(t testing.TB) *server.Server {
	t.Helper()
	s, err := server.Start(server.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Connect connects to a server that Server started.
func Connect(t testing.TB, s *server.Server) *journal.Conn {
	t.Helper()
	c, err := journal.Connect(Context(t), journal.Options{Plain: true, URL: s.URL(), Name: t.Name(), MaxBatch: server.MaxBatch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Files writes a catalog: file names and texts.
func Files(t testing.TB, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Load loads and builds a catalog.
func Load(t testing.TB, path string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := controlplane.Build(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Publish loads, builds and publishes a catalog.
func Publish(t testing.TB, conn *journal.Conn, path string) *catalog.Catalog {
	t.Helper()
	c := Load(t, path)
	PublishBuilt(t, conn, path, c)
	return c
}

// PublishBuilt publishes a catalog that is built already.
func PublishBuilt(t testing.TB, conn *journal.Conn, path string, c *catalog.Catalog) {
	t.Helper()
	if _, err := controlplane.Publish(Context(t), conn, c, controlplane.Options{Catalog: path, Prune: true}); err != nil {
		t.Fatal(err)
	}
}

// Options are a worker's, with the built-in sinks and the test's log.
func Options(t testing.TB, conn *journal.Conn, dataDir string) worker.Options {
	return worker.Options{
		Conn: conn, Sinks: sinks.Registry{"postgres": postgres.New(), "sqlite": sqlite.New()}, DataDir: dataDir, TempDir: dataDir,
		Log: zaptest.NewLogger(t), Limits: worker.Limits{Backoff: 5 * time.Millisecond, Rest: 20 * time.Millisecond},
	}
}

// Run runs a worker until the test ends or stop is called.
func Run(t testing.TB, o worker.Options) (w *worker.Worker, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := worker.New(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	}
	t.Cleanup(stop)
	return w, stop
}

// Await waits until a task's status is as wanted, and gives it.
func Await(t testing.TB, w *worker.Worker, kind, task, what string, done func(worker.Status) bool) worker.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var last worker.Status
	err := w.Wait(ctx, func(all []worker.Status) bool {
		for _, s := range all {
			if s.Kind == kind && s.Task == task {
				last = s
				return done(s)
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("%s %s: not %s: it is %s %s at %v", kind, task, what, last.State, why(last), last.Positions)
	}
	return last
}

func why(s worker.Status) string {
	if s.Why == nil {
		return ""
	}
	return fmt.Sprintf("(%s: %s)", s.Why.Code, s.Why.Message)
}

// State waits until a task is in a state.
func State(t testing.TB, w *worker.Worker, kind, task string, state worker.State) worker.Status {
	t.Helper()
	return Await(t, w, kind, task, string(state), func(s worker.Status) bool { return s.State == state })
}

// ReadThrough waits until every source of a task is read to its end. A source
// that several transforms or bindings read stands there once for each: one that
// has read nothing yet has no position.
func ReadThrough(t testing.TB, w *worker.Worker, conn *journal.Conn, kind, task string, sources ...string) {
	t.Helper()
	through, readers := map[string]uint64{}, map[string]int{}
	for _, source := range sources {
		through[source] = LastSeq(t, conn, source)
		readers[source]++
	}
	Await(t, w, kind, task, "through its sources", func(s worker.Status) bool {
		for source, seq := range through {
			lowest, count := positionsOf(s, source)
			if seq > 0 && (lowest < seq || count < readers[source]) {
				return false
			}
		}
		return true
	})
}

// PositionOf gives the lowest position that a task has in a source.
func PositionOf(s worker.Status, source string) uint64 {
	lowest, _ := positionsOf(s, source)
	return lowest
}

// positionsOf gives the lowest of a task's positions in a source, 0 when there
// is none, and how many there are.
func positionsOf(s worker.Status, source string) (lowest uint64, count int) {
	for key, seq := range s.Positions {
		if !strings.HasSuffix(key, "/"+source) {
			continue
		}
		if count == 0 || seq < lowest {
			lowest = seq
		}
		count++
	}
	return lowest, count
}

// LastSeq gives the sequence of the newest document of a collection, 0 when
// there is none.
func LastSeq(t testing.TB, conn *journal.Conn, name string) uint64 {
	t.Helper()
	m, err := conn.Last(Context(t), collection.StreamName(name), collection.DocFilter(name))
	if errors.Is(err, journal.ErrNoMessage) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Seq
}

// Documents gives the stored documents of a collection in order.
func Documents(t testing.TB, conn *journal.Conn, name string) []journal.Message {
	t.Helper()
	var out []journal.Message
	err := conn.ReadAll(Context(t), collection.StreamName(name), collection.DocFilter(name), 0, func(m journal.Message) error {
		out = append(out, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Reduced gives the documents of a collection, fully reduced, by the JSON
// text of their keys, without those that are deleted.
func Reduced(t testing.TB, conn *journal.Conn, spec *catalog.Collection) map[string]string {
	t.Helper()
	c, err := collection.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	m := c.ForReading().NewCombiner(collection.CombinerOptions{Full: true})
	defer m.Close()
	for _, d := range Documents(t, conn, spec.Name) {
		if err := m.Add(d.Data); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]string{}
	err = m.Drain(func(d collection.Combined) error {
		if d.Deleted {
			return nil
		}
		out[keyText(t, d.Packed)] = string(d.Doc.AppendSorted(nil, 0))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
