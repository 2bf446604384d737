package worker

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"weir/collection"
	"weir/journal"
)

// input is a message of a collection on its way into a transaction.
type input struct {
	source  int    // index of the source that it came from
	key     string // of the position that it moves
	skip    bool   // the source passes over it: only the position moves
	message journal.Message
}

// merge reads the sources of a task: of what is ready a higher priority first,
// then the older message, its source's delay added, then the lower sequence.
// While a source has messages that have not arrived yet, the others wait for
// it, so that a replay gives nearly the same order; they do not wait for one
// whose next message cannot be ready.
type merge struct {
	sources []*source
	feeds   []*feed
	heads   []atomic.Int64 // by source: when what is at its head is due, 0 when there is nothing; see publish
	stuck   []atomic.Int64 // by source: since when its messages do not arrive, 0 when they do
	taken   int
	nudge   chan struct{}
	clock   *Clock
	now     time.Time // of the clock, when it was last asked
	alarm   *time.Timer
	leave   func() // ends the subscription to the clock

	waits   map[string]time.Time // as last reported
	waiting func(map[string]time.Time)
}

// openMerge starts the readers of all sources behind their positions.
func openMerge(ctx context.Context, e *env, task string, sources []*source, at positions) (*merge, error) {
	m := &merge{sources: sources, heads: make([]atomic.Int64, len(sources)), stuck: make([]atomic.Int64, len(sources)), nudge: make(chan struct{}, 1), clock: e.clock, waiting: e.waiting}
	m.alarm = time.AfterFunc(longestWait, m.ring)
	m.alarm.Stop() // nothing waits yet
	m.leave = e.clock.subscribe(m.nudge)
	for i, s := range sources {
		feeds, err := s.feeds(i, at)
		if err != nil {
			m.close()
			return nil, fmt.Errorf("read %s: %w", s.collection.Name, err)
		}
		m.feeds = append(m.feeds, feeds...)
	}
	for _, f := range m.feeds {
		var err error
		f.reader, err = e.conn.NewReader(ctx, journal.ReaderConfig{
			Stream:   f.collection.StreamName(),
			Filter:   f.filter,
			After:    f.after,
			Name:     collection.ConsumerName(task, e.token),
			Buffer:   e.limits.ReadAhead / len(m.feeds),
			Wake:     m.nudge,
			Metadata: map[string]string{"weir.kind": "reader", "weir.catalog-name": task},
		})
		if err != nil {
			m.close()
			return nil, fmt.Errorf("read %s: %w", f.collection.Name, err)
		}
	}
	return m, nil
}

func (m *merge) close() {
	m.alarm.Stop()
	m.leave()
	for _, f := range m.feeds {
		if f.reader != nil {
			f.reader.Close()
		}
	}
}

func (m *merge) wake() <-chan struct{} { return m.nudge }

// ring wakes the loop: a message may be ready now.
func (m *merge) ring() {
	select {
	case m.nudge <- struct{}{}:
	default:
	}
}

func (m *merge) next() (in input, ok bool, err error) {
	in, ok, err = m.pick()
	if m.taken++; !ok || m.taken%publishEvery == 0 {
		m.publish()
	}
	return in, ok, err
}

func (m *merge) pick() (input, bool, error) {
	var best *feed
	waiting := false
	for _, f := range m.feeds {
		if err := m.fill(f); err != nil {
			return input{}, false, err
		}
		switch {
		case f.filled && m.ready(f):
			if best == nil || f.goesBefore(best) {
				best = f
			}
		case !f.filled && !f.reader.CaughtUp():
			waiting = waiting || m.ready(f)
		}
	}
	if waiting {
		return input{}, false, nil
	}
	if best == nil {
		m.rest()
		return input{}, false, nil
	}
	best.filled = false
	return input{source: best.of, key: best.key, skip: best.passesOver(), message: best.head}, true, nil
}

// fill takes a feed's next message to its head.
func (m *merge) fill(f *feed) (err error) {
	if f.filled {
		return nil
	}
	if f.head, f.filled, err = f.reader.TryNext(); err != nil {
		return fmt.Errorf("read %s: %w", f.collection.Name, err)
	}
	if !f.filled {
		return nil
	}
	f.head.Time = m.clock.from(f.head.Time)
	if f.head.Time.After(f.clock) {
		f.clock = f.head.Time
	}
	return nil
}

// ready says whether the delay of what a feed has, or has next, is over. A
// source without delay never asks the clock: the server's may be ahead of it.
func (m *merge) ready(f *feed) bool {
	if f.delay == 0 {
		return true
	}
	due := f.due()
	if due.After(m.now) {
		m.now = m.clock.Now()
	}
	return !due.After(m.now)
}

// longestWait is how long the loop sleeps at most before it looks at the
// clock again: a machine that was asleep, or whose clock was set, is noticed.
const longestWait = time.Minute

// rest is called when nothing is ready and nothing is on its way: it reports
// what waits, and sets the alarm to when the first of it is ready.
func (m *merge) rest() {
	var waits map[string]time.Time
	var first time.Time
	for _, f := range m.feeds {
		if !f.filled {
			continue
		}
		if waits == nil {
			waits = map[string]time.Time{}
		}
		due := f.due()
		waits[f.key] = due
		if first.IsZero() || due.Before(first) {
			first = due
		}
	}
	if waits != nil {
		m.alarm.Reset(min(first.Sub(m.clock.Now())+time.Millisecond, longestWait))
	}
	if !maps.EqualFunc(waits, m.waits, time.Time.Equal) {
		m.waits = waits
		m.waiting(waits)
	}
}
