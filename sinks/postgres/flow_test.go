package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"weir/catalog"
	"weir/collection"
	"weir/internal/pgtest"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// flow has orders with unique ids and sums of them: the table of orders is
// replaced row by row, that of sums needs what it holds, and that of changes
// shows whatever is written twice.
const flow = `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id, customer, amount]
      properties: {id: {type: string}, customer: {type: string}, amount: {type: integer}}
  acmeCo/totals:
    key: [/customer]
    schema:
      type: object
      required: [customer]
      reduce: {strategy: merge}
      properties:
        customer: {type: string}
        total: {type: integer, reduce: {strategy: sum}}
    derive:
      using: {javascript: {module: "export function fromOrders({ doc }) { return { customer: doc.customer, total: doc.amount }; }"}}
      transforms: [{name: fromOrders, source: acmeCo/orders, shuffle: any}]
materializations:
  acmeCo/pg:
    endpoint: {postgres: {address: "127.0.0.1:%d", user: weir, database: %s, schema: kept}}
    bindings:
      - {source: acmeCo/orders, resource: {table: orders}}
      - {source: acmeCo/totals, resource: {table: totals}}
      - {source: acmeCo/orders, resource: {table: changes, deltaUpdates: true}}
`

// running is a flow that keeps tables of a server.
type running struct {
	*testing.T
	server  *pgtest.Server
	db      string
	conn    *journal.Conn
	catalog *catalog.Catalog
	worker  *worker.Worker
	orders  int
}

func runFlow(t *testing.T) *running {
	r := &running{T: t, server: pgtest.New(t, "deadlock_timeout = 2s")}
	r.db = r.server.Database(t)
	s := weirtest.Server(t)
	r.conn = weirtest.Connect(t, s)
	r.catalog = weirtest.Publish(t, r.conn, weirtest.Files(t, map[string]string{"flow.yaml": fmt.Sprintf(flow, r.server.Port, r.db)}))
	o := weirtest.Options(t, r.conn, t.TempDir())
	o.Limits.SinkBytes = 16 << 10 // many transactions
	r.worker, _ = weirtest.Run(t, o)
	return r
}

func (r *running) ingest(n int) {
	r.Helper()
	weirtest.Ingest(r.T, r.conn, r.catalog.Collections["acmeCo/orders"], weirtest.Orders(r.orders, n)...)
	r.orders += n
}

func (r *running) through() {
	r.Helper()
	weirtest.ReadThrough(r.T, r.worker, r.conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/orders")
	weirtest.ReadThrough(r.T, r.worker, r.conn, worker.KindMaterialization, "acmeCo/pg", "acmeCo/orders", "acmeCo/orders", "acmeCo/totals")
}

// check compares the tables with the collections.
func (r *running) check() {
	r.Helper()
	r.through()
	for _, table := range []string{"orders", "totals"} {
		got := map[string]string{}
		for _, row := range r.server.Rows(r.T, r.db, "SELECT flow_document FROM kept."+table) {
			var key struct{ ID, Customer string }
			if err := json.Unmarshal([]byte(row), &key); err != nil {
				r.Fatal(err)
			}
			if table == "totals" {
				key.ID = key.Customer
			}
			got[fmt.Sprintf("[%q]", key.ID)] = row
		}
		want := weirtest.Reduced(r.T, r.conn, r.catalog.Collections["acmeCo/"+table])
		for k, doc := range want { // members in the order that documents were written with
			if sameJSON(got[k], doc) {
				got[k] = doc
			}
		}
		weirtest.Same(r.T, "table "+table, got, want)
	}
	if got := fmt.Sprint(r.server.Rows(r.T, r.db, "SELECT count(*), count(DISTINCT id) FROM kept.changes")); got != fmt.Sprintf("[%d|%d]", r.orders, r.orders) {
		r.Errorf("changes and orders in them: %s, want %d", got, r.orders)
	}
}

func sameJSON(a, b string) bool {
	var x, y map[string]any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// TestFlowThroughTrouble: the server crashes and comes back, connections are
// ended by an administrator, and a deadlock is resolved at the sink's expense.
// The tables equal the collections after each.
func TestFlowThroughTrouble(t *testing.T) {
	r := runFlow(t)
	r.ingest(500)
	r.check()
	for _, trouble := range []struct {
		what string
		make func(r *running)
	}{
		{"a restart, as pg_ctl restart -m immediate does it", func(r *running) {
			if err := r.server.Restart(); err != nil {
				r.Fatal(err)
			}
		}},
		{"connections ended", func(r *running) {
			got := r.server.Rows(r.T, "postgres", "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE application_name = 'weir/acmeCo/pg'")
			if got[0] != "t" {
				r.Error("no connection was there to end")
			}
		}},
		{"a deadlock", deadlock},
	} {
		t.Log(trouble.what)
		r.ingest(300)
		trouble.make(r)
		r.ingest(300)
		r.check()
	}
}

// deadlock narrates: somebody locks a row of the totals; the sink locks its
// checkpoint and waits for that row; then the other one asks for the checkpoint.
// The sink has waited longer, so the server refuses it, and it does its
// transaction again.
func deadlock(r *running) {
	r.through()
	ctx := weirtest.Context(r.T)
	other := r.server.Connect(r.T, r.db)
	tx, err := other.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, "SET LOCAL deadlock_timeout = '1h'; UPDATE kept.totals SET total = total")
	}
	if err != nil {
		r.Fatal(err)
	}
	r.ingest(1)
	await(r.T, r.server.Connect(r.T, r.db), "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'weir/acmeCo/pg' AND wait_event_type = 'Lock'")
	if _, err := tx.Exec(ctx, "SELECT FROM kept.weir_checkpoints FOR UPDATE"); err != nil {
		r.Errorf("the other one: %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		r.Fatal(err)
	}
	// What the server has logged comes through a pipe, a moment later.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(r.server.Log(), "deadlock detected") {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.Fatalf("no deadlock:\n%s", r.server.Log())
		}
	}
}

// await asks until a query says so.
func await(t *testing.T, c *pgx.Conn, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), weirtest.Patience)
	defer cancel()
	for ok := false; !ok; {
		if err := c.QueryRow(ctx, query).Scan(&ok); err != nil {
			t.Fatalf("%s: %v", query, errors.Join(err, ctx.Err()))
		}
	}
}

const accounts = `
collections:
  acmeCo/accounts:
    key: [/id]
    schema:
      type: object
      required: [id]
      properties:
        id: {type: string}
        name: {type: string}
        _meta: {type: object, properties: {op: {type: string}}}
      if: {properties: {_meta: {properties: {op: {const: d}}, required: [op]}}, required: [_meta]}
      then: {reduce: {strategy: merge, delete: true}}
      else: {reduce: {strategy: merge}}
materializations:
  acmeCo/soft:
    endpoint: {postgres: {url: "%[1]s", schema: soft}}
    bindings: [{source: acmeCo/accounts, resource: {table: accounts}}]
  acmeCo/hard:
    endpoint: {postgres: {url: "%[1]s", schema: hard, hardDelete: true}}
    bindings: [{source: acmeCo/accounts, resource: {table: accounts}}]
`

// TestDeletes: a deleted document's row stays and says so, or goes; a later
// document of the key has nothing of the former one.
func TestDeletes(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": fmt.Sprintf(accounts, server.URL(db))}))
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	defer stop() // before its database goes
	for _, step := range []struct{ doc, soft, hard string }{
		{`{"id":"a","name":"first","_meta":{"op":"c"}}`, "[a|c|first]", "[a|c|first]"},
		{`{"id":"a","_meta":{"op":"d"}}`, "[a|d|first]", "[]"},
		{`{"id":"a","_meta":{"op":"c"}}`, "[a|c|<nil>]", "[a|c|<nil>]"},
	} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/accounts"], step.doc)
		for task, want := range map[string]string{"soft": step.soft, "hard": step.hard} {
			weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/"+task, "acmeCo/accounts")
			if got := fmt.Sprint(server.Rows(t, db, `SELECT id, "_meta/op", name FROM `+task+`.accounts`)); got != want {
				t.Errorf("%s after %s: %s, want %s", task, step.doc, got, want)
			}
		}
	}
}

const strict = `
collections:
  acmeCo/notes:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, at: {type: string, format: macaddr}}}
    onInvalid: %[2]s
materializations:
  acmeCo/notes-db:
    endpoint: {postgres: {url: "%[1]s", schema: %[2]s}}
    bindings: [{source: acmeCo/notes, resource: {table: notes}}]
`

// TestRefusedDocuments: what a table cannot hold stops the materialization with
// its place in the document, or is put aside where the collection says so, and
// the others go on.
func TestRefusedDocuments(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	conn := weirtest.Connect(t, weirtest.Server(t))
	dir := weirtest.Files(t, map[string]string{"flow.yaml": fmt.Sprintf(strict, server.URL(db), "quarantine")})
	c := weirtest.Publish(t, conn, dir)
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	defer stop() // before its database goes
	notes := c.Collections["acmeCo/notes"]
	weirtest.Ingest(t, conn, notes, `{"id":"a"}`, `{"id":"nul \u0000"}`, `{"id":"b","at":"08:00:2b:01:02:03"}`, `{"id":"c","at":"the kitchen"}`, `{"id":"d"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/notes-db", "acmeCo/notes")
	if got := fmt.Sprint(server.Rows(t, db, "SELECT id, at FROM quarantine.notes ORDER BY id")); got != "[a|<nil> b|08:00:2b:01:02:03 d|<nil>]" {
		t.Errorf("table holds %s", got)
	}
	var aside []string
	err := conn.ReadAll(weirtest.Context(t), collection.BadStream, "", 0, func(m journal.Message) error {
		aside = append(aside, string(m.Data))
		return nil
	})
	if err != nil || fmt.Sprint(aside) != `[{"id":"nul \u0000"} {"id":"c","at":"the kitchen"}]` {
		t.Errorf("put aside: %s, %v", aside, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), fmt.Appendf(nil, strict, server.URL(db), "stop"), 0o600); err != nil {
		t.Fatal(err)
	}
	weirtest.Publish(t, conn, dir)
	failed := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/notes-db", worker.StateFailed)
	if why := failed.Why; why.Code != "invalid-document" || why.Pointer != "/id" || why.Rule != collection.RuleEndpoint || why.Document != `{"id":"nul \u0000"}` || why.Seq != 2 {
		t.Errorf("%+v", failed.Why)
	}
}
