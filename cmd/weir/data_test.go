package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/internal/golden"
	"weir/internal/weirtest"
	"weir/worker"
)

const dataFlow = `
collections:
  acmeCo/orders:
    key: [/id]
    onInvalid: quarantine
    schema:
      type: object
      required: [id, region]
      properties: {id: {type: string}, region: {type: string}, amount: {type: integer}}
    projections: {region: {location: /region, partition: true}}
  acmeCo/totals:
    key: [/region]
    schema:
      type: object
      reduce: {strategy: merge}
      required: [region]
      properties: {region: {type: string}, amount: {type: integer, reduce: {strategy: sum}}}
    derive:
      using: {javascript: {module: totals.js}}
      transforms: [{name: fromOrders, source: acmeCo/orders, shuffle: any}]
`

const dataModule = `export function fromOrders({ doc }) { return { region: doc.region, amount: doc.amount }; }`

// session records command lines with what they print.
type session struct {
	*testing.T
	url  string
	text strings.Builder
}

// weir runs a command line and records it.
func (s *session) weir(input string, args ...string) {
	s.Helper()
	o := weir(s.T, input, append(args, "--nats", s.url)...)
	s.text.WriteString("$ weir " + strings.Join(args, " ") + "\n")
	s.text.WriteString(o.out)
	for line := range strings.Lines(o.problems) {
		s.text.WriteString("2> " + line)
	}
	if o.code != 0 {
		s.text.WriteString("exit " + string(rune('0'+o.code)) + "\n")
	}
	s.text.WriteString("\n")
}

// moments are what differs between two runs.
var moments = regexp.MustCompile(`\d\d\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?|\d\d:\d\d:\d\d\.\d\d\d`)

func (s *session) golden(name string) {
	s.Helper()
	got := moments.ReplaceAllStringFunc(s.text.String(), func(at string) string { return "<time>" })
	golden.Compare(s, filepath.Join("testdata", name), got)
}

// TestDataCommands shows what the commands about documents print.
func TestDataCommands(t *testing.T) {
	isolate(t)
	server := weirtest.Server(t)
	conn := weirtest.Connect(t, server)
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": dataFlow, "totals.js": dataModule}))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.State(t, w, worker.KindInbox, "acmeCo/orders", worker.StateRunning) // its claim takes a sequence
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/totals", worker.StateRunning)
	through := func() {
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/orders")
	}
	for _, d := range []string{`{"id":"a","region":"EU","amount":1}`, `{"id":"b","region":"US","amount":2}`, `{"id":"a","region":"EU","amount":3}`} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], d)
		through()
	}
	s := &session{T: t, url: server.URL()}
	s.weir("", "read", "acmeCo/orders", "--key", "a")
	s.weir("", "read", "acmeCo/orders", "--key", "a", "--from", "last", "--meta")
	s.weir("", "read", "acmeCo/orders", "--partition", "region=US", "-o", "json")
	s.weir("", "read", "acmeCo/orders", "--from", "1h", "-n", "2", "-o", "table", "--meta")
	s.weir("", "read", "acmeCo/totals", "--reduce", "--key", "EU", "-o", "yaml")
	s.weir("", "read", "acmeCo/orders", "--from", "yesterday")
	s.weir("", "read", "acmeCo/orders", "--partition", "shop=1")
	s.weir("", "read", "acmeCo/orders", "--key", "a", "--key", "b")
	s.weir("", "tap", "acmeCo/totals", "--from", "first", "-n", "6")
	s.weir("", "tap", "acmeCo/totals", "--from", "first", "-n", "1", "--out", "-o", "jsonl")
	s.weir("", "tap", "acmeCo/orders")

	s.weir("", "quarantine", "list")
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders", `{"id":"c","region":"EU","amount":"4"}`)
	weirtest.Await(t, w, worker.KindInbox, "acmeCo/orders", "done", func(s worker.Status) bool { return s.Quarantined == 1 })
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders.EU.d", `{"id":"d","region":"EU","amount":"5"}`)
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/totals", "through", func(s worker.Status) bool { return s.Quarantined == 1 })
	s.weir("", "quarantine", "list")
	s.weir("", "quarantine", "list", "--counts")
	s.weir("", "quarantine", "show", "1")
	s.weir("", "quarantine", "show", "2", "-o", "json")
	s.weir("", "quarantine", "retry")
	s.weir("", "quarantine", "retry", "--all")
	s.weir("", "quarantine", "edit", "1", "--set", "/amount=4", "--set", "/region=US", "--dry-run")
	s.weir("", "quarantine", "edit", "1", "--set", "/amount=4", "--set", "/region=US")
	s.weir(`{"id":"d","region":"EU","amount":5}`, "quarantine", "edit", "2", "--file", "-", "-o", "yaml")
	s.weir("", "quarantine", "show", "2")
	through()
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders", `{"id":"c","region":"EU","amount":"6"}`)
	weirtest.Await(t, w, worker.KindInbox, "acmeCo/orders", "done", func(s worker.Status) bool { return s.Quarantined == 2 })
	s.weir("", "quarantine", "drop", "--task", "acmeCo/orders")
	s.weir("", "quarantine", "drop", "--task", "acmeCo/orders", "--yes")
	s.weir("", "quarantine", "drop", "17", "--yes")

	s.weir("", "erase", "acmeCo/orders", "--key", "a")
	s.weir("", "erase", "acmeCo/orders", "--key", "a", "--yes")
	s.weir("", "erase", "acmeCo/orders")
	s.weir("", "read", "acmeCo/orders")
	s.golden("data.golden")
}

// An editor that changes the document mends it; what it left is kept when the
// document is refused still.
func TestQuarantineEditor(t *testing.T) {
	isolate(t)
	server := weirtest.Server(t)
	conn := weirtest.Connect(t, server)
	weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": dataFlow, "totals.js": dataModule}))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders", `{"id":"c","region":"EU","amount":"4"}`)
	weirtest.Await(t, w, worker.KindInbox, "acmeCo/orders", "done", func(s worker.Status) bool { return s.Quarantined == 1 })
	editor := filepath.Join(t.TempDir(), "editor")
	t.Setenv("TMPDIR", t.TempDir())
	for _, step := range []struct {
		script, says string
		code         int
	}{
		{"true", "nothing was changed", exitNo},
		{`sed -i 's/"4"/"five"/' "$1"`, "the edited text is in ", exitNo},
		{"exit 3", "exit status 3", exitFailed},
		{`sed -i 's/"4"/5/' "$1"`, "", 0},
	} {
		if err := os.WriteFile(editor, []byte("#!/bin/sh\n"+step.script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("VISUAL", editor)
		o := weir(t, "", "quarantine", "edit", "1", "--nats", server.URL())
		if o.code != step.code || !strings.Contains(o.problems, step.says) {
			t.Errorf("%s: %+v", step.script, o)
		}
	}
	if docs := weirtest.Documents(t, conn, "acmeCo/orders"); len(docs) != 1 || string(docs[0].Data) != `{"id":"c","region":"EU","amount":5}` {
		t.Errorf("documents %+v", docs)
	}
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", "")
	if o := weir(t, "", "quarantine", "edit", "1", "--nats", server.URL()); o.code != exitFailed || !strings.Contains(o.problems, "quarantine holds no such document: 1") {
		t.Errorf("%+v", o)
	}
}
