package sqltable

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/golden"
	"weir/sinks"
)

// TestTypes prints the column of each flat type and format, as a value and in
// the key.
func TestTypes(t *testing.T) {
	var out strings.Builder
	for _, c := range []struct{ types, format, encoding, minimum, maximum string }{
		{types: "integer"}, {types: "integer null"}, {types: "integer", maximum: "9223372036854775807"}, {types: "integer", maximum: "9223372036854775808"},
		{types: "integer", minimum: "-9223372036854775809"}, {types: "number"}, {types: "boolean"}, {types: "object"}, {types: "array"}, {types: "integer string"},
		{types: "string"}, {types: "string", format: "date"}, {types: "string", format: "date-time"}, {types: "string", format: "time"}, {types: "string", format: "duration"},
		{types: "string", format: "ipv4"}, {types: "string", format: "ipv6"}, {types: "string", format: "macaddr"}, {types: "string", format: "macaddr8"},
		{types: "string", format: "uuid"}, {types: "string", format: "email"}, {types: "string", format: "integer"}, {types: "integer string", format: "integer"},
		{types: "string", format: "number"}, {types: "number string", format: "number"}, {types: "string", encoding: "base64"}, {types: "null"},
	} {
		p := projection("f", "/f", sinks.Must, strings.Fields(c.types)...)
		p.Inference.Format, p.Inference.ContentEncoding, p.Inference.Minimum, p.Inference.Maximum = c.format, c.encoding, c.minimum, c.maximum
		fmt.Fprintf(&out, "%s:", strings.Join(strings.Fields(strings.Join([]string{c.types, c.format, c.encoding, c.minimum, c.maximum}, " ")), " "))
		for _, d := range []*Dialect{SQLite(), Postgres()} {
			value, nullable := Flatten(p)
			key, keyNullable := FlattenKey(p)
			suffix := map[bool]string{false: " NOT NULL"}
			fmt.Fprintf(&out, " | %s%s, as key %s%s", d.columnType(value, &p, false), suffix[nullable], d.columnType(key, &p, true), suffix[keyNullable])
		}
		out.WriteString("\n")
	}
	golden.Compare(t, "testdata/types.txt", out.String())
}

// TestPostgresNames: names keep their case and are as long as the server keeps
// them; what it would cut to one name is one name.
func TestPostgresNames(t *testing.T) {
	d := Postgres()
	long := strings.Repeat("é", 40)
	for name, want := range map[string]string{"Amount": "Amount", strings.Repeat("a", 63): strings.Repeat("a", 63), long: strings.Repeat("é", 31), strings.Repeat("a", 62) + "é": strings.Repeat("a", 62)} {
		if got := d.name(name); got != want || d.Fold(name) != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
	b := testBinding(false)
	for _, field := range []string{long + "1", long + "2"} {
		b.Collection.Projections = append(b.Collection.Projections, projection(field, "/"+field, sinks.May, "string"))
		b.Fields.Values = append(b.Fields.Values, field)
	}
	if _, err := New(d, "t", b); err == nil || !strings.Contains(err.Error(), "are one column to PostgreSQL") {
		t.Errorf("two names of one column: %v", err)
	}
	if _, err := New(d, long, testBinding(false)); err == nil || !strings.Contains(err.Error(), "has 80 bytes, and PostgreSQL keeps 63: shorten it") {
		t.Errorf("the table's name: %v", err)
	}
	constraints := Constraints(d, &b.Collection, []string{"int"}, false)
	if constraints[long+"1"].Folded != constraints[long+"2"].Folded || constraints["id"].Type != sinks.FieldOptional || constraints["flow_document"].Type != sinks.LocationRequired {
		t.Errorf("constraints: %+v", constraints)
	}
}

func TestSQLiteHolds(t *testing.T) {
	for _, c := range []struct {
		have, want string
		holds      bool
	}{
		{"INTEGER", "INTEGER", true}, {"bigint", "INTEGER", true}, {"INTEGER", "REAL", true}, {"REAL", "INTEGER", false},
		{"VARCHAR(20)", "TEXT", true}, {"TEXT", "INTEGER", false}, {"INTEGER", "TEXT", false}, {"", "TEXT", true}, {"BLOB", "REAL", true},
		{"BOOLEAN", "INTEGER", true}, {"DECIMAL(10,2)", "REAL", true}, {"INTEGER", "BOOLEAN", true}, {"DOUBLE", "REAL", true}, {"TEXT", "BLOB", false},
	} {
		if got := sqliteHolds(c.have, c.want); got != c.holds {
			t.Errorf("%s holds %s: %v", c.have, c.want, got)
		}
	}
}
