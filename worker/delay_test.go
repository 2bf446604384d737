package worker_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// delayed is a catalog of two sources and a derivation that notes, in one
// register, the order in which it saw their documents.
func delayed(first, second string) map[string]string {
	return map[string]string{
		"flow.yaml": fmt.Sprintf(`
collections:
  acmeCo/a: &source
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, one: {type: integer, const: 1}}}
  acmeCo/b: *source
  acmeCo/seen:
    key: [/id]
    schema: {type: object, required: [id, nth], properties: {id: {type: string}, nth: {type: integer}}}
    derive:
      using: {javascript: {module: "export function first({doc, register}) { register.set(register.value + 1); return {id: doc.id, nth: register.value}; } export const second = first;"}}
      register: {schema: {type: integer}, initial: 0}
      transforms:
        - {name: first, source: acmeCo/a, shuffle: {key: [/one]}%s}
        - {name: second, source: acmeCo/b, shuffle: {key: [/one]}%s}
`, first, second),
	}
}

// seen lists the documents of acmeCo/seen in the order in which they were derived.
func seen(t *testing.T, conn *journal.Conn) string {
	t.Helper()
	byNth := map[int]string{}
	for _, m := range weirtest.Documents(t, conn, "acmeCo/seen") {
		var d struct {
			ID  string `json:"id"`
			Nth int    `json:"nth"`
		}
		if err := json.Unmarshal(m.Data, &d); err != nil {
			t.Fatal(err)
		}
		byNth[d.Nth] = d.ID
	}
	var ids []string
	for i := 1; i <= len(byNth); i++ {
		ids = append(ids, byNth[i])
	}
	return strings.Join(ids, " ")
}

func ids(names ...string) []string {
	var docs []string
	for _, name := range names {
		docs = append(docs, fmt.Sprintf(`{"id":%q}`, name))
	}
	return docs
}

const (
	firstKey  = "first.v0/0-1/acmeCo/a"
	secondKey = "second.v0/0-1/acmeCo/b"
)

// A document with a readDelay is derived when its time has come and no
// sooner; a source without delay does not wait for it. The status says what
// waits and until when.
func TestReadDelay(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, delayed(", readDelay: 2d", "")))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Clock = worker.NewClock()
	w, stop := weirtest.Run(t, o)
	waits := func(what string, key string, at uint64) time.Time {
		t.Helper()
		now := o.Clock.Now()
		status := weirtest.Await(t, w, worker.KindDerivation, "acmeCo/seen", what, func(s worker.Status) bool {
			return s.Waits[firstKey].After(now) && s.Positions[key] >= at
		})
		return status.Waits[firstKey]
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], ids("a1", "a2")...)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/b"], ids("b1")...)
	due := waits("waiting for a1 with b1 done", secondKey, weirtest.LastSeq(t, conn, "acmeCo/b"))
	if got := seen(t, conn); got != "b1" {
		t.Fatalf("derived %q", got)
	}
	if until := time.Until(due); until < 47*time.Hour || until > 48*time.Hour {
		t.Errorf("a1 is ready in %s", until)
	}
	o.Clock.MoveTo(due)
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/seen", "through a2", func(s worker.Status) bool {
		return s.Positions[firstKey] >= weirtest.LastSeq(t, conn, "acmeCo/a") && s.Waits == nil
	})
	// What is stored after the move waits two days from there.
	weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], ids("a3")...)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/b"], ids("b2")...)
	later := waits("waiting for a3 with b2 done", secondKey, weirtest.LastSeq(t, conn, "acmeCo/b"))
	if got := seen(t, conn); got != "b1 a1 a2 b2" {
		t.Errorf("derived %q", got)
	}
	if gap := later.Sub(due); gap < 48*time.Hour || gap > 49*time.Hour {
		t.Errorf("a3 is ready %s after a1", gap)
	}
	// What waits is not lost by a restart.
	stop()
	w, _ = weirtest.Run(t, o)
	waits("waiting for a3 again", firstKey, 0)
	o.Clock.MoveTo(later)
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/seen", "through a3", func(s worker.Status) bool {
		return s.Positions[firstKey] >= weirtest.LastSeq(t, conn, "acmeCo/a")
	})
	if got := seen(t, conn); got != "b1 a1 a2 b2 a3" {
		t.Errorf("derived %q", got)
	}
}

// A replay does not wait: it goes by the documents' times with the delay
// added, so that documents of an hour ago come behind all that is newer.
func TestReadDelayInReplay(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, delayed(", readDelay: 1h", "")))
	for _, n := range []string{"1", "2", "3"} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], ids("a"+n)...)
		weirtest.Ingest(t, conn, c.Collections["acmeCo/b"], ids("b"+n)...)
	}
	o := weirtest.Options(t, conn, t.TempDir())
	o.Clock = worker.NewClock()
	o.Clock.MoveTo(time.Now().Add(2 * time.Hour))
	w, _ := weirtest.Run(t, o)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/seen", "acmeCo/a", "acmeCo/b")
	if got := seen(t, conn); got != "b1 b2 b3 a1 a2 a3" {
		t.Errorf("derived %q", got)
	}
}

// Far more waits than is read ahead, and the other source goes on.
func TestReadDelayHoldsLittle(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, delayed(", readDelay: 1h, priority: 1", "")))
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("a%04d-%0200d", i, 0))
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], ids(many...)...)
	o := weirtest.Options(t, conn, t.TempDir())
	o.Clock, o.Limits.ReadAhead = worker.NewClock(), 32<<10
	w, _ := weirtest.Run(t, o)
	for i := range 3 {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/b"], ids(fmt.Sprintf("b%d", i))...)
		weirtest.Await(t, w, worker.KindDerivation, "acmeCo/seen", "through acmeCo/b", func(s worker.Status) bool {
			return s.Positions[secondKey] >= weirtest.LastSeq(t, conn, "acmeCo/b") && s.Lag > 2900
		})
	}
	o.Clock.MoveTo(time.Now().Add(2 * time.Hour))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/seen", "acmeCo/a", "acmeCo/b")
	want := slices.Concat([]string{"b0", "b1", "b2"}, many)
	if got := seen(t, conn); got != strings.Join(want, " ") {
		t.Errorf("derived %.300q...", got)
	}
}

// All that is ready of a higher priority comes before anything of a lower one.
func TestPriority(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, delayed(", priority: 1", ", priority: 2")))
	for _, n := range []string{"1", "2", "3"} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], ids("a"+n)...)
		weirtest.Ingest(t, conn, c.Collections["acmeCo/b"], ids("b"+n)...)
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/seen", "acmeCo/a", "acmeCo/b")
	if got := seen(t, conn); got != "b1 b2 b3 a1 a2 a3" {
		t.Errorf("derived %q", got)
	}
}

// The same holds for the bindings of a materialization: a transaction a
// document shows it.
func TestPriorityOfBindings(t *testing.T) {
	conn, dir := weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	files := delayed("", "")
	files["flow.yaml"] += `
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/a, resource: {table: a}, priority: 1}
      - {source: acmeCo/b, resource: {table: b}, priority: 2}
`
	c := weirtest.Publish(t, conn, weirtest.Files(t, files))
	for _, n := range []string{"1", "2", "3"} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/a"], ids("a"+n)...)
		weirtest.Ingest(t, conn, c.Collections["acmeCo/b"], ids("b"+n)...)
	}
	o := weirtest.Options(t, conn, dir)
	o.Limits.SinkBytes = 1
	var after []string
	o.Cut = func(task, point string) error {
		if task == "acmeCo/db" && point == "sink.commit.after" {
			rows := weirtest.Rows(t, filepath.Join(dir, "out.db"), "select 'a', count(*) from a union select 'b', count(*) from b")
			after = append(after, rows["b"]+"+"+rows["a"])
		}
		return nil
	}
	w, stop := weirtest.Run(t, o)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/a", "acmeCo/b")
	stop()
	if got := strings.Join(after, " "); got != "1+0 2+0 3+0 3+1 3+2 3+3" {
		t.Errorf("rows of b and a after each transaction: %s", got)
	}
}
