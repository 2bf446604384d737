package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/sinks"
)

const (
	loadKeys  = 1000 // keys in one call of a sink's Load
	storeRows = 1000 // rows in one call of a sink's Store
)

// materialization keeps the resources of one endpoint up to date. Documents
// are combined by key while the former transaction commits; loads, rows and
// the checkpoint go to the endpoint in the commit, all in one transaction of
// its own.
type materialization struct {
	env      *env
	session  sinks.Session
	maxRows  int // of a transaction of the endpoint; 0: any number
	pace     sinks.Pace
	keeper   *keeper // of a sink that may keep no checkpoint, or has a state of its own; nil: it keeps both
	exactly  bool    // the endpoint keeps the checkpoint
	bindings []*binding

	turn   int  // of the combiners that the open transaction fills
	fresh  bool // nothing was added since the turn
	at     positions
	taken  suspects // inputs of the open transaction, should it fail
	inputs int
	bytes  int
	solo   bool
	only   *input // the input of the open transaction while it is the only one
}

// binding is one collection going to one resource.
type binding struct {
	source    *source
	decoder   *decoder
	wrote     *flow
	delta     bool
	loads     bool // what the endpoint holds takes part in reductions
	added     int  // documents in the open transaction
	combiners [2]*collection.Combiner
}

// runMaterialization is one start of a materialization's shard.
func runMaterialization(ctx context.Context, stop <-chan struct{}, e *env, spec *catalog.Materialization, sink sinks.Sink, known collections) error {
	m := &materialization{env: e, fresh: true, taken: suspects{}}
	var err error
	if !sink.Spec().ExactlyOnce {
		if m.keeper, err = claimKeeper(ctx, e); err != nil {
			return err
		}
	}
	request, err := m.prepare(ctx, spec, sink, known)
	if err != nil {
		return err
	}
	if err := m.open(ctx, sink, request); err != nil {
		return err
	}
	defer m.close()
	in, err := openMerge(ctx, e, e.task, m.sources(), m.at)
	if err != nil {
		return err
	}
	defer in.close()
	e.started(m.at.clone(), in)
	l := loop[input]{env: e, in: in, out: m, minAge: m.pace.Every, maxAge: max(e.limits.TxnAge, m.pace.Every), rest: e.limits.Rest}
	return l.run(ctx, stop)
}

// prepare validates the materialization, makes its resources, and gives the
// request that opens its shard.
func (m *materialization) prepare(ctx context.Context, spec *catalog.Materialization, sink sinks.Sink, known collections) (sinks.OpenRequest, error) {
	e := m.env
	r := sinks.OpenRequest{Task: e.task, Shard: e.token, DataDir: e.dataDir, Config: spec.Endpoint.Config, Log: e.log}
	var enabled []catalog.MaterializationBinding
	for _, b := range spec.Bindings {
		if !b.Disable {
			enabled = append(enabled, b)
		}
	}
	if len(enabled) == 0 {
		return r, &brokenError{"materialization " + spec.Name, errors.New("every binding is disabled")}
	}
	var err error
	reading := known.reading(ctx, e.conn)
	r.Bindings, err = sinks.Resolve(ctx, sink, sinks.ValidateRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Log: r.Log, Starts: true}, enabled, reading)
	if err != nil {
		return r, fromConnector("validate", err)
	}
	apply := sinks.ApplyRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: r.Bindings, Log: r.Log}
	if m.keeper != nil {
		apply.State, apply.Keep = m.keeper.kept.State, m.keeper.keepState
	}
	enabled, r.Bindings, e.note, err = m.apply(ctx, sink, apply, enabled)
	if err != nil {
		return r, err
	}
	if m.keeper != nil {
		r.State, r.Keep = m.keeper.kept.State, m.keeper.keepState
	}
	for i, b := range enabled {
		c, err := reading(b.Source.Name)
		if err != nil {
			return r, err
		}
		s, err := newSource(r.Bindings[i].StateKey+"/"+e.token+"/"+c.Name, b.Source, c)
		if err != nil {
			return r, &brokenError{"binding of " + c.Name, err}
		}
		s.priority, s.index, s.name = b.Priority, i, resourceName(r.Bindings[i].StateKey)
		s.read = e.counters.read(s.name, c.Name)
		next, err := newBinding(e, s, r.Bindings[i])
		if err != nil {
			return r, &brokenError{"binding of " + c.Name, err}
		}
		m.bindings = append(m.bindings, next)
	}
	return r, nil
}

func newBinding(e *env, s *source, resolved sinks.Binding) (*binding, error) {
	c := s.collection
	grouped := c
	pointers, err := resolved.GroupKey()
	if err == nil && pointers != nil {
		grouped, err = c.GroupedBy(pointers)
	}
	if err != nil {
		return nil, err
	}
	b := &binding{source: s, decoder: newDecoder(e.conn, c), wrote: e.counters.wrote(s.name, c.Name), delta: resolved.Delta, loads: !resolved.Delta && c.Schema.Reduces()}
	for i := range b.combiners {
		b.combiners[i] = grouped.NewCombiner(collection.CombinerOptions{Limit: e.limits.CombineMemory, Dir: e.spillDir, Full: !b.delta, Checked: true})
	}
	return b, nil
}

func (m *materialization) sources() []*source {
	out := make([]*source, len(m.bindings))
	for i, b := range m.bindings {
		out[i] = b.source
	}
	return out
}

// open fences former sessions of this shard and reads how far they came.
func (m *materialization) open(ctx context.Context, sink sinks.Sink, r sinks.OpenRequest) error {
	session, opened, err := sink.Open(ctx, r)
	if err != nil {
		return fromConnector("open", err)
	}
	m.session, m.exactly, m.maxRows, m.pace = session, opened.Exactly, opened.MaxRows, opened.Pace
	if m.at, err = m.standsAt(ctx, opened); err != nil {
		m.close()
		return err
	}
	m.at.forget(r.Bindings)
	for _, b := range m.bindings {
		b.loads = b.loads || opened.Loads && !b.delta
	}
	return nil
}

// standsAt gives how far the shard came: as the endpoint says, or as was kept
// for it.
func (m *materialization) standsAt(ctx context.Context, opened sinks.Opened) (positions, error) {
	if !opened.Exactly {
		if m.keeper == nil { // against its spec
			var err error
			if m.keeper, err = claimKeeper(ctx, m.env); err != nil {
				return nil, err
			}
		}
		return m.keeper.kept.Positions.clone(), nil
	}
	if opened.Checkpoint == nil {
		return positions{}, nil
	}
	c, err := decodeSinkCheckpoint(opened.Checkpoint)
	if err != nil || c.Positions == nil {
		return positions{}, err
	}
	return c.Positions, nil
}

func (m *materialization) close() {
	_ = m.session.Close() // what counts is durable already
	for _, b := range m.bindings {
		for _, c := range b.combiners {
			c.Close()
		}
	}
}

// add checks one document and combines it with the others of its key.
func (m *materialization) add(ctx context.Context, in input) (verdict, error) {
	b := m.bindings[in.source]
	if in.skip {
		return m.pass(in), nil
	}
	alone := m.env.suspects.has(in.key, in.message.Seq)
	if m.inputs > 0 && (alone || m.solo) {
		return before, nil
	}
	if m.fresh {
		m.reset()
	}
	m.env.ages.take(b.source, in.message.Time)
	doc, err := b.decoder.decode(ctx, &in.message)
	if b.decoder.learned {
		if m.inputs > 0 { // what is open can be stored as things are
			return before, nil
		}
		return more, errWidened
	}
	b.source.read.add(len(in.message.Data))
	if err == nil {
		err = b.combiners[m.turn].AddAt(doc, in.message.Time)
	}
	if err != nil {
		err = m.env.reject(ctx, b.source.collection, m.env.task, &in.message, 0, err)
	}
	if err != nil {
		return more, blame(b.source, in.key, in.message.Seq, err)
	}
	m.took(in, alone)
	b.added++
	if alone || m.bytes >= cmp.Or(m.pace.Bytes, m.env.limits.SinkBytes) || m.maxRows > 0 && m.rows() >= m.maxRows {
		return full, nil
	}
	return more, nil
}

// rows is how many rows the open transaction can have at most: a document adds
// one, and in standard mode those of a key make one.
func (m *materialization) rows() (n int) {
	for _, b := range m.bindings {
		if b.delta {
			n += b.added
		} else {
			n += b.combiners[m.turn].Keys()
		}
	}
	return n
}

// pass moves the position over what is not for its binding. Whatever transaction
// is open takes it along.
func (m *materialization) pass(in input) verdict {
	if m.fresh {
		m.reset()
	}
	m.at[in.key] = in.message.Seq
	return more
}

func (m *materialization) took(in input, alone bool) {
	m.inputs++
	m.only = nil
	if m.inputs == 1 {
		first := in
		m.only = &first
	}
	m.bytes += len(in.message.Data)
	m.solo = alone
	m.at[in.key] = in.message.Seq
	m.taken.add(in.key, in.message.Seq)
}

// reset drops the documents of the last but one transaction, whose commit has
// ended.
func (m *materialization) reset() {
	for _, b := range m.bindings {
		b.combiners[m.turn].Reset()
		b.added = 0
	}
	m.fresh = false
}

// stage closes the open transaction. Nothing can be sent yet: the endpoint
// may still be busy with the former one.
func (m *materialization) stage(context.Context) (func(context.Context) error, error) {
	turn, at, blamed, only := m.turn, m.at.clone(), m.taken, m.only
	m.turn, m.fresh, m.inputs, m.bytes, m.solo, m.only = 1-m.turn, true, 0, 0, false, nil
	m.taken = suspects{}
	if err := m.env.cut("stage.after"); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := m.commit(ctx, turn, at, only); err != nil {
			return &inputError{suspects: blamed, err: err}
		}
		m.env.progress.Add(1)
		m.env.txn.Add(1)
		m.env.committed(at)
		return nil
	}, nil
}

// commit is steps 2 to 4: load, reduce, store, and commit rows and checkpoint
// in one transaction of the endpoint, fenced by the epoch of this session. For
// an endpoint without transactions the checkpoint follows the rows.
func (m *materialization) commit(ctx context.Context, turn int, at positions, only *input) error {
	if err := m.loadAll(ctx, turn); err != nil {
		return err
	}
	if err := m.storeAll(ctx, turn, only); err != nil {
		return err
	}
	if err := m.env.cut("sink.commit.before"); err != nil {
		return err
	}
	checkpoint, err := json.Marshal(sinkCheckpoint{V: formatVersion, Positions: at})
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	if err := m.session.Commit(ctx, checkpoint); err != nil {
		return fromConnector("commit", err)
	}
	if err := m.env.cut("sink.commit.after"); err != nil || m.exactly {
		return err
	}
	if err := m.keeper.keep(ctx, at); err != nil {
		return err
	}
	return m.env.cut("sink.checkpoint.after")
}

// loadAll loads what the endpoint holds of the transaction's documents.
func (m *materialization) loadAll(ctx context.Context, turn int) error {
	began, some := time.Now(), false
	for i, b := range m.bindings {
		if b.loads && b.combiners[turn].Keys() > 0 {
			some = true
			if err := m.load(ctx, i, b.combiners[turn]); err != nil {
				return fromConnector("load", err)
			}
		}
	}
	if !some {
		return nil
	}
	if f, ok := m.session.(sinks.Flusher); ok {
		if err := f.Flush(ctx); err != nil {
			return fromConnector("load", err)
		}
	}
	m.env.counters.phases.observe(phaseLoad, time.Since(began))
	return nil
}

func (m *materialization) storeAll(ctx context.Context, turn int, only *input) error {
	began := time.Now()
	for i, b := range m.bindings {
		if b.combiners[turn].Keys() > 0 {
			if err := m.storeOrReject(ctx, i, b, turn, only); err != nil {
				return err
			}
		}
	}
	m.env.counters.phases.observe(phaseStore, time.Since(began))
	return nil
}

// storeOrReject stores a binding's documents. One that is valid, but not what
// it reduces to with the document that the endpoint holds, or that the endpoint
// cannot hold, is rejected once it is the only one of its transaction, so that
// nothing of it was stored.
func (m *materialization) storeOrReject(ctx context.Context, index int, b *binding, turn int, only *input) error {
	err := m.store(ctx, index, b.combiners[turn])
	var invalid *collection.Invalid
	if only == nil || !errors.As(err, &invalid) {
		return fromConnector("store", err)
	}
	if err := m.env.reject(ctx, b.source.collection, m.env.task, &only.message, 0, invalid); err != nil {
		return err
	}
	return fromConnector("rollback", m.session.Rollback(ctx))
}

// load adds what the endpoint holds to the combined documents.
func (m *materialization) load(ctx context.Context, index int, c *collection.Combiner) error {
	keys := make([][]byte, 0, c.Keys())
	err := c.EachKey(func(packed []byte) error {
		keys = append(keys, packed)
		return nil
	})
	for err == nil && len(keys) > 0 {
		some := keys[:min(loadKeys, len(keys))]
		keys = keys[len(some):]
		err = m.session.Load(ctx, index, some, func(i int, doc []byte) error { return c.AddBase(some[i], doc) })
	}
	return err
}

// store hands over the reduced documents.
func (m *materialization) store(ctx context.Context, index int, c *collection.Combiner) error {
	rows := make([]sinks.Row, 0, min(storeRows, c.Keys()))
	docs := make([]document.Doc, cap(rows)) // a spilled combiner's document lives only as long as its call
	send := func() error {
		err := m.session.Store(ctx, index, rows)
		rows = rows[:0]
		return err
	}
	err := c.Drain(func(r collection.Combined) error {
		m.bindings[index].wrote.add(len(r.Raw))
		docs[len(rows)] = *r.Doc
		rows = append(rows, sinks.Row{Key: r.Packed, Doc: &docs[len(rows)], Raw: r.Raw, Published: r.Published, Exists: r.Exists, Delete: r.Deleted})
		if len(rows) < cap(rows) {
			return nil
		}
		return send()
	})
	if err == nil && len(rows) > 0 {
		err = send()
	}
	if err == nil {
		err = m.env.cut("sink.store")
	}
	return err
}

func (m *materialization) idle(context.Context) (more bool, err error) { return false, nil }
