package lint

import (
	"encoding/json"
	"slices"

	"weir/catalog"
)

// reductionRules are about what `reduce` says.
var reductionRules = []Rule{
	{
		Name:  "adds-at-least-once",
		Finds: "a sum or an append that goes into a destination which may get documents twice",
		Why:   "after a crash the destination may be given documents that it holds already, and adds them a second time",
		Do:    "use a destination that keeps its checkpoint in the transaction of its rows, or compute the total in a derivation and materialize that with lastWriteWins",
		check: func(r *run) {
			r.added(func(m *catalog.Materialization, b *catalog.MaterializationBinding, at catalog.Origin, s *spot) {
				if r.options.AtLeastOnce != nil && r.options.AtLeastOnce(m) {
					r.warn(at, m.Name, "%s of %s is reduced by %s, and %s is at least once", s.location(), b.Source.Name, s.strategy(), m.Endpoint.Kind)
				}
			})
		},
	},
	{
		Name:  "adds-into-deltas",
		Finds: "a sum or an append that is materialized with delta updates",
		Why:   "with delta updates a row holds what one transaction brought, not the total: a query that reads rows as totals is wrong",
		Do:    "leave deltaUpdates out, or add the rows up in every query",
		check: func(r *run) {
			r.added(func(m *catalog.Materialization, b *catalog.MaterializationBinding, at catalog.Origin, s *spot) {
				if isDelta(b.Resource) {
					r.warn(at, m.Name, "%s of %s is reduced by %s, and the binding has delta updates", s.location(), b.Source.Name, s.strategy())
				}
			})
		},
	},
	{
		Name:  "append-without-end",
		Finds: "an append to an array without maxItems",
		Why:   "elements are added and never removed: the documents of a key grow until no message holds them, and then the task stops",
		Do:    "make a part of time part of the key (a day, an hour), keep what counts in a sum or a set, or bound the array by maxItems to fail early",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				all := r.spots(c)
				for i := range all {
					s := &all[i]
					if s.strategy() == "append" && !bounded(all, s) {
						r.warn(s.origin(r, "reduce"), c.Name, "%s is appended to and has no maxItems", s.location())
					}
				}
			})
		},
	},
	{
		Name:  "merge-by-position",
		Finds: "a merge of arrays without a key",
		Why:   "elements are merged with the element of the same index, whatever they are about: that is rarely what a list of things with names needs",
		Do:    "give merge a key, as in { strategy: merge, key: [/id] }, keep the array sorted by it, and use set or append for what has none",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				for _, s := range r.spots(c) {
					reduce, _ := s.keywords["reduce"].(map[string]any)
					if s.strategy() == "merge" && reduce["key"] == nil && slices.Contains(s.types(), "array") && !s.key {
						r.warn(s.origin(r, "reduce"), c.Name, "%s is an array and merged without a key", s.location())
					}
				}
			})
		},
	},
	{
		Name:  "reduced-key",
		Finds: "a reduction of what is part of the key",
		Why:   "documents that are reduced have the same key: a sum makes another key of it, and everything else says nothing",
		Do:    "leave the reduction out",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				for _, s := range r.spots(c) {
					name := s.strategy()
					if slices.Contains(c.Key, s.at.String()) && name != "" && name != "lastWriteWins" && name != "firstWriteWins" {
						r.warn(s.origin(r, "reduce"), c.Name, "%s is part of the key and reduced by %s", s.location(), name)
					}
				}
			})
		},
	},
	{
		Name:  "closed-branches",
		Finds: "additionalProperties: false in a branch (oneOf, anyOf, if) of an object that is merged",
		Why:   "each document is valid by its branch, but what two of them merge into has the members of both and is valid by neither: the task stops",
		Do:    "leave additionalProperties: false out of the branches, or say unevaluatedProperties: false once, beside them",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				all := r.spots(c)
				for _, s := range all {
					if s.keywords["additionalProperties"] != false || !s.branch || s.key {
						continue
					}
					if slices.ContainsFunc(all, func(o spot) bool { return o.strategy() == "merge" && slices.Equal(o.at, s.at) }) {
						r.warn(s.origin(r, "additionalProperties"), c.Name, "%s is merged, and this branch allows no other members", s.location())
					}
				}
			})
		},
	},
}

// added calls fn with each location that is added up, of each collection that a
// binding materializes.
func (r *run) added(fn func(*catalog.Materialization, *catalog.MaterializationBinding, catalog.Origin, *spot)) {
	for _, name := range catalog.Names(r.catalog.Materializations) {
		m := r.catalog.Materializations[name]
		for i := range m.Bindings {
			b := &m.Bindings[i]
			c := r.catalog.Collections[b.Source.Name]
			if m.Disable || b.Disable || c == nil {
				continue
			}
			at := r.within(m.Origin, "materializations", m.Name, "bindings", i)
			for _, s := range r.spots(c) {
				if s.strategy() == "sum" || s.strategy() == "append" {
					fn(m, b, at, &s)
				}
			}
		}
	}
}

func isDelta(resource json.RawMessage) bool {
	var r struct {
		Delta bool `json:"deltaUpdates"`
	}
	return json.Unmarshal(resource, &r) == nil && r.Delta
}

// bounded says whether a schema object of the same location says maxItems.
func bounded(all []spot, s *spot) bool {
	return slices.ContainsFunc(all, func(o spot) bool { return o.keywords["maxItems"] != nil && slices.Equal(o.at, s.at) })
}
