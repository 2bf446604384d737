package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weir/document"
	"weir/sources"
)

const (
	// consumerKept is how long the server keeps a consumer that nobody asks.
	consumerKept = 5 * time.Minute
	// idleStep is after how long without a message the position of a filtered
	// stream moves over what does not match.
	idleStep = 30 * time.Second
	// pullBytes is asked of the server at once, at least.
	pullBytes = 2 << 20
)

// feed reads one stream.
type feed struct {
	*session
	*binding
	index    int
	key      string
	created  time.Time // of the stream
	keeps    int64     // messages that the stream keeps of each subject; 0 or less: all
	at       uint64    // the last sequence that is done with
	consumer jetstream.Consumer
	handed   uint64 // messages that the consumer has handed out
	doc      document.Doc
}

// open finds the position and makes a consumer behind it.
func (f *feed) open(ctx context.Context, at *position) error {
	info, err := look(ctx, f.conn, f.binding)
	if err != nil {
		return err
	}
	f.created, f.keeps = info.Created, info.Config.MaxMsgsPerSubject
	want := jetstream.ConsumerConfig{
		FilterSubject: f.Filter, AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		InactiveThreshold: consumerKept, MemoryStorage: true, Replicas: 1, Metadata: map[string]string{"weir.kind": "source"},
	}
	from := func(seq uint64) {
		if seq > 1 {
			want.DeliverPolicy, want.OptStartSeq = jetstream.DeliverByStartSequencePolicy, seq
		}
	}
	switch {
	case at != nil:
		if err := f.check(ctx, info, at); err != nil {
			return err
		}
		f.at = at.Seq
		from(at.Seq + 1)
	case f.start.new: // it is kept at once: what comes before the first message is captured belongs to it
		f.at = info.State.LastSeq
		f.moved(f.at)
		from(f.at + 1)
	case !f.start.time.IsZero():
		want.DeliverPolicy, want.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.start.time
	default:
		from(f.start.seq)
	}
	f.consumer, err = f.conn.JS.CreateConsumer(ctx, f.Stream, want)
	if err != nil {
		return passing(fmt.Errorf("nats: consumer on stream %s: %w", f.Stream, err))
	}
	return nil
}

// moved hands a position without a document to Pull.
func (f *feed) moved(seq uint64) {
	f.mu.Lock()
	f.queue = append(f.queue, item{binding: f.index, key: f.key, at: position{Seq: seq, Created: f.created}})
	f.mu.Unlock()
	f.wake()
}

// check refuses a position that is none of this stream's, or that the stream
// holds the next messages of no more.
func (f *feed) check(ctx context.Context, info *jetstream.StreamInfo, at *position) error {
	const fix = "raise the binding's backfill counter to read it from its start"
	switch {
	case at.Seq > info.State.LastSeq:
		return fmt.Errorf("nats: stream %s ends at sequence %d, and this capture has read through %d: it was made again, or restored from an older backup; %s", f.Stream, info.State.LastSeq, at.Seq, fix)
	case !at.Created.Equal(info.Created):
		same, err := f.holds(ctx, at)
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("nats: stream %s was made again at %s, since this capture has read through sequence %d of the former one; %s", f.Stream, info.Created.UTC().Format(time.RFC3339), at.Seq, fix)
		}
	}
	return f.lost(info, at.Seq)
}

// holds says whether the message at a position is the one that was captured:
// a stream that was restored has another time of creation.
func (f *feed) holds(ctx context.Context, at *position) (bool, error) {
	stream, err := f.conn.JS.Stream(ctx, f.Stream)
	if err != nil {
		return false, passing(fmt.Errorf("nats: stream %s: %w", f.Stream, err))
	}
	m, err := stream.GetMsg(ctx, at.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, passing(fmt.Errorf("nats: message %d of stream %s: %w", at.Seq, f.Stream, err))
	}
	return m.Time.Equal(at.Time), nil
}

// lost is an error if the stream has discarded messages behind a position. One
// that keeps so many of each subject discards by design.
func (f *feed) lost(info *jetstream.StreamInfo, at uint64) error {
	first := info.State.FirstSeq
	if f.OnLost == goOnward || f.keeps > 0 || first <= at+1 {
		return nil
	}
	return fmt.Errorf("nats: messages %d to %d of stream %s are gone before they were read: it was purged, or its limits discard them too soon; `onLost: continue` goes on without them, a raised backfill counter reads again what is left", at+1, first-1, f.Stream)
}

// run reads until the session ends.
func (f *feed) run(ctx context.Context) error {
	most := max(pullBytes, 2*int(f.conn.MaxPayload()))
	messages, err := f.consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(4096, most))
	if err != nil {
		return sources.Transient(fmt.Errorf("nats: stream %s: %w", f.Stream, err))
	}
	defer f.forget()
	defer messages.Stop()
	release := context.AfterFunc(ctx, messages.Stop) // a waiting Next returns
	defer release()
	for {
		m, err := messages.Next(jetstream.NextMaxWait(idleStep))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, nats.ErrTimeout) && !f.conn.IsClosed():
			err = f.idle(ctx)
		case err == nil:
			err = f.take(ctx, m)
		default: // the next session begins behind what is durable
			err = sources.Transient(fmt.Errorf("nats: read stream %s: %w", f.Stream, err))
		}
		if err != nil {
			return err
		}
	}
}

// forget lets the consumer go.
func (f *feed) forget() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = f.conn.JS.DeleteConsumer(ctx, f.Stream, f.consumer.CachedInfo().Name) // else the server removes it after a while
}

// take makes a document of a message.
func (f *feed) take(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("nats: message on %s: %w", m.Subject(), err)
	}
	f.handed++
	if meta.Sequence.Consumer != f.handed {
		return sources.Transient(fmt.Errorf("nats: stream %s: messages are missing between %d and %d: they are read again", f.Stream, f.at, meta.Sequence.Stream))
	}
	if err := f.jumped(ctx, meta.Sequence.Stream); err != nil {
		return err
	}
	f.at = meta.Sequence.Stream
	data, err := f.document(&message{
		stream: f.Stream, subject: m.Subject(), seq: f.at, time: meta.Timestamp, header: m.Headers(), data: m.Data(),
	}, &f.doc)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	return f.push(ctx, item{binding: f.index, key: f.key, data: data, at: position{Seq: f.at, Time: meta.Timestamp, Created: f.created}})
}

// jumped looks whether what lies between the last message and the next one was
// discarded. Where there is a filter, it does not match as a rule, and a look at
// each would cost more than the messages.
func (f *feed) jumped(ctx context.Context, next uint64) error {
	if f.at == 0 || next == f.at+1 || f.Filter != "" || f.keeps > 0 || f.OnLost == goOnward {
		return nil
	}
	info, err := look(ctx, f.conn, f.binding)
	if err != nil {
		return err
	}
	return f.lost(info, f.at)
}

// idle moves the position of a filtered stream over what does not match, so
// that it is not taken for lost later.
func (f *feed) idle(ctx context.Context) error {
	if f.Filter == "" {
		return nil
	}
	info, err := look(ctx, f.conn, f.binding)
	if err != nil {
		return err
	}
	own, err := f.consumer.Info(ctx)
	if err != nil {
		return passing(fmt.Errorf("nats: consumer on stream %s: %w", f.Stream, err))
	}
	if own.NumPending == 0 && own.Delivered.Consumer == f.handed && info.State.LastSeq > f.at {
		f.at = info.State.LastSeq
		f.moved(f.at)
	}
	return nil
}
