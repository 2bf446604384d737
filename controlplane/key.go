package controlplane

import (
	"weir/catalog"
	"weir/collection"
)

// changedDefaults gives, by component of the key, what stood in for a missing value
// where something else does now. Null does where there is no default.
func changedDefaults(old, now *catalog.Collection) map[int]string {
	was, err := collection.New(old)
	if err != nil {
		return nil // no document was stored by it
	}
	is, err := collection.New(now)
	if err != nil {
		return nil // as the build said
	}
	out := map[int]string{}
	for i := range old.Key {
		if before := defaultText(was, i); before != defaultText(is, i) {
			out[i] = before
		}
	}
	return out
}

func defaultText(c *collection.Collection, i int) string {
	if i < len(c.Key.Defaults) && c.Key.Defaults[i] != nil {
		return string(c.Key.Defaults[i])
	}
	return "null"
}
