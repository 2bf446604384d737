package worker_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// rounds is how often an order of Europe goes round in the cycle of hops.
const rounds = 3

// cycle is a catalog with a derivation of logical partitions that reads its own
// collection: of orders from two regions each gets a first hop, and each hop of
// Europe but the last another one. A register counts the hops of an order.
var cycle = map[string]string{
	"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema: {type: object, required: [id, region], properties: {id: {type: string}, region: {type: string}}}
    projections: {region: {location: /region, partition: true}}
  acmeCo/hops:
    key: [/id, /hop]
    schema:
      type: object
      required: [id, hop, region, nth]
      properties: {id: {type: string}, hop: {type: integer}, region: {type: string}, nth: {type: integer}}
    projections: {region: {location: /region, partition: true}}
    derive:
      using: {javascript: {module: hops.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms:
        - {name: first, source: {name: acmeCo/orders, partitions: {include: {region: [EU, US]}}}, shuffle: {key: [/id]}}
        - {name: again, source: {name: acmeCo/hops, partitions: {include: {region: [EU]}}}, shuffle: {key: [/id]}, priority: 1}
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: {name: acmeCo/hops, partitions: {exclude: {region: [US]}}}, resource: {table: hops}}
`,
	"hops.js": fmt.Sprintf(`
function hop(doc, register, n) {
  register.set(register.value + 1);
  return {id: doc.id, hop: n, region: doc.region, nth: register.value};
}
export function first({doc, register}) { return hop(doc, register, 0); }
export function again({doc, register}) { return doc.hop < %d ? hop(doc, register, doc.hop + 1) : []; }
`, rounds),
}

// circling makes orders of three regions.
func circling(from, n int) []string {
	var out []string
	for i := from; i < from+n; i++ {
		out = append(out, fmt.Sprintf(`{"id":"o%05d","region":%q}`, i, []string{"EU", "US", "AP"}[i%3]))
	}
	return out
}

// checkCycle waits until the cycle has come to its end, and compares all hops
// of n orders with what they must be.
func checkCycle(t *testing.T, conn *journal.Conn, w *worker.Worker, c *catalog.Catalog, db string, n int) {
	t.Helper()
	waitFor(t, "the inbox to be empty", func() bool { return weirtest.InboxEmpty(t, conn) })
	want, rows := map[string]string{}, map[string]string{}
	for i := range n {
		id, region := fmt.Sprintf("o%05d", i), []string{"EU", "US", "AP"}[i%3]
		for hop := range rounds + 1 {
			if region == "AP" || region == "US" && hop > 0 {
				break
			}
			key := fmt.Sprintf("[%q,%d]", id, hop)
			want[key] = fmt.Sprintf(`{"hop":%d,"id":%q,"nth":%d,"region":%q}`, hop, id, hop+1, region)
			if region == "EU" {
				rows[key] = strconv.Itoa(hop + 1)
			}
		}
	}
	waitFor(t, "every hop", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/hops")) >= len(want) })
	last, table := map[string]uint64{}, uint64(0)
	for _, name := range []string{"orders", "hops"} {
		for _, m := range weirtest.Documents(t, conn, "acmeCo/"+name) {
			last[name+" "+strings.Split(m.Subject, ".")[4]] = m.Seq
			table = m.Seq // of the hops, in the end
		}
	}
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/hops", "at the end of all that it reads", func(s worker.Status) bool {
		return s.Positions["first.v0/0-1/acmeCo/orders?EU"] >= last["orders EU"] && s.Positions["first.v0/0-1/acmeCo/orders?US"] >= last["orders US"] &&
			s.Positions["again.v0/0-1/acmeCo/hops?EU"] >= last["hops EU"]
	})
	weirtest.Await(t, w, worker.KindMaterialization, "acmeCo/db", "at the end of the hops", func(s worker.Status) bool {
		return s.Positions["hops.v0/0-1/acmeCo/hops?* US"] >= table
	})
	if got := len(weirtest.Documents(t, conn, "acmeCo/hops")); got != len(want) {
		t.Errorf("%d hops in %d messages", len(want), got)
	}
	weirtest.Same(t, "hops", weirtest.Reduced(t, conn, c.Collections["acmeCo/hops"]), want)
	weirtest.Same(t, "table hops", weirtest.Rows(t, db, `select '["'||id||'",'||hop||']', nth||'' from hops`), rows)
}

var cycleCuts = []string{
	"acmeCo/hops claim.checkpoint 1", "acmeCo/hops claim.marker 1", "acmeCo/hops claim.restored 1",
	"acmeCo/hops stage.after 3", "acmeCo/hops commit.before 4", "acmeCo/hops commit.after 2", "acmeCo/hops commit.after 5",
	"acmeCo/hops flush.before 1", "acmeCo/hops flush.after 1",
	"acmeCo/orders commit.before 1", "acmeCo/orders commit.after 1", "acmeCo/orders acknowledge.after 1",
	"acmeCo/db stage.after 2", "acmeCo/db sink.commit.before 2", "acmeCo/db sink.commit.after 2",
}

// pourCycle stores orders by both ways in.
func pourCycle(t *testing.T, conn *journal.Conn, c *catalog.Catalog, from int) (next int) {
	t.Helper()
	weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], circling(from, 30)...)
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders", circling(from+30, 3)...)
	return from + 33
}

// The worker is killed at each point of a commit while documents go round in
// the cycle: each hop is there once, and the cycle ends.
func TestCycleKilledAtEveryPoint(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes")
	}
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, cycle))
	next := 0
	for _, point := range cycleCuts {
		child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"="+point)
		deadline := time.Now().Add(weirtest.Patience)
		for !child.Ended(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the child never came to %q:\n%s", point, child.Output())
			}
			next = pourCycle(t, conn, c, next)
		}
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	checkCycle(t, conn, w, c, filepath.Join(dir, "out.db"), next)
}

// The same with errors that the steps return.
func TestCycleWithErrors(t *testing.T) {
	conn, dir := weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	c := weirtest.Publish(t, conn, weirtest.Files(t, cycle))
	o := weirtest.Options(t, conn, dir)
	failed, points := failAt(&o, cycleCuts)
	w, _ := weirtest.Run(t, o)
	next := 0
	pace := time.NewTicker(15 * time.Millisecond) // the flow rests now and then, so that it flushes
	defer pace.Stop()
	for deadline := time.Now().Add(weirtest.Patience); failed.Load() < int64(points); <-pace.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d points failed", failed.Load(), points)
		}
		next = pourCycle(t, conn, c, next)
	}
	checkCycle(t, conn, w, c, filepath.Join(dir, "out.db"), next)
}

// Two derivations read each other; one of them with a delay. What goes round
// between them comes to its end.
func TestCycleOfTwo(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/serves: &strokes
    key: [/id, /n]
    schema: &stroke {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}}}
  acmeCo/pings:
    key: [/id, /n]
    schema: *stroke
    derive:
      using: {javascript: {module: "export function serve({doc}) { return doc; } export function back({doc}) { return {id: doc.id, n: doc.n + 1}; }"}}
      transforms:
        - {name: serve, source: acmeCo/serves, shuffle: any}
        - {name: back, source: acmeCo/pongs, shuffle: any}
  acmeCo/pongs:
    key: [/id, /n]
    schema: *stroke
    derive:
      using: {javascript: {module: "export function forth({doc}) { return doc.n < 10 ? doc : []; }"}}
      transforms:
        - {name: forth, source: acmeCo/pings, shuffle: any, readDelay: 1h}
`}))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Clock = worker.NewClock()
	w, _ := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/serves"], `{"id":"a","n":0}`, `{"id":"b","n":7}`)
	const forth = "forth.v0/0-1/acmeCo/pings"
	// The two balls fly side by side, and either may come an hour behind the
	// other: time moves on until the last stroke has been played.
	const strokes = 10 + 3
	for played := uint64(0); played < strokes; {
		s := weirtest.Await(t, w, worker.KindDerivation, "acmeCo/pongs", fmt.Sprint("waiting, after stroke ", played), func(s worker.Status) bool {
			return s.Out == strokes || s.Waits[forth].After(o.Clock.Now())
		})
		if played = s.Out; played < strokes {
			o.Clock.MoveTo(s.Waits[forth].Add(time.Minute))
		}
	}
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/pings", "all strokes played back", func(s worker.Status) bool { return s.Reads["back"] == strokes })
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/pings", "acmeCo/pongs")
	for name, want := range map[string]int{"acmeCo/pings": strokes + 2, "acmeCo/pongs": strokes} {
		if got := weirtest.Documents(t, conn, name); len(got) != want {
			t.Errorf("%s has %d documents, want %d:\n%s", name, len(got), want, texts(got))
		}
	}
}
