package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"weir/internal/pgtest"
	"weir/sinks"
)

// TestConfig: everything wrong with a configuration is said at once, before
// anybody connects, and without its secrets.
func TestConfig(t *testing.T) {
	for _, c := range []struct{ config, resource, want string }{
		{`{}`, `{"table":"t"}`, "address is missing"},
		{`{"port":70000}`, `{"table":"t"}`, "address is missing: name the server, as in { address: \"db.example.com:5432\" }, or give a url\nuser is missing: name the role that Weir connects as\nport 70000 is none: 1 to 65535"},
		{`{"address":"db:x","user":"u"}`, `{"table":"t"}`, `address "db:x": the port is no number`},
		{`{"address":"db:5433","port":5432,"user":"u"}`, `{"table":"t"}`, `address "db:5433" and port 5432 differ: give the port once`},
		{`{"address":"db","user":"u","password":"pg-canary","advanced":{"sslmode":"perhaps"}}`, `{"table":"t"}`, "the connection's settings are not possible"},
		{`{"address":"db","user":"u","password":"pg-canary","advanced":{"sslmode":"require","sslRootCert":"nosuch.pem"}}`, `{"table":"t"}`, "nosuch.pem"},
		{`{"address":"db","user":"u","schema":"` + strings.Repeat("s", 64) + `"}`, `{"table":"t"}`, "has 64 bytes, and PostgreSQL keeps 63: shorten it"},
		{`{"address":"db","user":"u","sslmode":"require"}`, `{"table":"t"}`, `unknown field "sslmode"`},
		{`{"url":"mysql://u:pg-canary@db/x"}`, `{"table":"t"}`, "url does not begin with postgres://"},
		{`{"url":"postgres://u:pg-canary@db/x","user":"u","advanced":{"sslmode":"require"}}`, `{"table":"t"}`, "url and advanced.sslmode say the same: write advanced.sslmode into the url, or leave the url out\nurl and user say the same"},
		{`{"url":"postgres://u:pg-canary@db:port/x"}`, `{"table":"t"}`, "with special characters escaped"},
		{`{"url":"postgres://u:pg%zzcanary@db/x"}`, `{"table":"t"}`, "url is not possible"},
		{`{"url":"postgres://u:pg-canary@db/x?sslmode=perhaps"}`, `{"table":"t"}`, "url is not possible"},
		{`{"address":"db","user":"u"}`, `{}`, "binding 0 (acmeCo/things): resource: table is missing"},
		{`{"address":"db","user":"u"}`, `{"table":"t","delta":true}`, `unknown field "delta"`},
		{`{"address":"db","user":"u"}`, `{"table":"weir_tables"}`, "belongs to Weir itself"},
		{`{"address":"db","user":"u"}`, `{"table":"t","schema":"pg_temp"}`, "PostgreSQL keeps names that begin with pg_"},
		{`{"address":"db","user":"u"}`, `{"table":"` + strings.Repeat("ü", 32) + `"}`, "has 64 bytes, and PostgreSQL keeps 63: shorten it"},
	} {
		_, err := New().Validate(t.Context(), sinks.ValidateRequest{Config: json.RawMessage(c.config),
			Bindings: []sinks.Binding{{Resource: json.RawMessage(c.resource), Collection: sinks.Collection{Name: "acmeCo/things"}}}})
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, sinks.ErrTransient) {
			t.Errorf("%s %s: %v, want %q", c.config, c.resource, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the password is in: %v", c.config, err)
		}
	}
}

// TestAddresses: what the driver connects to.
func TestAddresses(t *testing.T) {
	for config, want := range map[string]string{
		`{"address":"db.example.com","user":"u"}`:                                         "database u at db.example.com:5432",
		`{"address":"db.example.com:5433","user":"u","database":"d"}`:                     "database d at db.example.com:5433",
		`{"address":"::1","port":5433,"user":"u","database":"d"}`:                         "database d at [::1]:5433",
		`{"address":"[::1]:5434","user":"u","database":"it's \\ one"}`:                    `database it's \ one at [::1]:5434`,
		`{"address":"/run/postgresql","user":"u","database":"d"}`:                         "database d at /run/postgresql port 5432",
		`{"url":"postgres://u:p%40ss@db:5435/d?sslmode=require&connect_timeout=7"}`:       "database d at db:5435",
		`{"url":"postgresql://u@/d?host=/run/postgresql&port=5436","schema":"Reporting"}`: "database d at /run/postgresql port 5436",
	} {
		e, err := parseConfig(json.RawMessage(config))
		if err != nil || e.where != want {
			t.Errorf("%s: %+v, %v, want %s", config, e, err, want)
		}
	}
}

// TestExplain: the server's own errors become sentences, and those that pass
// by themselves are marked.
func TestExplain(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	server.Exec(t, db, "CREATE TABLE t (a INTEGER)", "CREATE ROLE guest LOGIN", "REVOKE ALL ON SCHEMA public FROM public")
	t.Cleanup(func() { server.Exec(t, "postgres", "DROP ROLE guest") })
	as := func(user, database string) string {
		text, _ := json.Marshal(map[string]any{"address": server.Socket(), "port": server.Port, "user": user, "database": database})
		return string(text)
	}
	holder := server.Connect(t, db)
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE t"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config, sql string
		want        string
		transient   bool
	}{
		{as("nobody", db), "", `the server refuses this user: correct user and password, or the server's pg_hba.conf`, false},
		{as("weir", "nosuch"), "", "there is no such database: create it, or correct its name", false},
		{as("guest", db), "CREATE TABLE public.x ()", "this role is not allowed to do that", false},
		{`{"address":"127.0.0.1:1","user":"weir"}`, "", "database weir at 127.0.0.1:1 cannot be reached: it goes on when the server answers", true},
		{`{"address":"/nosuch","user":"weir"}`, "", "cannot be reached", true},
		{as("weir", db), "SET lock_timeout = 1; SELECT * FROM t", "somebody else holds a lock on a table", true},
		{as("weir", db), "SET statement_timeout = 1; SELECT pg_sleep(10)", "the statement was cancelled", true},
		{as("weir", db), "BEGIN READ ONLY; CREATE TABLE y ()", "the database is read-only", true},
		{as("weir", db), "SELECT pg_terminate_backend(pg_backend_pid())", "the server ended the connection", true},
		{as("weir", db), "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", "collided with another one: it is done again", true},
		{as("weir", db), "DO $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'disk full', HINT = 'buy one'; END $$", "the server has no room: it goes on when there is some (disk full, SQLSTATE 53100: buy one)", true},
		{as("weir", db), "SELECT nosuch", `column "nosuch" does not exist, SQLSTATE 42703`, false},
	} {
		e, err := parseConfig(json.RawMessage(c.config))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := connect(t.Context(), e, "acmeCo/m")
		if err == nil {
			err = conn.exec(t.Context(), c.sql)
			conn.close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, sinks.ErrTransient) != c.transient {
			t.Errorf("%s %s: %v, want %q", c.config, c.sql, err, c.want)
		}
	}
}

// TestServersThatCannot: a server of another encoding is refused, one without
// room for a connection is waited for.
func TestServersThatCannot(t *testing.T) {
	server := pgtest.Shared(t)
	server.Exec(t, "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0", "CREATE DATABASE full_up", "CREATE ROLE many LOGIN", "ALTER DATABASE full_up CONNECTION LIMIT 0")
	t.Cleanup(func() { server.Exec(t, "postgres", "DROP DATABASE latin", "DROP DATABASE full_up", "DROP ROLE many") })
	for _, c := range []struct {
		user, database, want string
		transient            bool
	}{
		{"weir", "latin", "stores text as LATIN1, which has no room for all that JSON holds: make a database with ENCODING 'UTF8'", false},
		{"many", "full_up", "the server has no room: it goes on when there is some (too many connections", true},
	} {
		config, _ := json.Marshal(map[string]any{"address": server.Socket(), "port": server.Port, "user": c.user, "database": c.database})
		_, err := New().Validate(t.Context(), sinks.ValidateRequest{Config: config})
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, sinks.ErrTransient) != c.transient {
			t.Errorf("%s: %v, want %q", c.database, err, c.want)
		}
	}
}

// TestPausedSessionHoldsNoLock: a session that is frozen between Store and
// Commit keeps nobody out.
func TestPausedSessionHoldsNoLock(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	paused := openDocs(t, server, db, "t", one(`{"type":"integer"}`))
	var big []string
	for i := range 2000 { // more than stays on this side
		big = append(big, fmt.Sprintf(`{"id":"%d","v":1,"more":"%s"}`, i, strings.Repeat("x", 100)))
	}
	if err := paused.Store(t.Context(), 0, docRows(t, big...)); err != nil {
		t.Fatal(err)
	}
	store(t, openDocs(t, server, db, "t", one(`{"type":"integer"}`)), `{"id":"1","v":2}`)
	err := paused.Commit(t.Context(), []byte("one"))
	if !errors.Is(err, sinks.ErrFenced) || !strings.HasPrefix(err.Error(), "shard 0-1 of acmeCo/m in database "+db) {
		t.Fatalf("the paused session commits: %v", err)
	}
	if got := fmt.Sprint(server.Rows(t, db, "SELECT id, v FROM t")); got != "[1|2]" {
		t.Errorf("table holds %s", got)
	}
}

// TestOpenOfAnotherTable narrates: a start applies its tables and is paused;
// another one makes a table anew; the first opens its shard. It is refused, for
// the position that it would go on from is not that of the new table.
func TestOpenOfAnotherTable(t *testing.T) {
	server := pgtest.Shared(t)
	config := configOf(server, server.Database(t))
	b := bind1(t, "t", one(`{"type":"integer"}`), false)
	apply := func(backfill int) []sinks.Binding {
		bindings := []sinks.Binding{b}
		v, err := New().Validate(t.Context(), sinks.ValidateRequest{Task: "acmeCo/m", Config: config, Bindings: bindings})
		if err == nil {
			_, err = sinks.Complete(&bindings[0], v.Bindings[0], nil, backfill)
		}
		if err != nil {
			t.Fatal(err)
		}
		applied, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: "acmeCo/m", Config: config, Bindings: bindings})
		if err != nil {
			t.Fatal(err)
		}
		bindings[0].StateKey = applied.StateKeys[0]
		return bindings
	}
	open := func(bindings []sinks.Binding) error {
		s, _, err := New().Open(t.Context(), sinks.OpenRequest{Task: "acmeCo/m", Shard: "0-1", Config: config, Bindings: bindings})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	first, second := apply(0), apply(1)
	want := `table "public"."t" was made anew by another start of this materialization (its state is public/t.v1.1, not public/t.v0)`
	if err := open(first); !errors.Is(err, sinks.ErrTransient) || err.Error() != want {
		t.Errorf("the first: %v", err)
	}
	if err := open(second); err != nil {
		t.Errorf("the second: %v", err)
	}
}

// TestRowsOfLaterVersions: what a later Weir wrote is left alone.
func TestRowsOfLaterVersions(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	config := configOf(server, db)
	openDocs(t, server, db, "t", one(`{"type":"integer"}`)).Close()
	server.Exec(t, db, "UPDATE weir_tables SET v = 2")
	_, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: "acmeCo/m", Config: config, Bindings: completed(t, config, bind1(t, "t", one(`{"type":"integer"}`), false))})
	if err == nil || !strings.Contains(err.Error(), "weir_tables holds a row of format 2, and this version of Weir knows 1: run the newer version") {
		t.Errorf("%v", err)
	}
}

func completed(t *testing.T, config json.RawMessage, b sinks.Binding) []sinks.Binding {
	t.Helper()
	bindings := []sinks.Binding{b}
	v, err := New().Validate(t.Context(), sinks.ValidateRequest{Task: "acmeCo/m", Config: config, Bindings: bindings})
	if err == nil {
		_, err = sinks.Complete(&bindings[0], v.Bindings[0], nil, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return bindings
}

// TestRestrictedRole: a role without rights in the schema is told what to
// grant; one that may use what is there needs no right to make anything.
func TestRestrictedRole(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	server.Exec(t, db, "CREATE ROLE loader LOGIN", "REVOKE ALL ON SCHEMA public FROM public", "GRANT USAGE ON SCHEMA public TO loader")
	t.Cleanup(func() { server.Exec(t, db, "DROP OWNED BY loader", "DROP ROLE loader") })
	config, _ := json.Marshal(map[string]any{"address": server.Socket(), "port": server.Port, "user": "loader", "database": db, "hardDelete": true})
	b := bind1(t, "t", one(`{"type":"integer"}`), false)
	_, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: "acmeCo/m", Config: config, Bindings: completed(t, config, b)})
	if err == nil || !strings.Contains(err.Error(), `GRANT USAGE, CREATE ON SCHEMA "public" TO "loader"`) {
		t.Errorf("without rights: %v", err)
	}
	openDocs(t, server, db, "t", one(`{"type":"integer"}`)).Close()
	server.Exec(t, db, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO loader")
	session, _ := openBinding(t, config, b)
	store(t, session, `{"id":"a","v":1}`)
}

// TestLostConnections: whatever step meets the end of its connection says that
// it passes, and the next session goes on from the last commit.
func TestLostConnections(t *testing.T) {
	server := pgtest.New(t)
	db := server.Database(t)
	open := func() (sinks.Session, sinks.Opened) {
		return openBinding(t, configOf(server, db), bind1(t, "t", one(`{"type":"integer"}`), false))
	}
	row := docRows(t, `{"id":"a","v":1}`)
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf(`{"id":"%d","v":1,"more":"%s"}`, i, strings.Repeat("x", 100)))
	}
	for what, step := range map[string]func(sinks.Session) error{
		"load": func(s sinks.Session) error { return s.Load(t.Context(), 0, [][]byte{row[0].Key}, nil) },
		"store": func(s sinks.Session) error {
			return errors.Join(s.Store(t.Context(), 0, docRows(t, many...)), s.Commit(t.Context(), nil))
		},
		"commit":   func(s sinks.Session) error { return s.Commit(t.Context(), nil) },
		"rollback": func(s sinks.Session) error { return s.Rollback(t.Context()) },
	} {
		for how, end := range map[string]func(){
			"terminated": func() {
				server.Rows(t, "postgres", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'weir/acmeCo/m'")
			},
			"crashed": func() {
				if err := server.Restart(); err != nil {
					t.Fatal(err)
				}
			},
		} {
			session, _ := open()
			if what != "load" {
				if err := session.Store(t.Context(), 0, row); err != nil {
					t.Fatal(err)
				}
			}
			end()
			if err := step(session); !errors.Is(err, sinks.ErrTransient) {
				t.Errorf("%s, %s: %v", what, how, err)
			}
			session.Close()
		}
	}
	server.Kill(syscall.SIGKILL)
	if _, err := New().Validate(t.Context(), sinks.ValidateRequest{Task: "acmeCo/m", Config: configOf(server, db)}); !errors.Is(err, sinks.ErrTransient) {
		t.Errorf("without a server: %v", err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, opened := open(); opened.Checkpoint != nil {
		t.Errorf("checkpoint %q", opened.Checkpoint)
	}
}

// TestCommitWaitEnds: a commit that waits for a lock ends with its context.
func TestCommitWaitEnds(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	session := openDocs(t, server, db, "t", one(`{"type":"integer"}`))
	holder := server.Connect(t, db)
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE t"); err != nil {
		t.Fatal(err)
	}
	if err := session.Store(t.Context(), 0, docRows(t, `{"id":"a","v":1}`)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // the test ends when the commit does
		defer cancel()
		watcher := server.Connect(t, db)
		for waits := 0; waits == 0; {
			_ = watcher.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&waits)
		}
	}()
	if err := session.Commit(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
}
