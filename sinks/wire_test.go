package sinks

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestStateKeys: what a state key was made of, it tells.
func TestStateKeys(t *testing.T) {
	for _, path := range [][]string{{"things"}, {"a/b", "c.v7"}, {"50% off", "%2F", "ünï"}} {
		key := StateKey(path, 3)
		for _, k := range []string{key, RebuiltKey(key, 2)} {
			if got := ResourcePath(k); !slices.Equal(got, path) {
				t.Errorf("%q: path %q", k, got)
			}
			if got := Backfill(k); got != 3 {
				t.Errorf("%q: backfill %d", k, got)
			}
		}
	}
	if Backfill("nothing") != 0 || Backfill("a.vx") != 0 {
		t.Error("what is no state key has a counter")
	}
}

// TestCollectionSpec: connectors are told of every field, with what they check.
func TestCollectionSpec(t *testing.T) {
	c, err := describe(t, `{"type":"object","required":["id"],"properties":{"id":{"type":"integer","minimum":1,"maximum":1e400},"at":{"type":"string","format":"date-time"}}}`, []string{"/id"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(CollectionSpec(&c).Projections)
	const want = `[{"ptr":"/at","field":"at","inference":{"types":["string"],"exists":"MAY","string":{"format":"date-time"}}},` +
		`{"ptr":"","field":"flow_document","inference":{"types":["object"],"exists":"MUST"}},` +
		`{"ptr":"/_meta/uuid/date-time","field":"flow_published_at","inference":{"types":["string"],"exists":"MUST","title":"Published at","description":"When the document was published.","string":{"format":"date-time"}}},` +
		`{"ptr":"/id","field":"id","isPrimaryKey":true,"inference":{"types":["integer"],"exists":"MUST","numeric":{"hasMinimum":true,"minimum":1,"hasMaximum":true,"maximum":1.7976931348623157e+308}}}]`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
