package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/journal"
	"weir/worker"
)

// test is one test while it runs.
type test struct {
	conn      *journal.Conn
	catalog   *catalog.Catalog
	spec      *catalog.Test
	keepGoing bool

	known    map[string]*collection.Collection
	order    []*catalog.Collection // derivations, sources before readers
	cyclic   bool                  // some read in a circle
	work     *worker.Worker
	clock    *worker.Clock // simulated: a readDelay takes no time
	console  console
	failures []*Failure
	ran      map[Transform]uint64
}

// run gives the test fresh streams, runs its steps, and removes them again.
// The error is a failure that belongs to no step.
func (t *test) run(ctx context.Context) (err error) {
	part := involved(t.catalog, t.spec)
	t.clock = worker.NewClock()
	t.known, t.ran = map[string]*collection.Collection{}, map[Transform]uint64{}
	t.order, t.cyclic = derivations(part)
	for name, spec := range part.Collections {
		if t.known[name], err = collection.New(spec); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, deleteAll(context.WithoutCancel(ctx), t.conn)) }()
	if _, err := controlplane.Publish(ctx, t.conn, part, controlplane.Options{Catalog: t.spec.Name}); err != nil {
		return err
	}
	if t.work, err = worker.New(ctx, worker.Options{Conn: t.conn, Clock: t.clock, Log: t.console.logger(), Limits: worker.Limits{Attempts: 1, Rest: time.Hour}}); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- t.work.Run(running) }()
	t.steps(ctx)
	t.count()
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) { // stopped before it had begun
		return err
	}
	return nil
}

// deleteAll removes every stream and bucket of a test.
func deleteAll(ctx context.Context, conn *journal.Conn) error {
	all, err := conn.Streams(ctx)
	for _, s := range all {
		err = errors.Join(err, conn.DeleteStream(ctx, s.Name))
	}
	return err
}

// steps takes the steps in order, up to the first that fails, and then lets
// all that still waits for its readDelay go through as well.
func (t *test) steps(ctx context.Context) {
	for i := range t.spec.Steps {
		f := t.step(ctx, &t.spec.Steps[i])
		if f == nil {
			continue
		}
		t.place(f, i)
		t.failures = append(t.failures, f)
		if !t.keepGoing || f.verify == nil {
			return
		}
	}
	if err := t.settle(ctx, func(string) bool { return true }); err != nil {
		at := t.spec.Origin
		t.failures = append(t.failures, &Failure{File: t.catalog.Shown(at.File), Line: at.Line, Message: "after the last step: " + err.Error()})
	}
}

// step takes one step. What was ingested goes through the derivations at once,
// as far as it is ready; time goes on when a verify step could see the
// difference.
func (t *test) step(ctx context.Context, step *catalog.Step) *Failure {
	if step.Ingest != nil {
		err := t.ingest(ctx, step.Ingest)
		if err == nil {
			err = t.settle(ctx, func(string) bool { return false })
		}
		return failed(err)
	}
	if err := t.settle(ctx, t.upstream(step.Verify.Collection.Name)); err != nil {
		return failed(err)
	}
	f, err := t.verify(ctx, step.Verify)
	if err != nil {
		return failed(err)
	}
	return f
}

// failed is the failure of a step that could not be taken.
func failed(err error) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{Message: err.Error()}
}

// place says which step a failure is of.
func (t *test) place(f *Failure, i int) {
	step := &t.spec.Steps[i]
	f.File, f.Line, f.Step = t.catalog.Shown(step.Origin.File), step.Origin.Line, i+1
	if step.Ingest != nil {
		f.Kind, f.Collection, f.Description = "ingest", step.Ingest.Collection, step.Ingest.Description
		return
	}
	f.Kind, f.Collection, f.Description = "verify", step.Verify.Collection.Name, step.Verify.Description
}

// ingest writes the documents of a step, combined by key, in one transaction.
func (t *test) ingest(ctx context.Context, step *catalog.Ingest) error {
	c, ok := t.known[step.Collection]
	if !ok {
		return fmt.Errorf("collection %s is not in the catalog", step.Collection)
	}
	combiner := c.NewCombiner(collection.CombinerOptions{})
	defer combiner.Close()
	for i, raw := range step.Documents {
		if err := combiner.Add(raw); err != nil {
			return fmt.Errorf("document %d: %w", i+1, err)
		}
	}
	in := worker.NewEntrance(t.conn, c)
	err := combiner.Drain(func(d collection.Combined) error { return in.Add(d.Raw) })
	if err == nil {
		_, err = in.Flush(ctx)
	}
	return errors.Join(err, in.Close(ctx))
}

// count takes down how many documents each transform of the test processed.
func (t *test) count() {
	read := map[string]map[string]uint64{}
	for _, s := range t.work.Status() {
		if s.Kind == worker.KindDerivation {
			read[s.Task] = s.Reads
		}
	}
	for _, d := range t.order {
		for _, transform := range d.Derive.Transforms {
			if !d.Derive.Disable && !transform.Disable {
				t.ran[Transform{d.Name, transform.Name}] = read[d.Name][transform.Name]
			}
		}
	}
}

// stuck says why a derivation stands still.
func (t *test) stuck(name string, why *worker.Why) error {
	text := fmt.Sprintf("derivation %s failed: %s", name, why.Message)
	if why.File != "" {
		file := t.moduleFile(name, why.File)
		if strings.Contains(text, why.File+":") {
			text = strings.Replace(text, why.File+":", file+":", 1)
		} else {
			text += fmt.Sprintf("\nat %s:%d", file, why.Line)
		}
	}
	if why.Document != "" && !strings.Contains(text, why.Document) {
		text += "\ndocument " + why.Document
	}
	return errors.New(text)
}

// moduleFile names a file of a derivation's module as messages name files of
// the catalog: below what the user named. Text inside the catalog is no file.
func (t *test) moduleFile(name, file string) string {
	spec := t.catalog.Collections[name]
	if spec == nil {
		return file
	}
	root, ok := strings.CutSuffix(t.catalog.Shown(spec.Origin.File), spec.Origin.File)
	for _, m := range []*catalog.Module{spec.Derive.Using.JavaScript, spec.Derive.Using.TypeScript} {
		if m != nil && m.File != "" && ok {
			return root + file
		}
	}
	return file
}
