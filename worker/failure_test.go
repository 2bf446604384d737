package worker_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collection"
	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
	"weir/worker"
)

// flow makes a catalog of one collection, acmeCo/in, and one derivation of it,
// acmeCo/out, whose module is given.
func flow(onInvalid, module string) map[string]string {
	return map[string]string{
		"flow.yaml": `
collections:
  acmeCo/in:
    key: [/id]
    onInvalid: ` + onInvalid + `
    schema:
      type: object
      required: [id]
      properties:
        id: {type: string}
        n: {type: integer, maximum: 100}
  acmeCo/out:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: out.js}}
      transforms:
        - {name: fromIn, source: acmeCo/in, shuffle: any}
`,
		"out.js": module,
	}
}

const pass = "export function fromIn({ doc }) {\n  return doc;\n}\n"

// TestInvalidDocument publishes documents past Weir's own entrances, where
// only the server's transform sees them: the reader finds them, stops, says
// which one and why, and has done all that came before. After a publication
// that lets the document pass, the task goes on.
func TestInvalidDocument(t *testing.T) {
	for _, test := range []struct {
		name, subject, document string
		rule, pointer           string
	}{
		{"schema broken", "weir.pub.acmeCo/in.a", `{"id":"a","n":101}`, "maximum", "/n"},
		{"no JSON", "weir.pub.acmeCo/in.a", `{"id":"a",`, "json", ""},
		{"subject belies key", "weir.pub.acmeCo/in.a", `{"id":"b"}`, "subject", "/id"},
		{"key missing", "weir.pub.acmeCo/in.a", `{"n":1}`, "required", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := weirtest.Connect(t, weirtest.Server(t))
			c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
			w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
			weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"before"}`)
			weirtest.Send(t, conn, test.subject, test.document)
			weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"behind"}`)
			s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
			if s.Why.Code != "invalid-document" || s.Why.Rule != test.rule || s.Why.Pointer != test.pointer || s.Why.Seq == 0 ||
				!strings.HasPrefix(s.Why.Subject, "weir.doc.acmeCo/in.") || s.Why.Document != test.document {
				t.Errorf("status: %+v", s.Why)
			}
			if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"before"}` {
				t.Errorf("derived: %s", got)
			}
			files := flow("quarantine", pass)
			weirtest.Publish(t, conn, weirtest.Files(t, files))
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
			if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"before"} {"id":"behind"}` {
				t.Errorf("derived after quarantine: %s", got)
			}
			bad := quarantined(t, conn, "acmeCo/in")
			if len(bad) != 1 || string(bad[0].Data) != test.document || bad[0].Header["Weir-Rule"] != test.rule || bad[0].Header["Weir-Task"] != "acmeCo/out" || bad[0].Header["Weir-Sequence"] == "" {
				t.Errorf("quarantine: %+v", bad)
			}
		})
	}
}

// TestFixedSchema lets a task go on when the published schema takes the
// document that it stopped at.
func TestFixedSchema(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Send(t, conn, "weir.pub.acmeCo/in.a", `{"id":"a","n":101}`)
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	files := flow("stop", pass)
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], "maximum: 100", "maximum: 1000", 1)
	weirtest.Publish(t, conn, weirtest.Files(t, files))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a","n":101}` {
		t.Errorf("derived: %s", got)
	}
}

// A transaction that wrote nothing is no progress: the next start does it again,
// so that what throws behind it is not tried for ever.
func TestFailureBehindDocumentsWithoutOutputs(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", "export function fromIn({ doc }) {\n  if (doc.n === 13) throw new Error('no luck');\n}\n")))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Limits.Rest = time.Hour
	w, _ := weirtest.Run(t, o)
	for i := range 5 {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], fmt.Sprintf(`{"id":"%d"}`, i))
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"x","n":13}`)
	if s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed); s.Why.Code != "module" {
		t.Errorf("%+v", s.Why)
	}
}

// TestInbox publishes without a key and with a wrong number of key tokens:
// valid documents are moved under their own keys, invalid ones go to
// quarantine, and nothing stays in the inbox.
func TestInbox(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	_, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Send(t, conn, "weir.pub.acmeCo/in", `{"id":"a"}`, `{"id":"b","n":1e3}`, `{"id":`, `{"id":"c"}`)
	weirtest.Send(t, conn, "weir.pub.acmeCo/in.two.tokens", `{"id":"d"}`)
	through := func() { // its positions are in the inbox's own stream
		t.Helper()
		waitFor(t, "the inbox to be empty", func() bool {
			_, err := conn.Last(weirtest.Context(t), collection.StreamName("acmeCo/in"), collection.PubFilter())
			return err != nil
		})
	}
	through()
	if got := texts(weirtest.Documents(t, conn, "acmeCo/in")); got != `{"id":"a"} {"id":"c"} {"id":"d"}` {
		t.Errorf("collection: %s", got)
	}
	if bad := quarantined(t, conn, "acmeCo/in"); len(bad) != 2 || bad[0].Header["Weir-Rule"] != "maximum" || bad[1].Header["Weir-Rule"] != "json" {
		t.Errorf("quarantine: %+v", bad)
	}
	stop()
	weirtest.Send(t, conn, "weir.pub.acmeCo/in", `{"id":"while nobody ran"}`)
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	through()
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"} {"id":"c"} {"id":"d"} {"id":"while nobody ran"}` {
		t.Errorf("derived: %s", got)
	}
}

// TestModuleFails shows for each way in which a module can fail that nothing
// of the failed transaction is written, that the status names the author's
// line and the document, and that the task goes on with a mended module.
func TestModuleFails(t *testing.T) {
	for _, test := range []struct {
		name, module string
		line         int
		message      string
	}{
		{"throws", "export function fromIn({ doc }) {\n  if (doc.id === 'bad') throw new Error('no bad ones');\n  return doc;\n}", 2, "no bad ones"},
		{"loops for ever", "export function fromIn({ doc }) {\n  while (doc.id === 'bad') {}\n  return doc;\n}", 2, "longer than"},
		{"recurses for ever", "function deep(n) { return deep(n + 1) + 1; }\nexport function fromIn({ doc }) {\n  if (doc.id === 'bad') deep(0);\n  return doc;\n}", 1, "stack"},
		{"wrong shape", "export function fromIn({ doc }) {\n  return doc.id === 'bad' ? 42 : doc;\n}", 0, "wrong shape"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := weirtest.Connect(t, weirtest.Server(t))
			c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", test.module)))
			o := weirtest.Options(t, conn, t.TempDir())
			o.Limits.CallTimeout = 100 * time.Millisecond
			w, _ := weirtest.Run(t, o)
			weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`, `{"id":"bad"}`, `{"id":"b"}`)
			s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
			if s.Why.Code != "module" || !strings.Contains(s.Why.Message, test.message) || s.Why.Document != `{"id":"bad"}` || s.Why.Collection != "acmeCo/in" {
				t.Errorf("status: %+v", s.Why)
			}
			if test.line != 0 && (s.Why.File != "out.js" || s.Why.Line != test.line) {
				t.Errorf("place: %s:%d", s.Why.File, s.Why.Line)
			}
			if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"}` {
				t.Errorf("derived: %s", got)
			}
			weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
			if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"} {"id":"bad"} {"id":"b"}` {
				t.Errorf("derived after mending: %s", got)
			}
		})
	}
}

// TestModuleKeepsDocument uses a document after the call that it was given to:
// that throws, and nothing wrong is written.
func TestModuleKeepsDocument(t *testing.T) {
	module := "let kept;\nexport function fromIn({ doc }) {\n  if (kept) return { id: kept.id };\n  kept = doc;\n  return doc;\n}"
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", module)))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Limits.Backoff = 10 * time.Second // the first failure stays to be looked at
	w, _ := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`, `{"id":"b"}`)
	s := weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "in trouble", func(s worker.Status) bool { return s.Why != nil })
	if !strings.Contains(s.Why.Message, "after its call") || s.Why.Line != 3 || s.Why.Document != `{"id":"b"}` {
		t.Errorf("status: %+v", s.Why)
	}
	weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"} {"id":"b"}` {
		t.Errorf("derived: %s", got)
	}
}

// TestOutputs holds many outputs of one document in one transaction, and
// refuses, by name and count, a document that gives more than a batch takes.
func TestOutputs(t *testing.T) {
	module := "export function fromIn({ doc }) {\n  const out = [];\n  for (let i = 0; i < doc.n * 100; i++) out.push({ id: doc.id + '-' + i });\n  return out;\n}"
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", module)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	var in []string
	for i := range 30 { // 30 times 900: transactions close before they outgrow a batch
		in = append(in, fmt.Sprintf(`{"id":"d%02d","n":9}`, i))
	}
	in = append(in, `{"id":"wide","n":39}`, `{"id":"too wide","n":41}`, `{"id":"behind","n":1}`)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], in...)
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "too-many-outputs" || !strings.Contains(s.Why.Message, "4100 outputs") || s.Why.Seq != weirtest.LastSeq(t, conn, "acmeCo/in")-1 {
		t.Errorf("status: %+v", s.Why)
	}
	if got, want := len(weirtest.Documents(t, conn, "acmeCo/out")), 30*900+3900; got != want {
		t.Errorf("%d documents derived, want %d", got, want)
	}
}

// TestTooLarge meets the server's limit with a derived document: the task
// names size and limit, and what came before is there.
func TestTooLarge(t *testing.T) {
	module := "export function fromIn({ doc }) {\n  return { id: doc.id, text: 'x'.repeat(doc.n * 100000) };\n}"
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", module)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":80}`, `{"id":"b","n":1}`, `{"id":"c","n":90}`, `{"id":"d","n":1}`)
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "too-large" || !strings.Contains(s.Why.Message, "9000019") && !strings.Contains(s.Why.Message, "9000") || !strings.Contains(s.Why.Message, fmt.Sprint(server.DefaultMaxPayload)) {
		t.Errorf("status: %+v", s.Why)
	}
	if got := len(weirtest.Documents(t, conn, "acmeCo/out")); got != 2 {
		t.Errorf("%d documents derived, want 2", got)
	}
}

// TestTooLargeQuarantine keeps the derived document that no message holds in
// quarantine, in parts, and goes on.
func TestTooLargeQuarantine(t *testing.T) {
	module := "export function fromIn({ doc }) {\n  return { id: doc.id, text: 'x'.repeat(doc.n * 100000) };\n}"
	files := flow("stop", module)
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], "  acmeCo/out:\n", "  acmeCo/out:\n    onInvalid: quarantine\n", 1)
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, files))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":1}`, `{"id":"b","n":90}`, `{"id":"c","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := len(weirtest.Documents(t, conn, "acmeCo/out")); got != 2 {
		t.Errorf("%d documents derived, want 2", got)
	}
	var whole []byte
	for i, m := range quarantined(t, conn, "acmeCo/out") {
		if m.Header["Weir-Rule"] != "size" || m.Header["Weir-Part"] != fmt.Sprintf("%d of 3", i+1) {
			t.Errorf("part %d: %v", i+1, m.Header)
		}
		whole = append(whole, m.Data...)
	}
	if want := `{"id":"b","text":"` + strings.Repeat("x", 9000000) + `"}`; string(whole) != want {
		t.Errorf("the parts make %d bytes, want %d", len(whole), len(want))
	}
}

// TestQuarantinedIsStored counts a quarantined document when it is stored, and
// not before.
func TestQuarantinedIsStored(t *testing.T) {
	files := flow("quarantine", "export function fromIn({ doc }) {\n  return doc;\n}")
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, files))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	if err := conn.DeleteStream(t.Context(), collection.BadStream); err != nil {
		t.Fatal(err)
	}
	weirtest.Send(t, conn, "weir.pub.acmeCo/in.x", `{"id":"y"}`)
	s := weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "in trouble", func(s worker.Status) bool { return s.Why != nil })
	if s.Quarantined != 0 {
		t.Errorf("%d quarantined, and nothing stored: %+v", s.Quarantined, s.Why)
	}
	if err := controlplane.Prepare(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	s = weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "quarantined", func(s worker.Status) bool { return s.Quarantined > 0 })
	if bad := quarantined(t, conn, "acmeCo/in"); len(bad) != 1 || s.Quarantined != 1 {
		t.Errorf("%d stored, %d counted", len(bad), s.Quarantined)
	}
}

// TestReducedInvalid meets a document that is valid by itself, but not what it
// reduces to with the row that the table holds: it goes to quarantine alone.
func TestReducedInvalid(t *testing.T) {
	dir := t.TempDir()
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/sums:
    key: [/id]
    onInvalid: quarantine
    schema:
      type: object
      required: [id]
      reduce: {strategy: merge}
      properties:
        id: {type: string}
        n: {type: integer, maximum: 100, reduce: {strategy: sum}}
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/sums, resource: {table: sums}}]
`}))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/sums"], `{"id":"a","n":60}`, `{"id":"b","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/sums")
	weirtest.Ingest(t, conn, c.Collections["acmeCo/sums"], `{"id":"b","n":2}`, `{"id":"a","n":61}`, `{"id":"b","n":3}`)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/sums")
	weirtest.Same(t, "table", weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, n from sums"), map[string]string{"a": "60", "b": "6"})
	bad := quarantined(t, conn, "acmeCo/sums")
	if len(bad) != 1 || string(bad[0].Data) != `{"id":"a","n":61}` || bad[0].Header["Weir-Rule"] != "maximum" || bad[0].Header["Weir-Task"] != "acmeCo/db" {
		t.Errorf("quarantine: %+v", bad)
	}
}

// TestServerAway stops the NATS server and starts it again: the task waits
// and goes on by itself.
func TestServerAway(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Start(server.Options{StoreDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	port := s.Raw().Addr().String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow("stop", pass)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	s.Stop()
	waitFor(t, "the connection to be lost", func() bool { return !conn.Connected() })
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	s, err = server.Start(server.Options{StoreDir: dir, Port: number})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"b"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != `{"id":"a"} {"id":"b"}` {
		t.Errorf("derived: %s", got)
	}
}

// toTable materializes acmeCo/in into out.db.
func toTable() map[string]string {
	files := flow("stop", pass)
	files["flow.yaml"] += `
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/in, resource: {table: docs}}
`
	return files
}

// TestDatabaseLocked holds SQLite's lock while documents come in: the
// materialization waits, everything else goes on, and nothing is lost.
func TestDatabaseLocked(t *testing.T) {
	dir := t.TempDir()
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, toTable()))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRunning)
	db, err := sql.Open("sqlite", filepath.Join(dir, "out.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lock, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(context.Background(), "begin immediate"); err != nil {
		t.Fatal(err)
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`, `{"id":"b"}`)
	s := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRetrying)
	if !strings.Contains(s.Why.Message, "locked") {
		t.Errorf("status: %+v", s.Why)
	}
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if _, err := lock.ExecContext(context.Background(), "rollback"); err != nil {
		t.Fatal(err)
	}
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/in")
	weirtest.Same(t, "table", weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, id from docs"), map[string]string{"a": "a", "b": "b"})
}

// TestDatabaseReadOnly takes the right to write away: the materialization
// says so, and goes on when it is given back.
func TestDatabaseReadOnly(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may write everywhere: a directory in the file's place stands for the missing right")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "out.db")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, toTable()))
	o := weirtest.Options(t, conn, dir)
	o.Limits.Attempts = 1 << 20 // it must not have failed for good before the right is back
	w, _ := weirtest.Run(t, o)
	s := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/db", worker.StateRetrying)
	if !strings.Contains(s.Why.Message, "out.db") {
		t.Errorf("status: %+v", s.Why)
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/in")
	weirtest.Same(t, "table", weirtest.Rows(t, path, "select id, id from docs"), map[string]string{"a": "a"})
}

// TestSpill gives the same table with a megabyte for combining as with
// plenty.
func TestSpill(t *testing.T) {
	files := map[string]string{"flow.yaml": `
collections:
  acmeCo/notes:
    key: [/id]
    schema:
      type: object
      required: [id]
      reduce: {strategy: merge}
      properties:
        id: {type: string}
        n: {type: integer, reduce: {strategy: sum}}
        notes: {type: array, reduce: {strategy: append}}
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/notes, resource: {table: notes}}
`}
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, files))
	var in []string
	for i := range 20_000 {
		in = append(in, fmt.Sprintf(`{"id":"k-%d","n":%d,"notes":["note %d: %s"]}`, i*7919%3000, i, i, strings.Repeat("x", i%200)))
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/notes"], in...)
	var tables []map[string]string
	for _, memory := range []int{1 << 20, 256 << 20} {
		dir := t.TempDir()
		o := weirtest.Options(t, conn, dir)
		o.Limits.CombineMemory, o.Limits.TxnAge = memory, time.Hour
		w, stop := weirtest.Run(t, o)
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/notes")
		tables = append(tables, weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, n || ' ' || flow_document from notes"))
		stop()
	}
	if len(tables[1]) != 3000 {
		t.Errorf("%d rows", len(tables[1]))
	}
	weirtest.Same(t, "spilled", tables[0], tables[1])
}

func texts(messages []journal.Message) string {
	var out []string
	for _, m := range messages {
		out = append(out, string(m.Data))
	}
	return strings.Join(out, " ")
}

func quarantined(t *testing.T, conn *journal.Conn, name string) []journal.Message {
	t.Helper()
	var out []journal.Message
	err := conn.ReadAll(weirtest.Context(t), collection.BadStream, collection.BadFilter(name), 0, func(m journal.Message) error {
		out = append(out, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
