package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/pgtest"
	"weir/journal/server"
)

func TestOrdersAreTheSameInEachRun(t *testing.T) {
	a, b := newOrders(500, 1), newOrders(500, 1)
	ids := make(map[string]bool)
	for i := range 500 {
		if !bytes.Equal(a.at(i).json, b.at(i).json) {
			t.Fatalf("document %d differs between two sets of one seed:\n%s\n%s", i, a.at(i).json, b.at(i).json)
		}
		var doc struct{ ID string }
		if err := json.Unmarshal(a.at(i).json, &doc); err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		if !strings.HasSuffix(a.at(i).tail, "."+doc.ID) {
			t.Errorf("document %d of id %s lies at %s", i, doc.ID, a.at(i).tail)
		}
		ids[doc.ID] = true
	}
	if len(ids) != 500 {
		t.Errorf("%d keys, want 500", len(ids))
	}
	if size := a.meanSize(); size < 220 || size > 280 {
		t.Errorf("documents have %d bytes on average, want about 250", size)
	}
	if a.at(500) != a.at(0) {
		t.Error("after the last document the first one does not come again")
	}
}

func TestStatTicks(t *testing.T) {
	for _, c := range []struct {
		stat string
		want uint64
		ok   bool
	}{
		{"7 (weir) S 1 7 7 0 -1 4194560 9 0 0 0 120 34 0 0 20 0 9", 154, true},
		{"7 (a ) b) c) S 1 7 7 0 -1 4194560 9 0 0 0 1 2 0 0", 3, true},
		{"7 (weir) S 1 7", 0, false},
		{"7 (weir) S 1 7 7 0 -1 4194560 9 0 0 0 x 34 0 0", 0, false},
		{"", 0, false},
	} {
		got, err := statTicks([]byte(c.stat))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("statTicks(%q) = %d, %v", c.stat, got, err)
		}
	}
}

func TestOwnProcessIsMeasured(t *testing.T) {
	if _, err := cpuOf([]int{os.Getpid()}); err != nil {
		t.Error(err)
	}
	if peak, err := peakMemory(os.Getpid()); err != nil || peak < 1<<20 {
		t.Errorf("peak memory %d, %v", peak, err)
	}
	if _, err := peakMemory(-1); err == nil {
		t.Error("a process that is not there has a memory")
	}
}

func TestMedianAndQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{4}, 4}, {[]float64{9, 1, 5}, 5}, {[]float64{8, 2, 4, 6}, 5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	if p50, p99, p100 := quantile(hundred, 0.5), quantile(hundred, 0.99), quantile(hundred, 1); p50 != 51 || p99 != 100 || p100 != 100 {
		t.Errorf("quantiles %d %d %d", p50, p99, p100)
	}
}

func TestShareIsTheMedianOfTheRoundsOwnRatios(t *testing.T) {
	at := func(perSecond int) sample { return sample{Documents: perSecond, Elapsed: time.Second} }
	samples := map[string][]sample{
		"map":   {at(50), at(30), at(90)},
		"limit": {at(100), at(50), at(100)},
	}
	r := newRowReport(row{Name: "map", Limits: []string{"limit", "not run"}}, samples)
	if len(r.Of) != 1 || r.Of[0].Share != 0.6 || r.Of[0].Least != 0.5 || r.Of[0].Most != 0.9 {
		t.Errorf("shares %+v", r.Of)
	}
	if r.Rate != 50 {
		t.Errorf("rate %v", r.Rate)
	}
}

func TestReportIsReadableByPeopleAndPrograms(t *testing.T) {
	r := report{Documents: 10, Keys: 5, Bytes: 250, Rounds: 3, Rows: []rowReport{
		{Name: limitRead, Rate: 200, Reference: 400},
		{Name: limitName("pipe", 1000), Rate: 100, Reference: 100},
		{Name: "map", Rate: 50, Peak: 3 << 20, Of: []limitShare{{Limit: "pipe", Share: 0.5, Least: 0.4, Most: 0.6}}},
		{Name: "chain", Times: &multiple{Row: "map", Times: 1.5, Least: 1.25, Most: 2, Aim: 1.6}},
		{Name: "slow", Latency: &latency{P50: 1, P99: 2, Max: 3}},
	}}
	var table, text bytes.Buffer
	if err := r.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"50% (40-60) of pipe", "0.50  0.25", "1.00    2.00    3.00", "1.50 (1.25-2.00)", "medians of 3 rounds"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, &table)
		}
	}
	if err := r.writeJSON(&text); err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || len(back.Rows) != 5 {
		t.Errorf("json gives %d rows, %v", len(back.Rows), err)
	}
}

func TestSelectRowsKeepsLimitsOfWhatIsSelected(t *testing.T) {
	rows := []row{{Name: "limit: a"}, {Name: "limit: b"}, {Name: "map", Limits: []string{"limit: b"}}}
	rows = append(rows, row{Name: "chain: all", Times: "limit: a"}, row{Name: "large one", Large: true})
	for text, want := range map[string][]string{
		"map":   {"limit: b", "map"},
		"chain": {"limit: a", "chain: all"},
		"large": {"large one"},
		"":      {"limit: a", "limit: b", "map", "chain: all"},
	} {
		var names []string
		for _, r := range selectRows(slices.Clone(rows), text) {
			names = append(names, r.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%q selects %v, want %v", text, names, want)
		}
	}
}

func TestParseRefusesWhatCannotRun(t *testing.T) {
	for _, args := range [][]string{
		{"-rounds", "0"}, {"-batches", "1"}, {"-batches", "x"}, {"-server-pid", "12,y"}, {"-documents", "-5"}, {"-colour"},
	} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
	o, err := parse([]string{"-batches", "500, 1000"}, io.Discard)
	if err != nil || !slices.Equal(o.batches, []int{500, 1000}) {
		t.Errorf("batches %v, %v", o.batches, err)
	}
}

// Each limit row runs, on a server as Weir embeds it, and moves what it says.
func TestLimitRowsRun(t *testing.T) {
	s, err := server.Start(server.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	docs := newOrders(300, 1)
	l, err := newLimits(s.URL(), docs)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	rows := append(l.rows([]int{50, 200}), sqliteRow(docs, 64))
	m := &meter{Documents: 300, Paced: 5, Pause: time.Millisecond, Server: []int{os.Getpid()}}
	samples, err := runRounds(t.Context(), rows, 1, m, func(int, row, sample) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for _, s := range samples[r.Name] {
			if s.Documents == 0 || s.Elapsed <= 0 {
				t.Errorf("%s: %+v", r.Name, s)
			}
		}
		if len(samples[r.Name]) != 1 {
			t.Errorf("%s ran %d times, want once", r.Name, len(samples[r.Name]))
		}
	}
	if n := len(samples[limitLatency][0].Latencies); n != 5 {
		t.Errorf("%d latencies, want 5", n)
	}
}

func TestWriterIsFenced(t *testing.T) {
	s, err := server.Start(server.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	l, err := newLimits(s.URL(), newOrders(10, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	name, drop, err := l.stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer drop()
	old, young := newWriter(l.nc, name), newWriter(l.nc, name)
	commit := func(w *writer) error {
		d := l.orders.at(0)
		return errors.Join(w.add(name+d.tail, d.json), w.commit(), w.wait())
	}
	if err := commit(old); err != nil {
		t.Fatal(err)
	}
	young.marker = old.marker
	if err := commit(young); err != nil {
		t.Fatal(err)
	}
	if err := commit(old); err == nil {
		t.Error("a writer whose marker is not the last one can write: the limit is taken without a fence")
	}
}

// TestPostgresLimitRuns: the limit moves its documents, leaves one row a key,
// and nothing behind.
func TestPostgresLimitRuns(t *testing.T) {
	s := pgtest.Shared(t)
	db := s.Database(t)
	m := &meter{Documents: 250, Server: []int{os.Getpid()}}
	for range 2 {
		got, err := postgresLimit(t.Context(), m, s.URL(db), newOrders(100, 1), m.Documents, m.Documents, 120)
		if err != nil {
			t.Fatal(err)
		}
		if got.Documents != 250 || got.Elapsed <= 0 {
			t.Errorf("%+v", got)
		}
	}
	if left := s.Rows(t, db, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench%'"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
