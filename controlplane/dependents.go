package controlplane

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
)

// DependentsError is a publication that would break what it does not hold: tasks
// of other catalogs, or such as were left running.
type DependentsError struct {
	Broken []Dependent // sorted by task
}

// Dependent is a task that depends on something, and how that would break it.
type Dependent struct {
	Kind    catalog.Kind `json:"kind"`
	Task    string       `json:"task"`
	Catalog string       `json:"catalog"` // that it was published from
	Reason  string       `json:"reason"`
}

func (e *DependentsError) Error() string {
	var b strings.Builder
	b.WriteString("nothing was published, since others depend on it:")
	for _, d := range e.Broken {
		fmt.Fprintf(&b, "\n  %s %s (of %s): %s", d.Kind, d.Task, d.Catalog, d.Reason)
	}
	return b.String()
}

// checkDependents refuses a draft that would break tasks which are not in it: by
// the removal of a collection, or by a change that their specs do not allow.
func (d *Draft) checkDependents() error {
	after := d.after()
	others := map[string]catalog.Record{}
	for key, r := range after {
		if _, ours := d.want[key]; !ours {
			others[key] = r
		}
	}
	var broken []Dependent
	touched := map[string]catalog.Record{} // those whose collections change
	for key, r := range others {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(append(r.Reads(), r.Writes()...)))) {
			of := collectionKey(name)
			if of == key {
				continue
			}
			change, changes := d.changes[of]
			switch {
			case changes && change == nil:
				broken = append(broken, Dependent{r.TaskKind(), r.Name(), r.Catalog, "it needs collection " + name + ", which would be removed"})
			case changes:
				touched[key] = r
			}
		}
	}
	if len(broken) == 0 {
		broken = unfitting(touched, d.was.records, after)
	}
	if len(broken) == 0 {
		return nil
	}
	slices.SortFunc(broken, func(a, b Dependent) int { return strings.Compare(a.Task+a.Reason, b.Task+b.Reason) })
	return &DependentsError{broken}
}

// unfitting gives the tasks that would not fit their collections any more: what
// the build of a catalog of theirs says after the publication, and not before.
func unfitting(tasks, was, after map[string]catalog.Record) []Dependent {
	var broken []Dependent
	for _, key := range slices.Sorted(maps.Keys(tasks)) {
		r := tasks[key]
		before := faultsOf(r, was)
		for reason := range faultsOf(r, after) {
			if !before[reason] {
				broken = append(broken, Dependent{r.TaskKind(), r.Name(), r.Catalog, reason})
			}
		}
	}
	return broken
}

// faultsOf builds a catalog of one task and its collections, and gives what is
// wrong with it.
func faultsOf(r catalog.Record, published map[string]catalog.Record) map[string]bool {
	parts := map[string]catalog.Record{recordKey(r): r}
	for _, name := range r.BuiltFrom() {
		key := collectionKey(name)
		c, ok := published[key]
		if _, known := parts[key]; !ok || known {
			continue
		}
		bare := *c.Collection
		if r.Capture == nil {
			bare.Derive = nil // how it comes about is nothing to its readers
		}
		parts[key] = catalog.Record{Collection: &bare}
	}
	faults := map[string]bool{}
	text, err := catalog.Text(slices.Collect(maps.Values(parts))...)
	var c *catalog.Catalog
	if err == nil {
		c, err = catalog.LoadFiles("published.yaml", map[string]string{"published.yaml": string(text)})
	}
	if err == nil {
		err = Build(c)
	}
	var all catalog.Errors
	switch {
	case errors.As(err, &all):
		for _, f := range all {
			faults[strings.TrimSpace(f.Path+" "+f.Message)] = true
		}
	case err != nil:
		faults[err.Error()] = true
	}
	return faults
}
