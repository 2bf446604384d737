package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"weir/catalog"
	"weir/journal"
	"weir/worker"
)

// patience is how long derivations may take between two steps.
const patience = 60 * time.Second

// backlog is what a derivation has to read, by position key.
type backlog map[string]queue

// queue is what one reader of a derivation has to read: documents by rising
// sequence, of which none is due before those ahead of it.
type queue []waiting

// waiting is a document, and when it is ready: at once when due is zero.
type waiting struct {
	seq uint64
	due time.Time
}

// settle waits until every derivation has processed all that is ready. As long
// as one of those that matter waits for a readDelay, the clock moves on to the
// first time that anything waits for. Derivations that read themselves, or each
// other in a circle, have to come to rest.
func (t *test) settle(ctx context.Context, matters func(derivation string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		waits, err := t.rest(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(waits)), matters) {
			return nil
		}
		t.clock.MoveTo(slices.MinFunc(slices.Collect(maps.Values(waits)), time.Time.Compare))
	}
}

// rest waits until every derivation has processed all that is ready, and says
// until when those wait that have more to read.
func (t *test) rest(ctx context.Context) (map[string]time.Time, error) {
	var before map[string]backlog
	for {
		now, waits := map[string]backlog{}, map[string]time.Time{}
		for _, d := range t.order {
			all, err := t.backlog(ctx, d)
			if err != nil {
				return nil, err
			}
			until, err := t.await(ctx, d.Name, all)
			if err != nil {
				return nil, err
			}
			if now[d.Name] = all; !until.IsZero() {
				waits[d.Name] = until
			}
		}
		same := func(a, b backlog) bool { return maps.EqualFunc(a, b, slices.Equal) }
		if !t.cyclic || maps.EqualFunc(before, now, same) {
			return waits, nil
		}
		before = now
	}
}

// backlog gives what a derivation has to read, or has read: of a transform
// without delay the last document is enough.
func (t *test) backlog(ctx context.Context, d *catalog.Collection) (backlog, error) {
	out := backlog{}
	for i := range d.Derive.Transforms {
		transform := &d.Derive.Transforms[i]
		if d.Derive.Disable || transform.Disable {
			continue
		}
		delay, err := catalog.ParseDelay(transform.ReadDelay)
		if err != nil {
			return nil, err
		}
		source := t.known[transform.Source.Name]
		reads, err := worker.Reads(transform, source)
		if err != nil {
			return nil, err
		}
		for _, read := range reads {
			q, err := t.queue(ctx, source.StreamName(), read.Filter, delay)
			if err != nil {
				return nil, err
			}
			if len(q) > 0 {
				out[read.Position] = q
			}
		}
	}
	return out, nil
}

func (t *test) queue(ctx context.Context, stream, filter string, delay time.Duration) (queue, error) {
	if delay == 0 {
		last, err := t.conn.Last(ctx, stream, filter)
		if errors.Is(err, journal.ErrNoMessage) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return queue{{seq: last.Seq}}, nil
	}
	var out queue
	var latest time.Time // a document is not due before those ahead of it
	err := t.conn.ReadAll(ctx, stream, filter, 0, func(m journal.Message) error {
		if at := t.clock.At(m.Time); at.After(latest) {
			latest = at
		}
		out = append(out, waiting{seq: m.Seq, due: latest.Add(delay)})
		return nil
	})
	return out, err
}

// next is the first document behind a position.
func (q queue) next(position uint64) (waiting, bool) {
	for _, w := range q {
		if w.seq > position {
			return w, true
		}
	}
	return waiting{}, false
}

// await waits until a derivation has committed all that is ready, or has
// failed. It gives the first time that something waits for, if anything does.
func (t *test) await(ctx context.Context, name string, all backlog) (until time.Time, err error) {
	if len(all) == 0 {
		return time.Time{}, nil
	}
	var failed *worker.Why
	err = t.work.Wait(ctx, func(tasks []worker.Status) bool {
		for _, s := range tasks {
			if s.Kind != worker.KindDerivation || s.Task != name {
				continue
			}
			if s.Why != nil {
				failed = s.Why
				return true
			}
			var done bool
			until, done = all.settled(s.Positions, t.clock.Now())
			return done
		}
		return false // not started yet
	})
	switch {
	case failed != nil:
		return time.Time{}, t.stuck(name, failed)
	case errors.Is(err, context.DeadlineExceeded) && t.cyclic:
		return time.Time{}, fmt.Errorf("derivation %s does not come to rest in %s: one that reads what it writes has to stop writing at some point", name, patience)
	case errors.Is(err, context.DeadlineExceeded):
		return time.Time{}, fmt.Errorf("derivation %s is not done after %s", name, patience)
	}
	return until, err
}

// settled says whether nothing is ready any more at these positions, and when
// the next document is: the zero time when there is none.
func (b backlog) settled(positions map[string]uint64, now time.Time) (until time.Time, done bool) {
	for key, q := range b {
		next, ok := q.next(positions[key])
		switch {
		case !ok:
		case !next.due.After(now):
			return time.Time{}, false
		case until.IsZero() || next.due.Before(until):
			until = next.due
		}
	}
	return until, true
}

// upstream gives which derivations write to a collection, themselves or through
// others.
func (t *test) upstream(name string) func(derivation string) bool {
	writes := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		c := t.known[name]
		if c == nil || c.Spec.Derive == nil || writes[name] {
			return
		}
		writes[name] = true
		for _, transform := range c.Spec.Derive.Transforms {
			if !transform.Disable {
				visit(transform.Source.Name)
			}
		}
	}
	visit(name)
	return func(derivation string) bool { return writes[derivation] }
}
