package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collection"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// What was deleted without its data can be deleted with it later, and begins
// anew when it is published again.
func TestDeleteDataLater(t *testing.T) {
	isolate(t)
	dir, data := filepath.Join(t.TempDir(), "hello"), t.TempDir()
	succeed(t, "", "init", dir)
	up := start(t, "up", dir, "--data", data, "--port", "0")
	t.Setenv("NATS_URL", readyURL(up.await(t, "ready ")))
	succeed(t, "{\"id\":1,\"name\":\"Ada\"}\n", "ingest", "acmeCo/visits")
	succeed(t, "", "wait")
	all := []string{"acmeCo/visits", "acmeCo/greetings", "acmeCo/greetings-db"}
	succeed(t, "", append([]string{"delete", "--yes"}, all...)...)
	for _, step := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"acmeCo/visits", "--yes"}, "weir: acmeCo/visits is not published, but its stream holds 1 document [not-found]\n  do: --with-data removes that\n", exitFailed},
		{[]string{"acmeCo/greetings-db", "--with-data", "--yes"}, "weir: acmeCo/greetings-db is not published, nor is anything else [not-found]\n  do: publish a catalog first\n", exitFailed},
		{append([]string{"--with-data"}, all...), "acmeCo/visits: its stream holds 1 document; that would be deleted for good\nacmeCo/greetings: its stream holds 1 document; that would be deleted for good\nweir: This cannot be undone: nobody can be asked here [usage]\n  do: say --yes, if that is meant\n", exitInvalid},
		{append([]string{"--with-data", "--yes", "-o", "json"}, all...), "deleted the documents of acmeCo/visits\ndeleted the documents of acmeCo/greetings\n", 0},
		{append([]string{"--with-data", "--yes"}, all...), "weir: acmeCo/visits is not published, nor is anything else [not-found]\n  do: publish a catalog first\n", exitFailed},
	} {
		o := weir(t, "", append([]string{"delete"}, step.args...)...)
		if o.code != step.code || !strings.HasSuffix(o.problems, step.want) {
			t.Errorf("weir delete %s: exit code %d: %s\nwant %s", strings.Join(step.args, " "), o.code, o.problems, step.want)
		}
	}
	succeed(t, "", "publish", dir, "--data", data)
	succeed(t, "{\"id\":2,\"name\":\"Ada\"}\n", "ingest", "acmeCo/visits")
	succeed(t, "", "wait")
	if got := succeed(t, "", "read", "acmeCo/greetings", "--reduce"); got != `{"name":"Ada","greeting":"Hello, Ada!","times":1}`+"\n" {
		t.Errorf("begun anew: %s", got)
	}
}

// No data goes while a worker runs a task that writes it, be that a capture of
// another name; a command that ended meanwhile can be given again.
func TestDeleteWaitsForWriters(t *testing.T) {
	isolate(t)
	server := weirtest.Server(t)
	t.Setenv("NATS_URL", server.URL())
	conn := weirtest.Connect(t, server)
	dir := weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/a:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/from:
    endpoint: {generator: {}}
    bindings: [{resource: {name: a}, target: acmeCo/a}]
`})
	succeed(t, "", "publish", dir)
	status, err := conn.EnsureBucket(t.Context(), journal.BucketConfig{Name: worker.StatusBucket})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, value any) {
		t.Helper()
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := status.Put(t.Context(), key, text); err != nil {
			t.Fatal(err)
		}
	}
	const running = "capture.acmeCo/from.0-1"
	put("worker.w1", map[string]any{"v": 1, "worker": "w1", "updated": time.Now().Add(time.Hour)})
	put(running, worker.Status{V: 1, Task: "acmeCo/from", Kind: worker.KindCapture, Shard: "0-1", Worker: "w1", State: worker.StateRunning})
	command := []string{"delete", "acmeCo/a", "acmeCo/from", "--with-data", "--yes"}
	first := start(t, command...)
	first.await(t, "publication ")
	if code := first.stop(t); code == 0 || !strings.Contains(first.problems.String(), "\n  do: give the same command again, which goes on with it\n") {
		t.Errorf("interrupted: exit code %d: %s", code, first.problems.String())
	}
	if _, err := conn.StreamInfo(t.Context(), collection.StreamName("acmeCo/a")); err != nil {
		t.Fatalf("deleted under its capture: %v", err)
	}
	if err := status.Delete(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	succeed(t, "", command...)
	if _, err := conn.StreamInfo(t.Context(), collection.StreamName("acmeCo/a")); err == nil {
		t.Error("the stream is still there")
	}
}
