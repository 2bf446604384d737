package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"weir/collection"
	"weir/journal"
	"weir/sinks"
)

// sinkCheckpoint is the record that the endpoint keeps for a shard.
type sinkCheckpoint struct {
	V         int       `json:"v"`
	Positions positions `json:"positions,omitempty"`
}

func decodeSinkCheckpoint(text []byte) (c sinkCheckpoint, err error) {
	err = json.Unmarshal(text, &c)
	if err == nil {
		err = checkVersion("the endpoint's checkpoint", c.V)
	}
	if err != nil {
		return c, fmt.Errorf("checkpoint: %w", err)
	}
	return c, nil
}

// keeper keeps the checkpoint of a materialization whose endpoint keeps
// none. It is written after the endpoint has confirmed the rows, so a start
// that comes between stores them once more: at least once. Each start rewrites
// the key with a new epoch, and every write names the revision before it:
// whoever lost the shard learns of it at its next commit, at the latest.
type keeper struct {
	bucket   *journal.Bucket
	key      string
	revision uint64
	kept     checkpoint
	told     bool // the sink has kept the checkpoint of this commit itself
}

// claimKeeper takes the checkpoint over, and gives where it stands.
func claimKeeper(ctx context.Context, e *env) (*keeper, error) {
	bucket, err := e.conn.EnsureBucket(ctx, journal.BucketConfig{Name: CheckpointBucket, Description: "checkpoints of tasks"})
	if err != nil {
		return nil, fmt.Errorf("bucket of checkpoints: %w", err)
	}
	k := &keeper{bucket: bucket, key: KindMaterialization + "." + collection.KVKey(e.task) + "." + e.token}
	entry, err := bucket.Get(ctx, k.key)
	switch {
	case err == nil:
		if k.kept, err = decodeCheckpoint(entry.Value); err != nil {
			return nil, err
		}
	case !errors.Is(err, journal.ErrNoKey):
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	k.revision = entry.Revision
	k.kept.V, k.kept.Writer = formatVersion, nonce()
	k.kept.Epoch++
	if k.kept.Positions == nil {
		k.kept.Positions = positions{}
	}
	err = k.write(ctx)
	if errors.Is(err, journal.ErrConflict) {
		return nil, errRaced
	}
	if err != nil {
		return nil, fmt.Errorf("raise epoch: %w", err)
	}
	return k, nil
}

// keepState makes a sink's state durable, with a checkpoint unless that is nil.
func (k *keeper) keepState(ctx context.Context, text []byte, state json.RawMessage) error {
	if text != nil {
		c, err := decodeSinkCheckpoint(text)
		if err != nil {
			return err
		}
		k.kept.Txn++
		k.kept.Positions, k.told = c.Positions, true
	}
	k.kept.State = state
	err := k.write(ctx)
	if errors.Is(err, journal.ErrConflict) {
		return fmt.Errorf("%w: %w", sinks.ErrFenced, err)
	}
	if err != nil {
		return fmt.Errorf("keep the connector's state: %w", err)
	}
	return nil
}

// keep makes positions durable, whose rows are, unless the sink did.
func (k *keeper) keep(ctx context.Context, at positions) error {
	if k.told {
		k.told = false
		return nil
	}
	k.kept.Txn++
	k.kept.Positions = at
	if err := k.write(ctx); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func (k *keeper) write(ctx context.Context) error {
	text, err := json.Marshal(k.kept)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	revision, err := k.bucket.Update(ctx, k.key, text, k.revision)
	if err != nil {
		return err
	}
	k.revision = revision
	return nil
}
