package catalog

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"weir/fault"
)

// RecordVersion is the format version of records that this package reads and
// writes.
const RecordVersion = 1

// KindCollection is the kind of records of collections, derived or not.
const KindCollection Kind = "collection"

// PublicationKey is the key of the newest publication in the bucket of the
// catalog. It is written last in the batch of a publication, so that whoever
// sees it has seen every record of it.
const PublicationKey = "publication"

// Record is a published spec: what the control plane writes and workers run.
// Exactly one of the specs is set.
type Record struct {
	V               int              `json:"v"`
	Publication     string           `json:"publication"`     // that wrote it last
	Catalog         string           `json:"catalog"`         // that it came from: its path, or its name
	Block           uint64           `json:"block,omitempty"` // how often the collection's stream was made again
	Collection      *Collection      `json:"collection,omitempty"`
	Capture         *Capture         `json:"capture,omitempty"`
	Materialization *Materialization `json:"materialization,omitempty"`
}

// Publication is the record of one publication.
type Publication struct {
	V       int       `json:"v"`
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Catalog string    `json:"catalog"`
	Changed []string  `json:"changed,omitempty"` // names of specs that it wrote
	Removed []string  `json:"removed,omitempty"` // names of specs that it removed

	Previous string `json:"previous,omitempty"` // the publication before it, of any catalog
	By       string `json:"by,omitempty"`       // who published
	Message  string `json:"message,omitempty"`  // why, for people
	Reverts  string `json:"reverts,omitempty"`  // the publication that it brought back
}

// NewPublicationID draws an identifier that sorts by time.
func NewPublicationID(now time.Time) string {
	var tail [4]byte
	_, _ = rand.Read(tail[:]) // never fails
	return now.UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(tail[:])
}

// DecodeRecord reads a record. One of a newer format is refused.
func DecodeRecord(text []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("catalog record: %w", err)
	}
	if r.V < 1 || r.V > RecordVersion {
		return r, fault.New(fault.NewerFormat, "", "catalog record has format version %d, but this weir reads up to %d", r.V, RecordVersion)
	}
	return r, nil
}

// Kind gives the kind of the record's spec: the first token of the record's
// key.
func (r Record) Kind() Kind {
	switch {
	case r.Collection != nil:
		return KindCollection
	case r.Capture != nil:
		return KindCapture
	default:
		return KindMaterialization
	}
}

// Name gives the catalog name of the record's spec.
func (r Record) Name() string {
	switch {
	case r.Collection != nil:
		return r.Collection.Name
	case r.Capture != nil:
		return r.Capture.Name
	case r.Materialization != nil:
		return r.Materialization.Name
	}
	return ""
}

// Hash gives the hash of the record's spec.
func (r Record) Hash() string {
	switch {
	case r.Collection != nil:
		return r.Collection.Hash()
	case r.Capture != nil:
		return r.Capture.Hash()
	case r.Materialization != nil:
		return r.Materialization.Hash()
	}
	return ""
}
