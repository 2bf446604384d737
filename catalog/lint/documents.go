package lint

import (
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/schema"
)

// schemaRules are about what schemas say of documents.
var schemaRules = []Rule{
	{
		Name:  "members-by-case",
		Finds: "members of an object whose names differ only in upper and lower case",
		Why:   "columns of most SQL databases do not tell them apart: the collection cannot be materialized as it is",
		Do:    "give one another name, or a projection of its own",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				named := map[string]string{} // by location and folded name
				for _, s := range r.spots(c) {
					properties, _ := s.keywords["properties"].(map[string]any)
					for _, name := range slices.Sorted(maps.Keys(properties)) {
						key := s.at.String() + "\x00" + strings.ToLower(name)
						other, taken := named[key]
						if taken && other != name {
							r.warn(s.origin(r, "properties", name), c.Name, "%s has the members %s and %s, which differ only in case", s.location(), other, name)
						}
						named[key] = name
					}
				}
			})
		},
	},
	{
		Name:  "unknown-format",
		Finds: "a format that Weir does not know",
		Why:   "it is not checked: any string is valid by it",
		Do:    "use a format of JSON Schema (date-time, date, time, uuid, email, uri, ipv4 and so on), integer or number, or say what is meant by pattern",
		check: func(r *run) {
			r.collections(func(c *catalog.Collection) {
				for _, s := range r.spots(c) {
					if name, ok := s.keywords["format"].(string); ok && !schema.KnownFormat(name) {
						r.warn(s.origin(r, "format"), c.Name, "%s has the format %s, which is not known", s.location(), name)
					}
				}
			})
		},
	},
}
