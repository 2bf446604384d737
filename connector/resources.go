package connector

import "fmt"

// Resources are those of a task's bindings, by what makes one the same as
// another: the collection of each.
type Resources map[string]string

// Claim gives a resource to a collection, and refuses one that another binding
// has. shown is the resource for whoever wrote it.
func (r Resources) Claim(id, shown, collection string) error {
	if other, ok := r[id]; ok {
		return fmt.Errorf("%s is that of %s too: give each binding its own", shown, other)
	}
	r[id] = collection
	return nil
}
