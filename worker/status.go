package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"weir/collection"
	"weir/journal"
)

// Buckets that workers and the control plane meet in.
const (
	CatalogBucket    = "weir_catalog"     // what is published
	CheckpointBucket = "weir_checkpoints" // of tasks without registers
	StatusBucket     = "weir_status"      // what tasks do
)

// State is what a task is doing.
type State string

// The states of a task.
const (
	StatePending  State = "pending"  // not started yet, or stopped
	StateRunning  State = "running"  // reads and commits
	StateRetrying State = "retrying" // waits before it starts again
	StateFailed   State = "failed"   // stands still until somebody changes something
	StateDisabled State = "disabled" // the catalog says so
	StatePaused   State = "paused"   // somebody said so, until somebody resumes it
)

// States lists the states.
func States() []State {
	return []State{StatePending, StateRunning, StateRetrying, StateFailed, StatePaused, StateDisabled}
}

// Kinds of tasks.
const (
	KindCapture         = "capture"
	KindDerivation      = "derivation"
	KindMaterialization = "materialization"
	KindInbox           = "inbox"
)

// Status is the record of one shard in the bucket weir_status. Counters count
// since the worker took up the task as it is published now.
type Status struct {
	V           int        `json:"v"`
	Task        string     `json:"task"` // catalog name; an inbox has its collection's
	Kind        string     `json:"kind"`
	Shard       string     `json:"shard"`
	Worker      string     `json:"worker"`
	State       State      `json:"state"`
	Why         *Why       `json:"why,omitempty"`
	Since       time.Time  `json:"since"`
	Retry       *time.Time `json:"retry,omitempty"` // when a retrying task starts again
	Updated     time.Time  `json:"updated"`
	In          uint64     `json:"in"`      // documents read
	InBytes     uint64     `json:"inBytes"` // of them
	Out         uint64     `json:"out"`     // documents or rows written
	OutBytes    uint64     `json:"outBytes"`
	Quarantined uint64     `json:"quarantined,omitempty"`
	Txns        uint64     `json:"txns"`
	Lag         uint64     `json:"lag"` // messages that wait
	// LagSeconds is for how long the oldest document that is not processed could
	// have been, 0 when there is none. What waits for a task that does not run is
	// counted from where it stands.
	LagSeconds float64           `json:"lagSeconds"`
	Bindings   []BindingStatus   `json:"bindings,omitempty"` // sorted by name and collection
	Readers    []Reader          `json:"readers,omitempty"`
	Positions  map[string]uint64 `json:"positions,omitempty"`
	// Waits says, while nothing else is ready, of which positions the next
	// document waits for its readDelay, and when it is ready.
	Waits map[string]time.Time `json:"waits,omitempty"`
	// LastFailure is why the shard ended last, also when it runs again.
	LastFailure *Failure          `json:"lastFailure,omitempty"`
	Reads       map[string]uint64 `json:"reads,omitempty"` // documents that a derivation processed, by transform
}

// Failure is why and when a shard ended.
type Failure struct {
	At  time.Time `json:"at"`
	Why Why       `json:"why"`
}

// BindingStatus is the part of one transform or binding in a task's status. What
// a derivation or a capture writes has an entry of its own without a name.
type BindingStatus struct {
	Name       string  `json:"name,omitempty"` // of the transform, or of the binding's resource
	Collection string  `json:"collection"`     // that is read or written
	In         uint64  `json:"in,omitempty"`
	InBytes    uint64  `json:"inBytes,omitempty"`
	Out        uint64  `json:"out,omitempty"`
	OutBytes   uint64  `json:"outBytes,omitempty"`
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lagSeconds"`
}

// state is the part of a task's status that changes by events. Its lock is
// taken a few times a transaction, never for a document.
type state struct {
	changed func() // tells the reporter; never blocks

	mu        sync.Mutex
	state     State
	why       *Why
	since     time.Time
	retry     time.Time
	in        *merge    // of the running shard; nil: it has none, as a capture
	ages      ages      // of what the shard has read
	starts    int       // of shards
	readers   []Reader  // of the last start
	left      []backlog // what waits while no shard runs
	known     bool      // left was counted since the shard ended
	positions positions
	waits     map[string]time.Time
	failure   *Failure // the last one
}

// failed is called when a shard has ended with an error.
func (s *state) failed(why *Why) {
	s.mu.Lock()
	s.failure = &Failure{At: time.Now().UTC(), Why: *why}
	s.mu.Unlock()
}

// standsStill says whether the task failed, or waits to start again.
func (s *state) standsStill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == StateFailed || s.state == StateRetrying
}

func (s *state) set(now State, why *Why, retry time.Time) {
	s.mu.Lock()
	if s.state != now {
		s.since = time.Now()
	}
	s.state, s.why, s.retry = now, why, retry
	if now != StateRunning {
		s.ended()
	}
	s.mu.Unlock()
	s.changed()
}

// ended keeps what waits as it is known when a shard ends, until it is counted.
func (s *state) ended() {
	if s.in != nil {
		s.left, s.known = s.in.backlogs(&s.ages), false
	}
	s.in, s.waits = nil, nil
}

// started is called by a shard that reads from now on; note says what it does
// without, if anything. It says whether the task did not run before.
func (s *state) started(at positions, in *merge, note *Why) bool {
	s.ages.reset()
	s.mu.Lock()
	s.starts++
	s.positions, s.in, s.left, s.readers = at, in, nil, nil
	if in != nil {
		s.readers = in.readers()
	}
	stood := s.state != StateRunning
	s.mu.Unlock()
	s.set(StateRunning, note, time.Time{})
	return stood
}

// waiting is called when other documents than before wait for their readDelay:
// as often as documents become ready one by one, so no record is written for it.
func (s *state) waiting(until map[string]time.Time) {
	s.mu.Lock()
	s.waits = until
	s.mu.Unlock()
}

// committed is called after each commit.
func (s *state) committed(p positions) {
	s.mu.Lock()
	s.positions = p
	s.mu.Unlock()
}

// fill copies the state into a status record.
func (s *state) fill(to *Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.State, to.Why, to.Since, to.Positions, to.Waits, to.LastFailure = s.state, s.why, s.since, s.positions, s.waits, s.failure
	to.Readers = through(s.readers, s.positions)
	if !s.retry.IsZero() {
		retry := s.retry
		to.Retry = &retry
	}
	waiting := s.left
	if s.in != nil {
		waiting = s.in.backlogs(&s.ages)
	}
	to.fill(waiting, to.Updated)
}

// status gives the task's record as of now.
func (t *task) status(worker string) Status {
	s := Status{V: formatVersion, Task: t.env.task, Kind: t.kind, Shard: t.env.token, Worker: worker, Updated: time.Now().UTC()}
	t.env.counters.fill(&s)
	t.state.fill(&s)
	sortBindings(s.Bindings)
	return s
}

// statusKey is the key of a task's record in the bucket.
func statusKey(kind, task, token string) string {
	return taskKey(kind, task) + "." + token
}

// taskKey is what the keys of the records of all of a task's shards begin with.
func taskKey(kind, task string) string { return kind + "." + collection.KVKey(task) }

const (
	heartbeat     = 3 * time.Second  // between two signs of life of a worker
	silence       = 15 * time.Second // after which its tasks do not count as running
	heartbeatKeep = time.Hour        // before the sign of a worker that is gone is removed
)

// sign is a worker's sign of life in the status bucket.
type sign struct {
	V       int       `json:"v"`
	Worker  string    `json:"worker"`
	Updated time.Time `json:"updated"`
	Version string    `json:"version,omitempty"` // of weir
	Started time.Time `json:"started,omitzero"`
	Server  string    `json:"server,omitempty"` // identifier of the NATS server, where the worker's process runs it
}

// Sign is what is known of a worker.
type Sign struct {
	Worker  string    `json:"worker"`
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Server  string    `json:"server,omitempty"` // identifier of the NATS server, where the worker's process runs it
	Updated time.Time `json:"updated"`          // by the worker's clock
	Stored  time.Time `json:"stored"`           // by the server's
	Alive   bool      `json:"alive"`
}

// ReadSigns gives the workers that signed of late, by name.
func ReadSigns(ctx context.Context, conn *journal.Conn) ([]Sign, error) {
	bucket, err := conn.Bucket(ctx, StatusBucket)
	if errors.Is(err, journal.ErrNoStream) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket of status records: %w", err)
	}
	var out []Sign
	err = bucket.Scan(ctx, strings.TrimSuffix(signKey, "."), func(e journal.Entry) error {
		var s sign
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return fmt.Errorf("status %s: %w", e.Key, err)
		}
		out = append(out, Sign{Worker: s.Worker, Version: s.Version, Started: s.Started, Server: s.Server, Updated: s.Updated, Stored: e.Created, Alive: time.Since(s.Updated) < silence})
		return nil
	})
	slices.SortFunc(out, func(a, b Sign) int { return cmp.Compare(a.Worker, b.Worker) })
	return out, err
}

const signKey = "worker." // and the worker's name

// reporter writes the status records that changed: at once when a state
// changes, else every second; and the worker's sign of life.
type reporter struct {
	bucket  *journal.Bucket
	worker  string
	version string
	started time.Time
	server  string // that this process runs
	log     *zap.Logger
	nudge   chan struct{}

	turned atomic.Int64 // when the loop turned last

	mu     sync.Mutex // held while records are written: the last one written is the newest
	last   map[string]Status
	signed time.Time
}

func newReporter(b *journal.Bucket, worker, version string, log *zap.Logger) *reporter {
	r := &reporter{bucket: b, worker: worker, version: version, started: time.Now().UTC(), log: log, nudge: make(chan struct{}, 1), last: map[string]Status{}}
	r.turned.Store(time.Now().UnixNano())
	return r
}

func (r *reporter) changed() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// run reports until the context ends.
func (r *reporter) run(ctx context.Context, all func() []Status) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		r.turned.Store(time.Now().UnixNano())
		r.report(ctx, all())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.nudge:
		}
	}
}

// report writes what changed. A server that cannot be reached is no reason to
// stop: the next round tries again.
func (r *reporter) report(ctx context.Context, all []Status) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.signed) > heartbeat {
		if err := r.sign(ctx, now); err != nil {
			r.log.Debug("write sign of life", zap.Error(err))
			return
		}
		r.signed = now
	}
	for _, s := range all {
		key := statusKey(s.Kind, s.Task, s.Shard)
		if old, ok := r.last[key]; ok && old.same(s) {
			continue
		}
		text, err := json.Marshal(s)
		if err == nil {
			_, err = r.bucket.Put(ctx, key, text)
		}
		if err != nil {
			r.log.Debug("write status", zap.String("task", s.Task), zap.Error(err))
			return
		}
		r.last[key] = s
	}
}

// sign writes the worker's sign of life. The first time it removes those of
// workers that are long gone.
func (r *reporter) sign(ctx context.Context, now time.Time) error {
	if r.signed.IsZero() {
		err := r.bucket.Scan(ctx, "worker", func(e journal.Entry) error {
			if now.Sub(e.Created) > heartbeatKeep {
				return r.bucket.Delete(ctx, e.Key)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	text, err := json.Marshal(sign{V: formatVersion, Worker: r.worker, Updated: now.UTC(), Version: r.version, Started: r.started, Server: r.server})
	if err != nil {
		return err
	}
	_, err = r.bucket.Put(ctx, signKey+collection.KVKey(r.worker), text)
	return err
}

// same says whether two records differ in their time only.
func (s Status) same(o Status) bool {
	return s.State == o.State && s.Why == o.Why && s.LastFailure == o.LastFailure && s.Since.Equal(o.Since) && s.In == o.In && s.Out == o.Out &&
		s.Txns == o.Txns && s.Lag == o.Lag && int(s.LagSeconds) == int(o.LagSeconds) && s.Quarantined == o.Quarantined && maps.EqualFunc(s.Waits, o.Waits, time.Time.Equal)
}

// keepOnly removes the records of tasks that are not published, whoever wrote
// them: no worker may have been there when a publication removed them.
func (r *reporter) keepOnly(ctx context.Context, published map[string]bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bucket.Scan(ctx, "", func(e journal.Entry) error {
		task := e.Key[:max(strings.LastIndexByte(e.Key, '.'), 0)] // without the shard
		if strings.HasPrefix(e.Key, signKey) || published[task] {
			return nil
		}
		delete(r.last, e.Key)
		return r.bucket.Delete(ctx, e.Key)
	})
}
