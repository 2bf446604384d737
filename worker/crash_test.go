package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	"weir/sinks/sqlite"
	"weir/worker"
)

func TestMain(m *testing.M) {
	weirtest.Main(m, map[string]func() int{"worker": workerChild})
}

// Environment of the child.
const (
	envURL   = "WEIR_TEST_URL"
	envDir   = "WEIR_TEST_DIR"
	envPoint = "WEIR_TEST_POINT" // "<task> <point> <nth time>", empty for none
	envStop  = "WEIR_TEST_STOP"  // at the point: stop instead of kill
)

// workerChild runs a worker until it is killed, by itself at a named point or
// by its parent.
func workerChild() int {
	ctx := context.Background()
	conn, err := journal.Connect(ctx, journal.Options{Plain: true, URL: os.Getenv(envURL), Name: "child", MaxBatch: 200})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	o := worker.Options{
		Conn: conn, Sinks: sinks.Registry{"sqlite": sqlite.New()}, DataDir: os.Getenv(envDir), Cut: endAt(os.Getenv(envPoint)),
		Log: zap.NewExample(), Limits: worker.Limits{Backoff: 5 * time.Millisecond, Rest: 20 * time.Millisecond, Registers: 2 << 10},
	}
	w, err := worker.New(ctx, o)
	if err == nil {
		err = w.Run(ctx)
	}
	fmt.Println(err)
	return 1
}

// endAt gives a cut that kills or stops this process at a point.
func endAt(spec string) func(task, point string) error {
	fields := strings.Fields(spec)
	if len(fields) == 0 {
		return nil
	}
	nth, _ := strconv.Atoi(fields[2])
	signal := syscall.SIGKILL
	if os.Getenv(envStop) != "" {
		signal = syscall.SIGSTOP
	}
	var seen atomic.Int64
	return func(task, point string) error {
		if task == fields[0] && point == fields[1] && seen.Add(1) == int64(nth) {
			if err := syscall.Kill(os.Getpid(), signal); err != nil {
				return err
			}
		}
		return nil
	}
}

// cuts are the points of a commit, by the task that meets them.
var cuts = []string{
	"acmeCo/numbered claim.checkpoint 1", "acmeCo/numbered claim.marker 1", "acmeCo/numbered claim.restored 1",
	"acmeCo/numbered stage.after 2", "acmeCo/numbered commit.before 2", "acmeCo/numbered commit.after 2",
	"acmeCo/numbered flush.before 1", "acmeCo/numbered flush.between 1", "acmeCo/numbered flush.after 1",
	"acmeCo/counted claim.marker 1", "acmeCo/counted claim.restored 1", "acmeCo/counted stage.after 2", "acmeCo/counted commit.before 2", "acmeCo/counted commit.after 2",
	"acmeCo/counted flush.before 1", "acmeCo/counted flush.after 1",
	"acmeCo/orders claim.marker 1", "acmeCo/orders stage.after 1", "acmeCo/orders commit.before 1", "acmeCo/orders commit.after 1", "acmeCo/orders acknowledge.after 1",
	"acmeCo/totals commit.before 2", "acmeCo/totals commit.after 2", "acmeCo/totals flush.after 1",
	"acmeCo/db stage.after 2", "acmeCo/db sink.store 1", "acmeCo/db sink.commit.before 2", "acmeCo/db sink.commit.after 2",
}

// TestKilledAtEveryPoint ends the worker's process at each point of a commit,
// one after the other, while documents come in by key and without one. Then a
// worker runs to the end, and everything derived must equal a single pass
// over what the source collection holds.
func TestKilledAtEveryPoint(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes")
	}
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, weirtest.Flow))
	next := 0
	for _, point := range cuts {
		child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"="+point)
		deadline := time.Now().Add(weirtest.Patience)
		for !child.Ended(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the child never came to %q:\n%s", point, child.Output())
			}
			weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], weirtest.Orders(next, 40)...)
			weirtest.Send(t, conn, "weir.pub.acmeCo/orders", weirtest.Orders(next+40, 3)...)
			next += 43
		}
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	checkFlow(t, conn, w, c, filepath.Join(dir, "out.db"), next)
}

// TestErrorAtEveryPoint does the same with errors that a step returns instead
// of the end of the process.
func TestErrorAtEveryPoint(t *testing.T) {
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, weirtest.Flow))
	o := weirtest.Options(t, conn, dir)
	failed, points := failAt(&o, cuts)
	w, _ := weirtest.Run(t, o)
	next := 0
	pace := time.NewTicker(15 * time.Millisecond) // the flow rests now and then, so that it flushes
	defer pace.Stop()
	for deadline := time.Now().Add(weirtest.Patience); failed.Load() < int64(points-1); { // flush.between needs small batches
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d points failed", failed.Load(), points)
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], weirtest.Orders(next, 40)...)
		weirtest.Send(t, conn, "weir.pub.acmeCo/orders", weirtest.Orders(next+40, 3)...)
		next += 43
		<-pace.C
	}
	checkFlow(t, conn, w, c, filepath.Join(dir, "out.db"), next)
}

// TestFrozenOwner stops a worker between staging and commit, lets another one
// take over and go on, and wakes the first one: only the new one's writes
// land, in the stream, in the registers and in SQLite.
func TestFrozenOwner(t *testing.T) {
	for _, point := range []string{"acmeCo/numbered commit.before 2", "acmeCo/numbered flush.before 1", "acmeCo/counted commit.before 2", "acmeCo/db sink.commit.before 2"} {
		t.Run(strings.ReplaceAll(point, "/", "_"), func(t *testing.T) {
			s, dir := weirtest.Server(t), t.TempDir()
			conn := weirtest.Connect(t, s)
			c := weirtest.Publish(t, conn, weirtest.Files(t, weirtest.Flow))
			child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"="+point, envStop+"=1")
			next := 0
			for deadline := time.Now().Add(weirtest.Patience); !stopped(t, child.PID()); {
				weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], weirtest.Orders(next, 40)...)
				next += 40
				if child.Ended(20*time.Millisecond) || time.Now().After(deadline) {
					t.Fatalf("the child never came to %q:\n%s", point, child.Output())
				}
			}
			o := weirtest.Options(t, conn, dir)
			w, _ := weirtest.Run(t, o)
			weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], weirtest.Orders(next, 100)...)
			next += 100
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/numbered", "acmeCo/orders")
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/counted", "acmeCo/orders")
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/orders")
			// The frozen process may hold SQLite's lock, at whatever point it is: the table waits for it.
			child.Signal(t, syscall.SIGCONT)
			checkFlow(t, conn, w, c, filepath.Join(dir, "out.db"), next)
			weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], weirtest.Orders(next, 100)...)
			next += 100
			waitFor(t, "the woken worker to stand down", func() bool { return strings.Contains(child.Output(), "task failed") })
			checkFlow(t, conn, w, c, filepath.Join(dir, "out.db"), next)
		})
	}
}

// stopped says whether a process is stopped by a signal.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "T")
}

// waitFor asks again and again, for what no signal tells of.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	patience := time.NewTimer(weirtest.Patience)
	defer patience.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-patience.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// checkFlow waits until a worker has processed everything, and compares it
// with a single pass over the source.
func checkFlow(t *testing.T, conn *journal.Conn, w *worker.Worker, c *catalog.Catalog, db string, n int) {
	t.Helper()
	waitFor(t, "the inbox to be empty", func() bool { return weirtest.InboxEmpty(t, conn) })
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/numbered", "acmeCo/orders")
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/counted", "acmeCo/orders")
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/orders")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/numbered", "acmeCo/totals")
	weirtest.CheckFlow(t, conn, c, db, n, false)
}

// failAt makes a worker fail once at each of the points, "<task> <point> <nth
// time>", and counts what failed of how many.
func failAt(o *worker.Options, cuts []string) (failed *atomic.Int64, points int) {
	failed = &atomic.Int64{}
	pending := map[string]*atomic.Int64{}
	for _, point := range cuts {
		fields := strings.Fields(point)
		nth, _ := strconv.Atoi(fields[2])
		pending[fields[0]+" "+fields[1]] = &atomic.Int64{}
		pending[fields[0]+" "+fields[1]].Store(int64(nth))
	}
	o.Cut = func(task, point string) error {
		if left := pending[task+" "+point]; left != nil && left.Add(-1) == 0 {
			failed.Add(1)
			return errors.New("cut at " + point)
		}
		return nil
	}
	return failed, len(pending)
}
