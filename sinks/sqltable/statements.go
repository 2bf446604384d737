package sqltable

import (
	"strconv"
	"strings"
)

// Create gives the statement that makes the table.
func (t *Table) Create() string {
	var s strings.Builder
	s.WriteString("CREATE TABLE " + Quote(t.Name) + " (")
	for i, c := range t.Columns {
		if i > 0 {
			s.WriteString(",")
		}
		s.WriteString("\n\t" + Quote(c.Field) + " " + c.Type)
		if c.NotNull {
			s.WriteString(" NOT NULL")
		}
	}
	if !t.Delta {
		s.WriteString(",\n\tPRIMARY KEY (" + t.names(0, t.Keys) + ")")
	}
	s.WriteString("\n)")
	return s.String()
}

// Insert gives the statement that adds a row; its arguments are the row's
// values.
func (t *Table) Insert() string {
	return "INSERT INTO " + Quote(t.Name) + " (" + t.names(0, len(t.Columns)) + ") VALUES (" + t.args(1, len(t.Columns)) + ")"
}

// Upsert gives the statement that adds a row or replaces the one of the same
// key; its arguments are the row's values. Rows with a NULL in their key
// conflict with none: delete before inserting those.
func (t *Table) Upsert() string {
	s := t.Insert() + " ON CONFLICT (" + t.names(0, t.Keys) + ") DO "
	if t.Keys == len(t.Columns) {
		return s + "NOTHING"
	}
	sets := make([]string, 0, len(t.Columns)-t.Keys)
	for _, c := range t.Columns[t.Keys:] {
		sets = append(sets, Quote(c.Field)+" = excluded."+Quote(c.Field))
	}
	return s + "UPDATE SET " + strings.Join(sets, ", ")
}

// Delete gives the statement that removes the row of a key; its arguments are
// the key's values.
func (t *Table) Delete() string {
	match := make([]string, t.Keys)
	for i, c := range t.Columns[:t.Keys] {
		match[i] = Quote(c.Field) + " " + t.dialect.Same + " " + t.dialect.Placeholder(i+1)
	}
	return "DELETE FROM " + Quote(t.Name) + " WHERE " + strings.Join(match, " AND ")
}

// Load gives the query for the documents of n keys; its arguments are the
// keys' values, one key after the other. Each row of the result is a key's
// index in this order, and its document.
func (t *Table) Load(n int) string {
	var s strings.Builder
	s.WriteString("WITH wanted (i")
	for k := range t.Keys {
		s.WriteString(", k" + strconv.Itoa(k))
	}
	s.WriteString(") AS (VALUES ")
	for i := range n {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString("(" + strconv.Itoa(i) + ", " + t.args(i*t.Keys+1, t.Keys) + ")")
	}
	document := "t." + Quote(t.Columns[t.document].Field)
	s.WriteString(") SELECT wanted.i, " + t.dialect.Bytes(document) + " FROM wanted CROSS JOIN " + Quote(t.Name) + " AS t WHERE ")
	for k, c := range t.Columns[:t.Keys] {
		if k > 0 {
			s.WriteString(" AND ")
		}
		s.WriteString("t." + Quote(c.Field) + " " + t.dialect.Same + " wanted.k" + strconv.Itoa(k))
	}
	return s.String()
}

// MaxLoad is the greatest n that Load can be asked for.
func (t *Table) MaxLoad() int { return max(1, t.dialect.MaxArgs/max(1, t.Keys)) }

func (t *Table) names(from, to int) string {
	names := make([]string, 0, to-from)
	for _, c := range t.Columns[from:to] {
		names = append(names, Quote(c.Field))
	}
	return strings.Join(names, ", ")
}

func (t *Table) args(first, n int) string {
	args := make([]string, n)
	for i := range args {
		args[i] = t.dialect.Placeholder(first + i)
	}
	return strings.Join(args, ", ")
}
