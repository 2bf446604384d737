package nats

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"weir/internal/natsendpoint"
	"weir/sources"
)

// readAhead is how many bytes of documents wait for Pull at most, beside one
// more of each binding: it is also a batch.
const readAhead = 4 << 20

// stateVersion is the format version of the capture's state.
const stateVersion = 1

// state is the capture's state: how far each binding has read.
type state struct {
	V        int                  `json:"v"`
	Bindings map[string]*position `json:"bindings,omitempty"` // by state key
}

// position is everything of a stream through a sequence.
type position struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"ts"`      // of the message at Seq; zero: no message was captured there
	Created time.Time `json:"created"` // when the stream was made
}

// session is one shard's connection. Each binding has a goroutine that reads
// its stream or subject ahead; Pull takes what is there.
type session struct {
	conn *natsendpoint.Conn
	log  *zap.Logger
	stop context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	queue  []item
	bytes  int
	err    error
	closed bool
	ready  chan struct{} // to Pull: there is something to see; one slot
	room   chan struct{} // closed and made anew when Pull has taken everything
}

// item is a document, or only a position.
type item struct {
	binding int
	key     string // of the binding's state; empty for a core subject
	data    []byte // nil: only the position moves
	at      position
}

var _ sources.Session = (*session)(nil)

// Open connects and begins to read.
func (source) Open(ctx context.Context, r sources.OpenRequest) (sources.Session, error) {
	bindings, err := parseBindings(r.Bindings)
	if err != nil {
		return nil, err
	}
	known, err := parseState(r.State)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, r.Config, r.DataDir, r.Task)
	if err != nil {
		return nil, err
	}
	lifetime, stop := context.WithCancel(context.Background()) // ended by Close
	s := &session{conn: conn, log: cmp.Or(r.Log, zap.NewNop()), stop: stop, ready: make(chan struct{}, 1), room: make(chan struct{})}
	for i, b := range bindings {
		run, err := s.begin(ctx, i, b, r.Bindings[i].StateKey, known.Bindings[r.Bindings[i].StateKey])
		if err != nil {
			_ = s.Close()
			return nil, err
		}
		s.done.Add(1)
		go func() {
			defer s.done.Done()
			s.fail(run(lifetime))
		}()
	}
	return s, nil
}

// begin starts to read a binding and gives the function that goes on.
func (s *session) begin(ctx context.Context, index int, b *binding, key string, at *position) (func(context.Context) error, error) {
	if b.Subject != "" {
		return s.subscribe(index, b)
	}
	f := &feed{session: s, index: index, binding: b, key: key}
	if err := f.open(ctx, at); err != nil {
		return nil, err
	}
	return f.run, nil
}

func parseState(text json.RawMessage) (state, error) {
	known := state{}
	if len(text) == 0 {
		return known, nil
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return known, fmt.Errorf("nats: state of the capture: %w", err)
	}
	if known.V < 1 || known.V > stateVersion {
		return known, fmt.Errorf("nats: the capture's state has format version %d, but this weir reads up to %d: run the newer weir that wrote it", known.V, stateVersion)
	}
	return known, nil
}

// push hands an item to Pull. It waits while there is no room.
func (s *session) push(ctx context.Context, it item) error {
	s.mu.Lock()
	for s.bytes >= readAhead && !s.closed {
		room := s.room
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-room:
		}
		s.mu.Lock()
	}
	s.queue = append(s.queue, it)
	s.bytes += len(it.data)
	s.mu.Unlock()
	s.wake()
	return nil
}

// fail ends the session: what was read before is given first.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.err == nil && err != nil {
		s.err = err
	}
	s.mu.Unlock()
	s.wake()
}

func (s *session) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

var errClosed = errors.New("nats: the session is closed")

// Pull gives everything that was read ahead.
func (s *session) Pull(ctx context.Context) (sources.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return sources.Batch{}, err
		}
		items, err := s.take()
		if err != nil {
			return sources.Batch{}, err
		}
		if len(items) > 0 {
			return batch(items)
		}
		select {
		case <-ctx.Done():
		case <-s.ready:
		}
	}
}

func (s *session) take() ([]item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		s.wake() // for whoever else pulls
		return nil, errClosed
	case len(s.queue) == 0:
		return nil, s.err
	}
	items := s.queue
	s.queue, s.bytes = nil, 0
	close(s.room)
	s.room = make(chan struct{})
	return items, nil
}

// batch gives documents and the state behind them, as a patch of the state
// before.
func batch(items []item) (sources.Batch, error) {
	b := sources.Batch{Merge: true}
	moved := state{V: stateVersion, Bindings: map[string]*position{}}
	for i := range items {
		it := &items[i]
		if it.data != nil {
			b.Documents = append(b.Documents, sources.Document{Binding: it.binding, Data: it.data})
		}
		if it.key != "" {
			moved.Bindings[it.key] = &it.at
		}
	}
	var err error
	b.State, err = json.Marshal(moved)
	return b, err
}

// Acknowledge has nothing to tell: the server keeps no position.
func (s *session) Acknowledge(ctx context.Context, _ int) error { return ctx.Err() }

// Close ends the session. Consumers that the server does not hear of remove
// themselves.
func (s *session) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	if !was {
		close(s.room)
		s.room = make(chan struct{})
	}
	s.mu.Unlock()
	s.stop()
	s.wake()
	if !was {
		s.done.Wait()
		s.conn.Close()
	}
	return nil
}
