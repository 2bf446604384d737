package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Since gives the position behind which the messages begin that were stored at
// a time or later. Message times come from the leader's clock: where it stepped
// back, some that are older may follow.
func (c *Conn) Since(ctx context.Context, stream string, t time.Time) (after uint64, err error) {
	info, err := c.StreamInfo(ctx, stream)
	if err != nil {
		return 0, err
	}
	low, high := max(info.First, 1), info.Last+1 // the first such message is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		m, err := c.following(ctx, stream, middle)
		switch {
		case errors.Is(err, ErrNoMessage), err == nil && m.Seq > info.Last:
			high = middle
		case err != nil:
			return 0, fmt.Errorf("message at %d or later of stream %s: %w", middle, stream, err)
		case m.Time.Before(t):
			low = m.Seq + 1
		default:
			high = middle
		}
	}
	return low - 1, nil
}

// following gives the first message at a sequence or later.
func (c *Conn) following(ctx context.Context, stream string, seq uint64) (*storedMessage, error) {
	return c.get(ctx, stream, map[string]any{"seq": seq, "next_by_subj": ">"})
}

// Erase removes one message and overwrites its bytes in the server's store. One
// that is not there is no error.
func (c *Conn) Erase(ctx context.Context, stream string, seq uint64) error {
	err := noStream(c.call(ctx, "STREAM.MSG.DELETE."+stream, map[string]any{"seq": seq}, nil))
	var refused *APIError
	if errors.As(err, &refused) { // it may be gone: by an earlier attempt, or by somebody else
		if _, gone := c.get(ctx, stream, map[string]any{"seq": seq}); errors.Is(gone, ErrNoMessage) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("erase message %d of stream %s: %w", seq, stream, err)
	}
	return nil
}
