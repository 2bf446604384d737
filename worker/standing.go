package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// Reader is one of a task's readers in its status, and how far it came: by this
// anybody can count what waits for a task that does not run.
type Reader struct {
	Name       string        `json:"name,omitempty"` // of the transform, or of the binding's resource
	Collection string        `json:"collection"`
	Filter     string        `json:"filter"`            // of subjects in the collection's stream
	Through    uint64        `json:"through,omitempty"` // everything up to this sequence is processed
	Delay      time.Duration `json:"delay,omitempty"`

	position string // its key in the shard's positions
}

// readers are those of a running shard, as of its start.
func (m *merge) readers() []Reader {
	out := make([]Reader, len(m.feeds))
	for i, f := range m.feeds {
		out[i] = f.describe()
	}
	return out
}

func (f *feed) describe() Reader {
	return Reader{Name: f.name, Collection: f.collection.Name, Filter: f.filter, Through: f.after, Delay: f.delay, position: f.key}
}

// through gives readers as they stand at positions.
func through(readers []Reader, at positions) []Reader {
	out := slices.Clone(readers)
	for i := range out {
		out[i].Through = max(out[i].Through, at[out[i].position])
	}
	return out
}

// waitingFor counts what waits for readers that stand still.
func waitingFor(ctx context.Context, conn *journal.Conn, clock *Clock, readers []Reader) ([]backlog, error) {
	out := make([]backlog, 0, len(readers))
	for _, r := range readers {
		w, err := conn.Waiting(ctx, collection.StreamName(r.Collection), r.Filter, r.Through)
		if errors.Is(err, journal.ErrNoStream) { // the collection is gone
			continue
		}
		if err != nil {
			return nil, err
		}
		b := backlog{route: route{r.Name, r.Collection}, waiting: w.Messages}
		if !w.Oldest.IsZero() {
			b.oldest = clock.from(w.Oldest).Add(r.Delay)
		}
		out = append(out, b)
	}
	return out, nil
}

// countStanding counts what waits for the tasks that do not run until the
// context ends: at once for one that has just ended, and for all again and again.
func (w *Worker) countStanding(ctx context.Context) {
	tick := time.NewTicker(w.options.Limits.CountEvery)
	defer tick.Stop()
	for again := true; ; {
		w.mu.Lock()
		tasks := slices.Collect(maps.Values(w.tasks))
		w.mu.Unlock()
		for _, t := range tasks {
			if err := t.countStanding(ctx, again); err != nil && ctx.Err() == nil {
				t.env.log.Debug("count what waits", zap.Error(err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			again = true
		case <-w.stood:
			again = false
		}
	}
}

// countStanding counts what waits for the task if it does not run, and if that
// was not done since it ended or is to be done again.
func (t *task) countStanding(ctx context.Context, again bool) error {
	readers, start := t.state.standing(again)
	if len(readers) == 0 {
		return nil
	}
	left, err := waitingFor(ctx, t.env.conn, t.env.clock, readers)
	if err == nil && t.state.counted(left, start) {
		t.state.changed()
	}
	return err
}

// standing gives the readers of a task that does not run, if they are to be
// counted, and the number of its last start.
func (s *state) standing(again bool) ([]Reader, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in != nil || s.state == StateDisabled || s.known && !again {
		return nil, s.starts
	}
	return through(s.readers, s.positions), s.starts
}

// counted takes over what waits, unless a shard started meanwhile, and says
// whether that is news.
func (s *state) counted(left []backlog, start int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starts != start {
		return false
	}
	news := !slices.Equal(s.left, left)
	s.left, s.known = left, true
	return news
}

// takeOver keeps what a former task of the same name, or a former worker, knew of
// readers and of what waits for them, until the shard starts.
func (s *state) takeOver(former []Reader, left []backlog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers = continued(s.readers, former)
	if s.state != StateDisabled {
		s.left = left
	}
}

// continued gives readers as far as former ones of the same documents came.
// None are known of a former weir that told of none.
func continued(readers, former []Reader) []Reader {
	if len(former) == 0 {
		return nil
	}
	out, rest := slices.Clone(readers), slices.Clone(former)
	for i := range out {
		r := &out[i]
		j := slices.IndexFunc(rest, func(f Reader) bool {
			return f.Collection == r.Collection && f.Filter == r.Filter && (f.Name == r.Name || r.Name == "")
		})
		if j >= 0 {
			r.Name, r.Through = rest[j].Name, rest[j].Through
			rest = slices.Delete(rest, j, j+1)
		}
	}
	return out
}

// remembered is what a status record says of what waits.
func remembered(s Status) (left []backlog) {
	for _, b := range s.Bindings {
		if b.Lag > 0 || b.LagSeconds > 0 {
			age := time.Duration(b.LagSeconds * float64(time.Second))
			left = append(left, backlog{route: route{b.Name, b.Collection}, waiting: b.Lag, oldest: s.Updated.Add(-age)})
		}
	}
	return left
}

// unread are the readers of a task before its first start: at the beginning of
// what it reads. How a binding's resource is named only its connector knows.
func unread(r catalog.Record, known collections) (out []Reader) {
	if r.TaskKind() == KindInbox {
		return []Reader{{Collection: r.Name(), Filter: collection.PubFilter()}}
	}
	for i, one := range sourcesOf(r) {
		c := known[one.source.Name]
		if c == nil {
			return nil // the start says what is wrong
		}
		s, err := newSource("", one.source, c)
		if err != nil {
			return nil
		}
		feeds, err := s.feeds(i, nil)
		if err != nil {
			return nil
		}
		s.name, s.delay = one.transform, one.delay
		for _, f := range feeds {
			out = append(out, f.describe())
		}
	}
	return out
}
