package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/journal"
	"weir/schema"
	"weir/sinks"
)

// Collections lists the published collections.
func (s *Service) Collections(ctx context.Context, _ nothing) (CollectionsAnswer, error) {
	all, err := s.ListCollections(ctx)
	return CollectionsAnswer{Collections: all}, err
}

// ListCollections are those of Collections.
func (s *Service) ListCollections(ctx context.Context) ([]Collection, error) {
	records, err := controlplane.Records(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	listed, err := controlplane.List(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	out := []Collection{}
	for _, l := range listed {
		if i := indexOf(records, l); i >= 0 {
			out = append(out, collectionOf(records[i].Collection, l))
		}
	}
	return out, nil
}

// indexOf finds the record of a collection, -1 for anything else.
func indexOf(records []catalog.Record, l controlplane.Listed) int {
	return slices.IndexFunc(records, func(r catalog.Record) bool {
		return l.Kind == catalog.KindCollection && r.Collection != nil && r.Collection.Name == l.Name
	})
}

func collectionOf(spec *catalog.Collection, l controlplane.Listed) Collection {
	c := Collection{Name: spec.Name, Key: spec.Key, Derived: spec.Derive != nil, Partitions: spec.Partitions, OnInvalid: spec.OnInvalid, WrittenBy: refs(l.WrittenBy), ReadBy: refs(l.ReadBy)}
	if spec.Derive == nil {
		c.WrittenBy = append(c.WrittenBy, KindInbox+"/"+spec.Name)
	}
	if l.Stream != nil {
		c.Documents, c.Bytes, c.First, c.Last = l.Stream.Documents, l.Stream.Bytes, l.Stream.First, l.Stream.Last
	}
	return c
}

// refs spells tasks as kind/name.
func refs(tasks []controlplane.Task) []string {
	out := make([]string, 0, len(tasks))
	for _, t := range tasks {
		out = append(out, string(t.Kind)+"/"+t.Name)
	}
	return out
}

// Collection gives a collection with its schema and its fields.
func (s *Service) Collection(ctx context.Context, r CollectionRequest) (CollectionDetails, error) {
	var d CollectionDetails
	all, err := controlplane.Describe(ctx, s.conn, r.Collection)
	i := slices.IndexFunc(all, func(of controlplane.Described) bool { return of.Kind == catalog.KindCollection })
	if err == nil && i < 0 {
		_, err = s.published(ctx, r.Collection) // it names those that there are
	}
	if err != nil {
		return d, err
	}
	record, spec := all[i].Record, all[i].Record.Collection
	d.Collection, d.Publication, d.Catalog = collectionOf(spec, all[i].Listed), record.Publication, record.Catalog
	d.PartitionFields = spec.PartitionFields()
	d.Schema = schemaText(spec.Schema)
	if spec.ReadSchema != nil {
		d.ReadSchema = schemaText(*spec.ReadSchema)
	}
	if d.Spec, d.Place, err = s.specOf(record); err != nil {
		return d, err
	}
	if d.Fields, err = fieldsOf(spec); err != nil {
		return d, err
	}
	newest, err := s.conn.Last(ctx, collection.StreamName(spec.Name), collection.DocFilter(spec.Name))
	if err == nil {
		d.Newest = newest.Time.UTC()
	} else if !errors.Is(err, journal.ErrNoMessage) && !errors.Is(err, journal.ErrNoStream) {
		return d, err
	}
	return d, nil
}

// schemaText is the schema that a source names; with its resources where it is
// a part of one, or refers to others.
func schemaText(of schema.Source) json.RawMessage {
	url, fragment, _ := strings.Cut(of.URL, "#")
	text, ok := of.Resources[url]
	if ok && fragment == "" && len(of.Resources) == 1 {
		return text
	}
	all, err := json.Marshal(map[string]any{"$ref": of.URL, "$defs": of.Resources})
	if err != nil {
		return nil
	}
	return all
}

// fieldsOf are the locations that a destination can have as columns.
func fieldsOf(spec *catalog.Collection) ([]Field, error) {
	compiled, err := collection.New(spec)
	if err != nil {
		return nil, err
	}
	projections, err := sinks.Projections(spec.Key, spec.Projections, compiled.ForReading().Schema.Shape())
	if err != nil {
		return nil, fmt.Errorf("fields of %s: %w", spec.Name, err)
	}
	out := make([]Field, 0, len(projections))
	for _, p := range projections {
		out = append(out, Field{Name: p.Field, Pointer: p.Ptr, Types: p.Inference.Types, Exists: strings.ToLower(p.Inference.Exists), Key: p.PrimaryKey, Partition: p.Partition})
	}
	return out, nil
}

// specOf is a record's spec for people: as a catalog's file, with the names of
// modules' files instead of what they were bundled into, and without secrets.
func (s *Service) specOf(r catalog.Record) (spec, place string, err error) {
	r = s.connectors.Masked(r)
	var origin catalog.Origin
	switch {
	case r.Collection != nil:
		c := *r.Collection
		c.Derive = withoutBundles(c.Derive)
		r.Collection, origin = &c, c.Origin
	case r.Capture != nil:
		origin = r.Capture.Origin
	default:
		origin = r.Materialization.Origin
	}
	text, err := catalog.Text(r)
	return string(text), fmt.Sprintf("%s:%d", origin.File, origin.Line), err
}

// withoutBundles names modules by their files, as their author did.
func withoutBundles(d *catalog.Derivation) *catalog.Derivation {
	if d == nil {
		return nil
	}
	c := *d
	for _, m := range []**catalog.Module{&c.Using.JavaScript, &c.Using.TypeScript} {
		if *m != nil && (*m).Inline == "" {
			plain := **m
			plain.Bundle, plain.Inline = "", plain.File
			*m = &plain
		}
	}
	return &c
}
