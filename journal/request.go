package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// How a request can end without an answer.
var (
	errNotSent      = errors.New("not connected to NATS")
	errNoResponders = errors.New("nobody answers")
	errUnanswered   = errors.New("no answer")
)

// replies is the one subscription for all answers to a connection's requests.
type replies struct {
	prefix string // of the reply subjects, ends in a dot

	mu      sync.Mutex
	last    uint64
	waiting map[string]chan *nats.Msg
}

func (r *replies) start(c *Conn) error {
	r.prefix = c.nc.NewInbox() + "."
	r.waiting = map[string]chan *nats.Msg{}
	sub, err := c.nc.Subscribe(r.prefix+">", func(m *nats.Msg) {
		if c.dropReply == nil || !c.dropReply(m) {
			r.deliver(m)
		}
	})
	if err != nil {
		return err
	}
	return sub.SetPendingLimits(-1, -1)
}

// open gives a reply subject and the channel on which what is sent to it, or
// below it, arrives. What does not fit the channel is dropped.
func (r *replies) open(size int) (subject string, answers chan *nats.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	token := strconv.FormatUint(r.last, 36)
	answers = make(chan *nats.Msg, size)
	r.waiting[token] = answers
	return r.prefix + token, answers
}

func (r *replies) close(subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, subject[len(r.prefix):])
}

func (r *replies) deliver(m *nats.Msg) {
	if len(m.Subject) < len(r.prefix) {
		return
	}
	token, _, _ := strings.Cut(m.Subject[len(r.prefix):], ".")
	r.mu.Lock()
	answers := r.waiting[token]
	r.mu.Unlock()
	select {
	case answers <- m:
	default: // nobody waits any more
	}
}

// send hands a message to the client's buffer. An error means that it certainly
// did not reach the server.
func (c *Conn) send(m *nats.Msg) error {
	if c.dropSend != nil && c.dropSend(m) {
		return nil
	}
	switch err := c.nc.PublishMsg(m); {
	case err == nil:
		return nil
	case c.closed.Load():
		return ErrClosed
	case errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed):
		return errNotSent
	default:
		return err
	}
}

// await waits for one answer to what was sent in the given epoch. When the
// connection is lost it gives up, since the answer would not come any more.
func (c *Conn) await(ctx context.Context, answers <-chan *nats.Msg, epoch uint64, timeout time.Duration) (*nats.Msg, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		now, changed := c.state()
		if now != epoch {
			return lateAnswer(answers, c.closed.Load())
		}
		select {
		case m := <-answers:
			return answer(m)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, errUnanswered
		case <-changed:
		}
	}
}

// answer tells an answer from the server's notice that there is nobody to give one.
func answer(m *nats.Msg) (*nats.Msg, error) {
	if len(m.Data) == 0 && m.Header.Get(headerStatus) == "503" {
		return nil, errNoResponders
	}
	return m, nil
}

// lateAnswer gives the answer that came just before the connection was lost.
func lateAnswer(answers <-chan *nats.Msg, closed bool) (*nats.Msg, error) {
	select {
	case m := <-answers:
		return answer(m)
	default:
	}
	if closed {
		return nil, ErrClosed
	}
	return nil, errUnanswered
}

// request sends a message and waits for its answer once.
func (c *Conn) request(ctx context.Context, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	reply, answers := c.replies.open(1)
	defer c.replies.close(reply)
	m.Reply = reply
	epoch, _ := c.state()
	if err := c.send(m); err != nil {
		return nil, err
	}
	return c.await(ctx, answers, epoch, timeout)
}

// call asks JetStream's API, again and again while the trouble is one that
// passes, and decodes the answer. It is for requests that do no harm twice.
func (c *Conn) call(ctx context.Context, subject string, body, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode request %s: %w", subject, err)
		}
	}
	var last error
	for attempt := 0; ; attempt++ {
		err := c.callOnce(ctx, subject, data, into)
		if !retries(err) {
			if err != nil && last != nil && ctx.Err() != nil {
				return fmt.Errorf("%w (%w)", err, last)
			}
			return err
		}
		last = err
		if err := c.pause(ctx, attempt); err != nil {
			return fmt.Errorf("%w (%w)", err, last)
		}
	}
}

// retries says whether a request that failed so is worth another attempt.
func retries(err error) bool {
	var refused *APIError
	switch {
	case errors.Is(err, errNoResponders), errors.Is(err, errNotSent), errors.Is(err, errUnanswered):
		return true
	case errors.As(err, &refused):
		return refused.passes()
	}
	return false
}

func (c *Conn) callOnce(ctx context.Context, subject string, data []byte, into any) error {
	answer, err := c.request(ctx, &nats.Msg{Subject: c.api + subject, Data: data}, apiTimeout)
	if err != nil {
		return err
	}
	return decodeAnswer(answer.Data, into)
}

// decodeAnswer reads an answer of JetStream's API; one that refuses is an *APIError.
func decodeAnswer(data []byte, into any) error {
	var refusal struct {
		Error *APIError `json:"error"`
	}
	if err := json.Unmarshal(data, &refusal); err != nil {
		return fmt.Errorf("answer of JetStream: %w", err)
	}
	if refusal.Error != nil {
		return refusal.Error
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("answer of JetStream: %w", err)
	}
	return nil
}
