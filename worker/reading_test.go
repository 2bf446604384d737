package worker_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	"weir/worker"
)

// parted is a catalog whose orders have the logical partitions channel and
// region. Each order that acmeCo/counted reads adds one to its document.
const parted = `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id, region, channel]
      properties: {id: {type: string}, region: {type: string}, channel: {type: string}}
    projections: {region: {location: /region, partition: true}, channel: {location: /channel, partition: true}}
  acmeCo/counted:
    key: [/id]
    schema:
      type: object
      required: [id]
      reduce: {strategy: merge}
      properties: {id: {type: string}, n: {type: integer, reduce: {strategy: sum}}}
    derive:
      using: {javascript: {module: "export function all({doc}) { return {id: doc.id, n: 1}; }"}}
      transforms:
        - {name: all, source: acmeCo/orders, shuffle: any}
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/orders, resource: {table: orders}}
`

// regional makes orders named after their region and channel.
func regional(names ...string) []string {
	var out []string
	for _, name := range names {
		out = append(out, fmt.Sprintf(`{"id":%q,"region":%q,"channel":%q}`, name, name[:2], map[bool]string{true: "test", false: "live"}[strings.HasSuffix(name, "t")]))
	}
	return out
}

// selecting gives a source of acmeCo/orders.
func selecting(include, exclude map[string][]string) catalog.Source {
	texts := func(fields map[string][]string) map[string][]json.RawMessage {
		var out map[string][]json.RawMessage
		for name, values := range fields {
			if out == nil {
				out = map[string][]json.RawMessage{}
			}
			for _, v := range values {
				out[name] = append(out[name], json.RawMessage(fmt.Sprintf("%q", v)))
			}
		}
		return out
	}
	return catalog.Source{Name: "acmeCo/orders", Partitions: &catalog.Selector{Include: texts(include), Exclude: texts(exclude)}}
}

// counts gives how often acmeCo/counted has seen each order.
func counts(t *testing.T, conn *journal.Conn, c *catalog.Catalog) string {
	t.Helper()
	var out []string
	for _, text := range weirtest.Reduced(t, conn, c.Collections["acmeCo/counted"]) {
		var d struct {
			ID string `json:"id"`
			N  int    `json:"n"`
		}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s:%d", d.ID, d.N))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// reached waits until a task has a position at the last document.
func reached(t *testing.T, w *worker.Worker, conn *journal.Conn, kind, task string, keys ...string) worker.Status {
	t.Helper()
	// Sequences of orders alone: the stream of acmeCo/orders holds nothing else once the inbox rests.
	return weirtest.Await(t, w, kind, task, fmt.Sprint(keys, " at the end"), func(s worker.Status) bool {
		return s.State == worker.StateRunning && !slices.ContainsFunc(keys, func(key string) bool {
			return s.Positions[key] < lastOf(t, conn, key)
		})
	})
}

// lastOf gives the sequence of the last order that a position is of.
func lastOf(t *testing.T, conn *journal.Conn, key string) uint64 {
	t.Helper()
	_, part, _ := strings.Cut(key, "?")
	last := uint64(0)
	for _, m := range weirtest.Documents(t, conn, "acmeCo/orders") {
		tokens := strings.Split(m.Subject, ".")
		fits := true
		for i, field := range strings.Split(part, ".") {
			values := strings.Fields(field)
			if len(values) > 0 && values[0] != "*" {
				fits = fits && slices.Contains(values, tokens[4+i])
			}
		}
		if fits {
			last = m.Seq
		}
	}
	return last
}

const allOrders = "all.v0/0-1/acmeCo/orders"

// Documents come in by key, through the inbox and through an entrance; a
// transform reads two regions, each by a reader of its own, and a binding all
// but a channel.
func TestPartitions(t *testing.T) {
	conn, dir := weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	path := weirtest.Files(t, map[string]string{"flow.yaml": parted})
	c := weirtest.Load(t, path)
	c.Collections["acmeCo/counted"].Derive.Transforms[0].Source = selecting(map[string][]string{"region": {"US", "EU"}}, nil)
	c.Materializations["acmeCo/db"].Bindings[0].Source = selecting(nil, map[string][]string{"channel": {"test"}})
	weirtest.PublishBuilt(t, conn, path, c)
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	orders := c.Collections["acmeCo/orders"]
	weirtest.Ingest(t, conn, orders, regional("EU1", "US1", "AP1", "EU2t", "AP2t")...)
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders.live.EU.EU3", regional("EU3")...)
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders", regional("US2", "AP3")...)
	waitFor(t, "the inbox to be empty", func() bool { return weirtest.InboxEmpty(t, conn) })
	if n := len(weirtest.Documents(t, conn, "acmeCo/orders")); n != 8 {
		t.Fatalf("%d orders", n)
	}
	s := reached(t, w, conn, worker.KindDerivation, "acmeCo/counted", allOrders+"?*.EU", allOrders+"?*.US")
	if len(s.Positions) != 2 || s.In != 5 {
		t.Errorf("it read %d documents, to %v", s.In, s.Positions)
	}
	if got := counts(t, conn, c); got != "EU1:1 EU2t:1 EU3:1 US1:1 US2:1" {
		t.Errorf("counted %s", got)
	}
	reached(t, w, conn, worker.KindMaterialization, "acmeCo/db", "orders.v0/0-1/acmeCo/orders?* test.*")
	rows := weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, region from orders")
	if got := strings.Join(slices.Sorted(maps.Keys(rows)), " "); got != "AP1 AP3 EU1 EU3 US1 US2" {
		t.Errorf("rows %s", got)
	}
	// A subject that belies the document's partition is found by whoever reads it.
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders.live.EU.US9", regional("US9")...)
	failed := weirtest.State(t, w, worker.KindDerivation, "acmeCo/counted", worker.StateFailed)
	if failed.Why.Pointer != "/region" || failed.Why.Rule != "subject" || !strings.Contains(failed.Why.Message, `says "EU", the document's logical partition field region is "US"`) {
		t.Errorf("failed with %+v", failed.Why)
	}
}

// A selector may change again and again: a document takes effect once, when
// the first selector that has it is read.
func TestSelectorChanges(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	path := weirtest.Files(t, map[string]string{"flow.yaml": parted})
	c := weirtest.Load(t, path)
	c.Materializations = nil
	read := func(source catalog.Source, keys ...string) {
		t.Helper()
		c.Collections["acmeCo/counted"].Derive.Transforms[0].Source = source
		weirtest.PublishBuilt(t, conn, path, c)
		w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
		reached(t, w, conn, worker.KindDerivation, "acmeCo/counted", keys...)
		stop()
	}
	add := func(names ...string) {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], regional(names...)...)
	}
	expect := func(want string) {
		t.Helper()
		if got := counts(t, conn, c); got != want {
			t.Errorf("counted\n%s, want\n%s", got, want)
		}
	}
	read(selecting(map[string][]string{"region": {"EU"}}, nil)) // makes the streams
	add("EU1", "US1", "AP1", "AP2t")
	read(selecting(map[string][]string{"region": {"EU"}}, nil), allOrders+"?*.EU")
	expect("EU1:1")
	add("EU2", "US2")
	read(selecting(map[string][]string{"region": {"EU", "US"}}, nil), allOrders+"?*.EU", allOrders+"?*.US")
	expect("EU1:1 EU2:1 US1:1 US2:1")
	add("EU3", "US3", "AP3")
	read(selecting(map[string][]string{"region": {"EU"}}, nil), allOrders+"?*.EU")
	expect("EU1:1 EU2:1 EU3:1 US1:1 US2:1")
	read(selecting(nil, map[string][]string{"channel": {"test"}}), allOrders+"?* test.*")
	expect("AP1:1 AP3:1 EU1:1 EU2:1 EU3:1 US1:1 US2:1 US3:1")
	add("EU4", "AP4t")
	read(catalog.Source{Name: "acmeCo/orders"}, allOrders)
	expect("AP1:1 AP2t:1 AP3:1 AP4t:1 EU1:1 EU2:1 EU3:1 EU4:1 US1:1 US2:1 US3:1")
	add("AP5t", "US5")
	read(selecting(map[string][]string{"channel": {"test"}, "region": {"AP", "US"}}, nil), allOrders+"?test.AP", allOrders+"?test.US")
	read(catalog.Source{Name: "acmeCo/orders"}, allOrders)
	expect("AP1:1 AP2t:1 AP3:1 AP4t:1 AP5t:1 EU1:1 EU2:1 EU3:1 EU4:1 US1:1 US2:1 US3:1 US5:1")
}

// More values than readers are allowed are read as a whole.
func TestManyValues(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	path := weirtest.Files(t, map[string]string{"flow.yaml": parted})
	c := weirtest.Load(t, path)
	var regions []string
	for i := range 40 {
		regions = append(regions, fmt.Sprintf("%02d", i))
	}
	c.Collections["acmeCo/counted"].Derive.Transforms[0].Source = selecting(map[string][]string{"region": regions}, nil)
	weirtest.PublishBuilt(t, conn, path, c)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], regional("39a", "EU1", "00b")...)
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/counted", "through the orders", func(s worker.Status) bool {
		return s.Positions[allOrders+"?*."+strings.Join(regions, " ")] == weirtest.LastSeq(t, conn, "acmeCo/orders")
	})
	if got := counts(t, conn, c); got != "00b:1 39a:1" {
		t.Errorf("counted %s", got)
	}
}

// Only documents between the times are read, both inclusive. Other times read
// nothing again; a raised counter reads everything again.
func TestTimesAndBackfill(t *testing.T) {
	conn, dir := weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	path := weirtest.Files(t, map[string]string{"flow.yaml": parted})
	c := weirtest.Load(t, path)
	weirtest.PublishBuilt(t, conn, path, c)
	for _, name := range []string{"EU1", "EU2", "EU3", "EU4"} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], regional(name)...)
	}
	all := weirtest.Documents(t, conn, "acmeCo/orders")
	between := func(from, to *time.Time) catalog.Source {
		return catalog.Source{Name: "acmeCo/orders", NotBefore: from, NotAfter: to}
	}
	read := func(source catalog.Source, backfill int) {
		t.Helper()
		transform, binding := &c.Collections["acmeCo/counted"].Derive.Transforms[0], &c.Materializations["acmeCo/db"].Bindings[0]
		transform.Source, transform.Backfill = source, backfill
		binding.Source, binding.Backfill = source, backfill
		weirtest.PublishBuilt(t, conn, path, c)
		w, stop := weirtest.Run(t, weirtest.Options(t, conn, dir))
		reached(t, w, conn, worker.KindDerivation, "acmeCo/counted", fmt.Sprintf("all.v%d/0-1/acmeCo/orders", backfill))
		reached(t, w, conn, worker.KindMaterialization, "acmeCo/db", sinks.RebuiltKey(sinks.StateKey([]string{"orders"}, backfill), int64(backfill))+"/0-1/acmeCo/orders") // made anew by each raise
		stop()
	}
	expect := func(counted, table string) {
		t.Helper()
		rows := weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, region from orders")
		if got := strings.Join(slices.Sorted(maps.Keys(rows)), " "); got != table {
			t.Errorf("rows %s, want %s", got, table)
		}
		if got := counts(t, conn, c); got != counted {
			t.Errorf("counted %s, want %s", got, counted)
		}
	}
	read(between(&all[1].Time, &all[2].Time), 0)
	expect("EU2:1 EU3:1", "EU2 EU3")
	read(between(&all[0].Time, nil), 0)
	expect("EU2:1 EU3:1", "EU2 EU3")
	read(between(nil, &all[1].Time), 1)
	expect("EU1:1 EU2:2 EU3:1", "EU1 EU2")
	read(between(nil, nil), 2)
	expect("EU1:2 EU2:3 EU3:2 EU4:1", "EU1 EU2 EU3 EU4")
	read(between(nil, nil), 2)
	expect("EU1:2 EU2:3 EU3:2 EU4:1", "EU1 EU2 EU3 EU4")
}

// A selector that leaves nothing over reads nothing, and stops nobody.
func TestNothingSelected(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	path := weirtest.Files(t, map[string]string{"flow.yaml": parted})
	c := weirtest.Load(t, path)
	europe := map[string][]string{"region": {"EU"}}
	c.Collections["acmeCo/counted"].Derive.Transforms[0].Source = selecting(europe, europe)
	weirtest.PublishBuilt(t, conn, path, c)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], regional("EU1", "US1")...)
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	reached(t, w, conn, worker.KindMaterialization, "acmeCo/db", "orders.v0/0-1/acmeCo/orders")
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/counted", worker.StateRunning)
	if got := counts(t, conn, c); got != "" || s.In != 0 {
		t.Errorf("it read %d documents and counted %s", s.In, got)
	}
}
