package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"weir/journal"
	"weir/worker"
)

// Level says how bad a finding is.
type Level string

// Levels of findings.
const (
	OK   Level = "ok"
	Warn Level = "warn" // it works, and may hurt some day
	Fail Level = "fail" // something does not work
)

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	What  string `json:"what"`
	Why   string `json:"why,omitempty"` // it matters
	Fix   string `json:"fix,omitempty"`
}

// Report is all that was found.
type Report struct {
	Findings    []Finding `json:"findings"`
	Collections []Growth  `json:"collections"`
}

// Worst is the worst level of the findings.
func (r *Report) Worst() Level {
	worst := OK
	for _, f := range r.Findings {
		if f.Level == Fail || f.Level == Warn && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// exam is one examination.
type exam struct {
	conn    *journal.Conn
	version string // of this weir
	now     func() time.Time
	report  Report
	streams []journal.StreamInfo
	server  journal.Server
}

func (e *exam) add(check string, level Level, what, why, fix string) {
	e.report.Findings = append(e.report.Findings, Finding{check, level, what, why, fix})
}

func (e *exam) ok(check, format string, args ...any) {
	e.add(check, OK, fmt.Sprintf(format, args...), "", "")
}

// broken is a check that could not be made.
func (e *exam) broken(check string, err error, fix string) {
	e.add(check, Fail, err.Error(), "this could not be looked at", fix)
}

// Examine makes all checks. One that cannot be made is a finding, too; the error
// is that of the context.
func Examine(ctx context.Context, conn *journal.Conn, version string) (Report, error) {
	e := &exam{conn: conn, version: version, now: time.Now, report: Report{Findings: []Finding{}, Collections: []Growth{}}}
	for _, check := range []func(context.Context){
		e.ofServer, e.ofDurability, e.ofPermissions, e.ofBatches, e.ofStreams, e.ofLimits, e.ofGrowth, e.ofReaders, e.ofQuarantine, e.ofWorkers, e.ofTasks,
	} {
		if err := ctx.Err(); err != nil {
			return e.report, err
		}
		check(ctx)
	}
	return e.report, ctx.Err()
}

// ofServer looks at the server itself, and at its clock.
func (e *exam) ofServer(ctx context.Context) {
	var err error
	if e.server, err = e.conn.Server(ctx); err != nil {
		e.broken("server", err, "look whether JetStream runs, and whether this user may use it")
		return
	}
	kind := "a single server"
	if e.server.Cluster != "" {
		kind = "in cluster " + e.server.Cluster
	}
	e.ok("server", "nats-server %s at %s, %s; a round trip takes %s", e.server.Version, e.server.URL, kind, e.server.RoundTrip.Round(10*time.Microsecond))
	payload := e.conn.MaxPayload()
	if payload < leastPayload {
		e.add("max_payload", Warn, fmt.Sprintf("messages may have %s", size(uint64(payload))), "documents above that are refused, and so are large publications and registers", "raise max_payload in the server's configuration, as to 8MB")
		return
	}
	e.ok("max_payload", "messages may have %s", size(uint64(payload)))
}

// leastPayload is the server's own default.
const leastPayload = 1 << 20

// ofDurability asks whether what is acknowledged is on disk.
func (e *exam) ofDurability(ctx context.Context) {
	warnings := e.conn.Warnings(ctx)
	if len(warnings) > 0 && e.runByWeir(ctx) {
		warnings = nil
	}
	for _, w := range warnings {
		e.add("sync_interval", Warn, w, "what was acknowledged must outlast a power cut", "set `sync_interval: always` in the server's jetstream block, or use three replicas")
	}
	if len(warnings) == 0 {
		e.ok("sync_interval", "what is acknowledged is on disk, or on several servers")
	}
}

// runByWeir says whether the server is that of a `weir up` or `weir dev`, which
// writes to disk before it answers.
func (e *exam) runByWeir(ctx context.Context) bool {
	signs, err := worker.ReadSigns(ctx, e.conn)
	return err == nil && slices.ContainsFunc(signs, func(s worker.Sign) bool {
		return s.Alive && s.Server != "" && s.Server == e.conn.Raw().ConnectedServerId()
	})
}

// skewed is how far clocks may be apart: below it nothing of Weir's cares.
const skewed = time.Second

// clock compares a server's time with that of this machine.
func (e *exam) clock(check, whose string, theirs, before, after time.Time) {
	ours := before.Add(after.Sub(before) / 2)
	skew := theirs.Sub(ours)
	if doubt := after.Sub(before) / 2; skew.Abs() > skewed+doubt {
		e.add(check, Warn, fmt.Sprintf("the clock of %s is %s %s that of this machine", whose, skew.Abs().Round(time.Millisecond), aheadOrBehind(skew)),
			"lags, readDelays and the signs of life of workers are told by these clocks", "let both machines follow the same time servers (NTP)")
		return
	}
	e.ok(check, "the clock of %s agrees with that of this machine", whose)
}

func aheadOrBehind(d time.Duration) string {
	if d > 0 {
		return "ahead of"
	}
	return "behind"
}

// scratch names what is made and removed again.
func scratch() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// size spells a number of bytes.
func size(n uint64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), -1
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
