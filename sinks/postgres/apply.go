package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/sinks"
	"weir/sinks/sqltable"
)

// createOwn makes Weir's own tables. state_key of weir_tables is what the task
// asked for, rebuilt how often the table was made anew, and made what its
// columns are for.
var createOwn = map[string]string{
	checkpointTable: `CREATE TABLE %s (
	v INTEGER NOT NULL,
	task TEXT NOT NULL,
	shard TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	checkpoint BYTEA,
	PRIMARY KEY (task, shard)
)`,
	ownerTable: `CREATE TABLE %s (
	v INTEGER NOT NULL,
	table_schema TEXT NOT NULL,
	table_name TEXT NOT NULL,
	task TEXT NOT NULL,
	state_key TEXT NOT NULL,
	rebuilt BIGINT NOT NULL,
	made TEXT NOT NULL,
	PRIMARY KEY (table_schema, table_name)
)`,
}

// applying lets one Apply of a database run at a time.
const applying = "SELECT pg_advisory_xact_lock(x'77656972'::bigint)"

// Apply makes the bindings' tables, or makes them fit, in one transaction:
// a table that is made anew is dropped, made and given its next state key in
// that one step.
func (Sink) Apply(ctx context.Context, r sinks.ApplyRequest) (sinks.Applied, error) {
	e, tables, err := parse(r.Config, r.Bindings)
	if err != nil {
		return sinks.Applied{}, err
	}
	c, err := connect(ctx, e, r.Task)
	if err != nil {
		return sinks.Applied{}, err
	}
	defer c.close()
	a := &application{conn: c, endpoint: e, request: r, tables: tables}
	run := a.run
	if r.DryRun {
		run = a.dryRun
	}
	err = c.transact(ctx, func() error { return run(ctx) })
	if err != nil {
		return sinks.Applied{}, a.advise(err)
	}
	a.applied.Action = strings.Join(a.did, "; ")
	return a.applied, nil
}

// application is one Apply in its transaction.
type application struct {
	conn     *conn
	endpoint *endpoint
	request  sinks.ApplyRequest
	tables   []*sqltable.Table
	did      []string
	applied  sinks.Applied
}

func (a *application) own(name string) string { return ownTable(a.endpoint.schema, name) }

func (a *application) run(ctx context.Context) error {
	if err := a.conn.exec(ctx, applying); err != nil {
		return err
	}
	if err := a.prepare(ctx); err != nil {
		return err
	}
	plans, err := a.plan(ctx)
	if err != nil {
		return err
	}
	for i := range plans {
		if err := a.carryOut(ctx, a.tables[i], &plans[i]); err != nil {
			return err
		}
	}
	return nil
}

// dryRun says what run would do, and only reads.
func (a *application) dryRun(ctx context.Context) error {
	if err := a.makeSchemas(ctx, func(_ context.Context, sql string) error {
		a.did = append(a.did, sql)
		return nil
	}); err != nil {
		return err
	}
	plans, err := a.plan(ctx)
	for i := range plans {
		a.did = append(a.did, plans[i].Statements...)
	}
	return err
}

func (a *application) plan(ctx context.Context) ([]sqltable.TablePlan, error) {
	return sqltable.PlanAll(a.request.Task, a.request.Bindings, a.tables, func(t *sqltable.Table) (sqltable.Owner, []sqltable.Existing, error) {
		return a.conn.look(ctx, a.own(ownerTable), t)
	})
}

// schemas are those of the tables, and that of Weir's own.
func (a *application) schemas() []string {
	out := []string{a.endpoint.schema}
	for _, t := range a.tables {
		if !slices.Contains(out, t.Schema) {
			out = append(out, t.Schema)
		}
	}
	return out
}

// makeSchemas makes those that are missing, as do says. It asks first, since a
// role may use what it may not make.
func (a *application) makeSchemas(ctx context.Context, do func(ctx context.Context, sql string) error) error {
	for _, schema := range a.schemas() {
		there, err := a.conn.exists(ctx, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", schema)
		if err == nil && !there {
			err = do(ctx, "CREATE SCHEMA "+sqltable.Quote(schema))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare makes schemas and Weir's own tables where they are missing.
func (a *application) prepare(ctx context.Context) error {
	if err := a.makeSchemas(ctx, a.do); err != nil {
		return err
	}
	for _, name := range [...]string{checkpointTable, ownerTable} {
		there, err := a.conn.exists(ctx, "SELECT 1 WHERE to_regclass($1) IS NOT NULL", a.own(name))
		if err == nil && !there {
			err = a.conn.exec(ctx, fmt.Sprintf(createOwn[name], a.own(name)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) exists(ctx context.Context, query, name string) (there bool, err error) {
	err = c.query(ctx, query, func([][]byte) error { there = true; return nil }, name)
	return there, err
}

// do runs a statement that users are told of.
func (a *application) do(ctx context.Context, sql string) error {
	if err := a.conn.exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	a.did = append(a.did, sql)
	return nil
}

// carryOut makes a table fit and remembers what it was made for.
func (a *application) carryOut(ctx context.Context, t *sqltable.Table, p *sqltable.TablePlan) error {
	if p.Fence { // a session that still stores into the old table would store into the new one
		if err := a.conn.query(ctx, "UPDATE "+a.own(checkpointTable)+" SET epoch = epoch + 1 WHERE task = $1", nil, p.Task); err != nil {
			return err
		}
	}
	for _, sql := range p.Statements {
		if err := a.do(ctx, sql); err != nil {
			return err
		}
	}
	made, err := p.EncodeMade()
	if err != nil {
		return err
	}
	a.applied.StateKeys = append(a.applied.StateKeys, p.Key())
	return a.conn.query(ctx, "INSERT INTO "+a.own(ownerTable)+` (v, table_schema, table_name, task, state_key, rebuilt, made) VALUES ($1::int, $2, $3, $4, $5, $6::bigint, $7)
		ON CONFLICT (table_schema, table_name) DO UPDATE SET v = excluded.v, task = excluded.task, state_key = excluded.state_key, rebuilt = excluded.rebuilt, made = excluded.made`,
		nil, strconv.Itoa(formatVersion), t.Schema, t.Name, p.Task, p.StateKey, strconv.FormatInt(p.Rebuilt, 10), made)
}

// advise says which grants are missing.
func (a *application) advise(err error) error {
	if codeOf(err) != "42501" {
		return err
	}
	var grants []string
	for _, schema := range a.schemas() {
		grants = append(grants, fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s", sqltable.Quote(schema), sqltable.Quote(a.endpoint.conn.User)))
	}
	return fmt.Errorf("%w: a table is changed by its owner alone; what is made anew needs %s, and a new schema CREATE on the database", err, strings.Join(grants, "; "))
}

// look gives what is remembered of a table, in the table of owners, and the
// columns that it has: none if it is not there.
func (c *conn) look(ctx context.Context, owners string, t *sqltable.Table) (o sqltable.Owner, existing []sqltable.Existing, err error) {
	there, err := c.exists(ctx, "SELECT 1 WHERE to_regclass($1) IS NOT NULL", owners)
	if err == nil && there {
		err = c.query(ctx, "SELECT v, task, state_key, rebuilt, made FROM "+owners+" WHERE table_schema = $1 AND table_name = $2", func(row [][]byte) (err error) {
			if err := checkVersion(ownerTable, row[0]); err != nil {
				return err
			}
			o.Task, o.StateKey = string(row[1]), string(row[2])
			if o.Rebuilt, err = strconv.ParseInt(string(row[3]), 10, 64); err != nil {
				return err
			}
			return o.DecodeMade(string(row[4]))
		}, t.Schema, t.Name)
	}
	if err != nil {
		return o, nil, err
	}
	existing, err = c.columns(ctx, t)
	return o, existing, err
}

// columnsQuery describes the columns of a relation. Its key is the primary
// one, or a unique one in which NULLs are equal.
const columnsQuery = `SELECT c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> '',
	coalesce((SELECT min(n) FROM generate_series(0, k.indnkeyatts - 1) AS n WHERE k.indkey[n] = a.attnum) + 1, 0), coalesce(col_description(c.oid, a.attnum), '')
FROM pg_catalog.pg_class AS c
	JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
	JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN LATERAL (
		SELECT i.indkey, i.indnkeyatts FROM pg_catalog.pg_index AS i
		WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND (i.indisprimary OR i.indnullsnotdistinct)
		ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1
	) AS k ON true
WHERE s.nspname = $1 AND c.relname = $2 AND c.relkind NOT IN ('i', 'I', 'S', 'c')
ORDER BY a.attnum`

func (c *conn) columns(ctx context.Context, t *sqltable.Table) (existing []sqltable.Existing, err error) {
	err = c.query(ctx, columnsQuery, func(row [][]byte) error {
		if kind := string(row[0]); kind != "r" && kind != "p" {
			return fmt.Errorf("postgres: %s is no table: let the binding's resource name another one", t.Ref())
		}
		key, err := strconv.Atoi(string(row[5]))
		existing = append(existing, sqltable.Existing{
			Name: string(row[1]), Type: string(row[2]), NotNull: string(row[3]) == "t", HasDefault: string(row[4]) == "t", Key: key, Comment: string(row[6]),
		})
		return err
	}, t.Schema, t.Name)
	return existing, err
}
