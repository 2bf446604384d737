package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
	"weir/controlplane/api"
	"weir/controlplane/ui"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/monitor"
	"weir/secrets"
	"weir/tasklog"
	"weir/worker"
)

// Secrets that stand nowhere else. The second one has what URLs, JSON and
// connection strings spell in another way.
const (
	canaryNamed   = "c4nary-named-7f3a"
	canaryOdd     = `c4nary/odd "7%f' 3a`
	canaryLiteral = "c4nary-literal-7f3a"
)

// canaries are connectors' secrets that must show nowhere, by what of them must not.
func canaries() map[string][]string {
	out := map[string][]string{}
	for _, value := range []string{canaryNamed, canaryOdd, canaryLiteral} {
		quoted, err := json.Marshal(value)
		if err != nil {
			panic(err) // it is a string
		}
		out[value] = []string{value, url.QueryEscape(value), url.PathEscape(value), string(quoted[1 : len(quoted)-1])}
		for _, before := range []string{"", "u:", "me:"} { // base64 spells a text in three ways
			text := base64.StdEncoding.EncodeToString([]byte(before + value + "::"))
			out[value] = append(out[value], text[8:len(text)-8])
		}
	}
	return out
}

// A secret of any connector shows nowhere: not in logs, records, metrics,
// answers of commands, nor in a dump of the process's goroutines, however its
// endpoint fails. Each built-in connector is given a configuration that has all
// of its secret members; the rest is filled in so that nothing answers there.
func TestCanarySecrets(t *testing.T) {
	isolate(t)
	t.Setenv("CANARY_NAMED", canaryNamed)
	t.Setenv("CANARY_ODD", canaryOdd)
	flow, tasks := canaryCatalog(t)
	if len(tasks) == 0 {
		t.Fatal("no connector has a secret member")
	}
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	dir := weirtest.Files(t, map[string]string{"flow.yaml": flow})
	said := map[string]string{}

	o := weir(t, "", "publish", dir, "--nats", s.URL(), "--data", t.TempDir())
	said["weir publish"] = o.out + o.problems
	c := weirtest.Load(t, dir)
	if _, err := controlplane.Publish(t.Context(), conn, c, controlplane.Options{Catalog: dir}); err != nil {
		t.Fatal(err)
	}
	said["log"] = runCanaries(t, conn, tasks, said)
	for _, args := range [][]string{{"status"}, {"status", "-o", "json"}, {"logs"}, {"logs", "-o", "json"}, {"doctor", "-o", "json"}} {
		o := weir(t, "", append(args, "--nats", s.URL())...)
		said["weir "+strings.Join(args, " ")] = o.out + o.problems
	}
	streams, err := conn.Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range streams {
		var all strings.Builder
		err := conn.ReadAll(t.Context(), stream.Name, "", 0, func(m journal.Message) error {
			fmt.Fprintln(&all, m.Subject, m.Header, string(m.Data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		said["stream "+stream.Name] = all.String()
	}
	records, err := controlplane.Records(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	k := controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry()}
	for _, r := range records {
		text, err := json.Marshal(k.Masked(r))
		if err != nil {
			t.Fatal(err)
		}
		said["shown record of "+r.Name()] = string(text)
	}
	askPages(t, conn, k, records, said)
	sendCatalog(t, conn, k, flow, said)
	checkCanaries(t, said)
}

// sendCatalog has the API plan and publish a catalog, right and wrong.
func sendCatalog(t *testing.T, conn *journal.Conn, k controlplane.Connectors, flow string, said map[string]string) {
	t.Helper()
	mux := http.NewServeMux()
	api.New(api.Options{Conn: conn, Version: version, Connectors: k}).Mount(mux.Handle)
	for name, text := range map[string]string{"right": flow, "wrong": strings.Replace(flow, "bindings", "bindngs", 1)} {
		request, err := json.Marshal(api.PlanRequest{Catalog: "sent", Files: map[string]string{"flow.yaml": text}})
		if err != nil {
			t.Fatal(err)
		}
		for _, operation := range []string{"plan", "publish"} {
			answer := httptest.NewRecorder()
			mux.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, api.Root+operation, bytes.NewReader(request)))
			said["POST "+operation+", "+name] = answer.Body.String()
			if answer.Code == http.StatusBadRequest {
				t.Errorf("%s: %s", operation, answer.Body)
			}
		}
	}
}

// askPages reads what the API and the pages say of all tasks.
func askPages(t *testing.T, conn *journal.Conn, k controlplane.Connectors, records []catalog.Record, said map[string]string) {
	t.Helper()
	service := api.New(api.Options{Conn: conn, Version: version, Connectors: k, Status: func(ctx context.Context) ([]api.Task, error) { return statusTasks(ctx, worker.NewStatusReader(conn)) }})
	mux := http.NewServeMux()
	service.Mount(mux.Handle)
	pages := ui.New(ui.Options{Reads: ui.ReadsOf(service), Acts: ui.ActsOf(service), Version: version, Log: zap.NewNop()})
	pages.Mount(mux.Handle, mux.Handle)
	ask := func(path string) string {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusOK {
			t.Errorf("GET %s: %d: %s", path, answer.Code, answer.Body)
		}
		said["GET "+path] = answer.Body.String()
		return answer.Body.String()
	}
	for _, path := range []string{api.Root + "status", api.Root + "logs", api.Root + "collections", "/", "/graph", "/collections", "/publications"} {
		ask(path)
	}
	for _, r := range records {
		if kind := string(r.Kind()); kind != string(catalog.KindCollection) {
			ask(api.Root + "describe/" + kind + "/" + r.Name())
			ask("/tasks/" + kind + "/" + r.Name())
		}
	}
	var published struct {
		Publications []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(ask(api.Root+"publications")), &published); err != nil || len(published.Publications) == 0 {
		t.Fatalf("publications: %v", err)
	}
	for _, p := range published.Publications {
		ask(api.Root + "publication/" + p.ID)
		ask("/publications/" + p.ID)
	}
}

// runCanaries runs the tasks until each has failed, or had a try, and gives the
// worker's log.
func runCanaries(t *testing.T, conn *journal.Conn, tasks []string, said map[string]string) string {
	t.Helper()
	log := output{wrote: make(chan struct{}, 1)}
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sinks, o.Sources, o.Logs = sinkRegistry(), sourceRegistry(), tasklog.NewWriter(conn)
	o.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zap.DebugLevel))
	w, stop := weirtest.Run(t, o)
	err := w.Wait(weirtest.Context(t), func(all []worker.Status) bool {
		tried := 0
		for _, s := range all {
			if slices.Contains(tasks, s.Task) && (s.State == worker.StateFailed || s.State == worker.StateRetrying || s.State == worker.StateRunning) {
				tried++
			}
		}
		return tried == len(tasks)
	})
	if err != nil {
		t.Fatalf("not every task was tried: %v", err)
	}
	m := monitor.New(conn, "v1", true)
	m.Watch(w)
	answer := httptest.NewRecorder()
	m.Metrics().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	said["metrics"] = answer.Body.String()
	var dump strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 2); err != nil {
		t.Fatal(err)
	}
	said["goroutines"] = dump.String()
	for _, s := range w.Status() {
		said["status of "+s.Task] = fmt.Sprintf("%+v %+v", s, s.Why)
		if s.Why != nil {
			t.Logf("%s is %s: %s: %s", s.Task, s.State, s.Why.Code, s.Why.Message)
		}
	}
	stop()
	o.Logs.Close(weirtest.Context(t))
	return log.String()
}

func checkCanaries(t *testing.T, said map[string]string) {
	t.Helper()
	for _, place := range slices.Sorted(maps.Keys(said)) {
		for value, forms := range canaries() {
			if value == canaryLiteral && (place == "stream KV_weir_catalog" || place == "stream KV_weir_history") {
				continue // a secret that is written out in a catalog stands in its records: docs/secrets.md says so
			}
			for _, form := range forms {
				if at := strings.Index(said[place], form); at >= 0 {
					t.Errorf("%s shows %q: ...%s", place, form, said[place][max(at-100, 0):min(at+len(form)+40, len(said[place]))])
				}
			}
		}
	}
}

// canaryCatalog makes a task of every kind of connector that has secret members,
// three times: with secrets that are named, odd, and written out.
func canaryCatalog(t *testing.T) (flow string, tasks []string) {
	t.Helper()
	captures, materializations := map[string]any{}, map[string]any{}
	add := func(to map[string]any, section, kind string, config, resource json.RawMessage, binding map[string]any) {
		for name, secret := range map[string]string{"named": "${env:CANARY_NAMED}", "odd": "${env:CANARY_ODD}", "literal": canaryLiteral} {
			for i, endpoint := range configurations(t, kind, config, secret) {
				spelled, err := json.Marshal(endpoint)
				if err != nil {
					t.Fatal(err)
				}
				if len(secrets.Values(config, spelled)) == 0 {
					continue
				}
				task := fmt.Sprintf("a/%s-%s-%s-%d", section, kind, name, i)
				b := maps.Clone(binding)
				b["resource"] = fill(t, resource, "x")
				if text, ok := resources[kind]; ok {
					b["resource"] = json.RawMessage(text)
				}
				to[task] = map[string]any{"endpoint": map[string]any{kind: endpoint}, "bindings": []any{b}}
				tasks = append(tasks, task)
			}
		}
	}
	for _, kind := range sourceRegistry().Names() {
		spec := sourceRegistry()[kind].Spec()
		add(captures, "from", kind, spec.ConfigSchema, spec.ResourceSchema, map[string]any{"target": "a/in"})
	}
	for _, kind := range sinkRegistry().Names() {
		spec := sinkRegistry()[kind].Spec()
		add(materializations, "to", kind, spec.ConfigSchema, spec.ResourceSchema, map[string]any{"source": "a/in"})
	}
	text, err := json.Marshal(map[string]any{
		"collections": map[string]any{"a/in": map[string]any{"key": []string{"/id"}, "schema": map[string]any{
			"type": "object", "required": []string{"id"}, "properties": map[string]any{"id": map[string]any{"type": "string"}}}}},
		"captures": captures, "materializations": materializations,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text), tasks
}

// plausible are configurations that a schema cannot tell: with one of them a
// connector gets as far as talking to somebody, who does not answer. SECRET stands
// for the secret. Without one, the configuration has what its schema requires.
var plausible = map[string][]string{
	"files": {`{"url":"s3://acme/in?region=x&endpoint=http://127.0.0.1:1","credentials":{"accessKeyId":"id","secretAccessKey":"SECRET","sessionToken":"SECRET"}}`},
	"http":  {`{"listen":"127.0.0.1:0","tokens":["SECRET"]}`},
	"nats": {
		`{"url":"nats://127.0.0.1:1","user":"u","password":"SECRET"}`,
		`{"url":"nats://127.0.0.1:1","token":"SECRET"}`,
	},
	"webhook": {`{"url":"http://127.0.0.1:1","headers":{"Authorization":"Bearer SECRET"},"signingSecrets":["SECRET"]}`},
	"postgres": {
		`{"address":"127.0.0.1:1","database":"d","user":"u","password":"SECRET"}`,
		`{"url":"postgres://u:SECRET@127.0.0.1:1/d?sslmode=disable"}`,
		`{"url":"SECRET"}`,
	},
}

// resources of kinds whose schema cannot tell what one looks like.
var resources = map[string]string{"http": `{"path":"/in"}`, "webhook": `{"path":"/out"}`, "nats": `{"subject":"canary.out"}`}

// configurations of a kind of endpoint.
func configurations(t *testing.T, kind string, schema json.RawMessage, secret string) (all []any) {
	t.Helper()
	for _, text := range plausible[kind] {
		var config any
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			t.Fatal(err)
		}
		all = append(all, replaceSecret(config, secret))
	}
	return append(all, fill(t, schema, secret))
}

func replaceSecret(v any, secret string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "SECRET", secret)
	case []any:
		for i := range v {
			v[i] = replaceSecret(v[i], secret)
		}
	case map[string]any:
		for name := range v {
			v[name] = replaceSecret(v[name], secret)
		}
	}
	return v
}

// fill makes a value that a schema asks for: its required members, and those
// with a secret in them.
func fill(t *testing.T, schema json.RawMessage, secret string) any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	value, _ := filled(s, secret)
	return value
}

// filled says, too, whether the value holds a secret.
func filled(s map[string]any, secret string) (value any, secretive bool) {
	if s["secret"] == true {
		switch s["type"] {
		case "array":
			return []any{secret}, true
		case "object":
			return map[string]any{"Authorization": secret}, true
		}
		return secret, true
	}
	for _, keyword := range []string{"const", "default"} {
		if v, ok := s[keyword]; ok {
			return v, false
		}
	}
	if of, ok := s["enum"].([]any); ok {
		return of[0], false
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if of, ok := s[keyword].([]any); ok && s["properties"] == nil {
			for _, one := range of {
				if v, secretive := filled(one.(map[string]any), secret); secretive {
					return v, true
				}
			}
			return filled(of[0].(map[string]any), secret)
		}
	}
	switch s["type"] {
	case "integer", "number":
		return 1, false
	case "boolean":
		return false, false
	case "array":
		item, _ := s["items"].(map[string]any)
		v, secretive := filled(item, secret)
		return []any{v}, secretive
	case "object":
		return filledObject(s, secret)
	}
	return "http://127.0.0.1:1", false // nothing answers there
}

func filledObject(s map[string]any, secret string) (value any, secretive bool) {
	object, required := map[string]any{}, map[string]bool{}
	if names, ok := s["required"].([]any); ok {
		for _, name := range names {
			required[name.(string)] = true
		}
	}
	known, _ := s["properties"].(map[string]any)
	for name, of := range known {
		v, has := filled(of.(map[string]any), secret)
		if has || required[name] {
			object[name] = v
		}
		secretive = secretive || has
	}
	if more, ok := s["additionalProperties"].(map[string]any); ok {
		if v, has := filled(more, secret); has {
			object["extra"], secretive = v, true
		}
	}
	return object, secretive
}
