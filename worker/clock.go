package worker

import (
	"sync"
	"time"
)

// Clock is the time by which a readDelay is over. A nil Clock is the machine's.
// One that was made by NewClock runs with the machine's and can be moved ahead:
// what is stored after a move counts as stored at the moved time, so that a
// delay of two days can be gone through without waiting for it.
type Clock struct {
	mu    sync.Mutex
	moves []move // sorted by at
	wakes map[chan<- struct{}]struct{}
}

// move is how far the clock is ahead of the machine's from a moment on.
type move struct {
	at    time.Time // of the machine's clock
	ahead time.Duration
}

// NewClock makes a clock that stands at the machine's time.
func NewClock() *Clock { return &Clock{wakes: map[chan<- struct{}]struct{}{}} }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return c.from(time.Now()) }

// MoveTo moves the clock ahead. A time that is over already changes nothing.
func (c *Clock) MoveTo(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	ahead := t.Sub(now)
	if n := len(c.moves); ahead <= 0 || n > 0 && ahead <= c.moves[n-1].ahead {
		return
	}
	c.moves = append(c.moves, move{at: now, ahead: ahead})
	for wake := range c.wakes {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// At gives the clock's time at a moment of the machine's clock, such as that at
// which a message was stored.
func (c *Clock) At(moment time.Time) time.Time { return c.from(moment) }

// from gives the clock's time at a moment of the machine's clock, or of a
// server's on the same machine.
func (c *Clock) from(t time.Time) time.Time {
	if c == nil {
		return t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.moves) - 1; i >= 0; i-- {
		if !t.Before(c.moves[i].at) {
			return t.Add(c.moves[i].ahead)
		}
	}
	return t
}

// subscribe has a channel nudged, without waiting, whenever the clock is moved.
func (c *Clock) subscribe(wake chan<- struct{}) (end func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakes[wake] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.wakes, wake)
	}
}
