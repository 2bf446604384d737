package sqltable

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/document"
	"weir/sinks"
)

// Dialect is all that the statements of this package need to know of a
// database.
type Dialect struct {
	Name        string
	Types       [flatCount]string // column type of each flat type
	KeyTypes    [flatCount]string // the same in a key, where it differs
	Formats     map[string]string // column type of strings of a format, outside of keys
	BigInteger  string            // column type of integers whose bounds leave 64 bits; empty: no other
	Unique      string            // how a key that may be NULL is made unique; empty: as a primary key
	MaxName     int               // bytes of a name; 0: any number
	MaxColumns  int               // of a table
	MaxArgs     int               // of a statement
	Comments    bool              // columns have comments
	Verbatim    bool              // base64 stays text, numbers in strings keep their digits, times are Values of kind Time
	Placeholder func(n int) string
	Fold        func(string) string // two names that fold alike are one to the database

	// Cast gives an argument the type of a column where the statement alone does
	// not say it.
	Cast func(sql, typ string) string

	// Same compares a column of the key with a value.
	Same func(column, value string, nullable bool) string

	// Text gives an expression for the text of a document's column, as bytes or
	// text.
	Text func(column string) string

	// Fit says how a column that exists comes to keep every value that is meant
	// for a column of the table: as it is, by statements, or not at all.
	Fit func(t *Table, have *Existing, want *Column) (statements []string, ok bool)
}

// name gives the name that the database has for a field or a table: as much
// of it as it keeps.
func (d *Dialect) name(field string) string {
	if d.MaxName == 0 || len(field) <= d.MaxName {
		return field
	}
	end := d.MaxName
	for end > 0 && !utf8.RuneStart(field[end]) {
		end--
	}
	return field[:end]
}

// columnType gives the database's type of a column, NULL apart.
func (d *Dialect) columnType(f Flat, p *sinks.Projection, key bool) string {
	switch {
	case f == Integer && d.BigInteger != "" && beyondInt64(&p.Inference):
		return d.BigInteger
	case key && d.KeyTypes[f] != "":
		return d.KeyTypes[f]
	case f == String && !key && d.Formats[p.Inference.Format] != "":
		return d.Formats[p.Inference.Format]
	}
	return d.Types[f]
}

// conversion says as what a column's values are converted.
func (d *Dialect) conversion(f Flat) Flat {
	switch {
	case d.Verbatim && f == Binary:
		return String
	case d.Verbatim && f == StringNumber:
		return exactNumber
	}
	return f
}

// beyondInt64 reports whether the schema's own bounds allow integers of more
// than 64 bits.
func beyondInt64(in *sinks.Inference) bool {
	const least, greatest = "-9223372036854775808", "9223372036854775807"
	return in.Minimum != "" && document.CompareNumbers([]byte(in.Minimum), []byte(least)) < 0 ||
		in.Maximum != "" && document.CompareNumbers([]byte(in.Maximum), []byte(greatest)) > 0
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

// CheckName is CheckName, and says of a name that it is longer than the
// database keeps it.
func (d *Dialect) CheckName(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if d.name(name) != name {
		return fmt.Errorf("has %d bytes, and %s keeps %d: shorten it", len(name), d.Name, d.MaxName)
	}
	return nil
}
