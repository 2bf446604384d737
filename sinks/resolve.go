package sinks

import (
	"context"
	"fmt"

	"weir/catalog"
	"weir/collection"
)

// Resolve describes the bindings of a materialization to its sink, lets it
// validate them, and completes them with what follows: fields, mode and the
// name of their state. It changes nothing at the endpoint. bindings are those
// that are not disabled.
func Resolve(ctx context.Context, sink Sink, r ValidateRequest, bindings []catalog.MaterializationBinding, published func(name string) (*collection.Collection, error)) ([]Binding, error) {
	r.Bindings = make([]Binding, len(bindings))
	for i, b := range bindings {
		c, err := published(b.Source.Name)
		if err != nil {
			return nil, err
		}
		r.Bindings[i].Resource = b.Resource
		if r.Bindings[i].Collection, err = Describe(c.Spec, c.Schema.Shape()); err != nil {
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
		if _, err := Complete(&r.Bindings[i], validated.Bindings[i], b.Fields, b.Backfill); err != nil {
			return nil, fmt.Errorf("binding of %s: %w", b.Source.Name, err)
		}
	}
	return r.Bindings, nil
}
