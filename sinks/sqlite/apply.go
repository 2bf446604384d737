package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"weir/sinks"
	"weir/sinks/sqltable"
)

// Apply makes the bindings' tables, or makes them fit, in one transaction:
// a table that is made anew is dropped, made and given its next state key in
// that one step.
func (Sink) Apply(ctx context.Context, r sinks.ApplyRequest) (sinks.Applied, error) {
	tables, path, err := parse(r.Config, r.DataDir, r.Bindings)
	if err != nil {
		return sinks.Applied{}, err
	}
	if r.DryRun {
		return dryRun(ctx, path, r, tables)
	}
	c, err := connect(ctx, path)
	if err != nil {
		return sinks.Applied{}, err
	}
	defer c.Close()
	var applied sinks.Applied
	var did []string
	err = c.transact(ctx, func() error {
		if err := c.prepareTables(ctx); err != nil {
			return err
		}
		plans, err := c.planAll(ctx, r, tables)
		if err != nil {
			return err
		}
		for i := range plans {
			p := &plans[i]
			if err := c.carryOut(ctx, r.Task, tables[i], p); err != nil {
				return err
			}
			did = append(did, p.Statements...)
			applied.StateKeys = append(applied.StateKeys, p.Key())
		}
		return nil
	})
	if err != nil {
		return sinks.Applied{}, err
	}
	applied.Action = strings.Join(did, "; ")
	return applied, nil
}

// dryRun plans over what the file holds, if it can be read at all.
func dryRun(ctx context.Context, path string, r sinks.ApplyRequest, tables []*sqltable.Table) (sinks.Applied, error) {
	var did []string
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		for _, t := range tables { // nothing is there that could be in the way
			did = append(did, t.Make()...)
		}
		return sinks.Applied{Action: strings.Join(did, "; ")}, nil
	}
	if err != nil {
		return sinks.Applied{}, fmt.Errorf("sqlite: database: %w", err)
	}
	c, err := open(ctx, path, "?mode=ro", "busy_timeout = "+busyTimeout)
	if err != nil {
		return sinks.Applied{}, err
	}
	defer c.Close()
	plans, err := c.planAll(ctx, r, tables)
	for _, p := range plans {
		did = append(did, p.Statements...)
	}
	return sinks.Applied{Action: strings.Join(did, "; ")}, err
}

// prepareTables makes Weir's own tables, and adds the columns that those of
// former versions lack.
func (c *conn) prepareTables(ctx context.Context) error {
	for _, create := range [...]string{createCheckpoints, createOwners} {
		if err := c.exec(ctx, create); err != nil {
			return err
		}
	}
	existing, err := c.columns(ctx, ownerTable)
	if err != nil || slices.ContainsFunc(existing, isRebuilt) {
		return err
	}
	for _, add := range [...]string{"rebuilt INTEGER NOT NULL DEFAULT 0", "made TEXT"} {
		if err := c.exec(ctx, "ALTER TABLE weir_tables ADD COLUMN "+add); err != nil {
			return err
		}
	}
	return nil
}

// planAll plans every table over what the file holds.
func (c *conn) planAll(ctx context.Context, r sinks.ApplyRequest, tables []*sqltable.Table) ([]sqltable.TablePlan, error) {
	return sqltable.PlanAll(r.Task, r.Bindings, tables, func(t *sqltable.Table) (was sqltable.Owner, existing []sqltable.Existing, err error) {
		if was, err = c.owner(ctx, sqltable.SQLite().Fold(t.Name)); err == nil {
			existing, err = c.columns(ctx, t.Name)
		}
		return was, existing, err
	})
}

// carryOut makes a table fit and remembers what it was made for.
func (c *conn) carryOut(ctx context.Context, task string, t *sqltable.Table, p *sqltable.TablePlan) error {
	if p.Fence { // a session that still stores into the old table would store into the new one
		if err := c.exec(ctx, "UPDATE weir_checkpoints SET epoch = epoch + 1 WHERE task = ?", task); err != nil {
			return err
		}
	}
	for _, s := range p.Statements {
		if err := c.exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	made, err := p.EncodeMade()
	if err != nil {
		return err
	}
	return c.exec(ctx, `INSERT INTO weir_tables (name, task, state_key, rebuilt, made) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET task = excluded.task, state_key = excluded.state_key, rebuilt = excluded.rebuilt, made = excluded.made`,
		sqltable.SQLite().Fold(t.Name), p.Task, p.StateKey, p.Rebuilt, made)
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

// owner gives what Weir remembers of a table. Former versions kept less.
func (c *conn) owner(ctx context.Context, name string) (o sqltable.Owner, err error) {
	existing, err := c.columns(ctx, ownerTable)
	if err != nil || len(existing) == 0 {
		return o, err
	}
	more := "rebuilt, made"
	if !slices.ContainsFunc(existing, isRebuilt) {
		more = "0, NULL"
	}
	err = c.query(ctx, "SELECT task, state_key, "+more+" FROM weir_tables WHERE name = ?", func(row []driver.Value) error {
		o.Task, o.StateKey, o.Rebuilt = row[0].(string), row[1].(string), row[2].(int64)
		made, ok := row[3].(string)
		if !ok {
			return nil
		}
		return o.DecodeMade(made)
	}, name)
	return o, err
}

func isRebuilt(e sqltable.Existing) bool { return e.Name == "rebuilt" }

// checkMade makes sure that the bindings' tables are those that Apply gave
// their state keys: another owner may have made one anew since.
func (c *conn) checkMade(ctx context.Context, tables []*sqltable.Table, bindings []sinks.Binding) error {
	for i, t := range tables {
		o, err := c.owner(ctx, sqltable.SQLite().Fold(t.Name))
		if err != nil {
			return err
		}
		if err := o.CheckKey(t, &bindings[i]); err != nil {
			return err
		}
	}
	return nil
}
