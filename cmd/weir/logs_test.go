package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"weir/catalog"
	"weir/internal/weirtest"
	"weir/tasklog"
)

const talking = counts + `
  a/talks:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: "export function all({ doc }) { console.log('got', doc.id); if (doc.n === 13) throw new Error('no luck'); return { id: doc.id } }"}}
      transforms: [{name: all, source: a/counts, shuffle: any}]
`

// What a module prints and why a task fails can be read with a connection to
// the server alone, while it comes and afterwards.
func TestLogs(t *testing.T) {
	url := published(t, talking)
	if o := weir(t, "", "logs", "a/talks", "--nats", url); o.code != 0 || o.out != "" || !strings.Contains(o.problems, "no lines") {
		t.Errorf("before anything ran: %+v", o)
	}
	serve := start(t, "serve", "--nats", url, "--data", t.TempDir())
	serve.await(t, "ready")
	follow := start(t, "logs", "-f", "--nats", url)
	succeed(t, `{"id":"x"}`+"\n", "ingest", "a/counts", "--nats", url)
	follow.await(t, "got x")
	succeed(t, `{"id":"y","n":13}`+"\n", "ingest", "a/counts", "--nats", url)
	all := follow.await(t, "task failed")
	if code := follow.stop(t); code != 0 {
		t.Errorf("logs -f ends with %d", code)
	}
	serve.stop(t)
	if !regexp.MustCompile(`(?m)^[-0-9]+ [0-9:.]+ INFO  a/talks derivation got x .*function=all logger=console seq=\d+ .*transform=all`).MatchString(all) {
		t.Errorf("what the module printed:\n%s", all)
	}
	if got := succeed(t, "", "logs", "a/talks", "--level", "error", "--nats", url); strings.Count(got, "\n") != 1 || !strings.Contains(got, "no luck") || !strings.Contains(got, "txn=") {
		t.Errorf("errors only:\n%s", got)
	}
	var last tasklog.Entry
	if err := json.Unmarshal([]byte(succeed(t, "", "logs", "-n", "1", "-o", "json", "--since", "1h", "--nats", url)), &last); err != nil || last.Task != "a/talks" && last.Task != "a/counts" || last.Message == "" {
		t.Errorf("the newest line: %+v, %v", last, err)
	}
	for flag, value := range map[string]string{"--level": "loud", "--kind": "task", "--last": "-1"} {
		if o := weir(t, "", "logs", flag, value, "--nats", url); o.code != exitInvalid {
			t.Errorf("%s %s: %+v", flag, value, o)
		}
	}
}

// A module cannot change the terminal of who reads its log.
func TestLogLinesAreOneLineOfPlainText(t *testing.T) {
	l := logs{query: tasklog.Query{Task: "a/b", Kind: "derivation"}}
	got := l.line(&sheet{}, tasklog.Entry{Level: "warn", Message: "a\x1b[2Jb\nc", Fields: map[string]any{"one": "x\x1b", "two": json.Number("7"), "three": "two words"}})
	if want := `WARN  a [2Jb c one=x  three="two words" two=7`; !strings.HasSuffix(got, want) {
		t.Errorf("%q", got)
	}
}

// Lines of a task that fails carry what finds them: task, kind, shard and the
// number of the newest transaction.
func TestTaskLogsInTheWorker(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": talking}))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Logs = tasklog.NewWriter(conn)
	w, stop := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["a/counts"], `{"id":"x"}`)
	weirtest.ReadThrough(t, w, conn, string(catalog.KindDerivation), "a/talks", "a/counts")
	weirtest.Ingest(t, conn, c.Collections["a/counts"], `{"id":"y","n":13}`)
	weirtest.State(t, w, string(catalog.KindDerivation), "a/talks", "failed")
	stop()
	o.Logs.Close(context.Background())
	all, err := tasklog.Read(weirtest.Context(t), conn, tasklog.Query{Task: "a/talks", Kind: string(catalog.KindDerivation)})
	if err != nil || len(all) < 3 {
		t.Fatalf("%d lines, %v", len(all), err)
	}
	last := all[len(all)-1]
	if last.Level != "error" || last.Message != "task failed" || last.Shard != "0-1" || last.Fields["txn"] == nil {
		t.Errorf("%+v", last)
	}
}
