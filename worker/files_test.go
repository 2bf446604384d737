package worker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	filesink "weir/sinks/files"
	"weir/sources"
	filesource "weir/sources/files"
	"weir/sources/generator"
	"weir/worker"
)

// Texts of files that are no documents go to quarantine, each with the place
// where it was, and hold nothing up.
func TestTextsThatAreNoDocuments(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, "a.csv"), []byte("id,n\na,1\nb\nc,x\nd,4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	flow := `
collections:
  acmeCo/rows:
    key: [/id]
    onInvalid: quarantine
    schema: {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}}}
captures:
  acmeCo/files:
    endpoint: {files: {url: in, interval: 10ms}}
    bindings: [{resource: {match: "*.csv"}, target: acmeCo/rows}]
`
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flow}))
	o := weirtest.Options(t, conn, dir)
	o.Sources = sources.Registry{"files": filesource.New()}
	weirtest.Run(t, o)
	waitFor(t, "the good rows", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/rows")) == 2 })
	if got := texts(weirtest.Documents(t, conn, "acmeCo/rows")); got != `{"id":"a","n":1} {"id":"d","n":4}` {
		t.Errorf("captured: %s", got)
	}
	bad := quarantinedRows(t, conn)
	want := []string{
		"b | acmeCo/files a.csv:3 | json | the row has 1 fields, but there are 2 columns",
		`{"id":"c","n":"x"} | acmeCo/files a.csv:4 | type | `,
	}
	if len(bad) != 2 || bad[0] != want[0] || !strings.HasPrefix(bad[1], want[1]) {
		t.Errorf("quarantined: %q, want %q", bad, want)
	}
}

// quarantinedRows gives what stands in quarantine, with its place and reason.
func quarantinedRows(t *testing.T, conn *journal.Conn) (out []string) {
	t.Helper()
	err := conn.ReadAll(weirtest.Context(t), "weir_bad", "weir.bad.>", 0, func(m journal.Message) error {
		out = append(out, strings.Join([]string{string(m.Data), m.Header["Weir-Origin"], m.Header["Weir-Rule"], m.Header["Weir-Reason"]}, " | "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Without quarantine such a text stops the capture, and the status names file
// and line.
func TestTextThatStopsACapture(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("{\"id\":\"a\"}\n\nnot json\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	flow := `
collections:
  acmeCo/rows:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/files:
    endpoint: {files: {url: ., interval: 10ms}}
    bindings: [{resource: {match: "*.jsonl"}, target: acmeCo/rows}]
`
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flow}))
	o := weirtest.Options(t, conn, dir)
	o.Sources = sources.Registry{"files": filesource.New()}
	w, _ := weirtest.Run(t, o)
	status := weirtest.State(t, w, worker.KindCapture, "acmeCo/files", worker.StateFailed)
	if status.Why == nil || status.Why.Code != "invalid-document" || status.Why.Subject != "acmeCo/files a.jsonl:3" {
		t.Errorf("%+v", status.Why)
	}
}

// A generator fills a collection by its schema, and ends.
func TestGeneratedDocuments(t *testing.T) {
	flow := `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id, customer, amount]
      properties: {id: {type: integer}, customer: {type: string}, amount: {type: number, minimum: 0.5, maximum: 99}}
captures:
  acmeCo/generate:
    endpoint: {generator: {seed: 1}}
    bindings: [{resource: {name: orders, count: 3000}, target: acmeCo/orders}]
`
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flow}))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources = sources.Registry{"generator": generator.New()}
	weirtest.Run(t, o)
	waitFor(t, "all documents", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/orders")) == 3000 })
	if n := len(weirtest.Reduced(t, conn, c.Collections["acmeCo/orders"])); n != 3000 {
		t.Errorf("%d orders of 3000", n)
	}
}

// Documents that come bit by bit are gathered into one file, as the sink asks
// for, and written when the worker stops; the next one goes on behind them.
func TestFilesToFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("{\"id\":\"a\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	flow := `
collections:
  acmeCo/docs:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/from:
    endpoint: {files: {url: ., interval: 5ms, settle: 0s}}
    bindings: [{resource: {match: "*.jsonl"}, target: acmeCo/docs}]
materializations:
  acmeCo/to:
    endpoint: {files: {url: out, interval: 1h}}
    bindings: [{source: acmeCo/docs, resource: {path: docs}}]
`
	conn := weirtest.Connect(t, weirtest.Server(t))
	path := weirtest.Files(t, map[string]string{"flow.yaml": flow})
	o := weirtest.Options(t, conn, dir)
	o.Sources = sources.Registry{"files": filesource.New()}
	o.Sinks = sinks.Registry{"files": filesink.New()}
	weirtest.Publish(t, conn, path)
	want := ""
	for run, id := range []string{"b", "c"} {
		w, stop := weirtest.Run(t, o)
		if err := os.WriteFile(filepath.Join(dir, id+".jsonl"), []byte("{\"id\":\""+id+"\"}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the documents", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/docs")) == 2+run })
		weirtest.Await(t, w, worker.KindMaterialization, "acmeCo/to", "the reads", func(s worker.Status) bool { return s.In == uint64(2-run) })
		if got := materialized(t, dir); got != want {
			t.Errorf("run %d: before the interval has passed the files hold %q, want %q", run, got, want)
		}
		stop()
		want += []string{"{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "|{\"id\":\"c\"}\n"}[run]
		if got := materialized(t, dir); got != want {
			t.Errorf("run %d: the files hold %q, want %q", run, got, want)
		}
	}
}

// materialized gives what the files hold, in their order.
func materialized(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "out", "docs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(content))
	}
	return strings.Join(out, "|")
}
