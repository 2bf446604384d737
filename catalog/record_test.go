package catalog

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A record survives its encoding with all that a worker runs: kind, name and
// hash stay.
func TestRecordRoundTrip(t *testing.T) {
	c, err := Load(filepath.Join("testdata", "full.good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []Record
	for _, spec := range c.Collections {
		all = append(all, Record{Collection: spec, Block: 3})
	}
	for _, spec := range c.Captures {
		all = append(all, Record{Capture: spec})
	}
	for _, spec := range c.Materializations {
		all = append(all, Record{Materialization: spec})
	}
	kinds, hashes := map[Kind]int{}, map[string]string{}
	for _, r := range all {
		r.V, r.Publication, r.Catalog = RecordVersion, "p", "/flow"
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRecord(text)
		if err != nil {
			t.Fatalf("%s: %v", r.Name(), err)
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: %v\n%s\n%s", r.Name(), err, again, text)
		}
		if got.Kind() != r.Kind() || got.Name() != r.Name() || got.Name() == "" || got.Hash() != r.Hash() || got.Hash() == "" || got.Block != r.Block {
			t.Errorf("%s %s %s became %s %s %s", r.Kind(), r.Name(), r.Hash(), got.Kind(), got.Name(), got.Hash())
		}
		if other, taken := hashes[r.Hash()]; taken {
			t.Errorf("%s and %s have the same hash", other, r.Name())
		}
		kinds[r.Kind()]++
		hashes[r.Hash()] = r.Name()
	}
	if len(kinds) != 3 || kinds[KindCollection] != len(c.Collections) {
		t.Errorf("kinds: %v", kinds)
	}
}

// What a newer weir wrote is refused rather than misread, and so is what is no
// record.
func TestRecordVersions(t *testing.T) {
	for text, want := range map[string]string{
		`{"v":2,"collection":{"name":"a/b"}}`: "catalog record has format version 2, but this weir reads up to 1",
		`{"collection":{"name":"a/b"}}`:       "catalog record has format version 0",
		`{"v":-1}`:                            "catalog record has format version -1",
		`{"v":`:                               "catalog record: ",
		`{"v":"1"}`:                           "catalog record: ",
	} {
		if _, err := DecodeRecord([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if got := (Record{}).Name() + (Record{}).Hash(); got != "" {
		t.Errorf("an empty record has the name and hash %q", got)
	}
}

// Publications sort by their time, and two at the same time differ.
func TestPublicationID(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("east", 3600))
	a, b, later := NewPublicationID(at), NewPublicationID(at), NewPublicationID(at.Add(time.Millisecond))
	if !strings.HasPrefix(a, "20260102T020405.006Z-") || a == b || later <= a || later <= b {
		t.Errorf("%s, %s, then %s", a, b, later)
	}
}

// An inferred schema's record is read as it was written, and one of a newer weir is
// refused.
func TestInferredRecord(t *testing.T) {
	want := Inferred{V: InferredVersion, Collection: "acmeCo/a", Version: 7, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Schema: json.RawMessage(`{"type":"object"}`)}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeInferred(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		`{"v":2}`: "record of an inferred schema has format version 2, but this weir reads up to 1",
		`{}`:      "record of an inferred schema has format version 0",
		`{"v":`:   "record of an inferred schema: ",
	} {
		if _, err := DecodeInferred([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
