package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/controlplane"
	"weir/controlplane/documents"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

const counts = `
collections:
  a/counts:
    key: [/id]
    schema:
      type: object
      required: [id]
      reduce: {strategy: merge}
      properties: {id: {type: string}, n: {type: integer, reduce: {strategy: sum}}}
`

const copies = `
  a/copies:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {copy: {}}
      transforms: [{name: all, source: a/counts, shuffle: any}]
`

// published gives the URL of a server with a catalog.
func published(t *testing.T, flow string) string {
	t.Helper()
	isolate(t)
	url := weirtest.Server(t).URL()
	succeed(t, "", "publish", weirtest.Files(t, map[string]string{"flow.yaml": flow}), "--nats", url)
	return url
}

// What is published is created, then unchanged, then removed; its faults end
// the command before a server is asked.
func TestPublish(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	dir := weirtest.Files(t, map[string]string{"flow.yaml": counts + copies})
	publish := func(flow string, more ...string) string {
		t.Helper()
		writeFlow(t, dir, flow)
		return succeed(t, "", append([]string{"publish", dir, "--nats", url}, more...)...)
	}
	if got := publish(counts + copies); !strings.HasPrefix(got, "created    a/copies\ncreated    a/counts\npublication 2") {
		t.Errorf("first:\n%s", got)
	}
	if got := publish(counts + copies); got != "unchanged  a/copies\nunchanged  a/counts\nnothing to publish\n" {
		t.Errorf("again:\n%s", got)
	}
	if got := publish(counts, "--keep"); got != "unchanged  a/counts\nnothing to publish\n" {
		t.Errorf("smaller, with --keep:\n%s", got)
	}
	if o := weir(t, "", "publish", dir, "--nats", url); o.code != exitInvalid || o.problems != "weir: nothing was published, since that would remove collection a/copies, which "+dir+
		" had until now [usage]\n  do: say --yes to have that stop, --keep to leave it running, or --catalog NAME if that is another catalog at the same path\n" {
		t.Errorf("smaller, without a word: exit code %d: %s", o.code, o.problems)
	}
	var done controlplane.Published
	if err := json.Unmarshal([]byte(publish(counts, "-o", "json", "--yes")), &done); err != nil || done.ID == "" || fmt.Sprint(done.Removed, done.Unchanged) != "[a/copies] [a/counts]" {
		t.Errorf("smaller: %+v, %v", done, err)
	}

	writeFlow(t, dir, strings.Replace(counts, "[/id]", "[/n]", 1))
	if o := weir(t, "", "publish", dir, "--nats", url); o.code != exitInvalid || !strings.Contains(o.problems, "/collections/a~1counts/key") {
		t.Errorf("another key: exit code %d: %s", o.code, o.problems)
	}
}

// What was seen in a collection is printed as a schema, and all that it was before.
func TestInferredSchema(t *testing.T) {
	url := published(t, counts+`
  a/seen:
    key: [/id]
    writeSchema: {type: object, required: [id], properties: {id: {type: string}}}
    readSchema: {$ref: "flow://inferred-schema"}
`)
	if o := weir(t, "", "schema", "--inferred", "a/counts", "--nats", url); o.code != exitFailed || !strings.Contains(o.problems, "nothing is inferred of a/counts: its readSchema does not ask for it [not-found]\n  do: let its readSchema refer to flow://inferred-schema") {
		t.Errorf("not inferred: %+v", o)
	}
	if o := weir(t, "", "schema", "--inferred", "a/seen", "--nats", url); o.code != exitFailed || !strings.Contains(o.problems, "nothing is inferred of a/seen yet: no document was written or read") {
		t.Errorf("before any document: %+v", o)
	}
	if o := weir(t, "", "schema", "--history"); o.code != exitInvalid || !strings.Contains(o.problems, "say --inferred COLLECTION too") {
		t.Errorf("history of what: %+v", o)
	}
	succeed(t, `{"id":"x"}`+"\n", "ingest", "a/seen", "--nats", url)
	succeed(t, `{"id":"y","n":1}`+"\n", "ingest", "a/seen", "--nats", url)
	const want = `{
  "type": "object",
  "properties": {
    "id": {
      "type": "string"
    },
    "n": {
      "type": "integer"
    }
  },
  "additionalProperties": false
}
`
	if got := succeed(t, "", "schema", "--inferred", "a/seen", "--nats", url); got != want {
		t.Errorf("newest: %s", got)
	}
	lines := strings.Split(succeed(t, "", "schema", "--inferred", "a/seen", "--history", "--nats", url), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"version":1,`) || !strings.Contains(lines[0], `"properties":{"id":{"type":"string"}}`) || !strings.Contains(lines[1], `"version":2,`) {
		t.Errorf("history: %q", lines)
	}
	conn, err := journal.Connect(weirtest.Context(t), journal.Options{Plain: true, URL: url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	weirtest.Send(t, conn, "weir.pub.a/seen.z", `{"id":"z","other":[true]}`) // nobody told of it
	if got := succeed(t, "", "read", "a/seen", "--reduce", "--nats", url); got != `{"id":"x"}`+"\n"+`{"id":"y","n":1}`+"\n"+`{"id":"z","other":[true]}`+"\n" {
		t.Errorf("reduced: %s", got)
	}
}

// Documents of standard input are stored up to the first that is refused,
// whose line is named.
func TestIngest(t *testing.T) {
	url := published(t, counts+copies)
	ingest := func(input, name string) outcome {
		t.Helper()
		return weir(t, input, "ingest", name, "--nats", url)
	}
	if o := ingest("{\"id\":\"x\",\"n\":1}\n\n  {\"id\":\"y\",\"n\":2}  ", "a/counts"); o.code != 0 || o.problems != "2 documents stored in a/counts\n" || o.out != "" {
		t.Errorf("two documents: %+v", o)
	}
	for bad, why := range map[string]string{
		`{"id":7}`: "/id",
		`{"n":1}`:  "id",
		`{"id"`:    "JSON",
	} {
		o := ingest("{\"id\":\"x\",\"n\":1}\n\n{\"id\":\"x\",\"n\":1}\n"+bad+"\n{\"id\":\"never\"}\n", "a/counts")
		if o.code != exitFailed || !strings.HasPrefix(o.problems, "2 documents stored in a/counts\nweir: line 4: ") || !strings.Contains(o.problems, why) {
			t.Errorf("%s: %+v", bad, o)
		}
	}
	if o := ingest("", "a/copies"); o.code != exitFailed || o.problems != "weir: a/copies is derived: only its derivation writes it [derived-collection]\n  do: publish to the collections that it is derived from\n" {
		t.Errorf("derived: %+v", o)
	}
	if o := ingest("", "a/conts"); o.code != exitFailed || o.problems != "weir: a/conts is not published [not-found]\n  do: if you mean a/counts, name that; `weir list` shows all that is published\n" {
		t.Errorf("unknown: %+v", o)
	}
	if got := succeed(t, "", "read", "a/counts", "--reduce", "--nats", url); got != "{\"id\":\"x\",\"n\":7}\n{\"id\":\"y\",\"n\":2}\n" {
		t.Errorf("stored:\n%s", got)
	}
}

// More documents than a batch takes are stored in order.
func TestIngestMany(t *testing.T) {
	url := published(t, counts)
	var input strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&input, "{\"id\":\"%d\"}\n", i)
	}
	if o := weir(t, input.String(), "ingest", "a/counts", "--nats", url); o.code != 0 || o.problems != "2500 documents stored in a/counts\n" {
		t.Fatalf("%+v", o)
	}
	if got := succeed(t, "", "read", "a/counts", "--nats", url); got != input.String() {
		t.Errorf("read %d bytes of %d", len(got), input.Len())
	}
}

func TestRead(t *testing.T) {
	url := published(t, counts)
	read := func(args ...string) string {
		t.Helper()
		return succeed(t, "", append([]string{"read", "a/counts", "--nats", url}, args...)...)
	}
	if got := read() + read("--reduce"); got != "" {
		t.Errorf("nothing there: %q", got)
	}
	const x, y, z = "{\"id\":\"x\",\"n\":1}\n", "{\"id\":\"y\",\"n\":2}\n", "{\"id\":\"x\",\"n\":3}\n"
	succeed(t, x+y+z, "ingest", "a/counts", "--nats", url)
	for args, want := range map[string]string{
		"":                  x + y + z,
		"--limit 2":         x + y,
		"-n 9":              x + y + z,
		"--from 2":          y + z,
		"--from 2 -n 1":     y,
		"--reduce":          "{\"id\":\"x\",\"n\":4}\n" + y,
		"--reduce --from 2": "{\"id\":\"x\",\"n\":3}\n" + y,
		"--follow -n 3":     x + y + z,
	} {
		if got := read(strings.Fields(args)...); got != want {
			t.Errorf("read %s:\n%swant\n%s", args, got, want)
		}
	}
	if o := weir(t, "", "read", "a/counts", "--from", "99", "--nats", url); o.code != exitFailed || !strings.Contains(o.problems, "position beyond the end of the stream") {
		t.Errorf("--from a sequence that nobody has given out: %+v", o)
	}
	var meta documents.Document
	line := read("--meta", "--from", "2", "-n", "1")
	if err := json.Unmarshal([]byte(line), &meta); err != nil || meta.Seq != 2 || !strings.HasPrefix(meta.Subject, "weir.doc.a/counts.") || !strings.HasSuffix(meta.Subject, ".y") || string(meta.Data)+"\n" != y {
		t.Errorf("--meta: %s", line)
	}
	if o := weir(t, "", "read", "none", "--nats", url); o.code != exitFailed || o.problems != "weir: none is not published [not-found]\n  do: `weir list` shows what is published\n" {
		t.Errorf("unknown: %+v", o)
	}
	empty := weirtest.Server(t).URL()
	if o := weir(t, "", "read", "a/b", "--nats", empty); o.code != exitFailed || o.problems != "weir: a/b is not published, nor is anything else [not-found]\n  do: publish a catalog first\n" {
		t.Errorf("nothing published: %+v", o)
	}
}

// A document that is deleted stays in the stream, and is left out of what is reduced.
func TestReadDeleted(t *testing.T) {
	url := published(t, strings.Replace(counts, "      reduce: {strategy: merge}\n", "", 1)+`
      if: {required: [gone]}
      then: {reduce: {strategy: lastWriteWins, delete: true}}
      else: {reduce: {strategy: merge}}
`)
	const x, y, gone = "{\"id\":\"x\",\"n\":1}\n", "{\"id\":\"y\",\"n\":2}\n", "{\"id\":\"x\",\"gone\":true}\n"
	succeed(t, x+y+gone, "ingest", "a/counts", "--nats", url)
	if got := succeed(t, "", "read", "a/counts", "--nats", url); got != x+y+gone {
		t.Errorf("read:\n%s", got)
	}
	if got := succeed(t, "", "read", "a/counts", "--reduce", "--nats", url); got != y {
		t.Errorf("read --reduce:\n%s", got)
	}
	succeed(t, x, "ingest", "a/counts", "--nats", url)
	if got := succeed(t, "", "read", "a/counts", "--reduce", "--nats", url); got != x+y {
		t.Errorf("read --reduce after it was written again:\n%s", got)
	}
}

// A read that follows prints what comes until it is stopped, and that is no
// failure.
func TestReadFollow(t *testing.T) {
	url := published(t, counts)
	succeed(t, `{"id":"before"}`, "ingest", "a/counts", "--nats", url)
	r := start(t, "read", "a/counts", "--follow", "--nats", url)
	r.await(t, `{"id":"before"}`)
	succeed(t, `{"id":"after"}`, "ingest", "a/counts", "--nats", url)
	r.await(t, `{"id":"after"}`)
	if code := r.stop(t); code != 0 || r.out.String() != "{\"id\":\"before\"}\n{\"id\":\"after\"}\n" || r.problems.String() != "" {
		t.Errorf("exit code %d: %s%s", code, r.out.String(), r.problems.String())
	}
}

// weir serve runs what is published, and what is published while it runs;
// weir status shows it.
func TestServe(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	r := start(t, "serve", "--nats", url, "--data", t.TempDir())
	if got := r.await(t, "ready "); got != "ready "+url+"\n" {
		t.Errorf("serve printed %q", got)
	}
	dir := weirtest.Files(t, map[string]string{"flow.yaml": counts + copies})
	succeed(t, "", "publish", dir, "--nats", url)
	succeed(t, `{"id":"x"}`, "ingest", "a/counts", "--nats", url)
	if got := succeed(t, "", "read", "a/copies", "--follow", "-n", "1", "--nats", url); got != "{\"id\":\"x\"}\n" {
		t.Errorf("derived: %q", got)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
	var all []worker.Status
	if err := json.Unmarshal([]byte(succeed(t, "", "status", "-o", "json", "--nats", url)), &all); err != nil || len(all) != 2 || all[0].Kind != worker.KindDerivation || all[0].In != 1 || all[0].Out != 1 {
		t.Errorf("status: %+v, %v", all, err)
	}
	want := "" +
		"TASK      KIND        STATE    IN  OUT  LAG  BEHIND\n" +
		"a/copies  derivation  pending   1    1    0     0 s\n" +
		"a/counts  inbox       pending   0    0    0     0 s\n"
	if got := succeed(t, "", "status", "--nats", url); got != want {
		t.Errorf("status:\n%s", got)
	}
}

// The control plane alone makes what workers and clients look for.
func TestServeControlPlane(t *testing.T) {
	isolate(t)
	s := weirtest.Server(t)
	r := start(t, "serve", "--role", "controlplane", "--nats", s.URL(), "--data", t.TempDir())
	r.await(t, "ready ")
	streams, err := weirtest.Connect(t, s).Streams(weirtest.Context(t))
	if err != nil || len(streams) != 2 {
		t.Errorf("streams: %+v, %v", streams, err)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
}

func writeFlow(t *testing.T, dir, flow string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
}
