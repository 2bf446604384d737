package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"weir/connector"
	"weir/sinks"
	"weir/sinks/sqltable"
)

// The tables that Weir keeps beside the user's.
const (
	checkpointTable = "weir_checkpoints"
	ownerTable      = "weir_tables"
)

const createCheckpoints = `CREATE TABLE IF NOT EXISTS weir_checkpoints (
	task TEXT NOT NULL,
	shard TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	checkpoint BLOB,
	PRIMARY KEY (task, shard)
)`

// createOwners makes the record of which task made which table. state_key is
// what the task asked for, rebuilt how often the table was made anew, and made
// what its columns are for.
const createOwners = `CREATE TABLE IF NOT EXISTS weir_tables (
	name TEXT NOT NULL PRIMARY KEY,
	task TEXT NOT NULL,
	state_key TEXT NOT NULL,
	rebuilt INTEGER NOT NULL DEFAULT 0,
	made TEXT
)`

// Sink materializes into SQLite databases.
type Sink struct{}

// New returns the sink.
func New() Sink { return Sink{} }

var _ sinks.Sink = Sink{}

// Spec describes the endpoint's configuration and its resources.
func (Sink) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema), ExactlyOnce: true}
}

// Validate checks configuration and resources, looks whether the file can be
// a database, and says which fields the tables take. It opens nothing.
func (Sink) Validate(ctx context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	var v sinks.Validated
	path, err := parseConfig(r.Config, r.DataDir)
	elsewhere := errors.Is(err, connector.ErrNoDirectory)
	if err == nil {
		err = checkFile(path)
	}
	if err != nil && !elsewhere {
		return v, err
	}
	var wrong error
	if v, wrong = sqltable.Validate(sqltable.SQLite(), r.Bindings, parseResource); wrong != nil {
		return v, fmt.Errorf("sqlite: %w", wrong)
	}
	return v, cmp.Or(err, ctx.Err())
}

// Open raises the shard's epoch, reads its checkpoint and prepares the
// statements of its tables.
func (Sink) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	tables, path, err := parse(r.Config, r.DataDir, r.Bindings)
	if err != nil {
		return nil, sinks.Opened{}, err
	}
	c, err := connect(ctx, path)
	if err != nil {
		return nil, sinks.Opened{}, err
	}
	s := &session{conn: c, task: r.Task, shard: r.Shard, stageLimit: stageLimit}
	opened, err := s.open(ctx, tables, r.Bindings)
	if err != nil {
		s.Close()
		return nil, sinks.Opened{}, err
	}
	return s, opened, nil
}

// parse makes the tables of bindings.
func parse(config json.RawMessage, dataDir string, bindings []sinks.Binding) ([]*sqltable.Table, string, error) {
	path, err := parseConfig(config, dataDir)
	if err != nil {
		return nil, "", err
	}
	tables, err := sqltable.Tables(sqltable.SQLite(), bindings, parseResource)
	if err != nil {
		return nil, "", fmt.Errorf("sqlite: %w", err)
	}
	return tables, path, nil
}
