package catalog

import (
	"slices"
	"strings"

	"weir/fault"
)

// sqlText is SQL, inline or the name of a file.
type sqlText struct {
	At  *place // nil when there is none
	SQL SQL
}

// sqlSuffix is how the name of a file ends; all else is SQL itself.
const sqlSuffix = ".sql"

func (s *sqlText) decode(l *loader, p *place) {
	if !l.expect(p, kindString) {
		return
	}
	s.At = p
	text := p.node.text
	if !strings.HasSuffix(strings.ToLower(text), sqlSuffix) || strings.Contains(text, "\n") {
		s.SQL = SQL{Text: text, File: p.file.origin(), Line: p.line}
		if p.node.block {
			s.SQL.Line++ // the text begins below its indicator
		}
		return
	}
	abs, ok := l.localPath(p, text)
	if !ok {
		return
	}
	content, err := l.readLimited(abs)
	if err != nil {
		l.errorf(fault.File, p, l.nearestFile(abs), "%s: %s", text, reasonOf(err))
		return
	}
	s.SQL = SQL{Text: string(content), File: relative(p.file.base, abs), Line: 1}
}

func (*sqlText) describe() shapeText {
	return shapeText{"type": "string", "description": "SQL, or the name of a file that ends in .sql, relative to this file."}
}

// buildSQLite gives the migrations of a derivation; nil when it has no database.
func buildSQLite(f *sqliteFile) *SQLite {
	if f == nil {
		return nil
	}
	s := &SQLite{}
	for i := range f.Migrations {
		s.Migrations = append(s.Migrations, f.Migrations[i].SQL)
	}
	return s
}

// lambda gives a transform's SQL; nil when it has none.
func (l *loader) lambda(f *deriveFile, t *transformFile) *SQL {
	switch {
	case t.Lambda == nil || t.Lambda.At == nil:
		return nil
	case f.Using.SQLite == nil:
		l.errorf(fault.Contradiction, t.At.name("lambda"), "write using: { sqlite: {} }, or a function in the module", "a lambda is SQL, which only sqlite runs")
		return nil
	}
	sql := t.Lambda.SQL
	return &sql
}

// withoutPlaces is the derivation without what says only where it was written.
func (d *Derivation) withoutPlaces() *Derivation {
	if d == nil || d.Using.SQLite == nil {
		return d
	}
	out := *d
	database := SQLite{Migrations: slices.Clone(d.Using.SQLite.Migrations)}
	for i := range database.Migrations {
		database.Migrations[i] = SQL{Text: database.Migrations[i].Text}
	}
	out.Using.SQLite, out.Transforms = &database, slices.Clone(d.Transforms)
	for i := range out.Transforms {
		if t := &out.Transforms[i]; t.Lambda != nil {
			t.Lambda = &SQL{Text: t.Lambda.Text}
		}
	}
	return &out
}
