package journal

import (
	"errors"
	"testing"
	"time"
)

// What waits behind a position is counted by subject, and no consumer is left.
func TestWaiting(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	if got, err := c.Waiting(ctx, "s", "d.>", 0); err != nil || got != (Waiting{}) {
		t.Fatalf("an empty stream: %+v, %v", got, err)
	}
	var times []time.Time
	for _, subject := range []string{"d.a", "d.b", "d.a", "d.b", "d.b"} {
		n, err := c.Publish(ctx, Outgoing{Subject: subject, Data: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Get(ctx, "s", n)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, m.Time)
	}
	for _, one := range []struct {
		filter   string
		after    uint64
		messages uint64
		oldest   int // index
	}{{"d.>", 0, 5, 0}, {"d.*", 3, 2, 3}, {"d.a", 1, 1, 2}, {"d.b", 2, 2, 3}} {
		got, err := c.Waiting(ctx, "s", one.filter, one.after)
		if err != nil || got.Messages != one.messages || !got.Oldest.Equal(times[one.oldest]) {
			t.Errorf("%s after %d: %+v, %v", one.filter, one.after, got, err)
		}
	}
	for _, after := range []uint64{3, 5, 100} {
		if got, err := c.Waiting(ctx, "s", "d.a", after); err != nil || got != (Waiting{}) {
			t.Errorf("nothing after %d: %+v, %v", after, got, err)
		}
	}
	if _, err := c.Waiting(ctx, "none", "d.a", 0); !errors.Is(err, ErrNoStream) {
		t.Errorf("no stream: %v", err)
	}
	for left := 1; left > 0; { // their removal is not waited for
		all, err := c.Consumers(ctx, "s")
		if err != nil {
			t.Fatalf("%d consumers left: %v", left, err)
		}
		left = len(all)
	}
}
