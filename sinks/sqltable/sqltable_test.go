package sqltable

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"weir/document"
	"weir/internal/golden"
	"weir/sinks"
)

func projection(field, ptr, exists string, types ...string) sinks.Projection {
	return sinks.Projection{Field: field, Ptr: ptr, Inference: sinks.Inference{Types: types, Exists: exists}}
}

// testBinding has a key of two components and a column of every flat type.
func testBinding(delta bool) *sinks.Binding {
	format := func(p sinks.Projection, format, encoding string) sinks.Projection {
		p.Inference.Format, p.Inference.ContentEncoding = format, encoding
		return p
	}
	b := &sinks.Binding{Delta: delta}
	b.Collection = sinks.Collection{Name: "acmeCo/things", Key: []string{"/id", "/sub/id"}, Projections: []sinks.Projection{
		projection("id", "/id", sinks.Must, "integer"),
		projection("sub/id", "/sub/id", sinks.Must, "string"),
		format(projection("flow_published_at", sinks.PublishedPointer, sinks.Must, "string"), "date-time", ""),
		projection("array", "/array", sinks.May, "array"),
		format(projection("binary", "/binary", sinks.May, "string"), "", "base64"),
		projection("bool", "/bool", sinks.Must, "boolean"),
		projection("int", "/int", sinks.Must, "integer", "null"),
		projection("multiple", "/multiple", sinks.May, "boolean", "integer", "string"),
		projection("num", "/num", sinks.May, "number"),
		projection("object", "/object", sinks.May, "object"),
		projection(`sel"ect`, `/sel"ect`, sinks.Must, "string"),
		format(projection("strint", "/strint", sinks.May, "integer", "string"), "integer", ""),
		format(projection("strnum", "/strnum", sinks.May, "null", "string"), "number", ""),
		projection("flow_document", "", sinks.Must, "object"),
	}}
	b.Collection.Projections[8].Inference.Title, b.Collection.Projections[8].Inference.Description = "Number", "What it's about.\nIn two lines."
	b.Fields.Keys = []string{"id", "sub/id"}
	for _, p := range b.Collection.Projections[2:13] {
		b.Fields.Values = append(b.Fields.Values, p.Field)
	}
	b.Fields.Document = "flow_document"
	return b
}

func testTable(t *testing.T, delta bool) *Table { return tableOf(t, SQLite(), testBinding(delta)) }

func tableOf(t *testing.T, d *Dialect, b *sinks.Binding) *Table {
	t.Helper()
	table, err := New(d, `my "things"`, b)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestStatements prints every statement for a table of all types, in both
// dialects.
func TestStatements(t *testing.T) {
	for _, c := range []struct {
		dialect *Dialect
		file    string
	}{{SQLite(), "statements.sql"}, {Postgres(), "statements.postgres.sql"}} {
		standard, delta := tableOf(t, c.dialect, testBinding(false)), tableOf(t, c.dialect, testBinding(true))
		statements := append(standard.Make(), standard.Upsert(), standard.Delete(), standard.Load(1), standard.Load(2))
		statements = append(append(statements, delta.Make()[0]), delta.Insert())
		b := testBinding(false)
		b.GroupBy, b.Fields.Keys = []string{"multiple", "int"}, []string{"multiple", "int"}
		b.Fields.Values = []string{"id", "sub/id"}
		grouped, err := New(c.dialect, "grouped", b)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, grouped.Create(), grouped.Upsert(), grouped.Delete(), grouped.Load(1))
		golden.Compare(t, "testdata/"+c.file, strings.Join(statements, ";\n\n")+";\n")
		keysOnly := *standard
		keysOnly.Columns = keysOnly.Columns[:2]
		if got := keysOnly.Upsert(); !strings.HasSuffix(got, "DO NOTHING") {
			t.Errorf("a table of keys alone: %s", got)
		}
	}
}

func TestFlatten(t *testing.T) {
	for _, c := range []struct {
		types, format, encoding, exists string
		want                            Flat
		nullable                        bool
		key                             Flat
		keyNullable                     bool
	}{
		{"integer", "", "", sinks.Must, Integer, false, Integer, false},
		{"integer null", "", "", sinks.Must, Integer, true, Integer, true},
		{"integer", "", "", sinks.May, Integer, true, Integer, true},
		{"number", "", "", sinks.Must, Number, false, Integer, false},
		{"string", "", "", sinks.Must, String, false, String, false},
		{"string", "date-time", "", sinks.Must, String, false, String, false},
		{"string", "integer", "", sinks.Must, StringInteger, false, String, false},
		{"integer null string", "integer", "", sinks.Must, StringInteger, true, Multiple, true},
		{"integer", "integer", "", sinks.Must, Integer, false, Integer, false},
		{"number string", "number", "", sinks.Must, StringNumber, false, Multiple, false},
		{"string boolean", "number", "", sinks.Must, Multiple, false, Multiple, false},
		{"string", "", "base64", sinks.Must, Binary, false, String, false},
		{"boolean", "", "", sinks.Must, Boolean, false, Boolean, false},
		{"array", "", "", sinks.Must, Array, false, Multiple, false},
		{"object null", "", "", sinks.Must, Object, true, Multiple, true},
		{"array object string", "", "", sinks.Must, Multiple, false, String, false},
		{"null", "", "", sinks.Must, Never, true, Multiple, true},
		{"", "", "", sinks.Cannot, Never, true, Multiple, true},
	} {
		p := projection("f", "/f", c.exists, strings.Fields(c.types)...)
		p.Inference.Format, p.Inference.ContentEncoding = c.format, c.encoding
		if got, nullable := Flatten(p); got != c.want || nullable != c.nullable {
			t.Errorf("%+v: %s, %v", c, got, nullable)
		}
		if got, nullable := FlattenKey(p); got != c.key || nullable != c.keyNullable {
			t.Errorf("%+v as key: %s, %v", c, got, nullable)
		}
	}
	p := projection("f", "/f", sinks.May, "string")
	p.Inference.Default = []byte(`"x"`)
	if _, nullable := FlattenKey(p); nullable {
		t.Error("a key with a default is nullable")
	}
}

func show(v Value) string {
	switch v.Kind {
	case Null:
		return "NULL"
	case Bool:
		return fmt.Sprintf("bool %d", v.Int)
	case Int:
		return fmt.Sprintf("int %d", v.Int)
	case Float:
		return fmt.Sprintf("float %v", v.Float)
	case Digits:
		return "digits " + string(v.Text)
	case Text:
		return fmt.Sprintf("text %q", v.Text)
	}
	return fmt.Sprintf("bytes %x", v.Text)
}

func TestValues(t *testing.T) {
	inf := fmt.Sprint(math.Inf(1))
	for _, c := range []struct {
		flat       Flat
		json, want string
	}{
		{Integer, `7`, "int 7"},
		{Integer, `-0`, "int 0"},
		{Integer, `1.0`, "int 1"},
		{Integer, `1e2`, "int 100"},
		{Integer, `-70e-1`, "int -7"},
		{Integer, `9223372036854775807`, "int 9223372036854775807"},
		{Integer, `-9223372036854775808`, "int -9223372036854775808"},
		{Integer, `9223372036854775808`, "digits 9223372036854775808"},
		{Integer, `-9223372036854775809.0`, "digits -9223372036854775809"},
		{Integer, `1e20`, "digits 100000000000000000000"},
		{Integer, `"x"`, `text "x"`},
		{Integer, `1.5`, `text "1.5"`},
		{Integer, `null`, "NULL"},
		{Number, `0.1`, "float 0.1"},
		{Number, `7`, "float 7"},
		{Number, `1e400`, "float " + inf},
		{Number, `-1e400`, "float " + fmt.Sprint(math.Inf(-1))},
		{Number, `1e-400`, "float 0"},
		{Number, `9007199254740993`, "float 9.007199254740992e+15"},
		{Boolean, `true`, "bool 1"},
		{Boolean, `false`, "bool 0"},
		{String, `""`, `text ""`},
		{String, `"a\u0000b"`, `text "a\x00b"`},
		{String, `"\ud83d\ude00é\n"`, `text "😀é\n"`},
		{String, `"9999-12-31T23:59:60Z"`, `text "9999-12-31T23:59:60Z"`},
		{String, `"10000-01-01T00:00:00Z"`, `text "10000-01-01T00:00:00Z"`},
		{String, `7`, `text "7"`},
		{StringInteger, `"7"`, "int 7"},
		{StringInteger, `"-12345678901234567890"`, "digits -12345678901234567890"},
		{StringInteger, `"007"`, `text "007"`},
		{StringInteger, `""`, `text ""`},
		{StringInteger, `8`, "int 8"},
		{StringNumber, `"1.50"`, "float 1.5"},
		{StringNumber, `"NaN"`, `text "NaN"`},
		{StringNumber, `2`, "float 2"},
		{Binary, `"AAEC\/w=="`, "bytes 000102ff"},
		{Binary, `""`, "bytes "},
		{Binary, `"no base64!"`, `text "no base64!"`},
		{Array, `[ 1, "a" ]`, `text "[1,\"a\"]"`},
		{Object, `{ "a" : { "b" : [ {} ] } }`, `text "{\"a\":{\"b\":[{}]}}"`},
		{Multiple, `"7"`, `text "\"7\""`},
		{Multiple, `7`, `text "7"`},
		{Multiple, `true`, `text "true"`},
		{Multiple, `null`, "NULL"},
	} {
		var d document.Doc
		if err := d.Parse([]byte(c.json)); err != nil {
			t.Fatal(err)
		}
		var b Buffer
		b.addNode(c.flat, &d, 0)
		if got := show(b.values[0]); got != c.want || len(b.values) != 1 {
			t.Errorf("%s as %s: %s, want %s", c.json, c.flat, got, c.want)
		}
	}
}

func TestKeyValues(t *testing.T) {
	for _, c := range []struct {
		flat       Flat
		json, want string // "" for a refusal
	}{
		{Integer, `7`, "int 7"},
		{Integer, `7.0`, "int 7"},
		{Integer, `9223372036854775808`, "digits 9223372036854775808"},
		{Integer, `-100000000000000000000`, "digits -100000000000000000000"},
		{Integer, `"7"`, ""},
		{String, `"a\u0000b"`, `text "a\x00b"`},
		{String, `""`, `text ""`},
		{String, `7`, ""},
		{Boolean, `true`, "bool 1"},
		{Boolean, `"true"`, ""},
		{Multiple, `"7"`, `text "\"7\""`},
		{Multiple, `7`, `text "7"`},
		{Multiple, `false`, `text "false"`},
		{Multiple, `18446744073709551616`, `text "18446744073709551616"`},
		{Multiple, `9223372036854775808`, `text "9223372036854775808"`},
		{Integer, `null`, "NULL"},
	} {
		key, err := document.NewKey([]string{"/k"})
		if err != nil {
			t.Fatal(err)
		}
		var d document.Doc
		if err := d.Parse([]byte(`{"k":` + c.json + `}`)); err != nil {
			t.Fatal(err)
		}
		packed, err := key.AppendPacked(nil, &d, 0)
		if err != nil {
			t.Fatal(err)
		}
		table := Table{Columns: []Column{{Field: "k", Flat: c.flat}}, Keys: 1}
		var b Buffer
		err = table.AppendKey(&b, packed)
		if (err != nil) != (c.want == "") || err != nil && b.Len() != 0 {
			t.Errorf("%s as %s: %v, %d values", c.json, c.flat, err, b.Len())
		} else if err == nil && show(b.values[0]) != c.want {
			t.Errorf("%s as %s: %s, want %s", c.json, c.flat, show(b.values[0]), c.want)
		}
	}
	table := Table{Columns: []Column{{Field: "k", Flat: String, NotNull: true}}, Keys: 1}
	for _, packed := range []string{"\x00", "", "\x02a\x00\x02b\x00", "\xff"} {
		var b Buffer
		if err := table.AppendKey(&b, []byte(packed)); err == nil || b.Len() != 0 {
			t.Errorf("key %q: %v", packed, err)
		}
	}
}

func TestAppend(t *testing.T) {
	table := testTable(t, false)
	raw := []byte(`{"id":1,"sub":{"id":"x"},"bool":true,"sel\"ect":"y","int":null}`)
	r := sinks.Row{Raw: raw, Doc: new(document.Doc), Published: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))}
	if err := r.Doc.Parse(raw); err != nil {
		t.Fatal(err)
	}
	key, _ := document.NewKey([]string{"/id", "/sub/id"})
	r.Key, _ = key.AppendPacked(nil, r.Doc, 0)
	var b Buffer
	for range 2000 { // over several chunks of text
		if err := table.Append(&b, &r); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, v := range b.Values(1999 * len(table.Columns)) {
		got = append(got, show(v))
	}
	want := `int 1|text "x"|text "2026-01-02T02:04:05.000000006Z"|NULL|NULL|bool 1|NULL|NULL|NULL|NULL|text "y"|NULL|NULL|text "{\"id\":1,\"sub\":{\"id\":\"x\"},\"bool\":true,\"sel\\\"ect\":\"y\",\"int\":null}"`
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	first := show(b.Values(0)[13])
	if first != got[13] {
		t.Errorf("the first row became %s", first)
	}
	r.Raw = []byte(`{"id":1,"sub":{"id":"x"}}`)
	if err := r.Doc.Parse(r.Raw); err != nil {
		t.Fatal(err)
	}
	n := b.Len()
	if err := table.Append(&b, &r); !sinks.IsRefused(err) || !strings.Contains(err.Error(), `/bool: endpoint: document [1,"x"]: column "bool" of table "my ""things""": is missing`) || b.Len() != n {
		t.Errorf("a row without a required value: %v, %d values more", err, b.Len()-n)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *sinks.Binding)
		want   string
	}{
		"names that are one": {func(b *sinks.Binding) {
			b.Collection.Projections = append(b.Collection.Projections, projection("ID", "/ID", sinks.May, "string"))
			b.Fields.Values = append(b.Fields.Values, "ID")
		}, `fields "id" and "ID" are one column to SQLite`},
		"no document":   {func(b *sinks.Binding) { b.Fields.Document = "" }, "without a field of the whole document"},
		"unknown field": {func(b *sinks.Binding) { b.Fields.Values = []string{"nosuch"} }, `field "nosuch" is selected, but`},
		"half a key":    {func(b *sinks.Binding) { b.Fields.Keys = b.Fields.Keys[:1] }, "1 key fields for the 2 components"},
		"NUL": {func(b *sinks.Binding) {
			b.Collection.Projections = append(b.Collection.Projections, projection("a\x00", "/a\x00", sinks.May, "string"))
			b.Fields.Values = append(b.Fields.Values, "a\x00")
		}, "contains a NUL character"},
		"too many": {func(b *sinks.Binding) {
			for i := range 2000 {
				name := fmt.Sprintf("c%d", i)
				b.Collection.Projections = append(b.Collection.Projections, projection(name, "/"+name, sinks.May, "string"))
				b.Fields.Values = append(b.Fields.Values, name)
			}
		}, "2014 columns, and SQLite allows 2000"},
	} {
		b := testBinding(false)
		c.change(b)
		if _, err := New(SQLite(), "t", b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
