package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The limit of a PostgreSQL materialization: the rows that a table of the
// orders has, one for each key of a transaction, sent by COPY in the binary
// format to a temporary table, from there by one INSERT ... ON CONFLICT to the
// table, in transactions that also keep a checkpoint. Nothing is read from
// NATS, parsed or converted while it is measured.

const createPostgresOrders = `
CREATE TABLE orders (
	id TEXT NOT NULL, customer TEXT NOT NULL, flow_published_at TIMESTAMPTZ NOT NULL, items JSON NOT NULL,
	"placedAt" TIMESTAMPTZ, status TEXT NOT NULL, flow_document JSON NOT NULL, PRIMARY KEY (id));
CREATE TABLE checkpoints (task TEXT NOT NULL PRIMARY KEY, through BIGINT NOT NULL);
CREATE TEMPORARY TABLE stage (LIKE orders) ON COMMIT DELETE ROWS`

const mergePostgresOrders = `INSERT INTO orders SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET
	customer = excluded.customer, flow_published_at = excluded.flow_published_at, items = excluded.items,
	"placedAt" = excluded."placedAt", status = excluded.status, flow_document = excluded.flow_document`

const keepPostgresCheckpoint = `INSERT INTO checkpoints VALUES ('bench', $1) ON CONFLICT (task) DO UPDATE SET through = excluded.through`

// postgresLimit measures what so many documents are reduced to in transactions:
// steps rows or documents, size of them in each, in an empty schema of its own.
func postgresLimit(ctx context.Context, m *meter, url string, o *orders, documents, steps, size int) (s sample, err error) {
	rows, err := postgresOrders(o)
	if err != nil {
		return sample{}, err
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return sample{}, fmt.Errorf("postgres: %w", err)
	}
	defer func() {
		ctx := context.WithoutCancel(ctx)
		_, dropped := c.Exec(ctx, "DROP SCHEMA bench_limit CASCADE")
		err = errors.Join(err, dropped, c.Close(ctx))
	}()
	if _, err := c.Exec(ctx, "CREATE SCHEMA bench_limit; SET search_path = bench_limit; "+createPostgresOrders); err != nil {
		return sample{}, fmt.Errorf("postgres: %w", err)
	}
	// The work is this process's own and the server's.
	own := *m
	own.Workers = nil
	return own.measure(documents, func() error {
		for at := 0; at < steps; at += size {
			if err := mergeOrders(ctx, c, rows, at, min(at+size, steps)); err != nil {
				return fmt.Errorf("postgres: %w", err)
			}
		}
		return nil
	})
}

// mergeOrders writes what documents from up to to reduce to, the last one of
// each key, and to as the checkpoint, in one transaction.
func mergeOrders(ctx context.Context, c *pgx.Conn, rows [][]any, from, to int) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	first := max(from, to-len(rows))
	source := pgx.CopyFromSlice(to-first, func(i int) ([]any, error) { return rows[(first+i)%len(rows)], nil })
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"stage"}, []string{"id", "customer", "flow_published_at", "items", "placedAt", "status", "flow_document"}, source); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, mergePostgresOrders); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, keepPostgresCheckpoint, to); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func postgresOrders(o *orders) ([][]any, error) {
	table, err := orderRows(o)
	if err != nil {
		return nil, err
	}
	published := time.Now()
	rows := make([][]any, len(table))
	for i := range table {
		r := &table[i]
		placed, err := time.Parse(time.RFC3339, r.PlacedAt)
		if err != nil {
			return nil, fmt.Errorf("order %d: %w", i, err)
		}
		rows[i] = []any{r.ID, r.Customer, published, []byte(r.Items), placed, r.Status, []byte(r.document)}
	}
	return rows, nil
}
