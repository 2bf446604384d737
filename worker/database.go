package worker

import (
	"context"
	"errors"
	"fmt"

	"weir/catalog"
	"weir/collection"
	"weir/derive/sqlite"
	"weir/fault"
	"weir/sinks"
)

// Buckets that hold a task's state beside its checkpoint.
const (
	registersOf = collection.RegistersBucket
	databaseOf  = collection.DatabaseBucket
	recordsOf   = collection.RecordsBucket
)

// describeState begins the description of such a bucket.
func describeState(state string) string {
	switch state {
	case databaseOf:
		return "database of "
	case recordsOf:
		return "records of the source of "
	}
	return "registers of "
}

// stateOf says which of them a derivation has; empty: none.
func stateOf(d *catalog.Derivation) string {
	switch d.State() {
	case catalog.StateDatabase:
		return databaseOf
	case catalog.StateRegisters:
		return registersOf
	}
	return ""
}

// newDatabase makes the empty database of a derivation whose lambdas are SQL.
func newDatabase(e *env, spec *catalog.Collection, reading func(name string) (*collection.Collection, error)) (*sqlite.DB, error) {
	fields := func(name string) ([]sinks.Projection, error) {
		c, err := reading(name)
		if err != nil {
			return nil, err
		}
		return sinks.Projections(c.Spec.Key, c.Spec.Projections, c.Schema.Shape())
	}
	db, err := sqlite.New(spec.Derive, fields, sqlite.Options{Dir: e.spillDir, Timeout: e.limits.CallTimeout, Cache: e.limits.Registers})
	if err != nil {
		return nil, fmt.Errorf("make database: %w", err)
	}
	return db, nil
}

// openDatabase applies migrations and compiles lambdas, once the claim has
// restored the pages. What the migrations changed is committed with the first
// document.
func (d *derivation) openDatabase(ctx context.Context) error {
	if d.database == nil {
		return nil
	}
	if err := d.database.Open(ctx); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if pending, most := d.database.Pending(), d.env.markerBytes(); pending > most {
		return &brokenError{name: d.target.Name, err: fmt.Errorf("the new migrations change %d bytes of the database, but one transaction holds at most %d: publish them one after the other, or raise the server's max_payload", pending, most)}
	}
	return nil
}

// markerBytes is how many bytes of state a transaction may change: what the
// parts of a marker hold.
func (e *env) markerBytes() int {
	const slack = 16 << 10 // of a part: positions, and a page that does not fit any more
	return (markerRoom - 2) * max(e.conn.MaxPayload()-headerRoom-slack, 0)
}

// outgrown is an error when the open transaction has changed more pages than
// its marker holds. seq is the last document's.
func (d *derivation) outgrown(s *source, seq uint64) error {
	if d.database == nil {
		return nil
	}
	pending, most := d.database.Pending(), d.env.markerBytes()
	switch {
	case pending <= most:
		return nil
	case d.inputs > 1:
		d.env.room = max(d.inputs/2, 1)
		return errOverflow
	}
	return &PagesError{Collection: s.collection.Name, Seq: seq, Bytes: pending, Limit: most}
}

// PagesError is a source document that changes more of a derivation's database
// than one transaction holds.
type PagesError struct {
	Collection string // that was read
	Seq        uint64
	Bytes      int
	Limit      int
}

func (e *PagesError) Error() string {
	return fmt.Sprintf("the document at sequence %d of %s changes %d bytes of the database, but one transaction holds at most %d: change fewer rows for one document", e.Seq, e.Collection, e.Bytes, e.Limit)
}

// databaseLasts says whether an error of a database stays until somebody
// changes something.
func databaseLasts(err error) bool {
	var (
		pages *PagesError
		lost  *sqlite.LostError
	)
	return errors.As(err, &pages) || errors.As(err, &lost)
}

// ofDatabase explains an error of a database.
func (w *Why) ofDatabase(err error) {
	var (
		pages *PagesError
		lost  *sqlite.LostError
		file  *sqlite.FileError
	)
	switch {
	case errors.As(err, &pages):
		w.Code, w.Collection, w.Seq = fault.TooMuchState, pages.Collection, pages.Seq
	case errors.As(err, &lost):
		w.Code = fault.StateLost
	case errors.As(err, &file):
		w.Code = fault.Disk
	}
}
