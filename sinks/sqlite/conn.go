package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"unsafe"

	sqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"weir/sinks"
	"weir/sinks/sqltable"
)

// busyTimeout is how long a statement waits for a lock, in milliseconds,
// before its error makes the caller come back later.
const busyTimeout = "5000"

// cacheSize is the memory for pages of the database, as SQLite's pragma takes
// it: 8 MiB instead of 2, so that the pages of a transaction fit.
const cacheSize = "-8192"

// conn is one connection to a database, for one goroutine at a time. It uses
// the driver directly: database/sql would copy and convert each argument once
// more.
type conn struct {
	driver.Conn
	path string
}

// connect opens the database, makes the file if there is none, and sets the
// connection up.
func connect(ctx context.Context, path string) (*conn, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	return open(ctx, path, "", "busy_timeout = "+busyTimeout, "journal_mode = WAL", "synchronous = NORMAL", "cache_size = "+cacheSize)
}

// open opens a database with parameters of its name and pragmas.
func open(ctx context.Context, path, parameters string, pragmas ...string) (*conn, error) {
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + parameters)
	if err != nil {
		return nil, fmt.Errorf("sqlite: path %s: %w", path, err)
	}
	dc, err := connector.Connect(ctx)
	if err != nil {
		return nil, explain(path, err)
	}
	c := &conn{Conn: dc, path: path}
	for _, pragma := range pragmas {
		if err := c.exec(ctx, "PRAGMA "+pragma); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// exec runs a statement.
func (c *conn) exec(ctx context.Context, sql string, args ...driver.Value) error {
	_, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, sql, named(args))
	return explain(c.path, err)
}

// query runs a query and calls fn for each row, whose values are valid until
// fn returns.
func (c *conn) query(ctx context.Context, sql string, fn func(row []driver.Value) error, args ...driver.Value) error {
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, sql, named(args))
	if err != nil {
		return explain(c.path, err)
	}
	return c.each(rows, fn)
}

func (c *conn) each(rows driver.Rows, fn func(row []driver.Value) error) (err error) {
	defer func() {
		if e := rows.Close(); err == nil && e != nil {
			err = explain(c.path, e)
		}
	}()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return explain(c.path, err)
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// transact runs fn in a write transaction and commits it if fn returns nil.
func (c *conn) transact(ctx context.Context, fn func() error) error {
	if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = c.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = c.exec(context.Background(), "ROLLBACK") // its own error would say that nothing is left to roll back
	}
	return err
}

func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, v := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return out
}

// stmt is a prepared statement with its arguments, which are bound anew for
// each use.
type stmt struct {
	c    *conn
	s    driver.Stmt
	args []driver.NamedValue
}

func (c *conn) prepare(ctx context.Context, sql string) (*stmt, error) {
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, sql)
	if err != nil {
		return nil, explain(c.path, err)
	}
	return &stmt{c: c, s: s}, nil
}

// bind sets the arguments. Texts are handed over as they are: the driver
// copies them before it returns, and nobody changes them until then.
func (s *stmt) bind(values []sqltable.Value) {
	s.args = s.args[:0]
	for i := range values {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: argument(&values[i])})
	}
}

func argument(v *sqltable.Value) driver.Value {
	switch v.Kind {
	case sqltable.Null:
		return nil
	case sqltable.Bool, sqltable.Int:
		return v.Int
	case sqltable.Float:
		return v.Float
	case sqltable.Text:
		return unsafe.String(unsafe.SliceData(v.Text), len(v.Text))
	case sqltable.Digits, sqltable.Bytes:
		return v.Text
	}
	panic(fmt.Sprintf("sqlite: value of kind %d", v.Kind))
}

func (s *stmt) exec(values []sqltable.Value) error {
	s.bind(values)
	// A context that can end would cost a goroutine each time; the caller
	// looks at its context between rows.
	_, err := s.s.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	return explain(s.c.path, err)
}

// run is exec for arguments that are no row's, and says how many rows it
// changed.
func (s *stmt) run(args ...driver.Value) (changed int64, err error) {
	r, err := s.s.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	if err != nil {
		return 0, explain(s.c.path, err)
	}
	return r.RowsAffected()
}

func (s *stmt) close() {
	if s != nil {
		s.s.Close() // reports the statement's last error once more
	}
}

func (s *stmt) query(values []sqltable.Value, fn func(row []driver.Value) error) error {
	s.bind(values)
	rows, err := s.s.(driver.StmtQueryContext).QueryContext(context.Background(), s.args)
	if err != nil {
		return explain(s.c.path, err)
	}
	return s.c.each(rows, fn)
}

// explain says what an error of SQLite means for the user, and marks those
// that pass when somebody else lets go or makes room.
func explain(path string, err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL:
		return sinks.Transient(fmt.Errorf("sqlite: database %s is locked by another program: it goes on when the lock is released (%w)", path, err))
	case lib.SQLITE_FULL:
		return sinks.Transient(fmt.Errorf("sqlite: no room to write database %s: it goes on when the disk has some (%w)", path, err))
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return sinks.Transient(fmt.Errorf("sqlite: database %s cannot be written: let the user that runs weir write the file and its directory (%w)", path, err))
	case lib.SQLITE_CANTOPEN:
		return sinks.Transient(fmt.Errorf("sqlite: database %s cannot be opened: let the user that runs weir read and write the file and its directory (%w)", path, err))
	case lib.SQLITE_IOERR:
		return sinks.Transient(fmt.Errorf("sqlite: reading or writing database %s: look at the disk (%w)", path, err))
	case lib.SQLITE_NOTADB:
		return notDatabase(path)
	case lib.SQLITE_CORRUPT:
		return fmt.Errorf("sqlite: database %s is damaged: restore a copy, or move it away to have it built anew (%w)", path, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}
