package sqltable

import (
	"slices"
	"strconv"
	"strings"
)

// Create gives the statement that makes the table.
func (t *Table) Create() string {
	var s strings.Builder
	s.WriteString("CREATE TABLE " + t.Ref() + " (")
	for i, c := range t.Columns {
		if i > 0 {
			s.WriteString(",")
		}
		s.WriteString("\n\t" + Quote(c.Name) + " " + c.Type)
		if c.NotNull {
			s.WriteString(" NOT NULL")
		}
	}
	if !t.Delta {
		s.WriteString(",\n\t" + t.unique() + " (" + t.names(0, t.Keys) + ")")
	}
	s.WriteString("\n)")
	return s.String()
}

// unique names the constraint that the key has.
func (t *Table) unique() string {
	if t.dialect.Unique != "" && t.nullableKey() {
		return t.dialect.Unique
	}
	return "PRIMARY KEY"
}

func (t *Table) nullableKey() bool {
	return slices.ContainsFunc(t.Columns[:t.Keys], func(c Column) bool { return !c.NotNull })
}

// comment gives the statement that sets a column's comment.
func (t *Table) comment(c *Column) string {
	return "COMMENT ON COLUMN " + t.Ref() + "." + Quote(c.Name) + " IS '" + strings.ReplaceAll(c.Comment, "'", "''") + "'"
}

// alter gives a statement that changes the table.
func (t *Table) alter(change string) string { return "ALTER TABLE " + t.Ref() + " " + change }

// Insert gives the statement that adds a row; its arguments are the row's
// values.
func (t *Table) Insert() string {
	return t.InsertFrom("VALUES (" + t.args(1, len(t.Columns)) + ")")
}

// InsertFrom gives the statement that adds the rows of a query.
func (t *Table) InsertFrom(query string) string {
	return "INSERT INTO " + t.Ref() + " (" + t.names(0, len(t.Columns)) + ") " + query
}

// Upsert gives the statement that adds a row or replaces the one of the same
// key; its arguments are the row's values. Rows with a NULL in their key
// conflict with none: delete before inserting those.
func (t *Table) Upsert() string { return t.Insert() + t.conflict() }

// UpsertFrom is Upsert for the rows of a query, which holds no key twice.
func (t *Table) UpsertFrom(query string) string { return t.InsertFrom(query) + t.conflict() }

func (t *Table) conflict() string {
	s := " ON CONFLICT (" + t.names(0, t.Keys) + ") DO "
	if t.Keys == len(t.Columns) {
		return s + "NOTHING"
	}
	sets := make([]string, 0, len(t.Columns)-t.Keys)
	for _, c := range t.Columns[t.Keys:] {
		sets = append(sets, Quote(c.Name)+" = excluded."+Quote(c.Name))
	}
	return s + "UPDATE SET " + strings.Join(sets, ", ")
}

// Delete gives the statement that removes the row of a key; its arguments are
// the key's values.
func (t *Table) Delete() string {
	return "DELETE FROM " + t.Ref() + " WHERE " + t.Match("", func(i int) string { return t.dialect.Placeholder(i + 1) })
}

// Match gives the condition that finds the row of a key in the table, whose
// columns have the prefix.
func (t *Table) Match(prefix string, value func(i int) string) string {
	match := make([]string, t.Keys)
	for i, c := range t.Columns[:t.Keys] {
		match[i] = t.dialect.Same(prefix+Quote(c.Name), value(i), !c.NotNull)
	}
	return strings.Join(match, " AND ")
}

// Document gives the expression for the text of a row's document.
func (t *Table) Document(prefix string) string {
	return t.dialect.Text(prefix + Quote(t.Columns[t.document].Name))
}

// Drop gives the statement that removes the table.
func (t *Table) Drop() string { return "DROP TABLE " + t.Ref() }

// Ref is the table's name in statements.
func (t *Table) Ref() string {
	if t.Schema == "" {
		return Quote(t.Name)
	}
	return Quote(t.Schema) + "." + Quote(t.Name)
}

// HasDocument says whether the table has a column of whole documents.
func (t *Table) HasDocument() bool { return t.document >= 0 }

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
		s.WriteString("(" + strconv.Itoa(i))
		for k, c := range t.Columns[:t.Keys] {
			s.WriteString(", " + t.dialect.Cast(t.dialect.Placeholder(i*t.Keys+k+1), c.Type))
		}
		s.WriteString(")")
	}
	s.WriteString(") SELECT wanted.i, " + t.Document("t.") + " FROM wanted CROSS JOIN " + t.Ref() + " AS t WHERE ")
	s.WriteString(t.Match("t.", func(i int) string { return "wanted.k" + strconv.Itoa(i) }))
	return s.String()
}

// MaxLoad is the greatest n that Load can be asked for.
func (t *Table) MaxLoad() int { return max(1, t.dialect.MaxArgs/max(1, t.Keys)) }

func (t *Table) names(from, to int) string {
	names := make([]string, 0, to-from)
	for _, c := range t.Columns[from:to] {
		names = append(names, Quote(c.Name))
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
