package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// shared is the server of a test binary. Its watcher ends it with the binary.
var shared = sync.OnceValues(func() (*Server, error) {
	used.Store(true)
	return Start()
})

var used atomic.Bool

// databases are counted for names that never meet.
var databases atomic.Int64

// NoSkip says whether a test that cannot run is a failure: everything that
// tests need is meant to be there.
func NoSkip() bool { return os.Getenv("CI") == "true" || os.Getenv("WEIR_NO_SKIP") != "" }

// Shared gives the server that all tests of this binary share.
func Shared(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	check(t, err)
	return s
}

// New gives a server of the test's own, which it may restart and kill.
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := Start(settings...)
	check(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check skips tests where PostgreSQL is not installed, unless nothing may be
// skipped.
func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrAbsent) && !NoSkip():
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// Database makes an empty database, which goes with the test, and gives its
// name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	return name
}

// Connect connects to a database for as long as the test runs.
func (s *Server) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // the server may be gone
	return c
}

// Exec runs statements in a database.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, sql := range statements {
		if _, err := c.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// Rows gives the rows of a query as texts; NULL is <nil>, and columns stand
// apart by a bar.
func (s *Server) Rows(t testing.TB, database, query string) []string {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	results, err := c.PgConn().Exec(context.Background(), query).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var out []string
	for _, row := range results[len(results)-1].Rows {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = "<nil>"
			if v != nil {
				texts[i] = string(v)
			}
		}
		out = append(out, strings.Join(texts, "|"))
	}
	return out
}

// Main is the TestMain of packages whose tests share a server: it is gone when
// the binary ends.
func Main(m *testing.M) {
	code := m.Run()
	if used.Load() {
		if s, err := shared(); err == nil {
			if err := s.Close(); err != nil {
				fmt.Fprintln(os.Stderr, "pgtest:", err)
			}
		}
	}
	os.Exit(code)
}
