package sqlite

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/derive"
	"weir/document"
	"weir/schema"
	"weir/sinks"
)

// sourceSchema is of the documents that the tests derive from.
const sourceSchema = `{"type":"object","required":["id"],"properties":{
	"id":{"type":"string"},"n":{"type":"integer"},"x":{"type":"number"},"b":{"type":"boolean"},"s":{"type":"string"},
	"list":{"type":"array"},"o":{"type":"object","properties":{"deep-er":{"type":"string"},"k":{"type":"integer"}}},
	"my-field":{"type":"string"},"other name":{"type":"string"},"odd.name":{"type":"string"},
	"count":{"type":["integer","string"],"format":"integer"},"amount":{"type":["number","string"],"format":"number"},
	"bytes":{"type":"string","contentEncoding":"base64"},"fallback":{"type":"string","default":"none"},"three":{"type":"integer","default":3}}}`

var testMeta = derive.Meta{Collection: "acmeCo/in", Seq: 7, Time: time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)}

// derivation is a derivation of one lambda, written at flow.yaml:10.
func derivation(lambda string, migrations ...string) *catalog.Derivation {
	d := &catalog.Derivation{
		Using:      catalog.Using{SQLite: &catalog.SQLite{}},
		Transforms: []catalog.Transform{{Name: "fromIn", Source: catalog.Source{Name: "acmeCo/in"}, Lambda: &catalog.SQL{Text: lambda, File: "flow.yaml", Line: 10}}},
	}
	for i, m := range migrations {
		d.Using.SQLite.Migrations = append(d.Using.SQLite.Migrations, catalog.SQL{Text: m, File: "tables.sql", Line: 1 + i})
	}
	return d
}

// fields gives the fields of the tests' source.
func fields(t testing.TB) func(string) ([]sinks.Projection, error) {
	t.Helper()
	const url = "test://source"
	s, err := schema.Compile(schema.Source{URL: url, Resources: map[string]json.RawMessage{url: json.RawMessage(sourceSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	return func(string) ([]sinks.Projection, error) {
		return sinks.Projections([]string{"/id"}, map[string]catalog.Projection{"short": {Location: "/o/k"}}, s.Shape())
	}
}

// open makes a database and opens it with the pages that it had before.
func open(t testing.TB, d *catalog.Derivation, o Options, restored ...derive.RegisterChange) (*DB, error) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	db, err := New(d, fields(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, c := range restored {
		if err := db.LoadRegister(c.Key, c.Value); err != nil {
			return db, err
		}
	}
	return db, db.Open(context.Background())
}

func mustOpen(t testing.TB, d *catalog.Derivation, restored ...derive.RegisterChange) *DB {
	t.Helper()
	db, err := open(t, d, Options{}, restored...)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// apply gives documents to the first lambda, and what comes out, joined by spaces.
func apply(t testing.TB, db *DB, docs ...string) (string, error) {
	t.Helper()
	var out []string
	for _, raw := range docs {
		var d document.Doc
		if err := d.Parse([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		err := db.Apply(0, &d, testMeta, func(raw []byte) error {
			out = append(out, string(raw))
			return nil
		})
		if err != nil {
			return strings.Join(out, " "), err
		}
	}
	return strings.Join(out, " "), nil
}
