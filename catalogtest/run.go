package catalogtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"weir/catalog"
	"weir/journal"
	"weir/journal/server"
)

// lanes is how many tests run side by side: a test waits more than it computes.
const lanes = 4

// Result is the outcome of one test.
type Result struct {
	Test     string
	Spec     *catalog.Test
	Took     time.Duration
	Failures []*Failure // none: it passed; more than one only if the runner keeps going
	Err      error      // the failures as one error, nil when the test passed

	// Ran says how many documents each transform processed that is part of the
	// test. It knows all of them only when the test passed.
	Ran map[Transform]uint64

	Printed []string // by modules, through console
}

// Transform names a transform of a catalog.
type Transform struct {
	Derivation string `json:"derivation"`
	Name       string `json:"transform"`
}

// Runner says which tests run, and how.
type Runner struct {
	Select    func(*catalog.Test) bool // nil: all
	KeepGoing bool                     // a verify that fails does not end its test
}

// Run runs all tests of a built catalog, a few side by side, and reports each,
// sorted by name. An error is a fault of the runner, not of a test.
func Run(ctx context.Context, c *catalog.Catalog, report func(Result)) error {
	return Runner{}.Run(ctx, c, report)
}

// Run is [Run] of the tests that the runner selects.
func (r Runner) Run(ctx context.Context, c *catalog.Catalog, report func(Result)) error {
	names := r.Names(c)
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
					result, err := r.one(ctx, conn, c, c.Tests[names[i]])
					if err != nil {
						return err
					}
					results[i] <- result
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
		case result := <-results[i]:
			report(result)
		case err := <-faults:
			return err
		}
	}
	return nil
}

// Names lists the tests that the runner selects, sorted.
func (r Runner) Names(c *catalog.Catalog) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.Tests)) {
		if r.Select == nil || r.Select(c.Tests[name]) {
			names = append(names, name)
		}
	}
	return names
}

// one runs one test. Its error is that of a context that ended.
func (r Runner) one(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, spec *catalog.Test) (Result, error) {
	began := time.Now()
	t := &test{conn: conn, catalog: c, spec: spec, keepGoing: r.KeepGoing}
	err := t.run(ctx)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	if err != nil {
		at := spec.Origin
		t.failures = append(t.failures, &Failure{File: c.Shown(at.File), Line: at.Line, Message: err.Error()})
	}
	out := Result{Test: spec.Name, Spec: spec, Took: time.Since(began), Failures: t.failures, Ran: t.ran, Printed: t.console.printed()}
	for _, f := range t.failures {
		out.Err = errors.Join(out.Err, f)
	}
	return out, nil
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
