package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/document"
	"weir/journal"
	"weir/journal/server"
	"weir/worker"
)

// patience is how long derivations may take between two steps.
const patience = 60 * time.Second

// lanes is how many tests run side by side: a test waits more than it computes.
const lanes = 4

// Result is the outcome of one test.
type Result struct {
	Test string
	Err  error // nil: it passed; else what differs, over several lines
	Took time.Duration
}

// Run runs all tests of a built catalog, a few side by side, and reports each,
// sorted by name. An error is a fault of the runner, not of a test.
func Run(ctx context.Context, c *catalog.Catalog, report func(Result)) error {
	names := slices.Sorted(maps.Keys(c.Tests))
	results := make([]chan Result, len(names))
	next := make(chan int, len(names))
	for i := range names {
		results[i] = make(chan Result, 1)
		next <- i
	}
	close(next)
	count := min(lanes, len(names))
	faults := make(chan error, count)
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range count {
		running.Add(1)
		go func() {
			defer running.Done()
			err := lane(ctx, func(conn *journal.Conn) error {
				for i := range next {
					began := time.Now()
					err := runTest(ctx, conn, c, c.Tests[names[i]])
					if ctx.Err() != nil {
						return ctx.Err()
					}
					results[i] <- Result{Test: names[i], Err: err, Took: time.Since(began)}
				}
				return nil
			})
			if err != nil {
				faults <- err
			}
		}()
	}
	for i := range results {
		select {
		case r := <-results[i]:
			report(r)
		case err := <-faults:
			return err
		}
	}
	return nil
}

// lane runs tests, one after the other, on a server of its own.
func lane(ctx context.Context, tests func(*journal.Conn) error) error {
	s, err := server.Start(server.Options{Port: -1, Memory: true})
	if err != nil {
		return err
	}
	defer s.Stop()
	conn, err := journal.Connect(ctx, journal.Options{InProcess: s.Raw(), Name: "weir test", MaxBatch: server.MaxBatch, Memory: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	return tests(conn)
}

// test is one test while it runs.
type test struct {
	conn  *journal.Conn
	spec  *catalog.Test
	known map[string]*collection.Collection
	order []*catalog.Collection // derivations, sources before readers
	work  *worker.Worker
}

// runTest gives a test fresh streams, runs its steps, and removes them again.
func runTest(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, spec *catalog.Test) (err error) {
	part := involved(c, spec)
	t := &test{conn: conn, spec: spec, known: map[string]*collection.Collection{}, order: derivations(part)}
	for name, collectionSpec := range part.Collections {
		if t.known[name], err = collection.New(collectionSpec); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, deleteAll(context.WithoutCancel(ctx), conn)) }()
	if _, err := controlplane.Publish(ctx, conn, part, controlplane.Options{Catalog: spec.Name}); err != nil {
		return err
	}
	if t.work, err = worker.New(ctx, worker.Options{Conn: conn, Limits: worker.Limits{Attempts: 1, Rest: time.Hour}}); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- t.work.Run(running) }()
	err = t.steps(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// deleteAll removes every stream and bucket of a test.
func deleteAll(ctx context.Context, conn *journal.Conn) error {
	all, err := conn.Streams(ctx)
	for _, s := range all {
		err = errors.Join(err, conn.DeleteStream(ctx, s.Name))
	}
	return err
}

func (t *test) steps(ctx context.Context) error {
	for i, step := range t.spec.Steps {
		var err error
		what := "ingest"
		if step.Ingest != nil {
			err = t.ingest(ctx, step.Ingest)
		} else {
			what = "verify"
			err = t.verify(ctx, step.Verify)
		}
		if err == nil {
			err = t.settle(ctx)
		}
		if err != nil {
			return fmt.Errorf("      %s:%d: step %d, %s: %w", step.Origin.File, step.Origin.Line, i+1, what, err)
		}
	}
	return nil
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

// settle waits until every derivation has processed everything.
func (t *test) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, d := range t.order {
		if err := t.settleOne(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (t *test) settleOne(ctx context.Context, d *catalog.Collection) error {
	if d.Derive.Disable {
		return nil
	}
	through := map[string]uint64{} // sequence by position key
	for _, transform := range d.Derive.Transforms {
		if transform.Disable {
			continue
		}
		reads, err := worker.Reads(&transform, t.known[transform.Source.Name])
		if err != nil {
			return err
		}
		for _, read := range reads {
			last, err := t.conn.Last(ctx, collection.StreamName(transform.Source.Name), read.Filter)
			if errors.Is(err, journal.ErrNoMessage) {
				continue
			}
			if err != nil {
				return err
			}
			through[read.Position] = last.Seq
		}
	}
	var failed *worker.Why
	err := t.work.Wait(ctx, func(all []worker.Status) bool {
		for _, s := range all {
			if s.Kind != worker.KindDerivation || s.Task != d.Name {
				continue
			}
			if s.Why != nil {
				failed = s.Why
				return true
			}
			for key, seq := range through {
				if s.Positions[key] < seq {
					return false
				}
			}
			return true
		}
		return false // not started yet
	})
	switch {
	case failed != nil:
		return failure(d.Name, failed)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("derivation %s is not done after %s", d.Name, patience)
	}
	return err
}

// failure says why a derivation stands still.
func failure(name string, why *worker.Why) error {
	text := fmt.Sprintf("derivation %s failed: %s", name, why.Message)
	if why.File != "" && !strings.Contains(why.Message, why.File) {
		text += fmt.Sprintf("\n        at %s:%d", why.File, why.Line)
	}
	if why.Document != "" && !strings.Contains(why.Message, why.Document) {
		text += "\n        document " + why.Document
	}
	return errors.New(text)
}

// verify compares what a collection holds with the expected documents.
func (t *test) verify(ctx context.Context, step *catalog.Verify) error {
	c, ok := t.known[step.Collection.Name]
	if !ok {
		return fmt.Errorf("collection %s is not in the catalog", step.Collection.Name)
	}
	selection, err := c.Select(step.Collection.Partitions)
	if err != nil {
		return err
	}
	combiner := c.ForReading().NewCombiner(collection.CombinerOptions{Sorted: true})
	defer combiner.Close()
	err = t.conn.ReadAll(ctx, c.StreamName(), selection.Filter(), 0, func(m journal.Message) error {
		if !selection.Has(m.Subject) || !step.Collection.Admits(m.Time) {
			return nil
		}
		return combiner.Add(m.Data)
	})
	if err != nil {
		return err
	}
	var lines []string
	n := 0
	err = combiner.Drain(func(d collection.Combined) error {
		n++
		key, err := document.AppendKeyJSON(nil, d.Packed)
		if err != nil {
			return err
		}
		if n > len(step.Documents) {
			lines = append(lines, fmt.Sprintf("document %d, key %s: not expected: %s", n, key, brief(d.Doc, 0)))
			return nil
		}
		var want document.Doc
		if err := want.Parse(step.Documents[n-1]); err != nil {
			return fmt.Errorf("expected document %d: %w", n, err)
		}
		for _, line := range compare(&want, d.Doc) {
			lines = append(lines, fmt.Sprintf("document %d, key %s: %s", n, key, line))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := n; i < len(step.Documents); i++ {
		lines = append(lines, fmt.Sprintf("document %d: missing, want %s", i+1, step.Documents[i]))
	}
	if len(lines) > 0 {
		return fmt.Errorf("%s differs:\n        %s", c.Name, strings.Join(lines, "\n        "))
	}
	return nil
}

// involved is the part of a catalog that a test touches: what it ingests and
// verifies, what is derived from that, and what those derivations read.
func involved(c *catalog.Catalog, spec *catalog.Test) *catalog.Catalog {
	part := &catalog.Catalog{Collections: map[string]*catalog.Collection{}}
	add := func(name string) bool {
		if part.Collections[name] != nil || c.Collections[name] == nil {
			return false
		}
		part.Collections[name] = c.Collections[name]
		return true
	}
	for _, step := range spec.Steps {
		if step.Ingest != nil {
			add(step.Ingest.Collection)
		} else {
			add(step.Verify.Collection.Name)
		}
	}
	for grown := true; grown; {
		grown = false
		for name, d := range c.Collections {
			if d.Derive == nil {
				continue
			}
			reads := slices.ContainsFunc(d.Derive.Transforms, func(t catalog.Transform) bool { return part.Collections[t.Source.Name] != nil })
			grown = (reads && add(name)) || grown
			if part.Collections[name] == nil {
				continue
			}
			for _, t := range d.Derive.Transforms {
				grown = add(t.Source.Name) || grown
			}
		}
	}
	return part
}

// derivations lists the derivations of a catalog, each behind those that it
// reads.
func derivations(c *catalog.Catalog) []*catalog.Collection {
	var out []*catalog.Collection
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		d := c.Collections[name]
		if seen[name] || d == nil || d.Derive == nil {
			return
		}
		seen[name] = true
		for _, t := range d.Derive.Transforms {
			visit(t.Source.Name)
		}
		out = append(out, d)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Collections)) {
		visit(name)
	}
	return out
}
