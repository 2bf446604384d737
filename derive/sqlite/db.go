package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/catalog"
	"weir/derive"
	"weir/document"
	"weir/sinks"
)

// Options of a database. The zero value of a field means its default.
type Options struct {
	Dir     string        // of the file and of temporary files; the system's
	Timeout time.Duration // of one document; 5 s
	Cache   int           // bytes of pages kept in memory; 16 MiB
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Cache <= 0 {
		o.Cache = 16 << 20
	}
	return o
}

const (
	maxOutput  = document.MaxSize // bytes of the documents that one lambda gives
	commitRows = 128              // changed rows after which pages are written out and counted
)

// DB is the database of one shard and the lambdas that run in it. It is used by
// one goroutine at a time: LoadRegister for what was restored, then Open, then
// Apply and Changes. After an error it is closed and thrown away.
type DB struct {
	migrations []catalog.SQL
	options    Options
	pages      *pages
	conn       *conn
	transforms []transform
	begin, end *statement // of SQLite's transactions
	inside     bool       // one is open
	rows       int32      // changed rows of the connection when it began

	// The document that is processed.
	buf     []byte // texts and blobs of its fields
	memory  block  // the same, on SQLite's side
	out     []byte // documents that came out
	ends    []int  // of each, in out
	scratch document.Doc
}

// transform is one transform's lambda.
type transform struct {
	name       string
	lambda     *catalog.SQL // nil: documents change nothing
	known      names
	fields     []field // that statements use
	values     []value // of the fields, in the document that is processed
	memory     uintptr // where texts and blobs lie
	statements []lambdaStatement
}

// lambdaStatement is a statement of a lambda.
type lambdaStatement struct {
	statement
	fields []int // by parameter: index of the transform's fields
	shape  shape
	offset int // in the lambda's text
}

// New makes the database of a derivation, empty. fields gives the fields of a
// collection that a transform reads.
func New(spec *catalog.Derivation, fields func(collection string) ([]sinks.Projection, error), o Options) (*DB, error) {
	db := &DB{migrations: spec.Using.SQLite.Migrations, options: o.withDefaults(), transforms: make([]transform, len(spec.Transforms))}
	for i := range spec.Transforms {
		t := &spec.Transforms[i]
		db.transforms[i].name = t.Name
		if t.Disable || t.Lambda == nil {
			continue
		}
		known, err := fields(t.Source.Name)
		if err != nil {
			return nil, fmt.Errorf("transform %s: %w", t.Name, err)
		}
		db.transforms[i].lambda, db.transforms[i].known = t.Lambda, names{known}
	}
	var err error
	if db.pages, err = openPages(o.Dir); err != nil {
		return nil, err
	}
	return db, nil
}

// LoadRegister puts a restored page in place; a nil value removes it.
func (db *DB) LoadRegister(key, value []byte) error { return db.pages.load(key, value) }

// Open makes the database ready for documents: migrations that were not
// applied yet are, and the lambdas are compiled. Its error joins one
// *derive.ModuleError for each fault of the SQL, or is a *LostError when the
// restored pages do not fit together. A migration has no time limit but that
// of the context.
func (db *DB) Open(ctx context.Context) error {
	if err := db.pages.loaded(); err != nil {
		return err
	}
	var err error
	if db.conn, err = openConn(db.pages, db.options.Dir, db.options.Cache, db.options.Timeout); err != nil {
		return damage(err)
	}
	db.memory.tls, db.conn.opening = db.conn.tls, ctx
	defer func() { db.conn.opening = nil }()
	if db.begin, err = db.conn.one("BEGIN"); err != nil {
		return damage(err)
	}
	if db.end, err = db.conn.one("COMMIT"); err != nil {
		return damage(err)
	}
	if err := db.migrate(); err != nil {
		return damage(err)
	}
	var faults []error
	for i := range db.transforms {
		faults = append(faults, db.compile(&db.transforms[i])...)
	}
	return errors.Join(faults...)
}

// Close removes the database. What Changes gave is all that is left of it.
func (db *DB) Close() error {
	var err error
	if db.conn != nil {
		for _, s := range []*statement{db.begin, db.end} {
			if s != nil {
				err = errors.Join(err, s.finalize())
			}
		}
		for i := range db.transforms {
			for j := range db.transforms[i].statements {
				_ = db.transforms[i].statements[j].finalize() // it repeats the error of its last run
			}
		}
		db.memory.free()
		err = errors.Join(err, db.conn.close())
		db.conn = nil
	}
	return errors.Join(err, closeFile(db.pages.file))
}

// Apply runs a transform's lambda for one document and gives each row to emit,
// as JSON text that is valid until emit returns. Nothing is emitted unless the
// whole lambda succeeds. The error is a *derive.CallError when the SQL or the
// document is to blame, or what emit returned.
func (db *DB) Apply(transform int, d *document.Doc, meta derive.Meta, emit func(raw []byte) error) error {
	t := &db.transforms[transform]
	if len(t.statements) == 0 {
		return nil
	}
	if err := db.enter(); err != nil {
		return err
	}
	db.out, db.ends = db.out[:0], db.ends[:0]
	db.conn.guard.mode = deriving
	db.conn.begin(meta.Time)
	if err := t.load(db, d, meta.Time); err != nil {
		return err
	}
	for i := range t.statements {
		if err := db.run(t, &t.statements[i]); err != nil {
			return t.callError(&t.statements[i], d, err)
		}
	}
	if db.conn.changedRows()-db.rows >= commitRows {
		if err := db.leave(); err != nil {
			return err
		}
	}
	from := 0
	for _, to := range db.ends {
		if err := emit(db.out[from:to:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// run runs one statement to its end and keeps its rows.
func (db *DB) run(t *transform, s *lambdaStatement) error {
	defer s.reset()
	if err := t.bind(db.conn, s); err != nil {
		return err
	}
	for {
		row, err := s.step()
		if err != nil || !row {
			return err
		}
		if db.out, err = db.appendRow(db.out, s); err != nil {
			return authored(err)
		}
		if len(db.out) > maxOutput {
			return authored(fmt.Errorf("gives more than %d bytes for one document", maxOutput))
		}
		db.ends = append(db.ends, len(db.out))
	}
}

// enter opens a transaction of SQLite's. They need not be those of the shard:
// whatever fails, the whole file is thrown away. So one takes as many
// documents as is good for speed.
func (db *DB) enter() error {
	if db.inside {
		return nil
	}
	db.rows = db.conn.changedRows()
	if err := db.conn.run(db.begin); err != nil {
		return damage(err)
	}
	db.inside = true
	return nil
}

// leave commits it: the pages that it changed are written to the file.
func (db *DB) leave() error {
	if !db.inside {
		return nil
	}
	db.conn.deadline = time.Time{}
	if err := db.conn.run(db.end); err != nil {
		return damage(err)
	}
	db.inside = false
	return nil
}

// Pending says how many bytes Changes would give at most, of what was written
// out so far; a few changed rows may come on top.
func (db *DB) Pending() int { return len(db.pages.dirty) * storedPage }

// Changes closes the open transaction and gives the pages that changed since
// it was called last.
func (db *DB) Changes() ([]derive.RegisterChange, error) {
	if err := db.leave(); err != nil {
		return nil, err
	}
	return db.pages.changes()
}

// damage recognizes pages that are no database.
func damage(err error) error {
	var e *sqlError
	if errors.As(err, &e) && isDamage(e.code) {
		return &LostError{"the derivation's database is damaged: " + e.message}
	}
	return err
}
