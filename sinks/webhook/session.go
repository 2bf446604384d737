package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"weir/sinks"
)

// target is where a binding's documents go.
type target struct {
	name       string // of task and resource, in idempotency keys
	collection string
	url        string
	shown      string // url, without what may be secret
}

// session sends the transactions of one shard.
type session struct {
	settings *settings
	client   *http.Client
	targets  []target
	lanes    []lane
	log      *zap.Logger
	broken   error // why it is good for Close only

	confirmed *confirmed // of the transaction

	now   func() time.Time
	pause func(ctx context.Context, d time.Duration) error
}

// lane is a row of requests of which one is under way at a time. The documents
// of a key are in one lane.
type lane struct{ batches []*batch }

// batch is the documents of one request.
type batch struct {
	target    int
	text      []byte // the documents, one after the other
	ends      []int  // in text
	keys      [][]byte
	published []int64 // of each document, in nanoseconds since 1970
}

var (
	errClosed = errors.New("webhook: the session is closed")
	errLoad   = errors.New("webhook: an endpoint cannot be asked for documents")
)

func now() time.Time { return time.Now() }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Load is never asked for: bindings are in delta mode.
func (s *session) Load(context.Context, int, [][]byte, func(int, []byte) error) error {
	s.broken = errLoad
	return errLoad
}

// Store keeps rows for Commit.
func (s *session) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	if s.broken != nil {
		return s.broken
	}
	for i := range rows {
		if err := ctx.Err(); err != nil {
			s.broken = err
			return err
		}
		s.laneOf(rows[i].Key).add(s.settings, binding, &rows[i])
	}
	return nil
}

func (s *session) laneOf(key []byte) *lane {
	h := fnv.New32a()
	h.Write(key)
	return &s.lanes[h.Sum32()%uint32(len(s.lanes))]
}

func (l *lane) add(s *settings, binding int, row *sinks.Row) {
	var b *batch
	if n := len(l.batches); n > 0 {
		b = l.batches[n-1]
	}
	if b == nil || b.target != binding || len(b.ends) >= s.documents || len(b.text)+len(row.Raw)+len(b.ends)+2 > s.bytes {
		b = &batch{target: binding}
		l.batches = append(l.batches, b)
	}
	b.text = row.Doc.Append(b.text, 0) // on one line
	b.ends = append(b.ends, len(b.text))
	b.keys = append(b.keys, append([]byte(nil), row.Key...))
	b.published = append(b.published, row.Published.UnixNano())
}

// Commit sends what was stored, and returns when the endpoint has confirmed
// all of it.
func (s *session) Commit(ctx context.Context, _ []byte) error {
	if s.broken != nil {
		return s.broken
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sending sync.WaitGroup
	for i := range s.lanes {
		batches := s.lanes[i].batches
		s.lanes[i].batches = nil
		if len(batches) == 0 {
			continue
		}
		sending.Go(func() {
			for _, b := range batches {
				if err := s.deliver(ctx, b); err != nil {
					cancel(err) // the first one counts
					return
				}
			}
		})
	}
	sending.Wait()
	if s.broken = context.Cause(ctx); s.broken != nil {
		return s.broken
	}
	s.confirmed.clear()
	return nil
}

// Rollback drops what was stored.
func (s *session) Rollback(context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	for i := range s.lanes {
		s.lanes[i].batches = nil
	}
	return nil
}

// Close ends the session.
func (s *session) Close() error {
	if s.broken == nil {
		s.broken = errClosed
	}
	s.lanes = nil
	s.client.CloseIdleConnections()
	return nil
}

// key names a request by what it holds: the documents, and when the newest
// that each was made of was stored, so that a document which comes back to a
// former value is not taken for that one.
func (s *session) key(b *batch) string {
	h := sha256.New()
	var n [8]byte
	part := func(p []byte) {
		h.Write(binary.BigEndian.AppendUint64(n[:0], uint64(len(p))))
		h.Write(p)
	}
	part([]byte(s.targets[b.target].name))
	for i := range b.ends {
		h.Write(binary.BigEndian.AppendUint64(n[:0], uint64(b.published[i])))
		part(b.document(i))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// document gives the text of a document.
func (b *batch) document(i int) []byte {
	begin := 0
	if i > 0 {
		begin = b.ends[i-1]
	}
	return b.text[begin:b.ends[i]]
}

// body gives the request's body in the configured form.
func (b *batch) body(format string) []byte {
	if format == formatDocument {
		return b.text
	}
	out := make([]byte, 0, len(b.text)+len(b.ends)+1)
	for i := range b.ends {
		switch {
		case format == formatArray && i == 0:
			out = append(out, '[')
		case format == formatArray:
			out = append(out, ',')
		}
		if out = append(out, b.document(i)...); format == formatLines {
			out = append(out, '\n')
		}
	}
	if format == formatArray {
		out = append(out, ']')
	}
	return out
}

// halves divides a batch.
func (b *batch) halves() (first, second *batch) {
	n := len(b.ends) / 2
	at := b.ends[n-1]
	first = &batch{target: b.target, text: b.text[:at:at], ends: b.ends[:n], keys: b.keys[:n], published: b.published[:n]}
	second = &batch{target: b.target, text: b.text[at:], keys: b.keys[n:], published: b.published[n:]}
	for _, end := range b.ends[n:] {
		second.ends = append(second.ends, end-at)
	}
	return first, second
}

// deliver sends a batch. If the endpoint refuses it for its content, it is
// divided: what is good is taken, and what is not is named. A batch that is
// only too large gets through that way.
func (s *session) deliver(ctx context.Context, b *batch) error {
	err := s.send(ctx, b)
	var refused *refusal
	if err == nil || !errors.As(err, &refused) {
		return err
	}
	if len(b.ends) == 1 || !refused.content() {
		return s.blame(b, refused)
	}
	first, second := b.halves()
	if err := s.deliver(ctx, first); err != nil {
		return err
	}
	return s.deliver(ctx, second)
}

// blame names what a refusal is for.
func (s *session) blame(b *batch, r *refusal) error {
	to := s.targets[b.target]
	first := keyText(b.keys[0])
	if len(b.ends) == 1 {
		return fmt.Errorf("webhook: %s refuses document %s of %s: %w", to.shown, first, to.collection, r)
	}
	return fmt.Errorf("webhook: %s refuses %d documents of %s, keys %s to %s: %w", to.shown, len(b.ends), to.collection, first, keyText(b.keys[len(b.keys)-1]), r)
}
