package lint

import (
	"strings"

	"weir/catalog"
	"weir/secrets"
)

// endpointRules are about what captures and materializations connect to.
var endpointRules = []Rule{
	{
		Name:  "secret-in-catalog",
		Finds: "a password, token or key that stands in the catalog itself",
		Why:   "whoever reads the catalog's files, their history or the published records has it",
		Do:    "name it instead: ${env:NAME} for an environment variable of the worker, ${file:path} for a file (docs/secrets.md)",
		check: func(r *run) {
			look := func(section, name string, at catalog.Origin, endpoint catalog.Endpoint) {
				if r.options.ConfigSchema == nil {
					return
				}
				for _, pointer := range secrets.Literals(r.options.ConfigSchema(section, endpoint.Kind), endpoint.Config) {
					tokens := []any{"endpoint", endpoint.Kind}
					for _, token := range strings.Split(pointer, "/")[1:] {
						tokens = append(tokens, strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
					}
					r.warn(r.within(at, section, name, tokens...), name, "%s of its endpoint is written out", pointer)
				}
			}
			for _, name := range catalog.Names(r.catalog.Captures) {
				spec := r.catalog.Captures[name]
				look("captures", name, spec.Origin, spec.Endpoint)
			}
			for _, name := range catalog.Names(r.catalog.Materializations) {
				spec := r.catalog.Materializations[name]
				look("materializations", name, spec.Origin, spec.Endpoint)
			}
		},
	},
}
