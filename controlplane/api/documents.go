package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/collection"
	"weir/controlplane"
	"weir/controlplane/documents"
	"weir/fault"
	"weir/journal"
)

const (
	usualLimit = 100
	mostLimit  = 1000
	pageBuffer = 1 << 20  // bytes that are read ahead
	pageBytes  = 32 << 20 // of the documents of one answer
	pageTime   = callTimeout * 2 / 3
)

// limit checks how many are asked for; 0 is as many as usual.
func limit(name string, n *int, usual int) error {
	if *n == 0 {
		*n = usual
	}
	if *n < 1 || *n > mostLimit {
		return invalid(fmt.Sprintf("%s: %d is not between 1 and %d", name, *n, mostLimit))
	}
	return nil
}

// Read gives documents of a collection by position, time or key.
func (s *Service) Read(ctx context.Context, r ReadRequest) (ReadAnswer, error) {
	c, err := s.published(ctx, r.Collection)
	if err != nil {
		return ReadAnswer{}, err
	}
	if err := limit("limit", &r.Limit, usualLimit); err != nil {
		return ReadAnswer{}, err
	}
	partitions := map[string][]string{}
	for _, text := range r.Partitions {
		field, value, ok := strings.Cut(text, "=")
		if !ok {
			return ReadAnswer{}, invalid(fmt.Sprintf("partitions: %q is not written as field=value", text))
		}
		partitions[field] = append(partitions[field], value)
	}
	q, err := documents.NewQuery(c, r.Key, partitions)
	if err != nil {
		return ReadAnswer{}, invalid(err.Error())
	}
	q.Buffer = pageBuffer
	if r.Newest {
		return s.newest(ctx, q, r.Limit)
	}
	if err := q.Begin(ctx, s.conn, r.From, time.Now()); errors.Is(err, documents.ErrFrom) {
		return ReadAnswer{}, invalid("from: " + err.Error())
	} else if err != nil {
		return ReadAnswer{}, err
	}
	return s.page(ctx, q, r.Limit)
}

// published compiles a collection as it is published now.
func (s *Service) published(ctx context.Context, name string) (*collection.Collection, error) {
	records, err := controlplane.Records(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, r := range records {
		if r.Collection != nil && r.Collection.Name == name {
			return collection.New(r.Collection)
		}
		if r.Collection != nil {
			known = append(known, r.Collection.Name)
		}
	}
	return nil, notFound("collection", name, known)
}

// errEnough ends a page.
var errEnough = errors.New("enough")

// page reads documents from where a query begins. Where few of many are asked
// for, it ends after a while with what was found, so that the next one goes on.
func (s *Service) page(ctx context.Context, q *documents.Query, limit int) (ReadAnswer, error) {
	a := ReadAnswer{Documents: []Document{}}
	begin, size := q.After, 0
	soon, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	err := q.Read(soon, s.conn, func(d documents.Document) error {
		if len(a.Documents) == limit || size > pageBytes {
			a.More = true
			return errEnough
		}
		size += len(d.Data)
		a.Documents = append(a.Documents, documentOf(d.Seq, d.Time, d.Subject, d.Data))
		return nil
	})
	a.Next = q.After + 1
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && q.After > begin {
		a.More, err = true, nil
	}
	if errors.Is(err, errEnough) || errors.Is(err, journal.ErrPositionBeyondEnd) {
		err = nil
	}
	return a, err
}

func documentOf(seq uint64, at time.Time, subject string, data []byte) Document {
	d := Document{Seq: seq, Time: at.UTC(), Subject: subject}
	if json.Valid(data) {
		d.Document = data
	} else {
		d.Text = strings.ToValidUTF8(string(data), "�")
	}
	return d
}

// newest gives the newest documents. How far back they begin nobody knows before:
// it goes back in growing steps until there are enough of them.
func (s *Service) newest(ctx context.Context, q *documents.Query, limit int) (ReadAnswer, error) {
	info, err := s.conn.StreamInfo(ctx, q.Collection.StreamName())
	if err != nil {
		return ReadAnswer{}, err
	}
	start := max(info.First, 1) - 1
	for step := uint64(2 * limit); ; step *= 8 {
		begin := start
		if info.Last > step {
			begin = max(start, info.Last-step)
		}
		q.After = begin
		a := ReadAnswer{Documents: []Document{}, Next: info.Last + 1}
		err := q.Read(ctx, s.conn, func(d documents.Document) error {
			if len(a.Documents) == 2*limit {
				a.Documents = append(a.Documents[:0], a.Documents[limit:]...)
			}
			a.Documents = append(a.Documents, documentOf(d.Seq, d.Time, d.Subject, d.Data))
			a.Next = max(a.Next, d.Seq+1)
			return nil
		})
		if err != nil {
			return a, err
		}
		if n := len(a.Documents); n > limit {
			a.Documents = a.Documents[n-limit:]
		}
		if len(a.Documents) == limit || begin == start {
			return a, nil
		}
	}
}

// Document gives one stored document.
func (s *Service) Document(ctx context.Context, r DocumentRequest) (Document, error) {
	if _, err := s.published(ctx, r.Collection); err != nil {
		return Document{}, err
	}
	m, err := s.conn.Get(ctx, collection.StreamName(r.Collection), r.Seq)
	if err == nil && !strings.HasPrefix(m.Subject, strings.TrimSuffix(collection.DocFilter(r.Collection), ">")) {
		err = journal.ErrNoMessage // it is a marker
	}
	if errors.Is(err, journal.ErrNoMessage) {
		return Document{}, &Error{Code: fault.NotFound, Message: fmt.Sprintf("%s holds no document at sequence %d", r.Collection, r.Seq), Fix: "it may be erased, or the sequence may be a marker's; read from there on"}
	}
	if err != nil {
		return Document{}, err
	}
	return documentOf(m.Seq, m.Time, m.Subject, m.Data), nil
}

// Follow calls each with the documents behind a position, as they come, until
// the context ends; that is no error.
func (s *Service) Follow(ctx context.Context, name string, after uint64, each func(Document) error) error {
	c, err := s.published(ctx, name)
	if err != nil {
		return err
	}
	q, err := documents.NewQuery(c, nil, nil)
	if err != nil {
		return err
	}
	q.After, q.Buffer = after, pageBuffer
	err = q.Follow(ctx, s.conn, func() error { return nil }, func(d documents.Document) error {
		return each(documentOf(d.Seq, d.Time, d.Subject, d.Data))
	})
	if ctx.Err() == nil {
		return err
	}
	return nil
}
