package sources

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Registry holds the sources of a binary by the name that a catalog gives them
// under `endpoint`. It is built once, where the program starts, and only read
// afterwards.
type Registry map[string]Source

// Lookup finds a source; the error for an unknown name lists the known ones.
func (r Registry) Lookup(name string) (Source, error) {
	if source, ok := r[name]; ok {
		return source, nil
	}
	if len(r) == 0 {
		return nil, fmt.Errorf("capture endpoint %q is unknown: this weir has none", name)
	}
	return nil, fmt.Errorf("capture endpoint %q is unknown: this weir has %s", name, strings.Join(r.Names(), ", "))
}

// Names gives the known names, sorted.
func (r Registry) Names() []string {
	return slices.Sorted(maps.Keys(r))
}
