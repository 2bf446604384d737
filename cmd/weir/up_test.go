package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collection"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
)

// startUpHere runs `weir up` in this process, and gives its server's URL once
// it is ready.
func startUpHere(t *testing.T, args ...string) (r *running, at string) {
	t.Helper()
	r = start(t, append([]string{"up"}, args...)...)
	for line := range strings.Lines(r.await(t, "ready ")) {
		if ready, ok := strings.CutPrefix(line, "ready "); ok {
			at = strings.TrimSpace(ready)
		}
	}
	return r, at
}

// order publishes a document of the crash tests' flow, and waits for what is
// derived from it.
func order(t *testing.T, at, id string, after uint64) (numbered string) {
	t.Helper()
	ctx := weirtest.Context(t)
	conn, err := journal.Connect(ctx, journal.Options{Plain: true, URL: at, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	weirtest.Send(t, conn, "weir.pub.acmeCo/orders", `{"id":"`+id+`","customer":"c","amount":5}`)
	r, err := conn.NewReader(ctx, journal.ReaderConfig{Stream: collection.StreamName("acmeCo/numbered"), Filter: collection.DocFilter("acmeCo/numbered"), After: after, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, err := r.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

// left gives the names of the files of a data directory that a clean stop
// should have removed: a database's write-ahead log and its index.
func left(t *testing.T, data string) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*-wal", "*-shm"} {
		found, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

// weir up says where it is ready, ends cleanly, and goes on where it was.
func TestUp(t *testing.T) {
	isolate(t)
	catalog, data := weirtest.Files(t, weirtest.Flow), t.TempDir()
	t.Setenv("NATS_URL", "nats://127.0.0.1:1") // its own server is used, whatever stands here
	r, at := startUpHere(t, catalog, "--port", "0", "--data", data)
	if got := r.out.String(); got != "ready "+at+"\n" {
		t.Errorf("it printed %q", got)
	}
	if u, err := url.Parse(at); err != nil || u.Scheme != "nats" || u.Hostname() != "127.0.0.1" || u.Port() == "" || u.Port() == "0" {
		t.Errorf("ready at %q, %v", at, err)
	}
	if got := order(t, at, "o-1", 0); got != `{"id":"o-1","customer":"c","nth":1}` {
		t.Errorf("first: %s", got)
	}
	if code := r.stop(t); code != 0 || r.problems.String() != "" {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
	r, at = startUpHere(t, catalog, "--port", "0", "--data", data)
	if got := order(t, at, "o-2", 2); got != `{"id":"o-2","customer":"c","nth":2}` {
		t.Errorf("after a restart: %s", got)
	}
	if got := succeed(t, "", "doctor", "--nats", at); !strings.Contains(got, "ok    sync_interval") {
		t.Errorf("the doctor does not know the server of weir up:\n%s", got)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
	if names := left(t, data); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// Without --data, each catalog has a directory of its own under the user's
// state directory.
func TestUpDataDirectory(t *testing.T) {
	isolate(t)
	catalog := weirtest.Files(t, weirtest.Flow)
	r, _ := startUpHere(t, catalog, "--port", "0")
	if code := r.stop(t); code != 0 {
		t.Fatalf("exit code %d: %s", code, r.problems.String())
	}
	found, err := filepath.Glob(filepath.Join(os.Getenv("XDG_STATE_HOME"), "weir", filepath.Base(catalog)+"-*", "nats", "jetstream"))
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

// A server that is there is used instead of one of its own.
func TestUpNATS(t *testing.T) {
	isolate(t)
	s := weirtest.Server(t)
	r, at := startUpHere(t, weirtest.Files(t, weirtest.Flow), "--nats", s.URL(), "--data", t.TempDir())
	if at != s.URL() {
		t.Errorf("ready at %s, not %s", at, s.URL())
	}
	if got := order(t, at, "o-1", 0); got != `{"id":"o-1","customer":"c","nth":1}` {
		t.Errorf("derived: %s", got)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
}

// What is around weir and not as it must be ends it with code 3, and the
// message says what to do.
func TestUpEnvironment(t *testing.T) {
	isolate(t)
	catalog := weirtest.Files(t, weirtest.Flow)
	up := func(want string, args ...string) {
		t.Helper()
		if o := weir(t, "", append([]string{"up", catalog}, args...)...); o.code != exitEnvironment || !strings.Contains(o.problems, want) || o.out != "" {
			t.Errorf("want %q: %+v", want, o)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	up("weir: port "+port+" is taken [port-taken]\n  do: --port chooses another one", "--port", port, "--data", t.TempDir())

	data := t.TempDir()
	other, err := server.Start(server.Options{StoreDir: filepath.Join(data, "nats")})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Stop()
	up("is in use by another server [file]\n  do: stop that one, or use another directory with --data", "--port", "0", "--data", data)

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	up("weir: data directory: ", "--port", "0", "--data", file)
}

// A catalog at fault ends weir up before anything is made.
func TestUpFaults(t *testing.T) {
	isolate(t)
	data := filepath.Join(t.TempDir(), "data")
	files := map[string]string{"flow.yaml": weirtest.Flow["flow.yaml"], "numbered.js": "export function fromOrders() {\n  return {;\n}\n", "totals.js": "export function other() {}\n"}
	o := weir(t, "", "up", weirtest.Files(t, files), "--port", "0", "--data", data)
	if o.code != exitInvalid || !strings.Contains(o.problems, "numbered.js:2:") || !strings.Contains(o.problems, "totals.js") || !strings.Contains(o.problems, "weir: the catalog has 2 faults [catalog]\n") {
		t.Errorf("modules: %+v", o)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("it made its data directory: %v", err)
	}
	files["flow.yaml"] = strings.Replace(weirtest.Flow["flow.yaml"], "endpoint: {sqlite: {path: out.db}}", "endpoint: {mysql: {}}", 1)
	files["numbered.js"], files["totals.js"] = weirtest.Flow["numbered.js"], weirtest.Flow["totals.js"]
	o = weir(t, "", "up", weirtest.Files(t, files), "--port", "0", "--data", data)
	if o.code != exitInvalid || !strings.Contains(o.problems, `/materializations/acmeCo~1db: materialization endpoint "mysql" is unknown: this weir has `) {
		t.Errorf("endpoint: %+v", o)
	}
}

// A task that fails is named with why, the others go on, and the database of a
// failed materialization is closed all the same.
func TestUpTrouble(t *testing.T) {
	isolate(t)
	data := t.TempDir()
	flow := weirtest.Flow["flow.yaml"] + `
  acmeCo/notes-db:
    endpoint: {sqlite: {path: notes.db}}
    bindings: [{source: acmeCo/notes, resource: {table: notes}}]
`
	flow = strings.Replace(flow, "collections:\n", `collections:
  acmeCo/notes:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, text: {type: string}}}
`, 1)
	r, at := startUpHere(t, weirtest.Files(t, map[string]string{"flow.yaml": flow, "numbered.js": weirtest.Flow["numbered.js"], "totals.js": weirtest.Flow["totals.js"]}), "--port", "0", "--data", data)
	conn, err := journal.Connect(weirtest.Context(t), journal.Options{Plain: true, URL: at, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	weirtest.Send(t, conn, "weir.pub.acmeCo/notes.x", `{"id":"x","text":7}`)
	got := r.await(t, "failed materialization acmeCo/notes-db: ")
	if !strings.Contains(got, "/text") || strings.Count(got, "\n") != 2 {
		t.Errorf("why it failed:\n%s", got)
	}
	if names := left(t, data); slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(filepath.Base(name), "notes.db") }) {
		t.Errorf("a failed task holds its database open: %v", names)
	}
	table := ""
	for began := time.Now(); !strings.Contains(table, "failed") && time.Since(began) < weirtest.Patience; {
		table = succeed(t, "", "status", "--nats", at) // the screen may know before the record is written
	}
	if !strings.Contains(table, "acmeCo/notes-db  materialization  failed") || !strings.Contains(table, "          why ") || !strings.Contains(table, "          fix ") {
		t.Errorf("status:\n%s", table)
	}
	if got := order(t, at, "o-1", 0); got != `{"id":"o-1","customer":"c","nth":1}` {
		t.Errorf("another task stands still: %s", got)
	}
	conn.Close()
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
	if names := left(t, data); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}
