package sinks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weir/catalog"
	"weir/internal/golden"
	"weir/schema"
)

const fieldsSchema = `{
	"type": "object", "required": ["id", "customer"],
	"properties": {
		"id": {"type": "integer"},
		"customer": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "title": "Name"}, "address": {"type": ["object", "null"], "properties": {"city": {"type": "string"}}}}},
		"free": {"type": "object"},
		"items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
		"gone": false,
		"a/b~c": {"type": "string"},
		"amount": {"type": "number", "minimum": 0},
		"Amount": {"type": "string"},
		"flow_document": {"type": "string"},
		"_meta": {"type": "object", "properties": {"op": {"type": "string"}, "uuid": {"type": "string"}}}
	}}`

func describe(t *testing.T, schemaText string, key []string, user map[string]catalog.Projection) (Collection, error) {
	t.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "s.json", Resources: map[string]json.RawMessage{"s.json": json.RawMessage(schemaText)}})
	if err != nil {
		t.Fatal(err)
	}
	return Describe(&catalog.Collection{Name: "acmeCo/orders", Key: key, Projections: user}, compiled.Shape())
}

// standard is what an SQL sink says of fields.
func standard(c *Collection) map[string]Constraint {
	constraints := map[string]Constraint{}
	for _, p := range c.Projections {
		k := Constraint{Type: FieldOptional, Folded: strings.ToLower(p.Field)}
		if p.Ptr == "" || p.PrimaryKey {
			k.Type = LocationRequired
		}
		constraints[p.Field] = k
	}
	return constraints
}

// TestFields prints projections and the decisions on them.
func TestFields(t *testing.T) {
	raw := func(fields ...string) map[string]json.RawMessage {
		m := map[string]json.RawMessage{}
		for _, f := range fields {
			m[f] = json.RawMessage(`{}`)
		}
		return m
	}
	at := func(location string) catalog.Projection { return catalog.Projection{Location: location} }
	var out strings.Builder
	for _, c := range []struct {
		what   string
		key    []string
		user   map[string]catalog.Projection
		fields *catalog.Fields
		sink   func(map[string]Constraint)
	}{
		{what: "default", key: []string{"/id"}},
		{what: "nothing recommended", key: []string{"/id"}, fields: &catalog.Fields{}, user: map[string]catalog.Projection{"city": at("/customer/address/city")}},
		{what: "two levels", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 2}},
		{what: "any depth", key: []string{"/id"}, fields: &catalog.Fields{Recommended: catalog.AnyDepth}},
		{what: "nested key of two components", key: []string{"/customer/name", "/id"}},
		{what: "projections", key: []string{"/id"}, user: map[string]catalog.Projection{
			"order": at("/id"), "doc": at(""), "at": at(PublishedPointer), "city": at("/customer/address/city"), "first": at("/items/0/sku")}},
		{what: "required and excluded", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 2, Require: raw("customer", "Amount"), Exclude: []string{"free", "flow_published_at"}}},
		{what: "a parent is excluded", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 2, Exclude: []string{"customer"}}},
		{what: "the endpoint's word", key: []string{"/id"}, sink: func(m map[string]Constraint) {
			m["free"] = Constraint{Type: FieldForbidden, Reason: "no maps"}
			m["items"] = Constraint{Type: Incompatible, Reason: "is a number there"}
			m["_meta/uuid"] = Constraint{Type: FieldRequired, Reason: "needed"}
			delete(m, "a~1b~0c")
		}},
		{what: "what the endpoint has is incompatible with what is required", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 1, Require: raw("items")}, sink: func(m map[string]Constraint) {
			m["items"] = Constraint{Type: Incompatible, Reason: "is a number there"}
			m["id"] = Constraint{Type: Incompatible, Reason: "is text there"}
			m["free"] = Constraint{Type: Incompatible, Reason: "is a date there"}
		}},
		{what: "logical partitions", key: []string{"/id"}, user: map[string]catalog.Projection{"city": {Location: "/customer/address/city", Partition: true}, "customer/address/city": at("/customer/address/city")}},
		{what: "grouped", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 1, GroupBy: []string{"customer/name", "Amount"}}, sink: func(m map[string]Constraint) {
			m["id"] = Constraint{Type: FieldOptional}
		}},
		{what: "grouped, and nothing else", key: []string{"/id"}, fields: &catalog.Fields{GroupBy: []string{"order"}}, user: map[string]catalog.Projection{"order": at("/id")}},
		{what: "conflicts of groups", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 1, GroupBy: []string{"amount", "Amount", "nosuch", "free"}, Exclude: []string{"free"}}},
		{what: "conflicts", key: []string{"/id"}, fields: &catalog.Fields{Recommended: 1, Require: raw("amount", "Amount", "free", "nosuch"), Exclude: []string{"id", "flow_document", "neither"}},
			sink: func(m map[string]Constraint) { m["free"] = Constraint{Type: FieldForbidden, Reason: "no maps"} }},
	} {
		collection, err := describe(t, fieldsSchema, c.key, c.user)
		if err != nil {
			t.Fatal(c.what, err)
		}
		constraints := standard(&collection)
		if c.sink != nil {
			c.sink(constraints)
		}
		b := Binding{Collection: collection}
		decisions, err := Complete(&b, ValidatedBinding{ResourcePath: []string{"a.b", "c"}, Constraints: constraints}, c.fields, 3)
		fmt.Fprintf(&out, "# %s\n", c.what)
		for _, d := range decisions {
			p, _ := collection.Projection(d.Field)
			mark := "-"
			if d.Selected {
				mark = "+"
			}
			fmt.Fprintf(&out, "%s %s (%q %s %s): %s\n", mark, d.Field, p.Ptr, strings.Join(p.Inference.Types, " "), p.Inference.Exists, d.Reason)
		}
		if err != nil {
			fmt.Fprintf(&out, "error: %s\n\n", strings.ReplaceAll(err.Error(), "\n", "\nerror: "))
			continue
		}
		for _, text := range b.Incompatible {
			fmt.Fprintf(&out, "incompatible: %s\n", text)
		}
		fmt.Fprintf(&out, "keys %q, values %q, document %q, state key %q\n\n", b.Fields.Keys, b.Fields.Values, b.Fields.Document, b.StateKey)
	}
	golden.Compare(t, "testdata/fields.txt", out.String())
}

func TestProjectionErrors(t *testing.T) {
	for location, want := range map[string]string{
		"customer":      `projection amount: pointer "customer": must begin with '/'`,
		"/gone":         "projection amount: the schema allows no value at /gone",
		"/id/deeper":    "projection amount: the schema allows no value at /id/deeper",
		"/customer":     "projection amount: amount already is the field of location /amount: choose another name",
		"/amount":       "",
		"/undeclared/x": "projection amount: amount already is",
	} {
		_, err := describe(t, fieldsSchema, []string{"/id"}, map[string]catalog.Projection{"amount": {Location: location}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", location, err, want)
		}
	}
}

func TestStateKey(t *testing.T) {
	seen := map[string]bool{}
	for _, path := range [][]string{{"a"}, {"a", "b"}, {"a/b"}, {"a.v1"}, {"a%2Fb"}} {
		for backfill := range 3 {
			seen[StateKey(path, backfill)] = true
		}
	}
	if len(seen) != 15 {
		t.Errorf("state keys collide: %v", seen)
	}
}
