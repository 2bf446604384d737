package sqltable

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/golden"
)

// TestPlan prints what becomes of tables that exist.
func TestPlan(t *testing.T) {
	full := func(t *Table) (existing []Existing) {
		for i, c := range t.Columns {
			e := Existing{Name: c.Name, Type: c.Type, Flat: c.Flat.String(), NotNull: c.NotNull}
			if t.dialect.Comments {
				e.Comment, e.Flat = c.Comment, ""
			} else {
				e.Name = strings.ToUpper(c.Name)
			}
			if i < t.Keys && !t.Delta {
				e.Key = i + 1
			}
			existing = append(existing, e)
		}
		return existing
	}
	with := func(existing []Existing, i int, change func(e *Existing)) []Existing {
		change(&existing[i])
		return existing
	}
	was := func(typ string, f Flat) func(e *Existing) {
		return func(e *Existing) {
			e.Type, e.Flat = typ, ""
			if f != Never {
				e.Flat = f.String()
			}
		}
	}
	standard, delta, pg := testTable(t, false), testTable(t, true), tableOf(t, Postgres(), testBinding(false))
	nullable := testBinding(false)
	nullable.Collection.Projections[0].Inference.Types = []string{"integer", "null"}
	loose, pgLoose := tableOf(t, SQLite(), nullable), tableOf(t, Postgres(), nullable)
	var out strings.Builder
	for _, c := range []struct {
		what     string
		table    *Table
		existing []Existing
		ours     bool
	}{
		{"no table", standard, nil, false},
		{"the same table", standard, full(standard), true},
		{"somebody's table that fits", standard, full(standard), false},
		{"columns are missing", standard, append(full(standard)[:3], full(standard)[5:]...), true},
		{"columns are missing in somebody's table", standard, full(standard)[:3], false},
		{"a column must become nullable", standard, with(full(standard), 6, func(e *Existing) { e.NotNull = true }), true},
		{"a key may be null now", loose, with(full(standard), 0, func(e *Existing) { e.NotNull = true }), true},
		{"a column is wider", standard, with(full(standard), 8, was("INTEGER", Integer)), true},
		{"a column is narrower", standard, with(full(standard), 6, was("real", Number)), true},
		{"integers become text", standard, with(full(standard), 10, was("INTEGER", Integer)), true},
		{"integers become anything", standard, with(full(standard), 7, was("INTEGER", Integer)), true},
		{"booleans become anything", standard, with(full(standard), 7, was("BOOLEAN", Boolean)), true},
		{"strings become anything", standard, with(full(standard), 7, was("TEXT", String)), true},
		{"anything becomes strings", standard, with(full(standard), 10, was("TEXT", Multiple)), true},
		{"bytes become strings", standard, with(full(standard), 10, was("BLOB", Binary)), true},
		{"a text column of former versions", standard, with(full(standard), 10, was("TEXT", Never)), true},
		{"a text column has numbers", standard, with(full(standard), 10, was("BIGINT", Never)), true},
		{"two columns do not fit", standard, with(with(full(standard), 10, was("BIGINT", Never)), 12, was("TEXT", String)), true},
		{"a column without type", standard, with(full(standard), 10, was("", Never)), false},
		{"a dropped field", standard, append(full(standard), Existing{Name: "old", Type: "TEXT", NotNull: true}, Existing{Name: "older", NotNull: true, HasDefault: true}), true},
		{"somebody's column needs a value", standard, append(full(standard), Existing{Name: "old", Type: "TEXT", NotNull: true}), false},
		{"no primary key", standard, full(delta), true},
		{"another primary key", standard, with(full(standard), 2, func(e *Existing) { e.Key = 3 }), true},
		{"delta over standard", delta, full(standard), true},
		{"PostgreSQL: no table", pg, nil, false},
		{"PostgreSQL: the same table", pg, full(pg), true},
		{"PostgreSQL: the server's names of types", pg, pgNames(full(pg)), true},
		{"PostgreSQL: columns are missing, a comment changed", pg, with(append(full(pg)[:3], full(pg)[5:]...), 2, func(e *Existing) { e.Comment = "it's old" }), true},
		{"PostgreSQL: a column must become nullable", pg, with(full(pg), 6, func(e *Existing) { e.NotNull = true }), true},
		{"PostgreSQL: a key may be null now", pgLoose, full(pg), true},
		{"PostgreSQL: integers become numbers", pg, with(full(pg), 8, was("bigint", Never)), true},
		{"PostgreSQL: integers become exact numbers", pg, with(full(pg), 11, was("bigint", Never)), true},
		{"PostgreSQL: integers become text", pg, with(full(pg), 10, was("bigint", Never)), true},
		{"PostgreSQL: integers become anything", pg, with(full(pg), 7, was("bigint", Never)), true},
		{"PostgreSQL: strings become anything", pg, with(full(pg), 7, was("text", Never)), true},
		{"PostgreSQL: strings become objects", pg, with(full(pg), 9, was("text", Never)), true},
		{"PostgreSQL: dates become text", pg, with(full(pg), 10, was("date", Never)), true},
		{"PostgreSQL: short text becomes text", pg, with(full(pg), 10, was("character varying(20)", Never)), true},
		{"PostgreSQL: times become text", pg, with(full(pg), 10, was("timestamp with time zone", Never)), true},
		{"PostgreSQL: text becomes booleans", pg, with(full(pg), 5, was("text", Never)), true},
		{"PostgreSQL: a key of text becomes integers", pg, with(full(pg), 0, was("text", Never)), true},
		{"PostgreSQL: short text in somebody's table", pg, with(full(pg), 10, was("character varying(20)", Never)), false},
	} {
		change, err := c.table.Plan(c.existing, c.ours)
		fmt.Fprintf(&out, "# %s\n", c.what)
		for _, s := range change.Statements {
			fmt.Fprintf(&out, "%s;\n", s)
		}
		for _, reason := range change.Incompatible {
			fmt.Fprintf(&out, "incompatible: %s\n", reason)
		}
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
		}
		out.WriteString("\n")
	}
	golden.Compare(t, "testdata/plan.txt", out.String())
}

// pgNames gives types the names that the server reports.
func pgNames(existing []Existing) []Existing {
	names := map[string]string{"BIGINT": "bigint", "TIMESTAMPTZ": "timestamp with time zone", "DECIMAL": "numeric", "NUMERIC": "numeric", "DOUBLE PRECISION": "double precision"}
	for i, e := range existing {
		existing[i].Type = strings.ToLower(e.Type)
		if name, ok := names[e.Type]; ok {
			existing[i].Type = name
		}
	}
	return existing
}
