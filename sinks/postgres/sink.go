package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"weir/sinks"
	"weir/sinks/sqltable"
)

// The tables that Weir keeps beside the user's, in the endpoint's schema.
const (
	checkpointTable = "weir_checkpoints"
	ownerTable      = "weir_tables"
)

// formatVersion of the rows of both.
const formatVersion = 1

// Sink materializes into PostgreSQL databases.
type Sink struct{}

// New returns the sink.
func New() Sink { return Sink{} }

var _ sinks.Sink = Sink{}

// Spec describes the endpoint's configuration and its resources.
func (Sink) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema), ExactlyOnce: true}
}

// Validate checks configuration and resources, connects to see whether the
// server takes the user, and says which fields the tables take.
func (Sink) Validate(ctx context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	var v sinks.Validated
	e, err := parseConfig(r.Config)
	if err != nil {
		return v, err
	}
	if v, err = sqltable.Validate(sqltable.Postgres(), r.Bindings, e.parseResource); err != nil {
		return v, fmt.Errorf("postgres: %w", err)
	}
	c, err := connect(ctx, e, r.Task)
	if err != nil {
		return v, err
	}
	c.close()
	return v, nil
}

// Open raises the shard's epoch and reads its checkpoint.
func (Sink) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	e, tables, err := parse(r.Config, r.Bindings)
	if err != nil {
		return nil, sinks.Opened{}, err
	}
	c, err := connect(ctx, e, r.Task)
	if err != nil {
		return nil, sinks.Opened{}, err
	}
	s := newSession(c, e, r)
	opened, err := s.open(ctx, tables, r.Bindings)
	if err != nil {
		s.Close()
		return nil, sinks.Opened{}, err
	}
	return s, opened, nil
}

// parse makes the tables of bindings.
func parse(config json.RawMessage, bindings []sinks.Binding) (*endpoint, []*sqltable.Table, error) {
	e, err := parseConfig(config)
	if err != nil {
		return nil, nil, err
	}
	tables, err := sqltable.Tables(sqltable.Postgres(), bindings, e.parseResource)
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	return e, tables, nil
}
