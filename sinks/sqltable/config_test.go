package sqltable

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weir/document"
	"weir/sinks"
)

// TestFieldConfig: a field's configuration changes its column and what is
// written there.
func TestFieldConfig(t *testing.T) {
	b := testBinding(false)
	b.FieldConfig = map[string]json.RawMessage{
		"multiple": json.RawMessage(`{"castToString":true}`), "num": json.RawMessage(`{"castToString":true}`), "strint": json.RawMessage(`{"ignoreStringFormat":true}`),
		"strnum": json.RawMessage(`{"ignoreStringFormat":true}`), "binary": json.RawMessage(`{"ignoreStringFormat":true}`), "object": json.RawMessage(`{}`), "id": json.RawMessage(`{}`),
	}
	if err := CheckFieldConfigs(b); err != nil {
		t.Fatal(err)
	}
	table := tableOf(t, Postgres(), b)
	raw := []byte(`{"id":1,"sub":{"id":"x"},"bool":true,"sel\"ect":"y","multiple":"s","num":1.50,"strint":"007","strnum":"1e2","binary":"AA==","object":{"a":1}}`)
	r := sinks.Row{Raw: raw, Doc: new(document.Doc)}
	if err := r.Doc.Parse(raw); err != nil {
		t.Fatal(err)
	}
	key, _ := document.NewKey([]string{"/id", "/sub/id"})
	r.Key, _ = key.AppendPacked(nil, r.Doc, 0)
	var buffer Buffer
	if err := table.Append(&buffer, &r); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, c := range table.Columns {
		if _, ok := b.FieldConfig[c.Field]; ok {
			got = append(got, fmt.Sprintf("%s %s = %s", c.Field, c.Type, show(buffer.Values(i)[0])))
		}
	}
	want := `id BIGINT = int 1|binary TEXT = text "AA=="|multiple TEXT = text "s"|num TEXT = text "1.50"|object JSON = text "{\"a\":1}"|strint JSON = text "\"007\""|strnum TEXT = text "1e2"`
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestFieldConfigRefuses(t *testing.T) {
	b := testBinding(false)
	b.FieldConfig = map[string]json.RawMessage{
		"id": json.RawMessage(`{"castToString":true}`), "flow_document": json.RawMessage(`{"castToString":true}`), "num": json.RawMessage(`{"type":"decimal"}`), "int": json.RawMessage(`7`), "multiple": json.RawMessage(`{"castToString":"yes"}`),
	}
	b.Collection.Projections[0].PrimaryKey = true
	const want = `fields.require: field flow_document is part of the table's key or kept by Weir: its column cannot be configured, write {}
fields.require: field id is part of the table's key or kept by Weir: its column cannot be configured, write {}
fields.require: configuration of field int: expected an object, as in {castToString: true}, not a number
fields.require: configuration of field multiple: castToString is true or false, not a string
fields.require: configuration of field num: unknown field "type": known are castToString and ignoreStringFormat, both true or false`
	if err := CheckFieldConfigs(b); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if _, err := New(SQLite(), "t", b); err == nil || !strings.Contains(err.Error(), `configuration of field num: unknown field "type"`) && !strings.Contains(err.Error(), "configuration of field int") {
		t.Errorf("a table of it: %v", err)
	}
}
