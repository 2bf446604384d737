package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"path/filepath"
	"testing"

	"weir/sinks/sinkstest"
	"weir/sinks/sqltable"
)

func TestConformance(t *testing.T) {
	sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
		dir := t.TempDir()
		return sinkstest.Harness{
			Sink:    New(),
			Config:  json.RawMessage(`{"path":"test.db"}`),
			DataDir: dir,
			Resource: func(name string, delta bool) json.RawMessage {
				text, _ := json.Marshal(resource{Table: name, DeltaUpdates: delta})
				return text
			},
			Documents: func(t *testing.T, name string) (docs []string) {
				for _, row := range query(t, filepath.Join(dir, "test.db"), "SELECT flow_document FROM "+sqltable.Quote(name)) {
					docs = append(docs, row[0].(string))
				}
				return docs
			},
		}
	})
}

// query reads a database through a connection of its own.
func query(t *testing.T, path, sql string, args ...driver.Value) (rows [][]driver.Value) {
	t.Helper()
	c, err := connect(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.query(context.Background(), sql, func(row []driver.Value) error {
		rows = append(rows, append([]driver.Value(nil), row...))
		return nil
	}, args...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
