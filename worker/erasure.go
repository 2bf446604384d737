package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/collection"
	"weir/derive"
	"weir/journal"
)

// erasures are the registers that a start of a derivation is asked to remove.
// It does so between its claim and its first document, when nothing of it is
// in flight. What was asked stands in the bucket until all is done, so that a
// start that is ended on the way leaves the rest to the next one; each step
// may be done twice.
type erasures struct {
	bucket *journal.Bucket
	asked  map[string]*erasure // by id
	held   map[string]int      // bytes of each register that is to go, by packed key; -1: there is none
}

// erasure is what was asked at once.
type erasure struct {
	id     string
	ready  uint64            // revision of the record that says so; 0: it is not complete
	pieces map[string]uint64 // revisions of its other records, by key
	keys   []string          // packed
}

// readErasures reads what is asked of a derivation; nil: nothing.
func readErasures(ctx context.Context, conn *journal.Conn, task string) (*erasures, error) {
	bucket, err := conn.Bucket(ctx, collection.StateBucket(registersOf, task))
	if errors.Is(err, journal.ErrNoStream) {
		return nil, nil //nolint:nilnil // it has no registers yet
	}
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	e := &erasures{bucket: bucket, asked: map[string]*erasure{}, held: map[string]int{}}
	if err := bucket.Scan(ctx, collection.ErasurePrefix, e.read); err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	for id, a := range e.asked {
		if a.ready == 0 { // its documents are not gone yet
			delete(e.asked, id)
		}
		for _, key := range a.keys {
			if a.ready != 0 {
				e.held[key] = -1
			}
		}
	}
	if len(e.asked) == 0 {
		return nil, nil //nolint:nilnil // nothing is asked
	}
	return e, nil
}

func (e *erasures) read(entry journal.Entry) error {
	record, err := catalog.DecodeErasure(entry.Value)
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(entry.Key, collection.ErasurePrefix+"."), ".")
	a := e.asked[id]
	if a == nil {
		a = &erasure{id: id, pieces: map[string]uint64{}}
		e.asked[id] = a
	}
	if record.Ready {
		a.ready = entry.Revision
		return nil
	}
	a.pieces[entry.Key] = entry.Revision
	for _, key := range record.Keys {
		a.keys = append(a.keys, string(key))
	}
	return nil
}

// takes says whether a register that is restored is one of those that go. The
// engine never sees it then, nor its store on disk.
func (e *erasures) takes(key, value []byte) bool {
	if e == nil {
		return false
	}
	if _, ok := e.held[string(key)]; !ok {
		return false
	}
	e.held[string(key)] = -1
	if value != nil {
		e.held[string(key)] = len(value)
	}
	return true
}

// erase removes the registers that were asked for. The order matters:
//
//  1. A transaction deletes them, fenced as any other. From here on they are
//     gone, whatever happens.
//  2. The bucket's records of them are overwritten: the markers say enough.
//  3. A flush moves the checkpoint behind that transaction, and the markers
//     before it, which name the keys, are overwritten.
//  4. The traces of their deletion in the bucket are removed.
//  5. Who asked is answered, and what was asked is removed.
func (d *derivation) erase(ctx context.Context, e *erasures) error {
	if e == nil {
		return nil
	}
	s := d.shard
	for _, a := range e.asked {
		if err := s.deleteRegisters(ctx, e.changes(a)); err != nil {
			return fmt.Errorf("erase registers: %w", err)
		}
	}
	for _, step := range []func() error{
		func() error { return s.eraseRecords(ctx, e) },
		func() error { return s.cut("erase.records") },
		func() error { return s.flushErasing(ctx, e) },
		func() error { return s.eraseRecords(ctx, e) },
		func() error { return s.cut("erase.traces") },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("erase registers: %w", err)
		}
	}
	d.env.txn.Store(s.txn)
	for _, a := range e.asked {
		if err := e.answer(ctx, a, s.cut); err != nil {
			return fmt.Errorf("answer an erasure: %w", err)
		}
		registers, bytes := e.count(a)
		d.env.log.Info("registers erased", zap.Int("registers", registers), zap.Int("bytes", bytes))
	}
	return nil
}

// changes deletes the registers of an erasure that are there.
func (e *erasures) changes(a *erasure) []derive.RegisterChange {
	var out []derive.RegisterChange
	for _, key := range a.keys {
		if e.held[key] >= 0 {
			out = append(out, derive.RegisterChange{Key: []byte(key)})
		}
	}
	return out
}

func (e *erasures) count(a *erasure) (registers, bytes int) {
	for _, key := range a.keys {
		if size := e.held[key]; size >= 0 {
			registers, bytes = registers+1, bytes+size
		}
	}
	return registers, bytes
}

// answer tells who asked, and removes what was asked. What was asked once more
// meanwhile stays.
func (e *erasures) answer(ctx context.Context, a *erasure, cut func(string) error) error {
	registers, bytes := e.count(a)
	text, err := json.Marshal(catalog.Erased{V: catalog.ErasureVersion, Asked: a.ready, Registers: registers, Bytes: bytes})
	if err != nil {
		return err
	}
	if _, err := e.bucket.Put(ctx, collection.ErasedPrefix+"."+a.id, text); err != nil {
		return err
	}
	if err := cut("erase.answered"); err != nil {
		return err
	}
	for key, revision := range a.pieces {
		if err := e.bucket.Erase(ctx, key, revision); err != nil {
			return err
		}
	}
	return e.bucket.Erase(ctx, collection.ErasureKey(a.id, collection.ErasureReady), a.ready)
}

// deleteRegisters commits a transaction that deletes registers, and a marker
// behind it that names none, so that none of those that do is the newest: that
// one is the fence.
func (s *shard) deleteRegisters(ctx context.Context, gone []derive.RegisterChange) error {
	if len(gone) == 0 {
		return nil
	}
	if err := s.commit(ctx, transaction{batch: s.conn.NewBatch(s.stream), positions: s.positions, registers: gone}); err != nil {
		return err
	}
	return s.append(ctx, transaction{batch: s.conn.NewBatch(s.stream), positions: s.positions})
}

// eraseRecords removes the registers' records from the bucket, or what tells of
// their deletion. Only what is older than this start's newest write: a later
// owner may have set one again.
func (s *shard) eraseRecords(ctx context.Context, e *erasures) error {
	for key := range e.held {
		if err := s.bucket.Erase(ctx, collection.RegisterKey([]byte(key)), s.revision); err != nil {
			return err
		}
	}
	return nil
}

// flushErasing flushes everything, and has the markers that name one of the
// registers overwritten instead of removed.
func (s *shard) flushErasing(ctx context.Context, e *erasures) error {
	names := func(c registerChange) bool { _, ok := e.held[string(c.Key)]; return ok }
	err := s.conn.ReadAll(ctx, s.stream, s.subject, 0, func(m journal.Message) error {
		part, err := decodeMarker(m.Data)
		if err == nil && m.Seq < s.seq && slices.ContainsFunc(part.Registers, names) {
			s.unwanted = append(s.unwanted, m.Seq)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read markers: %w", err)
	}
	for more := true; more; {
		if more, err = s.rest(ctx); err != nil {
			return err
		}
	}
	return nil
}
