package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/sinks/sqltable"
)

// table is a binding's table with how its values are written.
type table struct {
	*sqltable.Table
	kinds  []kind // of the columns that the table has now
	direct bool   // rows are only added, and COPY can write them as they are
	load   string // the query of Load

	widened []int    // columns that the open transaction makes wider
	stages  []*stage // of the open transaction; the last one takes rows
}

// bind compares a table with the columns that it has: a BIGINT may be NUMERIC
// there since a document needed that.
func bind(t *sqltable.Table, existing []sqltable.Existing) (*table, error) {
	b := &table{Table: t, kinds: make([]kind, len(t.Columns)), direct: t.Delta}
	for i := range t.Columns {
		c := &t.Columns[i]
		k, ok := kinds[c.Type]
		if !ok {
			panic("postgres: column type " + c.Type + " has no form") // the dialect's types are known
		}
		at := slices.IndexFunc(existing, func(e sqltable.Existing) bool { return e.Name == c.Name })
		if at < 0 {
			return nil, fmt.Errorf("table %s has no column %s: it was changed by somebody else", t.Ref(), sqltable.Quote(c.Name))
		}
		has := sqltable.PostgresType(existing[at].Type)
		if k == kindInt8 && has == "NUMERIC" {
			k = kindNumeric
		}
		b.kinds[i] = k
		b.direct = b.direct && kinds[has] == k
	}
	if !t.Delta {
		b.load = b.loadQuery()
	}
	return b, nil
}

// loadQuery finds documents by arrays of the keys' components. A row of its
// result is a key's place in these, from 1, and its document.
func (t *table) loadQuery() string {
	arrays, names := make([]string, t.Keys), make([]string, t.Keys)
	for i := range t.Keys {
		arrays[i] = "$" + strconv.Itoa(i+1) + "::" + t.typeOf(i, t.kinds) + "[]"
		names[i] = "k" + strconv.Itoa(i)
	}
	return "SELECT w.i, " + t.Document("t.") + " FROM unnest(" + strings.Join(arrays, ", ") + ") WITH ORDINALITY AS w (" + strings.Join(names, ", ") +
		", i) JOIN " + t.Ref() + " AS t ON " + t.Match("t.", func(i int) string { return "w.k" + strconv.Itoa(i) })
}

// typeOf is the type of a column in temporary tables.
func (t *table) typeOf(i int, kinds []kind) string {
	if kinds[i] == kindNumeric {
		return "NUMERIC"
	}
	return t.Columns[i].Type
}

// stage is a temporary table of rows on their way into a table, or that table
// itself. Its columns are c0, c1 and so on, and gone for a row to remove.
type stage struct {
	table  *table
	kinds  []kind
	name   string // empty: the table itself
	create string
	copy   string
	gone   bool // some rows are to remove
}

// newStage gives the stage that the table's rows go through as they are now.
// Its name follows from its columns, so that whoever finds it on a connection
// that a pooler hands around can use it, and from how many of these columns
// the open transaction has, which used counts.
func (t *table) newStage(used map[string]int) *stage {
	s := &stage{table: t, kinds: slices.Clone(t.kinds)}
	if t.direct && len(t.widened) == 0 {
		names := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = sqltable.Quote(c.Name)
		}
		s.copy = "COPY " + t.Ref() + " (" + strings.Join(names, ", ") + ") FROM STDIN (FORMAT BINARY)"
		return s
	}
	columns := make([]string, 0, len(t.Columns)+1)
	for i := range t.Columns {
		columns = append(columns, "c"+strconv.Itoa(i)+" "+t.typeOf(i, s.kinds))
	}
	definition := "(" + strings.Join(append(columns, "gone BOOLEAN"), ", ") + ") ON COMMIT DELETE ROWS"
	sum := sha256.Sum256([]byte(definition))
	s.name = "weir_" + hex.EncodeToString(sum[:8])
	used[s.name]++
	s.name += "_" + strconv.Itoa(used[s.name])
	s.create = "CREATE TEMPORARY TABLE IF NOT EXISTS " + s.name + " " + definition
	s.copy = "COPY pg_temp." + s.name + " FROM STDIN (FORMAT BINARY)"
	return s
}

// statements bring the rows of a stage into their table.
func (s *stage) statements() []string {
	if s.name == "" {
		return nil
	}
	t := s.table
	columns := make([]string, len(t.Columns))
	for i := range columns {
		columns[i] = "c" + strconv.Itoa(i)
	}
	rows := "SELECT " + strings.Join(columns, ", ") + " FROM pg_temp." + s.name
	if t.Delta {
		return []string{t.InsertFrom(rows)}
	}
	if !s.gone {
		return []string{t.UpsertFrom(rows)}
	}
	return []string{
		"DELETE FROM " + t.Ref() + " AS t USING pg_temp." + s.name + " AS s WHERE s.gone AND " + t.Match("t.", func(i int) string { return "s.c" + strconv.Itoa(i) }),
		t.UpsertFrom(rows + " WHERE NOT gone"),
	}
}

// widen makes a column of integers one of any number of digits, once the
// transaction is committed.
func (t *table) widen(i int) {
	t.kinds[i] = kindNumeric
	t.widened = append(t.widened, i)
}

// widenings are the statements that widen does.
func (t *table) widenings() []string {
	var out []string
	for _, i := range t.widened {
		out = append(out, "ALTER TABLE "+t.Ref()+" ALTER COLUMN "+sqltable.Quote(t.Columns[i].Name)+" TYPE NUMERIC")
	}
	return out
}

// settle forgets the open transaction, which was committed or not.
func (t *table) settle(committed bool) {
	if !committed {
		for _, i := range t.widened {
			t.kinds[i] = kindInt8
		}
	} else if len(t.widened) > 0 {
		t.direct = false
		if !t.Delta {
			t.load = t.loadQuery()
		}
	}
	t.widened, t.stages = nil, nil
}

// openStage gives the stage of the open transaction that takes rows, if any.
func (t *table) openStage() *stage {
	if n := len(t.stages); n > 0 && t.stages[n-1].suits(t) {
		return t.stages[n-1]
	}
	return nil
}

// suits says whether rows of the table, as it is now, can go through the stage.
func (s *stage) suits(t *table) bool { return slices.Equal(s.kinds, t.kinds) }
