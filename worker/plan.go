package worker

import (
	"context"
	"fmt"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// plan gives the tasks of a snapshot of the catalog, none of them started. A
// task that cannot be built fails by itself: the others are not held up.
func (w *Worker) plan(snapshot map[string]record) map[string]*task {
	known, broken := compile(snapshot)
	wanted := map[string]*task{}
	add := func(t *task) { wanted[t.key()] = t }
	for _, r := range snapshot {
		if w.options.Catalog != "" && r.Catalog != w.options.Catalog {
			continue
		}
		switch {
		case r.err != nil:
			add(w.planUnread(r))
		case r.Collection != nil && r.Collection.Derive == nil:
			add(w.planInbox(r.Collection, known, broken))
		case r.Collection != nil:
			add(w.planDerivation(r.Collection, known, broken))
		case r.Capture != nil:
			add(w.planCapture(r.Capture, known, broken))
		case r.Materialization != nil:
			add(w.planMaterialization(r.Materialization, known, broken))
		}
	}
	return wanted
}

// record is what the bucket of the catalog holds of one spec.
type record struct {
	catalog.Record
	kind, name string // as the record's key says
	err        error  // it cannot be read
	raw        []byte // then: its text
}

// readRecord reads an entry of the catalog's bucket.
func readRecord(e journal.Entry) record {
	r := record{}
	r.kind, r.name, _ = strings.Cut(e.Key, ".")
	if name, err := collection.DecodeKVKey(r.name); err == nil {
		r.name = name
	}
	if r.Record, r.err = catalog.DecodeRecord(e.Value); r.err != nil {
		r.raw = e.Value
	}
	return r
}

// taskKind is the kind of the task that a record stands for.
func (r record) taskKind() string {
	switch {
	case r.kind != string(catalog.KindCollection):
		return r.kind
	case r.Collection != nil && r.Collection.Derive != nil:
		return KindDerivation
	}
	return KindInbox
}

// published gives the tasks of a snapshot as their status records are named.
func published(snapshot map[string]record) map[string]bool {
	out := map[string]bool{}
	for _, r := range snapshot {
		out[taskKey(r.taskKind(), r.name)] = true
		if r.err != nil { // it may be either
			out[taskKey(KindDerivation, r.name)] = true
		}
	}
	return out
}

// planUnread is a task that stands still and says why: its record, as that of
// a newer weir, cannot be read.
func (w *Worker) planUnread(r record) *task {
	run := func(context.Context, <-chan struct{}, *env) error { return &brokenError{name: r.name, err: r.err} }
	return w.newTask(r.taskKind(), r.name, run, string(r.raw))
}

// compile makes the collections of a snapshot runnable.
func compile(snapshot map[string]record) (collections, map[string]error) {
	known, broken := collections{}, map[string]error{}
	for _, r := range snapshot {
		if r.err != nil && r.kind == string(catalog.KindCollection) {
			broken[r.name] = r.err
		}
		if r.Collection == nil {
			continue
		}
		c, err := collection.New(r.Collection)
		if err != nil {
			broken[r.Collection.Name] = err
			continue
		}
		known[r.Collection.Name] = c
	}
	return known, broken
}

// failing gives the error of the first of the collections that is broken.
func failing(broken map[string]error, names ...string) error {
	for _, name := range names {
		if err := broken[name]; err != nil {
			return &brokenError{name: name, err: err}
		}
	}
	return nil
}

// brokenError is a published spec that does not compile.
type brokenError struct {
	name string
	err  error
}

func (e *brokenError) Error() string { return fmt.Sprintf("%s: %v", e.name, e.err) }
func (e *brokenError) Unwrap() error { return e.err }

// hashes gives the hashes of a spec and of the collections that it touches.
func (k collections) hashes(own string, names []string) []string {
	out := []string{own}
	for _, name := range names {
		if c, ok := k[name]; ok {
			out = append(out, c.Spec.Hash())
		}
	}
	return out
}

func (w *Worker) planInbox(spec *catalog.Collection, known collections, broken map[string]error) *task {
	run := func(ctx context.Context, stop <-chan struct{}, e *env) error {
		if err := failing(broken, spec.Name); err != nil {
			return err
		}
		return runInbox(ctx, stop, e, known)
	}
	t := w.newTask(KindInbox, spec.Name, run, spec.Hash())
	t.state.readers = unread(catalog.Record{Collection: spec}, known)
	return t
}

func (w *Worker) planDerivation(spec *catalog.Collection, known collections, broken map[string]error) *task {
	published := catalog.Record{Collection: spec}
	names := published.BuiltFrom()
	run := func(ctx context.Context, stop <-chan struct{}, e *env) error {
		if err := failing(broken, names...); err != nil {
			return err
		}
		return runDerivation(ctx, stop, e, spec, known)
	}
	t := w.newTask(KindDerivation, spec.Name, run, known.hashes(spec.Hash(), names)...)
	t.state.readers = unread(published, known)
	return w.unlessDisabled(t, published.Disabled())
}

func (w *Worker) planCapture(spec *catalog.Capture, known collections, broken map[string]error) *task {
	published := catalog.Record{Capture: spec}
	names := published.BuiltFrom()
	run := func(ctx context.Context, stop <-chan struct{}, e *env) error {
		if err := failing(broken, names...); err != nil {
			return err
		}
		source, err := w.options.Sources.Lookup(spec.Endpoint.Kind)
		if err != nil {
			return &brokenError{name: spec.Name, err: err}
		}
		interval, err := catalog.ParseInterval(spec.Interval)
		if err != nil {
			return &brokenError{name: spec.Name, err: err}
		}
		resolved := *spec
		if resolved.Endpoint, err = e.resolve(spec.Endpoint, source.Spec().ConfigSchema); err != nil {
			return err
		}
		return runCapture(ctx, stop, e, captureSpec{spec: &resolved, source: source, interval: interval}, known)
	}
	return w.unlessDisabled(w.newTask(KindCapture, spec.Name, run, known.hashes(spec.Hash(), names)...), published.Disabled())
}

func (w *Worker) planMaterialization(spec *catalog.Materialization, known collections, broken map[string]error) *task {
	published := catalog.Record{Materialization: spec}
	names := published.BuiltFrom()
	run := func(ctx context.Context, stop <-chan struct{}, e *env) error {
		if err := failing(broken, names...); err != nil {
			return err
		}
		sink, err := w.options.Sinks.Lookup(spec.Endpoint.Kind)
		if err != nil {
			return &brokenError{name: spec.Name, err: err}
		}
		resolved := *spec
		if resolved.Endpoint, err = e.resolve(spec.Endpoint, sink.Spec().ConfigSchema); err != nil {
			return err
		}
		return runMaterialization(ctx, stop, e, &resolved, sink, known)
	}
	t := w.newTask(KindMaterialization, spec.Name, run, known.hashes(spec.Hash(), names)...)
	t.state.readers = unread(published, known)
	return w.unlessDisabled(t, published.Disabled())
}

func (w *Worker) unlessDisabled(t *task, disabled bool) *task {
	if disabled {
		t.run = nil
		t.state.state = StateDisabled
	}
	return t
}
