package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/catalog"
	"weir/catalogtest"
)

// follow runs the tests, and again what a change affects, until the context
// ends. A change that breaks the catalog is shown, and the next one awaited.
func (t *tests) follow(ctx context.Context) error {
	w := &watched{tests: t, outcomes: map[string]outcomeOf{}, terminal: isTerminal(t.out)}
	return onChanges(ctx, w.places, w.run)
}

// onChanges runs something, and again whenever a file changed, came or went in
// the places that it looks at, until the context ends or a run fails.
func onChanges(ctx context.Context, places func() (dir string, files []string), run func(context.Context) error) error {
	seen := snapshot(places()) // before the run, which may take long
	if err := run(ctx); err != nil {
		return unlessStopped(err)
	}
	for name, stamp := range snapshot(places()) { // files of the catalog that are known only now
		if _, ok := seen[name]; !ok {
			seen[name] = stamp
		}
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	changed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Editors write files in several steps: run once nothing has changed
		// from one look to the next.
		now := snapshot(places())
		if !maps.Equal(seen, now) {
			seen, changed = now, true
			continue
		}
		if !changed {
			continue
		}
		changed = false
		if err := run(ctx); err != nil {
			return unlessStopped(err)
		}
	}
}

// unlessStopped is the error of a run, but for that of one that was cut off.
func unlessStopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// pollEvery is the time between two looks at the files: short to who waits for
// a test, long to the machine, and it works on every file system.
const pollEvery = 200 * time.Millisecond

// watched is what `weir test --watch` knows from one run to the next.
type watched struct {
	*tests
	terminal bool
	files    []string // of the catalog when it was last whole
	outcomes map[string]outcomeOf
}

// outcomeOf is the last outcome of a test.
type outcomeOf struct {
	hash   string // of the test and all that it touches
	failed bool
}

// run loads the catalog and runs the tests whose hash is new. The error is that
// of the first load, or of the runner.
func (w *watched) run(ctx context.Context) error {
	c, err := w.load(ctx)
	if err != nil {
		return w.broken(err)
	}
	w.files = c.Files()
	w.clear()
	began := time.Now()
	report, failing, err := w.affected(ctx, c)
	if err != nil {
		return err
	}
	report.Took(time.Since(began))
	all := len(report.Tests) == len(c.Tests)
	report.WriteSummary(w.out, w.colors, all)
	if !all && len(failing) > 0 {
		fmt.Fprintf(w.out, "failing: %s\n", strings.Join(failing, ", "))
	}
	fmt.Fprintf(w.out, "\n%s\n", w.waiting())
	return nil
}

// affected runs the tests whose hash is new, and gives the names of all that
// fail, whenever they ran.
func (w *watched) affected(ctx context.Context, c *catalog.Catalog) (report *catalogtest.Report, failing []string, err error) {
	hashes := map[string]string{}
	for _, name := range (catalogtest.Runner{Select: w.selected}).Names(c) {
		hashes[name] = catalogtest.Hash(c, c.Tests[name])
	}
	maps.DeleteFunc(w.outcomes, func(name string, _ outcomeOf) bool { return hashes[name] == "" })
	runner := catalogtest.Runner{Select: func(spec *catalog.Test) bool {
		hash, ok := hashes[spec.Name]
		return ok && w.outcomes[spec.Name].hash != hash
	}}
	report = catalogtest.NewReport(c, w.path)
	if len(runner.Names(c)) > 0 {
		err = runner.Run(ctx, c, func(r catalogtest.Result) {
			report.Add(c, r).WriteText(w.out, w.colors, w.verbose)
			w.outcomes[r.Test] = outcomeOf{hash: hashes[r.Test], failed: r.Err != nil}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(w.outcomes)) {
		if w.outcomes[name].failed {
			failing = append(failing, name)
		}
	}
	return report, failing, err
}

// broken shows what is wrong with the catalog, unless it was never whole.
func (w *watched) broken(err error) error {
	if w.files == nil {
		return err
	}
	w.clear()
	fmt.Fprintf(w.out, "%s\n\n%s\n", err, w.waiting())
	return nil
}

func (w *watched) waiting() string {
	return fmt.Sprintf("waiting for changes of %s; Ctrl-C ends", w.path)
}

// clear empties a terminal.
func (w *watched) clear() {
	if w.terminal {
		fmt.Fprint(w.out, "\x1b[H\x1b[2J\x1b[3J")
	}
}

// places are where to look for changes: the catalog's directory, where a module
// may import what the catalog does not name, and its files elsewhere.
func (w *watched) places() (dir string, files []string) {
	dir = w.path
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	return dir, w.files
}

// stamp tells one content of a file from another.
type stamp struct {
	size int64
	time time.Time
}

// most bounds how many files are looked at.
const most = 20_000

// snapshot takes the stamps of the files of a directory, without hidden ones
// and node_modules, and of some others.
func snapshot(dir string, files []string) map[string]stamp {
	out := map[string]stamp{}
	// What cannot be read has no stamp, and is seen again when it can be.
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d == nil {
			return filepath.SkipAll
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != dir
		switch {
		case d.IsDir() && (err != nil || hidden || d.Name() == "node_modules"):
			return filepath.SkipDir
		case len(out) == most:
			return filepath.SkipAll
		case d.Type().IsRegular() && !hidden:
			take(out, path)
		}
		return nil
	})
	for _, path := range files {
		take(out, path)
	}
	return out
}

func take(into map[string]stamp, path string) {
	if info, err := os.Stat(path); err == nil {
		into[path] = stamp{info.Size(), info.ModTime()}
	}
}
