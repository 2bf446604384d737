package sinks

import "encoding/json"

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
