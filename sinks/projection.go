package sinks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// The fields that every collection has beside those of its schema.
const (
	DocumentField  = "flow_document"     // the whole document
	PublishedField = "flow_published_at" // when the document was published
)

// PublishedPointer is the location of a document's publication time. No
// document holds anything there: sinks fill it from Row.Published. A user's
// projection of this location renames flow_published_at.
const PublishedPointer = "/_meta/uuid/date-time"

// TimeLayout is how publication times are written: RFC 3339 in UTC with nine
// fractional digits.
const TimeLayout = "2006-01-02T15:04:05.000000000Z"

// Projection is a location of a collection's documents under a flat name.
type Projection struct {
	Ptr        string    `json:"ptr"` // JSON pointer; "" is the whole document
	Field      string    `json:"field"`
	Explicit   bool      `json:"explicit,omitempty"`       // given by the user
	Partition  bool      `json:"isPartitionKey,omitempty"` // a logical partition field
	PrimaryKey bool      `json:"isPrimaryKey,omitempty"`   // the location is a component of the key
	Inference  Inference `json:"inference"`
}

// Inference is what a schema says about a location.
type Inference struct {
	Types           []string        `json:"types"`  // of: array boolean integer null number object string, sorted
	Exists          string          `json:"exists"` // Must, May, Implicit or Cannot
	Title           string          `json:"title,omitempty"`
	Description     string          `json:"description,omitempty"`
	Default         json.RawMessage `json:"default,omitempty"`
	Format          string          `json:"format,omitempty"`          // of strings
	ContentEncoding string          `json:"contentEncoding,omitempty"` // of strings
	Minimum         string          `json:"minimum,omitempty"`         // of numbers, in decimal; empty: unbounded
	Maximum         string          `json:"maximum,omitempty"`
	Childless       bool            `json:"childless,omitempty"` // an object without known properties
}

// How sure it is that a location exists.
const (
	Must     = "MUST"     // in every valid document
	May      = "MAY"      // declared, but not required
	Implicit = "IMPLICIT" // only not excluded
	Cannot   = "CANNOT"   // in no valid document
)

// ConstraintType is what a sink says about a field.
type ConstraintType string

const (
	FieldRequired    ConstraintType = "FIELD_REQUIRED"    // this field must be materialized
	LocationRequired ConstraintType = "LOCATION_REQUIRED" // some field of this location must be
	FieldOptional    ConstraintType = "FIELD_OPTIONAL"    // may be
	FieldForbidden   ConstraintType = "FIELD_FORBIDDEN"   // can never be
	Incompatible     ConstraintType = "INCOMPATIBLE"      // differs from what exists; a raised backfill counter clears it
)

// Constraint is a sink's word on one field. Of fields with the same Folded
// name at most one is selected.
type Constraint struct {
	Type   ConstraintType `json:"type"`
	Reason string         `json:"reason"`
	Folded string         `json:"foldedField,omitempty"` // the field's name at the endpoint; empty: its own
}

// Describe gives what a sink needs to know of a collection whose documents
// have the given shape.
func Describe(spec *catalog.Collection, shape *schema.Shape) (Collection, error) {
	c := Collection{Name: spec.Name, Key: spec.Key, Schema: spec.Schema.Bundle()}
	if spec.ReadSchema != nil {
		c.Schema = spec.ReadSchema.Bundle()
	}
	var err error
	if c.Projections, err = Projections(spec.Key, spec.Projections, shape); err != nil {
		return c, fmt.Errorf("collection %s: %w", spec.Name, err)
	}
	return c, nil
}

// Projections gives the fields of documents of a shape, sorted by field. Of
// these, the first to claim a field's name has it: projections by the user,
// the whole document, the time of publication, the components of the key, and
// every property that the schema names, at any depth. Elements of arrays and
// properties that match a pattern have no field unless the user gives them
// one. A user's projection may not take the name of another location.
func Projections(key []string, user map[string]catalog.Projection, shape *schema.Shape) ([]Projection, error) {
	s := projector{key: key, shape: shape, byField: map[string]Projection{}}
	for _, field := range slices.Sorted(maps.Keys(user)) {
		if err := s.user(field, user[field]); err != nil {
			return nil, err
		}
	}
	if !s.projected("") {
		s.add(Projection{Field: DocumentField, Inference: inference(shape, schema.Must)})
	}
	if !s.projected(PublishedPointer) {
		s.add(Projection{Field: PublishedField, Ptr: PublishedPointer, Inference: publishedInference()})
	}
	for _, ptr := range key {
		if err := s.location(ptr); err != nil {
			return nil, err
		}
	}
	if err := s.properties("", shape); err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(s.byField), func(a, b Projection) int { return strings.Compare(a.Field, b.Field) }), nil
}

// projector collects projections.
type projector struct {
	key     []string
	shape   *schema.Shape
	byField map[string]Projection
}

// user adds a projection that the user gave.
func (s *projector) user(field string, given catalog.Projection) error {
	ptr := given.Location
	p := Projection{Field: field, Ptr: ptr, Explicit: true, Partition: given.Partition, Inference: publishedInference()}
	if ptr != PublishedPointer {
		sub, exists, err := s.locate(ptr)
		if err != nil {
			return fmt.Errorf("projection %s: %w", field, err)
		}
		if exists == schema.Cannot {
			return fmt.Errorf("projection %s: the schema allows no value at %s: correct the location, or the schema", field, ptr)
		}
		p.Inference = inference(sub, exists)
	}
	s.add(p)
	return nil
}

// location adds the field that a location has by itself.
func (s *projector) location(ptr string) error {
	field := strings.TrimPrefix(ptr, "/")
	if other, ok := s.byField[field]; ok {
		if other.Ptr != ptr && other.Explicit {
			return fmt.Errorf("projection %s: %s already is the field of location %s: choose another name", field, field, ptr)
		}
		return nil
	}
	sub, exists, err := s.locate(ptr)
	if err != nil {
		return err
	}
	s.add(Projection{Field: field, Ptr: ptr, Inference: inference(sub, exists)})
	return nil
}

// properties adds the locations that a shape names.
func (s *projector) properties(ptr string, shape *schema.Shape) error {
	for _, name := range slices.Sorted(maps.Keys(shape.Properties)) {
		sub := shape.Properties[name]
		at := ptr + document.Pointer{name}.String()
		if sub.Types == 0 {
			continue // a property that must not exist
		}
		if name != "" {
			if err := s.location(at); err != nil {
				return err
			}
		}
		if err := s.properties(at, sub); err != nil {
			return err
		}
	}
	return nil
}

func (s *projector) locate(ptr string) (*schema.Shape, schema.Exists, error) {
	p, err := document.ParsePointer(ptr)
	if err != nil {
		return nil, 0, err
	}
	sub, exists := s.shape.Locate(p)
	return sub, exists, nil
}

func (s *projector) add(p Projection) {
	p.PrimaryKey = slices.Contains(s.key, p.Ptr)
	s.byField[p.Field] = p
}

// projected reports whether the user gave a location a field.
func (s *projector) projected(ptr string) bool {
	for _, p := range s.byField {
		if p.Explicit && p.Ptr == ptr {
			return true
		}
	}
	return false
}

func inference(s *schema.Shape, exists schema.Exists) Inference {
	return Inference{
		Types:           s.Types.Names(),
		Exists:          strings.ToUpper(exists.String()),
		Title:           s.Title,
		Description:     s.Description,
		Default:         s.Default,
		Format:          s.Format,
		ContentEncoding: s.ContentEncoding,
		Minimum:         s.Minimum,
		Maximum:         s.Maximum,
		Childless:       s.Types&schema.TypeObject != 0 && len(s.Properties) == 0,
	}
}

func publishedInference() Inference {
	return Inference{Types: []string{"string"}, Exists: Must, Format: "date-time", Title: "Published at", Description: "When the document was published."}
}
