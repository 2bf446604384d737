package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// sums is a flow whose derivation counts documents in a table.
func sums(lambda string, migrations ...string) map[string]string {
	files := flow("stop", "")
	using := "using: {sqlite: {migrations: ["
	for i, m := range migrations {
		name := fmt.Sprintf("m%d.sql", i+1)
		using += name + ", "
		files[name] = m
	}
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], "using: {javascript: {module: out.js}}", using+"]}}", 1)
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], "shuffle: any}", "shuffle: any, lambda: out.sql}", 1)
	delete(files, "out.js")
	files["out.sql"] = lambda
	return files
}

const (
	countTable = "create table counts (k integer primary key, n integer not null)"
	countByN   = "insert into counts (k, n) values ($n, 1) on conflict do update set n = n + 1\n  returning $id, n as nth"
)

// TestDatabaseGoesOn restarts a worker, appends a migration, and changes the
// lambda: the table goes on from where it was.
func TestDatabaseGoesOn(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, sums(countByN, countTable)))
	in := c.Collections["acmeCo/in"]
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, in, `{"id":"a","n":1}`, `{"id":"b","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	stop()
	w, _ = weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, in, `{"id":"c","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	weirtest.Publish(t, conn, weirtest.Files(t, sums(strings.Replace(countByN, "nth", "nth, note", 1), countTable, "alter table counts add column note text default 'new'")))
	weirtest.Ingest(t, conn, in, `{"id":"d","n":1}`, `{"id":"e","n":2}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	want := `{"id":"a","nth":1} {"id":"b","nth":2} {"id":"c","nth":3} {"id":"d","nth":4,"note":"new"} {"id":"e","nth":1,"note":"new"}`
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != want {
		t.Errorf("derived:\n%s\nwant:\n%s", got, want)
	}
}

// TestBrokenStatement fails for one document: the status names the line and
// the document, all before it is committed, and a mended lambda goes on there.
func TestBrokenStatement(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	broken := strings.Replace(countByN, "values ($n, 1)", "values (nullif($n, 13), nullif($n, 13) is not null)", 1)
	table := strings.Replace(countTable, "n integer not null", "n integer not null check (n > 0)", 1)
	c := weirtest.Publish(t, conn, weirtest.Files(t, sums("-- counts by n\n"+broken, table)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":1}`, `{"id":"b","n":1}`, `{"id":"c","n":13}`, `{"id":"d","n":1}`)
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "module" || s.Why.File != "out.sql" || s.Why.Line != 2 || s.Why.Document != `{"id":"c","n":13}` || !strings.Contains(s.Why.Message, "CHECK constraint failed") {
		t.Errorf("status: %+v", s.Why)
	}
	weirtest.Publish(t, conn, weirtest.Files(t, sums(countByN, table)))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	want := `{"id":"a","nth":1} {"id":"b","nth":2} {"id":"c","nth":1} {"id":"d","nth":3}`
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != want {
		t.Errorf("derived:\n%s\nwant:\n%s", got, want)
	}
}

// TestMigrationsThatWereApplied cannot change: a publication says so. One that
// fails on what the database holds can: the task knows that it was not applied.
func TestMigrationsThatWereApplied(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, sums(countByN, countTable)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":1}`, `{"id":"b","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")

	path := weirtest.Files(t, sums(countByN, countTable+" without rowid"))
	_, err := controlplane.Publish(weirtest.Context(t), conn, weirtest.Load(t, path), controlplane.Options{Catalog: "other"})
	if err == nil || !strings.Contains(err.Error(), "m1.sql:1:1: the migration number 1 was applied as it was published, and cannot change") {
		t.Errorf("a changed migration: %v", err)
	}
	const fails = "create unique index once on counts (n) where n > 1;\ninsert into counts values (7, 2)"
	weirtest.Publish(t, conn, weirtest.Files(t, sums(countByN, countTable, fails)))
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "module" || s.Why.File != "m2.sql" || s.Why.Line != 2 || !strings.Contains(s.Why.Message, "UNIQUE constraint failed") {
		t.Errorf("status: %+v", s.Why)
	}
	weirtest.Publish(t, conn, weirtest.Files(t, sums(countByN, countTable, "insert into counts values (7, 2)")))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"c","n":7}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	want := `{"id":"a","nth":1} {"id":"b","nth":2} {"id":"c","nth":3}`
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != want {
		t.Errorf("derived:\n%s\nwant:\n%s", got, want)
	}
}

// TestManyPages gives documents that each change many pages: transactions
// close before a marker is full, and one that no marker holds fails by itself.
func TestManyPages(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	// Each document writes n rows of half a kilobyte, or larger ones if they are many.
	const lambda = `with recursive c(x) as (select 1 where $n > 0 union all select x + 1 from c where x < $n)
		insert into big (doc, text) select $id, iif($n > 1000, zeroblob(100000), hex(randomblob(250))) from c;
		select $id, (select count(*) from big) as rows`
	files := sums(lambda, "create table big (doc text, text)")
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], ", maximum: 100", "", 1)
	c := weirtest.Publish(t, conn, weirtest.Files(t, files))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Limits.BatchBytes, o.Limits.CallTimeout = 64<<10, weirtest.Patience
	w, stop := weirtest.Run(t, o)
	var docs []string
	for i := range 60 {
		docs = append(docs, fmt.Sprintf(`{"id":"d%02d","n":150}`, i))
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], docs...)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := weirtest.Documents(t, conn, "acmeCo/out"); len(got) != 60 || string(got[59].Data) != `{"id":"d59","rows":9000}` {
		t.Fatalf("%d documents, the last %s", len(got), got[len(got)-1].Data)
	}
	stop()
	w, _ = weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"next","n":1}`, fmt.Sprintf(`{"id":"huge","n":%d}`, conn.MaxPayload()*16/100_000))
	status := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if status.Why.Code != "too-much-state" || !strings.Contains(status.Why.Message, "one transaction holds at most") || status.Why.Seq == 0 {
		t.Errorf("status: %+v", status.Why)
	}
	got := weirtest.Documents(t, conn, "acmeCo/out")
	if last := string(got[len(got)-1].Data); last != `{"id":"next","rows":9001}` {
		t.Errorf("the last document is %s", last)
	}
}

// TestDatabaseLost removes the bucket of a database: the task stands still.
func TestDatabaseLost(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, sums(countByN, countTable)))
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	stop()
	deleteBuckets(t, conn, "weir_db_")
	w, _ = weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "state-lost" || s.Why.Fix == "" {
		t.Errorf("status: %+v", s.Why)
	}
}

// deleteBuckets removes the buckets whose names begin with a prefix.
func deleteBuckets(t *testing.T, conn *journal.Conn, prefix string) {
	t.Helper()
	streams, err := conn.Streams(weirtest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if bucket, ok := strings.CutPrefix(s.Name, "KV_"); ok && strings.HasPrefix(bucket, prefix) {
			if err := conn.DeleteBucket(weirtest.Context(t), bucket); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFromRegisterToDatabase publishes a derivation in JavaScript with a
// register, then in SQL, then in JavaScript again: documents are read once
// each, and each state starts anew.
func TestFromRegisterToDatabase(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	script, lambda := counted(true), sums(countByN, countTable)
	var c *catalog.Catalog
	var w *worker.Worker
	for round, files := range []map[string]string{script, lambda, script} {
		c = weirtest.Publish(t, conn, weirtest.Files(t, files))
		if round == 0 {
			w, _ = weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], fmt.Sprintf(`{"id":"%da","n":1}`, round), fmt.Sprintf(`{"id":"%db","n":1}`, round))
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	}
	want := `{"id":"0a","nth":1} {"id":"0b","nth":2} {"id":"1a","nth":1} {"id":"1b","nth":2} {"id":"2a","nth":1} {"id":"2b","nth":2}`
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != want {
		t.Errorf("derived:\n%s\nwant:\n%s", got, want)
	}
}
