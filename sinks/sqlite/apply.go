package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
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
		for i, p := range plans {
			if err := c.carryOut(ctx, r.Task, tables[i], p); err != nil {
				return err
			}
			did = append(did, p.statements...)
			applied.StateKeys = append(applied.StateKeys, p.key())
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
		did = append(did, p.statements...)
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

// owner is what Weir remembers of a table; task is empty for one that no task
// made.
type owner struct {
	task, stateKey string
	rebuilt        int64
	made           map[string]string // by folded column: the flat type that it was made for
}

// plan is what becomes of one table.
type plan struct {
	owner
	statements []string
	fence      bool // sessions that are open know a table that is gone
}

func (p *plan) key() string { return sinks.RebuiltKey(p.stateKey, p.rebuilt) }

// planAll plans every table. What does not fit is reported for all of them.
func (c *conn) planAll(ctx context.Context, r sinks.ApplyRequest, tables []*sqltable.Table) ([]plan, error) {
	plans := make([]plan, len(tables))
	unfit := map[int][]string{}
	for i, t := range tables {
		b := &r.Bindings[i]
		var reasons []string
		var err error
		if plans[i], reasons, err = c.plan(ctx, r.Task, b, t); err != nil {
			return nil, err
		}
		for _, reason := range reasons {
			unfit[i] = append(unfit[i], fmt.Sprintf("table %s: %s", sqltable.Quote(t.Name), reason))
		}
	}
	if len(unfit) > 0 {
		return nil, &sinks.IncompatibleError{Reasons: unfit}
	}
	return plans, nil
}

// plan compares a table with what its binding needs. It is made anew when its
// state key changed, when it is gone though Weir made it, and when it cannot be
// changed and the binding says so.
func (c *conn) plan(ctx context.Context, task string, b *sinks.Binding, t *sqltable.Table) (plan, []string, error) {
	name := sqltable.SQLite().Fold(t.Name)
	was, err := c.owner(ctx, name)
	if err != nil {
		return plan{}, nil, err
	}
	existing, err := c.columns(ctx, t.Name)
	if err != nil {
		return plan{}, nil, err
	}
	for i := range existing {
		existing[i].Flat = was.made[sqltable.SQLite().Fold(existing[i].Name)]
	}
	p := plan{owner: owner{task: task, stateKey: b.StateKey, rebuilt: was.rebuilt, made: flats(t)}}
	anew := func(statements ...string) (plan, []string, error) {
		p.statements, p.rebuilt, p.fence = append(statements, t.Make()...), was.rebuilt+1, true
		return p, nil, nil
	}
	drop := "DROP TABLE " + sqltable.Quote(t.Name)
	switch {
	case len(existing) == 0 && was.task != "":
		return anew()
	case len(existing) > 0 && was.task != "" && was.task != task:
		return p, nil, fmt.Errorf("table %s belongs to materialization %s: drop the table if that is gone, or let the binding's resource name another table", sqltable.Quote(t.Name), was.task)
	case was.task != "" && was.stateKey != b.StateKey:
		return anew(drop)
	}
	change, err := t.Plan(existing, was.task != "")
	reasons := append(slices.Clone(b.Incompatible), change.Incompatible...)
	switch {
	case err != nil || len(reasons) > 0 && !b.Rebuild:
		return p, reasons, err
	case len(reasons) > 0:
		return anew(drop)
	}
	p.statements = change.Statements
	return p, nil, nil
}

// flats are the flat types of a table's columns, by folded name.
func flats(t *sqltable.Table) map[string]string {
	out := map[string]string{}
	for _, c := range t.Columns {
		out[sqltable.SQLite().Fold(c.Name)] = c.Flat.String()
	}
	return out
}

// carryOut makes a table fit and remembers what it was made for.
func (c *conn) carryOut(ctx context.Context, task string, t *sqltable.Table, p plan) error {
	if p.fence { // a session that still stores into the old table would store into the new one
		if err := c.exec(ctx, "UPDATE weir_checkpoints SET epoch = epoch + 1 WHERE task = ?", task); err != nil {
			return err
		}
	}
	for _, s := range p.statements {
		if err := c.exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	made, err := json.Marshal(p.made)
	if err != nil {
		return fmt.Errorf("encode the columns of %s: %w", sqltable.Quote(t.Name), err)
	}
	return c.exec(ctx, `INSERT INTO weir_tables (name, task, state_key, rebuilt, made) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET task = excluded.task, state_key = excluded.state_key, rebuilt = excluded.rebuilt, made = excluded.made`,
		sqltable.SQLite().Fold(t.Name), p.task, p.stateKey, p.rebuilt, string(made))
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
func (c *conn) owner(ctx context.Context, name string) (o owner, err error) {
	existing, err := c.columns(ctx, ownerTable)
	if err != nil || len(existing) == 0 {
		return o, err
	}
	more := "rebuilt, made"
	if !slices.ContainsFunc(existing, isRebuilt) {
		more = "0, NULL"
	}
	err = c.query(ctx, "SELECT task, state_key, "+more+" FROM weir_tables WHERE name = ?", func(row []driver.Value) error {
		o.task, o.stateKey, o.rebuilt = row[0].(string), row[1].(string), row[2].(int64)
		made, ok := row[3].(string)
		if !ok {
			return nil
		}
		if err := json.Unmarshal([]byte(made), &o.made); err != nil {
			return fmt.Errorf("what weir_tables holds of table %s: %w", name, err)
		}
		return nil
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
		if key := sinks.RebuiltKey(o.stateKey, o.rebuilt); key != bindings[i].StateKey {
			return sinks.Transient(fmt.Errorf("table %s was made anew by another start of this materialization (its state is %s, not %s)", sqltable.Quote(t.Name), key, bindings[i].StateKey))
		}
	}
	return nil
}
