package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// Commit adds the last message and makes the batch durable, all of it in one
// step. It comes back with the truth:
//
//  1. The server says yes: done.
//  2. No answer came, or an expected sequence was refused: the newest message
//     of last.Subject is read from the leader. landed says whether it is this
//     very commit: done. If it is neither that nor the expected one, it is read
//     once more, since a commit can still be on its way through the replicas;
//     then somebody else has written: ErrFenced.
//  3. Nothing new is there, or the server lost or could not keep the staging:
//     everything is sent again under a new id, after a pause that grows. The
//     expected sequence makes sure that only one of the attempts is stored.
//
// landed must be given when a message of the batch has an expectation. A batch
// without any is stored twice when an answer was lost.
//
// Errors: *FencedError, *SizeError, ErrBatchTooLarge, *StorageError (the batch
// may be committed again later), ErrNoStream, ErrClosed, other refusals as
// *APIError, and that of ctx, which alone ends the retrying: then the batch
// may have been stored or not.
func (b *Batch) Commit(ctx context.Context, last Outgoing, landed func(*Message) bool) (Ack, error) {
	ack, err := b.commit(ctx, &last, landed)
	if err != nil {
		b.drop()
		var fenced *FencedError
		if errors.As(err, &fenced) {
			return Ack{}, err
		}
		return Ack{}, fmt.Errorf("append to stream %s: %w", b.stream, err)
	}
	b.release()
	return ack, nil
}

func (b *Batch) commit(ctx context.Context, last *Outgoing, landed func(*Message) bool) (Ack, error) {
	if err := b.checkSize(last, commitHeader); err != nil {
		return Ack{}, err
	}
	var trouble error
	for attempt := 0; ; attempt++ {
		ack, err := b.try(ctx, last, attempt > 0, trouble)
		if err == nil {
			return ack, nil
		}
		if ctx.Err() != nil {
			b.doubtful = true
			return Ack{}, interrupted(ctx.Err(), trouble)
		}
		trouble = err
		var refused *APIError
		isRefused := errors.As(err, &refused)
		doubtful := b.doubtful
		b.doubtful = b.doubtful || !errors.Is(err, errNotSent) && !errors.Is(err, errNoResponders)
		if errors.Is(err, errUnanswered) || isRefused && refused.fenceRefused() {
			mine := landed
			if isRefused && !doubtful { // no attempt of ours can have been stored
				mine = func(*Message) bool { return false }
			}
			ack, done, err := b.lookUp(ctx, last, mine, refused, attempt)
			if done || err != nil {
				return ack, err
			}
		} else if err := b.lasting(ctx, err, last, attempt); err != nil {
			return Ack{}, err
		}
		b.report(attempt, trouble)
		if err := b.c.pause(ctx, attempt); err != nil {
			return Ack{}, interrupted(err, trouble)
		}
	}
}

// interrupted is the end of the retrying, with what stood in the way.
func interrupted(end, trouble error) error {
	if trouble == nil {
		return end
	}
	return fmt.Errorf("%w (last trouble: %w)", end, trouble)
}

// report logs an append that does not get through, less and less often.
func (b *Batch) report(attempt int, trouble error) {
	if n := attempt + 1; n >= 4 && n&(n-1) == 0 {
		b.c.log.Warn("append does not get through yet", zap.String("stream", b.stream), zap.Int("attempts", n), zap.Error(trouble))
	}
}

// pubAck is the server's answer to a publish or commit.
type pubAck struct {
	Error  *APIError `json:"error"`
	Stream string    `json:"stream"`
	Seq    uint64    `json:"seq"`
	Count  int       `json:"count"`
}

// try sends what is not staged, then the last message, and waits for the answer.
func (b *Batch) try(ctx context.Context, last *Outgoing, again bool, trouble error) (Ack, error) {
	reply, answers := b.c.replies.open(len(b.kept) + 1)
	defer b.c.replies.close(reply)
	epoch, _ := b.c.state()
	if len(b.kept) == 0 {
		if err := b.c.send(&nats.Msg{Subject: last.Subject, Reply: reply, Header: last.header(0), Data: last.Data}); err != nil {
			return Ack{}, err
		}
	} else {
		if again || !b.intact || b.epoch != epoch {
			var refused *APIError
			to := ""
			if errors.As(trouble, &refused) {
				to = reply
			}
			if err := b.stage(to); err != nil {
				return Ack{}, err
			}
			epoch = b.epoch
		}
		if err := b.post(last, len(b.kept)+1, reply, true); err != nil {
			return Ack{}, err
		}
	}
	return b.settle(ctx, answers, reply, epoch)
}

// settle waits for the answer to the commit. Answers to staged messages come
// before it; the first that is a refusal explains the commit's failure.
func (b *Batch) settle(ctx context.Context, answers <-chan *nats.Msg, reply string, epoch uint64) (Ack, error) {
	deadline := time.Now().Add(commitTimeout)
	var first *APIError
	for {
		m, err := b.c.await(ctx, answers, epoch, time.Until(deadline))
		if err != nil {
			return Ack{}, err
		}
		if m.Subject != reply && len(m.Data) == 0 {
			continue // staged
		}
		var ack pubAck
		if err := json.Unmarshal(m.Data, &ack); err != nil {
			return Ack{}, fmt.Errorf("answer to commit: %w", err)
		}
		if m.Subject != reply {
			if first == nil && ack.Error != nil && ack.Error.Code != codeBatchIncomplete {
				first = ack.Error
			}
			continue
		}
		if ack.Error != nil && ack.Error.Code == codeBatchIncomplete && first != nil {
			return Ack{}, first
		}
		return b.acked(ack)
	}
}

func (b *Batch) acked(ack pubAck) (Ack, error) {
	count := uint64(len(b.kept) + 1)
	switch {
	case ack.Error != nil:
		return Ack{}, ack.Error
	case b.stream != "" && ack.Stream != b.stream:
		return Ack{}, fmt.Errorf("the subject belongs to stream %s", ack.Stream)
	case ack.Seq < count || count > 1 && uint64(ack.Count) != count:
		return Ack{}, fmt.Errorf("the server stored %d messages of %d, through sequence %d", ack.Count, count, ack.Seq)
	}
	return Ack{First: ack.Seq - count + 1, Last: ack.Seq}, nil
}

// lasting gives the error of a refusal that another attempt would not change.
func (b *Batch) lasting(ctx context.Context, err error, last *Outgoing, attempt int) error {
	var refused *APIError
	switch {
	case errors.As(err, &refused):
		return b.explain(refused)
	case errors.Is(err, errNoResponders) && attempt > 0:
		return b.homeless(ctx, last.Subject)
	case errors.Is(err, errNotSent), errors.Is(err, errNoResponders):
		return nil
	}
	return err
}

// homeless gives an error when no stream takes a subject.
func (b *Batch) homeless(ctx context.Context, subject string) error {
	streams, err := b.c.streamsOf(ctx, subject)
	if err == nil && len(streams) == 0 {
		return fmt.Errorf("%w that takes %s", ErrNoStream, subject)
	}
	return nil
}

func (b *Batch) explain(refused *APIError) error {
	switch {
	case refused.passes():
		return nil
	case refused.storage():
		return &StorageError{Stream: b.stream, Reason: refused}
	case refused.Code == codeBatchTooLarge:
		return fmt.Errorf("%w: %d messages: %s", ErrBatchTooLarge, len(b.kept)+1, refused.Description)
	case refused.Code == codeAtomicDisabled:
		return fmt.Errorf("the stream does not allow atomic batches (`nats stream edit %s --allow-batch`): %w", b.stream, refused)
	}
	return refused
}

// lookUp finds out what became of a commit that was not answered, or refused
// for an expected sequence: done with its Ack, an error, or neither when it
// should be tried again.
func (b *Batch) lookUp(ctx context.Context, last *Outgoing, landed func(*Message) bool, refused *APIError, attempt int) (ack Ack, done bool, err error) {
	expected := b.expected(last)
	if landed == nil || b.stream == "" {
		if refused == nil {
			return Ack{}, false, nil
		}
		return Ack{}, false, b.fenced(last, expected, nil)
	}
	for look := 1; ; look++ {
		newest, err := b.c.Last(ctx, b.stream, last.Subject)
		if err != nil && !errors.Is(err, ErrNoMessage) {
			return Ack{}, false, fmt.Errorf("look the commit up: %w", err)
		}
		// The message that was expected is older than the commit, however like it is.
		if newest != nil && (expected == nil || newest.Seq != *expected) && landed(newest) {
			count := uint64(len(b.kept) + 1)
			return Ack{First: newest.Seq - count + 1, Last: newest.Seq}, true, nil
		}
		moved := expected != nil && (newest == nil) != (*expected == 0) || newest != nil && expected != nil && newest.Seq != *expected
		if !moved && (refused == nil || refused.Code == codeWrongSequenceLater && attempt < 6) {
			return Ack{}, false, nil
		}
		if look == 2 {
			return Ack{}, false, b.fenced(last, expected, newest)
		}
		if err := b.c.pause(ctx, 2); err != nil {
			return Ack{}, false, err
		}
	}
}

// expected is the sequence that the newest message of last's subject should
// have before the batch.
func (b *Batch) expected(last *Outgoing) *uint64 {
	for i := range b.kept {
		if b.kept[i].Subject == last.Subject && b.kept[i].Expect != nil {
			return b.kept[i].Expect
		}
	}
	return last.Expect
}

func (b *Batch) fenced(last *Outgoing, expected *uint64, newest *Message) error {
	e := &FencedError{Stream: b.stream, Subject: last.Subject, Last: newest}
	if expected != nil {
		e.Expected = *expected
	}
	return e
}

// Publish stores one message, in whichever stream its subject belongs to, and
// gives its sequence. When m.Expect does not hold: ErrConflict; so a message
// that expects 0 is stored once however often it is published. Without an
// expectation it may be stored twice when an answer is lost. Other errors are
// those of Batch.Commit.
func (c *Conn) Publish(ctx context.Context, m Outgoing) (seq uint64, err error) {
	b := Batch{c: c}
	ack, err := b.commit(ctx, &m, nil)
	var fenced *FencedError
	if errors.As(err, &fenced) {
		return 0, &ConflictError{Subject: m.Subject, Expected: fenced.Expected}
	}
	if err != nil {
		return 0, fmt.Errorf("publish to %s: %w", m.Subject, err)
	}
	return ack.Last, nil
}
