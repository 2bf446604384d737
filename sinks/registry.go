package sinks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Registry holds the sinks of a binary by the name that a catalog gives them
// under `endpoint`. It is built once, where the program starts, and only read
// afterwards.
type Registry map[string]Sink

// Lookup finds a sink; the error for an unknown name lists the known ones.
func (r Registry) Lookup(name string) (Sink, error) {
	if sink, ok := r[name]; ok {
		return sink, nil
	}
	if len(r) == 0 {
		return nil, fmt.Errorf("materialization endpoint %q is unknown: this weir has none", name)
	}
	return nil, fmt.Errorf("materialization endpoint %q is unknown: this weir has %s", name, strings.Join(r.Names(), ", "))
}

// Names gives the known names, sorted.
func (r Registry) Names() []string {
	return slices.Sorted(maps.Keys(r))
}
