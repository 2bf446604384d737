package journal

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Ack tells where a batch was stored: its messages follow one another from
// First through Last.
type Ack struct {
	First uint64
	Last  uint64
}

// Batch is one atomic append to a stream in the making. It belongs to one
// goroutine at a time. A batch whose Commit succeeded, or that was abandoned,
// is done with; one whose Commit failed may be committed again.
type Batch struct {
	c      *Conn
	stream string

	kept  []Outgoing // in order, for sending them again
	bytes int        // of their data

	id     string // of the staging on the server
	intact bool   // all of kept was sent under id
	epoch  uint64 // of the connection when the staging began
	// An attempt to commit ended without a yes, so it may have been stored.
	doubtful bool

	header nats.Header // of a message without headers of its own, used again and again
	number []string    // the value of headerBatchSeq in header
	msg    nats.Msg    // being sent, used again and again
}

// NewBatch begins an append to a stream. Nothing is sent yet.
func (c *Conn) NewBatch(stream string) *Batch {
	return &Batch{c: c, stream: stream}
}

// Len is the number of messages added.
func (b *Batch) Len() int { return len(b.kept) }

// Bytes is the size of the data added.
func (b *Batch) Bytes() int { return b.bytes }

// Add sends a message on its way: the server stages it until the commit. It
// does not wait for an answer, and a lost connection is no error here: Commit
// sends again what has to be. m.Data and m.Header must not change until Commit
// has returned. Errors: *SizeError, ErrBatchFull; the batch is as before then.
func (b *Batch) Add(m Outgoing) error {
	if len(b.kept)+1 >= b.c.maxBatch {
		return fmt.Errorf("add to batch on stream %s: %w: %d messages and the last one are the most", b.stream, ErrBatchFull, b.c.maxBatch-1)
	}
	if err := b.checkSize(&m, 0); err != nil {
		return err
	}
	if len(b.kept) == 0 {
		b.begin()
		if spare, ok := b.c.spare.Get().(*[]Outgoing); ok {
			b.kept = *spare
		}
	}
	if b.intact {
		err := b.post(&m, len(b.kept)+1, "", false)
		if err != nil && !errors.Is(err, errNotSent) {
			return b.sendError(&m, err)
		}
		b.intact = err == nil
	}
	b.kept = append(b.kept, m)
	b.bytes += len(m.Data)
	return nil
}

// batchHeaders is what the headers of every message of a batch need at most.
const batchHeaders = headerFrame + len(headerBatchID) + idLength + headerOverhead + len(headerBatchSeq) + maxDigits + headerOverhead

const (
	idLength     = 22 // of a nuid
	commitHeader = len(headerCommit) + len("1") + headerOverhead
)

// checkSize compares a message with what the server takes.
func (b *Batch) checkSize(m *Outgoing, extra int) error {
	size := len(m.Data) + batchHeaders + extra
	if m.Header != nil || m.Expect != nil {
		size += m.headerSize()
	}
	if limit := b.c.MaxPayload(); size > limit {
		return &SizeError{Subject: m.Subject, Size: size, Limit: limit}
	}
	return nil
}

func (b *Batch) sendError(m *Outgoing, err error) error {
	if errors.Is(err, nats.ErrMaxPayload) { // the limit changed since it was checked
		return &SizeError{Subject: m.Subject, Size: len(m.Data) + batchHeaders + m.headerSize(), Limit: b.c.MaxPayload()}
	}
	return fmt.Errorf("send to %q: %w", m.Subject, err)
}

// begin starts a staging of its own on the server.
func (b *Batch) begin() {
	b.id = nuid.Next()
	b.number = []string{""}
	b.header = nats.Header{headerBatchID: {b.id}, headerBatchSeq: b.number}
	b.epoch, _ = b.c.state()
	b.intact = true
}

// post sends the message with the given number in the batch, counted from 1.
func (b *Batch) post(m *Outgoing, number int, reply string, commit bool) error {
	b.number[0] = b.c.numbers[number]
	header := b.header
	if m.Header != nil || m.Expect != nil || commit {
		header = m.header(4)
		header[headerBatchID] = b.header[headerBatchID]
		header[headerBatchSeq] = []string{b.c.numbers[number]}
		if commit {
			header[headerCommit] = []string{"1"}
		}
	}
	b.msg.Subject, b.msg.Reply, b.msg.Header, b.msg.Data = m.Subject, reply, header, m.Data
	return b.c.send(&b.msg)
}

// header gives the message's own headers and its expectation.
func (m *Outgoing) header(room int) nats.Header {
	h := make(nats.Header, len(m.Header)+room)
	for name, value := range m.Header {
		h[name] = []string{value}
	}
	if m.Expect != nil {
		h[headerExpect] = []string{strconv.FormatUint(*m.Expect, 10)}
	}
	return h
}

// stage sends everything under a new id. With a reply subject each message is
// answered, so that a refusal says which message and why.
func (b *Batch) stage(reply string) error {
	b.drop()
	b.begin()
	for i := range b.kept {
		to := reply
		if to != "" {
			to += "." + b.c.numbers[i+1]
		}
		if err := b.post(&b.kept[i], i+1, to, false); err != nil {
			b.intact = false
			if errors.Is(err, errNotSent) {
				return err
			}
			return b.sendError(&b.kept[i], err)
		}
	}
	return nil
}

// drop makes the server forget what it has staged at once, not only after its
// timeout: a number out of turn ends a batch and is never stored.
func (b *Batch) drop() {
	if b.id != "" && len(b.kept) > 0 {
		header := nats.Header{headerBatchID: {b.id}, headerBatchSeq: {strconv.Itoa(2*b.c.maxBatch + 1)}}
		_ = b.c.send(&nats.Msg{Subject: b.kept[0].Subject, Header: header}) // the timeout would do too
	}
	b.id, b.intact = "", false
}

// Abandon gives the batch up. Nothing of it is stored.
func (b *Batch) Abandon() {
	b.drop()
	b.release()
}

// release forgets the messages; the next batch keeps its own in the same place.
func (b *Batch) release() {
	if cap(b.kept) > 0 {
		clear(b.kept)
		kept := b.kept[:0]
		b.c.spare.Put(&kept)
	}
	b.kept, b.bytes, b.id, b.intact = nil, 0, "", false
}
