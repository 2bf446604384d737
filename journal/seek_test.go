package journal

import (
	"errors"
	"testing"
	"time"
)

func TestSinceAndErase(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	if after, err := c.Since(ctx, "s", time.Unix(0, 0)); err != nil || after != 0 {
		t.Fatalf("an empty stream: after %d, %v", after, err)
	}
	var times []time.Time
	for range 9 {
		n, err := c.Publish(ctx, Outgoing{Subject: "d.a", Data: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Get(ctx, "s", n)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, m.Time)
	}
	for range 2 { // the second time one that was erased is no error
		if err := c.Erase(ctx, "s", 4); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Get(ctx, "s", 4); !errors.Is(err, ErrNoMessage) {
		t.Fatalf("an erased message: %v", err)
	}
	for i, at := range times {
		want := uint64(i + 1)
		if want == 4 {
			want = 5 // what follows the one that is gone
		}
		after, err := c.Since(ctx, "s", at)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.following(ctx, "s", after+1); err != nil || m.Seq != want {
			t.Errorf("since message %d: %+v, %v; want %d", i+1, m, err, want)
		}
	}
	if after, err := c.Since(ctx, "s", time.Now().Add(time.Hour)); err != nil || after != 9 {
		t.Errorf("since later: after %d, %v", after, err)
	}
	if _, err := c.Since(ctx, "none", times[0]); !errors.Is(err, ErrNoStream) {
		t.Errorf("no stream: %v", err)
	}
	if err := c.Erase(ctx, "none", 1); !errors.Is(err, ErrNoStream) {
		t.Errorf("erase in no stream: %v", err)
	}
}
