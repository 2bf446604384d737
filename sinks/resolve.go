package sinks

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/schema"
)

// Resolve describes the bindings of a materialization to its sink, lets it
// validate them, and completes them with what follows: fields, mode and the
// name of their state. It changes nothing at the endpoint. bindings are those
// that are not disabled.
func Resolve(ctx context.Context, sink Sink, r ValidateRequest, bindings []catalog.MaterializationBinding, published func(name string) (*collection.Collection, error)) ([]Binding, error) {
	r.Bindings = make([]Binding, len(bindings))
	inferred := make([]bool, len(bindings)) // the collection's fields are found in its documents
	for i, b := range bindings {
		c, err := published(b.Source.Name)
		if err != nil {
			return nil, err
		}
		r.Bindings[i].Resource, inferred[i] = b.Resource, c.Infers()
		if r.Bindings[i].Collection, err = Describe(describable(c), c.Schema.Shape()); err != nil {
			return nil, fmt.Errorf("binding of %s: %w", b.Source.Name, err)
		}
	}
	validated, err := sink.Validate(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(validated.Bindings) != len(bindings) {
		return nil, fmt.Errorf("the sink answered for %d bindings of %d", len(validated.Bindings), len(bindings))
	}
	for i, b := range bindings {
		if inferred[i] {
			b.Fields = knownFields(&r.Bindings[i].Collection, b.Fields)
		}
		if _, err := Complete(&r.Bindings[i], validated.Bindings[i], b.Fields, b.Backfill); err != nil {
			return nil, fmt.Errorf("binding of %s: %w", b.Source.Name, err)
		}
	}
	return r.Bindings, nil
}

// describable is the spec of a collection without projections of locations that no
// document had so far: what is there, and of which type, is known as soon as one has.
func describable(c *collection.Collection) *catalog.Collection {
	if !c.Infers() {
		return c.Spec
	}
	shape, spec := c.Schema.Shape(), *c.Spec
	spec.Projections = maps.Clone(spec.Projections)
	maps.DeleteFunc(spec.Projections, func(_ string, p catalog.Projection) bool {
		pointer, err := document.ParsePointer(p.Location)
		if err != nil || p.Location == PublishedPointer {
			return false // Describe says why
		}
		_, exists := shape.Locate(pointer)
		return exists < schema.May
	})
	return &spec
}

// knownFields leaves out of the user's selection what no document had so far: it
// counts as soon as one has it.
func knownFields(c *Collection, fields *catalog.Fields) *catalog.Fields {
	if fields == nil {
		return nil
	}
	unknown := func(name string) bool { _, ok := c.Projection(name); return !ok }
	out := *fields
	out.Exclude = slices.DeleteFunc(slices.Clone(fields.Exclude), unknown)
	out.Require = maps.Clone(fields.Require)
	maps.DeleteFunc(out.Require, func(name string, _ json.RawMessage) bool { return unknown(name) })
	return &out
}
