package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"weir/catalog"
	"weir/document"
	"weir/schema"
	"weir/sinks"
	"weir/sinks/sqltable"
)

const orderSchema = `{"type":"object","required":["id","customer","amount"],"properties":{
	"id":{"type":"string"},"customer":{"type":"string"},"amount":{"type":"number"},"quantity":{"type":"integer"},
	"status":{"type":"string"},"note":{"type":"string"},"paid":{"type":"boolean"}}}`

// benchKeys is how many orders there are; order n+benchKeys is order n with
// other values.
const benchKeys = 20_000

// order is a document of about 250 bytes.
func order(n int) string {
	return fmt.Sprintf(`{"id":"order-%08d","customer":"customer-%06d","amount":%d.25,"quantity":%d,"status":"shipped","note":"%s","paid":true}`,
		n%benchKeys, n%1000, n%1003, n%7, "a note that somebody wrote about this order, long enough to make it a document of ordinary size, and a little more")
}

// orders gives rows of n orders, and a completed binding for them.
func orders(tb testing.TB, n int, delta bool) ([]sinks.Row, sinks.Binding) {
	tb.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "order.json", Resources: map[string]json.RawMessage{"order.json": json.RawMessage(orderSchema)}})
	if err != nil {
		tb.Fatal(err)
	}
	b := bind(tb, "orders", compiled.Shape(), &catalog.Collection{Name: "acmeCo/orders", Key: []string{"/id"}}, nil, delta)
	key, err := document.NewKey(b.Collection.Key)
	if err != nil {
		tb.Fatal(err)
	}
	rows := make([]sinks.Row, n)
	for i := range rows {
		r := &rows[i]
		r.Raw, r.Doc, r.Published = []byte(order(i)), new(document.Doc), time.Unix(1700000000, int64(i))
		if err := r.Doc.Parse(r.Raw); err != nil {
			tb.Fatal(err)
		}
		if r.Key, err = key.AppendPacked(nil, r.Doc, 0); err != nil {
			tb.Fatal(err)
		}
	}
	return rows, b
}

// bind completes a binding of a table.
func bind(tb testing.TB, table string, shape *schema.Shape, spec *catalog.Collection, fields *catalog.Fields, delta bool) sinks.Binding {
	tb.Helper()
	c, err := sinks.Describe(spec, shape)
	if err != nil {
		tb.Fatal(err)
	}
	text, _ := json.Marshal(resource{Table: table, DeltaUpdates: delta})
	b := sinks.Binding{Resource: text, Collection: c}
	v := sinks.ValidatedBinding{ResourcePath: []string{table}, Delta: delta, Constraints: sqltable.Constraints(sqltable.SQLite(), &c, nil, delta)}
	if _, err := sinks.Complete(&b, v, fields, 0); err != nil {
		tb.Fatal(err)
	}
	return b
}

// BenchmarkStore writes the same rows in transactions of 4000, once through a
// session and once by one prepared statement that is handed finished values,
// turn by turn in databases of the same settings.
func BenchmarkStore(b *testing.B) {
	const batch = 4000
	rows, binding := orders(b, 2*benchKeys, false)
	dir := b.TempDir()
	session := openIn(b, dir, binding)
	db, insert := preparedIn(b, filepath.Join(dir, "prepared.db"), binding)
	values := finished(b, rows, binding)
	var ours, theirs cost
	n := 0
	for b.Loop() {
		from := n % len(rows)
		n += batch
		start := now()
		if err := session.Store(b.Context(), 0, rows[from:from+batch]); err != nil {
			b.Fatal(err)
		}
		if err := session.Commit(b.Context(), []byte("checkpoint")); err != nil {
			b.Fatal(err)
		}
		ours.add(start)
		start = now()
		tx, err := db.BeginTx(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		statement := tx.Stmt(insert)
		for _, v := range values[from : from+batch] {
			if _, err := statement.Exec(v...); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		theirs.add(start)
	}
	b.ReportMetric(float64(ours.wall)/float64(n), "ns/row")
	b.ReportMetric(float64(ours.cpu)/float64(n), "cpu-ns/row")
	b.ReportMetric(float64(theirs.wall)/float64(n), "prepared-ns/row")
	b.ReportMetric(float64(theirs.wall)/float64(ours.wall), "speed/prepared")
	b.ReportMetric(float64(theirs.cpu)/float64(ours.cpu), "cpu-speed/prepared")
}

// cost is time on the clock and on processors; the latter says more on a
// machine that is busy otherwise.
type cost struct{ wall, cpu time.Duration }

func now() cost {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return cost{time.Duration(time.Now().UnixNano()), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

func (c *cost) add(since cost) {
	n := now()
	c.wall += n.wall - since.wall
	c.cpu += n.cpu - since.cpu
}

// BenchmarkLoad looks up all keys of a table, and as many that it lacks.
func BenchmarkLoad(b *testing.B) {
	rows, binding := orders(b, 8000, false)
	session := openIn(b, b.TempDir(), binding)
	if err := session.Store(b.Context(), 0, rows[:4000]); err != nil {
		b.Fatal(err)
	}
	if err := session.Commit(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	for b.Loop() {
		n := 0
		if err := session.Load(b.Context(), 0, keys, func(int, []byte) error { n++; return nil }); err != nil || n != 4000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/key")
}

func openIn(tb testing.TB, dir string, b sinks.Binding) sinks.Session {
	tb.Helper()
	config := json.RawMessage(`{"path":"weir.db"}`)
	bindings := []sinks.Binding{b}
	applied, err := New().Apply(tb.Context(), sinks.ApplyRequest{Task: "acmeCo/m", Config: config, DataDir: dir, Bindings: bindings})
	if err != nil {
		tb.Fatal(err)
	}
	bindings[0].StateKey = applied.StateKeys[0]
	session, _, err := New().Open(tb.Context(), sinks.OpenRequest{Task: "acmeCo/m", Shard: "0-1", Config: config, DataDir: dir, Bindings: bindings})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { session.Close() })
	return session
}

// preparedIn makes the same table through database/sql and prepares the
// statement.
func preparedIn(tb testing.TB, path string, b sinks.Binding) (*sql.DB, *sql.Stmt) {
	tb.Helper()
	table, err := sqltable.New(sqltable.SQLite(), "orders", &b)
	if err != nil {
		tb.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size("+cacheSize+")")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(table.Create()); err != nil {
		tb.Fatal(err)
	}
	insert, err := db.Prepare(table.Upsert())
	if err != nil {
		tb.Fatal(err)
	}
	return db, insert
}

// finished gives the rows' values as database/sql takes them.
func finished(tb testing.TB, rows []sinks.Row, b sinks.Binding) [][]any {
	tb.Helper()
	table, err := sqltable.New(sqltable.SQLite(), "orders", &b)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([][]any, len(rows))
	var buffer sqltable.Buffer
	for i := range rows {
		from := buffer.Len()
		if err := table.Append(&buffer, &rows[i]); err != nil {
			tb.Fatal(err)
		}
		for _, v := range buffer.Values(from) {
			out[i] = append(out[i], argument(&v))
		}
	}
	return out
}
