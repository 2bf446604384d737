package generator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"weir/sources"
)

const (
	// batchDocuments and batchBytes bound a batch: it has to fit into one
	// transaction, and a transaction takes several.
	batchDocuments = 500
	batchBytes     = 1 << 20
)

// session makes the documents of one capture.
type session struct {
	makers []*maker
	now    func() time.Time
	began  time.Time
	close  sync.Once
	closed chan struct{}
}

var errClosed = errors.New("generator: the session is closed")

// Pull makes what is due, or waits until something is.
func (s *session) Pull(ctx context.Context) (sources.Batch, error) {
	for {
		select {
		case <-s.closed:
			return sources.Batch{}, errClosed
		case <-ctx.Done():
			return sources.Batch{}, ctx.Err()
		default:
		}
		b, wait, err := s.make()
		if err != nil || len(b.Documents) > 0 {
			return b, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.closed:
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// make makes a batch of what is due, taking turns; if nothing is, it says how
// long to wait, or io.EOF when all were made.
func (s *session) make() (b sources.Batch, wait time.Duration, err error) {
	elapsed := s.now().Sub(s.began)
	wait, size, left := math.MaxInt64, 0, false
	changed := map[string]int64{}
	for turn := 0; turn < len(s.makers) && len(b.Documents) < batchDocuments && size < batchBytes; {
		turn = 0
		for _, m := range s.makers {
			due, until := m.due(elapsed)
			left = left || until < math.MaxInt64
			if !due || len(b.Documents) >= batchDocuments {
				wait = min(wait, until)
				turn++
				continue
			}
			doc, err := m.next()
			if err != nil {
				return sources.Batch{}, 0, fmt.Errorf("generator: binding %d (%s), document %d: %w", m.binding, m.resource.Name, m.made+1, err)
			}
			size += len(doc)
			b.Documents = append(b.Documents, sources.Document{Binding: m.binding, Data: doc})
			changed[m.stateKey] = m.made
		}
	}
	if len(b.Documents) == 0 {
		if !left {
			return b, 0, io.EOF
		}
		return b, wait, nil
	}
	b.Merge = true
	b.State, err = json.Marshal(state{stateVersion, changed})
	return b, 0, err
}

// due says whether a document is due, and if not, how long it takes until one
// is; for ever when all were made.
func (m *maker) due(elapsed time.Duration) (due bool, until time.Duration) {
	if m.count >= 0 && m.made >= m.count {
		return false, math.MaxInt64
	}
	if m.rate == 0 {
		return true, 0
	}
	at := float64(m.here) / m.rate * float64(time.Second)
	if at >= math.MaxInt64 {
		return false, math.MaxInt64 - 1
	}
	return time.Duration(at) <= elapsed, max(time.Duration(at)-elapsed, 0)
}

// Acknowledge has nothing to do.
func (s *session) Acknowledge(ctx context.Context, _ int) error { return ctx.Err() }

// Close ends the session.
func (s *session) Close() error {
	s.close.Do(func() { close(s.closed) })
	return nil
}
