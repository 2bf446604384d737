package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"weir/sinks"
)

// keepAlive finds out within a minute that a server is gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// lockTimeout is how long a statement waits for a lock before its error makes
// the caller come back later: the user then sees why nothing goes on.
const lockTimeout = "30s"

// begin opens a transaction whose settings do not depend on those that the
// role, the database or a pooler's former client have. Temporary tables may be
// there already, which the server says as a notice. A timeout of statements
// would count the time in which COPY waits for rows.
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = warning; SET LOCAL statement_timeout = 0; " +
	"SET LOCAL lock_timeout = '" + lockTimeout + "'; SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL standard_conforming_strings = on"

// conn is one connection to a database, for one goroutine at a time.
type conn struct {
	*pgconn.PgConn
	where string
}

// connect connects and makes sure that the server can hold what Weir stores.
func connect(ctx context.Context, e *endpoint, task string) (*conn, error) {
	settings := e.conn.Copy()
	dialer := &net.Dialer{KeepAliveConfig: keepAlive}
	settings.DialFunc = dialer.DialContext
	settings.RuntimeParams["application_name"] = "weir/" + task
	settings.RuntimeParams["client_encoding"] = "UTF8"
	settings.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	pg, err := pgconn.ConnectConfig(ctx, settings)
	c := &conn{PgConn: pg, where: e.where}
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if err := c.check(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// check refuses servers that cannot keep a table as the dialect makes it.
func (c *conn) check() error {
	if encoding := c.ParameterStatus("server_encoding"); encoding != "UTF8" && encoding != "" {
		return fmt.Errorf("postgres: %s stores text as %s, which has no room for all that JSON holds: make a database with ENCODING 'UTF8'", c.where, encoding)
	}
	var major int
	version := c.ParameterStatus("server_version")
	if _, err := fmt.Sscanf(version, "%d", &major); err == nil && major < oldestServer {
		return fmt.Errorf("postgres: %s is of version %s: Weir needs PostgreSQL %d or newer", c.where, version, oldestServer)
	}
	return nil
}

// oldestServer is the first version that can make NULLs of a key equal.
const oldestServer = 15

// exec runs statements without arguments.
func (c *conn) exec(ctx context.Context, sql string) error {
	return c.explain(ctx, c.Exec(ctx, sql).Close())
}

// query runs a statement whose arguments and results are texts. fn is called
// for each row, whose values are valid during the call; NULL is nil.
func (c *conn) query(ctx context.Context, sql string, fn func(row [][]byte) error, args ...string) error {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	return c.read(ctx, c.ExecParams(ctx, sql, values, nil, nil, nil), fn)
}

// read reads a result to its end.
func (c *conn) read(ctx context.Context, r *pgconn.ResultReader, fn func(row [][]byte) error) error {
	var failed error
	for r.NextRow() {
		if failed == nil && fn != nil {
			failed = fn(r.Values())
		}
	}
	if _, err := r.Close(); err != nil {
		return c.explain(ctx, err)
	}
	return failed
}

// transact runs fn in a transaction and commits it if fn returns nil.
func (c *conn) transact(ctx context.Context, fn func() error) error {
	if err := c.exec(ctx, begin); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		return c.exec(ctx, "COMMIT")
	}
	if !c.IsClosed() {
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") // its own error would say that the connection is lost
	}
	return err
}

// closeTimeout is for saying goodbye to a server that may not listen.
const closeTimeout = time.Second

func (c *conn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = c.Close(ctx) // whatever was not committed is gone either way
}

// passing are the errors, by code or class of code, that go away when somebody
// else ends, gives way or makes room.
var passing = map[string]string{
	"08":    "the connection failed: it goes on when the server answers",
	"40":    "the transaction collided with another one: it is done again",
	"53":    "the server has no room: it goes on when there is some",
	"25P03": "the transaction was idle for too long: it is done again",
	"25P04": "the transaction took longer than the server allows: raise transaction_timeout of this role, or set it to 0",
	"25006": "the database is read-only: it goes on when it can be written again, or name the primary server",
	"55P03": "somebody else holds a lock on a table for longer than " + lockTimeout + ": it goes on when the lock is released",
	"57014": "the statement was cancelled: it is done again",
	"57P01": "the server ended the connection: it goes on when the server answers",
	"57P02": "the server was restarted after a crash: it goes on when the server answers",
	"57P03": "the server is starting or stopping: it goes on when it is up",
	"57P05": "the connection was idle for longer than the server allows: it is made again",
	"58":    "the server cannot read or write its files: look at its log and its disk",
}

// lasting are those that somebody must do something about.
var lasting = map[string]string{
	"28":    "the server refuses this user: correct user and password, or the server's pg_hba.conf",
	"3D000": "there is no such database: create it, or correct its name",
	"42501": "this role is not allowed to do that",
	"54":    "a limit of the server was passed",
}

// explain says what an error means for the user, and marks those that pass by
// themselves. Ends of the caller's context are nobody's fault.
func (c *conn) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("postgres: %s: %w", c.where, ctx.Err())
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return sinks.Transient(fmt.Errorf("postgres: %s cannot be reached: it goes on when the server answers (%w)", c.where, oneLine{err}))
	}
	told := tell(e)
	for _, code := range [...]string{e.Code, e.Code[:min(2, len(e.Code))]} {
		if what, ok := passing[code]; ok {
			return sinks.Transient(fmt.Errorf("postgres: %s: %s (%w)", c.where, what, told))
		}
		if what, ok := lasting[code]; ok {
			return fmt.Errorf("postgres: %s: %s (%w)", c.where, what, told)
		}
	}
	return fmt.Errorf("postgres: %s: %w", c.where, told)
}

// oneLine is an error of the driver, which gives each address that it tried a
// line.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }
func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

// serverError is an error of the server, with what it adds in other fields.
type serverError struct {
	*pgconn.PgError
}

func tell(e *pgconn.PgError) error { return serverError{e} }

func (e serverError) Unwrap() error { return e.PgError }

func (e serverError) Error() string {
	const limit = 300 // bytes that a message spends on details, which may hold a row
	text := fmt.Sprintf("%s, SQLSTATE %s", e.Message, e.Code)
	for _, more := range [...]string{e.Detail, e.Hint} {
		if len(more) > limit {
			more = strings.ToValidUTF8(more[:limit], "") + "..."
		}
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

// codeOf gives the code of a server's error, empty if it is none.
func codeOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
