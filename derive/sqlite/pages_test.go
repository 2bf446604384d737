package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"weir/derive"
	"weir/document"
)

// store keeps pages as the shard does: the newest value of each key.
type store map[string][]byte

func (s store) add(t testing.TB, db *DB) int {
	t.Helper()
	changes, err := db.Changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if s[string(c.Key)] = c.Value; c.Value == nil {
			delete(s, string(c.Key))
		}
	}
	return len(changes)
}

func (s store) pages() []derive.RegisterChange {
	var out []derive.RegisterChange
	for key, value := range s {
		out = append(out, derive.RegisterChange{Key: []byte(key), Value: value})
	}
	return out
}

const ledger = `create table ledger (k integer primary key, account text not null, amount integer not null, note text);
create index by_account on ledger (account);`

// TestRestore applies documents in random transactions and, after random ones
// of them, goes on in a database that is made of the pages: after all it holds
// what one that was never closed holds.
func TestRestore(t *testing.T) {
	const lambda = `insert into ledger (account, amount, note) values ('a' || ($n % 40), $n, hex(zeroblob($n % 300)));
		delete from ledger where k % 7 = $n % 7 and k < $n - 50;
		select account, sum(amount) as total, count(*) as entries from ledger where account = 'a' || ($n % 40) group by account`
	r := rand.New(rand.NewPCG(1, 2))
	single, kept := mustOpen(t, derivation(lambda, ledger)), store{}
	db := mustOpen(t, derivation(lambda, ledger))
	for n := range 1200 {
		doc := fmt.Sprintf(`{"id":"d%d","n":%d}`, n, r.IntN(2000))
		want, err := apply(t, single, doc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(t, db, doc)
		if err != nil || got != want {
			t.Fatalf("document %d: %s, %v\nwant %s", n, got, err, want)
		}
		if r.IntN(20) > 0 {
			continue
		}
		kept.add(t, db)
		if kept.add(t, db) != 0 {
			t.Fatal("pages changed without a document")
		}
		if r.IntN(4) == 0 {
			db = mustOpen(t, derivation(lambda, ledger), kept.pages()...)
		}
	}
	check, err := db.dump("select k || account || amount || note from ledger")
	want, err2 := single.dump("select k || account || amount || note from ledger")
	if err != nil || err2 != nil || check != want || check == "" {
		t.Errorf("%v %v: the databases differ", err, err2)
	}
	if sound, err := db.dump("pragma integrity_check"); err != nil || sound != "ok\n" {
		t.Errorf("integrity: %s, %v", sound, err)
	}
}

// dump gives the first column of a query's rows, a line each.
func (db *DB) dump(sql string) (string, error) {
	var b strings.Builder
	err := db.conn.rows(sql, func(s *statement) { b.Write(append(s.text(0), '\n')) })
	return b.String(), err
}

// TestUncommittedChangesAreLost closes a database without asking for its
// changes: the next one is as of the last time that somebody asked.
func TestUncommittedChangesAreLost(t *testing.T) {
	const lambda = `insert into counters values ($id, 1) on conflict do update set n = n + 1 returning n`
	kept := store{}
	db := mustOpen(t, derivation(lambda, counters))
	if got, err := apply(t, db, `{"id":"a"}`, `{"id":"a"}`); err != nil || got != `{"n":1} {"n":2}` {
		t.Fatal(got, err)
	}
	kept.add(t, db)
	if got, err := apply(t, db, `{"id":"a"}`); err != nil || got != `{"n":3}` {
		t.Fatal(got, err)
	}
	if got, err := apply(t, mustOpen(t, derivation(lambda, counters), kept.pages()...), `{"id":"a"}`); err != nil || got != `{"n":3}` {
		t.Errorf("after the restart %s, %v", got, err)
	}
}

// TestMigrations appends migrations to a database that has data, and changes
// those that it has applied.
func TestMigrations(t *testing.T) {
	const lambda = `insert into counters (k, n) values ($id, 1) on conflict do update set n = n + 1 returning n`
	kept := store{}
	db := mustOpen(t, derivation(lambda, counters))
	if _, err := apply(t, db, `{"id":"a"}`); err != nil {
		t.Fatal(err)
	}
	kept.add(t, db)
	const second = `alter table counters add column note text default 'new'; update counters set n = 10;`
	db = mustOpen(t, derivation(lambda+`, note`, counters, second), kept.pages()...)
	if got, err := apply(t, db, `{"id":"a"}`); err != nil || got != `{"n":11,"note":"new"}` {
		t.Fatal(got, err)
	}
	kept.add(t, db)
	db = mustOpen(t, derivation(lambda, counters, second), kept.pages()...)
	if got, err := apply(t, db, `{"id":"a"}`); err != nil || got != `{"n":12}` {
		t.Fatal("the second migration was applied twice:", got, err)
	}
	for name, tt := range map[string]struct {
		migrations []string
		want       string
	}{
		"changed": {[]string{"\n" + counters, second}, `tables.sql:1:1: the migration number 1 was applied as it was published, and cannot change`},
		"gone":    {[]string{counters}, `the migration number 2 is gone, but it was applied`},
		"swapped": {[]string{second, counters}, `the migration number 1 was applied`},
	} {
		_, err := open(t, derivation(lambda, tt.migrations...), Options{}, kept.pages()...)
		var module *derive.ModuleError
		if !errors.As(err, &module) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

// TestLostPages refuses to open a database of which a page is gone or is none.
func TestLostPages(t *testing.T) {
	kept := store{}
	db := mustOpen(t, derivation(`select 1 as n`, ledger))
	kept.add(t, db)
	for _, gone := range []uint64{1, 2, uint64(len(kept))} {
		some := store{}
		for k, v := range kept {
			if k != string(document.AppendPackedInteger(nil, gone)) {
				some[k] = v
			}
		}
		_, err := open(t, derivation(`select 1 as n`, ledger), Options{}, some.pages()...)
		var lost *LostError
		if !errors.As(err, &lost) {
			t.Errorf("page %d: %v", gone, err)
		}
	}
	garbage := encodePage(bytes.Repeat([]byte("x"), pageSize))
	for n := range len(kept) {
		kept[string(document.AppendPackedInteger(nil, uint64(n+1)))] = garbage
	}
	kept[string(document.AppendPackedInteger(nil, 1))] = encodePage(append(append(make([]byte, 28), 0, 0, 0, byte(len(kept))), bytes.Repeat([]byte("x"), pageSize-32)...))
	_, err := open(t, derivation(`select 1 as n`, ledger), Options{}, kept.pages()...)
	var lost *LostError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("garbage: %v", err)
	}
}

// TestDamagedPages are refused when they are loaded: they are no pages.
func TestDamagedPages(t *testing.T) {
	key := document.AppendPackedInteger(nil, 1)
	for _, c := range []derive.RegisterChange{{Key: key, Value: []byte(`7`)}, {Key: key, Value: []byte(`"CQAA"`)}, {Key: []byte("x"), Value: encodePage(make([]byte, pageSize))}, {Key: document.AppendPackedInteger(nil, 0), Value: nil}} {
		_, err := open(t, derivation(`select 1 as n`), Options{}, c)
		var lost *LostError
		if !errors.As(err, &lost) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%x %s: %v", c.Key, c.Value, err)
		}
	}
}

// TestEndlessMigration ends with its context.
func TestEndlessMigration(t *testing.T) {
	d := derivation(`select 1 as n`, `create table t as with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) as m from c`)
	db, err := New(d, fields(t), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = db.Open(ctx)
	var module *derive.ModuleError
	if !errors.Is(err, context.Canceled) || errors.As(err, &module) {
		t.Errorf("%v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// TestPending knows the pages of a transaction while it grows.
func TestPending(t *testing.T) {
	db := mustOpen(t, derivation(`insert into ledger (account, amount) values ($id, $n)`, ledger))
	if db.Pending() == 0 {
		t.Error("nothing is pending after a migration")
	}
	store{}.add(t, db)
	if db.Pending() != 0 {
		t.Error("pending after all was given out")
	}
	for n := range 10 * commitRows {
		if _, err := apply(t, db, fmt.Sprintf(`{"id":"%x","n":%d}`, n*7919%10007, n)); err != nil {
			t.Fatal(err)
		}
	}
	pending := db.Pending()
	changes, err := db.Changes()
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, c := range changes {
		bytes += len(c.Key) + len(c.Value)
	}
	if pending == 0 || bytes > 2*pending {
		t.Errorf("%d bytes in %d pages, %d were announced", bytes, len(changes), pending)
	}
}

// TestNoFiles leaves nothing in its directory, whatever it sorts.
func TestNoFiles(t *testing.T) {
	dir := t.TempDir()
	db, err := open(t, derivation(`with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000)
		select count(*) as n from (select distinct x * 7919 % 100003 as y, hex(zeroblob(40)) as z from c order by y desc)`), Options{Dir: dir, Cache: 64 << 10, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := apply(t, db, `{"id":"a"}`); err != nil || got != `{"n":20000}` {
		t.Fatal(got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestFailingFile is no fault of the SQL: the error says what the file said.
func TestFailingFile(t *testing.T) {
	db := mustOpen(t, derivation(`insert into ledger (account, amount) values ($id, 1)`, ledger))
	other, err := os.Open(os.DevNull) // it cannot be written
	if err != nil {
		t.Fatal(err)
	}
	was := db.pages.file
	db.pages.file = other
	if _, err = apply(t, db, `{"id":"a"}`); err == nil {
		_, err = db.Changes()
	}
	var call *derive.CallError
	var file *FileError
	if !errors.As(err, &file) || errors.As(err, &call) || !strings.Contains(err.Error(), "database on disk: write") {
		t.Errorf("%v", err)
	}
	db.pages.file = was
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestPageForm(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		page := make([]byte, pageSize)
		for i := range page {
			if r.IntN(3) == 0 {
				page[i] = byte(r.Uint32())
			}
		}
		from := r.IntN(pageSize)
		clear(page[from : from+r.IntN(pageSize-from)])
		got, err := decodePage(encodePage(page))
		if err != nil || !bytes.Equal(got, page) {
			t.Fatalf("%v: a page differs", err)
		}
	}
	for _, page := range [][]byte{make([]byte, pageSize), bytes.Repeat([]byte{1}, pageSize)} {
		stored := encodePage(page)
		if got, err := decodePage(stored); err != nil || !bytes.Equal(got, page) || len(stored) > storedPage {
			t.Errorf("%v: a page of %d bytes differs", err, len(stored))
		}
	}
}

// TestDeletedRowsAreZeroed deletes rows of all sizes: no page that is kept holds
// anything of them, freed ones among them.
func TestDeletedRowsAreZeroed(t *testing.T) {
	const lambda = `delete from notes where $n = 0 and id = $id; insert into notes select $id, $s where $n > 0;`
	kept := store{}
	db := mustOpen(t, derivation(lambda, `create table notes (id text primary key, note text)`))
	for n := 1; n <= 30; n++ {
		document := fmt.Sprintf(`{"id":"k%d","n":%d,"s":"%s"}`, n, n, strings.Repeat("c4nary", n*n))
		if _, err := apply(t, db, document, fmt.Sprintf(`{"id":"other%d","n":1,"s":"stays"}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	kept.add(t, db)
	holding := func() (n int) {
		for _, value := range kept {
			page, err := decodePage(value)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(page, []byte("c4nary")) {
				n++
			}
		}
		return n
	}
	if holding() == 0 {
		t.Fatal("no page holds the rows, and the test proves nothing")
	}
	for n := 1; n <= 30; n++ {
		if _, err := apply(t, db, fmt.Sprintf(`{"id":"k%d","n":0}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	kept.add(t, db)
	if n := holding(); n > 0 {
		t.Errorf("%d pages hold deleted rows", n)
	}
}

// FuzzDecodePage reads whatever a bucket may hold.
func FuzzDecodePage(f *testing.F) {
	f.Add(encodePage(make([]byte, pageSize)))
	f.Add(encodePage(bytes.Repeat([]byte("ab"), pageSize/2)))
	for _, s := range []string{``, `"`, `""`, `"AQ=="`, `"Ag=="`, `"AQAA"`, `"AYCAgIAQ"`, `3`, `{"a":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		page, err := decodePage(value)
		if err == nil && len(page) != pageSize {
			t.Errorf("a page of %d bytes", len(page))
		}
		if err == nil {
			if again, err := decodePage(encodePage(page)); err != nil || !bytes.Equal(again, page) {
				t.Errorf("written again it differs: %v", err)
			}
		}
	})
}

// FuzzLambda compiles and runs what anybody may write: nothing of it reaches
// a file, panics or runs for long.
func FuzzLambda(f *testing.F) {
	for _, s := range []string{`select $id`, `insert into counters values ($id, $n)`, `select $p::(odd.name), $o$deep_er`, `-- x`, `select json($flow_document)`, `savepoint a; release a`, `select ?1`, `pragma table_info(counters)`, "select '\x00'"} {
		f.Add(s)
	}
	find := fields(f)
	f.Fuzz(func(t *testing.T, lambda string) {
		d := derivation(lambda, counters)
		db, err := New(d, find, Options{Dir: t.TempDir(), Timeout: 1e8, Cache: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if err = db.Open(context.Background()); err == nil {
			var doc document.Doc
			if err := doc.Parse([]byte(`{"id":"a","n":1,"o":{"deep-er":"x"}}`)); err != nil {
				t.Fatal(err)
			}
			if err = db.Apply(0, &doc, testMeta, func(raw []byte) error {
				var out document.Doc
				if !strings.Contains(lambda, "json") { // names of columns may make a document of their own
					return out.Parse(raw)
				}
				return nil
			}); err == nil {
				_, err = db.Changes()
			}
		}
		var module *derive.ModuleError
		var call *derive.CallError
		if err != nil && !errors.As(err, &module) && !errors.As(err, &call) {
			t.Errorf("%T: %v", err, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}
