package lint

import (
	"math/bits"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// keyRules are about keys of collections.
var keyRules = []Rule{
	{
		Name:  "key-not-required",
		Finds: "a component of a key that documents may leave out, because it has a default",
		Why:   "every document that leaves it out has the key of the default: a producer that forgets the field overwrites one document again and again",
		Do:    "require it in the schema, or keep the default if documents without it are meant to be one",
		check: func(r *run) {
			r.keys(func(c *catalog.Collection, at catalog.Origin, pointer document.Pointer, sub *schema.Shape, exists schema.Exists) {
				if exists != schema.Must {
					r.warn(at, c.Name, "%s is part of the key and may be missing: then it is %s", pointer, sub.Default)
				}
			})
		},
	},
	{
		Name:  "key-nullable",
		Finds: "a component of a key that may be null",
		Why:   "all documents with null there share one key and are reduced into one, and destinations have no null in a primary key",
		Do:    "leave null out of the type, or give what has no value a value of its own",
		check: func(r *run) {
			r.keys(func(c *catalog.Collection, at catalog.Origin, pointer document.Pointer, sub *schema.Shape, _ schema.Exists) {
				if sub.Types&schema.TypeNull != 0 {
					r.warn(at, c.Name, "%s is part of the key and may be null", pointer)
				}
			})
		},
	},
	{
		Name:  "key-several-types",
		Finds: "a component of a key that may be of several types",
		Why:   "the integer 7 and the string \"7\" are different keys with one subject: readers by subject meet both, and destinations need one type for a column",
		Do:    "settle on one type, and convert where documents come from",
		check: func(r *run) {
			r.keys(func(c *catalog.Collection, at catalog.Origin, pointer document.Pointer, sub *schema.Shape, _ schema.Exists) {
				if types := sub.Types &^ schema.TypeNull; bits.OnesCount8(uint8(types)) > 1 {
					r.warn(at, c.Name, "%s is part of the key and may be %s", pointer, list(types.Names()))
				}
			})
		},
	},
}

// keys calls fn with each component of each key, and what the schema of what is
// written says of it.
func (r *run) keys(fn func(c *catalog.Collection, at catalog.Origin, pointer document.Pointer, sub *schema.Shape, exists schema.Exists)) {
	r.collections(func(c *catalog.Collection) {
		compiled, err := schema.Compile(c.Schema)
		if err != nil {
			return // no checked catalog has such a schema
		}
		shape := compiled.Shape()
		for i, text := range c.Key {
			pointer, err := document.ParsePointer(text)
			if err != nil {
				continue
			}
			sub, exists := shape.Locate(pointer)
			fn(c, r.within(c.Origin, "collections", c.Name, "key", i), pointer, sub, exists)
		}
	})
}
