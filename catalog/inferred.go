package catalog

import (
	"encoding/json"
	"fmt"
	"time"

	"weir/fault"
)

// InferredVersion is the format version of records of inferred schemas.
const InferredVersion = 1

// InferredBucket holds the inferred schemas: a record under the KV key of a
// collection's name, with the ones before it as the key's history.
const InferredBucket = "weir_inferred"

// Inferred is the record of a collection's inferred schema. Each record's schema
// takes all that the one's before it does.
type Inferred struct {
	V          int             `json:"v"`
	Collection string          `json:"collection"`
	Version    int             `json:"version"` // counts from 1, and grows as the schema gets wider
	Time       time.Time       `json:"time"`
	Schema     json.RawMessage `json:"schema"` // as schema.Observed writes it
}

// DecodeInferred reads a record. One of a newer format is refused.
func DecodeInferred(text []byte) (Inferred, error) {
	var r Inferred
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("record of an inferred schema: %w", err)
	}
	if r.V < 1 || r.V > InferredVersion {
		return r, fault.New(fault.NewerFormat, "", "record of an inferred schema has format version %d, but this weir reads up to %d", r.V, InferredVersion)
	}
	return r, nil
}
