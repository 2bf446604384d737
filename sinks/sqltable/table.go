package sqltable

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"weir/document"
	"weir/sinks"
)

// source says what a column is filled from.
type source uint8

const (
	fromPointer source = iota
	fromKey
	fromPublished
	fromDocument
)

// Column is one column of a table.
type Column struct {
	Field   string
	Name    string // the database's name of it
	Flat    Flat
	Type    string // the database's
	NotNull bool
	Comment string // for people: title, description, location, types

	from    source
	as      Flat // how values become the column's
	pointer document.Pointer
}

// Table is the table of one binding: its columns, keys first, the document
// last.
type Table struct {
	Source  string // the collection's name
	Schema  string // that holds it, where the database has schemas
	Name    string
	Columns []Column
	Keys    int  // how many of the columns are the key
	Delta   bool // rows are only added, and the key is not unique

	dialect  *Dialect
	document int // index of the document's column, or -1
}

// New makes the table of a binding whose fields are selected.
func New(d *Dialect, name string, b *sinks.Binding) (*Table, error) {
	t := &Table{Source: b.Collection.Name, Name: name, Keys: len(b.Fields.Keys), Delta: b.Delta, dialect: d, document: -1}
	if want := cmp.Or(len(b.GroupBy), len(b.Collection.Key)); t.Keys != want {
		return nil, fmt.Errorf("table %s: %d key fields for the %d components of %s's key", Quote(name), t.Keys, want, b.Collection.Name)
	}
	for i, fields := range [][]string{b.Fields.Keys, b.Fields.Values, {b.Fields.Document}} {
		for _, field := range fields {
			if i == 2 && field == "" {
				continue
			}
			c, err := newColumn(d, b, field, i == 0)
			if err != nil {
				return nil, fmt.Errorf("table %s: %w", Quote(name), err)
			}
			t.Columns = append(t.Columns, c)
		}
	}
	if b.Fields.Document != "" {
		t.document = len(t.Columns) - 1
	}
	return t, t.check()
}

func newColumn(d *Dialect, b *sinks.Binding, field string, key bool) (Column, error) {
	c := &b.Collection
	config, err := parseFieldConfig(b.FieldConfig[field])
	if err != nil {
		return Column{}, fmt.Errorf("configuration of field %s: %w", field, err)
	}
	p, ok := c.Projection(field)
	if !ok {
		return Column{}, fmt.Errorf("field %q is selected, but collection %s has no such projection", field, c.Name)
	}
	col := Column{Field: field, Name: d.name(field), Comment: comment(c, &p)}
	var nullable bool
	switch {
	case key:
		col.Flat, nullable = FlattenKey(p)
		col.from = fromKey
	case p.Ptr == "":
		col.Flat, col.from = Object, fromDocument
	case p.Ptr == sinks.PublishedPointer:
		col.Flat, col.from = String, fromPublished
	default:
		col.Flat, nullable = config.flatten(p)
		if config != (FieldConfig{}) {
			p.Inference.Format = "" // it has no say in the column's type
		}
	}
	col.Type, col.NotNull, col.as = d.columnType(col.Flat, &p, key), !nullable, d.conversion(col.Flat)
	if col.pointer, err = document.ParsePointer(p.Ptr); err != nil {
		return Column{}, fmt.Errorf("field %q: %w", field, err)
	}
	return col, CheckColumn(field)
}

// comment says in words where a column comes from.
func comment(c *sinks.Collection, p *sinks.Projection) string {
	var lines []string
	for _, text := range []string{p.Inference.Title, p.Inference.Description} {
		if text != "" {
			lines = append(lines, strings.ReplaceAll(text, "\x00", ""))
		}
	}
	where := "The whole document of " + c.Name + "."
	switch {
	case p.Ptr == sinks.PublishedPointer:
		where = "Of the newest document of " + c.Name + " in this row."
	case p.Ptr != "":
		where = p.Ptr + " of " + c.Name + ": " + strings.Join(p.Inference.Types, ", ") + "."
	}
	return strings.Join(append(lines, where), "\n")
}

// CheckColumn says why a field cannot be a column.
func CheckColumn(field string) error {
	if err := CheckName(field); err != nil {
		return fmt.Errorf("field %q cannot be a column: the name %w; give its location another name under the collection's projections", field, err)
	}
	return nil
}

func (t *Table) check() error {
	if err := t.dialect.CheckName(t.Name); err != nil {
		return fmt.Errorf("table %q: the name %w", t.Name, err)
	}
	if len(t.Columns) > t.dialect.MaxColumns {
		return fmt.Errorf("table %s would have %d columns, and %s allows %d: select fewer under the binding's fields", Quote(t.Name), len(t.Columns), t.dialect.Name, t.dialect.MaxColumns)
	}
	if !t.Delta && t.document < 0 {
		return fmt.Errorf("table %s: without a field of the whole document, existing rows cannot be reduced: select %s, or set deltaUpdates", Quote(t.Name), sinks.DocumentField)
	}
	folded := map[string]string{}
	for _, c := range t.Columns {
		f := t.dialect.Fold(c.Field)
		if other, ok := folded[f]; ok {
			return fmt.Errorf("table %s: fields %q and %q are one column to %s: exclude one, or give its location another name under the collection's projections", Quote(t.Name), other, c.Field, t.dialect.Name)
		}
		folded[f] = c.Field
	}
	return nil
}

// Append adds the values of a row to the buffer, in the order of Columns, or
// nothing and an error.
func (t *Table) Append(b *Buffer, r *sinks.Row) error {
	start := len(b.values)
	if err := t.AppendKey(b, r.Key); err != nil {
		return err
	}
	for i := range t.Columns[t.Keys:] {
		switch c := &t.Columns[t.Keys+i]; c.from {
		case fromDocument:
			b.add(Value{Kind: Text, Text: b.copy(r.Raw)})
		case fromPublished:
			if t.dialect.Verbatim {
				b.add(Value{Kind: Time, Int: r.Published.UnixNano()})
				continue
			}
			b.add(Value{Kind: Text, Text: b.keep(r.Published.UTC().AppendFormat(b.room(len(sinks.TimeLayout)+8), sinks.TimeLayout))})
		default:
			n, ok := c.pointer.Find(r.Doc, 0)
			if !ok && c.NotNull {
				b.values = b.values[:start]
				return t.Refuse(r, t.Keys+i, "is missing, and the column must not be NULL")
			}
			if !ok {
				b.add(Value{})
				continue
			}
			b.addNode(c.as, r.Doc, n)
		}
	}
	return nil
}

// Refuse is the error of a row whose document's value the i-th column cannot
// hold.
func (t *Table) Refuse(r *sinks.Row, i int, why string) error {
	c := &t.Columns[i]
	return sinks.Refuse(t.Source, c.pointer.String(), r.Raw, fmt.Sprintf("document %s: column %s of table %s: %s", KeyText(r.Key), Quote(c.Field), t.Ref(), why))
}

// AppendKey adds the values of a packed key alone.
func (t *Table) AppendKey(b *Buffer, packed []byte) error {
	start := len(b.values)
	parts, err := document.UnpackKey(packed)
	if err == nil && len(parts) != t.Keys {
		err = fmt.Errorf("key %s has %d components, and the table's has %d", KeyText(packed), len(parts), t.Keys)
	}
	for i := 0; err == nil && i < len(parts); i++ {
		c := &t.Columns[i]
		switch {
		case parts[i] == nil && c.NotNull:
			err = fmt.Errorf("key %s: component %d is null or missing, and column %s cannot be null", KeyText(packed), i+1, Quote(c.Field))
		case !b.addKey(c.Flat, parts[i]):
			err = fmt.Errorf("key %s: component %d does not fit column %s, which holds type %s", KeyText(packed), i+1, Quote(c.Field), c.Flat)
		}
	}
	if err != nil {
		b.values = b.values[:start]
	}
	return err
}

// HasNull reports whether any of a key's values is NULL, so that no unique
// index holds it apart.
func HasNull(key []Value) bool {
	for _, v := range key {
		if v.Kind == Null {
			return true
		}
	}
	return false
}

// KeyText gives a packed key for messages.
func KeyText(packed []byte) string {
	text, err := document.AppendKeyJSON(nil, packed)
	if err != nil {
		return strconv.QuoteToASCII(string(packed))
	}
	const limit = 200 // bytes that a message spends on a key
	if len(text) > limit {
		return string(text[:limit]) + "..."
	}
	return string(text)
}
