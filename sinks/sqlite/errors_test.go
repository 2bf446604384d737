package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite "modernc.org/sqlite"

	"weir/sinks"
)

const thing = `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"v":{"type":"integer"}}}`

// TestConfig: what is wrong with a configuration is said before anything is
// opened.
func TestConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("notes.txt", "these are notes, and quite long ones")
	write("short.txt", "x")
	write("empty.db", "")
	for _, c := range []struct{ config, resource, want string }{
		{`{"path":"new.db"}`, `{"table":"t"}`, ""},
		{`{"path":"empty.db"}`, `{"table":"t"}`, ""},
		{`{}`, `{"table":"t"}`, "path is missing"},
		{`{"path":7}`, `{"table":"t"}`, "endpoint config: path: expected a string, but got a number"},
		{`{"path":"x.db","mode":"wal"}`, `{"table":"t"}`, `unknown field "mode"`},
		{`{"path":"a\u0000b"}`, `{"table":"t"}`, "contains a NUL"},
		{`{"path":"."}`, `{"table":"t"}`, "is a directory: name a file in it"},
		{`{"path":"nosuch/x.db"}`, `{"table":"t"}`, "nosuch, where database x.db should be, does not exist: make it, or change path"},
		{`{"path":"notes.txt/x.db"}`, `{"table":"t"}`, "not a directory"},
		{`{"path":"notes.txt"}`, `{"table":"t"}`, "notes.txt is not a SQLite database: move the file away, or change path"},
		{`{"path":"short.txt"}`, `{"table":"t"}`, "short.txt is not a SQLite database"},
		{`{"path":"x.db"}`, `{}`, "binding 0 (acmeCo/things): resource: table is missing"},
		{`{"path":"x.db"}`, `{"table":"t","delta":true}`, `unknown field "delta"`},
		{`{"path":"x.db"}`, `{"table":"sqlite_stat1"}`, "SQLite keeps names that begin with sqlite_ for itself"},
		{`{"path":"x.db"}`, `{"table":"Weir_Checkpoints"}`, "belongs to Weir itself"},
	} {
		_, err := New().Validate(t.Context(), sinks.ValidateRequest{Config: json.RawMessage(c.config), DataDir: dir,
			Bindings: []sinks.Binding{{Resource: json.RawMessage(c.resource), Collection: sinks.Collection{Name: "acmeCo/things"}}}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s: %v, want %q", c.config, c.resource, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("validation makes the file")
	}
}

// TestLocked: a database that another program holds is transient trouble, and
// a new session goes on where the old one stood.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	session := openDocs(t, dir, thing, `{"id":"a"}`)
	if err := session.Commit(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	other, err := connect(t.Context(), filepath.Join(dir, "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.exec(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	if err := session.Store(t.Context(), 0, docRows(t, `{"id":"b"}`)); err != nil {
		t.Fatal(err)
	}
	if err := connOf(session).exec(t.Context(), "PRAGMA busy_timeout = 10"); err != nil {
		t.Fatal(err)
	}
	err = session.Commit(t.Context(), []byte("two"))
	if !errors.Is(err, sinks.ErrTransient) || !strings.Contains(err.Error(), "is locked by another program") {
		t.Fatalf("commit into a locked database: %v", err)
	}
	session.Close()
	if err := other.exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	session = openDocs(t, dir, thing, `{"id":"b"}`)
	if err := session.Commit(t.Context(), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(query(t, filepath.Join(dir, "weir.db"), "SELECT id FROM t ORDER BY id")); got != "[[a] [b]]" {
		t.Errorf("table holds %s", got)
	}
}

func connOf(s sinks.Session) *conn { return s.(*session).conn }

// TestLockedWaitEnds: a commit that waits for a lock ends with its context.
func TestLockedWaitEnds(t *testing.T) {
	dir := t.TempDir()
	session := openDocs(t, dir, thing, `{"id":"a"}`)
	other, err := connect(t.Context(), filepath.Join(dir, "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.exec(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if err := session.Commit(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("commit: %v", err)
	}
}

// TestPausedSessionHoldsNoLock: a session that is frozen between Store and
// Commit keeps nobody out.
func TestPausedSessionHoldsNoLock(t *testing.T) {
	dir := t.TempDir()
	paused := openDocs(t, dir, thing, `{"id":"a","v":1}`)
	session := openDocs(t, dir, thing, `{"id":"a","v":2}`)
	if err := session.Commit(t.Context(), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := paused.Commit(t.Context(), []byte("one")); !errors.Is(err, sinks.ErrFenced) {
		t.Fatalf("the paused session commits: %v", err)
	}
	want := fmt.Sprintf("shard 0-1 of acmeCo/m in %s/weir.db: another owner has opened this shard since", dir)
	if err := paused.Commit(t.Context(), nil); err == nil || err.Error() != "the session has ended: "+want {
		t.Errorf("afterwards: %v", err)
	}
	if got := fmt.Sprint(query(t, filepath.Join(dir, "weir.db"), "SELECT v FROM t")); got != "[[2]]" {
		t.Errorf("table holds %s", got)
	}
}

// TestExplain: SQLite's own errors become sentences, and those that pass by
// themselves are marked.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	c, err := connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.exec(t.Context(), "CREATE TABLE t (a TEXT)"); err != nil {
		t.Fatal(err)
	}
	readOnly := rawExec(t, "file:"+path+"?mode=ro", "INSERT INTO t VALUES ('x')")
	full := rawExec(t, "file:"+path, "PRAGMA max_page_count = 2", "INSERT INTO t VALUES (zeroblob(100000))")
	cannot := rawExec(t, "file:"+dir+"/nosuch/x.db", "SELECT 1 FROM sqlite_master")
	if err := os.WriteFile(path+"2", []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := rawExec(t, "file:"+path+"2", "SELECT 1 FROM sqlite_master")
	wrong := rawExec(t, "file:"+path, "SELECT nosuch FROM t")
	for _, c := range []struct {
		err       error
		want      string
		transient bool
	}{
		{readOnly, "cannot be written: let the user", true},
		{full, "no room to write", true},
		{cannot, "cannot be opened", true},
		{foreign, "is not a SQLite database", false},
		{wrong, "no such column", false},
	} {
		got := explain(path, c.err)
		if got == nil || !strings.Contains(got.Error(), c.want) || errors.Is(got, sinks.ErrTransient) != c.transient {
			t.Errorf("%v becomes %v", c.err, got)
		}
	}
	if explain(path, nil) != nil || explain(path, context.Canceled) != context.Canceled {
		t.Error("other errors are changed")
	}
}

// rawExec gives the error of the last statement, as the driver reports it.
func rawExec(t *testing.T, dsn string, statements ...string) error {
	t.Helper()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := connector.Connect(t.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	for _, s := range statements {
		_, err = c.(driver.ExecerContext).ExecContext(t.Context(), s, nil)
	}
	return err
}

// TestApplyRefuses: tables of others are left alone.
func TestApplyRefuses(t *testing.T) {
	dir := t.TempDir()
	c, err := connect(t.Context(), filepath.Join(dir, "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.exec(t.Context(), "CREATE TABLE orders (a TEXT)"); err != nil {
		t.Fatal(err)
	}
	_, b := orders(t, 0, false)
	apply := func(task string) error {
		_, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: task, Config: json.RawMessage(`{"path":"weir.db"}`), DataDir: dir, Bindings: []sinks.Binding{b}})
		return err
	}
	if err := apply("acmeCo/a"); err == nil || !strings.Contains(err.Error(), `table "orders" exists, was not made by this materialization and does not fit: it has no primary key`) {
		t.Errorf("somebody's table: %v", err)
	}
	if err := c.exec(t.Context(), "DROP TABLE orders"); err != nil {
		t.Fatal(err)
	}
	if err := apply("acmeCo/a"); err != nil {
		t.Fatal(err)
	}
	if err := apply("acmeCo/b"); err == nil || !strings.Contains(err.Error(), `table "orders" belongs to materialization acmeCo/a: drop the table`) {
		t.Errorf("another materialization's table: %v", err)
	}
	if err := c.exec(t.Context(), "DROP TABLE orders"); err != nil {
		t.Fatal(err)
	}
	if err := apply("acmeCo/b"); err != nil {
		t.Errorf("after the table was dropped: %v", err)
	}
}

// TestLoadUsesIndex: each key is found by the primary key.
func TestLoadUsesIndex(t *testing.T) {
	_, b := orders(t, 0, false)
	s := openIn(t, t.TempDir(), b).(*session)
	var plan []string
	err := s.conn.query(t.Context(), "EXPLAIN QUERY PLAN "+s.tables[0].Load(3), func(row []driver.Value) error {
		plan = append(plan, row[3].(string))
		return nil
	}, "a", "b", "c")
	if got := strings.Join(plan, "; "); err != nil || !strings.Contains(got, "SEARCH t USING INDEX") || strings.Contains(got, "SCAN t") {
		t.Errorf("%s, %v", got, err)
	}
}
