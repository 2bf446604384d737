package worker_test

import (
	"strings"
	"testing"
	"time"

	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// standing is a flow whose table has no server.
func standing() map[string]string {
	files := flow("stop", "export function fromIn({ doc }) {\n  if (doc.n === 13) throw new Error('no luck');\n  return { id: doc.id };\n}\n")
	files["flow.yaml"] += `
materializations:
  acmeCo/db:
    endpoint: {postgres: {address: "127.0.0.1:1", user: weir, password: x}}
    bindings: [{source: acmeCo/in, resource: {table: t}}]
`
	return files
}

// recounting gives options of a worker that counts often.
func recounting(t *testing.T, conn *journal.Conn) worker.Options {
	o := weirtest.Options(t, conn, t.TempDir())
	o.Limits.CountEvery = 20 * time.Millisecond
	return o
}

// waits awaits that so many messages wait for a task that stands still, by the
// task and by its one reader, and that the oldest of them has an age.
func waits(t *testing.T, w *worker.Worker, kind, task string, state worker.State, messages uint64) worker.Status {
	t.Helper()
	return weirtest.Await(t, w, kind, task, "behind by what is stored", func(s worker.Status) bool {
		if s.State != state || s.Lag != messages || (s.LagSeconds > 0) != (messages > 0) {
			return false
		}
		for _, b := range s.Bindings {
			if b.Collection == "acmeCo/in" {
				return b.Lag == messages && (b.LagSeconds > 0) == (messages > 0)
			}
		}
		return false
	})
}

// What is stored while a task is paused is behind it, also for a worker that has
// never run it; resumed, it catches up.
func TestLagOfAPausedTask(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	in := c.Collections["acmeCo/in"]
	w, stop := weirtest.Run(t, recounting(t, conn))
	weirtest.Ingest(t, conn, in, `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if _, err := controlplane.Pause(t.Context(), conn, "acmeCo/out", "me@here", ""); err != nil {
		t.Fatal(err)
	}
	waits(t, w, worker.KindDerivation, "acmeCo/out", worker.StatePaused, 0)
	weirtest.Ingest(t, conn, in, `{"id":"b"}`, `{"id":"c"}`)
	if s := waits(t, w, worker.KindDerivation, "acmeCo/out", worker.StatePaused, 2); len(s.Readers) != 1 || s.Readers[0].Name != "fromIn" || s.Readers[0].Through == 0 {
		t.Errorf("readers: %+v", s.Readers)
	}
	stop()
	weirtest.Ingest(t, conn, in, `{"id":"d"}`)
	w, _ = weirtest.Run(t, recounting(t, conn))
	waits(t, w, worker.KindDerivation, "acmeCo/out", worker.StatePaused, 3)
	if _, err := controlplane.Resume(t.Context(), conn, "acmeCo/out", "me@here"); err != nil {
		t.Fatal(err)
	}
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "caught up", func(s worker.Status) bool {
		return s.State == worker.StateRunning && s.Lag == 0 && s.LagSeconds == 0 && s.Out == 3
	})
}

// What a task failed at is behind it, with what came later; for one that could
// never start, all is.
func TestLagOfAFailedTask(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, standing()))
	in := c.Collections["acmeCo/in"]
	w, stop := weirtest.Run(t, recounting(t, conn))
	weirtest.Ingest(t, conn, in, `{"id":"a"}`, `{"id":"b"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	waits(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRetrying, 2)
	weirtest.Ingest(t, conn, in, `{"id":"c","n":13}`)
	waits(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed, 1)
	weirtest.Ingest(t, conn, in, `{"id":"d"}`)
	waits(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed, 2)
	waits(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRetrying, 4)
	stop()
	weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	w, _ = weirtest.Run(t, recounting(t, conn))
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "caught up", func(s worker.Status) bool {
		return s.State == worker.StateRunning && s.Lag == 0 && s.Out == 2
	})
}

// What waits for the tasks of a worker that is gone counts whoever reads the
// status.
func TestLagOfAWorkerThatIsGone(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	in := c.Collections["acmeCo/in"]
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, in, `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	stop()
	silence(t, conn)
	weirtest.Ingest(t, conn, in, `{"id":"b"}`, `{"id":"c"}`)
	all, err := worker.ReadStatus(weirtest.Context(t), conn)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if s := all[0]; s.Task != "acmeCo/out" || s.Lag != 2 || s.LagSeconds <= 0 || s.LagSeconds > 60 {
		t.Errorf("%s is behind by %d and %g s", s.Task, s.Lag, s.LagSeconds)
	}
	if s := all[1]; s.Kind != worker.KindInbox || s.Lag != 0 || s.LagSeconds != 0 {
		t.Errorf("the inbox is behind by %d and %g s", s.Lag, s.LagSeconds)
	}
}

// silence removes the workers' signs of life.
func silence(t *testing.T, conn *journal.Conn) {
	t.Helper()
	bucket, err := conn.Bucket(t.Context(), worker.StatusBucket)
	if err != nil {
		t.Fatal(err)
	}
	err = bucket.Scan(t.Context(), "worker", func(e journal.Entry) error {
		if !strings.HasPrefix(e.Key, "worker.") {
			return nil
		}
		return bucket.Delete(t.Context(), e.Key)
	})
	if err != nil {
		t.Fatal(err)
	}
}
