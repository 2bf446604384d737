package worker

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ages knows since when the oldest document that a task has read and not
// committed could have been processed, by source. take and stage belong to the
// loop's goroutine; the lock is taken a few times a transaction.
type ages struct {
	round uint64 // of the open transaction; the loop's

	mu     sync.Mutex
	open   map[*source]time.Time   // of the open transaction
	staged []map[*source]time.Time // of those that are not committed, the oldest first
}

// take is told of every input before it is processed; due is when it was ready.
func (a *ages) take(s *source, due time.Time) {
	if s.noted == a.round {
		return
	}
	s.noted = a.round
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[s] = due
}

// reset forgets what a former start had read.
func (a *ages) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.round, a.open, a.staged = a.round+1, map[*source]time.Time{}, nil
}

func (a *ages) stage() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.round, a.staged, a.open = a.round+1, append(a.staged, a.open), map[*source]time.Time{}
}

func (a *ages) committed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.staged) > 0 {
		a.staged = a.staged[1:]
	}
}

// oldest gives since when the oldest of a source's documents is in work.
func (a *ages) oldest(s *source) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, in := range a.staged {
		if due, ok := in[s]; ok {
			return due, true
		}
	}
	due, ok := a.open[s]
	return due, ok
}

// backlog is what waits for one source of a task.
type backlog struct {
	route
	waiting uint64    // messages that were not read yet
	oldest  time.Time // since when the oldest document that is not processed could be; zero: there is none
}

// backlogs gives what waits, by source. It may be called from any goroutine.
func (m *merge) backlogs(a *ages) []backlog {
	out := make([]backlog, len(m.sources))
	now := time.Now()
	for i, s := range m.sources {
		out[i].route = route{s.name, s.collection.Name}
		for _, f := range m.feeds {
			if f.source == s {
				out[i].waiting += f.reader.Pending()
			}
		}
		var ok bool
		if out[i].oldest, ok = a.oldest(s); ok {
			continue
		}
		if head := m.heads[i].Load(); head != 0 {
			out[i].oldest = time.Unix(0, head)
			m.stuck[i].Store(0)
			continue
		}
		// What waits has not arrived, so nobody knows its time. It comes at once,
		// unless something is wrong: then it waits at least since now.
		since := int64(0)
		if out[i].waiting > 0 {
			if since = m.stuck[i].Load(); since == 0 {
				since = now.UnixNano()
			}
			out[i].oldest = time.Unix(0, since)
		}
		m.stuck[i].Store(since)
	}
	return out
}

// publish tells other goroutines when the messages at the heads are due. It is
// called now and then while the loop is busy, and whenever it has nothing to do.
func (m *merge) publish() {
	for i, s := range m.sources {
		head := int64(0)
		for _, f := range m.feeds {
			if f.source == s && f.filled {
				if due := f.due().UnixNano(); head == 0 || due < head {
					head = due
				}
			}
		}
		m.heads[i].Store(head)
	}
}

// publishEvery is how many inputs a busy loop takes between two calls of publish.
const publishEvery = 64

// fill copies what waits into a status record.
func (s *Status) fill(waiting []backlog, now time.Time) {
	for _, w := range waiting {
		b := s.binding(w.route)
		b.Lag += w.waiting
		if !w.oldest.IsZero() {
			b.LagSeconds = max(b.LagSeconds, now.Sub(w.oldest).Seconds(), 0)
		}
		s.Lag += w.waiting
		s.LagSeconds = max(s.LagSeconds, b.LagSeconds)
	}
}

// recount replaces what waits in a status record.
func (s *Status) recount(left []backlog, now time.Time) {
	s.Lag, s.LagSeconds = 0, 0
	for i := range s.Bindings {
		s.Bindings[i].Lag, s.Bindings[i].LagSeconds = 0, 0
	}
	s.fill(left, now)
	sortBindings(s.Bindings)
}

// binding is the entry of a route, made if it is not there. It is valid until
// the next call.
func (s *Status) binding(r route) *BindingStatus {
	for i := range s.Bindings {
		if b := &s.Bindings[i]; b.Name == r.name && b.Collection == r.collection {
			return b
		}
	}
	s.Bindings = append(s.Bindings, BindingStatus{Name: r.name, Collection: r.collection})
	return &s.Bindings[len(s.Bindings)-1]
}

func sortBindings(all []BindingStatus) {
	slices.SortFunc(all, func(a, b BindingStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Collection, b.Collection))
	})
}

// resourceName is the resource of a binding as people know it, from the name of
// its state.
func resourceName(stateKey string) string {
	path, _, _ := strings.Cut(stateKey, ".v") // the path itself has its dots escaped
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
