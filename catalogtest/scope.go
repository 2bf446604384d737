package catalogtest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"

	"weir/catalog"
)

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

// Hash is a hash of a test and of all that it touches in a built catalog: while
// it stays the same, so does the test's outcome.
func Hash(c *catalog.Catalog, spec *catalog.Test) string {
	h := sha256.New()
	_, _ = io.WriteString(h, spec.Hash()) // never fails
	part := involved(c, spec)
	for _, name := range slices.Sorted(maps.Keys(part.Collections)) {
		_, _ = io.WriteString(h, part.Collections[name].Hash())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// derivations lists the derivations of a catalog, each behind those that it
// reads as far as that can be, and says whether some read in a circle.
func derivations(c *catalog.Catalog) (order []*catalog.Collection, cyclic bool) {
	done := map[string]bool{} // false while what it reads is being listed
	var visit func(name string)
	visit = func(name string) {
		d := c.Collections[name]
		if d == nil || d.Derive == nil {
			return
		}
		if listed, seen := done[name]; seen {
			cyclic = cyclic || !listed
			return
		}
		done[name] = false
		for _, t := range d.Derive.Transforms {
			visit(t.Source.Name)
		}
		done[name] = true
		order = append(order, d)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Collections)) {
		visit(name)
	}
	return order, cyclic
}
