package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	readAhead     = 16384            // messages asked for ahead at most: it bounds the channel, the bytes bound the memory
	statusRoom    = 256              // of the channel, for the server's notices
	turnLimit     = 512              // messages taken from the channel before the reader's owner may look
	pullExpires   = 60 * time.Second // of one request for messages
	usualBeat     = 5 * time.Second  // the server shows so often that a waiting request is alive
	recheckAfter  = 200 * time.Millisecond
	inactiveAfter = 2 * time.Minute // the server removes a consumer that nobody uses
)

// pump fills a reader. It is one goroutine; the only channel between the server
// and the reader's owner is the subscription's.
//
// It asks for messages in requests of half the buffer each, by bytes, and asks
// again as soon as what is buffered and what was asked for fit into the other
// half. So two requests are open while the owner keeps up, and what is asked
// for and not handed out never exceeds the buffer. A message larger than a
// request is asked for alone, once everything else was handed out.
type pump struct {
	r    *Reader
	pos  uint64 // sequence of the last message received
	half int    // bytes of one request
	beat time.Duration

	sub      *nats.Subscription
	msgs     chan *nats.Msg
	inbox    string
	pullTo   string // the consumer's subject for requests
	name     string // of the consumer
	limit    int    // messages in one request
	epoch    uint64 // of the connection when the consumer was made
	cseq     uint64 // consumer sequence of the last message received
	asked    int    // messages asked for and not received
	askedFor int    // bytes asked for and not received
	oversize bool   // the next message is larger than a request
	heard    time.Time
}

// open makes the consumer behind the position.
func (p *pump) open(ctx context.Context) error {
	c, cfg := p.r.c, p.r.cfg
	if p.pos > 0 {
		info, err := c.streamInfo(ctx, cfg.Stream)
		if err != nil {
			return err
		}
		if p.pos > info.State.LastSeq {
			return fmt.Errorf("%w: the stream's last sequence is %d, the position %d; was the stream made again?", ErrPositionBeyondEnd, info.State.LastSeq, p.pos)
		}
	}
	p.epoch, _ = c.state()
	p.msgs = make(chan *nats.Msg, readAhead+statusRoom)
	p.inbox = c.nc.NewInbox()
	sub, err := c.nc.ChanSubscribe(p.inbox, p.msgs)
	if err != nil {
		return p.clientError(err)
	}
	p.sub = sub
	if err := p.create(ctx); err != nil {
		_ = sub.Unsubscribe() // nothing comes on it
		p.sub = nil
		return err
	}
	p.cseq, p.asked, p.askedFor, p.oversize = 0, 0, 0, false
	p.heard = time.Now()
	p.r.consumers.Add(1)
	p.r.live.Store(true)
	return nil
}

func (p *pump) clientError(err error) error {
	if p.r.c.closed.Load() || errors.Is(err, nats.ErrConnectionClosed) {
		return ErrClosed
	}
	return fmt.Errorf("subscribe: %w", err)
}

// create asks the server for a consumer of a name never used before.
func (p *pump) create(ctx context.Context) error {
	c, cfg := p.r.c, p.r.cfg
	p.name = consumerName(cfg.Name, strconv.FormatUint(rand.Uint64(), 36))
	p.pullTo = c.api + "CONSUMER.MSG.NEXT." + cfg.Stream + "." + p.name
	info, err := c.createConsumer(ctx, cfg, p.name, p.pos)
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	p.limit = readAhead / 2
	if most := info.Config.MaxRequestBatch; most > 0 {
		p.limit = min(p.limit, most)
	}
	p.r.told.Store(p.r.receivedMsgs.Load() + info.NumPending)
	return nil
}

// createConsumer makes the consumer of a reader that begins behind a position.
func (c *Conn) createConsumer(ctx context.Context, cfg ReaderConfig, name string, after uint64) (info jetstream.ConsumerInfo, err error) {
	want := jetstream.ConsumerConfig{
		Name:              name,
		Durable:           name,
		FilterSubject:     cfg.Filter,
		AckPolicy:         jetstream.AckNonePolicy,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		ReplayPolicy:      jetstream.ReplayInstantPolicy,
		InactiveThreshold: inactiveAfter,
		Replicas:          1,
		MemoryStorage:     true,
		Metadata:          cfg.Metadata,
	}
	if after == 0 {
		want.DeliverPolicy, want.OptStartSeq = jetstream.DeliverAllPolicy, 0
		if cfg.lastPerSubject {
			want.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
		}
	}
	subject := "CONSUMER.CREATE." + cfg.Stream + "." + name
	if cfg.Filter != "" {
		subject += "." + cfg.Filter
	}
	err = noStream(c.call(ctx, subject, map[string]any{"stream_name": cfg.Stream, "config": want}, &info))
	return info, err
}

// deleteConsumer lets a consumer go. When the server cannot be reached it
// removes the consumer by itself after a while.
func (c *Conn) deleteConsumer(stream, name string) {
	_ = c.send(&nats.Msg{Subject: c.api + "CONSUMER.DELETE." + stream + "." + name})
}

// discard ends the subscription and lets the consumer go.
func (p *pump) discard() {
	if p.sub == nil {
		return
	}
	_ = p.sub.Unsubscribe() // an error means that the connection is closed
	p.sub = nil
	p.r.c.deleteConsumer(p.r.cfg.Stream, p.name)
}

// Why a consumer is left for a new one.
var (
	errConnectionLost = errors.New("the connection was lost")
	errGap            = errors.New("messages are missing")
	errSilent         = errors.New("heartbeats are missing")
	errGone           = errors.New("the consumer is gone")
)

// pull receives until the consumer is of no more use.
func (p *pump) pull(ctx context.Context) error {
	ticks := time.NewTicker(p.beat)
	defer ticks.Stop()
	recheck := time.NewTimer(recheckAfter)
	defer recheck.Stop()
	for {
		epoch, changed := p.r.c.state()
		if epoch != p.epoch {
			return errConnectionLost
		}
		if err := p.ask(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case m := <-p.msgs:
			if err := p.receive(m); err != nil {
				return err
			}
			if p.starved() {
				recheck.Reset(recheckAfter)
			}
		case <-p.r.room:
			if p.starved() {
				recheck.Reset(recheckAfter)
			}
		case <-recheck.C:
			if p.starved() {
				if err := p.recount(ctx); err != nil {
					return err
				}
				recheck.Reset(recheckAfter)
			}
		case <-ticks.C:
			if p.asked > 0 && time.Since(p.heard) > 2*p.beat+p.beat/2 {
				return errSilent
			}
		}
	}
}

// ask requests messages as far as there is room.
func (p *pump) ask() error {
	for {
		held := int(p.r.receivedBytes.Load() - p.r.handedBytes.Load())
		heldMsgs := int(p.r.receivedMsgs.Load() - p.r.handedMsgs.Load())
		var request []byte
		switch {
		case p.oversize && p.asked == 0 && heldMsgs == 0:
			p.oversize = false
			p.asked, p.askedFor = 1, 1
			request = fmt.Appendf(nil, `{"batch":1,"expires":%d,"idle_heartbeat":%d}`, pullExpires, p.beat)
		case !p.oversize && held+p.askedFor <= p.half && heldMsgs+p.asked <= readAhead-p.limit:
			if p.asked == 0 {
				p.heard = time.Now()
			}
			p.asked += p.limit
			p.askedFor += p.half
			request = fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`, p.limit, p.half, pullExpires, p.beat)
		default:
			return nil
		}
		if err := p.r.c.send(&nats.Msg{Subject: p.pullTo, Reply: p.inbox, Data: request}); err != nil {
			return err
		}
	}
}

// receive takes a message and whatever came with it.
func (p *pump) receive(m *nats.Msg) (err error) {
	r := p.r
	arrived, bytes := 0, 0
	r.mu.Lock()
	for turn := 0; ; turn++ {
		if m.Subject == p.inbox {
			err = p.notice(m)
		} else {
			err = p.accept(m)
			if err == nil {
				arrived++
				bytes += r.ready[len(r.ready)-1].size
			}
		}
		if err != nil || turn == turnLimit || len(p.msgs) == 0 {
			break
		}
		m = <-p.msgs
	}
	if arrived > 0 { // before they can be handed out, so that Pending is never too small
		r.receivedBytes.Add(int64(bytes))
		r.told.Store(r.receivedMsgs.Add(uint64(arrived)) + r.ready[len(r.ready)-1].Pending)
	}
	r.mu.Unlock()
	p.heard = time.Now()
	if arrived > 0 {
		r.wake()
	}
	return err
}

// accept checks a message's place and puts it into the buffer.
func (p *pump) accept(m *nats.Msg) error {
	d, ok := parseDelivery(m.Reply)
	if !ok {
		return fmt.Errorf("%w: unexpected reply subject %q", errGap, m.Reply)
	}
	if d.consumer != p.cseq+1 || d.stream <= p.pos {
		return fmt.Errorf("%w: consumer sequence %d after %d, stream sequence %d after %d", errGap, d.consumer, p.cseq, d.stream, p.pos)
	}
	p.cseq, p.pos = d.consumer, d.stream
	size := m.Size()
	p.received(1, size)
	header := m.Header
	p.r.ready = append(p.r.ready, Message{
		Subject: m.Subject, Data: m.Data, Seq: d.stream, Time: d.time(), Pending: d.pending,
		Header: ownHeaders(header), size: size,
	})
	return nil
}

// received takes messages and bytes off what was asked for. A request whose
// bytes are used up to the last one ends without a notice, whatever number of
// messages is left of it.
func (p *pump) received(messages, bytes int) {
	p.asked = max(p.asked-messages, 0)
	if p.askedFor -= bytes; p.askedFor <= 0 {
		p.asked, p.askedFor = 0, 0
	}
}

// The server's notices that a request ended in good order.
const (
	noticeBatchDone = "Batch Completed"
	noticeTooLarge  = "Message Size Exceeds MaxBytes"
)

// notice handles what the server says about a request.
func (p *pump) notice(m *nats.Msg) error {
	status, description := m.Header.Get(headerStatus), m.Header.Get("Description")
	switch {
	case status == "100":
		return nil
	case status == "408":
	case status == "409" && description == noticeBatchDone:
	case status == "409" && description == noticeTooLarge:
	default:
		return fmt.Errorf("%w: %s %s", errGone, status, description)
	}
	messages, _ := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	bytes, _ := strconv.Atoi(m.Header.Get("Nats-Pending-Bytes"))
	if bytes == 0 && p.askedFor == 1 { // the request for one message of any size
		bytes = 1
	}
	p.received(messages, bytes)
	if description == noticeTooLarge && bytes == p.half {
		p.oversize = true
	}
	return nil
}

// starved says whether the server has told of messages that do not come.
func (p *pump) starved() bool {
	received := p.r.receivedMsgs.Load()
	return p.r.told.Load() > received && received == p.r.handedMsgs.Load()
}

// recount asks the server how many messages are left: those that it told of
// may have been purged, and then nothing comes that would say so.
func (p *pump) recount(ctx context.Context) error {
	var info jetstream.ConsumerInfo
	err := p.r.c.callOnce(ctx, "CONSUMER.INFO."+p.r.cfg.Stream+"."+p.name, nil, &info)
	if refused := (*APIError)(nil); errors.As(err, &refused) && refused.Code == codeConsumerNotFound {
		return errGone
	}
	// Of any other error heartbeats or the connection will tell.
	if err == nil && info.Delivered.Consumer == p.cseq && info.NumPending == 0 {
		p.r.told.Store(p.r.receivedMsgs.Load())
		p.r.wake()
	}
	return nil
}
