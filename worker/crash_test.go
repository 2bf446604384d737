package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"database/sql"

	_ "modernc.org/sqlite"

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

// The flow of the crash tests: orders come in by key, numbered gives each
// order its number among its customer's by a register, totals adds up by
// reduction, and both go to SQLite.
var crashFlow = map[string]string{
	"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id, customer, amount]
      properties:
        id: {type: string}
        customer: {type: string}
        amount: {type: integer}
  acmeCo/numbered:
    key: [/id]
    schema:
      type: object
      required: [id, nth]
      properties:
        id: {type: string}
        customer: {type: string}
        nth: {type: integer}
    derive:
      using: {javascript: {module: numbered.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms:
        - name: fromOrders
          source: acmeCo/orders
          shuffle: {key: [/customer]}
  acmeCo/totals:
    key: [/customer]
    schema:
      type: object
      required: [customer]
      reduce: {strategy: merge}
      properties:
        customer: {type: string}
        total: {type: integer, reduce: {strategy: sum}}
        orders: {type: integer, reduce: {strategy: sum}}
    derive:
      using: {javascript: {module: totals.js}}
      transforms:
        - name: fromOrders
          source: acmeCo/orders
          shuffle: any
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/numbered, resource: {table: numbered}}
      - {source: acmeCo/totals, resource: {table: totals}}
`,
	"numbered.js": `
export function fromOrders({ doc, register }) {
  register.set(register.value + 1);
  return { id: doc.id, customer: doc.customer, nth: register.value };
}`,
	"totals.js": `
export function fromOrders({ doc }) {
  return { customer: doc.customer, total: doc.amount, orders: 1 };
}`,
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
		Log: zap.NewExample(), Limits: worker.Limits{Backoff: 5 * time.Millisecond, Rest: 20 * time.Millisecond},
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
	"acmeCo/orders claim.marker 1", "acmeCo/orders stage.after 1", "acmeCo/orders commit.before 1", "acmeCo/orders commit.after 1", "acmeCo/orders acknowledge.after 1",
	"acmeCo/totals commit.before 2", "acmeCo/totals commit.after 2", "acmeCo/totals flush.after 1",
	"acmeCo/db stage.after 2", "acmeCo/db sink.store 1", "acmeCo/db sink.commit.before 2", "acmeCo/db sink.commit.after 2",
}

// orders makes documents with unique ids for some customers.
func orders(from, n int) []string {
	out := make([]string, n)
	for i := range out {
		id := from + i
		out[i] = fmt.Sprintf(`{"id":"o-%06d","customer":"c-%03d","amount":%d}`, id, id*7919%300, id%97)
	}
	return out
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
	c := weirtest.Publish(t, conn, weirtest.Files(t, crashFlow))
	next := 0
	for _, point := range cuts {
		child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"="+point)
		deadline := time.Now().Add(weirtest.Patience)
		for !child.Ended(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the child never came to %q:\n%s", point, child.Output())
			}
			weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], orders(next, 40)...)
			weirtest.Send(t, conn, "weir.pub.acmeCo/orders", orders(next+40, 3)...)
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
	c := weirtest.Publish(t, conn, weirtest.Files(t, crashFlow))
	o := weirtest.Options(t, conn, dir)
	var failed atomic.Int64
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
	w, _ := weirtest.Run(t, o)
	next := 0
	pace := time.NewTicker(15 * time.Millisecond) // the flow rests now and then, so that it flushes
	defer pace.Stop()
	for deadline := time.Now().Add(weirtest.Patience); failed.Load() < int64(len(pending)-1); { // flush.between needs small batches
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d points failed", failed.Load(), len(pending))
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], orders(next, 40)...)
		weirtest.Send(t, conn, "weir.pub.acmeCo/orders", orders(next+40, 3)...)
		next += 43
		<-pace.C
	}
	checkFlow(t, conn, w, c, filepath.Join(dir, "out.db"), next)
}

// TestFrozenOwner stops a worker between staging and commit, lets another one
// take over and go on, and wakes the first one: only the new one's writes
// land, in the stream, in the registers and in SQLite.
func TestFrozenOwner(t *testing.T) {
	for _, point := range []string{"acmeCo/numbered commit.before 2", "acmeCo/numbered flush.before 1", "acmeCo/db sink.commit.before 2"} {
		t.Run(strings.ReplaceAll(point, "/", "_"), func(t *testing.T) {
			s, dir := weirtest.Server(t), t.TempDir()
			conn := weirtest.Connect(t, s)
			c := weirtest.Publish(t, conn, weirtest.Files(t, crashFlow))
			child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"="+point, envStop+"=1")
			next := 0
			for deadline := time.Now().Add(weirtest.Patience); !stopped(t, child.PID()); {
				weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], orders(next, 40)...)
				next += 40
				if child.Ended(20*time.Millisecond) || time.Now().After(deadline) {
					t.Fatalf("the child never came to %q:\n%s", point, child.Output())
				}
			}
			o := weirtest.Options(t, conn, dir)
			w, _ := weirtest.Run(t, o)
			if strings.HasPrefix(point, "acmeCo/db") { // the frozen one holds SQLite's lock: the new one waits, which loses nothing
				child.Signal(t, syscall.SIGCONT)
			}
			weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], orders(next, 100)...)
			next += 100
			checkFlow(t, conn, w, c, filepath.Join(dir, "out.db"), next)
			child.Signal(t, syscall.SIGCONT)
			weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], orders(next, 100)...)
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

type order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Amount   int    `json:"amount"`
}

// checkFlow waits until a worker has processed everything, and compares all
// that is derived with a single pass over the source collection, which must
// hold every order once.
func checkFlow(t *testing.T, conn *journal.Conn, w *worker.Worker, c *catalog.Catalog, db string, n int) {
	t.Helper()
	waitFor(t, "the inbox to be empty", func() bool { return inboxEmpty(t, conn) })
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/numbered", "acmeCo/orders")
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/orders")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/numbered", "acmeCo/totals")

	seen, nth := map[string]int{}, map[string]int{}
	numbered, totals := map[string]string{}, map[string]string{}
	sums := map[string]int{}
	for _, m := range weirtest.Documents(t, conn, "acmeCo/orders") {
		var o order
		if err := json.Unmarshal(m.Data, &o); err != nil {
			t.Fatal(err)
		}
		seen[o.ID]++
		nth[o.Customer]++
		sums[o.Customer] += o.Amount
		numbered[fmt.Sprintf("[%q]", o.ID)] = fmt.Sprintf(`{"customer":%q,"id":%q,"nth":%d}`, o.Customer, o.ID, nth[o.Customer])
		totals[fmt.Sprintf("[%q]", o.Customer)] = fmt.Sprintf(`{"customer":%q,"orders":%d,"total":%d}`, o.Customer, nth[o.Customer], sums[o.Customer])
	}
	if len(seen) != n {
		t.Errorf("the source holds %d orders of %d", len(seen), n)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("order %s is there %d times", id, times)
		}
	}
	if got := len(weirtest.Documents(t, conn, "acmeCo/numbered")); got != n {
		t.Errorf("numbered holds %d messages for %d orders", got, n)
	}
	same(t, "numbered", weirtest.Reduced(t, conn, c.Collections["acmeCo/numbered"]), numbered)
	same(t, "totals", weirtest.Reduced(t, conn, c.Collections["acmeCo/totals"]), totals)
	same(t, "table numbered", rows(t, db, `select '["'||id||'"]', '{"customer":"'||customer||'","id":"'||id||'","nth":'||nth||'}' from numbered`), numbered)
	same(t, "table totals", rows(t, db, `select '["'||customer||'"]', '{"customer":"'||customer||'","orders":'||orders||',"total":'||total||'}' from totals`), totals)
}

func inboxEmpty(t *testing.T, conn *journal.Conn) bool {
	t.Helper()
	_, err := conn.Last(weirtest.Context(t), "acmeCo=orders", "weir.pub.>")
	if err != nil && !errors.Is(err, journal.ErrNoMessage) {
		t.Fatal(err)
	}
	return err != nil
}

// rows reads two columns of text.
func rows(t *testing.T, db, query string) map[string]string {
	t.Helper()
	d, err := sql.Open("sqlite", db)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := d.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]string{}
	for r.Next() {
		var key, value string
		if err := r.Scan(&key, &value); err != nil {
			t.Fatal(err)
		}
		out[key] = value
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// same compares two maps and names the first keys that differ.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	shown := 0
	keys := slices.Sorted(maps.Keys(want))
	for key := range got {
		if _, ok := want[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if got[key] != want[key] && shown < 5 {
			t.Errorf("%s %s: got %s, want %s", what, key, got[key], want[key])
			shown++
		}
	}
	t.Errorf("%s: %d documents, want %d", what, len(got), len(want))
}
