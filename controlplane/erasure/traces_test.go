package erasure_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/collection"
	"weir/controlplane"
	"weir/controlplane/erasure"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
	"weir/tasklog"
	"weir/worker"
)

const tracesFlow = `
collections:
  acmeCo/people:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, secret: {type: string}}}
  acmeCo/throws:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive: {using: {javascript: {module: throws.js}}, transforms: [{name: f, source: acmeCo/people, shuffle: any}]}
  acmeCo/quiet:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive: {using: {javascript: {module: quiet.js}}, transforms: [{name: f, source: acmeCo/people, shuffle: any}]}
`

const canary = "c4nary-7f3a"

var tracesModules = map[string]string{
	"flow.yaml": tracesFlow,
	"throws.js": "export function f({ doc }) {\n  console.log(`saw ${doc.secret}`);\n  if (doc.secret.startsWith('c4nary')) throw new Error(`no room for ${doc.secret}`);\n  return { id: doc.id };\n}\n",
	"quiet.js":  "export function f({ doc }) { return { id: doc.id }; }\n",
}

// TestTraces erases a key that tasks have told of in their logs and in their
// status, and of which a document lies under another subject. Its values are too
// short to know it by.
func TestTraces(t *testing.T) {
	ctx, store := weirtest.Context(t), t.TempDir()
	s, err := server.Start(server.Options{StoreDir: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, tracesModules))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Logs = tasklog.NewWriter(conn)
	w, _ := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/people"], `{"id":"b","secret":"of another"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/throws", "acmeCo/people")
	weirtest.Ingest(t, conn, c.Collections["acmeCo/people"], `{"id":"a","secret":"`+canary+` 1"}`)
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/throws", worker.StateFailed)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/quiet", "acmeCo/people")
	long := strings.Repeat("x", 2000)
	weirtest.Send(t, conn, collection.PubSubject("acmeCo/people", "other"), `{"secret":"`+canary+` 2","long":"`+long+`","id":"a"}`)
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/quiet", worker.StateFailed)
	o.Logs.Close(ctx)

	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		r, err := erasure.Erase(ctx, conn, records, erasure.Request{Collection: "acmeCo/people", Key: []string{"a"}, DryRun: dry, Wait: weirtest.Patience})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, p := range r.Places {
			counts[p.Name] = p.Documents
		}
		if counts["documents of acmeCo/people"] != 2 || counts["status records of tasks"] != 2 || counts["lines of task logs"] < 3 {
			t.Errorf("dry %v: %v", dry, counts)
		}
		if dry && len(holding(t, store, "acmeCo=people")) == 0 {
			t.Error("a dry run erased something")
		}
		if !slices.ContainsFunc(r.Remains, func(left erasure.Remain) bool { return strings.Contains(left.What, "other lines of logs of tasks") }) {
			t.Errorf("dry %v: %+v", dry, r.Remains)
		}
	}
	for _, stream := range streams(t, conn) {
		err := conn.ReadAll(ctx, stream, ">", 0, func(m journal.Message) error {
			if bytes.Contains(m.Data, []byte("c4nary")) && stream != "KV_weir_catalog" && stream != "KV_weir_history" {
				t.Errorf("%s holds it at %s: %s", stream, m.Subject, m.Data)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"weir_logs", "acmeCo=people"} {
		if files := holding(t, store, part); len(files) > 0 {
			t.Errorf("%s hold it", files)
		}
	}
	for _, name := range []string{"acmeCo/throws", "acmeCo/quiet"} {
		s := weirtest.State(t, w, worker.KindDerivation, name, worker.StateRunning)
		if s.Why != nil || s.LastFailure != nil {
			t.Errorf("%s remembers: %+v", name, s)
		}
	}
	lines, err := tasklog.Read(ctx, conn, tasklog.Query{Task: "acmeCo/throws"})
	if err != nil || !slices.ContainsFunc(lines, func(e tasklog.Entry) bool { return e.Message == "saw of another" }) {
		t.Errorf("what belongs to another key: %+v, %v", lines, err)
	}
}

func streams(t *testing.T, conn *journal.Conn) (names []string) {
	t.Helper()
	all, err := conn.Streams(weirtest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// holding lists the server's files of messages with the canary, below a part of its store.
func holding(t *testing.T, store, part string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(store, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".blk" || !strings.Contains(path, part) {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(canary)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
