package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver of sql.Open
)

// The limit of a SQLite materialization: the rows that a table of the orders
// has, written by one prepared statement, in transactions that also keep a
// checkpoint, with the settings of Weir's sink (WAL, synchronous=NORMAL).
// Nothing is read from NATS and nothing is parsed while it is measured.

const createOrders = `CREATE TABLE orders (
	id TEXT NOT NULL PRIMARY KEY, customer TEXT NOT NULL, flow_published_at TEXT NOT NULL,
	items TEXT NOT NULL, "placedAt" TEXT NOT NULL, status TEXT NOT NULL, flow_document TEXT NOT NULL)`

const upsertOrder = `INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
	customer = excluded.customer, flow_published_at = excluded.flow_published_at, items = excluded.items,
	"placedAt" = excluded."placedAt", status = excluded.status, flow_document = excluded.flow_document`

// orderRow is an order as the table has it.
type orderRow struct {
	ID       string          `json:"id"`
	Customer string          `json:"customer"`
	Status   string          `json:"status"`
	PlacedAt string          `json:"placedAt"`
	Items    json.RawMessage `json:"items"`
	document string
}

// sqliteRow is the limit row for transactions of so many documents.
func sqliteRow(o *orders, size int) row {
	return row{Name: limitName("sqlite", size), Run: func(ctx context.Context, m *meter) (sample, error) {
		return runSQLite(ctx, m, o, size)
	}}
}

func runSQLite(ctx context.Context, m *meter, o *orders, size int) (s sample, err error) {
	table, err := orderRows(o)
	if err != nil {
		return sample{}, err
	}
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return sample{}, fmt.Errorf("sqlite: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "orders.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		return sample{}, fmt.Errorf("sqlite: %w", err)
	}
	defer db.Close()
	for _, statement := range []string{createOrders, "CREATE TABLE checkpoints (task TEXT NOT NULL PRIMARY KEY, through INTEGER NOT NULL)"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return sample{}, fmt.Errorf("sqlite: %w", err)
		}
	}
	// The work is this process's own, whoever else runs beside it.
	own := *m
	own.Workers = nil
	return own.measure(m.Documents, func() error {
		for at := 0; at < m.Documents; at += size {
			if err := storeOrders(ctx, db, table, at, min(at+size, m.Documents)); err != nil {
				return fmt.Errorf("sqlite: %w", err)
			}
		}
		return nil
	})
}

// storeOrders writes documents from up to to, and to as the checkpoint, in one transaction.
func storeOrders(ctx context.Context, db *sql.DB, table []orderRow, from, to int) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	upsert, err := tx.PrepareContext(ctx, upsertOrder)
	if err != nil {
		return err
	}
	defer upsert.Close()
	published := time.Now().UTC().Format(time.RFC3339Nano)
	for i := from; i < to; i++ {
		r := &table[i%len(table)]
		if _, err := upsert.ExecContext(ctx, r.ID, r.Customer, published, string(r.Items), r.PlacedAt, r.Status, r.document); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO checkpoints VALUES ('bench', ?) ON CONFLICT (task) DO UPDATE SET through = excluded.through", to); err != nil {
		return err
	}
	return tx.Commit()
}

func orderRows(o *orders) ([]orderRow, error) {
	rows := make([]orderRow, len(o.made))
	for i := range o.made {
		if err := json.Unmarshal(o.made[i].json, &rows[i]); err != nil {
			return nil, fmt.Errorf("order %d: %w", i, err)
		}
		rows[i].document = string(o.made[i].json)
	}
	return rows, nil
}
