package worker

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
	"weir/journal/server"
	"weir/schema"
)

// TestEntranceMarkers leaves the markers of an entrance behind, as a killed
// process does: they are removed once nothing can follow them, and an entrance
// that rests for long goes on under another subject.
func TestEntranceMarkers(t *testing.T) {
	s, err := server.Start(server.Options{Memory: true, Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	conn, err := journal.Connect(t.Context(), journal.Options{InProcess: s.Raw(), MaxBatch: server.MaxBatch, Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	c, err := collection.New(&catalog.Collection{Name: "acmeCo/in", Key: []string{"/id"}, Partitions: 1, Schema: schema.Source{URL: "s.json", Resources: map[string]json.RawMessage{"s.json": []byte(`{"type":"object","required":["id"]}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	config := journal.StreamConfig{Name: c.StreamName(), Subjects: c.StreamSubjects(), Metadata: map[string]string{journal.MetadataKind: "collection"}}
	if _, err := conn.EnsureStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	in := NewEntrance(conn, c)
	in.now = func() time.Time { return now }
	write := func() string {
		t.Helper()
		if err := in.Add([]byte(`{"id":"a"}`)); err != nil {
			t.Fatal(err)
		}
		if n, err := in.Flush(t.Context()); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		return in.shard.subject
	}
	first := write()
	if now = now.Add(entranceRest); write() != first {
		t.Error("another subject after a short rest")
	}
	now = now.Add(entranceRest + 1)
	second := write()
	if second == first {
		t.Error("the same subject after a long rest")
	}
	gone := func(subject string) bool {
		_, err := conn.Last(t.Context(), c.StreamName(), subject)
		return errors.Is(err, journal.ErrNoMessage)
	}
	if !gone(first) || gone(second) {
		t.Error("markers of the first subject are left, or those of the second are gone")
	}
	for _, test := range []struct {
		age  time.Duration
		gone bool
	}{{entranceKept - time.Minute, false}, {entranceKept + time.Minute, true}} {
		if err := tidyEntrances(t.Context(), conn, c, time.Now().Add(test.age)); err != nil {
			t.Fatal(err)
		}
		if gone(second) != test.gone {
			t.Errorf("markers %s old are gone: %t", test.age, !test.gone)
		}
	}
	if err := in.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
