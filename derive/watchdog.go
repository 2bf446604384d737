package derive

import (
	"errors"
	"sync"
	"time"

	"github.com/dop251/goja"
)

var errTimeout = errors.New("timeout")

// watchdogSteps is how many times a running call is looked at within its time limit: it may last longer than the
// limit by this part of it.
const watchdogSteps = 8

// watchdog interrupts calls that last too long. One timer serves all calls of a VM: it looks at the number of the
// call that runs, so that beginning and ending a call cost a lock each and no clock reading. While nothing runs
// the timer is not armed, so that a VM needs no closing.
type watchdog struct {
	limit time.Duration
	rt    *goja.Runtime

	mu          sync.Mutex
	timer       *time.Timer
	armed       bool
	call        uint64 // number of the newest call
	running     bool
	interrupted bool
	seen        uint64    // the call that the timer saw last
	since       time.Time // when it saw that call first
}

func newWatchdog(rt *goja.Runtime, limit time.Duration) *watchdog {
	w := &watchdog{rt: rt, limit: limit}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

// begin starts the time of a call.
func (w *watchdog) begin() {
	w.mu.Lock()
	w.call++
	w.running = true
	if !w.armed {
		w.armed = true
		w.seen, w.since = w.call, time.Now()
		w.timer.Reset(w.limit / watchdogSteps)
	}
	w.mu.Unlock()
}

// end stops it. After end no interrupt of this call can reach the next one.
func (w *watchdog) end() {
	w.mu.Lock()
	w.running = false
	if w.interrupted {
		w.interrupted = false
		w.rt.ClearInterrupt()
	}
	w.mu.Unlock()
}

// look runs on the timer.
func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.running:
		w.armed = false
		return
	case w.seen != w.call:
		w.seen, w.since = w.call, time.Now()
	case !w.interrupted && time.Since(w.since) >= w.limit:
		w.interrupted = true
		w.rt.Interrupt(errTimeout)
	}
	w.timer.Reset(w.limit / watchdogSteps)
}
