package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"weir/derive"
	"weir/journal"
)

const headerRoom = 512 // bytes of a message left to the broker's headers

// wholeTask is the token of the shard `0 mod 1`.
const wholeTask = "0-1"

// errRaced is another claim at the same moment.
var errRaced = errors.New("another worker claims this shard at the same time")

// shard is what one start of a shard that writes a collection holds: its
// place in the chain of markers and in the bucket of checkpoints. Between
// claim and the end only the loop's commits, one at a time, touch it.
//
// Whoever starts a shard claims it: first the checkpoint key is rewritten
// with a new epoch, so that nobody else can flush, then a marker with a new
// writer is appended, so that nobody else can commit. Only then what the
// shard holds is read, since only then it stands still.
type shard struct {
	conn       *journal.Conn
	bucket     *journal.Bucket // of the checkpoint, and of the registers if there are any
	stream     string
	subject    string // of the markers
	keys       keys   // of the checkpoint
	key        string // the one of keys that is in bucket
	bucketName string // empty for an entrance, which has no checkpoint
	writer     string // nonce of this start
	cut        func(point string) error

	withRegisters bool
	now           func() time.Time
	progress      *atomic.Uint64 // counts what became durable: a start behind it does not do it again

	txn       uint64 // of the newest marker
	seq       uint64 // of the newest marker in the stream
	epoch     uint64
	revision  uint64 // of the checkpoint key
	positions positions
	state     json.RawMessage

	kept           checkpoint        // what the checkpoint key holds
	unflushed      map[string][]byte // register values of committed transactions, by packed key; nil = deleted
	unflushedBytes int               // of memory that they take
	changed        int               // registers that the last commit changed
	dirty          bool              // progress that no flush holds yet
	flushed        time.Time         // when the last flush ended
	under          *flush            // on its way; nil: none
	unwanted       []uint64          // markers that the next flush has overwritten
}

// keys are the keys of a shard's checkpoint: in the bucket of all tasks, and in
// a bucket of registers.
type keys struct{ common, registers string }

// transaction is what a shard commits: staged messages, and where the shard
// stands after them.
type transaction struct {
	batch     *journal.Batch
	positions positions
	registers []derive.RegisterChange
	state     json.RawMessage // nil: unchanged
	seen      json.RawMessage // what its documents add to the collection's inferred schema; nil: nothing
}

// claim takes the shard over. register is given each register as of the last
// commit, in no order; a nil value deletes. Its error ends the claim.
func (s *shard) claim(ctx context.Context, register func(key, value []byte) error) error {
	for attempt := 1; ; attempt++ {
		err := s.tryClaim(ctx, register)
		if !errors.Is(err, errRaced) || attempt == 8 {
			return err
		}
		if err := pause(ctx, time.Duration(attempt)*50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *shard) tryClaim(ctx context.Context, register func(key, value []byte) error) error {
	ckpt, err := s.raiseEpoch(ctx)
	if err != nil {
		return err
	}
	if err := s.cut("claim.checkpoint"); err != nil {
		return err
	}
	if err := s.appendClaim(ctx, &ckpt); err != nil {
		return err
	}
	if err := s.cut("claim.marker"); err != nil {
		return err
	}
	s.kept, s.flushed = ckpt, s.now()
	s.kept.V, s.kept.Epoch, s.kept.Writer = formatVersion, s.epoch, s.writer
	s.unflushed, s.unflushedBytes, s.under = map[string][]byte{}, 0, nil
	s.dirty = s.txn > ckpt.Txn
	if s.withRegisters {
		if err := s.restore(ctx, ckpt, register); err != nil {
			return err
		}
	}
	return s.cut("claim.restored")
}

// raiseEpoch rewrites the checkpoint key: from now on no other start can
// flush. It gives the checkpoint as it was.
func (s *shard) raiseEpoch(ctx context.Context) (checkpoint, error) {
	var was checkpoint
	entry, err := s.bucket.Get(ctx, s.key)
	switch {
	case errors.Is(err, journal.ErrNoKey):
		newest, err := s.newestMarker(ctx)
		if err != nil {
			return was, err
		}
		if newest.Txn > 0 && newest.Bucket == s.bucketName {
			if _, err := s.bucket.Get(ctx, s.key); err == nil { // another claim made both meanwhile
				return was, errRaced
			}
			return was, &LostError{fmt.Sprintf("the bucket %s lost the checkpoint %s", s.bucketName, s.key)}
		}
	case err != nil:
		return was, fmt.Errorf("read checkpoint: %w", err)
	default:
		if was, err = decodeCheckpoint(entry.Value); err != nil {
			return was, err
		}
	}
	mine := was
	mine.V, mine.Epoch, mine.Writer = formatVersion, was.Epoch+1, s.writer
	text, err := json.Marshal(mine)
	if err != nil {
		return was, fmt.Errorf("encode checkpoint: %w", err)
	}
	s.revision, err = s.bucket.Update(ctx, s.key, text, entry.Revision)
	if errors.Is(err, journal.ErrConflict) {
		return was, errRaced
	}
	if err != nil {
		return was, fmt.Errorf("raise epoch: %w", err)
	}
	s.epoch = mine.Epoch
	return was, nil
}

// appendClaim appends a marker that changes only the writer: from now on no
// other start can commit.
func (s *shard) appendClaim(ctx context.Context, ckpt *checkpoint) error {
	newest, err := s.newestMarker(ctx)
	if err != nil {
		return err
	}
	if newest.Txn > 0 && newest.Bucket != s.bucketName {
		if err := s.moveIn(ctx, ckpt, newest); err != nil {
			return err
		}
	}
	if ckpt.Txn > newest.Txn {
		return &LostError{fmt.Sprintf("the checkpoint %s of bucket %s is at transaction %d, but the markers on %s end at %d: the stream lost messages or was made again", s.key, s.bucketName, ckpt.Txn, s.subject, newest.Txn)}
	}
	s.txn, s.positions, s.state = newest.Txn, newest.Positions, newest.State
	if ckpt.Txn == newest.Txn && len(ckpt.Positions) > 0 {
		s.positions, s.state = ckpt.Positions, ckpt.State
	}
	if s.positions == nil {
		s.positions = positions{}
	}
	err = s.append(ctx, transaction{batch: s.conn.NewBatch(s.stream), positions: s.positions})
	if errors.Is(err, journal.ErrFenced) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("append claim: %w", err)
	}
	return nil
}

// newestMarker reads the end of the chain; the zero marker when there is none.
func (s *shard) newestMarker(ctx context.Context) (marker, error) {
	message, err := s.conn.Last(ctx, s.stream, s.subject)
	if errors.Is(err, journal.ErrNoMessage) {
		s.seq = 0
		return marker{}, nil
	}
	if err != nil {
		return marker{}, fmt.Errorf("read marker: %w", err)
	}
	s.seq = message.Seq
	return decodeMarker(message.Data)
}

// moveIn starts a shard's state anew in its bucket, because it was in another
// one: a derivation got registers, or lost them and got them again. Registers
// that an earlier time left there are removed, and the checkpoint is set to
// where the markers are.
func (s *shard) moveIn(ctx context.Context, ckpt *checkpoint, newest marker) error {
	former, err := s.formerCheckpoint(ctx, newest)
	if err != nil {
		return err
	}
	*ckpt = checkpoint{V: formatVersion, Epoch: s.epoch, Writer: s.writer, Txn: newest.Txn, Positions: former.Positions, State: former.State}
	if s.withRegisters {
		if err := s.removeRegisters(ctx, *ckpt); err != nil {
			return err
		}
	}
	return s.applyClaimed(ctx, nil, *ckpt)
}

// removeRegisters removes the registers of the bucket, batch by batch.
func (s *shard) removeRegisters(ctx context.Context, ckpt checkpoint) error {
	var left []journal.Change
	err := s.bucket.Scan(ctx, "r", func(e journal.Entry) error {
		left = append(left, journal.Change{Key: e.Key})
		if len(left) < s.flushRoom() {
			return nil
		}
		some := left
		left = nil
		return s.applyClaimed(ctx, some, ckpt)
	})
	if err != nil {
		return fmt.Errorf("remove former registers: %w", err)
	}
	return s.applyClaimed(ctx, left, ckpt)
}

// applyClaimed is apply while claims may still race.
func (s *shard) applyClaimed(ctx context.Context, changes []journal.Change, ckpt checkpoint) error {
	err := s.apply(ctx, changes, ckpt)
	if errors.Is(err, journal.ErrConflict) {
		return errRaced
	}
	return err
}

// formerCheckpoint gives the checkpoint in the bucket that the newest marker
// names: it may be ahead of the marker, by inputs that gave nothing to write.
// Where that bucket is gone, the marker says enough.
func (s *shard) formerCheckpoint(ctx context.Context, newest marker) (checkpoint, error) {
	of := checkpoint{Txn: newest.Txn, Positions: newest.Positions, State: newest.State}
	key := s.keys.registers
	if newest.Bucket == CheckpointBucket {
		key = s.keys.common
	}
	bucket, err := s.conn.Bucket(ctx, newest.Bucket)
	if errors.Is(err, journal.ErrNoStream) {
		return of, nil
	}
	if err != nil {
		return of, fmt.Errorf("former bucket: %w", err)
	}
	entry, err := bucket.Get(ctx, key)
	if errors.Is(err, journal.ErrNoKey) {
		return of, nil
	}
	if err != nil {
		return of, fmt.Errorf("former checkpoint: %w", err)
	}
	was, err := decodeCheckpoint(entry.Value)
	if err != nil || was.Txn != newest.Txn || len(was.Positions) == 0 {
		return of, err
	}
	return was, nil
}

// restore gives the registers: the bucket's, which are as of ckpt or newer,
// then the changes of every marker after it, each one number above the one
// before.
func (s *shard) restore(ctx context.Context, ckpt checkpoint, register func(key, value []byte) error) error {
	err := s.bucket.Scan(ctx, "r", func(e journal.Entry) error {
		c, err := decodeRegister(e.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Key, err)
		}
		return register(c.Key, c.Value)
	})
	if err != nil {
		return fmt.Errorf("read registers: %w", err)
	}
	at := ckpt.Txn
	err = s.conn.ReadAll(ctx, s.stream, s.subject, 0, func(m journal.Message) error {
		part, err := decodeMarker(m.Data)
		if err != nil || part.Txn <= ckpt.Txn {
			return err
		}
		if part.Txn > at+1 {
			return fmt.Errorf("%w: markers jump from transaction %d to %d", errRaced, at, part.Txn)
		}
		for _, c := range part.Registers {
			if err := register(c.Key, c.Value); err != nil {
				return err
			}
			s.remember(derive.RegisterChange(c))
		}
		if part.last() {
			at = part.Txn
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read markers: %w", err)
	}
	if at != s.txn {
		return fmt.Errorf("%w: markers end at transaction %d, not %d", errRaced, at, s.txn)
	}
	return nil
}

// commit makes a transaction durable (step 2). One without outputs, register
// changes and state writes nothing: its progress rides on the next marker or
// flush.
func (s *shard) commit(ctx context.Context, t transaction) error {
	if t.batch.Len() == 0 && len(t.registers) == 0 && t.state == nil {
		s.positions, s.dirty, s.changed = t.positions, true, 0
		return nil
	}
	if err := s.cut("commit.before"); err != nil {
		return err
	}
	if err := s.append(ctx, t); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.progress.Add(1)
	s.changed = len(t.registers)
	for _, c := range t.registers {
		s.remember(c)
	}
	return s.cut("commit.after")
}

// append commits the staged messages with a marker behind them.
func (s *shard) append(ctx context.Context, t transaction) error {
	m := marker{V: formatVersion, Txn: s.txn + 1, Writer: s.writer, Bucket: s.bucketName, Positions: t.positions, State: s.state}
	if t.state != nil {
		m.State = t.state
	}
	m.Registers = make([]registerChange, len(t.registers))
	for i, c := range t.registers {
		m.Registers[i] = registerChange(c)
	}
	parts, err := encodeMarker(m, s.conn.MaxPayload()-headerRoom)
	if err != nil {
		return err
	}
	last := len(parts) - 1
	for i, part := range parts[:last] {
		o := journal.Outgoing{Subject: s.subject, Data: part}
		if i == 0 {
			o.Expect = &s.seq
		}
		if err := t.batch.Add(o); err != nil {
			return err
		}
	}
	final := journal.Outgoing{Subject: s.subject, Data: parts[last]}
	if last == 0 {
		final.Expect = &s.seq
	}
	ack, err := t.batch.Commit(ctx, final, func(newest *journal.Message) bool {
		got, err := decodeMarker(newest.Data)
		return err == nil && got.Writer == m.Writer && got.Txn == m.Txn
	})
	if err != nil {
		return err
	}
	s.txn, s.seq, s.positions, s.state, s.dirty = m.Txn, ack.Last, m.Positions, m.State, true
	return nil
}

// pause waits, but not longer than the context lives.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
