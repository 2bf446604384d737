package controlplane

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/derive"
	"weir/fault"
	"weir/journal"
)

// DraftRevert makes a draft that brings the catalog of a publication back to
// what it was when that publication was made; other catalogs stay as they are.
// It also gives that catalog, for Connectors.Examine. o.Catalog is not looked at.
func DraftRevert(ctx context.Context, conn *journal.Conn, id string, o Options) (*Draft, error) {
	chain, err := readChain(ctx, conn)
	if err != nil {
		return nil, err
	}
	at, err := findPublication(chain, id)
	if err != nil {
		return nil, err
	}
	to := chain[at]
	if to.Catalog == "" {
		return nil, deletionError(chain[at:])
	}
	o.Catalog, o.reverts = to.Catalog, to.ID
	return newDraft(ctx, conn, o, func(now published) (map[string]catalog.Record, []string, error) {
		if now.newest.ID != chain[0].ID {
			return nil, nil, ErrConcurrent
		}
		return asOf(ctx, conn, chain[:at], now, to.Catalog)
	})
}

// deletionError names the publications that bring back what a deletion, the
// first one of a chain, removed.
func deletionError(chain []entry) error {
	var names []string
	before := map[string]string{} // the newest publications of the catalogs before the deletion
	for _, c := range chain[0].info().Specs {
		names = append(names, c.Name)
		if c.change.Catalog != "" {
			before[c.change.Catalog] = ""
		}
	}
	for _, e := range slices.Backward(chain[1:]) {
		if _, of := before[e.Catalog]; of {
			before[e.Catalog] = e.ID
		}
	}
	var fixes []string
	for _, root := range slices.Sorted(maps.Keys(before)) {
		if before[root] == "" {
			fixes = append(fixes, "publish the files of "+root+", of which the history has nothing before that")
			continue
		}
		fixes = append(fixes, "`weir revert "+before[root]+"` brings "+root+" back as its last publication before that left it")
	}
	return fault.New(fault.InvalidRequest, strings.Join(fixes, "; "), "%s deleted %s, and is of no catalog that it could bring back", chain[0].ID, strings.Join(names, ", "))
}

// asOf gives a catalog as it was before the newest publications, and what has
// been added to it since.
func asOf(ctx context.Context, conn *journal.Conn, newest []entry, now published, root string) (want map[string]catalog.Record, gone []string, err error) {
	back := map[string]string{} // hashes of the records that were, by key; empty: there was none
	for _, e := range newest {
		for _, c := range e.Changes {
			back[c.Key] = c.Before
		}
	}
	history, err := openHistory(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	then := maps.Clone(now.records)
	for key, hash := range back {
		delete(then, key)
		r, err := readSpec(ctx, history, hash)
		if err != nil {
			return nil, nil, err
		}
		if r != nil {
			then[key] = *r
		}
	}
	want = map[string]catalog.Record{}
	for key, r := range then {
		if r.Catalog == root {
			want[key] = r
		}
	}
	for key, r := range now.records {
		if _, ok := want[key]; !ok && r.Catalog == root {
			gone = append(gone, key)
		}
	}
	return want, gone, compiles(want)
}

// compiles refuses specs that this weir cannot run: they are from another time.
func compiles(specs map[string]catalog.Record) error {
	for _, key := range slices.Sorted(maps.Keys(specs)) {
		c := specs[key].Collection
		if c == nil {
			continue
		}
		_, err := collection.New(c)
		if err == nil && c.Derive != nil && (c.Derive.Using.JavaScript != nil || c.Derive.Using.TypeScript != nil) {
			_, err = derive.Compile(c.Derive, c.Name)
		}
		if err != nil {
			return fmt.Errorf("%s as it was does not run any more: %w", c.Name, err)
		}
	}
	return nil
}

// DraftDelete makes a draft that removes specs by their names, whatever catalog
// they are of. What depends on them refuses it.
func DraftDelete(ctx context.Context, conn *journal.Conn, names []string, o Options) (*Draft, error) {
	return newDraft(ctx, conn, o, func(now published) (map[string]catalog.Record, []string, error) {
		var gone []string
		for _, name := range names {
			keys := keysOf(now.records, name)
			if len(keys) == 0 {
				return nil, nil, unknownName(now.records, name)
			}
			gone = append(gone, keys...)
		}
		return map[string]catalog.Record{}, slices.Compact(slices.Sorted(slices.Values(gone))), nil
	})
}

// Catalog gives the specs that the draft wants to be there, for
// Connectors.Examine.
func (d *Draft) Catalog() *catalog.Catalog {
	c := &catalog.Catalog{Collections: map[string]*catalog.Collection{}, Captures: map[string]*catalog.Capture{}, Materializations: map[string]*catalog.Materialization{}}
	for _, r := range d.after() {
		if r.Collection != nil {
			c.Collections[r.Name()] = r.Collection
		}
	}
	for key, r := range d.want {
		if d.changes[key] == nil {
			continue
		}
		switch {
		case r.Capture != nil:
			c.Captures[r.Name()] = r.Capture
		case r.Materialization != nil:
			c.Materializations[r.Name()] = r.Materialization
		}
	}
	return c
}

// SetActions adds what endpoints say would be done to a draft's plan.
func (d *Draft) SetActions(actions map[string]string) { d.options.Actions = actions }

// keysOf gives the keys of the records that have a name.
func keysOf(records map[string]catalog.Record, name string) []string {
	var keys []string
	for key, r := range records {
		if r.Name() == name {
			keys = append(keys, key)
		}
	}
	return keys
}

// NameError is a name that nothing is published under.
type NameError struct {
	Name  string
	Known []string // all names, sorted
}

func (e *NameError) Error() string {
	if len(e.Known) == 0 {
		return e.Name + " is not published, nor is anything else"
	}
	return e.Name + " is not published"
}

// Fix says what to do.
func (e *NameError) Fix() string {
	if len(e.Known) == 0 {
		return "publish a catalog first"
	}
	if near := e.Near(); near != "" {
		return "if you mean " + near + ", name that; `weir list` shows all that is published"
	}
	return fault.NotFound.Fix()
}

// Near gives the known name that was probably meant, if any.
func (e *NameError) Near() string {
	last := e.Name[strings.LastIndexByte(e.Name, '/')+1:]
	for _, name := range e.Known {
		if strings.EqualFold(name, e.Name) || strings.EqualFold(name[strings.LastIndexByte(name, '/')+1:], last) {
			return name
		}
	}
	return catalog.Nearest(e.Name, e.Known)
}

func unknownName(records map[string]catalog.Record, name string) error {
	e := &NameError{Name: name}
	for _, r := range records {
		e.Known = append(e.Known, r.Name())
	}
	slices.Sort(e.Known)
	return e
}
