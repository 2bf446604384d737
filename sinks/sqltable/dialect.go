package sqltable

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Dialect is all that the statements of this package need to know of a
// database.
type Dialect struct {
	Name        string
	Types       [flatCount]string       // column type of each flat type
	KeyInteger  string                  // column type of integers in a key
	Same        string                  // the operator of equality that takes NULL for a value
	MaxColumns  int                     // of a table
	MaxArgs     int                     // of a statement
	Placeholder func(n int) string      // n counts from 1
	Bytes       func(sql string) string // an expression for the bytes of a text column
	Fold        func(string) string     // two names that fold alike are one to the database

	// Holds reports whether a column declared with type have keeps every value
	// meant for a column of type want as it is.
	Holds func(have, want string) bool
}

// SQLite is the dialect of SQLite 3.53 and later.
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
		KeyInteger:  "BIGINT",
		Same:        "IS",
		MaxColumns:  2000,
		MaxArgs:     32766,
		Placeholder: func(int) string { return "?" },
		Bytes:       func(sql string) string { return "CAST(" + sql + " AS BLOB)" },
		Fold:        foldASCII,
		Holds:       sqliteHolds,
	}
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

// Quote gives a name as an identifier: any name that CheckName accepts,
// reserved words included.
func Quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// CheckName says why a name cannot be an identifier.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case strings.ContainsRune(name, 0):
		return errors.New("contains a NUL character")
	case !utf8.ValidString(name):
		return errors.New("is not UTF-8")
	}
	return nil
}
