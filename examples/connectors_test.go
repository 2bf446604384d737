package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
	"weir/internal/weirtest"
	"weir/sinks"
	processsink "weir/sinks/process"
	"weir/sinks/sinkstest"
	"weir/sources"
	processsource "weir/sources/process"
	"weir/sources/sourcestest"
	"weir/worker"
)

// interpreter finds the program that runs an example's connector, past any
// wrapper that takes its time. Where it is not there, the test is skipped, and
// fails in CI, which installs it.
func interpreter(t *testing.T, name string, path ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, path...).Output()
	if err == nil {
		return strings.TrimSpace(string(out))
	}
	reason := fmt.Sprintf("%s does not run here (%v): install it to test the example connectors", name, err)
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

func python(t *testing.T) string {
	return interpreter(t, "python3", "-c", "import sys; print(sys.executable)")
}

func node(t *testing.T) string {
	return interpreter(t, "node", "-e", "console.log(process.execPath)")
}

// local is the configuration of an endpoint whose program is in this example.
func local(t *testing.T, program, script string, config any) json.RawMessage {
	t.Helper()
	dir, err := filepath.Abs("connectors")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"command": []string{program, script}, "config": config, "dir": dir})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFollow runs the suite of sources over the capture in Python.
func TestFollow(t *testing.T) {
	program := python(t)
	sourcestest.Conformance(t, func(t *testing.T) sourcestest.Harness {
		dir := t.TempDir()
		files := []string{"a.log", "empty.log", "b.log"}
		h := sourcestest.Harness{
			Source: processsource.New(false), Config: local(t, program, "follow.py", map[string]string{"directory": dir}),
			Documents: make([][]string, len(files)), More: make([][]string, len(files)),
			Big: func(size int) string { return lineDocument("a.log", 4, strings.Repeat("x", size)) },
		}
		h.Bring = func(_ context.Context, binding int, doc string) error {
			var line struct{ Text string }
			if err := json.Unmarshal([]byte(doc), &line); err != nil {
				return err
			}
			return appendTo(filepath.Join(dir, files[binding]), line.Text+"\n")
		}
		bring := func(list [][]string, binding, line int, text string) string {
			doc := lineDocument(files[binding], line, text)
			list[binding] = append(list[binding], doc)
			return doc
		}
		for i, text := range []string{"one", "", "three 日本"} {
			if err := h.Bring(t.Context(), 0, bring(h.Documents, 0, i+1, text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Bring(t.Context(), 2, bring(h.Documents, 2, 1, "only")); err != nil {
			t.Fatal(err)
		}
		bring(h.More, 0, 4, "four")
		bring(h.More, 1, 1, "first")
		for _, file := range files {
			resource, _ := json.Marshal(map[string]string{"file": file})
			h.Bindings = append(h.Bindings, sources.Binding{Resource: resource, Collection: sources.Collection{Name: "acmeCo/lines", Key: []string{"/file", "/line"}, Schema: json.RawMessage(`{"type":"object"}`)}})
		}
		return h
	})
}

// lineDocument is a document as Python writes it.
func lineDocument(file string, line int, text string) string {
	escaped := ""
	for _, r := range text {
		if r > 0x7f {
			escaped += fmt.Sprintf(`\u%04x`, r)
			continue
		}
		escaped += string(r)
		if len(text) > 1<<20 { // a big one is made of one character
			escaped = text
			break
		}
	}
	return fmt.Sprintf(`{"file": %q, "line": %d, "text": "%s"}`, file, line, escaped)
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// tablesFile is what tables.js keeps.
type tablesFile struct {
	Tables map[string]struct {
		Name string
		Rows map[string]json.RawMessage
	}
}

func (f tablesFile) documents(name string) (docs []string) {
	for _, table := range f.Tables {
		if table.Name != name {
			continue
		}
		for _, doc := range table.Rows {
			docs = append(docs, string(doc))
		}
	}
	slices.Sort(docs)
	return docs
}

func readTables(t *testing.T, path string) (f tablesFile) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// beyondDoubles matches numbers that JavaScript reads as others.
var beyondDoubles = regexp.MustCompile(`[:-][0-9]{16,}|e400`)

// TestTables runs the suite of sinks over the materialization in JavaScript.
func TestTables(t *testing.T) {
	program := node(t)
	sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
		path := filepath.Join(t.TempDir(), "tables.json")
		return sinkstest.Harness{
			Sink: processsink.New(false), Config: local(t, program, "tables.js", map[string]string{"path": path}), NoDelta: true,
			Resource: func(name string, _ bool) json.RawMessage {
				text, _ := json.Marshal(map[string]string{"table": name})
				return text
			},
			Documents: func(t *testing.T, name string) []string { return readTables(t, path).documents(name) },
			Holds:     func(doc string) bool { return !beyondDoubles.MatchString(doc) },
		}
	})
}

// TestConnectors runs the whole example: lines that are appended to a file are
// counted in a table, once each, whatever is stopped and started between them.
func TestConnectors(t *testing.T) {
	programs := strings.NewReplacer("[python3,", "["+python(t)+",", "[node,", "["+node(t)+",")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("connectors")); err != nil {
		t.Fatal(err)
	}
	flow, err := os.ReadFile(filepath.Join(dir, "flow.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(programs.Replace(string(flow))), 0o644); err != nil {
		t.Fatal(err)
	}
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, dir)
	o := weirtest.Options(t, conn, dir)
	o.Sources = sources.Registry{catalog.LocalEndpoint: processsource.New(false)}
	o.Sinks = sinks.Registry{catalog.LocalEndpoint: processsink.New(false)}
	lines, added := 2, 0
	for round, more := range []int{1, 5000, 0} { // 5000 lines are more than one transaction holds
		w, stop := weirtest.Run(t, o)
		weirtest.Await(t, w, worker.KindDerivation, "acmeCo/words", "through all lines", func(worker.Status) bool {
			return len(weirtest.Documents(t, conn, "acmeCo/lines")) == lines
		})
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/words", "acmeCo/lines")
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/tables", "acmeCo/words")
		stop()
		want := []string{`{"word":"blue","count":1}`, fmt.Sprintf(`{"word":"fish","count":%d}`, 4+added), `{"word":"one","count":1}`, `{"word":"red","count":1}`, `{"word":"two","count":1}`}
		slices.Sort(want)
		if got := readTables(t, filepath.Join(dir, "words.json")).documents("words"); !slices.Equal(got, want) {
			t.Fatalf("round %d: %q, want %q", round, got, want)
		}
		if err := appendTo(filepath.Join(dir, "lines.txt"), strings.Repeat("fish\n", more)); err != nil {
			t.Fatal(err)
		}
		lines, added = lines+more, added+more
	}
}
