package controlplane_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
)

// The history keeps the newest publications. Of an older one nothing is left,
// nor of one that was refused, but what is published or may come back stays.
func TestHistoryIsBounded(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	first := publish(t, conn, build(t, flow, module), "/flow")
	late, err := controlplane.NewDraft(t.Context(), conn, build(t, strings.ReplaceAll(flow, "acmeCo", "late"), module), controlplane.Options{Catalog: "/late"})
	if err != nil {
		t.Fatal(err)
	}
	second := publish(t, conn, build(t, strings.ReplaceAll(flow, "acmeCo", "theirs"), module), "/theirs")
	if _, err := late.Publish(t.Context()); !errors.Is(err, controlplane.ErrConcurrent) {
		t.Fatalf("a late publication: %v", err)
	}
	history, err := conn.Bucket(t.Context(), controlplane.HistoryBucket)
	if err != nil {
		t.Fatal(err)
	}
	olderThan(t, history, first.ID, 1000)
	third := publish(t, conn, build(t, strings.ReplaceAll(flow, "acmeCo", "ours"), module), "/ours")
	all, err := controlplane.History(t.Context(), conn, "")
	if err != nil || len(all) != 1000 || all[0].ID != third.ID || all[1].ID != second.ID || all[2].ID != first.ID || all[999].ID != "old-0003" {
		t.Fatalf("history: %d, %v", len(all), err)
	}
	for _, key := range []string{"publication.old-0000", "publication.old-0001", "publication.old-0002", "spec.old-0000", "spec.old-0001"} {
		if _, err := history.Get(t.Context(), key); !errors.Is(err, journal.ErrNoKey) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if info, err := conn.StreamInfo(t.Context(), "KV_"+controlplane.HistoryBucket); err != nil || info.Messages != 1000+9+998 {
		t.Errorf("%+v, %v: want 1,000 publications, the specs of three and one of each of the others, with the one before", info, err)
	}
	for _, id := range []string{first.ID, second.ID, third.ID} {
		if _, err := controlplane.ShowPublication(t.Context(), conn, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := controlplane.DraftRevert(t.Context(), conn, first.ID, controlplane.Options{}); err != nil {
		t.Errorf("revert to one that is kept: %v", err)
	}
	_, err = controlplane.DraftRevert(t.Context(), conn, "old-0002", controlplane.Options{})
	if want := "there is no publication old-0002, or it is not kept any more: the newest 1000 are"; err == nil || err.Error() != want {
		t.Errorf("revert to one that is not kept: %v, want %s", err, want)
	}
}

// olderThan puts n publications before the oldest one, each of which wrote a spec
// and replaced that of the one before it.
func olderThan(t *testing.T, history *journal.Bucket, oldest string, n int) {
	t.Helper()
	kv, err := history.Get(t.Context(), "publication."+oldest)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(kv.Value), `"id":"`+oldest+`"`, fmt.Sprintf(`"id":"%s","previous":"old-%04d"`, oldest, n-1), 1)
	if changed == string(kv.Value) {
		t.Fatalf("%s names no id", kv.Value)
	}
	var batch []journal.Change
	for i := range n {
		id, before := fmt.Sprintf("old-%04d", i), fmt.Sprintf("old-%04d", i-1)
		entry := map[string]any{"v": 1, "id": id, "time": time.Now(), "changes": []any{map[string]string{"key": "collection.a", "before": before, "after": id}}}
		if i > 0 {
			entry["previous"] = before
		}
		text, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, journal.Change{Key: "spec." + id, Value: []byte("{}")}, journal.Change{Key: "publication." + id, Value: text})
	}
	for some := range slices.Chunk(append(batch, journal.Change{Key: kv.Key, Value: []byte(changed)}), 500) {
		if _, err := history.Apply(t.Context(), some); err != nil {
			t.Fatal(err)
		}
	}
}
