package sqltable

import "strings"

// SQLite is the dialect of SQLite 3.53 and later. It has no comments on
// columns.
//
// A value is stored as it is bound, unless the column's affinity converts it:
// text that looks like a number becomes one in a numeric column, and rounds to
// a double beyond 64 bits. So exact digits are bound as a blob, which no
// affinity touches. The key of integers is declared BIGINT and not INTEGER,
// since a lone INTEGER PRIMARY KEY is SQLite's own row number, which refuses
// such blobs and replaces NULL.
func SQLite() *Dialect {
	return &Dialect{
		Name: "SQLite",
		Types: [flatCount]string{
			Never:         "TEXT",
			Boolean:       "BOOLEAN",
			Integer:       "INTEGER",
			Number:        "REAL",
			String:        "TEXT",
			StringInteger: "INTEGER",
			StringNumber:  "REAL",
			Binary:        "BLOB",
			Array:         "TEXT",
			Object:        "TEXT",
			Multiple:      "TEXT",
		},
		KeyTypes:    [flatCount]string{Integer: "BIGINT"},
		MaxColumns:  2000,
		MaxArgs:     32766,
		Placeholder: func(int) string { return "?" },
		Cast:        func(sql, _ string) string { return sql },
		Same:        func(column, value string, _ bool) string { return column + " IS " + value },
		Text:        func(column string) string { return "CAST(" + column + " AS BLOB)" },
		Fold:        foldASCII,
		Fit:         sqliteFit,
	}
}

// sqliteFit keeps a column whose affinity takes the values as they are, unless
// it is known to have been made for other values. Others are rewritten or
// replaced, where their values can be written as a table made anew would have
// them.
func sqliteFit(t *Table, have *Existing, want *Column) ([]string, bool) {
	column := Quote(have.Name)
	switch holds := sqliteHolds(have.Type, want.Type); {
	case holds && (have.Flat == "" || widens(have.Flat, want.Flat)):
		return nil, true
	case have.Key > 0:
		return nil, false
	case holds && have.Flat == String.String() && want.Flat == Multiple:
		return []string{"UPDATE " + t.Ref() + " SET " + column + " = json_quote(" + column + ") WHERE " + column + " IS NOT NULL"}, true
	case holds:
		return nil, false
	case have.Flat == Integer.String() && (want.Flat == Multiple || want.Flat == String && want.from == fromPointer):
		return t.replace(have, want, "CAST("+column+" AS TEXT)"), true
	case have.Flat == Boolean.String() && want.Flat == Multiple:
		return t.replace(have, want, "CASE "+column+" WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"), true
	}
	return nil, false
}

// replace puts a new column in the place of one that exists.
func (t *Table) replace(have *Existing, want *Column, value string) []string {
	next := have.Name + " (weir)"
	return []string{
		t.alter("ADD COLUMN " + Quote(next) + " " + want.Type),
		"UPDATE " + t.Ref() + " SET " + Quote(next) + " = " + value,
		t.alter("DROP COLUMN " + Quote(have.Name)),
		t.alter("RENAME COLUMN " + Quote(next) + " TO " + Quote(have.Name)),
	}
}

// widens says whether every value of one flat type is one of another, and is
// written alike.
func widens(have string, want Flat) bool {
	if have == want.String() || have == Never.String() {
		return true
	}
	switch want {
	case Number:
		return have == Integer.String()
	case StringInteger:
		return have == Integer.String()
	case StringNumber:
		return have == Integer.String() || have == Number.String() || have == StringInteger.String()
	case Multiple:
		return have == Array.String() || have == Object.String()
	}
	return false
}

// foldASCII folds as SQLite compares names: letters beyond ASCII are not
// folded.
func foldASCII(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// sqliteHolds compares affinities: blob converts nothing, and the integer and
// numeric ones convert only to equal numbers.
func sqliteHolds(have, want string) bool {
	h, w := affinity(have), affinity(want)
	number := func(a string) bool { return a == "INTEGER" || a == "NUMERIC" }
	return h == w || h == "BLOB" || number(h) && (number(w) || w == "REAL")
}

// affinity is SQLite's rule for what a declared type converts values to.
func affinity(declared string) string {
	t := strings.ToUpper(declared)
	for _, rule := range [...]struct{ affinity, parts string }{
		{"INTEGER", "INT"}, {"TEXT", "CHAR CLOB TEXT"}, {"BLOB", "BLOB"}, {"REAL", "REAL FLOA DOUB"},
	} {
		for part := range strings.FieldsSeq(rule.parts) {
			if strings.Contains(t, part) {
				return rule.affinity
			}
		}
	}
	if t == "" {
		return "BLOB"
	}
	return "NUMERIC"
}
