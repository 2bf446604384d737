package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// Names of limit rows.
const (
	limitRead    = "limit: read, one pull consumer"
	limitPublish = "limit: single publishes, many on their way"
	limitLatency = "limit: latency, one document a batch"
	limitCommit  = "limit: latency, one document written in a fenced batch"
)

// limitName of the rows that come once for each size of a batch.
func limitName(what string, size int) string {
	switch what {
	case "append":
		return fmt.Sprintf("limit: append, batches of %d", size)
	case "pipe":
		return fmt.Sprintf("limit: read + nothing + batches of %d", size)
	case "sqlite":
		return fmt.Sprintf("limit: SQLite, one statement, transactions of %d", size)
	case "postgres":
		return fmt.Sprintf("limit: PostgreSQL, COPY and ON CONFLICT, transactions of %d", size)
	}
	panic("no such limit: " + what)
}

// referenceRate is what a limit gave on the reference machine (two cores that
// server and client share), in documents a second, with one replica and
// `sync_interval: always` where a row writes. Only their ratios mean anything
// elsewhere: if the ratios of this run differ much, the machine or the server
// is of another kind, and so are the limits.
func referenceRate(name string) float64 {
	switch name {
	case "limit: append, batches of 1000":
		return 114_000
	case "limit: append, batches of 100":
		return 33_000
	case "limit: read + nothing + batches of 1000":
		return 86_000
	case "limit: read + nothing + batches of 2000":
		return 97_000
	case "limit: read + nothing + batches of 4000":
		return 132_000
	case limitRead:
		return 427_000
	case limitPublish:
		return 6_000
	}
	return 0
}

// report is the outcome of all rounds; its JSON form is what `-json` writes.
type report struct {
	Documents int         `json:"documents"`
	Keys      int         `json:"keys"`
	Bytes     int         `json:"bytesPerDocument"`
	Rounds    int         `json:"rounds"`
	Fallbacks int         `json:"schemaFallbacks"` // schema locations of bench and examples that are not lowered
	Rows      []rowReport `json:"rows"`
}

// rowReport holds medians over the rounds.
type rowReport struct {
	Name      string       `json:"name"`
	Rate      float64      `json:"documentsPerSecond"`
	Client    float64      `json:"clientMicrosPerDocument"`
	Server    float64      `json:"serverMicrosPerDocument"`
	Peak      int64        `json:"peakBytes,omitempty"`
	Reference float64      `json:"referencePerSecond,omitempty"`
	Latency   *latency     `json:"latency,omitempty"`
	Of        []limitShare `json:"of,omitempty"`
	Times     *multiple    `json:"times,omitempty"`
}

// multiple says how many times the CPU of another row one takes for a document:
// the median of the rounds' own ratios, with the least and the greatest of them.
type multiple struct {
	Row   string  `json:"row"`
	Times float64 `json:"times"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	Aim   float64 `json:"aim"` // no more than that
}

// limitShare says how much of a limit a row reaches: the median of the rounds'
// own ratios, with the least and the greatest of them.
type limitShare struct {
	Limit string  `json:"limit"`
	Share float64 `json:"share"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
}

// latency over all rounds, in milliseconds.
type latency struct {
	P50 float64 `json:"p50ms"`
	P99 float64 `json:"p99ms"`
	Max float64 `json:"maxms"`
}

func newRowReport(r row, samples map[string][]sample) rowReport {
	own := samples[r.Name]
	out := rowReport{
		Name:      r.Name,
		Rate:      medianOf(own, sample.rate),
		Client:    medianOf(own, func(s sample) float64 { return s.perDocument(s.Client) }),
		Server:    medianOf(own, func(s sample) float64 { return s.perDocument(s.Server) }),
		Reference: referenceRate(r.Name),
		Latency:   newLatency(own),
	}
	for _, s := range own {
		out.Peak = max(out.Peak, s.Peak)
	}
	for _, limit := range r.Limits {
		if share, ok := newLimitShare(limit, own, samples[limit]); ok {
			out.Of = append(out.Of, share)
		}
	}
	out.Times = newMultiple(r, own, samples[r.Times])
	return out
}

func newMultiple(r row, own, other []sample) *multiple {
	var ratios []float64
	for i := range min(len(own), len(other)) {
		ratios = append(ratios, own[i].perDocument(own[i].Client)/other[i].perDocument(other[i].Client))
	}
	if len(ratios) == 0 {
		return nil
	}
	return &multiple{Row: r.Times, Times: median(ratios), Least: slices.Min(ratios), Most: slices.Max(ratios), Aim: r.Most}
}

func newLimitShare(name string, own, limit []sample) (limitShare, bool) {
	var ratios []float64
	for i := range min(len(own), len(limit)) {
		ratios = append(ratios, own[i].rate()/limit[i].rate())
	}
	if len(ratios) == 0 {
		return limitShare{}, false
	}
	return limitShare{Limit: name, Share: median(ratios), Least: slices.Min(ratios), Most: slices.Max(ratios)}, true
}

func newLatency(samples []sample) *latency {
	var all []time.Duration
	for _, s := range samples {
		all = append(all, s.Latencies...)
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	return &latency{P50: ms(quantile(all, 0.50)), P99: ms(quantile(all, 0.99)), Max: ms(all[len(all)-1])}
}

func medianOf(samples []sample, value func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	return median(values)
}

func (r report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (r report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%d documents of %d bytes over %d keys, medians of %d rounds\n\n", r.Documents, r.Bytes, r.Keys, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\tdocuments/s\tclient us\tserver us\tpeak MB\tof its limit (least-most)")
	for _, row := range r.Rows {
		if row.Latency == nil {
			fmt.Fprintf(t, "%s\t%.0f\t%.1f\t%.1f\t%s\t%s\n", row.Name, row.Rate, row.Client, row.Server, megabytes(row.Peak), row.shares())
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	fmt.Fprintf(w, "\nschema nodes of the bench and the examples that fall back to v5: %d\n", r.Fallbacks)
	r.writeMultiples(t)
	r.writeLatencies(t)
	r.writeReferences(t)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func (r report) writeMultiples(w io.Writer) {
	fmt.Fprintln(w, "\nin multiples of another row's CPU\ttimes (least-most)\taim\tof")
	for _, row := range r.Rows {
		if m := row.Times; m != nil {
			fmt.Fprintf(w, "%s\t%.2f (%.2f-%.2f)\t%.1f\t%s\n", row.Name, m.Times, m.Least, m.Most, m.Aim, m.Row)
		}
	}
}

func (r report) writeLatencies(w io.Writer) {
	fmt.Fprintln(w, "\nof one document at a steady rate\tp50 ms\tp99 ms\tmax ms\tclient us\tserver us")
	for _, row := range r.Rows {
		if l := row.Latency; l != nil {
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\n", row.Name, l.P50, l.P99, l.Max, row.Client, row.Server)
		}
	}
}

// writeReferences prints the limits in parts of the first one that has a
// reference, here and there.
func (r report) writeReferences(w io.Writer) {
	var first *rowReport
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Reference == 0 {
			continue
		}
		if first == nil {
			first = row
			fmt.Fprintf(w, "\nlimits, in parts of %q\there\treference machine\n", first.Name)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\n", row.Name, row.Rate/first.Rate, row.Reference/first.Reference)
	}
}

func (r rowReport) shares() string {
	out := ""
	for i, s := range r.Of {
		if i > 0 {
			out += "; "
		}
		out += fmt.Sprintf("%.0f%% (%.0f-%.0f) of %s", s.Share*100, s.Least*100, s.Most*100, s.Limit)
	}
	return out
}

func megabytes(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n>>20, 10)
}
