package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

var errMemory = errors.New("database: out of memory")

// conn is the one connection to a database. It speaks SQLite's C interface
// directly: what is between it and database/sql would cost more than the
// statements of most lambdas.
type conn struct {
	vfs   vfs
	tls   *libc.TLS
	db    uintptr
	room  uintptr // for what SQLite answers by a pointer
	pin   runtime.Pinner
	guard guard

	limit    time.Duration   // of one document
	deadline time.Time       // of the document that is processed; zero: none
	opening  context.Context // while migrations run: their end, too, is the end of what runs
	late     bool            // it was interrupted
}

// Limits of a database, in bytes.
const (
	maxValue = 64 << 20 // the longest text or blob, and the longest row
	roomSize = 64
)

// stepsBetweenLooks is how many steps of SQLite's machine pass between two
// looks at the clock: some 50 us.
const stepsBetweenLooks = 4096

// openConn opens the database of the given pages.
func openConn(p *pages, dir string, cache int, limit time.Duration) (*conn, error) {
	c := &conn{tls: libc.NewTLS(), limit: limit}
	c.vfs = vfs{pages: p, dir: dir, now: time.Unix(0, 0), tls: c.tls}
	c.pin.Pin(c)
	err := c.open(cache)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) open(cache int) error {
	if err := c.vfs.register(); err != nil {
		return err
	}
	if c.room = libc.Xcalloc(c.tls, 1, roomSize); c.room == 0 {
		return errMemory
	}
	name, err := libc.CString("state")
	if err != nil {
		return errMemory
	}
	defer libc.Xfree(c.tls, name)
	const flags = lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_CREATE | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_EXRESCODE
	rc := lib.Xsqlite3_open_v2(c.tls, name, c.room, flags, c.vfs.name)
	c.db = *at[uintptr](c.room)
	if rc != lib.SQLITE_OK {
		return c.fail(rc)
	}
	c.configure(lib.SQLITE_DBCONFIG_DEFENSIVE, 1) // no statement writes the file format's own tables
	c.configure(lib.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
	lib.Xsqlite3_limit(c.tls, c.db, lib.SQLITE_LIMIT_ATTACHED, 0)
	lib.Xsqlite3_limit(c.tls, c.db, lib.SQLITE_LIMIT_LENGTH, maxValue)
	for _, pragma := range [...]string{
		fmt.Sprintf("page_size = %d", pageSize),
		fmt.Sprintf("cache_size = %d", -max(cache>>10, 64)),
		"journal_mode = MEMORY", // to roll savepoints back; no crash is survived by this file
		"synchronous = OFF",
		"locking_mode = EXCLUSIVE", // nobody else has it: no counter of changes in page 1
		"auto_vacuum = NONE",
		"foreign_keys = ON",
		"secure_delete = ON", // what a lambda deletes is in no page any more
	} {
		if err := c.exec("PRAGMA " + pragma); err != nil {
			return err
		}
	}
	lib.Xsqlite3_set_authorizer(c.tls, c.db, callback(authorize), address(c))
	lib.Xsqlite3_progress_handler(c.tls, c.db, stepsBetweenLooks, callback(look), address(c))
	return nil
}

func (c *conn) configure(option, value int32) {
	lib.Xsqlite3_db_config(c.tls, c.db, option, libc.VaList(c.room, value, uintptr(0)))
}

// close ends everything. It may be called twice.
func (c *conn) close() error {
	if c.tls == nil {
		return nil
	}
	var err error
	if c.db != 0 {
		if rc := lib.Xsqlite3_close(c.tls, c.db); rc != lib.SQLITE_OK {
			err = c.fail(rc)
		}
	}
	c.vfs.unregister()
	if c.room != 0 {
		libc.Xfree(c.tls, c.room)
	}
	c.tls.Close()
	c.db, c.room, c.tls = 0, 0, nil
	c.pin.Unpin()
	return err
}

// look is called now and then while a statement runs; not zero ends it.
func look(_ *libc.TLS, self uintptr) int32 {
	c := at[conn](self)
	c.late = !c.deadline.IsZero() && time.Now().After(c.deadline)
	if c.late || c.opening != nil && c.opening.Err() != nil {
		return 1
	}
	return 0
}

// begin starts the time of a document.
func (c *conn) begin(now time.Time) {
	c.vfs.now, c.late, c.deadline = now, false, time.Time{}
	if c.limit > 0 {
		c.deadline = time.Now().Add(c.limit)
	}
}

// FileError is trouble with the file of a database: a disk that is full or
// broken. It is no fault of the SQL, and passes by itself when there is room.
type FileError struct{ err error }

func (e *FileError) Error() string { return "database on disk: " + e.err.Error() }

// Unwrap gives the error of the file.
func (e *FileError) Unwrap() error { return e.err }

// sqlError is what SQLite says of a statement.
type sqlError struct {
	code    int32
	message string
	offset  int // in the statement; -1: unknown
}

func (e *sqlError) Error() string { return e.message }

// fail gives the error of a result code. A file that failed is no fault of a
// statement.
func (c *conn) fail(rc int32) error {
	if c.vfs.fault != nil {
		return &FileError{c.vfs.fault}
	}
	if c.opening != nil && rc&0xff == lib.SQLITE_INTERRUPT {
		return fmt.Errorf("database: migrations: %w", c.opening.Err())
	}
	if rc&0xff == lib.SQLITE_NOMEM {
		return errMemory
	}
	e := &sqlError{code: rc, message: "error of SQLite", offset: -1}
	if c.db != 0 {
		e.message = libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))
		e.offset = int(lib.Xsqlite3_error_offset(c.tls, c.db))
	}
	switch {
	case c.late:
		e.message = fmt.Sprintf("ran longer than %s and was stopped", c.limit)
	case c.guard.denied != "":
		e.message = c.guard.denied
	}
	return e
}

// exec runs statements that give no rows, without the guard.
func (c *conn) exec(sql string) error {
	was := c.guard.mode
	c.guard.mode = trusted
	defer func() { c.guard.mode = was }()
	return c.each(sql, func(s *statement, _ int) error {
		_, err := s.step()
		return err
	})
}

// rows runs a query of Weir's own and calls fn with each row.
func (c *conn) rows(sql string, fn func(row *statement)) error {
	c.guard.mode = trusted
	return c.each(sql, func(s *statement, _ int) error {
		for {
			row, err := s.step()
			if err != nil || !row {
				return err
			}
			fn(s)
		}
	})
}

// each prepares the statements of a text one after the other and calls fn with
// each and its offset.
func (c *conn) each(sql string, fn func(s *statement, offset int) error) error {
	if zero := strings.IndexByte(sql, 0); zero >= 0 {
		return &sqlError{message: "SQL cannot hold a zero byte", offset: zero}
	}
	text, err := libc.CString(sql)
	if err != nil {
		return errMemory
	}
	defer libc.Xfree(c.tls, text)
	for offset := 0; offset < len(sql); {
		s, n, err := c.prepare(text+uintptr(offset), 0)
		if err != nil {
			return moved(err, offset)
		}
		if s != nil {
			err = fn(s, offset+leading(sql[offset:]))
			if e := s.finalize(); err == nil {
				err = e
			}
			if err != nil {
				return moved(err, offset)
			}
		}
		offset += n
	}
	return nil
}

// moved adds where a statement begins to the place of its error.
func moved(err error, offset int) error {
	var e *sqlError
	if errors.As(err, &e) && e.offset >= 0 {
		e.offset += offset
	}
	return err
}

// prepare compiles the first statement at text, a C string. It gives nil where
// there is none, and how far it read.
func (c *conn) prepare(text uintptr, flags uint32) (*statement, int, error) {
	c.guard.denied = ""
	tail := c.room + 8
	rc := lib.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, flags, c.room, tail)
	if rc != lib.SQLITE_OK {
		return nil, 0, c.fail(rc)
	}
	n := int(*at[uintptr](tail) - text)
	handle := *at[uintptr](c.room)
	if handle == 0 {
		return nil, n, nil
	}
	return &statement{c: c, handle: handle}, n, nil
}

// statement is a prepared statement.
type statement struct {
	c      *conn
	handle uintptr
}

// step runs the statement to its next row; false: it is done.
func (s *statement) step() (row bool, err error) {
	switch rc := lib.Xsqlite3_step(s.c.tls, s.handle); rc {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	default:
		return false, s.c.fail(rc)
	}
}

// reset makes the statement ready to be run again. An error of the run before
// is reported by step.
func (s *statement) reset() { lib.Xsqlite3_reset(s.c.tls, s.handle) }

func (s *statement) finalize() error {
	if s.handle == 0 {
		return nil
	}
	rc := lib.Xsqlite3_finalize(s.c.tls, s.handle)
	s.handle = 0
	if rc != lib.SQLITE_OK {
		return s.c.fail(rc)
	}
	return nil
}

// one prepares a statement of Weir's own.
func (c *conn) one(sql string) (*statement, error) {
	text, err := libc.CString(sql)
	if err != nil {
		return nil, errMemory
	}
	defer libc.Xfree(c.tls, text)
	c.guard.mode = trusted
	s, _, err := c.prepare(text, lib.SQLITE_PREPARE_PERSISTENT)
	return s, err
}

// run runs a statement of Weir's own that gives no rows.
func (c *conn) run(s *statement) error {
	c.guard.mode = trusted
	_, err := s.step()
	s.reset()
	return err
}

// changedRows counts the rows that were ever changed; only differences mean
// something.
func (c *conn) changedRows() int32 { return lib.Xsqlite3_total_changes(c.tls, c.db) }

// isDamage says whether a code means that the file is no database.
func isDamage(code int32) bool {
	return code&0xff == lib.SQLITE_CORRUPT || code&0xff == lib.SQLITE_NOTADB
}

// parameters gives the names of the statement's parameters, "" for those
// without.
func (s *statement) parameters() []string {
	names := make([]string, lib.Xsqlite3_bind_parameter_count(s.c.tls, s.handle))
	for i := range names {
		names[i] = libc.GoString(lib.Xsqlite3_bind_parameter_name(s.c.tls, s.handle, int32(i+1)))
	}
	return names
}

// columns gives the names of the columns of the statement's rows.
func (s *statement) columns() []string {
	names := make([]string, lib.Xsqlite3_column_count(s.c.tls, s.handle))
	for i := range names {
		names[i] = libc.GoString(lib.Xsqlite3_column_name(s.c.tls, s.handle, int32(i)))
	}
	return names
}

// text gives a column of the current row as text, until the next step.
func (s *statement) text(i int) []byte {
	p := lib.Xsqlite3_column_text(s.c.tls, s.handle, int32(i))
	return view(p, int(lib.Xsqlite3_column_bytes(s.c.tls, s.handle, int32(i))))
}

// leading counts the bytes of white space and comments that a text begins
// with.
func leading(sql string) int {
	rest := sql
	for {
		trimmed := strings.TrimLeft(rest, " \t\r\n\f")
		switch {
		case strings.HasPrefix(trimmed, "--"):
			_, rest, _ = strings.Cut(trimmed, "\n")
		case strings.HasPrefix(trimmed, "/*"):
			_, rest, _ = strings.Cut(trimmed, "*/")
		default:
			return len(sql) - len(trimmed)
		}
	}
}

// closeFile closes a file that nobody reads any more.
func closeFile(f *os.File) error {
	if err := f.Close(); err != nil {
		return &FileError{err}
	}
	return nil
}
