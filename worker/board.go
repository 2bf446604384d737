package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/fault"
	"weir/journal"
)

// board is what the bucket of status records says: the tasks, and when their
// workers were heard of.
type board struct {
	tasks map[string]Status // by key
	signs map[string]time.Time
}

func newBoard() *board { return &board{tasks: map[string]Status{}, signs: map[string]time.Time{}} }

// take takes over an entry of the bucket.
func (b *board) take(e journal.Entry) error {
	switch {
	case e.Deleted:
		delete(b.tasks, e.Key)
		return nil
	case strings.HasPrefix(e.Key, signKey):
		var s sign
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return fmt.Errorf("status %s: %w", e.Key, err)
		}
		b.signs[s.Worker] = s.Updated
		return nil
	}
	var s Status
	if err := json.Unmarshal(e.Value, &s); err != nil {
		return fmt.Errorf("status %s: %w", e.Key, err)
	}
	b.tasks[e.Key] = s
	return checkVersion("status "+e.Key, s.V)
}

// of gives the record of a task.
func (b *board) of(t *task) (Status, bool) {
	if b == nil {
		return Status{}, false
	}
	s, ok := b.tasks[statusKey(t.kind, t.env.task, t.env.token)]
	return s, ok
}

// all gives the tasks, sorted. Those of a worker that shows no sign of life any
// more are pending, whatever they say.
func (b *board) all() []Status {
	var out []Status
	for _, s := range b.tasks {
		if b.silent(s) && (s.State == StateRunning || s.State == StateRetrying) {
			s.State, s.Retry = StatePending, nil
			s.Why = &Why{Code: fault.WorkerGone, Message: "worker " + s.Worker + " has not been heard of for " + silence.String() + ": nobody runs this task", Fix: fault.WorkerGone.Fix()}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Shard, b.Shard))
	})
	return out
}

// silent says whether the worker of a task shows no sign of life any more.
func (b *board) silent(s Status) bool { return time.Since(b.signs[s.Worker]) >= silence }

// statusConfig is the bucket of status records. Their values can be overwritten,
// since what they say of a failure may hold a document.
func statusConfig() journal.BucketConfig {
	return journal.BucketConfig{Name: StatusBucket, Description: "what tasks do", Erasable: true}
}

func statusBucket(ctx context.Context, conn *journal.Conn) (*journal.Bucket, error) {
	bucket, err := conn.EnsureBucket(ctx, statusConfig())
	if err != nil {
		return nil, fmt.Errorf("bucket of status records: %w", err)
	}
	return bucket, nil
}

// ReadStatus gives the status records of all tasks. Those of a worker that
// shows no sign of life any more are pending, whatever they say, and what waits
// for them is counted now.
func ReadStatus(ctx context.Context, conn *journal.Conn) ([]Status, error) {
	return NewStatusReader(conn).Read(ctx)
}

// StatusReader reads the status of all tasks again and again. What waits for
// tasks of workers that are gone it counts once in a while.
type StatusReader struct {
	conn *journal.Conn

	mu      sync.Mutex
	counted map[string][]backlog // by task
	refused bool                 // the last count
	at      time.Time
}

// NewStatusReader makes a reader. Its methods may be called from any goroutine.
func NewStatusReader(conn *journal.Conn) *StatusReader { return &StatusReader{conn: conn} }

// Read does what [ReadStatus] does.
func (r *StatusReader) Read(ctx context.Context) ([]Status, error) {
	bucket, err := statusBucket(ctx, r.conn)
	if err != nil {
		return nil, err
	}
	b := newBoard()
	if err := bucket.Scan(ctx, "", b.take); err != nil {
		return nil, err
	}
	all := b.all()
	r.count(ctx, b, all)
	return all, nil
}

// count replaces what tasks of silent workers knew of what waits. Where it cannot
// be counted, as without the permission to, that stays as it is.
func (r *StatusReader) count(ctx context.Context, b *board, all []Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) >= countGoneEvery {
		r.at, r.refused, r.counted = now, false, map[string][]backlog{}
	}
	for i := range all {
		s := &all[i]
		if !b.silent(*s) || s.State == StateDisabled || len(s.Readers) == 0 {
			continue
		}
		key := statusKey(s.Kind, s.Task, s.Shard)
		if _, ok := r.counted[key]; !ok && !r.refused {
			left, err := waitingFor(ctx, r.conn, nil, s.Readers)
			if r.refused = err != nil; !r.refused {
				r.counted[key] = left
			}
		}
		if left, ok := r.counted[key]; ok {
			s.recount(left, time.Now())
		}
	}
}

// countGoneEvery is how often what waits for tasks of workers that are gone is
// counted, at most.
const countGoneEvery = 10 * time.Second

// FollowStatus calls fn with the status records of all tasks, and again whenever
// one changes or a worker shows a sign of life, until fn says that it is done.
// The error is fn's, or that of the context.
func FollowStatus(ctx context.Context, conn *journal.Conn, fn func([]Status) (done bool, err error)) error {
	bucket, err := statusBucket(ctx, conn)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	b, complete, done := newBoard(), false, false
	var failed error
	err = bucket.Watch(watching, "", func(e journal.Entry) {
		switch {
		case done || failed != nil:
			return
		case e.Key == "":
			complete = true
		default:
			failed = b.take(e)
		}
		if complete && failed == nil {
			done, failed = fn(b.all())
		}
		if done || failed != nil {
			stop()
		}
	})
	switch {
	case failed != nil:
		return failed
	case err != nil || done:
		return err
	}
	return ctx.Err()
}
