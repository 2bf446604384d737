package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"weir/sinks"
	"weir/sinks/sqltable"
)

// session is one shard's connection. A transaction goes through these steps:
//
//  1. Store begins it, and converts rows and sends them into stages while the
//     server takes them in;
//  2. Commit waits until the server has all of them, then sends at once
//  3. the checkpoint, which fails if the epoch is not ours,
//  4. what widens columns and brings the rows from the stages into the tables,
//  5. and the COMMIT. If any of these fails the server does none of the others.
type session struct {
	conn        *conn
	end         context.CancelFunc // breaks off a COPY that runs
	life        context.Context    // of the connection: a COPY outlives the call that began it
	task, shard string
	checkpoints string // the table of checkpoints
	epoch       int64
	hardDelete  bool
	tables      []*table

	begun  bool
	stages map[string]int  // of the open transaction, by their columns
	copy   *copying        // takes rows
	values sqltable.Buffer // of one row, or of the keys of a Load
	rows   int             // of the open transaction
	first  string          // the first one's key
	broken error           // what ended the session
}

var _ sinks.Session = (*session)(nil)

func newSession(c *conn, e *endpoint, r sinks.OpenRequest) *session {
	s := &session{conn: c, task: r.Task, shard: r.Shard, checkpoints: ownTable(e.schema, checkpointTable), hardDelete: e.hardDelete, stages: map[string]int{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

func ownTable(schema, name string) string { return sqltable.Quote(schema) + "." + name }

func (s *session) open(ctx context.Context, tables []*sqltable.Table, bindings []sinks.Binding) (opened sinks.Opened, err error) {
	schema := strings.TrimSuffix(s.checkpoints, checkpointTable)
	err = s.conn.transact(ctx, func() error {
		for i, t := range tables {
			if err := s.bind(ctx, schema+ownerTable, t, &bindings[i]); err != nil {
				return err
			}
		}
		raise := "INSERT INTO " + s.checkpoints + " AS c (v, task, shard, epoch) VALUES ($1::int, $2, $3, 1) ON CONFLICT (task, shard) DO UPDATE SET epoch = c.epoch + 1 " +
			"RETURNING v, epoch, encode(checkpoint, 'hex')"
		return s.conn.query(ctx, raise, func(row [][]byte) (err error) {
			if err := checkVersion(checkpointTable, row[0]); err != nil {
				return err
			}
			if s.epoch, err = strconv.ParseInt(string(row[1]), 10, 64); err != nil || row[2] == nil {
				return err
			}
			opened.Checkpoint, err = hex.DecodeString(string(row[2]))
			return err
		}, strconv.Itoa(formatVersion), s.task, s.shard)
	})
	opened.Exactly = true
	return opened, err
}

// bind makes sure that a table is the one that Apply gave its state key.
func (s *session) bind(ctx context.Context, owners string, t *sqltable.Table, b *sinks.Binding) error {
	was, existing, err := s.conn.look(ctx, owners, t)
	if err == nil {
		err = was.CheckKey(t, b)
	}
	if err != nil {
		return err
	}
	bound, err := bind(t, existing)
	s.tables = append(s.tables, bound)
	return err
}

// checkVersion refuses what a later version of Weir has written.
func checkVersion(table string, v []byte) error {
	if n, err := strconv.Atoi(string(v)); err != nil || n > formatVersion {
		return fmt.Errorf("postgres: table %s holds a row of format %s, and this version of Weir knows %d: run the newer version", table, v, formatVersion)
	}
	return nil
}

// Store converts rows and sends them (step 1).
func (s *session) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	if s.broken != nil {
		return s.broken
	}
	t := s.tables[binding]
	for i := range rows {
		if err := s.storeRow(ctx, t, &rows[i]); sinks.IsRefused(err) {
			return err
		} else if err != nil {
			return s.fail(fmt.Errorf("table %s: %w", t.Ref(), err))
		}
	}
	if err := ctx.Err(); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *session) storeRow(ctx context.Context, t *table, r *sinks.Row) error {
	gone := r.Delete && !t.Delta && s.hardDelete
	if gone && !r.Exists {
		return nil
	}
	s.values.Reset()
	var err error
	if gone {
		err = t.AppendKey(&s.values, r.Key)
	} else {
		err = t.Append(&s.values, r)
	}
	if err != nil {
		return err
	}
	if s.rows++; s.rows == 1 {
		s.first = sqltable.KeyText(r.Key)
	}
	values := s.values.Values(0)
	for {
		if err := s.receive(ctx, t); err != nil {
			return err
		}
		column, err := s.copy.row(values, gone)
		switch {
		case err == nil && len(s.copy.chunk) >= chunkSize:
			return s.copy.flush(ctx)
		case err == nil:
			return nil
		case errors.Is(err, errWide):
			t.widen(column)
		case errors.Is(err, errNUL) && t.HasDocument() && column >= t.Keys:
			replaceNUL(&values[column])
		default:
			return t.Refuse(r, column, err.Error())
		}
	}
}

// replaceNUL puts the replacement character in the place of each U+0000. The
// row's document keeps them.
func replaceNUL(v *sqltable.Value) {
	v.Text = []byte(strings.ReplaceAll(string(v.Text), "\x00", "\uFFFD"))
}

// receive makes sure that rows of a table, as it is now, can be added.
func (s *session) receive(ctx context.Context, t *table) error {
	if s.copy != nil && s.copy.stage.table == t && s.copy.stage.suits(t) {
		return nil
	}
	if err := s.finishCopy(ctx); err != nil {
		return err
	}
	var sql []string
	if !s.begun {
		sql = append(sql, begin)
	}
	st := t.openStage()
	if st == nil {
		st = t.newStage(s.stages)
		t.stages = append(t.stages, st)
		if st.create != "" {
			sql = append(sql, st.create)
		}
	}
	s.begun = true
	s.copy = startCopy(s.life, s.conn, st, strings.Join(append(sql, st.copy), "; "))
	return nil
}

func (s *session) finishCopy(ctx context.Context) error {
	if s.copy == nil {
		return nil
	}
	if err := s.copy.finish(ctx); err != nil {
		return s.blame(err)
	}
	s.copy = nil
	return nil
}

// blame names the document that the server has refused, if it can be no other.
func (s *session) blame(err error) error {
	if s.rows != 1 || errors.Is(err, sinks.ErrTransient) || codeOf(err) == "" {
		return err
	}
	return fmt.Errorf("document %s: %w", s.first, err)
}

// Commit runs steps 2 to 5.
func (s *session) Commit(ctx context.Context, checkpoint []byte) error {
	if s.broken != nil {
		return s.broken
	}
	err := ctx.Err()
	if err == nil {
		err = s.finishCopy(ctx) // step 2
	}
	if err == nil {
		err = s.commit(ctx, checkpoint)
	}
	if err != nil {
		return s.fail(err)
	}
	s.settle(true)
	return nil
}

// Rollback forgets the rows of the open transaction.
func (s *session) Rollback(ctx context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	if !s.begun {
		return nil
	}
	if s.copy != nil {
		s.copy.abort()
		s.copy = nil
	}
	if err := s.conn.exec(ctx, "ROLLBACK"); err != nil {
		return s.fail(err)
	}
	s.settle(false)
	return nil
}

func (s *session) settle(committed bool) {
	for _, t := range s.tables {
		t.settle(committed)
	}
	clear(s.stages)
	s.begun, s.rows, s.first = false, 0, ""
}

// fail ends the session: without its connection the server forgets what was
// not committed.
func (s *session) fail(err error) error {
	s.end()
	if s.copy != nil {
		s.copy.abort()
		s.copy = nil
	}
	s.conn.close()
	s.broken = fmt.Errorf("the session has ended: %w", err)
	return err
}

// Close ends the session; a transaction that is open is rolled back.
func (s *session) Close() error {
	if s.broken == nil {
		_ = s.fail(errors.New("closed")) // it returns what it is given
	}
	return nil
}
