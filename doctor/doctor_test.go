package doctor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

const flow = `
collections:
  acmeCo/in:
    key: [/id]
    onInvalid: quarantine
    schema: {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}
  acmeCo/out:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: "export function fromIn({ doc }) { if (doc.n === 13) throw new Error('no luck'); return { id: doc.id } }"}}
      transforms: [{name: fromIn, source: acmeCo/in, shuffle: any}]
`

// examine gives the findings of a level, and by check.
func examine(t *testing.T, conn *journal.Conn) (Report, map[string]string) {
	t.Helper()
	r, err := Examine(weirtest.Context(t), conn, "v1")
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, f := range r.Findings {
		by[f.Check] += fmt.Sprintf("%s: %s\n", f.Level, f.What)
		if f.Level != OK && (f.Why == "" || f.Fix == "") {
			t.Errorf("%+v does not say why, or what to do", f)
		}
	}
	return r, by
}

// A Weir that runs well has nothing but ok; each trouble is one finding.
func TestExamine(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	if r, by := examine(t, conn); r.Worst() != Warn || !strings.HasPrefix(by["workers"], "warn: no worker is alive") || by["tasks"] != "ok: none is published\n" {
		t.Errorf("an empty server: %v", by)
	}
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flow}))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Version = "v1"
	w, _ := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	reported(t, conn, worker.StateRunning, 2)
	r, by := examine(t, conn)
	for _, f := range r.Findings {
		if f.Level != OK && f.Check != "sync_interval" {
			t.Errorf("%+v", f)
		}
	}
	for _, check := range []string{"server", "max_payload", "permissions", "clock", "batches", "replicas", "limits", "growth", "readers", "quarantine", "workers", "tasks"} {
		if by[check] == "" {
			t.Errorf("nothing is said of %s", check)
		}
	}
	if len(r.Collections) != 2 || r.Collections[0].Messages == 0 || r.Collections[0].Bytes == 0 || r.Collections[0].PerDay != 0 {
		t.Errorf("growth: %+v", r.Collections)
	}

	weirtest.Send(t, conn, "weir.pub.acmeCo/in", `{"id":7}`)
	weirtest.Await(t, w, worker.KindInbox, "acmeCo/in", "quarantined", func(s worker.Status) bool { return s.Quarantined == 1 })
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"b","n":13}`)
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	reported(t, conn, worker.StateFailed, 1)
	r, by = examine(t, conn)
	if r.Worst() != Fail || !strings.Contains(by["tasks"], "fail: derivation acmeCo/out failed: module: ") || !strings.Contains(by["quarantine"], "warn: 1 document in quarantine") || !strings.HasSuffix(by["quarantine"], ": 1 of acmeCo/in\n") {
		t.Errorf("with trouble: %v", by)
	}
	for _, g := range r.Collections {
		if want := map[string]uint64{"acmeCo/in": 1}[g.Collection]; g.Quarantined != want {
			t.Errorf("%s has %d documents in quarantine, want %d", g.Collection, g.Quarantined, want)
		}
	}
	streams, err := conn.Streams(weirtest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if strings.HasPrefix(s.Name, "weir_doctor") {
			t.Errorf("%s was left", s.Name)
		}
	}
}

// reported waits until the worker has written that so many tasks have a state.
func reported(t *testing.T, conn *journal.Conn, state worker.State, tasks int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(weirtest.Context(t), weirtest.Patience)
	defer cancel()
	bucket, err := conn.EnsureBucket(ctx, journal.BucketConfig{Name: worker.StatusBucket, Description: "what tasks do"})
	if err != nil {
		t.Fatal(err)
	}
	err = bucket.Watch(ctx, "", func(journal.Entry) {
		all, err := worker.ReadStatus(ctx, conn)
		if err != nil {
			return
		}
		n := 0
		for _, s := range all {
			if s.State == state {
				n++
			}
		}
		if n >= tasks {
			cancel()
		}
	})
	if err != nil || context.Cause(ctx) != context.Canceled {
		t.Fatalf("%d tasks are not %s: %v", tasks, state, err)
	}
}

// What a user may not do, and what the server does not allow, is named.
func TestExamineAServerOfOthers(t *testing.T) {
	limited := &natsserver.Permissions{Publish: &natsserver.SubjectPermission{Deny: []string{"weir.txn.>", "$KV.weir_catalog.>"}}}
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*natsserver.User{{Username: "limited", Password: "x", Permissions: limited}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(weirtest.Patience) {
		t.Fatal("the server does not start")
	}
	conn, err := journal.Connect(t.Context(), journal.Options{Plain: true, URL: s.ClientURL(), User: "limited", Password: "x", MaxBatch: 4000})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, by := examine(t, conn)
	if got := by["permissions"]; strings.Count(got, "fail: ") != 2 || !strings.Contains(got, "may not publish to weir.txn.~doctor.~doctor.0-1") || !strings.Contains(got, "may not publish to $KV.weir_catalog.doctor") {
		t.Errorf("permissions: %s", got)
	}
	if got := by["batches"]; !strings.HasPrefix(got, "fail: the server refuses batches of 4000 messages; it takes 1000") {
		t.Errorf("batches: %s", got)
	}
}

func TestClocks(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for theirs, want := range map[time.Duration]Level{0: OK, 900 * time.Millisecond: OK, 3 * time.Second: Warn, -time.Hour: Warn} {
		e := &exam{}
		e.clock("clock", "the server", now.Add(theirs), now, now.Add(10*time.Millisecond))
		if got := e.report.Findings[0]; got.Level != want {
			t.Errorf("%s: %+v", theirs, got)
		}
	}
}

func TestLimits(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	for used, want := range map[uint64]Level{1: OK, 850: Warn, 1000: Fail} {
		e := &exam{conn: conn, server: journal.Server{Account: journal.Account{Storage: used, MaxStorage: 1000, MaxStreams: -1, MaxConsumers: -1}}}
		e.ofLimits(t.Context())
		if got := e.report.Findings[0]; got.Level != want || !strings.Contains(got.What, "of 1000 B storage of the account are used") {
			t.Errorf("%d: %+v", used, got)
		}
	}
}

// A full disk is foreseen from how fast collections grow.
func TestGrowth(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	of := func(name string, bytes uint64, age time.Duration) journal.StreamInfo { // all of it came in one minute
		return journal.StreamInfo{Name: name, Messages: 1, Bytes: bytes, FirstTime: now.Add(-age), LastTime: now.Add(time.Minute - age), Metadata: map[string]string{journal.MetadataKind: "collection", "weir.catalog-name": "acmeCo/" + name}}
	}
	e := &exam{now: func() time.Time { return now }, server: journal.Server{Account: journal.Account{Storage: 3000, MaxStorage: 10000}},
		streams: []journal.StreamInfo{of("young", 500, time.Minute), of("old", 2400, 48*time.Hour), {Name: "KV_x", Bytes: 1 << 40}}}
	e.ofGrowth(t.Context())
	if got := e.report.Collections; len(got) != 2 || got[0].Collection != "acmeCo/old" || got[0].PerDay != 1200 || got[1].PerDay != 0 {
		t.Errorf("%+v", got)
	}
	if f := e.report.Findings[0]; f.Level != Warn || !strings.Contains(f.What, "2 collections hold 2.8 KiB and grow by 1.2 KiB a day: the account's storage lasts for 6 days") {
		t.Errorf("%+v", f)
	}
}
