package documents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/journal"
)

// Document is a stored document.
type Document struct {
	Seq     uint64          `json:"seq"`
	Time    time.Time       `json:"ts"`
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"document"`
}

// Query says which documents of a collection are meant.
type Query struct {
	Collection *collection.Collection
	Selection  collection.Selection // of logical partitions
	Key        []byte               // packed; nil: any
	After      uint64               // position: the sequence of the last message that is not wanted
	Buffer     int                  // bytes to read ahead; 0 is much
}

// NewQuery asks for all documents of a collection that have the given key, as
// people write it (none: any), and the given values of logical partitions.
func NewQuery(c *collection.Collection, key []string, partitions map[string][]string) (*Query, error) {
	q := &Query{Collection: c}
	var err error
	if len(key) > 0 {
		if q.Key, err = c.ParseKey(key); err != nil {
			return nil, err
		}
	}
	selector := &catalog.Selector{Include: map[string][]json.RawMessage{}}
	for field, values := range partitions {
		if !slices.Contains(c.Fields, field) {
			return nil, fmt.Errorf("%s has no logical partition %s: %s", c.Name, field, knownFields(c))
		}
		for _, v := range values {
			text := json.RawMessage(v)
			if !json.Valid(text) {
				text = document.AppendQuoted(nil, v)
			}
			selector.Include[field] = append(selector.Include[field], text)
		}
	}
	q.Selection, err = c.Select(selector)
	return q, err
}

func knownFields(c *collection.Collection) string {
	if len(c.Fields) == 0 {
		return "it has none (a projection with `partition: true` makes one)"
	}
	return "it has " + strings.Join(c.Fields, ", ")
}

// filter is the one subject that reads what is asked for, and perhaps more.
func (q *Query) filter() (string, error) {
	if q.Key == nil {
		return q.Selection.Filter(), nil
	}
	return q.Selection.KeyFilter(q.Key)
}

// admits says whether a message is asked for.
func (q *Query) admits(m *journal.Message) bool {
	if !q.Selection.Has(m.Subject) {
		return false
	}
	if q.Key == nil {
		return true
	}
	var d document.Doc
	return d.Parse(m.Data) != nil || q.Collection.HasKey(&d, q.Key) // what is no JSON is there to be seen
}

// Begin sets where the query begins:
//
//	first, last, new  the oldest document, the newest one, those that are yet to come
//	17                the sequence
//	90s, 5m, 2h, 3d   what was stored within that time
//	a time            what was stored since, as 2026-01-31T12:00:00Z (RFC 3339) or 2026-01-31
func (q *Query) Begin(ctx context.Context, conn *journal.Conn, from string, now time.Time) error {
	stream := q.Collection.StreamName()
	seq, notNumber := strconv.ParseUint(from, 10, 64)
	switch {
	case from == "" || from == "first":
		q.After = 0
		return nil
	case from == "last":
		return q.beginLast(ctx, conn)
	case from == "new":
		info, err := conn.StreamInfo(ctx, stream)
		q.After = info.Last
		return err
	case notNumber == nil:
		q.After = max(seq, 1) - 1
		return nil
	}
	since, err := parseSince(from, now)
	if err != nil {
		return err
	}
	q.After, err = conn.Since(ctx, stream, since)
	return err
}

func (q *Query) beginLast(ctx context.Context, conn *journal.Conn) error {
	filter, err := q.filter()
	if err != nil {
		return err
	}
	m, err := conn.Last(ctx, q.Collection.StreamName(), filter)
	if errors.Is(err, journal.ErrNoMessage) {
		return nil
	}
	if err == nil {
		q.After = m.Seq - 1
	}
	return err
}

// ErrFrom says that a text is no beginning.
var ErrFrom = errors.New("is no sequence, time, age (as 90s, 5m, 2h or 3d), nor first, last or new")

func parseSince(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q %w", text, ErrFrom)
}

func shown(m *journal.Message) Document {
	return Document{Seq: m.Seq, Time: m.Time.UTC(), Subject: m.Subject, Data: m.Data}
}

// Read calls fn with every document that is there now, in order. fn's error
// ends it. After moves on with what was looked at, also where it is not asked for.
func (q *Query) Read(ctx context.Context, conn *journal.Conn, fn func(Document) error) error {
	filter, err := q.filter()
	if err != nil {
		return err
	}
	return conn.ReadThrough(ctx, journal.ReaderConfig{Stream: q.Collection.StreamName(), Filter: filter, After: q.After, Name: "weir_read", Buffer: q.Buffer}, func(m journal.Message) error {
		if q.admits(&m) {
			if err := fn(shown(&m)); err != nil {
				return err
			}
		}
		q.After = m.Seq
		return nil
	})
}

// Follow calls fn with every document that is there, and then with those that
// come, until fn's error or ctx ends it. idle is called whenever nothing more
// is there for the moment.
func (q *Query) Follow(ctx context.Context, conn *journal.Conn, idle func() error, fn func(Document) error) error {
	filter, err := q.filter()
	if err != nil {
		return err
	}
	r, err := conn.NewReader(ctx, journal.ReaderConfig{Stream: q.Collection.StreamName(), Filter: filter, After: q.After, Name: "weir_read", Buffer: q.Buffer})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		m, ok, err := r.TryNext()
		if err == nil && !ok {
			if err := idle(); err != nil {
				return err
			}
			m, err = r.Next(ctx)
		}
		if err != nil {
			return err
		}
		if q.admits(&m) {
			if err := fn(shown(&m)); err != nil {
				return err
			}
		}
	}
}
