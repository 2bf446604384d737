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
	NotNull    bool
	HasDefault bool
	Key        int // its place in the primary key, from 1; 0: not part of it
}

// Plan compares the table with the columns of the one in the database, none
// if there is none, and gives the statements that make it fit. Changes are
// additive: columns are added, without values for the rows that are there, and
// columns that no field fills any more stay and may be NULL. ours says that
// the table was made, or taken over, by this binding before; others are used
// as they are or refused.
func (t *Table) Plan(existing []Existing, ours bool) ([]string, error) {
	if len(existing) == 0 {
		return []string{t.Create()}, nil
	}
	if err := t.checkKey(existing); err != nil {
		return nil, err
	}
	var statements []string
	for _, c := range t.Columns {
		i := slices.IndexFunc(existing, func(e Existing) bool { return t.dialect.Fold(e.Name) == t.dialect.Fold(c.Field) })
		if i < 0 {
			if !ours {
				return nil, fmt.Errorf("table %s exists, was not made by this materialization and has no column %s: add a column of type %s, or let the binding's resource name another table", Quote(t.Name), Quote(c.Field), c.Type)
			}
			statements = append(statements, "ALTER TABLE "+Quote(t.Name)+" ADD COLUMN "+Quote(c.Field)+" "+c.Type)
			continue
		}
		have := existing[i]
		if !t.dialect.Holds(have.Type, c.Type) {
			return nil, fmt.Errorf("table %s: column %s has type %s, and the collection's schema now needs %s (for type %s): %s", Quote(t.Name), Quote(c.Field), have.Type, c.Type, c.Flat, rebuild)
		}
		if have.NotNull && !c.NotNull {
			statements = append(statements, t.dropNotNull(have.Name))
		}
	}
	loose, err := t.loosen(existing, ours)
	return append(statements, loose...), err
}

const rebuild = "raise the binding's backfill counter to drop the table and fill it anew, or let its resource name another table"

// checkKey makes sure that a row can be found by its key, and that rows of the
// same key can be added where rows are only added.
func (t *Table) checkKey(existing []Existing) error {
	var have, want []string
	for _, e := range existing {
		if e.Key > 0 {
			have = append(have, t.dialect.Fold(e.Name))
		}
	}
	if !t.Delta {
		for _, c := range t.Columns[:t.Keys] {
			want = append(want, t.dialect.Fold(c.Field))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if slices.Equal(have, want) {
		return nil
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
	return fmt.Errorf("table %s has %s, and the binding, with %s updates, needs %s: %s", Quote(t.Name), describe(have), mode, describe(want), rebuild)
}

// loosen lets columns that no field fills be NULL.
func (t *Table) loosen(existing []Existing, ours bool) (statements []string, err error) {
	for _, e := range existing {
		filled := slices.ContainsFunc(t.Columns, func(c Column) bool { return t.dialect.Fold(c.Field) == t.dialect.Fold(e.Name) })
		if filled || !e.NotNull || e.HasDefault {
			continue
		}
		if !ours {
			return nil, fmt.Errorf("table %s exists, was not made by this materialization, and its column %s must not be NULL, but no field fills it: give the column a default, or let the binding's resource name another table", Quote(t.Name), Quote(e.Name))
		}
		statements = append(statements, t.dropNotNull(e.Name))
	}
	return statements, nil
}

func (t *Table) dropNotNull(column string) string {
	return "ALTER TABLE " + Quote(t.Name) + " ALTER COLUMN " + Quote(column) + " DROP NOT NULL"
}
