package sqltable

import (
	"fmt"
	"slices"
	"strings"
)

// Existing is a column that a table in the database has.
type Existing struct {
	Name       string
	Type       string // as declared
	Flat       string // the flat type that it was made for; empty: not known
	NotNull    bool
	HasDefault bool
	Key        int // its place in the primary key, from 1; 0: not part of it
	Comment    string
}

// Change is what makes a table fit, or why nothing does.
type Change struct {
	Statements   []string
	Incompatible []string // what no statement solves: the table has to be made anew
}

// Make gives the statements that make the table where there is none.
func (t *Table) Make() []string {
	statements := []string{t.Create()}
	if t.dialect.Comments {
		for i := range t.Columns {
			statements = append(statements, t.comment(&t.Columns[i]))
		}
	}
	return statements
}

// Plan compares the table with the columns of the one in the database, none
// if there is none, and gives the change that makes it fit. Changes are
// additive: columns are added, without values for the rows that are there,
// types are widened, and columns that no field fills any more stay and may be
// NULL. ours says that the table was made, or taken over, by this binding
// before; others are used as they are, or refused by the error.
func (t *Table) Plan(existing []Existing, ours bool) (Change, error) {
	if len(existing) == 0 {
		return Change{Statements: t.Make()}, nil
	}
	var c Change
	if reason := t.checkKey(existing); reason != "" {
		c.Incompatible = append(c.Incompatible, reason)
	}
	var missing []string
	for i := range t.Columns {
		want := &t.Columns[i]
		have := find(t.dialect, existing, want.Name)
		if have == nil {
			missing = append(missing, Quote(want.Name)+" of type "+want.Type)
			c.Statements = append(c.Statements, t.alter("ADD COLUMN "+Quote(want.Name)+" "+want.Type))
			if t.dialect.Comments {
				c.Statements = append(c.Statements, t.comment(want))
			}
			continue
		}
		t.fit(&c, have, want, ours)
	}
	if ours {
		t.loosen(&c, existing)
		return c, nil
	}
	return c, t.refuse(&c, missing, existing)
}

func find(d *Dialect, existing []Existing, name string) *Existing {
	folded := d.Fold(name)
	i := slices.IndexFunc(existing, func(e Existing) bool { return d.Fold(e.Name) == folded })
	if i < 0 {
		return nil
	}
	return &existing[i]
}

// fit makes one column that exists hold what is meant for it.
func (t *Table) fit(c *Change, have *Existing, want *Column, ours bool) {
	statements, ok := t.dialect.Fit(t, have, want)
	if !ok {
		c.Incompatible = append(c.Incompatible, fmt.Sprintf("column %s has type %s%s, and the collection's schema now needs %s (for type %s)",
			Quote(want.Name), have.Type, madeFor(have), want.Type, want.Flat))
		return
	}
	loose := have.NotNull && !want.NotNull
	if loose && have.Key > 0 && t.dialect.Unique != "" {
		c.Incompatible = append(c.Incompatible, fmt.Sprintf("column %s is part of the primary key, and can now be NULL", Quote(want.Name)))
		return
	}
	if loose {
		c.Statements = append(c.Statements, t.dropNotNull(have.Name))
	}
	c.Statements = append(c.Statements, statements...)
	if t.dialect.Comments && ours && have.Comment != want.Comment {
		c.Statements = append(c.Statements, t.comment(want))
	}
}

func madeFor(have *Existing) string {
	if have.Flat == "" {
		return ""
	}
	return " (for type " + have.Flat + ")"
}

// refuse leaves a table of somebody else's alone that would have to change.
func (t *Table) refuse(c *Change, missing []string, existing []Existing) error {
	reasons := c.Incompatible
	for _, column := range missing {
		reasons = append(reasons, "it has no column "+column)
	}
	for i := range existing {
		if e := &existing[i]; t.unfilled(e) {
			reasons = append(reasons, fmt.Sprintf("its column %s must not be NULL, has no default, and no field fills it", Quote(e.Name)))
		}
	}
	if len(reasons) == 0 && len(c.Statements) > 0 {
		reasons = append(reasons, "it would take: "+strings.Join(c.Statements, "; "))
	}
	if len(reasons) == 0 {
		return nil
	}
	return fmt.Errorf("table %s exists, was not made by this materialization and does not fit: %s: change the table, or let the binding's resource name another one", t.Ref(), strings.Join(reasons, "; "))
}

// checkKey makes sure that a row can be found by its key, and that rows of the
// same key can be added where rows are only added. It says what is wrong.
func (t *Table) checkKey(existing []Existing) string {
	var have, want []string
	for _, e := range existing {
		if e.Key > 0 {
			have = append(have, t.dialect.Fold(e.Name))
		}
	}
	if !t.Delta {
		for _, c := range t.Columns[:t.Keys] {
			want = append(want, t.dialect.Fold(c.Name))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if slices.Equal(have, want) {
		return ""
	}
	describe := func(columns []string) string {
		if len(columns) == 0 {
			return "no primary key"
		}
		return "the primary key (" + strings.Join(columns, ", ") + ")"
	}
	mode := "standard"
	if t.Delta {
		mode = "delta"
	}
	return fmt.Sprintf("it has %s, and the binding, with %s updates, needs %s", describe(have), mode, describe(want))
}

// loosen lets columns that no field fills be NULL.
func (t *Table) loosen(c *Change, existing []Existing) {
	for i := range existing {
		e := &existing[i]
		switch {
		case !t.unfilled(e):
		case e.Key > 0: // reported by checkKey
		default:
			c.Statements = append(c.Statements, t.dropNotNull(e.Name))
		}
	}
}

// unfilled reports whether a column needs a value that no field gives.
func (t *Table) unfilled(e *Existing) bool {
	folded := t.dialect.Fold(e.Name)
	filled := slices.ContainsFunc(t.Columns, func(c Column) bool { return t.dialect.Fold(c.Name) == folded })
	return !filled && e.NotNull && !e.HasDefault
}

func (t *Table) dropNotNull(column string) string {
	return t.alter("ALTER COLUMN " + Quote(column) + " DROP NOT NULL")
}
