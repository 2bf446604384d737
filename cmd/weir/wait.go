package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/fault"
	"weir/journal"
	"weir/worker"
)

// What may be waited for.
const (
	forRunning  = "running"
	forCaughtUp = "caught-up"
	forPaused   = "paused"
	forFailed   = "failed"
	forDocument = "document"
)

// wait holds the flags of `weir wait`.
type wait struct {
	connection
	documentFlags
	what    string
	timeout time.Duration
}

func waitCommand() *cobra.Command {
	w := &wait{}
	c := &cobra.Command{
		Use:   "wait [NAME...]",
		Short: "Wait until tasks are running, caught up, paused or failed, or a document is there",
		Long: `Waits until all of the named tasks are in a state; without names, all that are
published and not disabled.

  running    they run
  caught-up  they have processed what was stored when their turn came: in the order
             in which documents flow, so that at the end of a chain of tasks is what
             came in at its beginning
  paused     they stand still
  failed     they failed
  document   the named collections hold a document; with --key, the named one holds
             the document of this key, as it reduces and not deleted; with --where,
             its member has this value

A task that fails ends the wait for running and caught-up, since it stands until
somebody changes something.

Exit codes: 0; 1 when a task failed; 4 when the time ran out.`,
		Example:           "  weir wait --for caught-up\n  weir wait acmeCo/db --for paused --timeout 30s\n  weir wait acmeCo/orders --for document --key o-17 --where /status=paid",
		ValidArgsFunction: completeNames(w.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.run(cmd.Context(), args, cmd.ErrOrStderr())
		},
	}
	w.connection.flags(c)
	c.Flags().StringVar(&w.what, "for", forCaughtUp, alternatives(w.choices()))
	c.Flags().StringArrayVar(&w.key, "key", nil, "the document of this key; repeat it for each component")
	c.Flags().StringVar(&w.where, "where", "", "/pointer=value: until this member of it has this value")
	c.Flags().DurationVar(&w.timeout, "timeout", time.Minute, "how long to wait; 0 is for ever")
	return c
}

func (w *wait) choices() []string {
	return []string{forRunning, forCaughtUp, forPaused, forFailed, forDocument}
}

func (w *wait) run(ctx context.Context, names []string, problems io.Writer) error {
	if err := oneOf("for", w.what, w.choices()...); err != nil {
		return err
	}
	if err := w.documentFlags.check(w.what, names); err != nil {
		return err
	}
	conn, err := w.open(ctx, "wait", w.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	records, err := w.selected(ctx, conn, names)
	if err != nil {
		return err
	}
	if w.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.timeout)
		defer cancel()
	}
	last, err := w.all(ctx, conn, records)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		what := "not " + w.what
		if w.what == forDocument {
			what = "no such document"
		}
		return &noError{fault.New(fault.Timeout, "", "%s within %s%s", what, w.timeout, last)}
	}
	if err == nil {
		note(problems, "%s: %s", w.what, plural(len(records), "spec", "specs"))
	}
	return err
}

// selected gives the records to wait for: those that are named, or all that run.
func (w *wait) selected(ctx context.Context, conn *journal.Conn, names []string) ([]catalog.Record, error) {
	all, err := controlplane.Records(ctx, conn)
	if err != nil {
		return nil, err
	}
	var out []catalog.Record
	for _, name := range names {
		found := false
		for _, r := range all {
			if r.Name() == name {
				out, found = append(out, r), true
			}
		}
		if !found {
			return nil, unknown(all, name)
		}
	}
	if len(names) == 0 {
		out = slices.DeleteFunc(all, func(r catalog.Record) bool { return r.Disabled() })
	}
	return downstream(out), nil
}

// downstream sorts records so that who writes a collection comes before who
// reads it; of a circle, any comes first.
func downstream(records []catalog.Record) []catalog.Record {
	var out []catalog.Record
	placed := map[string]bool{}
	var place func(r catalog.Record)
	place = func(r catalog.Record) {
		id := string(r.Kind()) + " " + r.Name()
		if placed[id] {
			return
		}
		placed[id] = true
		for _, before := range records {
			for _, name := range before.Writes() {
				if slices.Contains(r.Reads(), name) || r.TaskKind() == catalog.KindInbox && before.Capture != nil && name == r.Name() {
					place(before)
				}
			}
		}
		out = append(out, r)
	}
	for _, r := range records {
		place(r)
	}
	return out
}

// all waits for one record after the other, and says what was waited for last.
func (w *wait) all(ctx context.Context, conn *journal.Conn, records []catalog.Record) (last string, err error) {
	for _, r := range records {
		last = fmt.Sprintf(": %s %s", r.TaskKind(), r.Name())
		if w.what == forDocument {
			missing, err := w.awaitDocument(ctx, conn, r)
			if err != nil {
				return ": " + missing, err
			}
			continue
		}
		done, err := w.condition(ctx, conn, r)
		if err != nil {
			return last, err
		}
		resumed, err := w.resumed(ctx, conn, r)
		if err != nil {
			return last, err
		}
		before := last
		err = worker.FollowStatus(ctx, conn, func(all []worker.Status) (bool, error) {
			for _, s := range all {
				if s.Task == r.Name() && s.Kind == string(r.TaskKind()) {
					last = before + " is " + string(s.State)
					return w.judge(s, resumed, done)
				}
			}
			last = before + " is run by nobody"
			return false, nil
		})
		if err != nil {
			return last, err
		}
	}
	return "", nil
}

// resumed gives when a task was resumed last. One that is paused is an error where
// it would have to run: it could be waited for in vain.
func (w *wait) resumed(ctx context.Context, conn *journal.Conn, r catalog.Record) (time.Time, error) {
	if w.what != forRunning && w.what != forCaughtUp {
		return time.Time{}, nil
	}
	control, err := controlplane.ReadControl(ctx, conn, controlplane.Task{Kind: r.TaskKind(), Name: r.Name()})
	if err != nil || control == nil {
		return time.Time{}, err
	}
	if control.Paused {
		return time.Time{}, fault.New(fault.Paused, "", "%s %s is paused: it is not %s before somebody resumes it", r.TaskKind(), r.Name(), w.what)
	}
	return control.At, nil
}

// judge says whether a task is as wanted. One that failed before it was resumed is
// about to start again.
func (w *wait) judge(s worker.Status, resumed time.Time, done func(worker.Status) (bool, error)) (bool, error) {
	if s.State == worker.StateFailed && (w.what == forRunning || w.what == forCaughtUp) && !resumed.After(s.Since) {
		return false, failedTask(s)
	}
	return done(s)
}

// failedTask is the failure of a task, with what its status says of it.
func failedTask(s worker.Status) error {
	if s.Why == nil {
		return fault.New(fault.Failed, "", "%s %s failed", s.Kind, s.Task)
	}
	return fault.New(s.Why.Code, s.Why.Fix, "%s %s failed: %s", s.Kind, s.Task, s.Why.Message)
}

// condition gives what is waited for of one task, as things are now.
func (w *wait) condition(ctx context.Context, conn *journal.Conn, r catalog.Record) (func(worker.Status) (bool, error), error) {
	state := map[string]worker.State{forRunning: worker.StateRunning, forPaused: worker.StatePaused, forFailed: worker.StateFailed}[w.what]
	if w.what != forCaughtUp {
		return func(s worker.Status) (bool, error) { return s.State == state, nil }, nil
	}
	if r.TaskKind() == catalog.KindInbox {
		return emptyInbox(ctx, conn, r.Name())
	}
	through, err := worker.Ends(ctx, conn, r, func(name string) (*collection.Collection, error) {
		return publishedCollection(ctx, conn, name)
	})
	if err != nil {
		return nil, err
	}
	return func(s worker.Status) (bool, error) { return s.State == worker.StateRunning && through(s), nil }, nil
}

// emptyInbox waits until what stands in an inbox now has been moved.
func emptyInbox(ctx context.Context, conn *journal.Conn, name string) (func(worker.Status) (bool, error), error) {
	end, err := lastSequence(ctx, conn, name, collection.PubFilter())
	if err != nil {
		return nil, err
	}
	return func(s worker.Status) (bool, error) {
		if end == 0 {
			return true, nil
		}
		now, err := lastSequence(ctx, conn, name, collection.PubFilter())
		return now == 0 || now > end, err
	}, nil
}

func lastSequence(ctx context.Context, conn *journal.Conn, name, filter string) (uint64, error) {
	m, err := conn.Last(ctx, collection.StreamName(name), filter)
	if errors.Is(err, journal.ErrNoMessage) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return m.Seq, nil
}

// stoppedWithin is how long a worker may take to stop a task that is removed: a
// little longer than it lets it drain.
const stoppedWithin = 30 * time.Second

// awaitStopped waits until no living worker runs the tasks of some names.
func awaitStopped(ctx context.Context, conn *journal.Conn, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, stoppedWithin)
	defer cancel()
	var last worker.Status
	err := worker.FollowStatus(ctx, conn, func(all []worker.Status) (bool, error) {
		at := slices.IndexFunc(all, func(s worker.Status) bool {
			return slices.Contains(names, s.Task) && (s.State == worker.StateRunning || s.State == worker.StateRetrying)
		})
		if at >= 0 {
			last = all[at]
		}
		return at < 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return &environmentError{fault.New(fault.Conflict, "stop that worker, then give the same command again", "nothing of the data was deleted: worker %s still runs %s %s, which is not published any more, after %s", last.Worker, last.Kind, last.Task, stoppedWithin)}
	}
	if err != nil {
		return again(fmt.Errorf("nothing of the data was deleted yet: %w", err))
	}
	return nil
}

// unknown is a name that nothing is published under.
func unknown(all []catalog.Record, name string) error {
	e := &controlplane.NameError{Name: name}
	for _, r := range all {
		e.Known = append(e.Known, r.Name())
	}
	slices.Sort(e.Known)
	return e
}
