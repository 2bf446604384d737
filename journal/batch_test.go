package journal

import (
	"errors"
	"testing"
)

func TestBatchIsAppendedInOrder(t *testing.T) {
	c := setUp(t)
	first := mustAppend(t, c, 3, seq(0), "one")
	if first != (Ack{First: 1, Last: 4}) {
		t.Fatalf("first batch at %+v", first)
	}
	second := mustAppend(t, c, 2, &first.Last, "two")
	if second != (Ack{First: 5, Last: 7}) {
		t.Fatalf("second batch at %+v", second)
	}
	r := newReader(t, c, ReaderConfig{})
	for i, want := range []string{"one-0", "one-1", "one-2", "one", "two-0", "two-1", "two"} {
		m := read(t, r)
		if string(m.Data) != want || m.Seq != uint64(i+1) || m.Header != nil || m.Time.IsZero() {
			t.Fatalf("message %d: %+v, want %s", i, m, want)
		}
	}
	if !r.CaughtUp() {
		t.Fatal("not caught up at the end")
	}
}

func TestBatchWithStaleExpectationIsFenced(t *testing.T) {
	c := setUp(t)
	mustAppend(t, c, 1, seq(0), "mine")
	mustAppend(t, c, 1, seq(2), "other")
	_, err := appendN(t, c, 5, seq(2), "stale")
	var fenced *FencedError
	if !errors.Is(err, ErrFenced) || !errors.As(err, &fenced) {
		t.Fatalf("got %v", err)
	}
	if fenced.Expected != 2 || fenced.Last == nil || fenced.Last.Seq != 4 || string(fenced.Last.Data) != "other" {
		t.Fatalf("got %+v", fenced)
	}
	if n := stored(t, c); n != 4 {
		t.Fatalf("%d messages stored", n)
	}
}
