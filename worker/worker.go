package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
	"weir/secrets"
	"weir/sinks"
	"weir/sources"
	"weir/tasklog"
)

// drainPatience is how long a stopping task may take for its open transaction.
const drainPatience = 20 * time.Second

// Options are what a worker needs.
type Options struct {
	Conn    *journal.Conn
	Sinks   sinks.Registry
	Sources sources.Registry
	DataDir string // relative paths of endpoints are relative to it
	Catalog string // run only tasks of this root; empty: all that is published
	TempDir string // for what combining spills and for registers that memory has no room for; empty: the system's
	Version string // of weir, shown beside the worker
	ID      string // shown in status records; empty: drawn
	Limits  Limits
	Clock   *Clock // that readDelays go by; nil: the machine's
	Log     *zap.Logger
	Secrets *secrets.Store // that endpoints' configurations may name; nil: everything, files relative to DataDir
	// Redactor takes secrets out of what tasks log and of status records; nil: one
	// of the worker's own.
	Redactor *secrets.Redactor
	Logs     *tasklog.Writer // keeps what tasks log; nil: Log alone gets it. Whoever made it closes it
	// Cut is called at the named points of a commit. An error that it
	// returns fails the step: tests end processes and transactions there.
	Cut func(task, point string) error
}

// Worker runs the tasks of the published catalog.
type Worker struct {
	options  Options
	reporter *reporter

	mu      sync.Mutex
	tasks   map[string]*task // by kind and name
	seen    bool             // the published catalog, at least once
	former  *board           // of status records as they were before; nil once tasks were made
	changed chan struct{}    // closed and made anew when a status changes

	stood chan struct{} // a task may have ended; one slot
}

// New makes a worker; Run starts it.
func New(ctx context.Context, o Options) (*Worker, error) {
	o.Limits = o.Limits.withDefaults()
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.ID == "" {
		o.ID = nonce()
	}
	if o.Secrets == nil {
		o.Secrets = &secrets.Store{Dir: o.DataDir}
	}
	if o.Redactor == nil {
		o.Redactor = &secrets.Redactor{}
	}
	if o.Cut == nil {
		o.Cut = func(string, string) error { return nil }
	}
	bucket, err := o.Conn.EnsureBucket(ctx, statusConfig())
	if err != nil {
		return nil, fmt.Errorf("bucket of status records: %w", err)
	}
	reporter := newReporter(bucket, o.ID, o.Version, o.Log)
	reporter.server = o.Conn.OwnServer()
	return &Worker{options: o, reporter: reporter, tasks: map[string]*task{}, changed: make(chan struct{}), stood: make(chan struct{}, 1)}, nil
}

// Run follows the published catalog until the context ends, then drains every
// task: open transactions are committed and progress is flushed.
func (w *Worker) Run(ctx context.Context) error {
	bucket, err := w.options.Conn.EnsureBucket(ctx, journal.BucketConfig{Name: CatalogBucket, Description: "what is published"})
	if err != nil {
		return fmt.Errorf("bucket of the catalog: %w", err)
	}
	w.former = newBoard()
	if err := w.reporter.bucket.Scan(ctx, "", w.former.take); err != nil {
		w.options.Log.Warn("status of former workers", zap.Error(err))
	}
	running, abort := context.WithCancel(context.WithoutCancel(ctx)) // of the tasks: they outlive ctx for their drain
	defer abort()
	var reporting sync.WaitGroup
	reporting.Add(2)
	go func() {
		defer reporting.Done()
		w.reporter.run(running, w.Status)
	}()
	go func() {
		defer reporting.Done()
		w.countStanding(running)
	}()
	snapshot, controls := map[string]record{}, controls{}
	complete := false
	err = bucket.Watch(ctx, "", func(e journal.Entry) {
		now := e.Key == "" || e.Key == catalog.PublicationKey
		switch {
		case e.Key == "":
			complete = true
		case e.Key == catalog.PublicationKey:
		case controls.take(e):
			now = true
		case e.Deleted:
			delete(snapshot, e.Key)
		default:
			snapshot[e.Key] = readRecord(e)
		}
		if complete && now {
			w.reconcile(ctx, running, snapshot, controls)
		}
	})
	w.haltAll()
	abort()
	reporting.Wait()
	w.reporter.report(context.WithoutCancel(ctx), w.Status())
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Status gives the records of all tasks, sorted.
func (w *Worker) Status() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Status, 0, len(w.tasks))
	for _, key := range slices.Sorted(maps.Keys(w.tasks)) {
		out = append(out, w.tasks[key].status(w.options.ID))
	}
	return out
}

// Turned is when the worker's own loop turned last; when it was made, before
// Run.
func (w *Worker) Turned() time.Time { return time.Unix(0, w.reporter.turned.Load()) }

// Seen says whether the worker has seen what is published.
func (w *Worker) Seen() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// reconcile makes the running tasks those of the snapshot: what is gone or
// changed is drained, and only then what is new or changed starts.
func (w *Worker) reconcile(ctx, running context.Context, snapshot map[string]record, controls controls) {
	wanted := w.plan(snapshot)
	controls.apply(wanted)
	w.mu.Lock()
	var stopped []*task
	for key, old := range w.tasks {
		if t, ok := wanted[key]; ok && t.hash == old.hash && !controls.again(old) {
			continue
		}
		stopped = append(stopped, old)
		if _, ok := wanted[key]; !ok {
			delete(w.tasks, key)
		}
	}
	w.mu.Unlock()
	halt(stopped)
	if err := w.reporter.keepOnly(ctx, published(snapshot)); err != nil {
		w.options.Log.Warn("status of tasks that are gone", zap.Error(err))
	}
	w.mu.Lock()
	w.seen = true
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		t := wanted[key]
		if old, ok := w.tasks[key]; ok && !slices.Contains(stopped, old) {
			continue
		}
		if old := w.tasks[key]; old != nil {
			t.resumeFrom(old)
		} else if former, ok := w.former.of(t); ok {
			t.remember(former)
		}
		w.tasks[key] = t
		if t.run != nil {
			t.start(running)
		}
	}
	w.former = nil
	w.mu.Unlock()
	w.reporter.changed()
	w.stand()
	w.nudge()
}

// stand has what waits for tasks that do not run counted.
func (w *Worker) stand() {
	select {
	case w.stood <- struct{}{}:
	default:
	}
}

func (w *Worker) haltAll() {
	w.mu.Lock()
	all := slices.Collect(maps.Values(w.tasks))
	w.mu.Unlock()
	halt(all)
}

// halt drains tasks side by side and waits for all of them.
func halt(tasks []*task) {
	var wg sync.WaitGroup
	for _, t := range tasks {
		if t.finished == nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			t.halt(drainPatience)
		}()
	}
	wg.Wait()
}

func (t *task) key() string { return t.kind + " " + t.env.task }

// newTask makes a task that is not started. hashes are of all specs that it is
// built from: when one of them changes, the task starts anew.
func (w *Worker) newTask(kind, name string, run runner, hashes ...string) *task {
	o := w.options
	t := &task{kind: kind, hash: strings.Join(hashes, " "), run: run}
	t.state = &state{state: StatePending, since: time.Now(), changed: func() {
		w.reporter.changed()
		w.stand()
		w.nudge()
	}}
	t.env = &env{
		conn: o.Conn, task: name, token: wholeTask, dataDir: o.DataDir, spillDir: o.TempDir, limits: o.Limits,
		cut:     func(point string) error { return o.Cut(name, point) },
		clock:   o.Clock,
		secrets: o.Secrets, redactor: o.Redactor,
	}
	t.env.log, t.env.ages = w.taskLog(t), &t.state.ages
	t.env.waiting = func(until map[string]time.Time) {
		t.state.waiting(until)
		w.nudge()
	}
	t.env.started = func(at positions, in *merge) {
		if t.state.started(at, in, t.env.note.redact(o.Redactor)) {
			from := zap.Skip()
			if len(at) > 0 {
				from = zap.Any("positions", at)
			}
			t.env.log.Info("task runs", from)
		}
	}
	t.env.committed = func(p positions) {
		t.env.counters.txns.Add(1)
		t.state.committed(p)
		w.nudge()
	}
	return t
}

// openShard makes the shard of one start, which is not claimed yet. Its
// checkpoint is name.token in the bucket of all tasks; a task with registers or a
// database has a bucket of its own, whose name begins with state, since one
// atomic batch reaches one stream.
func openShard(ctx context.Context, e *env, name, target, state string) (*shard, error) {
	keys := keys{common: name + "." + e.token, registers: "checkpoint." + e.token}
	config, key := journal.BucketConfig{Name: CheckpointBucket, Description: "checkpoints of tasks"}, keys.common
	if state != "" {
		config, key = journal.BucketConfig{Name: collection.StateBucket(state, e.task), Description: describeState(state) + e.task, Erasable: state == registersOf}, keys.registers
	}
	bucket, err := e.conn.EnsureBucket(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("bucket of checkpoints: %w", err)
	}
	return &shard{
		conn: e.conn, bucket: bucket, bucketName: bucket.Name(), keys: keys, key: key, withRegisters: state != "",
		stream: collection.StreamName(target), subject: collection.TxnSubject(target, e.task, e.token),
		writer: nonce(), cut: e.cut, now: time.Now, progress: &e.progress,
	}, nil
}

// nonce draws a name that nobody else has.
func nonce() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Wait waits until done says so of the status of all tasks. It is asked anew
// whenever a state changes and after each commit.
func (w *Worker) Wait(ctx context.Context, done func([]Status) bool) error {
	for {
		w.mu.Lock()
		seen, changed := w.seen, w.changed
		w.mu.Unlock()
		if seen && done(w.Status()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Settled waits until the worker has seen what is published and every task
// has started, or cannot start.
func (w *Worker) Settled(ctx context.Context) error {
	return w.Wait(ctx, func(all []Status) bool {
		return !slices.ContainsFunc(all, func(s Status) bool { return s.State == StatePending })
	})
}

// nudge wakes who waits for a change.
func (w *Worker) nudge() {
	w.mu.Lock()
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
}
