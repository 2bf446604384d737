package quarantine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"weir/controlplane/quarantine"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

const flowText = `
collections:
  acmeCo/orders:
    key: [/id]
    onInvalid: quarantine
    schema:
      type: object
      required: [id]
      properties: {id: {type: string}, amount: {type: %s}, n: {type: integer}}
  acmeCo/totals:
    key: [/all]
    onInvalid: quarantine
    schema:
      type: object
      reduce: {strategy: merge}
      required: [all]
      properties: {all: {type: string}, orders: {type: integer, maximum: 100, reduce: {strategy: sum}}}
    derive:
      using: {javascript: {module: totals.js}}
      transforms: [{name: fromOrders, source: acmeCo/orders, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/orders, resource: {table: orders}}]
`

const module = `export function fromOrders({ doc }) { return { all: "all", orders: doc.n ?? 1 }; }`

type harness struct {
	*testing.T
	ctx    context.Context
	conn   *journal.Conn
	worker *worker.Worker
	dir    string
}

func start(t *testing.T) *harness {
	h := &harness{T: t, ctx: weirtest.Context(t), conn: weirtest.Connect(t, weirtest.Server(t)), dir: t.TempDir()}
	h.publish("integer", "")
	h.worker, _ = weirtest.Run(t, weirtest.Options(t, h.conn, h.dir))
	return h
}

func (h *harness) publish(amount, more string) {
	weirtest.Publish(h, h.conn, weirtest.Files(h.T, map[string]string{"flow.yaml": fmt.Sprintf(flowText, amount) + more, "totals.js": module}))
}

// holds waits until quarantine holds so many documents, and gives them.
func (h *harness) holds(want int) []quarantine.Entry {
	h.Helper()
	var entries []quarantine.Entry
	err := h.worker.Wait(h.ctx, func([]worker.Status) bool {
		var err error
		if entries, _, err = quarantine.List(h.ctx, h.conn, quarantine.Filter{}, 0); err != nil {
			h.Error(err)
			return true
		}
		return len(entries) == want
	})
	if err != nil {
		h.Fatalf("quarantine holds %d documents, want %d: %v", len(entries), want, err)
	}
	return entries
}

// totals gives what is derived once everything was read.
func (h *harness) totals() string {
	h.Helper()
	weirtest.ReadThrough(h, h.worker, h.conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/orders")
	weirtest.ReadThrough(h, h.worker, h.conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/orders")
	c := weirtest.Load(h, weirtest.Files(h.T, map[string]string{"flow.yaml": fmt.Sprintf(flowText, "integer"), "totals.js": module}))
	return weirtest.Reduced(h, h.conn, c.Collections["acmeCo/totals"])[`["all"]`]
}

func (h *harness) retrier() *quarantine.Retrier {
	h.Helper()
	r, err := quarantine.NewRetrier(h.ctx, h.conn)
	if err != nil {
		h.Fatal(err)
	}
	return r
}

func (h *harness) retry(id uint64, o quarantine.Options) quarantine.Outcome {
	h.Helper()
	out, err := h.retrier().Retry(h.ctx, id, o)
	if err != nil {
		h.Fatal(err)
	}
	return out
}

// Documents that an inbox met never entered; they are published.
func TestRetryOfInboxDocuments(t *testing.T) {
	h := start(t)
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders", `{"id":"a","amount":"1"}`, `{"id":"b"`, `{"id":"c","amount":3}`)
	entries := h.holds(2)
	a, b := entries[0], entries[1]
	if a.By != quarantine.ByInbox || a.Rule != "type" || a.Pointer != "/amount" || b.Rule != "json" || !strings.Contains(a.Fix, fmt.Sprint("retry ", a.ID)) {
		t.Errorf("entries %+v", entries)
	}
	if d, err := quarantine.Get(h.ctx, h.conn, b.ID); err != nil || d.JSON != nil || d.Text != `{"id":"b"` {
		t.Errorf("document %+v, %v", d, err)
	}
	groups, err := quarantine.Groups(h.ctx, h.conn, quarantine.Filter{Collection: "acmeCo/orders"})
	if err != nil || len(groups) != 2 || groups[0].Rule != "json" || groups[1].Count != 1 {
		t.Errorf("groups %+v, %v", groups, err)
	}
	if out := h.retry(a.ID, quarantine.Options{}); out.Done || out.Pointer != "/amount" || out.Reason == "" {
		t.Errorf("a document that is as invalid as before: %+v", out)
	}
	mended := quarantine.Options{Document: []byte(`{"id":"a","amount":1}`), DryRun: true}
	if out := h.retry(a.ID, mended); !out.Done || !strings.HasPrefix(out.Action, "would be ") {
		t.Errorf("dry run: %+v", out)
	}
	h.holds(2)
	mended.DryRun = false
	if out := h.retry(a.ID, mended); !out.Done || out.Sequence == 0 || !strings.HasSuffix(out.Subject, ".a") {
		t.Errorf("mended: %+v", out)
	}
	if err := quarantine.Drop(h.ctx, h.conn, b); err != nil {
		t.Fatal(err)
	}
	h.holds(0)
	if _, err := quarantine.Get(h.ctx, h.conn, b.ID); !errors.Is(err, quarantine.ErrNoEntry) {
		t.Errorf("a dropped document: %v", err)
	}
	if got := h.totals(); got != `{"all":"all","orders":2}` {
		t.Errorf("totals %s", got)
	}
}

// What readers passed over is moved to the end of the collection: every one of
// them reads it once.
func TestRetryOfReadDocuments(t *testing.T) {
	h := start(t)
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders.a", `{"id":"a","amount":"1"}`)
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders.b", `{"id":"b","amount":2}`)
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders.c", `{"id":"other","amount":3}`)
	entries := h.holds(4) // two documents, two readers
	if entries[0].By != quarantine.ByReader || entries[0].Sequence != 1 {
		t.Errorf("entries %+v", entries)
	}
	h.publish("[integer, string]", "")
	ended := errors.New("ended")
	for _, point := range []string{"published", "erased"} {
		r := h.retrier()
		r.CutAt(point, ended)
		if _, err := r.Retry(h.ctx, entries[0].ID, quarantine.Options{}); !errors.Is(err, ended) {
			t.Fatalf("retry that is ended when it has %s: %v", point, err)
		}
	}
	if out := h.retry(entries[0].ID, quarantine.Options{}); !out.Done || len(out.Also) != 1 {
		t.Errorf("goes on: %+v", out)
	}
	if _, err := h.conn.Get(h.ctx, "acmeCo=orders", 1); !errors.Is(err, journal.ErrNoMessage) {
		t.Errorf("the original: %v", err)
	}
	left := h.holds(2)
	if out := h.retry(left[0].ID, quarantine.Options{}); !out.Done || !strings.HasSuffix(out.Subject, ".other") {
		t.Errorf("a document under a wrong subject: %+v", out)
	}
	h.holds(0)
	if got := h.totals(); got != `{"all":"all","orders":3}` {
		t.Errorf("totals %s", got)
	}
	rows := weirtest.Rows(t, filepath.Join(h.dir, "out.db"), `select id, '' from orders`)
	weirtest.Same(t, "table", rows, map[string]string{"a": "", "b": "", "other": ""})
}

// A document that another task has read is not given to it a second time
// unasked.
func TestRetryThatOthersWouldReadAgain(t *testing.T) {
	h := start(t)
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders.a", `{"id":"a","amount":"1"}`)
	entries := h.holds(2)
	h.publish("[integer, string]", `  acmeCo/later: {endpoint: {sqlite: {path: later.db}}, bindings: [{source: acmeCo/orders, resource: {table: orders}}]}
`)
	if out := h.retry(entries[0].ID, quarantine.Options{}); out.Done || !strings.Contains(out.Reason, "acmeCo/later") {
		t.Errorf("%+v", out)
	}
	if out := h.retry(entries[0].ID, quarantine.Options{Again: true}); !out.Done {
		t.Errorf("%+v", out)
	}
	h.holds(0)
}

// Outputs of a derivation that its collection does not take.
func TestRetryOfOutputs(t *testing.T) {
	h := start(t)
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders", `{"id":"a","n":101}`)
	e := h.holds(1)[0]
	if e.By != quarantine.ByOutput || e.Collection != "acmeCo/totals" || e.Task != "acmeCo/totals" || e.Rule != "maximum" {
		t.Errorf("entry %+v", e)
	}
	r := h.retrier()
	ended := errors.New("ended")
	r.CutAt("published", ended)
	mended := quarantine.Options{Document: []byte(`{"all":"all","orders":99}`)}
	if _, err := r.Retry(h.ctx, e.ID, mended); !errors.Is(err, ended) {
		t.Fatal(err)
	}
	if out := h.retry(e.ID, mended); !out.Done {
		t.Errorf("%+v", out)
	}
	h.holds(0)
	if got := h.totals(); got != `{"all":"all","orders":99}` {
		t.Errorf("totals %s", got)
	}
}

// Documents that no message holds are kept in parts.
func TestLargeDocuments(t *testing.T) {
	h := start(t)
	large := `{"id":"` + strings.Repeat("x", h.conn.MaxPayload()-200) + `","n":"y"}`
	weirtest.Send(t, h.conn, "weir.pub.acmeCo/orders", large)
	e := h.holds(1)[0]
	d, err := quarantine.Get(h.ctx, h.conn, e.ID)
	if err != nil || string(d.JSON) != large || e.Parts < 2 {
		t.Errorf("%d bytes in %d parts: %v", len(d.JSON), e.Parts, err)
	}
	if err := quarantine.Drop(h.ctx, h.conn, e); err != nil {
		t.Fatal(err)
	}
	if info, err := h.conn.StreamInfo(h.ctx, "weir_bad"); err != nil || info.Messages != 0 {
		t.Errorf("%d messages are left: %v", info.Messages, err)
	}
}
