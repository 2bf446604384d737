package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Waiting is what of a subject's messages lies behind a position.
type Waiting struct {
	Messages uint64
	Oldest   time.Time // when the first of them was stored; zero: there is none
}

// Waiting counts the messages of a subject, which may hold wildcards, behind a
// position, without reading them: three requests, and one where there is none.
// Errors: ErrNoStream, refusals as *APIError, that of ctx.
func (c *Conn) Waiting(ctx context.Context, stream, filter string, after uint64) (Waiting, error) {
	first, err := c.get(ctx, stream, map[string]any{"seq": after + 1, "next_by_subj": filter})
	if errors.Is(err, ErrNoMessage) {
		return Waiting{}, nil
	}
	if err != nil {
		return Waiting{}, fmt.Errorf("first of %s after %d in stream %s: %w", filter, after, stream, err)
	}
	name := consumerName("weir_count", strconv.FormatUint(rand.Uint64(), 36))
	info, err := c.createConsumer(ctx, ReaderConfig{Stream: stream, Filter: filter}, name, after)
	if err != nil {
		return Waiting{}, fmt.Errorf("count %s after %d in stream %s: %w", filter, after, stream, err)
	}
	c.deleteConsumer(stream, name)
	return Waiting{Messages: max(info.NumPending, 1), Oldest: first.Time}, nil
}
