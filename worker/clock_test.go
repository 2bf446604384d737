package worker

import (
	"testing"
	"time"
)

// What was stored before a move keeps its time, what comes after it counts as
// stored at the moved time; going back is not possible.
func TestClock(t *testing.T) {
	c, before := NewClock(), time.Now()
	wake := make(chan struct{}, 1)
	end := c.subscribe(wake)
	if got := c.from(before); !got.Equal(before) {
		t.Errorf("a clock that was not moved says %s at %s", got, before)
	}
	to := before.Add(48 * time.Hour)
	c.MoveTo(to)
	if len(wake) != 1 {
		t.Error("nobody was woken by the move")
	}
	after := time.Now()
	if got := c.from(before.Add(-time.Hour)); !got.Equal(before.Add(-time.Hour)) {
		t.Errorf("the time before the move has moved to %s", got)
	}
	if now := c.Now(); now.Before(to) {
		t.Errorf("moved to %s, it is %s", to, now)
	}
	if got := c.from(after).Sub(after); got > 48*time.Hour || got < 47*time.Hour {
		t.Errorf("after the move it is %s ahead", got)
	}
	<-wake
	end()
	c.MoveTo(to.Add(-time.Hour)) // over already
	c.MoveTo(to.Add(time.Hour))
	if got := c.from(after).Sub(after); got > 48*time.Hour {
		t.Errorf("a second move changed the time between both to %s ahead", got)
	}
	if now := c.Now(); now.Before(to.Add(time.Hour)) || now.After(to.Add(2*time.Hour)) {
		t.Errorf("moved to %s, it is %s", to.Add(time.Hour), now)
	}
	if len(wake) != 0 {
		t.Error("woken after the end of the subscription")
	}
}

func TestMachineClock(t *testing.T) {
	var c *Clock
	if d := time.Since(c.Now()); d < 0 || d > time.Minute {
		t.Errorf("it is %s off", d)
	}
	c.subscribe(make(chan struct{}))()
}
