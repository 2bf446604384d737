package ui

import (
	"context"
	"sync"
	"time"

	"weir/controlplane/api"
)

const (
	looked   = time.Second     // between two looks while somebody watches
	idle     = 5 * time.Second // while nobody does
	keptFor  = 2 * time.Minute // of a task's history
	rateOver = 5 * time.Second // what a rate is taken over
)

// sample is what a task had done at a time.
type sample struct {
	at      time.Time
	in, out uint64
	lag     uint64
	loads   []api.Load
}

// snapshot is what the tasks did at a time.
type snapshot struct {
	at          time.Time
	tasks       []api.Task
	quarantined uint64              // documents in quarantine
	past        map[string][]sample // by taskKey, oldest first; not to be changed
	err         error               // why the tasks are not known
}

// look reads what is so now. It has no past.
func (r *Reads) look(ctx context.Context) (snapshot, error) {
	tasks, err := r.Tasks(ctx)
	if err != nil {
		return snapshot{}, err
	}
	quarantined, err := r.InQuarantine(ctx)
	return snapshot{at: time.Now(), tasks: tasks, quarantined: quarantined}, err
}

func taskKey(kind, name string) string { return kind + "/" + name }

// live looks at the tasks again and again, and keeps what is needed for rates.
type live struct {
	read func(ctx context.Context) (snapshot, error)
	wake chan struct{} // somebody began to watch

	mu       sync.Mutex
	watchers int
	now      snapshot
	changed  chan struct{} // closed with each new snapshot
}

func newLive(read func(ctx context.Context) (snapshot, error)) *live {
	return &live{read: read, wake: make(chan struct{}, 1), changed: make(chan struct{}), now: snapshot{past: map[string][]sample{}}}
}

func (l *live) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
		}
		l.look(ctx)
		pause := idle
		if l.watched() {
			pause = looked
		}
		timer.Reset(pause)
	}
}

func (l *live) watched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.watchers > 0
}

// look takes a new snapshot.
func (l *live) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	next, err := l.read(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	next.past, next.err = l.now.past, err
	if err == nil {
		next.past = remember(l.now.past, next.tasks, next.at)
	}
	l.now = next
	close(l.changed)
	l.changed = make(chan struct{})
}

// remember adds a sample of each task to its history. A history that began
// anew, since the task was published anew, forgets what was before.
func remember(past map[string][]sample, tasks []api.Task, at time.Time) map[string][]sample {
	next := make(map[string][]sample, len(tasks))
	for _, t := range tasks {
		key := taskKey(t.Kind, t.Name)
		old := past[key]
		if n := len(old); n > 0 && (t.In < old[n-1].in || t.Out < old[n-1].out) {
			old = nil
		}
		for len(old) > 0 && at.Sub(old[0].at) > keptFor {
			old = old[1:]
		}
		// A new array now and then: snapshots of before keep theirs.
		next[key] = append(old[:len(old):len(old)], sample{at: at, in: t.In, out: t.Out, lag: t.Lag, loads: t.Loads})
	}
	return next
}

// latest gives the newest snapshot, and a channel that is closed when there is
// another one.
func (l *live) latest() (snapshot, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.changed
}

// history gives what is kept of a task.
func (l *live) history(kind, name string) []sample {
	now, _ := l.latest()
	return now.past[taskKey(kind, name)]
}

// watch calls each with every snapshot from now on until the context ends or
// each fails.
func (l *live) watch(ctx context.Context, each func(snapshot) error) error {
	l.mu.Lock()
	l.watchers++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.watchers--
		l.mu.Unlock()
	}()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	_, changed := l.latest()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		var now snapshot
		now, changed = l.latest()
		if now.err != nil {
			return now.err
		}
		if err := each(now); err != nil {
			return err
		}
	}
}

// rate is the growth of a counter a second, over the newest samples.
func rate(past []sample, counter func(sample) uint64) float64 {
	if len(past) < 2 {
		return 0
	}
	last := past[len(past)-1]
	first := past[len(past)-2]
	for i := len(past) - 2; i >= 0 && last.at.Sub(past[i].at) <= rateOver; i-- {
		first = past[i]
	}
	before, now := counter(first), counter(last)
	seconds := last.at.Sub(first.at).Seconds()
	if now <= before || seconds <= 0 {
		return 0
	}
	return float64(now-before) / seconds
}

func inOf(s sample) uint64  { return s.in }
func outOf(s sample) uint64 { return s.out }
