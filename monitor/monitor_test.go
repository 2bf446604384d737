package monitor_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/internal/golden"
	"weir/internal/weirtest"
	"weir/monitor"
	"weir/tasklog"
	"weir/worker"
)

// get asks a handler.
func get(t *testing.T, h http.Handler, target string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Code, w.Body.String()
}

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
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/out, resource: {table: output}}]
`

// Each kind of trouble moves a series that an alert can look at.
func TestMetricsOfARunningWorker(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flow}))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Logs = tasklog.NewWriter(conn)
	defer o.Logs.Close(weirtest.Context(t))
	m := monitor.New(conn, "v1.2.3", true)
	w, _ := weirtest.Run(t, o)
	m.Watch(w)
	weirtest.Send(t, conn, "weir.pub.acmeCo/in", `{"id":7}`, `{"id":"a"}`, `{"id":"b"}`)
	weirtest.Await(t, w, worker.KindInbox, "acmeCo/in", "moved", func(s worker.Status) bool { return s.Out == 2 && s.Quarantined == 1 })
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/out")
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"c","n":13}`)
	weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "failed, and what waits is counted", func(s worker.Status) bool { return s.State == worker.StateFailed && s.Lag == 1 })

	code, text := get(t, m.Metrics(), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	for _, want := range []string{
		`weir_build_info{go_version="go[^"]*",version="v1.2.3"} 1`,
		`weir_nats_connected 1`,
		`weir_task_state{kind="derivation",state="failed",task="acmeCo/out"} 1`,
		`weir_task_state{kind="derivation",state="running",task="acmeCo/out"} 0`,
		`weir_task_documents_in_total{binding="fromIn",collection="acmeCo/in",kind="derivation",task="acmeCo/out"} [3-9]`,
		`weir_task_bytes_in_total{binding="output",collection="acmeCo/out",kind="materialization",task="acmeCo/db"} 20`,
		`weir_task_documents_out_total{binding="output",collection="acmeCo/out",kind="materialization",task="acmeCo/db"} 2`,
		`weir_task_bytes_out_total{binding="",collection="acmeCo/out",kind="derivation",task="acmeCo/out"} 20`,
		`weir_task_lag_documents{binding="output",collection="acmeCo/out",kind="materialization",task="acmeCo/db"} 0`,
		`weir_task_lag_documents{binding="fromIn",collection="acmeCo/in",kind="derivation",task="acmeCo/out"} 1`,
		`weir_task_lag_seconds{binding="fromIn",collection="acmeCo/in",kind="derivation",task="acmeCo/out"} [0-9.e-]*[1-9]`,
		`weir_task_transactions_total{kind="materialization",task="acmeCo/db"} [1-9]`,
		`weir_task_transaction_seconds_bucket{kind="materialization",phase="store",task="acmeCo/db",le="60"} [1-9]`,
		`weir_task_transaction_seconds_count{kind="derivation",phase="total",task="acmeCo/out"} [1-9]`,
		`weir_task_errors_total{code="module",kind="derivation",task="acmeCo/out"} [1-9]`,
		`weir_task_restarts_total{kind="derivation",task="acmeCo/out"} [1-9]`,
		`weir_task_quarantined_documents_total{kind="inbox",task="acmeCo/in"} 1`,
		`weir_task_log_lines_dropped_total{kind="inbox",task="acmeCo/in"} 0`,
		`go_goroutines [1-9]`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("no %s in\n%s", want, grep(text, want[:strings.IndexAny(want, "{ ")]))
		}
	}
	if strings.Contains(text, `weir_task_documents_out_total{binding="fromIn"`) {
		t.Error("a transform is said to write, but what a derivation writes is combined")
	}
	for _, one := range monitor.Metrics() {
		if !strings.Contains(text, "# TYPE "+one.Name+" "+one.Type+"\n") {
			t.Errorf("%s is not there as a %s", one.Name, one.Type)
		}
	}
}

func grep(text, name string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, name) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// A process is ready when it is connected and its tasks were started once, and
// alive all the while; a task that fails changes neither.
func TestHealth(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flow}))
	m := monitor.New(conn, "v1", true)
	if code, text := get(t, m.Ready(), "/readyz"); code != http.StatusServiceUnavailable || text != "not ready\n" {
		t.Errorf("before the worker: %d %s", code, text)
	}
	if code, text := get(t, m.Live(), "/livez"); code != http.StatusOK || text != "ok\n" {
		t.Errorf("alive before the worker: %d %s", code, text)
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	m.Watch(w)
	if err := w.Settled(weirtest.Context(t)); err != nil {
		t.Fatal(err)
	}
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"c","n":13}`)
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	code, text := get(t, m.Ready(), "/readyz?verbose")
	var shown struct {
		Ready  bool
		Checks []struct {
			Name, Detail string
			OK           bool
		}
	}
	if err := json.Unmarshal([]byte(text), &shown); err != nil || code != http.StatusOK || !shown.Ready || len(shown.Checks) != 2 || shown.Checks[1].Detail != "2 running, 1 failed" {
		t.Errorf("ready: %d %s %v", code, text, err)
	}
	if code, _ := get(t, monitor.New(conn, "v1", false).Ready(), "/readyz"); code != http.StatusOK {
		t.Errorf("without a worker: %d", code)
	}
	lost := weirtest.Connect(t, s)
	lost.Close()
	m = monitor.New(lost, "v1", true)
	m.Watch(w)
	if code, text := get(t, m.Ready(), "/readyz?verbose"); code != http.StatusServiceUnavailable || !strings.Contains(text, "not connected") {
		t.Errorf("without a server: %d %s", code, text)
	}
	if code, _ := get(t, m.Live(), "/livez?verbose"); code != http.StatusOK {
		t.Errorf("alive without a server: %d", code)
	}
}

// The reference page is made of the list of metrics.
func TestReferencePage(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for _, m := range monitor.Metrics() {
		labels := "none"
		if len(m.Labels) > 0 {
			labels = strings.Join(m.Labels, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, labels, m.Help)
	}
	golden.Compare(t, "../docs/reference/metrics.md", b.String())
}

const head = `# Metrics

What ` + "`/metrics`" + ` gives, in Prometheus' text format; [observability](../observability.md) says where it is and which of it to look at.
Beside these stand the metrics of the Go runtime (` + "`go_...`" + `) and of the process (` + "`process_...`" + `).

` + "`kind`" + ` is capture, derivation, materialization or inbox; ` + "`task`" + ` the catalog name (of an inbox, that of its collection); ` + "`binding`" + ` the
transform, or the resource of the binding, empty for what a derivation or a capture writes and for inboxes; ` + "`collection`" + ` the one that is read or written.
Counters count since the task was started as it is published now.

This page is made of the code: change it by running ` + "`go test ./monitor -update`" + `.

| metric | type | labels | meaning |
|---|---|---|---|
`

// What is shipped for Prometheus and Grafana asks for metrics and labels that
// are there.
func TestShippedRulesAskForWhatIsThere(t *testing.T) {
	known := map[string][]string{}
	for _, m := range monitor.Metrics() {
		known[m.Name] = m.Labels
		if m.Type == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				known[m.Name+suffix] = append([]string{"le"}, m.Labels...)
			}
		}
	}
	selector := regexp.MustCompile(`(weir_[a-z_]+)(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	for _, file := range []string{"../deploy/prometheus-rules.yaml", "../deploy/grafana-dashboard.json"} {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") {
			var any map[string]any
			if err := json.Unmarshal(text, &any); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		found := selector.FindAllStringSubmatch(strings.ReplaceAll(string(text), `\"`, `"`), -1)
		if len(found) < 5 {
			t.Errorf("%s asks for %d metrics", file, len(found))
		}
		for _, f := range found {
			labels, ok := known[f[1]]
			if !ok {
				t.Errorf("%s asks for %s, which is not there", file, f[1])
			}
			for _, l := range label.FindAllStringSubmatch(f[2], -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: %s has no label %s", file, f[1], l[1])
				}
			}
		}
	}
}
