package ui_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/weirtest"
)

// arrived is an event with rows of a list.
type arrived struct {
	ID, HTML string
	Came     int
	Most     int
	seqs     []string // of the documents in it
}

var anchors = regexp.MustCompile(`<article class="doc" id="d(\d+)"`)

// rowsThrough gives the events of a collection until the one whose id is the
// last one.
func rowsThrough(t *testing.T, at, lastID, last string) []arrived {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), weirtest.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type %s", got)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<22)
	var all []arrived
	for id := ""; lines.Scan(); {
		if after, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = after
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e arrived
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.ID != "documents" || e.Most == 0 {
			t.Fatalf("%v: %s", err, data)
		}
		for _, m := range anchors.FindAllStringSubmatch(e.HTML, -1) {
			e.seqs = append(e.seqs, m[1])
		}
		if len(e.seqs) == 0 || e.seqs[0] != id {
			t.Errorf("the event %s begins with %v", id, e.seqs)
		}
		if all = append(all, e); id == last {
			return all
		}
	}
	t.Fatalf("%d events, and not that of %s: %v", len(all), last, lines.Err())
	return nil
}

// A browser that comes back goes on behind the last row that it has.
func TestEvents(t *testing.T) {
	at := newWorld().pages(t) + "/events/collections/acmeCo/orders?after=59"
	for header, want := range map[string]string{"": "60 61", "60": "61"} {
		var got []string
		for _, e := range rowsThrough(t, at, header, "61") {
			got = append(got, e.seqs...)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("behind %q: %v", header, got)
		}
	}
}

// However many documents come, a browser is sent few of them, and told how many
// not.
func TestTailOfMany(t *testing.T) {
	w := newWorld()
	w.come(5000)
	all := rowsThrough(t, w.pages(t)+"/events/collections/acmeCo/orders?after=61", "", "5061")
	came, shown := 0, 0
	for _, e := range all {
		came, shown = came+e.Came, shown+len(e.seqs)
		if len(e.seqs) > 50 || e.Came > len(e.seqs) != strings.Contains(e.HTML, "more not shown") {
			t.Errorf("%d of %d documents: %s", len(e.seqs), e.Came, e.HTML[max(len(e.HTML)-300, 0):])
		}
	}
	if came != 5000 || shown == came {
		t.Errorf("%d documents came, %d are shown", came, shown)
	}
}

// A browser that comes back after a night does not have the night read again.
func TestTailFarBehind(t *testing.T) {
	w := newWorld()
	for i := range 5000 {
		w.docs = append(w.docs, document(uint64(62+i), time.Now().Add(-time.Hour)))
	}
	all := rowsThrough(t, w.pages(t)+"/events/collections/acmeCo/orders?after=61", "", "5061")
	e := all[len(all)-1]
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fed > 1000 || len(e.seqs) != 50 || !strings.Contains(e.HTML, "Up to ") || !strings.Contains(e.HTML, "from sequence ") {
		t.Errorf("%d documents read, %d shown: %s", w.fed, len(e.seqs), e.HTML[max(len(e.HTML)-300, 0):])
	}
	came := 0
	for _, e := range all {
		came += e.Came
	}
	if came != 5000 {
		t.Error(fmt.Sprint(came, " came"))
	}
}
