package erasure

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/document"
	"weir/journal"
)

const (
	pieceBytes = 64 << 10               // of keys in one record of what is asked
	lookAgain  = 100 * time.Millisecond // pause between two looks for an answer
)

// holder is a derivation whose registers were made from documents of the
// collection. Nobody but its task writes them, so it is asked to erase them.
type holder struct {
	record *catalog.Record
	spec   *catalog.Collection
	bucket *journal.Bucket // of its registers; nil: it never ran
	alone  bool            // each register was made from documents of one key of the collection, and of nothing else
	keys   map[string]bool // packed shuffle keys that the documents led to
	ready  uint64          // revision of what was asked; 0: nothing was
}

func (h *holder) task() controlplane.Task {
	return controlplane.Task{Kind: catalog.KindDerivation, Name: h.spec.Name}
}

// findHolders notes the derivations that keep registers for documents of the
// collection, and the keys of those registers that the erased key alone tells.
func (e *erasing) findHolders(ctx context.Context) error {
	for i := range e.records {
		spec := e.records[i].Collection
		if spec == nil || spec.Derive == nil || spec.Derive.Register == nil {
			continue
		}
		transforms := e.shuffled(spec.Derive)
		if len(transforms) == 0 {
			continue
		}
		h := &holder{record: &e.records[i], spec: spec, alone: e.alone(spec.Derive), keys: map[string]bool{}}
		for _, t := range transforms {
			if own, ok := e.ownKey(t.Shuffle.Key); ok && h.alone {
				h.keys[own] = true
			}
		}
		bucket, err := e.conn.Bucket(ctx, collection.StateBucket(collection.RegistersBucket, spec.Name))
		switch {
		case err == nil:
			h.bucket = bucket
		case !errors.Is(err, journal.ErrNoStream):
			return err
		}
		e.holders = append(e.holders, h)
	}
	return nil
}

// shuffled gives the transforms that bring documents of the collection to registers.
func (e *erasing) shuffled(d *catalog.Derivation) (out []catalog.Transform) {
	for _, t := range d.Transforms {
		if t.Source.Name == e.target.Name && len(t.Shuffle.Key) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// alone says whether a register of the derivation was made from documents of a
// single key of the collection: all of its transforms read the collection, and
// the whole key is in each shuffle key. Where a default stands in for a part of
// the key that a document lacks, the shuffle key has null for it, as of others.
func (e *erasing) alone(d *catalog.Derivation) bool {
	if slices.ContainsFunc(e.target.Key.Defaults, func(text []byte) bool { return text != nil }) {
		return false
	}
	for _, t := range d.Transforms {
		if len(t.Shuffle.Key) == 0 {
			continue
		}
		foreign := func(pointer string) bool { return !slices.Contains(t.Shuffle.Key, pointer) }
		if t.Source.Name != e.target.Name || slices.ContainsFunc(e.target.Spec.Key, foreign) {
			return false
		}
	}
	return true
}

// ownKey is the shuffle key of every document of the erased key, if the key
// says all of it.
func (e *erasing) ownKey(shuffle []string) (string, bool) {
	parts, err := document.SplitKey(e.packed)
	if err != nil {
		return "", false
	}
	var packed []byte
	for _, pointer := range shuffle {
		i := slices.Index(e.target.Spec.Key, pointer)
		if i < 0 {
			return "", false
		}
		packed = append(packed, parts[i]...)
	}
	return string(packed), true
}

// shuffles notes the keys of registers that a document led to.
func (e *erasing) shuffles(d *document.Doc) {
	for _, h := range e.holders {
		for _, t := range e.shuffled(h.spec.Derive) {
			key, err := document.NewKey(t.Shuffle.Key)
			if err != nil {
				continue // the build refuses it
			}
			packed, err := key.AppendPacked(nil, d, 0)
			if err == nil { // else no register has such a key
				h.keys[string(packed)] = true
			}
		}
	}
}

// asking are the holders that are asked.
func (e *erasing) asking() []*holder {
	return slices.DeleteFunc(slices.Clone(e.holders), func(h *holder) bool { return !h.alone || h.bucket == nil || len(h.keys) == 0 })
}

// note makes durable which registers are to go, before the documents that say
// so are overwritten. Nothing is done about it yet.
func (e *erasing) note(ctx context.Context) error {
	for _, h := range slices.DeleteFunc(slices.Clone(e.holders), func(h *holder) bool { return !h.alone || h.bucket == nil }) {
		if e.dry {
			break
		}
		if err := e.noteFor(ctx, h); err != nil {
			return fmt.Errorf("note the registers of %s: %w", h.spec.Name, err)
		}
	}
	return nil
}

// noteFor notes the keys that are not noted yet, and learns of those that an
// attempt before this one has noted.
func (e *erasing) noteFor(ctx context.Context, h *holder) error {
	noted := map[string]bool{}
	err := h.bucket.Scan(ctx, collection.ErasurePrefix+"."+e.id, func(entry journal.Entry) error {
		was, err := catalog.DecodeErasure(entry.Value)
		for _, key := range was.Keys {
			noted[string(key)], h.keys[string(key)] = true, true
		}
		return err
	})
	if err != nil {
		return err
	}
	var keys [][]byte
	for _, key := range slices.Sorted(maps.Keys(h.keys)) {
		if !noted[key] {
			keys = append(keys, []byte(key))
		}
	}
	n := 0
	for _, some := range pieces(keys) {
		text, err := json.Marshal(catalog.Erasure{V: catalog.ErasureVersion, Keys: some})
		if err != nil {
			return err
		}
		for ; ; n++ { // others are taken
			_, err := h.bucket.Update(ctx, collection.ErasureKey(e.id, strconv.Itoa(n)), text, 0)
			if err == nil {
				break
			}
			if !errors.Is(err, journal.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

// pieces cuts keys into as many as a record takes.
func pieces(keys [][]byte) (out [][][]byte) {
	first, bytes := 0, 0
	for i, key := range keys {
		if bytes += len(key); bytes >= pieceBytes || i == len(keys)-1 {
			out = append(out, keys[first:i+1])
			first, bytes = i+1, 0
		}
	}
	return out
}

// registers asks the tasks to erase what was noted, and waits for them.
func (e *erasing) registers(ctx context.Context) error {
	if e.dry {
		return e.countRegisters(ctx)
	}
	for _, h := range e.asking() {
		if err := e.ask(ctx, h); err != nil {
			return fmt.Errorf("ask %s to erase registers: %w", h.spec.Name, err)
		}
	}
	patience, stop := context.WithTimeout(ctx, e.wait)
	defer stop()
	for _, h := range e.asking() {
		if err := e.await(ctx, patience, h); err != nil {
			return fmt.Errorf("wait for %s to erase registers: %w", h.spec.Name, err)
		}
	}
	return nil
}

// ask completes what is asked. Keys that the task removed meanwhile, because
// an attempt before this one had asked, are noted again.
func (e *erasing) ask(ctx context.Context, h *holder) (err error) {
	if err := e.noteFor(ctx, h); err != nil {
		return err
	}
	text, err := json.Marshal(catalog.Erasure{V: catalog.ErasureVersion, Ready: true})
	if err != nil {
		return err
	}
	if h.ready, err = h.bucket.Put(ctx, collection.ErasureKey(e.id, collection.ErasureReady), text); err != nil {
		return err
	}
	return controlplane.StartAnew(ctx, e.conn, h.task())
}

// await waits for the answer of a task until patience ends, or not at all if the
// task stands still.
func (e *erasing) await(ctx, patience context.Context, h *holder) error {
	why, err := e.still(ctx, h)
	if err != nil {
		return err
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for looks := 0; ; looks++ {
		if done, err := e.answered(ctx, h); err != nil || done {
			return err
		}
		if why != "" {
			e.waits(h, why)
			return nil
		}
		if looks == 0 && e.progress != nil {
			e.progress("waiting for " + h.spec.Name + " to erase registers")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.Done():
			why = "it has not answered yet"
		case <-again.C:
		}
	}
}

// still says why a task stands still; empty: it does not, as far as anybody said.
func (e *erasing) still(ctx context.Context, h *holder) (string, error) {
	control, err := controlplane.ReadControl(ctx, e.conn, h.task())
	switch {
	case err != nil:
		return "", err
	case h.record.Disabled():
		return "it is disabled", nil
	case control != nil && control.Paused:
		return "it is paused", nil
	}
	return "", nil
}

// answered takes the answer of a task, if it is there.
func (e *erasing) answered(ctx context.Context, h *holder) (bool, error) {
	key := collection.ErasedPrefix + "." + e.id
	entry, err := h.bucket.Get(ctx, key)
	if errors.Is(err, journal.ErrNoKey) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got, err := catalog.DecodeErased(entry.Value)
	if err != nil || got.Asked < h.ready {
		return false, err
	}
	e.report.Places = append(e.report.Places, Place{Name: "registers of " + h.spec.Name, Documents: got.Registers, Bytes: got.Bytes})
	return true, h.bucket.Erase(ctx, key, entry.Revision)
}

// countRegisters counts what the buckets hold of registers that would go.
func (e *erasing) countRegisters(ctx context.Context) error {
	for _, h := range e.asking() {
		place := Place{Name: "registers of " + h.spec.Name}
		for key := range h.keys {
			entry, err := h.bucket.Get(ctx, collection.RegisterKey([]byte(key)))
			if errors.Is(err, journal.ErrNoKey) {
				continue
			}
			if err != nil {
				return fmt.Errorf("count registers of %s: %w", h.spec.Name, err)
			}
			place.Documents++
			place.Bytes += len(entry.Value)
		}
		e.report.Places = append(e.report.Places, place)
	}
	return nil
}

// requestID names what is asked about a key without telling it.
func requestID(name string, packed []byte) string {
	sum := sha256.Sum256(append([]byte(name+"\x00"), packed...))
	return hex.EncodeToString(sum[:8])
}
