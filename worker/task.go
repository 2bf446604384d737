package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
	"weir/secrets"
)

// Limits bound what a shard holds in memory and how long it lets things take.
// The zero value of a field means its default.
type Limits struct {
	ReadAhead     int           // bytes read ahead of the loop, over all sources; 4 MiB
	BatchBytes    int           // bytes of documents in one transaction; 8 MiB
	SinkBytes     int           // bytes of documents read in one transaction of a materialization; 32 MiB
	CombineMemory int           // bytes that combining keeps in memory before it spills; 6 MiB
	Registers     int           // bytes of registers in memory; a derivation that has more keeps them on disk; 64 MiB
	TxnAge        time.Duration // a busy transaction closes after it; 1 s
	Rest          time.Duration // quiet time after which progress is flushed; 300 ms
	CallTimeout   time.Duration // of one call of a module's function; 5 s
	Backoff       time.Duration // first pause before a retry; 200 ms, doubled up to 30 s
	Attempts      int           // of a transaction whose module throws; 4
	CountEvery    time.Duration // between two counts of what waits for tasks that do not run; 10 s
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	last := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.ReadAhead, 4<<20)
	set(&l.BatchBytes, 8<<20)
	set(&l.SinkBytes, 32<<20)
	set(&l.CombineMemory, 6<<20)
	set(&l.Registers, 64<<20)
	set(&l.Attempts, 4)
	last(&l.TxnAge, time.Second)
	last(&l.Rest, 300*time.Millisecond)
	last(&l.CallTimeout, 5*time.Second)
	last(&l.Backoff, 200*time.Millisecond)
	last(&l.CountEvery, 10*time.Second)
	return l
}

// collections are the compiled collections of the published catalog.
type collections map[string]*collection.Collection

func (k collections) get(name string) (*collection.Collection, error) {
	c, ok := k[name]
	if !ok {
		return nil, &brokenError{"collection " + name, errors.New("it is not published")}
	}
	return c, nil
}

// env is what one task hands to its shard, from start to start.
type env struct {
	conn     *journal.Conn
	task     string // catalog name, or that of an inbox
	token    string
	dataDir  string
	spillDir string
	limits   Limits
	log      *zap.Logger
	cut      func(point string) error
	clock    *Clock
	secrets  *secrets.Store
	redactor *secrets.Redactor

	counters  counters
	txn       atomic.Uint64 // the newest committed transaction, for log lines
	progress  atomic.Uint64 // counts what became durable
	suspects  suspects      // of the last failed attempt
	widest    int           // outputs that a source document may give, by what they gave of late
	room      int           // messages that a transaction may hold, by what batches took of late; 0: as many as the server allows
	note      *Why          // what a running task does without
	started   func(at positions, in *merge)
	ages      *ages // of what the shard has read
	committed func(p positions)
	waiting   func(until map[string]time.Time)
}

// applied logs what a connector did to its endpoint.
func (e *env) applied(action string) {
	if action != "" {
		e.log.Info("endpoint prepared", zap.String("action", action))
	}
}

// reject is what becomes of an invalid document: it is quarantined if its
// collection says so, else err stops the task. by, the message's sequence and
// n name the document: by says whose sequences they are.
func (e *env) reject(ctx context.Context, c *collection.Collection, by string, m *journal.Message, n int, err error) error {
	var invalid *collection.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	if invalid.Seq == 0 {
		invalid.Subject, invalid.Seq = m.Subject, m.Seq
	}
	if c.Spec.OnInvalid != catalog.OnInvalidQuarantine {
		return err
	}
	return e.quarantine(ctx, c.Name, by, m, n, invalid)
}

// quarantine keeps a document that is invalid in c, with why and where from.
// A second time is a no-op: the subject names the document.
func (e *env) quarantine(ctx context.Context, c, by string, m *journal.Message, n int, invalid *collection.Invalid) error {
	why := collection.Rejection{
		Task: e.task, Pointer: invalid.Pointer, Rule: invalid.Rule, Reason: e.redactor.Text(invalid.Message), Origin: m.Subject, Sequence: m.Seq,
	}
	subject := collection.BadSubject(c, by, m.Seq, n)
	err := e.keep(ctx, subject, m.Data, why)
	var size *journal.SizeError
	if errors.As(err, &size) {
		err = e.keepInParts(ctx, subject, m.Data, why)
	}
	if err == nil {
		e.counters.quarantined.Add(1)
	}
	return err
}

// keepInParts stores a document that is too large for one message with its
// headers as several.
func (e *env) keepInParts(ctx context.Context, subject string, data []byte, why collection.Rejection) error {
	most := e.conn.MaxPayload() / 2 // the other half is more than the headers need
	why.Parts = (len(data) + most - 1) / most
	for i := range why.Parts {
		why.Part = i + 1
		if err := e.keep(ctx, collection.BadPart(subject, why.Part), data[i*most:min((i+1)*most, len(data))], why); err != nil {
			return err
		}
	}
	return nil
}

// keep stores a quarantined document. One that is there already is the same.
func (e *env) keep(ctx context.Context, subject string, data []byte, why collection.Rejection) error {
	_, err := e.conn.Publish(ctx, journal.Outgoing{Subject: subject, Data: data, Expect: new(uint64), Header: why.Header()})
	if err != nil && !errors.Is(err, journal.ErrConflict) {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// runner is one start of a task's shard.
type runner func(ctx context.Context, stop <-chan struct{}, e *env) error

// task keeps a shard running: it starts it, starts it again after failures,
// and reports its state.
type task struct {
	env  *env
	kind string
	hash string // of the specs that it was built from
	run  runner

	control uint64 // revision of the newest control that was looked at

	state    *state
	stop     chan struct{} // closed: drain and end
	abort    context.CancelFunc
	finished chan struct{}
}

// start runs the task in a goroutine of its own; halt waits for it.
func (t *task) start(ctx context.Context) {
	ctx, t.abort = context.WithCancel(ctx)
	t.stop, t.finished = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(t.finished)
		defer t.abort()
		t.supervise(ctx)
	}()
}

// halt drains the task: it commits its open transaction and flushes. After
// patience has run out it is ended where it stands, which loses nothing.
func (t *task) halt(patience time.Duration) {
	close(t.stop)
	timer := time.AfterFunc(patience, t.abort)
	defer timer.Stop()
	<-t.finished
}

// supervise starts the shard until it is told to stop, or until an error
// stays. A shard that made durable progress starts counting its failures anew:
// transactions that wrote nothing are done again by the next start. Failures
// that pass by themselves make pauses longer, and do not count as attempts.
func (t *task) supervise(ctx context.Context) {
	failures, attempts := 0, 0
	for {
		before := t.env.progress.Load()
		err := t.run(ctx, t.stop, t.env)
		if ctx.Err() != nil || (err == nil && closed(t.stop)) {
			t.env.log.Info("task stops")
			t.state.set(StatePending, nil, time.Time{})
			return
		}
		if errors.Is(err, errOverflow) || errors.Is(err, errWidened) || t.env.shrink(err) {
			continue
		}
		if halt := (*haltError)(nil); errors.As(err, &halt) {
			why := t.env.explain(err)
			t.env.log.Warn("task disabled", told(why, err)...)
			t.state.set(StateDisabled, why, time.Time{})
			return
		}
		if t.env.progress.Load() > before {
			failures, attempts = 0, 0
		}
		failures++
		if !patient(err) {
			attempts++
		}
		why := t.env.explain(err)
		t.env.counters.failed(string(why.Code))
		t.state.failed(why)
		found := t.suspect(err)
		if lasting(err) && (found || takenOver(err)) || !patient(err) && attempts >= t.env.limits.Attempts {
			t.env.log.Error("task failed", told(why, err)...)
			t.state.set(StateFailed, why, time.Time{})
			return
		}
		wait := t.backoff(failures)
		t.env.log.Warn("task retries", append(told(why, err), zap.Duration("wait", wait))...)
		t.state.set(StateRetrying, why, time.Now().Add(wait))
		select {
		case <-ctx.Done():
		case <-t.stop:
		case <-time.After(wait):
		}
		if ctx.Err() != nil || closed(t.stop) {
			return
		}
		t.env.counters.restarts.Add(1)
	}
}

// told is what a line of the log says of the end of a shard: where the document
// lies that is to blame as well, so that the line is found when that is erased.
func told(why *Why, err error) []zap.Field {
	fields := []zap.Field{zap.String("code", string(why.Code)), zap.Error(err)}
	if why.Seq == 0 {
		return fields
	}
	if why.Subject != "" {
		fields = append(fields, zap.String("subject", why.Subject))
	}
	return append(fields, zap.String("collection", why.Collection), zap.Uint64("seq", why.Seq))
}

// shrink makes transactions smaller when a batch did not take one, and says
// whether that can help.
func (e *env) shrink(err error) bool {
	if !errors.Is(err, journal.ErrBatchFull) && !errors.Is(err, journal.ErrBatchTooLarge) {
		return false
	}
	if e.room == 0 {
		e.room = e.conn.MaxBatch()
	}
	e.room /= 2
	return e.room > 0
}

// suspect takes over whom the error blames, and says whether it is one input
// that was alone already, so that nothing more is to be found out.
func (t *task) suspect(err error) bool {
	var blamed *inputError
	if patient(err) || !errors.As(err, &blamed) {
		return true
	}
	found := true
	for key, at := range blamed.suspects {
		found = found && at.from == at.through && t.env.suspects.has(key, at.from)
	}
	t.env.suspects = blamed.suspects
	return found
}

// backoff doubles the pause up to 30 s, with jitter.
func (t *task) backoff(failures int) time.Duration {
	d := t.env.limits.Backoff << min(failures-1, 16)
	if limit := 30 * time.Second; d > limit || d <= 0 {
		d = limit
	}
	return d/2 + rand.N(d/2+1)
}
