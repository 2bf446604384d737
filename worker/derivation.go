package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/collection"
	"weir/derive"
	"weir/derive/sqlite"
	"weir/document"
	"weir/journal"
)

// engine computes the documents of a derivation and holds the state that they
// need. It belongs to one start of the shard and is called by one goroutine at
// a time; after an error it is thrown away, and the next start makes another.
type engine interface {
	engineState
	// Apply gives one document to a transform and hands each document that comes
	// out to emit, as JSON text that is valid until emit returns. The document
	// does not change until Apply returns. An error ends the open transaction.
	Apply(transform int, d *document.Doc, meta derive.Meta, emit func(raw []byte) error) error
}

// engineState is the state of an engine, a copy of what bucket and markers hold.
type engineState interface {
	// LoadRegister puts a piece of restored state in place, in no order; a nil
	// value deletes. It is called during the claim, before all else. Key and
	// value may be kept.
	LoadRegister(key, value []byte) error
	// Changes closes the open transaction: it gives the state that changed since
	// it was called last, in the caller's own memory.
	Changes() ([]derive.RegisterChange, error)
	// Pending is about how many bytes Changes would give.
	Pending() int
	// Close lets go of what the state takes on disk. It is called once, last.
	Close() error
}

// derivation writes one derived collection from its sources.
type derivation struct {
	*outlet
	database *sqlite.DB // the engine, when it is one
	sources  []*source
	decoders []*decoder
	engine   engine     // nil for copy
	class    *derive.VM // the engine, where its module has the class form and so takes part in the end of transactions
	held     int        // bytes that the open transaction has read

	ctx     context.Context  // of the loop; for emit, which the engine calls
	message *journal.Message // that is processed, and where it is from
	from    *source
	emit    func(raw []byte) error
}

// runDerivation is one start of a derivation's shard: claim, read, derive,
// commit, until the context ends, stop is closed, or something fails.
func runDerivation(ctx context.Context, stop <-chan struct{}, e *env, spec *catalog.Collection, known collections) (err error) {
	target, err := known.get(spec.Name)
	if err != nil {
		return err
	}
	d, reading := &derivation{ctx: ctx}, known.reading(ctx, e.conn)
	d.emit = func(raw []byte) error { return d.output(d.combiner().Add(raw), raw) }
	if d.sources, err = transformSources(spec.Derive, e.token, reading); err != nil {
		return err
	}
	for _, s := range d.sources {
		d.decoders = append(d.decoders, newDecoder(e.conn, s.collection))
		s.name = spec.Derive.Transforms[s.index].Name
		s.read = e.counters.read(s.name, s.collection.Name)
	}
	var gone *erasures
	if stateOf(spec.Derive) == registersOf {
		if gone, err = readErasures(ctx, e.conn, e.task); err != nil {
			return err
		}
	}
	restored, began := 0, time.Now()
	var register func(key, value []byte) error
	if d.engine, d.database, err = newEngine(e, spec, reading); err != nil {
		return err
	}
	if d.engine != nil {
		defer func() {
			if e := d.engine.Close(); err == nil {
				err = e
			}
		}()
		register = func(key, value []byte) error {
			if gone.takes(key, value) {
				return nil
			}
			restored++
			return d.engine.LoadRegister(key, value)
		}
	}
	if d.outlet, err = openOutlet(ctx, e, target, stateOf(spec.Derive), register); err != nil {
		return err
	}
	if restored > 0 {
		e.log.Info("registers restored", zap.Int("registers", restored), zap.Duration("took", time.Since(began)))
	}
	defer d.outlet.close()
	if err := d.erase(ctx, gone); err != nil {
		return err
	}
	if err := d.openDatabase(ctx); err != nil {
		return err
	}
	if vm, ok := d.engine.(*derive.VM); ok && vm.Flushes() {
		d.class = vm
		if err := vm.Open(d.shard.state); err != nil {
			return fmt.Errorf("open module: %w", err)
		}
	}
	in, err := openMerge(ctx, e, e.task, d.sources, d.shard.positions)
	if err != nil {
		return err
	}
	defer in.close()
	e.started(d.shard.positions, in)
	l := loop[input]{env: e, in: in, out: d, maxAge: e.limits.TxnAge, rest: e.limits.Rest}
	return l.run(ctx, stop)
}

// transformSources gives the sources of the transforms that are not disabled.
func transformSources(d *catalog.Derivation, token string, reading func(name string) (*collection.Collection, error)) ([]*source, error) {
	var out []*source
	for i, t := range d.Transforms {
		if t.Disable {
			continue
		}
		c, err := reading(t.Source.Name)
		if err != nil {
			return nil, fmt.Errorf("transform %s: %w", t.Name, err)
		}
		delay, err := catalog.ParseDelay(t.ReadDelay)
		if err != nil {
			return nil, &brokenError{"transform " + t.Name, err}
		}
		s, err := newSource(positionKey(t.Name, t.Backfill, token, t.Source.Name), t.Source, c)
		if err != nil {
			return nil, &brokenError{"transform " + t.Name, err}
		}
		s.priority, s.delay, s.index = t.Priority, delay, i
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, &brokenError{"derivation", errors.New("every transform is disabled")}
	}
	return out, nil
}

// newEngine makes what computes a derivation: nothing for copy, a database for
// lambdas, a VM for a module.
func newEngine(e *env, spec *catalog.Collection, reading func(name string) (*collection.Collection, error)) (engine, *sqlite.DB, error) {
	switch {
	case spec.Derive.Using.Copy != nil:
		return nil, nil, nil
	case spec.Derive.Using.SQLite != nil:
		db, err := newDatabase(e, spec, reading)
		return db, db, err
	}
	vm, err := newVM(e, spec)
	return vm, nil, err
}

func newVM(e *env, spec *catalog.Collection) (*derive.VM, error) {
	program, err := derive.Compile(spec.Derive, spec.Name)
	if err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	vm, err := program.NewVM(derive.VMOptions{Timeout: e.limits.CallTimeout, Log: e.log, RegisterMemory: e.limits.Registers, Dir: e.spillDir})
	if err != nil {
		return nil, fmt.Errorf("start module: %w", err)
	}
	return vm, nil
}

// add decodes one source document and puts what the transform makes of it
// into the open transaction.
func (d *derivation) add(ctx context.Context, in input) (verdict, error) {
	s := d.sources[in.source]
	if in.skip {
		d.at[in.key] = in.message.Seq
		return more, nil
	}
	alone := d.env.suspects.has(in.key, in.message.Seq)
	if d.wantsFresh(alone) {
		return before, nil
	}
	d.env.ages.take(s, in.message.Time.Add(s.delay))
	s.read.add(len(in.message.Data))
	d.message, d.from, d.outputs = &in.message, s, 0
	doc, err := d.decoders[in.source].decode(ctx, &in.message)
	if err != nil {
		err = d.env.reject(ctx, s.collection, d.env.task, &in.message, 0, err)
	} else {
		err = d.apply(&in, doc)
	}
	if err != nil {
		return more, blame(s, in.key, in.message.Seq, err)
	}
	v, err := d.took(s, in.key, in.message.Seq, alone)
	if err == nil {
		err = d.outgrown(s, in.message.Seq)
	}
	if err != nil {
		return more, blame(s, in.key, in.message.Seq, err)
	}
	// What a class holds back until its flush is not known: there is room for one document an input, and for as many
	// bytes as were read.
	if d.held += len(in.message.Data); d.class != nil && (d.inputs >= d.limit() || d.held >= d.env.limits.BatchBytes) {
		return full, nil
	}
	if d.engine != nil && d.engine.Pending() >= d.changesLimit() {
		return full, nil
	}
	return v, nil
}

// changesLimit is how many bytes of registers a transaction may change: its
// marker's parts must fit beside its documents, each at least half full.
func (d *derivation) changesLimit() int {
	return min(d.env.limits.BatchBytes, (markerRoom/2-1)*d.env.conn.MaxPayload())
}

// apply calls the transform and combines its outputs.
func (d *derivation) apply(in *input, doc *document.Doc) error {
	if d.engine == nil {
		return d.output(d.combiner().AddDoc(doc), in.message.Data)
	}
	meta := derive.Meta{Collection: d.from.collection.Name, Seq: in.message.Seq, Time: in.message.Time}
	return d.engine.Apply(d.from.index, doc, meta, d.emit)
}

// output counts an output of the current message that was combined, or
// rejects it with the error of that.
func (d *derivation) output(err error, raw []byte) error {
	d.outputs++
	if err == nil {
		return nil
	}
	rejected := &journal.Message{Subject: d.message.Subject, Seq: d.message.Seq, Data: raw}
	return d.env.reject(d.ctx, d.target, d.env.task+"~"+d.from.key, rejected, d.outputs, err)
}

// stage drains the combined outputs into a batch, together with the register
// changes as of this transaction (step 1).
func (d *derivation) stage(ctx context.Context) (func(context.Context) error, error) {
	state, err := d.finish()
	if err != nil {
		return nil, d.blameTransaction(err)
	}
	t, err := d.drain(ctx)
	if err != nil {
		return nil, err
	}
	t.state = state
	if d.engine != nil {
		if t.registers, err = d.engine.Changes(); err != nil {
			t.batch.Abandon()
			return nil, err
		}
	}
	return d.commit(t, nil), nil
}

// finish lets the module end the transaction: documents that it held back are combined with the others, and the
// state that it wants to find again is part of the transaction.
func (d *derivation) finish() (state json.RawMessage, err error) {
	d.held = 0
	if d.class == nil || d.inputs == 0 { // nothing was processed, only passed over
		return nil, nil
	}
	before := d.outputs // of the last input, which flushed documents count as
	if err := d.class.Flush(d.emit); err != nil {
		return nil, err
	}
	flushed := d.outputs - before
	d.env.widest = max(d.env.widest, flushed)
	if d.combiner().Keys() > d.limit() {
		if d.inputs == 1 {
			return nil, &OutputError{Collection: d.from.collection.Name, Seq: d.message.Seq, Outputs: flushed, Limit: d.limit()}
		}
		return nil, errOverflow
	}
	read, err := json.Marshal(d.at)
	if err != nil {
		return nil, fmt.Errorf("encode positions: %w", err)
	}
	if state, err = d.class.StartCommit(read); err != nil {
		return nil, err
	}
	if limit := d.env.conn.MaxPayload() / 2; len(state) > limit {
		return nil, &StateError{Size: len(state), Limit: limit}
	}
	return state, nil
}
