package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap/zaptest"

	"weir/catalog"
	"weir/controlplane"
	"weir/controlplane/api"
	"weir/controlplane/listener"
	"weir/fault"
	"weir/internal/weirtest"
	"weir/secrets"
	"weir/sinks"
	"weir/sinks/process"
	"weir/sinks/sqlite"
)

// files are those of the world's catalog, with others in place of some.
func files(others map[string]string) map[string]string {
	all := map[string]string{"flow.yaml": flow, "copies.js": copies}
	maps.Copy(all, others)
	return all
}

// body is a request as JSON.
func body(t *testing.T, request any) string {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wider is the world's flow with one collection more, and one task less.
func wider() string {
	kept, _, _ := strings.Cut(flow, "materializations:")
	return kept + "  acmeCo/more:\n    key: [/id]\n    schema: {type: object, required: [id], properties: {id: {type: string}}}\n"
}

// A catalog whose files are in the request is planned as one on disk is, and
// published once, over HTTP and over NATS.
func TestPublishFiles(t *testing.T) {
	w := newWorld(t)
	sent := api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": wider()})}
	plan := get[api.Plan](w, "POST", "plan", body(t, sent))

	onDisk := weirtest.Load(t, weirtest.Files(t, sent.Files))
	draft, err := controlplane.NewDraft(t.Context(), w.conn, onDisk, controlplane.Options{Catalog: w.dir, Prune: true})
	if err != nil {
		t.Fatal(err)
	}
	want := draft.Plan()
	if got := body(t, plan.Specs) + body(t, plan.Tasks) + body(t, plan.GoOn) + body(t, plan.Unchanged); got != body(t, want.Specs)+body(t, want.Tasks)+body(t, want.GoOn)+body(t, want.Unchanged) || len(want.Specs) != 2 {
		t.Errorf("plan: %s\nof the same files on disk: %s", got, body(t, want))
	}
	history := func() []api.Publication { return get[api.HistoryAnswer](w, "GET", "publications", "").Publications }
	if all := history(); len(all) != 1 || plan.Newest != all[0].ID || plan.Catalog != w.dir {
		t.Fatalf("after the plan: %+v, %+v", plan, all)
	}

	again := w.request("plan", body(t, sent))
	if _, same := w.ask("POST", "plan", body(t, sent)); string(again.Data) != same {
		t.Errorf("over NATS: %s\nover HTTP: %s", again.Data, same)
	}
	none := ""
	if status, text := w.ask("POST", "publish", body(t, api.PublishRequest{PlanRequest: sent, Newest: &none})); status != http.StatusConflict || !strings.Contains(text, `"code":"conflict"`) {
		t.Errorf("by a plan from when nothing was published: %d %s", status, text)
	}
	if status, text := w.ask("POST", "publish", body(t, api.PublishRequest{PlanRequest: sent, Newest: &plan.Newest})); status != http.StatusBadRequest || !strings.Contains(text, `"code":"invalid-request"`) || !strings.Contains(text, "would remove acmeCo/db, which "+w.dir+" had") {
		t.Errorf("nobody agreed to the removal: %d %s", status, text)
	}
	done := get[api.PublishAnswer](w, "POST", "publish", body(t, api.PublishRequest{PlanRequest: sent, Remove: true, Newest: &plan.Newest, By: "ci", Message: "more"}))
	if done.ID == "" || fmt.Sprint(done.Created, done.Changed, done.Removed, done.Unchanged) != "[acmeCo/more] [] [acmeCo/db] [acmeCo/copies acmeCo/orders]" {
		t.Errorf("published: %+v", done)
	}
	if all := history(); len(all) != 2 || all[0].ID != done.ID || all[0].By != "ci" || all[0].Message != "more" || all[0].Catalog != w.dir {
		t.Errorf("history: %+v", all)
	}
	if m := w.request("publish", body(t, api.PublishRequest{PlanRequest: sent, Newest: &plan.Newest})); m.Header.Get(micro.ErrorCodeHeader) != "conflict" {
		t.Errorf("by the old plan: %v %s", m.Header, m.Data)
	}
	if plan = get[api.Plan](w, "POST", "plan", body(t, sent)); len(plan.Specs) != 0 || plan.Newest != done.ID {
		t.Errorf("nothing is left to do: %+v", plan)
	}

	kept := api.PublishRequest{PlanRequest: api.PlanRequest{Catalog: w.dir, Files: files(nil), Keep: true}}
	var answer api.PublishAnswer
	if m := w.request("publish", body(t, kept)); json.Unmarshal(m.Data, &answer) != nil || fmt.Sprint(answer.Created, answer.Removed) != "[acmeCo/db] []" {
		t.Errorf("kept: %v %s", m.Header, m.Data)
	}
	if all := get[api.CollectionsAnswer](w, "GET", "collections", "").Collections; len(all) != 3 {
		t.Errorf("collections: %+v", all)
	}
}

// A catalog that is not right is refused as a whole, with every place, over
// both ways.
func TestPublishRefused(t *testing.T) {
	w := newWorld(t)
	before := len(get[api.HistoryAnswer](w, "GET", "publications", "").Publications)
	wrong := strings.Replace(strings.Replace(flow, "key: [/id]", "key: [/idd]", 1), "shuffle: {key: [/id]}", "shuffle: {key: [/idd]}", 1)
	for name, c := range map[string]struct {
		request     any
		status      int
		code        fault.Code
		place, says string
	}{
		"no name":        {api.PlanRequest{Files: files(nil)}, 400, "invalid-request", "", "the catalog has no name"},
		"a bad name":     {api.PlanRequest{Catalog: "../shop", Files: files(nil)}, 400, "invalid-request", "", `"../shop" is no name`},
		"unknown member": {map[string]any{"catalog": "shop", "file": "x"}, 400, "invalid-request", "", `unknown field "file"`},
		"no files":       {api.PlanRequest{Catalog: "shop"}, 422, "catalog", "flow.yaml:1:1", "neither flow.yaml nor flow.json"},
		"faults":         {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": wrong})}, 422, "catalog", "flow.yaml:4:11", "did you mean /id?"},
		"module":         {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"copies.js": "\nexport const fromOrders = (;\n"})}, 422, "catalog", "copies.js:2:28", "module of acmeCo/copies"},
		"module escapes": {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"copies.js": "import x from '../../etc/x.json';\nexport const fromOrders = () => x;\n"})}, 422, "catalog", "copies.js:1:15", "not among the files that were sent"},
		"path escapes":   {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"../copies.js": copies})}, 422, "catalog", "../copies.js:1:1", "no path below the catalog's directory"},
		"import escapes": {api.PlanRequest{Catalog: w.dir, Files: map[string]string{"flow.yaml": "import: [../../../../../etc/passwd]\n"}}, 422, "catalog", "flow.yaml:1:10", "not among the files that were sent"},
		"connector":      {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": strings.Replace(flow, "path: out.db", "pth: out.db", 1)})}, 422, "catalog", "flow.yaml:14:1", "pth"},
		"program":        {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": strings.Replace(flow, "sqlite: {path: out.db}", "local: {command: [sh], dir: /}", 1)})}, 422, "catalog", "flow.yaml:14:1", "WEIR_NO_LOCAL"},
		"stored":         {api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": strings.Replace(flow, "key: [/id]", "key: [/id]\n    partitions: 32", 1)})}, 422, "catalog", "flow.yaml:3:1", "number of partitions of a published collection cannot change"},
	} {
		for _, operation := range []string{"plan", "publish"} {
			text := body(t, c.request)
			status, got := w.ask("POST", operation, text)
			var answer struct{ Error api.Error }
			if err := json.Unmarshal([]byte(got), &answer); err != nil || status != c.status || answer.Error.Code != c.code || answer.Error.Place != c.place || !strings.Contains(answer.Error.Message, c.says) || answer.Error.Fix == "" {
				t.Errorf("%s, %s: %d %.2000s, %v", name, operation, status, got, err)
			}
			if c.code == "catalog" && (len(answer.Error.Faults) == 0 || fmt.Sprintf("%s:%d:%d", answer.Error.Faults[0].File, answer.Error.Faults[0].Line, answer.Error.Faults[0].Column) != c.place || answer.Error.Faults[0].Code == "") {
				t.Errorf("%s: faults %+v", name, answer.Error.Faults)
			}
			if m := w.request(operation, text); string(m.Data) != got || m.Header.Get(micro.ErrorCodeHeader) != string(c.code) {
				t.Errorf("%s over NATS: %v %s\nover HTTP: %s", name, m.Header, m.Data, got)
			}
		}
	}
	large := strings.Replace(flow, "land: {type: string}", "land: {type: string, examples: [&much "+strings.Repeat("x", 2<<20)+", *much, *much, *much, *much]}", 1)
	if status, text := w.ask("POST", "publish", body(t, api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": large})})); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "the server takes messages of at most") {
		t.Errorf("a large spec: %d %.2000s", status, text)
	}
	long := body(t, api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"more.txt": strings.Repeat("x", 8<<20)})})
	if status, text := w.ask("POST", "publish", long); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "longer than 8388608 bytes") {
		t.Errorf("a long request: %d %.200s", status, text)
	}
	if _, err := w.nats.Request("weir.api.v1.publish", []byte(long), weirtest.Patience); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("a long request over NATS: %v", err)
	}
	if all := get[api.HistoryAnswer](w, "GET", "publications", "").Publications; len(all) != before {
		t.Errorf("published all the same: %+v", all)
	}
}

// What tasks of other catalogs read is not taken from them.
func TestPublishBreaksDependent(t *testing.T) {
	w := newWorld(t)
	orders, _, _ := strings.Cut(flow, "  acmeCo/copies:")
	get[api.PublishAnswer](w, "POST", "publish", body(t, api.PlanRequest{Catalog: "orders", Files: map[string]string{"flow.yaml": orders}}))
	status, text := w.ask("POST", "publish", body(t, api.PublishRequest{PlanRequest: api.PlanRequest{Catalog: "orders", Files: map[string]string{"flow.yaml": "{}"}}, Remove: true}))
	if status != http.StatusConflict || !strings.Contains(text, `"code":"dependents"`) || !strings.Contains(text, "derivation acmeCo/copies") {
		t.Errorf("%d %s", status, text)
	}
	if all := get[api.CollectionsAnswer](w, "GET", "collections", "").Collections; len(all) != 2 {
		t.Errorf("collections: %+v", all)
	}
}

// A secret that is not where Weir runs is no fault, but said.
func TestPublishWithoutSecret(t *testing.T) {
	w := newWorld(t)
	sent := api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": strings.Replace(flow, "out.db", "'${file:no-such-secret}'", 1)})}
	const want = "${file:no-such-secret} is not on this machine, so its endpoint is first checked by the worker"
	if plan := get[api.Plan](w, "POST", "plan", body(t, sent)); len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], want) {
		t.Errorf("plan: %+v", plan)
	}
	if done := get[api.PublishAnswer](w, "POST", "publish", body(t, sent)); len(done.Warnings) != 1 || done.ID == "" {
		t.Errorf("publish: %+v", done)
	}
}

// Who has no token neither plans nor publishes.
func TestPublishWithoutToken(t *testing.T) {
	w := newWorld(t)
	l, err := listener.Listen(t.Context(), listener.Options{Addr: "127.0.0.1:0", TokenFile: filepath.Join(t.TempDir(), "http-token"), Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	w.service.Mount(l.Handle)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx) }() // its end is waited for below
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	_, token, _ := strings.Cut(l.LoginURL(), "token=")
	for given, want := range map[string]int{"": http.StatusUnauthorized, "wrong-" + token: http.StatusUnauthorized, token: http.StatusOK} {
		for _, operation := range []string{"plan", "publish"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(l.URL(), "/")+api.Root+operation, strings.NewReader(body(t, api.PlanRequest{Catalog: w.dir, Files: files(nil)})))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+given)
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s with token %q: %s %s", operation, given, resp.Status, text)
			}
		}
	}
}

// slow is a sink that takes its time to be asked.
type slow struct {
	sinks.Sink
	asked chan struct{}
	goOn  chan struct{}
}

func (s *slow) Validate(ctx context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	s.asked <- struct{}{}
	<-s.goOn
	return s.Sink.Validate(ctx, r)
}

// A publication may take longer than the listener gives other requests, and
// longer than who asked stays: what has not begun then does not begin.
func TestPublishSlowly(t *testing.T) {
	sink := &slow{sqlite.New(), make(chan struct{}), make(chan struct{})}
	w := worldOf(t, sinks.Registry{"sqlite": sink})
	mux := http.NewServeMux()
	w.service.Mount(mux.Handle)
	server := httptest.NewUnstartedServer(mux)
	const limit = 50 * time.Millisecond
	server.Config.ReadTimeout, server.Config.WriteTimeout = limit, limit
	server.Start()
	defer server.Close()
	publish := func(ctx context.Context, request string) (status int, err error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+api.Root+"publish", strings.NewReader(request))
		if err != nil {
			return 0, err
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	request := func(readDelay string) string {
		return body(t, api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": strings.Replace(flow, "readDelay: 5s", "readDelay: "+readDelay, 1)})})
	}
	type outcome struct {
		status int
		err    error
	}
	ended := make(chan outcome, 1)
	run := func(ctx context.Context, text string) {
		go func() { // its outcome is waited for
			status, err := publish(ctx, text)
			ended <- outcome{status, err}
		}()
		<-sink.asked
	}

	run(t.Context(), request("6s"))
	<-time.After(4 * limit) // that the deadlines of other requests are over nothing tells
	sink.goOn <- struct{}{}
	if o := <-ended; o.err != nil || o.status != http.StatusOK {
		t.Fatalf("a slow publication: %+v", o)
	}

	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { // as above
		_, err := w.service.Publish(ctx, api.PublishRequest{PlanRequest: api.PlanRequest{Catalog: w.dir, Files: files(nil)}})
		gone <- err
	}()
	<-sink.asked
	cancel()
	sink.goOn <- struct{}{}
	if err := <-gone; err == nil {
		t.Error("who went away before it began has published")
	}
	if all := get[api.HistoryAnswer](w, "GET", "publications", "").Publications; len(all) != 2 {
		t.Errorf("history: %+v", all)
	}
}

// Who goes away in the middle leaves a whole publication.
func TestPublishGoesOn(t *testing.T) {
	w := newWorld(t)
	making, err := w.nats.SubscribeSync("$JS.API.STREAM.CREATE.acmeCo=more0")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.nats.Flush(); err != nil {
		t.Fatal(err)
	}
	all := flow[:strings.Index(flow, "materializations:")]
	for i := range 20 {
		all += fmt.Sprintf("  acmeCo/more%d: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}\n", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ended by the publication's first stream, or by its subscription's end
		_, _ = making.NextMsg(weirtest.Patience)
		cancel()
	}()
	defer func() { _ = making.Unsubscribe() }() // as above
	done, err := w.service.Publish(ctx, api.PublishRequest{PlanRequest: api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": all})}, Remove: true})
	if err != nil || len(done.Created) != 20 || ctx.Err() == nil {
		t.Errorf("%+v, %v, gone: %v", done, err, ctx.Err())
	}
	if all := get[api.CollectionsAnswer](w, "GET", "collections", "").Collections; len(all) != 22 {
		t.Errorf("%d collections", len(all))
	}
}

// Endpoints that do not answer in time are no answer.
func TestPublishTimeout(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, err := w.service.Publish(ctx, api.PublishRequest{PlanRequest: api.PlanRequest{Catalog: w.dir, Files: files(map[string]string{"flow.yaml": wider()})}})
	var answer *api.Error
	if !errors.As(err, &answer) || answer.Code != fault.Timeout || answer.Status() != http.StatusGatewayTimeout {
		t.Errorf("%v", err)
	}
}

// registry are the sinks of the world: programs are not allowed there.
func registry() sinks.Registry {
	return sinks.Registry{"sqlite": sqlite.New(), catalog.LocalEndpoint: process.New(true)}
}

// connectors are those of the world.
func connectors(t *testing.T, r sinks.Registry) controlplane.Connectors {
	data := t.TempDir()
	return controlplane.Connectors{Sinks: r, DataDir: data, Secrets: &secrets.Store{Dir: data, Confined: true}}
}
