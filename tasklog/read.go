package tasklog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap/zapcore"

	"weir/collection"
	"weir/journal"
)

// Query says which lines to read. The zero value reads all.
type Query struct {
	Task  string        // catalog name; empty: of all tasks
	Kind  string        // of the task; empty: any (a collection's derivation and its inbox share a name)
	After uint64        // Entry.Seq of the last line that is known; 0: from the beginning
	Since time.Time     // of lines; zero: no bound
	Level zapcore.Level // the lowest; info is the lowest that is kept
	Last  int           // lines of those that are there, the newest ones; 0: all
}

func (q *Query) filter() string {
	kind, task := "*", "*"
	if q.Kind != "" {
		kind = collection.EncodeToken(q.Kind)
	}
	if q.Task != "" {
		task = collection.EncodeToken(q.Task)
	}
	return root + kind + "." + task
}

func (q *Query) admits(e *Entry) bool {
	return !e.Time.Before(q.Since) && e.Severity() >= q.Level
}

// Read gives the lines that are there, the oldest first. None when nothing was
// ever logged.
func Read(ctx context.Context, conn *journal.Conn, q Query) ([]Entry, error) {
	var out []Entry
	err := Each(ctx, conn, q, func(e Entry) error {
		if out = append(out, e); q.Last > 0 && len(out) >= 2*q.Last {
			out = append(out[:0], out[len(out)-q.Last:]...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if q.Last > 0 && len(out) > q.Last {
		out = out[len(out)-q.Last:]
	}
	return out, nil
}

// Each calls fn with the lines that are there, the oldest first, and holds no
// more than one. It does not heed q.Last. fn's error ends it.
func Each(ctx context.Context, conn *journal.Conn, q Query, fn func(Entry) error) error {
	err := conn.ReadAll(ctx, Stream, q.filter(), q.After, func(m journal.Message) error {
		e, err := decode(m.Data)
		if err != nil {
			return fmt.Errorf("%s at sequence %d: %w", m.Subject, m.Seq, err)
		}
		if e.Seq = m.Seq; !q.admits(&e) {
			return nil
		}
		return fn(e)
	})
	if errors.Is(err, journal.ErrNoStream) || errors.Is(err, journal.ErrPositionBeyondEnd) { // it was removed
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}

// Follow calls fn with the lines behind q.After as they come, until the context
// ends, which is no error, or fn gives one. Read comes first, and says where to
// go on. The stream is made if it is not there.
func Follow(ctx context.Context, conn *journal.Conn, q Query, fn func(Entry) error) error {
	if err := ensure(ctx, conn); err != nil {
		return err
	}
	config := journal.ReaderConfig{
		Stream: Stream, Filter: q.filter(), After: q.After, Name: "logs", Buffer: 1 << 20,
		Metadata: map[string]string{journal.MetadataKind: "reader"},
	}
	r, err := conn.NewReader(ctx, config)
	if errors.Is(err, journal.ErrPositionBeyondEnd) { // the stream was made again
		config.After = 0
		r, err = conn.NewReader(ctx, config)
	}
	if err != nil {
		return fmt.Errorf("follow the log: %w", err)
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow the log: %w", err)
		}
		e, err := decode(m.Data)
		if err != nil {
			return fmt.Errorf("%s at sequence %d: %w", m.Subject, m.Seq, err)
		}
		if e.Seq = m.Seq; !q.admits(&e) {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}

// ensure makes the stream.
func ensure(ctx context.Context, conn *journal.Conn) error {
	_, err := conn.EnsureStream(ctx, journal.StreamConfig{
		Name: Stream, Subjects: []string{root + ">"}, Metadata: map[string]string{journal.MetadataKind: "logs"},
		Bounds: &journal.Bounds{Age: keepAge, Bytes: keepBytes, PerSubject: keepLines},
	})
	if err != nil {
		return fmt.Errorf("stream of logs: %w", err)
	}
	return nil
}

// What the stream keeps at most.
const (
	keepAge   = 7 * 24 * time.Hour
	keepBytes = 256 << 20
	keepLines = 10_000 // of a task
)

// plain reads a JSON value; numbers keep their text.
func plain(text json.RawMessage) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}
