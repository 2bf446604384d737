package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"weir/sinks"
	"weir/sinks/sqltable"
)

const (
	stageLimit = 8 << 20 // bytes of rows kept in memory before the transaction's lock is taken
	checkEvery = 256     // rows written between two looks at the context
	maxLoad    = 64      // keys looked up by one query
)

// session is one shard's connection. A transaction goes through these steps:
//
//  1. Store converts rows into values and keeps them;
//  2. Commit begins a write transaction, unless step 1 had to because of its
//     memory;
//  3. the checkpoint is updated where the epoch is ours, or all ends here;
//  4. the rows are written;
//  5. the transaction is committed.
type session struct {
	conn        *conn
	task, shard string
	epoch       int64
	tables      []*table

	rows       []staged        // stored and not written yet
	values     sqltable.Buffer // of these rows
	keys       sqltable.Buffer // of a Load
	stageLimit int             // bytes of values
	begun      bool            // a write transaction is open on conn
	broken     error           // what ended the session
	fence      *stmt
}

// staged is a row of the open transaction.
type staged struct {
	table *table
	first int // index of its first value
	count int
	del   bool
}

// table is a binding's table with its statements, which are prepared on
// first use.
type table struct {
	*sqltable.Table
	insert, upsert, remove *stmt
	load, loadMany         *stmt // of one key, and of many
	many                   int   // keys of loadMany
}

var _ sinks.Session = (*session)(nil)

func (s *session) open(ctx context.Context, tables []*sqltable.Table, bindings []sinks.Binding) (opened sinks.Opened, err error) {
	err = s.conn.transact(ctx, func() error {
		if err := s.conn.exec(ctx, createCheckpoints); err != nil {
			return err
		}
		if err := s.conn.checkMade(ctx, tables, bindings); err != nil {
			return err
		}
		return s.conn.query(ctx, `INSERT INTO weir_checkpoints (task, shard, epoch) VALUES (?, ?, 1)
			ON CONFLICT (task, shard) DO UPDATE SET epoch = epoch + 1 RETURNING epoch, checkpoint`, func(row []driver.Value) error {
			s.epoch = row[0].(int64)
			opened.Checkpoint, _ = row[1].([]byte)
			return nil
		}, s.task, s.shard)
	})
	if err != nil {
		return opened, err
	}
	for _, t := range tables {
		bound, err := s.conn.bindTable(ctx, t)
		if err != nil {
			return opened, fmt.Errorf("table %s: %w", sqltable.Quote(t.Name), err)
		}
		s.tables = append(s.tables, bound)
	}
	s.fence, err = s.conn.prepare(ctx, "UPDATE weir_checkpoints SET checkpoint = ? WHERE task = ? AND shard = ? AND epoch = ?")
	opened.Exactly = true
	return opened, err
}

func (c *conn) bindTable(ctx context.Context, t *sqltable.Table) (*table, error) {
	b := &table{Table: t, many: min(maxLoad, t.MaxLoad())}
	prepare := func(into **stmt, sql string) (err error) {
		*into, err = c.prepare(ctx, sql)
		return err
	}
	if t.Delta {
		return b, prepare(&b.insert, t.Insert())
	}
	return b, errors.Join(
		prepare(&b.insert, t.Insert()),
		prepare(&b.upsert, t.Upsert()),
		prepare(&b.remove, t.Delete()),
		prepare(&b.load, t.Load(1)),
		prepare(&b.loadMany, t.Load(b.many)),
	)
}

// Load looks keys up, many at a time.
func (s *session) Load(ctx context.Context, binding int, keys [][]byte, loaded func(i int, doc []byte) error) error {
	if s.broken != nil {
		return s.broken
	}
	t := s.tables[binding]
	if t.Delta {
		return s.end(fmt.Errorf("table %s has delta updates: there is nothing to load", sqltable.Quote(t.Name)))
	}
	for first := 0; first < len(keys); {
		n, statement := 1, t.load
		if len(keys)-first >= t.many {
			n, statement = t.many, t.loadMany
		}
		if err := s.loadSome(ctx, t, statement, keys[first:first+n], first, loaded); err != nil {
			return s.end(err)
		}
		first += n
	}
	return nil
}

func (s *session) loadSome(ctx context.Context, t *table, statement *stmt, keys [][]byte, first int, loaded func(i int, doc []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.keys.Reset()
	for _, key := range keys {
		if err := t.AppendKey(&s.keys, key); err != nil {
			return err
		}
	}
	return statement.query(s.keys.Values(0), func(row []driver.Value) error {
		doc, ok := row[1].([]byte)
		if !ok {
			return fmt.Errorf("table %s: the row of key %s has no document: it was changed by somebody else", sqltable.Quote(t.Name), sqltable.KeyText(keys[row[0].(int64)]))
		}
		return loaded(first+int(row[0].(int64)), doc)
	})
}

// Store converts rows into values (step 1).
func (s *session) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	if s.broken != nil {
		return s.broken
	}
	t := s.tables[binding]
	for i := range rows {
		if err := s.stage(t, &rows[i]); sinks.IsRefused(err) {
			return err
		} else if err != nil {
			return s.end(fmt.Errorf("table %s: %w", sqltable.Quote(t.Name), err))
		}
		if s.values.Bytes() < s.stageLimit {
			continue
		}
		if err := s.write(ctx); err != nil {
			return s.end(err)
		}
	}
	if err := ctx.Err(); err != nil {
		return s.end(err)
	}
	return nil
}

func (s *session) stage(t *table, r *sinks.Row) error {
	row := staged{table: t, first: s.values.Len(), del: r.Delete && !t.Delta}
	var err error
	switch {
	case row.del && !r.Exists:
		return nil
	case row.del:
		err = t.AppendKey(&s.values, r.Key)
	default:
		err = t.Append(&s.values, r)
	}
	row.count = s.values.Len() - row.first
	if err == nil {
		s.rows = append(s.rows, row)
	}
	return err
}

// Commit runs steps 2 to 5.
func (s *session) Commit(ctx context.Context, checkpoint []byte) error {
	if s.broken != nil {
		return s.broken
	}
	err := s.begin(ctx)
	if err == nil {
		err = s.proveEpoch(checkpoint) // step 3
	}
	if err == nil {
		err = s.write(ctx) // step 4
	}
	if err == nil {
		err = s.conn.exec(ctx, "COMMIT") // step 5
	}
	if err != nil {
		return s.end(err)
	}
	s.begun = false
	return nil
}

// begin takes the database's write lock (step 2).
func (s *session) begin(ctx context.Context) error {
	if s.begun {
		return nil
	}
	err := s.conn.exec(ctx, "BEGIN IMMEDIATE")
	s.begun = err == nil
	return err
}

// proveEpoch writes the checkpoint if nobody else has opened the shard.
func (s *session) proveEpoch(checkpoint []byte) error {
	if checkpoint == nil {
		checkpoint = []byte{}
	}
	changed, err := s.fence.run(checkpoint, s.task, s.shard, s.epoch)
	if err == nil && changed != 1 {
		err = fmt.Errorf("shard %s of %s in %s: %w", s.shard, s.task, s.conn.path, sinks.ErrFenced)
	}
	return err
}

// write writes the rows that are kept, within a write transaction.
func (s *session) write(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	for i, row := range s.rows {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := row.write(s.values.Values(row.first)[:row.count]); err != nil {
			return fmt.Errorf("table %s: %w", sqltable.Quote(row.table.Name), err)
		}
	}
	s.drop()
	return nil
}

func (r *staged) write(values []sqltable.Value) error {
	t := r.table
	switch {
	case t.Delta:
		return t.insert.exec(values)
	case r.del:
		return t.remove.exec(values)
	case !sqltable.HasNull(values[:t.Keys]):
		return t.upsert.exec(values)
	}
	if err := t.remove.exec(values[:t.Keys]); err != nil {
		return err
	}
	return t.insert.exec(values)
}

func (s *session) drop() {
	clear(s.rows)
	s.rows = s.rows[:0]
	s.values.Reset()
}

// Rollback forgets the rows of the open transaction.
func (s *session) Rollback(ctx context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	s.drop()
	if !s.begun {
		return nil
	}
	s.begun = false
	if err := s.conn.exec(ctx, "ROLLBACK"); err != nil {
		return s.end(err)
	}
	return nil
}

// end breaks the session off: what was not committed is rolled back, so that
// no lock stays.
func (s *session) end(err error) error {
	s.drop()
	if s.begun {
		s.begun = false
		_ = s.conn.exec(context.Background(), "ROLLBACK") // fails only when nothing is left to roll back
	}
	s.broken = fmt.Errorf("the session has ended: %w", err)
	return err
}

// Close ends the session; a transaction that is open is rolled back.
func (s *session) Close() error {
	if s.conn == nil {
		return nil
	}
	if s.broken == nil {
		_ = s.end(errors.New("closed")) // it returns what it is given
	}
	for _, t := range s.tables {
		for _, statement := range [...]*stmt{t.insert, t.upsert, t.remove, t.load, t.loadMany} {
			statement.close()
		}
	}
	s.fence.close()
	c := s.conn
	s.conn = nil
	return explain(c.path, c.Close())
}
