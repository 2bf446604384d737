package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"

	"weir/catalog"
	"weir/derive"
	"weir/document"
)

// migrate applies the migrations that the database has not seen. Those that it
// has must be what they were.
func (db *DB) migrate() error {
	applied, err := db.applied()
	if err != nil {
		return err
	}
	if err := Compare(applied, db.migrations); err != nil {
		return err
	}
	if len(applied) == len(db.migrations) {
		return nil
	}
	if err := db.enter(); err != nil {
		return err
	}
	if err := db.conn.exec("CREATE TABLE IF NOT EXISTS " + ownTable + " (number INTEGER PRIMARY KEY, sql TEXT NOT NULL)"); err != nil {
		return err
	}
	for i := len(applied); i < len(db.migrations); i++ {
		if err := db.apply(&db.migrations[i]); err != nil {
			return err
		}
		insert := fmt.Sprintf("INSERT INTO %s VALUES (%d, '%s')", ownTable, i+1, strings.ReplaceAll(db.migrations[i].Text, "'", "''"))
		if err := db.conn.exec(insert); err != nil {
			return err
		}
	}
	return db.leave()
}

// applied gives the migrations that were applied, in order.
func (db *DB) applied() ([]catalog.SQL, error) {
	var out []catalog.SQL
	there := false
	if err := db.conn.rows("SELECT name FROM sqlite_schema WHERE name = '"+ownTable+"'", func(*statement) { there = true }); err != nil || !there {
		return nil, err
	}
	err := db.conn.rows("SELECT sql FROM "+ownTable+" ORDER BY number", func(s *statement) {
		out = append(out, catalog.SQL{Text: string(s.text(0))})
	})
	return out, err
}

// apply runs one migration.
func (db *DB) apply(m *catalog.SQL) error {
	db.conn.guard.mode, db.conn.guard.savepoints = migrating, nil
	defer func() { db.conn.guard.mode = trusted }()
	at := 0 // the statement that runs
	err := db.conn.each(m.Text, func(s *statement, offset int) error {
		at = offset
		if names := s.parameters(); len(names) > 0 {
			return &sqlError{message: fmt.Sprintf("a migration has no parameters, but here is %s: no document is processed", orQuestionMark(names[0])), offset: -1}
		}
		for {
			if row, err := s.step(); err != nil || !row {
				return err
			}
		}
	})
	if err == nil {
		err = authored(unbalanced(db.conn.guard.savepoints))
	}
	var e *sqlError
	if errors.As(err, &e) && e.offset >= 0 {
		at = e.offset
	}
	return moduleError(m, at, err)
}

// Compare says whether migrations may follow those that were published or
// applied before: they are the same, and new ones come behind them. The error
// is a *derive.ModuleError.
func Compare(before, now []catalog.SQL) error {
	for i := range before {
		if i == len(now) {
			return &derive.ModuleError{Message: fmt.Sprintf("the migration number %d is gone, but it was applied: %s: leave it as it was, and append one that undoes it", i+1, shorten([]byte(before[i].Text)))}
		}
		if now[i].Text != before[i].Text {
			line := firstDifference(before[i].Text, now[i].Text)
			return &derive.ModuleError{
				File: now[i].File, Line: now[i].Line + line, Column: 1,
				Message: fmt.Sprintf("the migration number %d was applied as it was published, and cannot change: leave it as it was, and append another (this line was: %s)", i+1, shorten([]byte(lineOf(before[i].Text, line)))),
			}
		}
	}
	return nil
}

// firstDifference gives the number of the first line, from 0, in which two
// texts differ.
func firstDifference(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return strings.Count(b[:n], "\n")
}

func lineOf(text string, n int) string {
	lines := strings.Split(text, "\n")
	if n >= len(lines) {
		return "the end"
	}
	return strings.TrimSpace(lines[n])
}

// compile prepares the statements of a lambda. It gives every fault.
func (db *DB) compile(t *transform) []error {
	if t.lambda == nil {
		return nil
	}
	c := db.conn
	c.guard.mode, c.guard.savepoints = deriving, nil
	defer func() { c.guard.mode = trusted }()
	if zero := strings.IndexByte(t.lambda.Text, 0); zero >= 0 {
		return []error{moduleError(t.lambda, zero, authored(errors.New("SQL cannot hold a zero byte")))}
	}
	text, err := libc.CString(t.lambda.Text)
	if err != nil {
		return []error{errMemory}
	}
	defer libc.Xfree(c.tls, text)
	var faults []error
	indexes := map[string]int{}
	for offset := 0; offset < len(t.lambda.Text); {
		s, n, err := c.prepare(text+uintptr(offset), lib.SQLITE_PREPARE_PERSISTENT)
		if err != nil {
			at := offset + leading(t.lambda.Text[offset:])
			var e *sqlError
			if errors.As(err, &e) && e.offset >= 0 {
				at = offset + e.offset
			}
			return append(faults, moduleError(t.lambda, at, err)) // where the next one begins is not known
		}
		if s != nil {
			x := lambdaStatement{statement: *s, offset: offset + leading(t.lambda.Text[offset:])}
			faults = append(faults, t.resolve(&x, indexes, t.lambda.Text[offset:offset+n], offset)...)
			t.statements = append(t.statements, x)
		}
		offset += n
	}
	if err := authored(unbalanced(c.guard.savepoints)); err != nil {
		faults = append(faults, moduleError(t.lambda, 0, err))
	}
	t.values = make([]value, len(t.fields))
	return faults
}

// resolve finds the fields of a statement's parameters, and the names of its
// columns.
func (t *transform) resolve(s *lambdaStatement, indexes map[string]int, sql string, offset int) []error {
	var faults []error
	names := map[string]string{}
	for _, parameter := range s.parameters() {
		p, err := t.known.find(parameter)
		if err != nil {
			faults = append(faults, moduleError(t.lambda, offset+max(strings.Index(sql, orQuestionMark(parameter)), 0), authored(err)))
			continue
		}
		names[parameter] = p.Field
		i, ok := indexes[p.Field]
		if !ok {
			f, err := newField(p)
			if err != nil {
				return append(faults, err)
			}
			i = len(t.fields)
			indexes[p.Field] = i
			t.fields = append(t.fields, f)
		}
		s.fields = append(s.fields, i)
	}
	var err error
	s.shape, err = newShape(s.columns(), func(parameter string) (string, bool) {
		field, ok := names[parameter]
		return field, ok
	})
	if err != nil {
		faults = append(faults, moduleError(t.lambda, s.offset, authored(err)))
	}
	return faults
}

// unbalanced says whether savepoints are left open, or closed that were not
// opened here.
func unbalanced(steps []savepointStep) error {
	var open []string
	for _, s := range steps {
		if s.operation == "BEGIN" {
			open = append(open, s.name)
			continue
		}
		i := len(open) - 1
		for i >= 0 && open[i] != s.name {
			i--
		}
		if i < 0 {
			return fmt.Errorf("%s of the savepoint %s, which is not open here", strings.ToLower(s.operation), s.name)
		}
		open = open[:i]
		if s.operation == "ROLLBACK" {
			open = append(open, s.name) // it stays open
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("the savepoint %s is not released: write release %s at its end", open[0], open[0])
	}
	return nil
}

// authored makes an error one of the author's SQL.
func authored(err error) error {
	if err == nil {
		return nil
	}
	return &sqlError{message: err.Error(), offset: -1}
}

// moduleError places an error in the author's SQL. What is no fault of it stays
// as it is.
func moduleError(sql *catalog.SQL, offset int, err error) error {
	if err == nil {
		return nil
	}
	var e *sqlError
	if !errors.As(err, &e) || isDamage(e.code) {
		return err
	}
	line, column := position(sql, offset)
	return &derive.ModuleError{File: sql.File, Line: line, Column: column, Message: err.Error()}
}

// position gives line and column of an offset in an author's SQL. How far SQL
// in a YAML file is indented nobody knows any more: its column is 1.
func position(sql *catalog.SQL, offset int) (line, column int) {
	before := sql.Text[:min(offset, len(sql.Text))]
	line, column = sql.Line+strings.Count(before, "\n"), 1
	if strings.HasSuffix(strings.ToLower(sql.File), ".sql") {
		column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	}
	return line, column
}

// callError says which statement failed for which document.
func (t *transform) callError(s *lambdaStatement, d *document.Doc, err error) error {
	var e *sqlError
	switch {
	case !errors.As(err, &e):
		return err
	case isDamage(e.code):
		return damage(err)
	}
	line, column := position(t.lambda, s.offset)
	raw := d.Raw(0)
	return &derive.CallError{
		File: t.lambda.File, Line: line, Column: column, Function: t.name, Message: e.message,
		Document: slices.Clone(raw[:min(len(raw), maxExcerpt)]),
	}
}

// maxExcerpt is how much of a document an error shows, in bytes.
const maxExcerpt = 1 << 10
