package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

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

const createOwners = `CREATE TABLE IF NOT EXISTS weir_tables (
	name TEXT NOT NULL PRIMARY KEY,
	task TEXT NOT NULL,
	state_key TEXT NOT NULL
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
	if err != nil {
		return v, err
	}
	if err := checkFile(path); err != nil {
		return v, err
	}
	dialect := sqltable.SQLite()
	tables := map[string]string{}
	for i := range r.Bindings {
		b := &r.Bindings[i]
		res, err := parseResource(b.Resource)
		if err != nil {
			return v, fmt.Errorf("sqlite: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		folded := dialect.Fold(res.Table)
		if other, ok := tables[folded]; ok {
			return v, fmt.Errorf("sqlite: binding %d (%s): table %q is that of %s too: give each binding its own", i, b.Collection.Name, res.Table, other)
		}
		tables[folded] = b.Collection.Name
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{
			ResourcePath: []string{folded},
			Delta:        res.DeltaUpdates,
			Constraints:  sqltable.Constraints(dialect, &b.Collection, res.DeltaUpdates),
		})
	}
	return v, ctx.Err()
}

// Apply makes the bindings' tables, or makes them fit, in one transaction.
func (Sink) Apply(ctx context.Context, r sinks.ApplyRequest) (sinks.Applied, error) {
	tables, path, err := parse(r.Config, r.DataDir, r.Bindings)
	if err != nil {
		return sinks.Applied{}, err
	}
	c, err := connect(ctx, path)
	if err != nil {
		return sinks.Applied{}, err
	}
	defer c.Close()
	var did []string
	err = c.transact(ctx, func() error {
		for _, create := range [...]string{createCheckpoints, createOwners} {
			if err := c.exec(ctx, create); err != nil {
				return err
			}
		}
		for i, t := range tables {
			statements, err := c.apply(ctx, r.Task, r.Bindings[i].StateKey, t)
			if err != nil {
				return err
			}
			did = append(did, statements...)
		}
		return nil
	})
	if err != nil {
		return sinks.Applied{}, err
	}
	return sinks.Applied{Action: strings.Join(did, "; ")}, nil
}

// apply makes one table fit and says which statements that took.
func (c *conn) apply(ctx context.Context, task, stateKey string, t *sqltable.Table) ([]string, error) {
	name := sqltable.SQLite().Fold(t.Name)
	existing, err := c.columns(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	owner, madeFor, err := c.owner(ctx, name)
	if err != nil {
		return nil, err
	}
	var statements []string
	switch {
	case len(existing) == 0 || owner == "":
	case owner != task:
		return nil, fmt.Errorf("table %s belongs to materialization %s: drop the table if that is gone, or let the binding's resource name another table", sqltable.Quote(t.Name), owner)
	case madeFor != stateKey:
		statements = append(statements, "DROP TABLE "+sqltable.Quote(t.Name))
		existing = nil
		if err := c.exec(ctx, "UPDATE weir_checkpoints SET epoch = epoch + 1 WHERE task = ?", task); err != nil {
			return nil, err // a session that still stores into the old table would store into the new one
		}
	}
	plan, err := t.Plan(existing, owner != "")
	if err != nil {
		return nil, err
	}
	statements = append(statements, plan...)
	for _, s := range statements {
		if err := c.exec(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
	}
	err = c.exec(ctx, `INSERT INTO weir_tables (name, task, state_key) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET task = excluded.task, state_key = excluded.state_key`, name, task, stateKey)
	return statements, err
}

// columns gives the columns of a table, none if there is no such table.
func (c *conn) columns(ctx context.Context, table string) (existing []sqltable.Existing, err error) {
	err = c.query(ctx, `SELECT name, type, "notnull", dflt_value IS NOT NULL, pk FROM pragma_table_info(?)`, func(row []driver.Value) error {
		existing = append(existing, sqltable.Existing{
			Name:       row[0].(string),
			Type:       row[1].(string),
			NotNull:    row[2].(int64) != 0,
			HasDefault: row[3].(int64) != 0,
			Key:        int(row[4].(int64)),
		})
		return nil
	}, table)
	return existing, err
}

// owner says which task made a table, and for which state key; both are empty
// for a table that none made.
func (c *conn) owner(ctx context.Context, name string) (task, stateKey string, err error) {
	err = c.query(ctx, "SELECT task, state_key FROM weir_tables WHERE name = ?", func(row []driver.Value) error {
		task, stateKey = row[0].(string), row[1].(string)
		return nil
	}, name)
	return task, stateKey, err
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
	opened, err := s.open(ctx, tables)
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
	tables := make([]*sqltable.Table, len(bindings))
	for i := range bindings {
		b := &bindings[i]
		res, err := parseResource(b.Resource)
		if err != nil {
			return nil, "", fmt.Errorf("sqlite: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		if tables[i], err = sqltable.New(sqltable.SQLite(), res.Table, b); err != nil {
			return nil, "", fmt.Errorf("sqlite: binding %d (%s): %w", i, b.Collection.Name, err)
		}
	}
	return tables, path, nil
}
