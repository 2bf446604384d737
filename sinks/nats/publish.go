package nats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"weir/sinks"
)

const (
	// maxBatch is how many messages a server takes in one atomic batch unless it
	// is configured otherwise.
	maxBatch = 1000
	// batchRoom is what a batch's headers and a message's ID need at most.
	batchRoom = 256
	// window is how many questions wait for their answers at a time.
	window = 256
	// answerIn is how long an answer may take.
	answerIn = 10 * time.Second
)

// Codes of JetStream that are told apart.
const (
	codeNoMessage     = 10037
	codeWrongSequence = 10071
	codeWrongLater    = 10164
)

// errMoved is a checkpoint that is not the newest one any more.
var errMoved = errors.New("another session has written its checkpoint")

// checkpointMessage is a checkpoint that must follow the one which the session
// knows.
func (s *session) checkpointMessage(c checkpoint) *nats.Msg {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, numbers and bytes
	}
	m := &nats.Msg{Subject: s.subject, Data: text, Header: nats.Header{
		jetstream.ExpectedLastSubjSeqHeader: []string{strconv.FormatUint(s.seq, 10)},
	}}
	if s.forever {
		m.Header[jetstream.MsgTTLHeader] = []string{"never"}
	}
	return m
}

// send stores messages and a last one as an atomic batch, or the last one
// alone, and waits for the answer. errMoved: nothing was stored. Any other
// error: all or nothing was.
func (s *session) send(ctx context.Context, messages []*nats.Msg, last *nats.Msg) (*jetstream.PubAck, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(messages) > 0 {
		id := nuid.Next()
		for i, m := range append(messages[:len(messages):len(messages)], last) {
			m.Header["Nats-Batch-Id"] = []string{id}
			m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
			if m == last {
				m.Header["Nats-Batch-Commit"] = []string{"1"}
			} else if err := s.conn.PublishMsg(m); err != nil {
				return nil, passing(fmt.Errorf("nats: send: %w", err))
			}
		}
	}
	wait, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	answer, err := s.conn.RequestMsgWithContext(wait, last)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, sinks.Transient(fmt.Errorf("nats: no answer to a commit: %w", err))
	}
	return acknowledged(answer.Data)
}

// acknowledged reads the server's answer to a commit.
func acknowledged(text []byte) (*jetstream.PubAck, error) {
	var ack struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(text, &ack); err != nil {
		return nil, fmt.Errorf("nats: answer to a commit: %w", err)
	}
	if ack.Error == nil {
		return &ack.PubAck, nil
	}
	switch ack.Error.ErrorCode {
	case codeWrongSequence, codeWrongLater:
		return nil, errMoved
	}
	return nil, refused(fmt.Errorf("nats: the server refuses a transaction: %w", ack.Error))
}

// refused marks refusals that pass by themselves: no room, a leader that is
// being elected, a batch that was lost on the way.
func refused(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.Code == 503 || api.ErrorCode == 10176 || api.ErrorCode == 10210 || api.ErrorCode == 10047 || api.ErrorCode == 10077) {
		return sinks.Transient(err)
	}
	return passing(err)
}

// publish stores the messages of a transaction where no checkpoint is kept: in
// batches where the stream takes them, else each on its own, all under way at a
// time. A core subject's are sent, and the server has them.
func (s *session) publish(ctx context.Context, state []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sum := sha256.Sum256(state)
	transaction := "-" + hex.EncodeToString(sum[:8])
	var futures []jetstream.PubAckFuture
	batches := map[string][]*nats.Msg{}
	for i, m := range s.messages {
		b := s.of[i]
		switch {
		case b.kind == toCore:
			if err := s.conn.PublishMsg(m); err != nil {
				return passing(fmt.Errorf("nats: publish to %s: %w", m.Subject, err))
			}
		case b.atomic:
			batches[b.stream] = append(batches[b.stream], m)
			if len(batches[b.stream]) == maxBatch {
				if err := s.batch(ctx, batches[b.stream]); err != nil {
					return err
				}
				batches[b.stream] = nil
			}
		default:
			future, err := s.conn.JS.PublishMsgAsync(m, jetstream.WithMsgID(s.ids[i]+transaction), jetstream.WithExpectStream(b.stream))
			if err != nil {
				return passing(fmt.Errorf("nats: publish to %s: %w", m.Subject, err))
			}
			if futures = append(futures, future); len(futures) < maxBatch {
				continue
			}
			if err := s.await(ctx, futures); err != nil {
				return err
			}
			futures = futures[:0]
		}
	}
	for _, some := range batches {
		if err := s.batch(ctx, some); err != nil {
			return err
		}
	}
	if err := s.await(ctx, futures); err != nil {
		return err
	}
	return s.flush(ctx)
}

// batch stores messages of one stream in one step.
func (s *session) batch(ctx context.Context, messages []*nats.Msg) error {
	if len(messages) == 0 {
		return nil
	}
	last := len(messages) - 1
	_, err := s.send(ctx, messages[:last], messages[last])
	return err
}

// await waits for the acknowledgements of single messages.
func (s *session) await(ctx context.Context, futures []jetstream.PubAckFuture) error {
	timer := time.NewTimer(answerIn)
	defer timer.Stop()
	for _, f := range futures {
		select {
		case <-f.Ok():
			timer.Reset(answerIn)
		case err := <-f.Err():
			return refused(fmt.Errorf("nats: publish to %s: %w", f.Msg().Subject, err))
		case <-timer.C:
			return sinks.Transient(fmt.Errorf("nats: publish to %s: no answer in %s", f.Msg().Subject, answerIn))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// flush waits until the server has what was sent.
func (s *session) flush(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	err := s.conn.FlushWithContext(wait)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return sinks.Transient(fmt.Errorf("nats: flush: %w", err))
	}
	return nil
}

// lastOf gives the newest messages of subjects as the stream's leader knows
// them, many questions at a time.
func (s *session) lastOf(ctx context.Context, stream string, subjects []string, found func(i int, m *jetstream.RawStreamMsg) error) error {
	inbox := s.conn.NewInbox()
	answers, err := s.conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return passing(fmt.Errorf("nats: ask stream %s: %w", stream, err))
	}
	defer func() { _ = answers.Unsubscribe() }() // it fails only when the connection is closed
	ask := func(i int) error {
		question, err := json.Marshal(map[string]string{"last_by_subj": subjects[i]})
		if err == nil {
			err = s.conn.PublishMsg(&nats.Msg{Subject: s.api + "STREAM.MSG.GET." + stream, Reply: inbox + "." + strconv.Itoa(i), Data: question})
		}
		return err
	}
	asked := 0
	for got := 0; got < len(subjects); got++ {
		for asked < len(subjects) && asked-got < window {
			if err := ask(asked); err != nil {
				return passing(fmt.Errorf("nats: ask stream %s: %w", stream, err))
			}
			asked++
		}
		if err := s.answer(ctx, stream, answers, len(inbox)+1, found); err != nil {
			return err
		}
	}
	return nil
}

// answer waits for one answer to lastOf.
func (s *session) answer(ctx context.Context, stream string, answers *nats.Subscription, prefix int, found func(i int, m *jetstream.RawStreamMsg) error) error {
	wait, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	answer, err := answers.NextMsgWithContext(wait)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return sinks.Transient(fmt.Errorf("nats: no answer from stream %s: %w", stream, err))
	}
	if len(answer.Data) == 0 && answer.Header.Get("Status") == "503" {
		return sinks.Transient(fmt.Errorf("nats: stream %s: %w", stream, nats.ErrNoResponders))
	}
	i, err := strconv.Atoi(answer.Subject[min(prefix, len(answer.Subject)):])
	if err != nil {
		return fmt.Errorf("nats: answer of stream %s on %s: %w", stream, answer.Subject, err)
	}
	m, err := decodeStored(answer.Data)
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == codeNoMessage:
		return nil
	case err != nil:
		return refused(fmt.Errorf("nats: stream %s: %w", stream, err))
	}
	return found(i, m)
}

// messageID begins the ID of a message: it is the same whenever this version of
// the document is published again. The n-th of a transaction that are alike has
// one of its own; what follows tells transactions apart by their checkpoints.
func (s *session) messageID(b *bound, r *sinks.Row, deleted bool) string {
	if b.kind == toCore || b.atomic {
		return "" // a duplicate would refuse a whole batch
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(s.task), []byte(b.stateKey), r.Key, strconv.AppendInt(nil, r.Published.UnixNano(), 10), strconv.AppendBool(nil, deleted), r.Raw} {
		_, _ = h.Write(strconv.AppendInt(nil, int64(len(part)), 10)) // never fails
		_, _ = h.Write([]byte{':'})
		_, _ = h.Write(part)
	}
	id := hex.EncodeToString(h.Sum(nil)[:16])
	n := s.alike[id]
	s.alike[id] = n + 1
	if n > 0 {
		id += "-" + strconv.Itoa(n)
	}
	return id
}
