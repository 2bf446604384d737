package worker_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// things is a catalog of one collection with a materialization of two
// bindings; v is the schema of a property, binding what the first of them says
// beside its table.
func things(v, policy, binding string) map[string]string {
	return map[string]string{"flow.yaml": `
collections:
  acmeCo/things:
    key: [/id]
    schema:
      type: object
      required: [id, kept]
      reduce: {strategy: merge}
      properties:
        id: {type: string}
        kept: {type: integer, reduce: {strategy: sum}}
        ` + v + `
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    onIncompatibleSchemaChange: ` + policy + `
    bindings:
      - {source: acmeCo/things, resource: {table: things}` + binding + `}
      - {source: acmeCo/things, resource: {table: others}, fields: {exclude: [v]}}
`}
}

// migration is a running worker whose catalog is published anew in each step.
type migration struct {
	*testing.T
	conn *journal.Conn
	w    *worker.Worker
	stop func()
	dir  string
}

func newMigration(t *testing.T, v string) *migration {
	m := &migration{T: t, conn: weirtest.Connect(t, weirtest.Server(t)), dir: t.TempDir()}
	m.publish(v, "abort", "")
	m.w, m.stop = weirtest.Run(t, weirtest.Options(t, m.conn, m.dir))
	return m
}

func (m *migration) publish(v, policy, binding string, documents ...string) {
	m.Helper()
	c := weirtest.Publish(m.T, m.conn, weirtest.Files(m.T, things(v, policy, binding)))
	if len(documents) > 0 {
		weirtest.Ingest(m.T, m.conn, c.Collections["acmeCo/things"], documents...)
	}
}

// holds waits until everything is read, and until the rows of two columns are
// those: a schema may be acted on after a document that was published with it.
func (m *migration) holds(query string, want ...string) {
	m.Helper()
	weirtest.ReadThrough(m.T, m.w, m.conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/things")
	m.become(query, want...)
}

func (m *migration) become(query string, want ...string) {
	m.Helper()
	got := ""
	defer func() {
		if m.Failed() {
			m.Logf("%s\n got %s\nwant %s", query, got, want)
		}
	}()
	waitFor(m.T, "rows", func() bool {
		got = m.rows(query)
		return got == "map["+strings.Join(want, " ")+"]"
	})
}

// rows prints two columns, in the order of the first.
func (m *migration) rows(query string) string {
	m.Helper()
	db, err := sql.Open("sqlite", filepath.Join(m.dir, "out.db"))
	if err != nil {
		m.Fatal(err)
	}
	defer db.Close()
	r, err := db.Query(query)
	if err != nil {
		return err.Error() // a column that is not there yet
	}
	defer r.Close()
	out := map[string]string{}
	for r.Next() {
		var key, value string
		if err := r.Scan(&key, &value); err != nil {
			m.Fatal(err)
		}
		out[key] = value
	}
	if err := r.Err(); err != nil {
		return err.Error()
	}
	return fmt.Sprint(out)
}

// TestTablesMigrate publishes one schema after the other that an existing
// table can follow: rows stay, new ones come in, and nothing is read again.
func TestTablesMigrate(t *testing.T) {
	m := newMigration(t, `v: {type: integer}`)
	m.publish(`v: {type: integer}`, "abort", "", `{"id":"a","kept":1,"v":7}`)
	const rows, types = `SELECT id, coalesce(v, 'none') || ' ' || typeof(v) || ' ' || kept FROM things`, `SELECT name, lower(type) || "notnull" FROM pragma_table_info('things') WHERE name IN ('v', 'w')`
	m.holds(rows, "a:7 integer 1")
	m.publish(`v: {type: number}`, "abort", "", `{"id":"b","kept":1,"v":0.5}`)
	m.holds(rows, "a:7 integer 1", "b:0.5 real 1")
	m.publish("v: {type: number}\n        w: {type: boolean}", "abort", "", `{"id":"c","kept":1,"v":3,"w":true}`)
	m.holds(`SELECT id, coalesce(w, 'none') FROM things`, "a:none", "b:none", "c:1")
	m.holds(`SELECT id, kept FROM others`, "a:1", "b:1", "c:1")
}

// TestColumnsAreReplaced: SQLite cannot change a column's type; the values are
// those that a table made anew would have.
func TestColumnsAreReplaced(t *testing.T) {
	m := newMigration(t, `v: {type: integer}`)
	m.publish(`v: {type: integer}`, "abort", "", `{"id":"a","kept":1,"v":7}`, `{"id":"b","kept":1}`, `{"id":"c","kept":1,"v":9223372036854775808}`)
	const rows = `SELECT id, coalesce(v, 'none') || ' ' || typeof(v) || ' ' || kept FROM things`
	m.holds(rows, "a:7 integer 1", "b:none null 1", "c:9223372036854775808 blob 1")
	m.publish(`v: {type: [integer, string]}`, "abort", "", `{"id":"a","kept":1,"v":"seven"}`, `{"id":"d","kept":1,"v":8}`)
	m.holds(rows, `a:"seven" text 2`, "b:none null 1", "c:9223372036854775808 text 1", "d:8 text 1")
	m.publish("v: {type: [integer, string]}\n        w: {type: string}", "abort", "", `{"id":"a","kept":1,"w":"x\u0000\"y"}`, `{"id":"d","kept":1,"w":"plain"}`)
	m.publish("v: {type: [integer, string]}\n        w: {type: [string, boolean]}", "abort", "", `{"id":"b","kept":1,"w":true}`)
	m.holds(`SELECT id, coalesce(w, 'none') || ' ' || coalesce(json_valid(w) || hex(json_extract(w, '$')), '') FROM things`,
		`a:"x\u0000\"y" 178002279`, "b:true 131", "c:none ", `d:"plain" 1706C61696E`)
}

// TestRequiredBecomesOptional: a column that was NOT NULL takes rows without a
// value, and one whose field is gone no longer asks for any.
func TestRequiredBecomesOptional(t *testing.T) {
	const required = "v: {type: string}\n        w: {type: string}\n      allOf: [{required: [v, w]}]"
	m := newMigration(t, required)
	m.publish(required, "abort", "", `{"id":"a","kept":1,"v":"x","w":"y"}`)
	const notNull = `SELECT name, "notnull" FROM pragma_table_info('things') WHERE name IN ('v', 'w')`
	m.holds(notNull, "v:1", "w:1")
	m.publish(`v: {type: string}`, "abort", "", `{"id":"b","kept":1}`)
	m.holds(notNull, "v:0", "w:0")
	m.holds(`SELECT id, coalesce(v, 'none') || coalesce(w, 'none') FROM things`, "a:xy", "b:nonenone")
}

// TestIncompatibleSchemaChange changes integers to booleans, which no table
// follows: each policy does what it says, and the table is filled from the
// collection once it is made anew.
func TestIncompatibleSchemaChange(t *testing.T) {
	const kept = `SELECT id, kept FROM things`
	before := func(t *testing.T) *migration {
		m := newMigration(t, `v: {type: integer}`)
		m.publish(`v: {type: integer}`, "abort", "", `{"id":"a","kept":1}`, `{"id":"a","kept":1}`, `{"id":"b","kept":1}`)
		m.holds(kept, "a:2", "b:1")
		return m
	}
	after := func(m *migration) {
		m.Helper()
		m.publish(`v: {type: boolean}`, "backfill", "", `{"id":"b","kept":1,"v":true}`)
		m.holds(kept, "a:2", "b:2")
		m.holds(`SELECT name, type FROM pragma_table_info('things') WHERE name = 'v'`, "v:BOOLEAN")
	}
	check := func(m *migration, state worker.State) {
		m.Helper()
		s := weirtest.Await(m.T, m.w, worker.KindMaterialization, "acmeCo/db", "told", func(s worker.Status) bool { return s.State == state && s.Why != nil })
		if s.Why.Code != "incompatible" || !strings.Contains(s.Why.Message, `table "things": column "v" has type INTEGER (for type integer), and the collection's schema now needs BOOLEAN (for type boolean)`) || !strings.Contains(s.Why.Fix, "backfill") {
			m.Errorf("status: %+v", s.Why)
		}
	}
	t.Run("backfill", func(t *testing.T) { after(before(t)) })
	t.Run("abort", func(t *testing.T) {
		m := before(t)
		m.publish(`v: {type: boolean}`, "abort", "")
		check(m, worker.StateFailed)
		after(m)
	})
	t.Run("the binding's word", func(t *testing.T) {
		m := before(t)
		m.publish(`v: {type: boolean}`, "backfill", ", onIncompatibleSchemaChange: abort")
		check(m, worker.StateFailed)
		after(m)
	})
	t.Run("disableTask", func(t *testing.T) {
		m := before(t)
		m.publish(`v: {type: boolean}`, "disableTask", "")
		check(m, worker.StateDisabled)
		after(m)
	})
	t.Run("disableBinding", func(t *testing.T) {
		m := before(t)
		m.publish(`v: {type: boolean}`, "disableBinding", "", `{"id":"c","kept":1,"v":false}`)
		check(m, worker.StateRunning)
		m.become(`SELECT id, kept FROM others`, "a:2", "b:1", "c:1")
		m.become(kept, "a:2", "b:1")
		m.publish(`v: {type: boolean}`, "backfill", "", `{"id":"d","kept":1}`)
		m.holds(kept, "a:2", "b:1", "c:1", "d:1")
		m.holds(`SELECT id, kept FROM others`, "a:2", "b:1", "c:1", "d:1")
	})
}

// TestBackfillCounter: whatever the counter is set to, the table is made anew
// and equals the collection; a table that was dropped by hand is too.
func TestBackfillCounter(t *testing.T) {
	m := newMigration(t, `v: {type: integer}`)
	m.publish(`v: {type: integer}`, "abort", "", `{"id":"a","kept":1}`, `{"id":"b","kept":1}`)
	const kept = `SELECT id, kept FROM things`
	m.holds(kept, "a:1", "b:1")
	want := []string{"a:1", "b:1"}
	for i, counter := range []string{"1", "0", "1"} {
		id := string(rune('c' + i))
		m.publish(`v: {type: integer}`, "abort", ", backfill: "+counter, `{"id":"`+id+`","kept":1}`)
		want = append(want, id+":1")
		m.holds(kept, want...)
	}
	m.stop()
	weirtest.Rows(t, filepath.Join(m.dir, "out.db"), `DROP TABLE things`)
	m.w, m.stop = weirtest.Run(t, weirtest.Options(t, m.conn, m.dir))
	m.holds(kept, want...)
}

// TestGroupBy: the fields of groupBy are the key of the table, documents that
// agree in them are one row, and what is no value is a group of its own.
func TestGroupBy(t *testing.T) {
	m := newMigration(t, `v: {type: integer}`)
	const grouped = ", fields: {groupBy: [v, nested/n], recommended: 1}"
	const v = "v: {type: [string, 'null']}\n        nested: {type: object, properties: {n: {type: integer}}}"
	m.publish(v, "backfill", grouped, `{"id":"a","kept":1,"v":"x","nested":{"n":1}}`, `{"id":"b","kept":2,"v":"x","nested":{"n":1.0}}`, `{"id":"c","kept":4,"v":"x"}`, `{"id":"d","kept":8,"v":null}`)
	const rows = `SELECT coalesce(v, 'none') || coalesce("nested/n", 'none'), kept || ' ' || json_extract(flow_document, '$.kept') FROM things`
	m.holds(rows, "nonenone:8 8", "x1:3 3", "xnone:4 4")
	m.publish(v, "backfill", grouped, `{"id":"e","kept":16}`, `{"id":"f","kept":32,"v":"x","nested":{"n":1}}`)
	m.holds(rows, "nonenone:24 24", "x1:35 35", "xnone:4 4")
	m.publish(v, "backfill", "", `{"id":"f","kept":1}`) // the collection's key again
	m.holds(`SELECT id, kept FROM things`, "a:1", "b:2", "c:4", "d:8", "e:16", "f:33")
}

// TestKilledAroundBackfill ends the worker's process at each point around the
// making anew of a table, each time with a schema that the table cannot follow.
// Then a worker runs to the end, and the table must equal the collection.
func TestKilledAroundBackfill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	s, dir := weirtest.Server(t), t.TempDir()
	m := &migration{T: t, conn: weirtest.Connect(t, s), dir: dir}
	n := 0
	for i, point := range []string{"apply.before 1", "apply.after 1", "store 1", "commit.before 1", "commit.after 1", "commit.after 2"} {
		v := []string{`v: {type: string}`, `v: {type: string, contentEncoding: base64}`}[i%2]
		more := make([]string, 300)
		for j := range more {
			more[j] = fmt.Sprintf(`{"id":"%d","kept":1,"v":"AAAA"}`, (n+j)%400)
		}
		n += len(more)
		m.publish(v, "backfill", "", more...)
		child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"=acmeCo/db sink."+point)
		for deadline := time.Now().Add(weirtest.Patience); !child.Ended(20 * time.Millisecond); {
			if time.Now().After(deadline) {
				t.Fatalf("the child never came to %q:\n%s", point, child.Output())
			}
			m.publish(v, "backfill", "", `{"id":"x","kept":0}`)
		}
	}
	m.publish(`v: {type: string, contentEncoding: base64}`, "backfill", "")
	m.w, _ = weirtest.Run(t, weirtest.Options(t, m.conn, dir))
	want := []string{"rows:401", fmt.Sprintf("sum:%d", n)}
	m.holds(`SELECT 'rows', count(*) FROM things UNION ALL SELECT 'sum', sum(kept) FROM things`, want...)
	m.holds(`SELECT 'rows', count(*) FROM others UNION ALL SELECT 'sum', sum(kept) FROM others`, want...)
	m.holds(`SELECT DISTINCT 'v', typeof(v) FROM things WHERE v IS NOT NULL`, "v:blob")
}
