package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"weir/collection"
	"weir/sources"
)

const (
	// pullBytes is how many bytes of documents a batch has, unless one request
	// has more.
	pullBytes = 4 << 20
	// stateVersion is the version of this source's state.
	stateVersion = 1
	// farewell is how long an answer may take to be sent, and so a session to
	// close.
	farewell = 5 * time.Second
)

var (
	errClosed    = errors.New("http: the session is closed")
	errOtherBody = errors.New("another body came under the idempotency key")
)

// state is the capture's: how many documents it has taken, ever.
type state struct {
	V         int    `json:"v"`
	Documents uint64 `json:"documents"`
}

// session is one capture's part of a listener.
type session struct {
	task     string
	settings *settings
	limits   sources.Limits
	bindings []binding
	budget   budget
	zipped   sync.Pool // *gzip.Reader
	detach   func()    // from its listener
	now      func() time.Time

	ready   chan struct{}  // one: something was queued
	closed  chan struct{}  // with err
	answers sync.WaitGroup // requests that wait to be answered

	mu     sync.Mutex
	queue  []*pending   // in the order in which they came
	queued load         // of queue
	handed [][]*pending // by batch, in the order of Pull
	pace   pace
	window *window
	flying map[keyHash]*pending // queued or handed out
	state  state
	err    error // why it is closed
}

// binding is a path of a session.
type binding struct {
	collection *collection.Collection
	resource   resource
	pattern    pattern
	stateKey   string
	checkers   *sync.Pool // *collection.Checker
}

// pending is a request whose documents are good, and not durable yet. Whoever
// sends it waits for done.
type pending struct {
	intake  *intake
	binding int
	keyed   bool
	known   known // with keyed: as it will be remembered
	count   int   // of documents
	done    chan struct{}
	durable bool // once done is closed
}

func newSession(r sources.OpenRequest, s *settings, bindings []binding) (*session, error) {
	w, err := newWindow(s.keys, s.keyAge, r.Records)
	if err != nil {
		return nil, err
	}
	out := &session{
		task: r.Task, settings: s, limits: r.Limits, bindings: bindings, now: time.Now, detach: func() {},
		ready: make(chan struct{}, 1), closed: make(chan struct{}),
		window: w, flying: map[keyHash]*pending{}, state: state{V: stateVersion},
	}
	out.budget.limit = int64(s.pendingBytes)
	out.limits.Documents = orDefault(out.limits.Documents, math.MaxInt)
	out.limits.DocumentBytes = orDefault(out.limits.DocumentBytes, math.MaxInt)
	if len(r.State) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(r.State, &out.state); err != nil {
		return nil, fmt.Errorf("http: state of %s: %w", r.Task, err)
	}
	if v := out.state.V; v < 1 || v > stateVersion {
		return nil, fmt.Errorf("http: the state of %s has format version %d, but this weir reads up to %d: run the newer weir that wrote it", r.Task, v, stateVersion)
	}
	return out, nil
}

// submit queues a request, unless its key is known: then it gives the request
// that was written before, or the one that is on its way. The caller waits for
// what it gives, and calls answers.Done once it has answered.
func (s *session) submit(p *pending) (earlier known, wait *pending, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return known{}, nil, s.err
	}
	if p.keyed {
		if k, ok := s.window.find(p.known.key, s.now()); ok {
			if k.differs(p.known) {
				return known{}, nil, errOtherBody
			}
			return k, nil, nil
		}
		if other := s.flying[p.known.key]; other != nil {
			if other.known.differs(p.known) {
				return known{}, nil, errOtherBody
			}
			s.answers.Add(1)
			return known{}, other, nil
		}
		s.flying[p.known.key] = p
	}
	s.answers.Add(1)
	if len(s.queue) == 0 {
		s.pace.queued = s.now()
	}
	s.queue = append(s.queue, p)
	s.queued.documents, s.queued.bytes = s.queued.documents+p.count, s.queued.bytes+p.intake.bytes
	s.pace.came++
	s.wake()
	return known{}, p, nil
}

// wake lets a waiting Pull look again.
func (s *session) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// lookup gives the request that was written before under a key.
func (s *session) lookup(key keyHash) (known, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.find(key, s.now())
}

// Pull gives the requests that are there as one batch.
func (s *session) Pull(ctx context.Context) (sources.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return sources.Batch{}, err
		}
		batch, wait, err := s.take()
		if len(batch.Documents) > 0 || err != nil {
			return batch, err
		}
		if err := s.await(ctx, wait); err != nil {
			return sources.Batch{}, err
		}
	}
}

// await waits for a request, for a while at most; 0: for as long as it takes.
func (s *session) await(ctx context.Context, wait time.Duration) error {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-over:
	case <-s.closed:
	case <-s.ready:
	}
	return nil
}

// take hands out what is queued, as much as a batch holds, or says how long to
// wait for more.
func (s *session) take() (batch sources.Batch, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || len(s.queue) == 0 {
		return batch, 0, s.err
	}
	now := s.now()
	if wait := s.gather(now); wait > 0 {
		return batch, wait, nil
	}
	n, documents, bytes := 0, 0, 0
	for _, p := range s.queue {
		if n > 0 && (documents+p.count > s.limits.Documents || bytes+p.intake.bytes > pullBytes) {
			break
		}
		n, documents, bytes = n+1, documents+p.count, bytes+p.intake.bytes
	}
	taken := append([]*pending(nil), s.queue[:n]...)
	s.queue = append(s.queue[:0], s.queue[n:]...)
	s.queued.documents, s.queued.bytes = s.queued.documents-documents, s.queued.bytes-bytes
	s.pace.queued = now // as if what is left came now: it is next anyway
	batch.Documents = make([]sources.Document, 0, documents)
	for _, p := range taken {
		batch.Documents = p.append(batch.Documents)
		if !p.keyed {
			continue
		}
		p.known.seq = s.window.number()
		r, err := s.window.record(p.known)
		if err != nil {
			return batch, 0, err
		}
		batch.Records = append(batch.Records, r)
	}
	s.state.Documents += uint64(documents)
	if batch.State, err = json.Marshal(s.state); err != nil {
		return batch, 0, fmt.Errorf("encode state: %w", err)
	}
	if len(s.handed) == 0 {
		s.pace.handed = now
	}
	s.handed = append(s.handed, taken)
	return batch, 0, nil
}

func (p *pending) append(dst []sources.Document) []sources.Document {
	for i := range p.intake.placed {
		d := &p.intake.placed[i]
		dst = append(dst, sources.Document{Binding: p.binding, Data: d.Doc.Raw(0), Placed: d})
	}
	return dst
}

// Acknowledge answers the requests of n batches: they are durable.
func (s *session) Acknowledge(_ context.Context, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if n > len(s.handed) {
		return fmt.Errorf("http: %d batches are acknowledged of %d that were pulled", n, len(s.handed))
	}
	s.pace.answered, s.pace.awaited, s.pace.came = s.now(), 0, 0
	s.pace.commit = s.pace.answered.Sub(s.pace.handed)
	s.pace.handed = s.pace.answered
	for _, batch := range s.handed[:n] {
		s.pace.awaited += len(batch)
		for _, p := range batch {
			if p.keyed {
				s.window.add(p.known)
				delete(s.flying, p.known.key)
			}
			p.durable = true
			p.end()
		}
	}
	s.handed = append(s.handed[:0], s.handed[n:]...)
	s.wake()
	return nil
}

// end lets go of a request's memory and wakes who waits for it.
func (p *pending) end() {
	p.intake.hold.release()
	close(p.done)
}

// Close refuses what is queued and what is to come, says of what was handed
// out that it may not be durable, and waits until all of it is answered.
func (s *session) Close() error {
	s.fail(errClosed)
	s.answers.Wait()
	s.detach() // last: it may end the listener, and answers with it
	return nil
}

// fail ends the session with an error, which the next step gives.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	open := s.queue
	for _, batch := range s.handed {
		open = append(open, batch...)
	}
	s.queue, s.handed, s.flying = nil, nil, nil
	close(s.closed)
	s.mu.Unlock()
	for _, p := range open {
		p.end()
	}
}
