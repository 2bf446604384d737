package lint

import (
	"strings"

	"weir/catalog"
	"weir/schema"
)

// derivationRules are about derivations.
var derivationRules = []Rule{
	{
		Name:  "last-source-wins",
		Finds: "a derivation of several sources whose documents look like parts of one, and a schema that reduces nothing",
		Why:   "without a reduction the last document of a key replaces those before: what one source said is gone as soon as another one speaks",
		Do:    "merge: reduce: { strategy: merge } at the root of the schema, or join in the module with a register",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				d := c.Derive
				if d == nil || d.Disable || d.Register != nil || len(sourcesOf(d)) < 2 || r.reduces(c) || !r.partial(c) {
					return
				}
				r.warn(r.within(c.Origin, "collections", c.Name, "derive", "transforms"), c.Name,
					"documents of %s become documents of one key, and nothing says how they are reduced", list(sourcesOf(d)))
			})
		},
	},
	{
		Name:  "untested",
		Finds: "a derivation that no test verifies, nor anything derived from it",
		Why:   "nothing shows that it does what it should, today or after the next change",
		Do:    "write a test: documents to ingest and documents to expect (docs/testing.md)",
		check: func(r *run) {
			tested := r.tested()
			r.collections(func(c *catalog.Collection) {
				if c.Derive != nil && !c.Derive.Disable && !tested[c.Name] {
					r.warn(c.Origin, c.Name, "no test verifies it")
				}
			})
		},
	},
	{
		Name:  "register-of-anything",
		Finds: "a register whose schema allows any value",
		Why:   "a register is checked by its schema when it is set: one that allows everything keeps a slip of the module for good",
		Do:    "say at least its type",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				if c.Derive == nil || c.Derive.Register == nil {
					return
				}
				compiled, err := schema.Compile(c.Derive.Register.Schema)
				if err == nil && compiled.Shape().Types == schema.AnyType {
					r.warn(r.within(c.Origin, "collections", c.Name, "derive", "register"), c.Name, "its registers may be anything")
				}
			})
		},
	},
	{
		Name:  "transforms-by-case",
		Finds: "transforms of a derivation whose names differ only in upper and lower case",
		Why:   "they are two transforms with two functions, and too easily taken for one",
		Do:    "give one another name, before it has run: a transform that is renamed reads its source again",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				if c.Derive == nil {
					return
				}
				first := map[string]string{}
				for i, t := range c.Derive.Transforms {
					folded := strings.ToLower(t.Name)
					if other, taken := first[folded]; taken && other != t.Name {
						r.warn(r.within(c.Origin, "collections", c.Name, "derive", "transforms", i, "name"), c.Name, "the transforms %s and %s differ only in case", other, t.Name)
					}
					first[folded] = t.Name
				}
			})
		},
	},
}

// sourcesOf lists the collections that a derivation reads, each once.
func sourcesOf(d *catalog.Derivation) []string {
	var names []string
	seen := map[string]bool{}
	for _, t := range d.Transforms {
		if !t.Disable && !seen[t.Source.Name] {
			seen[t.Source.Name] = true
			names = append(names, t.Source.Name)
		}
	}
	return names
}

// reduces says whether a collection's schema reduces anything but by the last
// document.
func (r *run) reduces(c *catalog.Collection) bool {
	for _, s := range r.spots(c) {
		if s.strategy() != "" {
			return true
		}
	}
	return false
}

// partial says whether documents may leave out members that are no part of the
// key: what one source knows and another does not.
func (r *run) partial(c *catalog.Collection) bool {
	compiled, err := schema.Compile(c.Schema)
	if err != nil {
		return false
	}
	shape := compiled.Shape()
	key := map[string]bool{}
	for _, pointer := range c.Key {
		name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
		key[name] = true
	}
	optional := 0
	for name := range shape.Properties {
		if !shape.Required[name] && !key[escape(name)] {
			optional++
		}
	}
	return optional >= 2
}

// tested are the collections that tests verify, and those that they are derived
// from.
func (r *run) tested() map[string]bool {
	tested := map[string]bool{}
	var take func(name string)
	take = func(name string) {
		c := r.catalog.Collections[name]
		if tested[name] || c == nil {
			return
		}
		tested[name] = true
		if c.Derive != nil {
			for _, t := range c.Derive.Transforms {
				take(t.Source.Name)
			}
		}
	}
	for _, test := range r.catalog.Tests {
		for _, step := range test.Steps {
			if step.Verify != nil {
				take(step.Verify.Collection.Name)
			}
		}
	}
	return tested
}
