package worker

import (
	"testing"
	"time"
)

// The oldest document in work is that of the oldest transaction that is not
// committed, whatever came later.
func TestAges(t *testing.T) {
	var a ages
	a.reset()
	s, other := &source{}, &source{}
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	want := func(what string, second int) {
		t.Helper()
		due, ok := a.oldest(s)
		if ok != (second > 0) || ok && !due.Equal(at(second)) {
			t.Errorf("%s: %v, %t, want %d", what, due, ok, second)
		}
	}
	want("before anything was read", 0)
	a.take(s, at(1))
	a.take(s, at(2))
	want("in the open transaction", 1)
	a.stage()
	a.take(other, at(3))
	want("staged", 1)
	a.stage()
	a.take(s, at(5))
	want("staged, and another is open", 1)
	a.committed()
	want("the first is committed", 5)
	a.committed()
	want("nothing of it was in the second", 5)
	a.stage()
	a.committed()
	want("all is committed", 0)
	a.take(s, at(9))
	a.reset()
	want("another start", 0)
	a.take(s, at(10))
	want("of the new start", 10)
}

func TestResourceNames(t *testing.T) {
	for key, want := range map[string]string{"totals.v0": "totals", "public/or%2Eders.v3": "public/or.ders", "a%20b.v0.2": "a b", "x%2Fy/z.v1": "x/y/z"} {
		if got := resourceName(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}
