package controlplane_test

import (
	"errors"
	"strings"
	"testing"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/fault"
	"weir/internal/weirtest"
	"weir/journal"
)

// captured is a catalog of a collection that a capture writes.
func captured(t *testing.T) *catalog.Catalog {
	t.Helper()
	return build(t, `
collections:
  acmeCo/a:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/from:
    endpoint: {generator: {}}
    bindings: [{resource: {name: a}, target: acmeCo/a}]
`, module)
}

// keep stores what tasks of acmeCo/a would: a document, markers of the capture
// and of the inbox, checkpoints, and a bucket of the capture's records.
func keep(t *testing.T, conn *journal.Conn) {
	t.Helper()
	for _, subject := range []string{"weir.doc.acmeCo/a.1.x", collection.TxnSubject("acmeCo/a", "acmeCo/from", "0-1"), collection.TxnSubject("acmeCo/a", "~inbox", "0-1")} {
		if _, err := conn.Publish(t.Context(), journal.Outgoing{Subject: subject, Data: []byte(`{"id":"x"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	for bucket, keys := range map[string][]string{
		"weir_checkpoints": {collection.KVKey("acmeCo/from") + ".0-1", "inbox." + collection.KVKey("acmeCo/a") + ".0-1", "other.0-1"},
		collection.StateBucket(collection.RecordsBucket, "acmeCo/from"): {"r.1"},
	} {
		b, err := conn.EnsureBucket(t.Context(), journal.BucketConfig{Name: bucket})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if _, err := b.Put(t.Context(), key, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// kept gives the keys of the checkpoints, and the other state that is there.
func kept(t *testing.T, conn *journal.Conn) string {
	t.Helper()
	var out []string
	b, err := conn.Bucket(t.Context(), "weir_checkpoints")
	if err == nil {
		err = b.Scan(t.Context(), "", func(e journal.Entry) error { out = append(out, e.Key); return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"KV_" + collection.StateBucket(collection.RecordsBucket, "acmeCo/from"), collection.StreamName("acmeCo/a")} {
		if _, err := conn.StreamInfo(t.Context(), name); err == nil {
			out = append(out, name)
		} else if !errors.Is(err, journal.ErrNoStream) {
			t.Fatal(err)
		}
	}
	return names(out)
}

func remove(t *testing.T, conn *journal.Conn, names ...string) *controlplane.Draft {
	t.Helper()
	d, err := controlplane.DraftDelete(t.Context(), conn, names, controlplane.Options{})
	if err == nil {
		_, err = d.Publish(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What was removed without its data is found by its name, and deleted with the
// state of every task that wrote it.
func TestLeftovers(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, captured(t), "/flow")
	draft, err := controlplane.DraftDelete(t.Context(), conn, []string{"acmeCo/a", "acmeCo/from"}, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := draft.Data(t.Context()); err != nil || len(data) != 1 || names(data[0].Tasks) != "acmeCo/a acmeCo/from" {
		t.Errorf("a capture that has not written yet: %+v, %v", data, err)
	}
	keep(t, conn)
	if here, left, err := controlplane.Leftovers(t.Context(), conn, []string{"acmeCo/a"}); err != nil || names(here) != "acmeCo/a" || len(left) != 0 {
		t.Errorf("published: %v %v %v", here, left, err)
	}
	remove(t, conn, "acmeCo/a", "acmeCo/from")
	here, left, err := controlplane.Leftovers(t.Context(), conn, []string{"acmeCo/a", "acmeCo/from"})
	if err != nil || len(here) != 0 || len(left) != 1 || left[0].Name != "acmeCo/a" || left[0].Documents != 1 || left[0].Gone || names(left[0].Tasks) != "acmeCo/a acmeCo/from" {
		t.Fatalf("removed: %v %+v %v", here, left, err)
	}
	var unknown *controlplane.NameError
	if _, _, err := controlplane.Leftovers(t.Context(), conn, []string{"acmeCo/from"}); !errors.As(err, &unknown) {
		t.Errorf("a capture whose stream is there: %v", err)
	}
	if err := controlplane.DeleteData(t.Context(), conn, "acmeCo/a"); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, conn); got != "other.0-1" {
		t.Errorf("kept: %s", got)
	}
	if _, _, err := controlplane.Leftovers(t.Context(), conn, []string{"acmeCo/a", "acmeCo/from"}); !errors.As(err, &unknown) {
		t.Errorf("nothing is left: %v", err)
	}
}

// Where somebody deleted the stream, the state that is left of its tasks can be
// deleted, of each by its name.
func TestStateWithoutStream(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, captured(t), "/flow")
	keep(t, conn)
	remove(t, conn, "acmeCo/a", "acmeCo/from")
	if err := conn.DeleteStream(t.Context(), collection.StreamName("acmeCo/a")); err != nil {
		t.Fatal(err)
	}
	_, left, err := controlplane.Leftovers(t.Context(), conn, []string{"acmeCo/a", "acmeCo/from"})
	if err != nil || len(left) != 2 || !left[0].Gone || !left[1].Gone {
		t.Fatalf("%+v, %v", left, err)
	}
	for _, d := range left {
		if err := controlplane.DeleteData(t.Context(), conn, d.Name); err != nil {
			t.Fatal(err)
		}
	}
	if got := kept(t, conn); got != "other.0-1" {
		t.Errorf("kept: %s", got)
	}
}

// A deletion that ended half way is not published over, and can be repeated.
func TestDeletionInterrupted(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	publish(t, conn, captured(t), "/flow")
	keep(t, conn)
	remove(t, conn, "acmeCo/a", "acmeCo/from")
	if err := conn.Mark(t.Context(), collection.StreamName("acmeCo/a"), "weir.deleting", "true"); err != nil { // as DeleteData does first
		t.Fatal(err)
	}
	_, err := controlplane.Publish(t.Context(), conn, captured(t), controlplane.Options{Catalog: "/flow"})
	if _, fix, _ := fault.What(err); err == nil || !strings.Contains(err.Error(), "acmeCo/a is being deleted with its data") || !strings.Contains(fix, "`weir delete acmeCo/a --with-data`") {
		t.Errorf("published over it: %v", err)
	}
	if err := controlplane.DeleteData(t.Context(), conn, "acmeCo/a"); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, conn); got != "other.0-1" {
		t.Errorf("kept: %s", got)
	}
	if p := publish(t, conn, captured(t), "/flow"); len(p.Created) != 2 {
		t.Errorf("published anew: %+v", p)
	}
}
