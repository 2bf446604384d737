package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/derive/sqlite"
	"weir/fault"
	"weir/journal"
	"weir/sinks"
)

// openTimeout bounds the migrations of an empty database.
const openTimeout = 30 * time.Second

// buildSQL applies a derivation's migrations to an empty database and compiles
// its lambdas there. It gives every fault.
func buildSQL(c *catalog.Catalog, spec *catalog.Collection) catalog.Errors {
	if spec.Derive.Using.SQLite == nil {
		return nil
	}
	fields := func(name string) ([]sinks.Projection, error) {
		source, err := collection.New(c.Collections[name])
		if err != nil {
			return nil, err
		}
		source = source.ForReading()
		return sinks.Projections(source.Spec.Key, source.Spec.Projections, source.Schema.Shape())
	}
	db, err := sqlite.New(spec.Derive, fields, sqlite.Options{})
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
		defer cancel()
		err = errors.Join(db.Open(ctx), db.Close())
	}
	return sqlFaults(spec, err)
}

// sqlFaults places each of the errors that err joins.
func sqlFaults(spec *catalog.Collection, err error) catalog.Errors {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the joined errors are wanted one by one
		var all catalog.Errors
		for _, e := range joined.Unwrap() {
			all = append(all, sqlFaults(spec, e)...)
		}
		return all
	}
	f := faultAt(fault.SQL, spec.Origin, "collections", spec.Name, err)
	f.Code = fault.SQL
	if f.File != spec.Origin.File || f.Path == "" {
		f.Hint = "SQL of " + spec.Name
	}
	return catalog.Errors{f}
}

// checkMigrations refuses a catalog that changes migrations that were
// published: they may have been applied. Of a derivation that failed nobody
// but its task knows how far it came, so the task decides.
func checkMigrations(ctx context.Context, conn *journal.Conn, was, want map[string]catalog.Record) error {
	var faults catalog.Errors
	for key, r := range want {
		before, now := migrations(was[key].Collection), migrations(r.Collection)
		if now == nil {
			continue // it has no database any more
		}
		err := sqlite.Compare(before, now)
		if err == nil {
			continue
		}
		failed, e := hasFailed(ctx, conn, r.Name())
		if e != nil {
			return e
		}
		if !failed {
			for _, f := range sqlFaults(r.Collection, err) {
				f.Code = fault.CannotChange
				faults = append(faults, f)
			}
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// migrations gives a derivation's migrations, never nil when it has a database.
func migrations(c *catalog.Collection) []catalog.SQL {
	if c == nil || c.Derive == nil || c.Derive.Using.SQLite == nil {
		return nil
	}
	return append([]catalog.SQL{}, c.Derive.Using.SQLite.Migrations...)
}

// hasFailed says whether a derivation's task stands still, by its record in
// the bucket of status records.
func hasFailed(ctx context.Context, conn *journal.Conn, name string) (bool, error) {
	bucket, err := conn.Bucket(ctx, "weir_status")
	if errors.Is(err, journal.ErrNoStream) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("bucket of status records: %w", err)
	}
	entry, err := bucket.Get(ctx, "derivation."+collection.KVKey(name)+".0-1")
	if errors.Is(err, journal.ErrNoKey) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read status of %s: %w", name, err)
	}
	var status struct {
		State string `json:"state"`
	}
	return json.Unmarshal(entry.Value, &status) == nil && status.State == "failed", nil
}
