package sqltable

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weir/connector"
	"weir/sinks"
)

// Resource is the table that a binding's resource names.
type Resource struct {
	Schema string // that holds it, where the database has schemas
	Table  string
	Delta  bool
}

// path names the table within the endpoint.
func (r *Resource) path(d *Dialect) []string {
	if r.Schema == "" {
		return []string{d.Fold(r.Table)}
	}
	return []string{d.Fold(r.Schema), d.Fold(r.Table)}
}

// Validate answers for the bindings of a sink's validation, whose resources
// parse reads. Each binding has a table of its own.
func Validate(d *Dialect, bindings []sinks.Binding, parse func(json.RawMessage) (Resource, error)) (v sinks.Validated, err error) {
	tables := connector.Resources{}
	for i := range bindings {
		b := &bindings[i]
		r, err := parse(b.Resource)
		if err == nil {
			err = CheckFieldConfigs(b)
		}
		if err != nil {
			return v, bindingError(i, b, err)
		}
		path := r.path(d)
		if err := tables.Claim(strings.Join(path, "\x00"), fmt.Sprintf("table %q", r.Table), b.Collection.Name); err != nil {
			return v, bindingError(i, b, err)
		}
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{
			ResourcePath: path, Delta: r.Delta, Constraints: Constraints(d, &b.Collection, b.GroupBy, r.Delta),
		})
	}
	return v, nil
}

// Tables makes the tables of bindings whose fields are selected.
func Tables(d *Dialect, bindings []sinks.Binding, parse func(json.RawMessage) (Resource, error)) ([]*Table, error) {
	tables := make([]*Table, len(bindings))
	for i := range bindings {
		b := &bindings[i]
		r, err := parse(b.Resource)
		if err == nil {
			tables[i], err = New(d, r.Table, b)
		}
		if err != nil {
			return nil, bindingError(i, b, err)
		}
		tables[i].Schema = r.Schema
	}
	return tables, nil
}

func bindingError(i int, b *sinks.Binding, err error) error {
	return fmt.Errorf("binding %d (%s): %w", i, b.Collection.Name, err)
}

// Check says why a resource's table cannot be one.
func (r *Resource) Check(d *Dialect) error {
	if r.Table == "" {
		return errors.New("resource: table is missing: name the table, as in { table: totals }")
	}
	for _, n := range [...]struct{ what, name string }{{"schema", r.Schema}, {"table", r.Table}} {
		if n.name == "" {
			continue
		}
		if err := d.CheckName(n.name); err != nil {
			return fmt.Errorf("resource: %s %q: the name %w", n.what, n.name, err)
		}
	}
	return nil
}
