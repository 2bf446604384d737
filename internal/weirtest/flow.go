package weirtest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"weir/catalog"
	"weir/journal"
)

// Flow is the catalog of the crash tests: orders come in by key, numbered gives each
// order its number among its customer's by a register, counted does the same by
// a table of its own database, totals adds up by reduction, and what numbered
// and totals give goes to SQLite.
var Flow = map[string]string{
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
  acmeCo/counted:
    key: [/id]
    schema:
      type: object
      required: [id, nth]
      properties:
        id: {type: string}
        customer: {type: string}
        nth: {type: integer}
    derive:
      using:
        sqlite:
          migrations:
            - create table customers (name text primary key, orders integer not null) without rowid
      transforms:
        - name: fromOrders
          source: acmeCo/orders
          shuffle: {key: [/customer]}
          lambda: |
            insert into customers values ($customer, 1)
              on conflict do update set orders = orders + 1
              returning $id, name as customer, orders as nth
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

// Orders makes documents with unique ids for some customers.
func Orders(from, n int) []string {
	out := make([]string, n)
	for i := range out {
		id := from + i
		out[i] = fmt.Sprintf(`{"id":"o-%06d","customer":"c-%03d","amount":%d}`, id, id*7919%300, id%97)
	}
	return out
}

type order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Amount   int    `json:"amount"`
}

// CheckFlow compares all that is derived with a single pass over the source
// collection, which must hold n orders, and each of them once unless
// publishers had to publish some again. Everything must have been processed.
func CheckFlow(t testing.TB, conn *journal.Conn, c *catalog.Catalog, db string, n int, again bool) {
	t.Helper()
	seen, nth := map[string]int{}, map[string]int{}
	numbered, totals := map[string]string{}, map[string]string{}
	sums := map[string]int{}
	for _, m := range Documents(t, conn, "acmeCo/orders") {
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
	stored := 0
	for id, times := range seen {
		stored += times
		if times != 1 && !again {
			t.Errorf("order %s is there %d times", id, times)
		}
	}
	for _, name := range []string{"numbered", "counted"} {
		if got := len(Documents(t, conn, "acmeCo/"+name)); got < n || got > stored { // orders stored twice may have been combined
			t.Errorf("%s holds %d messages for %d orders, stored in %d", name, got, n, stored)
		}
		Same(t, name, Reduced(t, conn, c.Collections["acmeCo/"+name]), numbered)
	}
	t.Logf("%d orders in %d messages; %d customers", len(seen), stored, len(totals))
	Same(t, "totals", Reduced(t, conn, c.Collections["acmeCo/totals"]), totals)
	Same(t, "table numbered", Rows(t, db, `select '["'||id||'"]', '{"customer":"'||customer||'","id":"'||id||'","nth":'||nth||'}' from numbered`), numbered)
	Same(t, "table totals", Rows(t, db, `select '["'||customer||'"]', '{"customer":"'||customer||'","orders":'||orders||',"total":'||total||'}' from totals`), totals)
}

// InboxEmpty says whether nothing waits in the flow's inbox.
func InboxEmpty(t testing.TB, conn *journal.Conn) bool {
	t.Helper()
	_, err := conn.Last(Context(t), "acmeCo=orders", "weir.pub.>")
	if err != nil && !errors.Is(err, journal.ErrNoMessage) {
		t.Fatal(err)
	}
	return err != nil
}

// Rows reads two columns of text.
func Rows(t testing.TB, db, query string) map[string]string {
	t.Helper()
	d, err := sql.Open("sqlite", db) // the driver that the sink brings
	if err == nil {
		d.SetMaxOpenConns(1)
		_, err = d.Exec("PRAGMA busy_timeout = 60000") // the sink may be at its tables
	}
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

// Same compares two maps and names the first keys that differ.
func Same(t testing.TB, what string, got, want map[string]string) {
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
