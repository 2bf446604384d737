package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// defaultBuffer is how many bytes a reader reads ahead unless told otherwise.
const defaultBuffer = 8 << 20

// ReaderConfig says what to read, from where.
type ReaderConfig struct {
	Stream string
	Filter string // one subject, which may hold wildcards; "" reads all
	After  uint64 // position: the sequence of the last message not wanted
	// Name begins the name of the reader's consumer, which nobody else uses.
	Name     string
	Buffer   int             // bytes to read ahead, at least one message; 8 MiB
	Wake     chan<- struct{} // nudged, without waiting, when there is something new to see
	Metadata map[string]string

	heartbeat      time.Duration // usualBeat; shorter in tests
	lastPerSubject bool          // only the newest message of each subject, then what follows
}

// ReaderStats counts what a reader went through.
type ReaderStats struct {
	Consumers uint64 // made so far; more than 1 means that the reader had to begin again at its position
}

// Reader hands out messages in the order of the stream, each once and without
// gaps. Its consumer on the server is only a cursor: whenever anything is not
// as it should be (a lost connection, a gap, a missed heartbeat, a consumer
// that is gone) the reader makes a new one behind the last message it has, and
// nobody notices but Stats.
//
// TryNext, Next and CaughtUp belong to one goroutine; Pending, Stats and Close
// may be called from any.
type Reader struct {
	c   *Conn
	cfg ReaderConfig

	batch []Message // being handed out, from at on; the caller's
	at    int
	eaten int // bytes handed out since the pump was last told

	mu    sync.Mutex
	ready []Message // for the next batch; the pump's
	err   error     // why there will be no more

	receivedMsgs  atomic.Uint64
	handedMsgs    atomic.Uint64
	receivedBytes atomic.Int64
	handedBytes   atomic.Int64
	told          atomic.Uint64 // messages received, and those that match and wait on the server
	live          atomic.Bool   // there is a consumer, so told can be trusted
	consumers     atomic.Uint64

	notify chan struct{} // for Next; one slot
	room   chan struct{} // to the pump: something was handed out; one slot
	cancel context.CancelFunc
	done   chan struct{} // closed when the pump has ended
}

// NewReader begins to read. Errors: ErrNoStream, ErrPositionBeyondEnd when the
// stream never reached After, refusals as *APIError, that of ctx.
func (c *Conn) NewReader(ctx context.Context, cfg ReaderConfig) (*Reader, error) {
	if cfg.Buffer <= 0 {
		cfg.Buffer = defaultBuffer
	}
	if cfg.heartbeat == 0 {
		cfg.heartbeat = usualBeat
	}
	r := &Reader{
		c: c, cfg: cfg,
		notify: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{}),
	}
	p := &pump{r: r, pos: cfg.After, half: max(cfg.Buffer/2, 1), beat: cfg.heartbeat}
	if err := p.open(ctx); err != nil {
		return nil, fmt.Errorf("read stream %s after %d: %w", cfg.Stream, cfg.After, err)
	}
	lifetime, cancel := context.WithCancel(context.Background()) // ended by Close
	r.cancel = cancel
	go p.run(lifetime) // Close waits for done
	return r, nil
}

// TryNext gives the next message if it is here already; it never waits. The
// message's data is the caller's to keep. An error is the end of the reader,
// and comes after all that was read before it.
func (r *Reader) TryNext() (m Message, ok bool, err error) {
	if r.at == len(r.batch) {
		if err := r.swap(); err != nil || len(r.batch) == 0 {
			return Message{}, false, err
		}
	}
	m = r.batch[r.at]
	r.batch[r.at] = Message{} // or the slice would keep its data alive
	r.at++
	r.handedMsgs.Add(1)
	r.handedBytes.Add(int64(m.size))
	if r.eaten += m.size; r.at == len(r.batch) || r.eaten >= r.cfg.Buffer/4 {
		r.eaten = 0
		nudge(r.room)
	}
	return m, true, nil
}

// swap takes what has arrived, and leaves the emptied slice to the pump.
func (r *Reader) swap() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batch, r.ready, r.at = r.ready, r.batch[:0], 0
	if len(r.batch) == 0 {
		return r.err
	}
	return nil
}

// Next gives the next message, and waits for it until ctx ends.
func (r *Reader) Next(ctx context.Context) (Message, error) {
	for {
		m, ok, err := r.TryNext()
		if ok || err != nil {
			return m, err
		}
		select {
		case <-ctx.Done():
			return Message{}, ctx.Err()
		case <-r.notify:
		}
	}
}

// Pending is how many matching messages were not handed out yet, as far as it
// is known here.
func (r *Reader) Pending() uint64 {
	handed := r.handedMsgs.Load() // before told, which never is the smaller one
	return r.told.Load() - handed
}

// CaughtUp says whether everything that the server told of was handed out.
// While the server cannot be asked it is false; when it becomes true without a
// message, the reader's owner is woken.
func (r *Reader) CaughtUp() bool {
	return r.live.Load() && r.Pending() == 0
}

// Stats tells what the reader went through.
func (r *Reader) Stats() ReaderStats {
	return ReaderStats{Consumers: r.consumers.Load()}
}

// Close ends the reader and removes its consumer. It may be called twice.
func (r *Reader) Close() {
	r.cancel()
	<-r.done
}

func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wake tells whoever waits that there is something new to see.
func (r *Reader) wake() {
	nudge(r.notify)
	if r.cfg.Wake != nil {
		nudge(r.cfg.Wake)
	}
}

func (r *Reader) fail(err error) {
	r.mu.Lock()
	r.err = fmt.Errorf("read stream %s: %w", r.cfg.Stream, err)
	r.mu.Unlock()
	r.wake()
}

// ReadAll calls fn with every message that is there now, in order. fn's error
// ends it.
func (c *Conn) ReadAll(ctx context.Context, stream, filter string, after uint64, fn func(Message) error) error {
	return c.ReadThrough(ctx, ReaderConfig{Stream: stream, Filter: filter, After: after, Name: "all"}, fn)
}

// ReadThrough is ReadAll for who reads a little, and wants little read ahead.
func (c *Conn) ReadThrough(ctx context.Context, cfg ReaderConfig, fn func(Message) error) error {
	info, err := c.StreamInfo(ctx, cfg.Stream)
	if err != nil {
		return err
	}
	if info.Last == cfg.After {
		return nil
	}
	return c.readNow(ctx, cfg, func(m Message) (more bool, err error) {
		if m.Seq > info.Last {
			return false, nil
		}
		return m.Seq < info.Last, fn(m)
	})
}

// readNow hands messages to fn until it has had enough or nothing more is there.
func (c *Conn) readNow(ctx context.Context, cfg ReaderConfig, fn func(Message) (more bool, err error)) error {
	r, err := c.NewReader(ctx, cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		m, ok, err := r.TryNext()
		if err != nil {
			return err
		}
		if ok {
			more, err := fn(m)
			if err != nil || !more {
				return err
			}
			continue
		}
		if r.CaughtUp() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.notify:
		}
	}
}

// run keeps a consumer under the reader until Close or an error that stays.
func (p *pump) run(ctx context.Context) {
	defer close(p.r.done)
	for attempt := 0; ; attempt++ {
		began := time.Now()
		err := p.pull(ctx)
		p.r.live.Store(false)
		p.discard()
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longestPause {
			attempt = 0
		}
		p.r.c.log.Debug("reader begins again", zap.String("stream", p.r.cfg.Stream), zap.Uint64("after", p.pos), zap.Error(err))
		if err = p.again(ctx, attempt); err != nil {
			if ctx.Err() == nil {
				p.r.fail(err)
			}
			return
		}
		p.r.wake() // CaughtUp may be true again
	}
}

// again makes a new consumer at the pump's position.
func (p *pump) again(ctx context.Context, attempt int) error {
	for {
		if attempt > 0 {
			if err := p.r.c.pause(ctx, attempt); err != nil {
				return err
			}
		}
		err := p.open(ctx)
		var refused *APIError
		if err == nil || !errors.As(err, &refused) || !refused.storage() {
			return err
		}
		attempt++
	}
}

// longestName leaves room for the nonce in the server's limit of 255.
const longestName = 200

// consumerName gives a name that no other start has.
func consumerName(base string, nonce string) string {
	if base == "" {
		base = "reader"
	}
	clean := strings.Map(func(c rune) rune {
		if c <= ' ' || c == 127 || strings.ContainsRune(`.*>/\`, c) {
			return '_'
		}
		return c
	}, base)
	return clean[:min(len(clean), longestName)] + "_" + nonce
}
