package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/derive"
	"weir/document"
	"weir/journal"
	"weir/sinks"
	"weir/sources"
)

// capture writes what a source gives to one collection.
type capture struct {
	*outlet
	session sources.Session
	state   json.RawMessage         // the connector's, after the open transaction
	records []derive.RegisterChange // the connector's, of the open transaction
	unacked int                     // checkpoints in the open transaction
	seen    uint64                  // checkpoints since this start, which stand for sequences in errors
	reads   []*flow                 // by binding
	source  *source                 // has no position key: a source's position is its state
}

// captureSpec is what a capture needs beside its environment.
type captureSpec struct {
	spec     *catalog.Capture
	source   sources.Source
	interval time.Duration // from one opening to the next, for a source that ends
}

// runCapture is one start of a capture's shard. A source that has nothing
// more is opened again when its interval has passed.
func runCapture(ctx context.Context, stop <-chan struct{}, e *env, s captureSpec, known collections) error {
	target, err := captureTarget(s.spec, known)
	if err != nil {
		return err
	}
	for {
		began := time.Now()
		if err := captureOnce(ctx, stop, e, s, target); err != nil || closed(stop) {
			return err
		}
		timer := time.NewTimer(time.Until(began.Add(s.interval)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-stop:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// captureTarget gives the one collection that the capture writes.
func captureTarget(spec *catalog.Capture, known collections) (*collection.Collection, error) {
	name := ""
	for _, b := range spec.Bindings {
		switch {
		case b.Disable:
		case name != "" && name != b.Target:
			return nil, &brokenError{"capture " + spec.Name, fmt.Errorf("it writes to %s and %s: a capture into several collections is not supported yet, make one capture for each", name, b.Target)}
		default:
			name = b.Target
		}
	}
	if name == "" {
		return nil, &brokenError{"capture " + spec.Name, errors.New("every binding is disabled")}
	}
	return known.get(name)
}

func captureOnce(ctx context.Context, stop <-chan struct{}, e *env, s captureSpec, target *collection.Collection) error {
	c := &capture{source: &source{collection: target}}
	open, err := prepareSource(ctx, e, s, target)
	if err != nil {
		return err
	}
	if c.outlet, err = openCaptureOutlet(ctx, e, s, target, &open); err != nil {
		return err
	}
	defer c.outlet.close()
	for _, b := range open.Bindings {
		c.reads = append(c.reads, e.counters.read(resourceName(b.StateKey), target.Name))
	}
	c.state = c.shard.state
	open.State, open.Limits = c.state, sources.Limits{Documents: c.limit(), DocumentBytes: e.conn.MaxPayload() - headerRoom}
	if c.session, err = s.source.Open(ctx, open); err != nil {
		return fromConnector("open", err)
	}
	p := startPulling(ctx, stop, c.session)
	defer p.end()
	e.started(nil, nil)
	l := loop[sources.Batch]{env: e, in: p, out: c, maxAge: e.limits.TxnAge, rest: e.limits.Rest}
	return l.run(ctx, p.drain)
}

// openCaptureOutlet claims the shard, and restores the records of a source that
// keeps some.
func openCaptureOutlet(ctx context.Context, e *env, s captureSpec, target *collection.Collection, open *sources.OpenRequest) (*outlet, error) {
	if !s.source.Spec().Records {
		return openOutlet(ctx, e, target, "", nil)
	}
	open.Records = map[string]json.RawMessage{}
	return openOutlet(ctx, e, target, recordsOf, func(key, value []byte) error {
		if value == nil {
			delete(open.Records, string(key))
		} else {
			open.Records[string(key)] = value
		}
		return nil
	})
}

// prepareSource validates the capture and prepares its endpoint.
func prepareSource(ctx context.Context, e *env, s captureSpec, target *collection.Collection) (sources.OpenRequest, error) {
	r := sources.OpenRequest{Task: e.task, Shard: e.token, DataDir: e.dataDir, Config: s.spec.Endpoint.Config, Log: e.log}
	for _, b := range s.spec.Bindings {
		if !b.Disable {
			r.Bindings = append(r.Bindings, sources.Binding{Resource: b.Resource, Collection: sources.Collection{Name: target.Name, Key: target.Spec.Key, Schema: target.Spec.Schema.Bundle(), Writes: target}})
		}
	}
	validated, err := s.source.Validate(ctx, sources.ValidateRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: r.Bindings, Log: r.Log, Starts: true})
	if err != nil {
		return r, fromConnector("validate", err)
	}
	if len(validated.Bindings) != len(r.Bindings) {
		return r, fromConnector("validate", fmt.Errorf("the source answered for %d bindings of %d", len(validated.Bindings), len(r.Bindings)))
	}
	i := 0
	for _, b := range s.spec.Bindings {
		if !b.Disable {
			r.Bindings[i].StateKey = sinks.StateKey(validated.Bindings[i].ResourcePath, b.Backfill)
			i++
		}
	}
	applied, err := s.source.Apply(ctx, sources.ApplyRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: r.Bindings, Log: r.Log})
	if err != nil {
		return r, fromConnector("apply", err)
	}
	e.applied(applied.Action)
	return r, nil
}

// add takes all documents of one checkpoint: a transaction holds whole ones.
func (c *capture) add(ctx context.Context, in sources.Batch) (verdict, error) {
	if c.inputs > 0 && !c.fits(len(in.Documents)) {
		return before, nil
	}
	c.seen++
	c.outputs = 0
	for i := range in.Documents {
		if err := c.take(ctx, &in, i); err != nil {
			return more, err
		}
	}
	for _, r := range in.Records {
		c.records = append(c.records, derive.RegisterChange{Key: r.Key, Value: r.Value})
	}
	if in.State != nil && !in.Merge {
		c.state = in.State
	} else if in.State != nil {
		state, err := document.MergePatch(c.state, in.State)
		if err != nil {
			return more, fromConnector("state", err)
		}
		c.state = state
	}
	c.unacked++
	v, err := c.took(c.source, "", c.seen, false)
	if large := (*OutputError)(nil); errors.As(err, &large) {
		large.Checkpoint = true
	}
	return v, err
}

// take puts one document into the open transaction.
func (c *capture) take(ctx context.Context, in *sources.Batch, i int) error {
	d := &in.Documents[i]
	c.reads[min(max(d.Binding, 0), len(c.reads)-1)].add(len(d.Data))
	c.outputs++
	if d.Placed != nil {
		return c.put(d.Placed.Subject, d.Data, &d.Placed.Doc)
	}
	err := unmade(c.target, d)
	if err == nil {
		err = c.combiner().Add(d.Data)
	}
	if err == nil {
		return nil
	}
	m := &journal.Message{Subject: c.origin(in, i), Seq: c.seen, Data: d.Data}
	return c.env.reject(ctx, c.target, c.env.task+"~"+c.shard.writer, m, i, err)
}

// unmade is the error of a text that its source could make no document of.
func unmade(target *collection.Collection, d *sources.Document) error {
	if d.Problem == "" {
		return nil
	}
	return &collection.Invalid{Collection: target.Name, Rule: collection.RuleJSON, Message: d.Problem, Document: collection.Excerpt(d.Data)}
}

// origin is where a refused document was: the source's word, or the task.
func (c *capture) origin(in *sources.Batch, i int) string {
	if in.Origin == nil {
		return c.env.task
	}
	return c.env.task + " " + in.Origin(i)
}

// stage drains the documents into a batch (step 1).
func (c *capture) stage(ctx context.Context) (func(context.Context) error, error) {
	t, err := c.drain(ctx)
	if err != nil {
		return nil, fmt.Errorf("combine: %w", err)
	}
	t.state, t.registers = c.state, c.records
	n := c.unacked
	c.unacked, c.records = 0, nil
	return c.commit(t, func(ctx context.Context) error {
		if err := c.session.Acknowledge(ctx, n); err != nil {
			return fromConnector("acknowledge", err)
		}
		return nil
	}), nil
}

// pulls reads a source ahead of the loop, by one batch.
type pulls struct {
	batches chan pulled // one: what is read ahead is what a source gives at once
	nudge   chan struct{}
	drain   chan struct{} // closed when the source has ended or the task is to stop
	once    sync.Once
	cancel  context.CancelFunc
	done    sync.WaitGroup
	session sources.Session
}

type pulled struct {
	batch sources.Batch
	err   error
}

func startPulling(ctx context.Context, stop <-chan struct{}, session sources.Session) *pulls {
	p := &pulls{batches: make(chan pulled, 1), nudge: make(chan struct{}, 1), drain: make(chan struct{}), session: session}
	ctx, p.cancel = context.WithCancel(ctx)
	p.done.Add(2)
	go func() {
		defer p.done.Done()
		p.pull(ctx)
	}()
	go func() {
		defer p.done.Done()
		select {
		case <-stop:
			p.finish()
		case <-ctx.Done():
		}
	}()
	return p
}

func (p *pulls) pull(ctx context.Context) {
	for {
		batch, err := p.session.Pull(ctx)
		select {
		case p.batches <- pulled{batch, err}:
		case <-ctx.Done():
			return
		}
		select {
		case p.nudge <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (p *pulls) next() (sources.Batch, bool, error) {
	select {
	case got := <-p.batches:
		if errors.Is(got.err, io.EOF) {
			p.finish()
			return sources.Batch{}, false, nil
		}
		if got.err != nil {
			return sources.Batch{}, false, fromConnector("pull", got.err)
		}
		return got.batch, true, nil
	default:
		return sources.Batch{}, false, nil
	}
}

func (p *pulls) wake() <-chan struct{} { return p.nudge }

func (p *pulls) finish() { p.once.Do(func() { close(p.drain) }) }

// end closes the session and waits for the goroutines.
func (p *pulls) end() {
	p.cancel()
	p.done.Wait()
	_ = p.session.Close() // what counts is durable already
}
