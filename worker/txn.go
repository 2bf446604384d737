package worker

import (
	"context"
	"time"
)

// verdict is what a writer says of an input that it was handed.
type verdict uint8

const (
	more   verdict = iota // taken; the transaction may grow
	full                  // taken; close the transaction now
	before                // not taken: close the open transaction, then hand it over again
)

// reader gives the inputs of a shard in order. It is called by the loop's
// goroutine only.
type reader[T any] interface {
	// next gives the next input that is there and never waits; ok is false
	// when there is none now. An error ends the loop.
	next() (in T, ok bool, err error)
	// wake is nudged when next may give something again. It is never closed.
	wake() <-chan struct{}
}

// writer turns inputs into one transaction after another. add, stage and idle
// are called by the loop's goroutine; the function that stage returns runs
// beside them, but never two of them at once, and in the order of stage.
type writer[T any] interface {
	// add processes one input into the open transaction. An error ends the
	// loop; nothing of the open transaction is written then.
	add(ctx context.Context, in T) (verdict, error)
	// stage closes the open transaction: everything is computed, and sent as
	// far as it can be before the commit of the former transaction. The
	// function that it returns does steps 2 to 4 of the loop.
	stage(ctx context.Context) (commit func(context.Context) error, err error)
	// idle is called when nothing was read or committed for a while and no
	// commit is in flight, and at the end of a drain. It takes a step that is
	// short and is called again, after whatever came meanwhile, when it says
	// that there are more.
	idle(ctx context.Context) (more bool, err error)
}

// loop is the one transaction loop. The order of a commit:
//
//  1. stage: every document of the transaction is validated, keyed and
//     combined; the messages are sent, but not committed.
//  2. commit: documents and checkpoint become durable in one atomic write
//     that also proves the fence.
//  3. acknowledge: only then the upstream is told (a source's acknowledgement,
//     the purge of moved inbox messages).
//  4. progress: only then positions, metrics and status move, and checkpoints
//     are flushed.
//
// While steps 2 to 4 of a transaction run, the next one is read and staged.
// A transaction closes when the writer says that it is full, when it is
// older than maxAge, or when there is nothing more to read and no commit is
// in flight: an idle pipeline has the latency of one commit, a busy one big
// batches. One that is younger than minAge waits even then, unless it is full
// or the loop stops.
type loop[T any] struct {
	env    *env
	in     reader[T]
	out    writer[T]
	minAge time.Duration // of a transaction that is not full; 0: it never waits
	maxAge time.Duration // of an open transaction while there is more to read
	rest   time.Duration // quiet time before idle is called

	inputs  int        // inputs in the open transaction
	opened  time.Time  // when the first of them came
	held    *T         // an input that the writer wants in the next transaction
	pending chan error // the commit in flight, nil when there is none
	rested  bool       // idle has nothing more to do since the last commit
	resting bool       // idle has more to do, at once
}

// run steps until the context ends, stop is closed and the open transaction
// is committed (a drain), or something fails. The commit in flight has always
// ended when run returns.
func (l *loop[T]) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		done, err := l.step(ctx, stop)
		if err == nil && !done {
			continue
		}
		if l.pending != nil {
			if e := <-l.pending; err == nil {
				err = e
			}
			l.pending = nil
		}
		return err
	}
}

// step collects what is there and then closes the transaction or waits.
func (l *loop[T]) step(ctx context.Context, stop <-chan struct{}) (done bool, err error) {
	stopping := closed(stop)
	isFull, err := l.collect(ctx, stopping)
	if err != nil {
		return false, err
	}
	switch {
	case l.inputs > 0 && (isFull || stopping || l.pending == nil && l.unripe() <= 0):
		return false, l.close(ctx)
	case stopping && l.pending == nil:
		more, err := l.out.idle(ctx)
		return !more, err
	}
	return false, l.wait(ctx, stop, stopping)
}

// unripe is how long the open transaction still waits for others to join it.
func (l *loop[T]) unripe() time.Duration {
	if l.minAge == 0 {
		return 0
	}
	return time.Until(l.opened.Add(l.minAge))
}

// collect adds inputs until the transaction is full or none is there. A loop
// that stops takes no more.
func (l *loop[T]) collect(ctx context.Context, stopping bool) (isFull bool, err error) {
	for !stopping {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		in, ok, err := l.take()
		if err != nil || !ok {
			return false, err
		}
		v, err := l.out.add(ctx, in)
		if err != nil {
			return false, err
		}
		if v == before {
			l.held = &in
			return true, nil
		}
		if l.inputs == 0 {
			l.opened = time.Now()
		}
		l.inputs++
		if v == full || (l.inputs%64 == 0 && time.Since(l.opened) > l.maxAge) {
			return true, nil
		}
	}
	return false, nil
}

func (l *loop[T]) take() (in T, ok bool, err error) {
	if l.held != nil {
		in, l.held = *l.held, nil
		return in, true, nil
	}
	return l.in.next()
}

// close stages the open transaction (step 1), waits for the commit of the
// former one and starts the commit (steps 2 to 4).
func (l *loop[T]) close(ctx context.Context) error {
	opened, phases, ages := l.opened, &l.env.counters.phases, l.env.ages
	began := time.Now()
	phases.observe(phaseOpen, began.Sub(opened))
	commit, err := l.out.stage(ctx)
	if err != nil {
		return err
	}
	ages.stage()
	l.inputs = 0
	staged := time.Now()
	phases.observe(phaseStage, staged.Sub(began))
	if l.pending != nil {
		err := <-l.pending
		l.pending = nil
		if err != nil {
			return err
		}
	}
	committing := time.Now()
	phases.observe(phaseWait, committing.Sub(staged))
	pending := make(chan error, 1)
	go func() { // waited for in close, wait or run
		err := commit(ctx)
		if err == nil {
			ages.committed()
			phases.observe(phaseCommit, time.Since(committing))
			phases.observe(phaseTotal, time.Since(opened))
		}
		pending <- err
	}()
	l.pending, l.rested, l.resting = pending, false, false
	return nil
}

// wait sleeps until there is something to do.
func (l *loop[T]) wait(ctx context.Context, stop <-chan struct{}, stopping bool) error {
	if stopping {
		stop = nil
	}
	var rest <-chan time.Time
	if l.pending == nil && !l.rested {
		pause := l.rest
		if l.resting {
			pause = 0
		}
		timer := time.NewTimer(pause)
		defer timer.Stop()
		rest = timer.C
	}
	var ripe <-chan time.Time
	if l.pending == nil && l.inputs > 0 {
		timer := time.NewTimer(l.unripe())
		defer timer.Stop()
		ripe = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-stop:
	case <-ripe:
	case <-l.in.wake():
	case err := <-l.pending:
		l.pending = nil
		return err
	case <-rest:
		var err error
		l.resting, err = l.out.idle(ctx)
		l.rested = !l.resting
		return err
	}
	return nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
