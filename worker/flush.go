package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"weir/collection"
	"weir/derive"
	"weir/journal"
)

const (
	flushAge   = 10 * time.Second // of unflushed progress of a busy shard
	flushBytes = 32 << 20         // of memory for register changes that only markers hold, when a flush begins
	flushSlice = 1000             // registers that a flush writes in one step, so that nothing waits for it for long
	sliceBytes = 1 << 20          // of their values

	// unflushedOverhead is what a change takes in memory beside key and value:
	// its place in the map, and what allocations are rounded up by.
	unflushedOverhead = 100
)

// flush is one on its way: progress, and the registers, as of one committed
// transaction. It is written in slices between commits, or while the shard
// rests. The checkpoint moves with the last slice; until then the markers
// hold every change, so that a start that comes between finds registers that
// are as of the checkpoint or newer, and the markers that make all of them new.
type flush struct {
	registers map[string][]byte // those that the bucket does not hold yet, by packed key; nil = deleted
	to        checkpoint
	seq       uint64 // of the newest marker then
}

// remember keeps a change until a flush holds it.
func (s *shard) remember(c derive.RegisterChange) {
	key := string(c.Key)
	if old, ok := s.unflushed[key]; ok {
		s.unflushedBytes -= len(old) + len(key) + unflushedOverhead
	}
	s.unflushed[key] = c.Value
	s.unflushedBytes += len(c.Value) + len(key) + unflushedOverhead
}

// flushIfDue goes on with a flush, or begins one when a busy shard has not
// flushed for long, or holds much that only markers hold. It writes twice as
// many registers as the last commit changed: so a flush ends before half as
// much as it holds has come anew.
func (s *shard) flushIfDue(ctx context.Context) error {
	if s.under == nil {
		if !s.dirty || s.unflushedBytes <= flushBytes && s.now().Sub(s.flushed) <= flushAge {
			return nil
		}
		if err := s.beginFlush(); err != nil {
			return err
		}
	}
	for left := max(2*s.changed, 1); left > 0 && s.under != nil; left -= flushSlice {
		if err := s.flushOn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rest goes on with a flush, or begins one when there is progress that no
// flush holds. It takes one step, and says whether there are more.
func (s *shard) rest(ctx context.Context) (more bool, err error) {
	if s.under == nil {
		if !s.dirty {
			return false, nil
		}
		if err := s.beginFlush(); err != nil {
			return false, err
		}
	}
	err = s.flushOn(ctx)
	return s.under != nil || s.dirty, err
}

// beginFlush takes what the newest committed transaction has left.
func (s *shard) beginFlush() error {
	if err := s.cut("flush.before"); err != nil {
		return err
	}
	to := s.kept
	to.Txn, to.Positions, to.State = s.txn, s.positions, s.state
	s.under = &flush{registers: s.unflushed, to: to, seq: s.seq}
	s.unflushed, s.unflushedBytes, s.dirty = map[string][]byte{}, 0, false
	return nil
}

// flushRoom is how many registers go into one batch.
func (s *shard) flushRoom() int { return min(s.conn.MaxBatch()-1, flushSlice) }

// flushOn writes the next slice. Each batch carries the checkpoint key with
// its expected revision, so that only the start that claimed last can flush.
// Behind the last one, markers before the newest of the flush are removed.
func (s *shard) flushOn(ctx context.Context) error {
	f := s.under
	changes := f.take(s.flushRoom())
	if len(f.registers) > 0 {
		if err := s.apply(ctx, changes, s.kept); err != nil {
			return err
		}
		return s.cut("flush.between")
	}
	if err := s.apply(ctx, changes, f.to); err != nil {
		return err
	}
	if !maps.Equal(s.kept.Positions, f.to.Positions) {
		s.progress.Add(1)
	}
	s.kept, s.under, s.flushed = f.to, nil, s.now()
	if err := s.cut("flush.after"); err != nil {
		return err
	}
	if f.seq == 0 {
		return nil
	}
	for _, seq := range s.unwanted {
		if err := s.conn.Erase(ctx, s.stream, seq); err != nil {
			return err
		}
	}
	s.unwanted = nil
	if err := s.conn.Purge(ctx, s.stream, s.subject, f.seq-1); err != nil {
		return fmt.Errorf("remove older markers: %w", err)
	}
	return nil
}

// take takes out registers for one batch, with room for the checkpoint.
func (f *flush) take(room int) []journal.Change {
	changes := make([]journal.Change, 0, min(len(f.registers), room)+1)
	bytes := 0
	for key, value := range f.registers {
		c := registerChange{Key: []byte(key), Value: value}
		change := journal.Change{Key: collection.RegisterKey(c.Key)}
		if value != nil {
			change.Value = encodeRegister(c)
		}
		changes = append(changes, change)
		delete(f.registers, key)
		if bytes += len(change.Value); len(changes) == room || bytes > sliceBytes {
			break
		}
	}
	return changes
}

// apply writes register changes and the checkpoint in one batch.
func (s *shard) apply(ctx context.Context, changes []journal.Change, c checkpoint) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	expect := s.revision
	revision, err := s.bucket.Apply(ctx, append(changes, journal.Change{Key: s.key, Value: text, Expect: &expect}))
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	s.revision = revision
	return nil
}
