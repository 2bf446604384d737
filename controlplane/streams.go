package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"weir/catalog"
	"weir/collection"
	"weir/fault"
	"weir/journal"
)

// newBlock is the distance of the first sequences of a stream and of the one
// made again in its place: a sequence is never used twice.
const newBlock = 1 << 40

// catalogNameMark is in the metadata of a collection's stream.
const catalogNameMark = "weir.catalog-name"

// streamState is what a draft found of a collection's stream.
type streamState struct {
	found    bool
	lost     bool // it was published before, and is gone
	messages uint64
}

// carryBlocks keeps the block of sequences of each collection. A stream that
// was published before and is gone is made again in the next block: a
// sequence is never used twice.
func carryBlocks(ctx context.Context, conn *journal.Conn, bucket *journal.Bucket, was, want map[string]catalog.Record) (map[string]streamState, error) {
	states := map[string]streamState{}
	for key, r := range want {
		if r.Collection == nil {
			continue
		}
		info, err := conn.StreamInfo(ctx, collection.StreamName(r.Name()))
		switch old, known := was[key]; {
		case err == nil && info.Metadata[deletingMark] != "":
			return nil, fault.New(fault.Conflict, "finish that with `weir delete "+r.Name()+" --with-data`, then publish again", "%s is being deleted with its data, and half of that may be gone", r.Name())
		case err == nil:
			r.Block = max(old.Block, info.First/newBlock)
			states[key] = streamState{found: true, messages: info.Messages}
		case !errors.Is(err, journal.ErrNoStream):
			return nil, fmt.Errorf("stream of %s: %w", r.Name(), err)
		case known:
			r.Block = old.Block + 1
			states[key] = streamState{lost: true}
		default:
			if r.Block, err = removedAt(ctx, bucket, key); err != nil {
				return nil, err
			}
		}
		want[key] = r
	}
	return states, nil
}

// removedAt gives the bucket's revision at which a record was removed, 0 when
// there never was one. Revisions grow with each publication, so no block that
// the collection had was as high.
func removedAt(ctx context.Context, bucket *journal.Bucket, key string) (uint64, error) {
	entry, err := bucket.Get(ctx, key)
	if err != nil && !errors.Is(err, journal.ErrNoKey) {
		return 0, fmt.Errorf("read the published catalog: %w", err)
	}
	return entry.Revision, nil
}

// ensureStreams makes the streams of the wanted collections, and the one of
// quarantined documents.
func ensureStreams(ctx context.Context, conn *journal.Conn, want map[string]catalog.Record, o Options) error {
	bad := journal.StreamConfig{Name: collection.BadStream, Subjects: []string{collection.BadSubjects}, Metadata: metadata("quarantine", o)}
	if _, err := conn.EnsureStream(ctx, bad); err != nil {
		return fmt.Errorf("stream of quarantined documents: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		r := want[key]
		if r.Collection == nil {
			continue
		}
		c, err := collection.New(r.Collection)
		if err != nil {
			return err
		}
		config := journal.StreamConfig{
			Name: collection.StreamName(c.Name), Subjects: c.StreamSubjects(), FirstSeq: r.Block * newBlock,
			Metadata: metadata("collection", o),
		}
		config.Metadata[catalogNameMark] = c.Name
		if from, to := c.Transform(); from != "" {
			config.Transform = &journal.Transform{From: from, To: to}
		}
		if _, err := conn.EnsureStream(ctx, config); err != nil {
			return fmt.Errorf("stream of %s: %w", c.Name, err)
		}
	}
	return nil
}

// metadata marks a stream. The monitoring of the nats tools looks at it; Weir
// sets no thresholds there: how many messages and subjects are too many, and
// how many peers there should be, its operator knows, and what an operator adds
// to the metadata stays.
func metadata(kind string, o Options) map[string]string {
	return map[string]string{"weir.kind": kind, "weir.build": o.Build, "io.nats.monitor.enabled": "true"}
}

// Prepare makes what must be there before anything is published, so that
// workers and clients find it.
func Prepare(ctx context.Context, conn *journal.Conn) error {
	if _, err := openCatalog(ctx, conn); err != nil {
		return err
	}
	return ensureStreams(ctx, conn, nil, Options{})
}
