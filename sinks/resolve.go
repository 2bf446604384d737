package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"weir/catalog"
	"weir/collection"
	"weir/connector"
	"weir/document"
	"weir/schema"
)

// BindingError is a fault of one binding: its fields cannot be selected as
// the catalog says.
type BindingError struct {
	Binding int // its index among those that were asked for
	Source  string
	Err     error
}

func (e *BindingError) Error() string { return "binding of " + e.Source + ": " + e.Err.Error() }
func (e *BindingError) Unwrap() error { return e.Err }

// Resolve describes the bindings of a materialization to its sink, lets it
// validate them, and completes them with what follows: fields, mode and the
// name of their state. It changes nothing at the endpoint. bindings are those
// that are not disabled. The error joins a *BindingError for each fault of a
// binding, and connector.ErrNoDirectory if the endpoint itself was not asked.
func Resolve(ctx context.Context, sink Sink, r ValidateRequest, bindings []catalog.MaterializationBinding, published func(name string) (*collection.Collection, error)) ([]Binding, error) {
	r.Bindings = make([]Binding, len(bindings))
	inferred := make([]bool, len(bindings)) // the collection's fields are found in its documents
	var faults []error
	for i, b := range bindings {
		c, err := published(b.Source.Name)
		if err != nil {
			return nil, err
		}
		to := &r.Bindings[i]
		inferred[i] = c.Infers()
		to.Resource, to.Rebuild = b.Resource, b.OnIncompatible == "" || b.OnIncompatible == catalog.OnIncompatibleBackfill
		if b.Fields != nil {
			to.GroupBy, to.FieldConfig = b.Fields.GroupBy, b.Fields.Require
		}
		if to.Collection, err = Describe(describable(c), c.Schema.Shape()); err != nil {
			faults = append(faults, &BindingError{Binding: i, Source: b.Source.Name, Err: err})
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	validated, err := sink.Validate(ctx, r)
	elsewhere := errors.Is(err, connector.ErrNoDirectory)
	if err != nil && !elsewhere {
		return nil, err
	}
	if len(validated.Bindings) != len(bindings) {
		return nil, fmt.Errorf("the sink answered for %d bindings of %d", len(validated.Bindings), len(bindings))
	}
	for i, b := range bindings {
		if inferred[i] {
			b.Fields = knownFields(&r.Bindings[i].Collection, b.Fields)
		}
		_, err := Complete(&r.Bindings[i], validated.Bindings[i], b.Fields, b.Backfill)
		for _, fault := range joined(err) {
			faults = append(faults, &BindingError{Binding: i, Source: b.Source.Name, Err: fault})
		}
	}
	if elsewhere {
		faults = append(faults, err)
	}
	return r.Bindings, errors.Join(faults...)
}

// joined takes apart what errors.Join put together.
func joined(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// GroupKey gives the pointers of the fields that a binding groups by, nil if
// the collection's key is the resource's.
func (b *Binding) GroupKey() ([]string, error) {
	if len(b.GroupBy) == 0 {
		return nil, nil
	}
	pointers := make([]string, len(b.GroupBy))
	for i, field := range b.GroupBy {
		p, ok := b.Collection.Projection(field)
		if !ok {
			return nil, fmt.Errorf("fields.groupBy: collection %s has no field %q", b.Collection.Name, field)
		}
		pointers[i] = p.Ptr
	}
	return pointers, nil
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
