package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"weir/controlplane"
	"weir/controlplane/api"
	"weir/controlplane/quarantine"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	"weir/worker"
)

const flow = `
collections:
  acmeCo/orders:
    key: [/id]
    onInvalid: quarantine
    schema: {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}, land: {type: string}}}
  acmeCo/copies:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: copies.js}}
      transforms: [{name: fromOrders, source: acmeCo/orders, shuffle: {key: [/id]}, readDelay: 5s}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/copies, resource: {table: copies}}]
`

const copies = "export const fromOrders = ({ doc }) => doc;\n"

// world is a server with a published flow, and its API over both ways.
type world struct {
	t    *testing.T
	conn *journal.Conn
	http *httptest.Server
	nats *nats.Conn
	dir  string

	service *api.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, registry())
}

func worldOf(t *testing.T, r sinks.Registry) *world {
	t.Helper()
	s := weirtest.Server(t)
	w := &world{t: t, conn: weirtest.Connect(t, s)}
	w.dir = weirtest.Files(t, map[string]string{"flow.yaml": flow, "copies.js": copies})
	weirtest.Publish(t, w.conn, w.dir)
	w.service = api.New(api.Options{
		Conn: w.conn, Server: s.URL(), Version: "1.2.3", Connectors: connectors(t, r),
		Status: func(context.Context) ([]api.Task, error) {
			return []api.Task{{Kind: api.KindDerivation, Name: "acmeCo/copies", State: api.StateRunning, In: 2, LagSeconds: 7, Positions: map[string]uint64{"fromOrders.v0/0-1/acmeCo/orders": 1}, Loads: []api.Load{{Collection: "acmeCo/copies", Out: 2}, {Binding: "fromOrders", Collection: "acmeCo/orders", In: 2, Lag: 1, LagSeconds: 7}}}}, nil
		},
	})
	stop, err := w.service.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	mux := http.NewServeMux()
	w.service.Mount(mux.Handle)
	w.http = httptest.NewServer(mux)
	t.Cleanup(w.http.Close)
	if w.nats, err = nats.Connect(s.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.nats.Close)
	return w
}

// ask sends a request over HTTP, and gives the answer's status and JSON.
func (w *world) ask(method, path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+api.Root+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "application/json" {
		w.t.Fatal(resp.Header, err)
	}
	return resp.StatusCode, string(text)
}

// get asks for an answer that must come.
func get[T any](w *world, method, path, body string) (answer T) {
	w.t.Helper()
	status, text := w.ask(method, path, body)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s, %v", method, path, status, text, err)
	}
	return answer
}

// request asks over NATS.
func (w *world) request(name, body string) *nats.Msg {
	w.t.Helper()
	m, err := w.nats.Request("weir.api.v1."+name, []byte(body), weirtest.Patience)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return m
}

// Tasks and collections are what is published, with what workers say.
func TestLook(t *testing.T) {
	w := newWorld(t)
	weirtest.Send(t, w.conn, "weir.pub.acmeCo/orders.a", `{"id":"a","n":1}`)
	weirtest.Send(t, w.conn, "weir.pub.acmeCo/orders.b", `{"id":"b","n":2}`)

	var tasks []string
	for _, task := range get[api.StatusAnswer](w, "GET", "status", "").Tasks {
		tasks = append(tasks, fmt.Sprintf("%s %s %s %v %v %s", task.Kind, task.Name, task.State, task.Reads, task.Writes, task.Endpoint))
	}
	want := "derivation acmeCo/copies running [acmeCo/orders] [acmeCo/copies] ; inbox acmeCo/orders pending [] [acmeCo/orders] ; materialization acmeCo/db pending [acmeCo/copies] [] sqlite"
	if got := strings.Join(tasks, "; "); got != want {
		t.Errorf("tasks: %s", got)
	}
	d := get[api.Details](w, "GET", "describe/derivation/acmeCo/copies", "")
	if len(d.Bindings) != 1 || d.Bindings[0].Position != 1 || d.Bindings[0].Lag != 1 || d.Bindings[0].LagSeconds != 7 || d.Bindings[0].In != 2 || d.Bindings[0].How != "shuffled by /id; 5s later" {
		t.Errorf("bindings: %+v", d.Bindings)
	}
	if !strings.Contains(d.Spec, "module: copies.js") || !strings.Contains(d.Spec, "readDelay: 5s") || d.Place != "flow.yaml:7" || d.Catalog != w.dir {
		t.Errorf("spec: %s at %s of %s", d.Spec, d.Place, d.Catalog)
	}
	all := get[api.CollectionsAnswer](w, "GET", "collections", "").Collections
	if len(all) != 2 || all[1].Name != "acmeCo/orders" || all[1].Documents != 2 || all[1].Last != 2 || fmt.Sprint(all[1].ReadBy, all[1].WrittenBy, all[0].WrittenBy) != "[derivation/acmeCo/copies] [inbox/acmeCo/orders] [derivation/acmeCo/copies]" {
		t.Errorf("collections: %+v", all)
	}
	c := get[api.CollectionDetails](w, "GET", "collection/acmeCo/orders", "")
	if !strings.Contains(string(c.Schema), `"land"`) || len(c.Fields) != 5 || c.Newest.IsZero() || c.OnInvalid != "quarantine" {
		t.Errorf("collection: %+v", c)
	}
	if logs := get[api.LogsAnswer](w, "GET", "logs?name=acmeCo/copies&last=5", ""); logs.Lines == nil {
		t.Errorf("logs: %+v", logs)
	}
}

// Documents are found by sequence, key and time, the newest ones and by pages.
func TestRead(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		weirtest.Send(t, w.conn, fmt.Sprintf("weir.pub.acmeCo/orders.o-%d", i%10), fmt.Sprintf(`{"id":"o-%d","n":%d}`, i%10, i))
	}
	weirtest.Send(t, w.conn, "weir.pub.acmeCo/orders.bad", `no JSON`)
	for query, want := range map[string]string{
		"limit=2":                     "1 2 more 3",
		"from=29":                     "29 30 31 next 32",
		"from=29&limit=3":             "29 30 31 next 32",
		"newest=true&limit=3":         "29 30 31 next 32",
		"key=o-3":                     "4 14 24 next 25",
		"key=o-3&newest=true&limit=1": "24 next 32",
		"key=o-99":                    " next 1",
		"from=1h&limit=1":             "1 more 2",
		"from=last":                   "31 next 32",
		"from=3000000000000":          " next 3000000000000",
	} {
		a := get[api.ReadAnswer](w, "GET", "read/acmeCo/orders?"+query, "")
		var seqs []string
		for _, d := range a.Documents {
			seqs = append(seqs, fmt.Sprint(d.Seq))
		}
		word := "next"
		if a.More {
			word = "more"
		}
		if got := fmt.Sprintf("%s %s %d", strings.Join(seqs, " "), word, a.Next); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if d := get[api.Document](w, "GET", "document/31/acmeCo/orders", ""); d.Text != "no JSON" || string(d.Raw()) != "no JSON" {
		t.Errorf("no JSON: %+v", d)
	}
	if d := get[api.Document](w, "GET", "document/1/acmeCo/orders", ""); string(d.Document) != `{"id":"o-0","n":0}` || d.Time.IsZero() {
		t.Errorf("document: %+v", d)
	}
}

// What is asked wrongly, or is not there, has a code, a status and a fix.
func TestErrors(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code, message      string
	}{
		{"GET", "nothing", "", 404, "not-found", "there is no operation GET /api/v1/nothing"},
		{"POST", "status", "", 405, "method-not-allowed", "/api/v1/status takes no POST"},
		{"DELETE", "pause/acmeCo/copies", "", 405, "method-not-allowed", "/api/v1/pause/acmeCo/copies takes no DELETE"},
		{"GET", "publications?limit=-1", "", 400, "invalid-request", "limit: -1 is not between 1 and 1000"},
		{"GET", "logs?last=1000000", "", 400, "invalid-request", "last: 1000000 is not between 1 and 1000"},
		{"GET", "describe/capture/acmeCo/copies", "", 404, "not-found", "there is no capture acmeCo/copies"},
		{"GET", "collection/acmeCo/ordres", "", 404, "not-found", "acmeCo/ordres"},
		{"GET", "read/acmeCo/none", "", 404, "not-found", "there is no collection acmeCo/none"},
		{"GET", "read/acmeCo/orders?limit=x", "", 400, "invalid-request", "limit"},
		{"GET", "read/acmeCo/orders?limit=5000", "", 400, "invalid-request", "limit: 5000 is not between 1 and 1000"},
		{"GET", "read/acmeCo/orders?form=1", "", 400, "invalid-request", `unknown field "form"`},
		{"GET", "read/acmeCo/orders?from=yesterday", "", 400, "invalid-request", `from: "yesterday" is no sequence`},
		{"GET", "read/acmeCo/orders?key=a&key=b", "", 400, "invalid-request", "key"},
		{"GET", "read/acmeCo/orders?partitions=land", "", 400, "invalid-request", "field=value"},
		{"GET", "document/9/acmeCo/orders", "", 404, "not-found", "holds no document at sequence 9"},
		{"POST", "pause/acmeCo/none", "", 404, "not-found", "acmeCo/none is not published"},
		{"POST", "pause/acmeCo/copies", "null", 400, "invalid-request", "no JSON object: it is null"},
		{"POST", "pause/acmeCo/copies", "[1]", 400, "invalid-request", "no JSON object"},
		{"GET", "publication/2000", "", 404, "not-found", "2000"},
		{"GET", "quarantined/5", "", 404, "not-found", "5"},
	} {
		status, text := w.ask(c.method, c.path, c.body)
		var answer struct{ Error api.Error }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != c.status || string(answer.Error.Code) != c.code || !strings.Contains(answer.Error.Message, c.message) || answer.Error.Fix == "" {
			t.Errorf("%s %s: %d %s, %v", c.method, c.path, status, text, err)
		}
	}
}

// NATS clients ask the same, and the nats tools show the service.
func TestMicroService(t *testing.T) {
	w := newWorld(t)
	weirtest.Send(t, w.conn, "weir.pub.acmeCo/orders.a", `{"id":"a","n":1}`)
	m := w.request("read", `{"collection":"acmeCo/orders","limit":1}`)
	_, same := w.ask("GET", "read/acmeCo/orders?limit=1", "")
	if string(m.Data) != same || m.Header.Get(micro.ErrorCodeHeader) != "" {
		t.Errorf("over NATS: %s\nover HTTP: %s", m.Data, same)
	}
	m = w.request("read", `{"collection":"acmeCo/none"}`)
	if m.Header.Get(micro.ErrorCodeHeader) != "not-found" || m.Header.Get(micro.ErrorHeader) != "there is no collection acmeCo/none" || !strings.Contains(string(m.Data), `"fix":"these are there: acmeCo/copies, acmeCo/orders"`) {
		t.Errorf("an error: %v %s", m.Header, m.Data)
	}
	if m = w.request("read", `{"collction":"x"}`); m.Header.Get(micro.ErrorCodeHeader) != "invalid-request" {
		t.Errorf("a wrong request: %v %s", m.Header, m.Data)
	}
	reply, err := w.nats.Request("$SRV.INFO.weir", nil, weirtest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	var info micro.Info
	if err := json.Unmarshal(reply.Data, &info); err != nil || info.Version != "1.2.3" || len(info.Endpoints) != len(api.Operations()) {
		t.Fatalf("info: %s, %v", reply.Data, err)
	}
	for _, e := range info.Endpoints {
		if e.Subject != "weir.api.v1."+e.Name || e.QueueGroup != "q" || e.Metadata["doc"] == "" {
			t.Errorf("endpoint %+v", e)
		}
	}
}

// Tasks pause and go on; publications are shown, planned and brought back.
func TestChange(t *testing.T) {
	w := newWorld(t)
	if a := get[api.TasksAnswer](w, "POST", "pause/acmeCo/copies", `{"by":"ops","why":"looks odd"}`); fmt.Sprint(a.Tasks) != "[derivation/acmeCo/copies]" {
		t.Errorf("pause: %+v", a)
	}
	if d := get[api.Details](w, "GET", "describe/derivation/acmeCo/copies", ""); d.Paused == nil || d.Paused.By != "ops" || d.Paused.Why != "looks odd" || time.Since(d.Paused.At) > time.Hour {
		t.Errorf("paused: %+v", d.Paused)
	}
	w.request("resume", `{"name":"acmeCo/copies"}`)
	if d := get[api.Details](w, "GET", "describe/derivation/acmeCo/copies", ""); d.Paused != nil {
		t.Errorf("resumed: %+v", d.Paused)
	}

	smaller := weirtest.Files(t, map[string]string{"flow.yaml": flow[:strings.Index(flow, "materializations:")], "copies.js": copies})
	if _, err := controlplane.Publish(t.Context(), w.conn, weirtest.Load(t, smaller), controlplane.Options{Catalog: w.dir, Prune: true, By: "otto"}); err != nil {
		t.Fatal(err)
	}
	all := get[api.HistoryAnswer](w, "GET", "publications", "").Publications
	if len(all) != 2 || all[0].By != "otto" || len(all[0].Specs) != 1 || all[0].Specs[0].Action != "remove" || all[0].Specs[0].Name != "acmeCo/db" {
		t.Fatalf("history: %+v", all)
	}
	first, newest := all[1].ID, all[0].ID
	if p := get[api.Publication](w, "GET", "publication/"+first, ""); p.ID != first || len(p.Specs) != 3 {
		t.Errorf("publication: %+v", p)
	}
	plan := get[api.Plan](w, "GET", "plan/"+first, "")
	if short := get[api.Plan](w, "GET", "plan/"+first[:len(first)-1], ""); short.Publication != first {
		t.Errorf("the plan is of %s, by the beginning of %s", short.Publication, first)
	}
	if plan.Newest != newest || plan.Publication != first || plan.Catalog != w.dir || len(plan.Specs) != 1 || plan.Specs[0].Action != "create" || len(plan.Tasks) != 1 || plan.Tasks[0].Action != "start" {
		t.Errorf("plan: %+v", plan)
	}
	if status, text := w.ask("POST", "revert/"+first, `{"newest":"`+first+`"}`); status != http.StatusConflict || !strings.Contains(text, `"code":"conflict"`) {
		t.Errorf("by an old plan: %d %s", status, text)
	}
	if a := get[api.PublishAnswer](w, "POST", "revert/"+first, `{"newest":"`+newest+`","by":"ops","message":"it is needed"}`); a.ID == "" || fmt.Sprint(a.Created) != "[acmeCo/db]" {
		t.Errorf("revert: %+v", a)
	}
	draft, err := controlplane.DraftDelete(t.Context(), w.conn, []string{"acmeCo/db"}, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	deletion, err := draft.Publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, text := w.ask("POST", "revert/"+deletion.ID, ""); status != http.StatusBadRequest || !strings.Contains(text, "deleted acmeCo/db") {
		t.Errorf("revert to a deletion: %d %s", status, text)
	}
	if all = get[api.HistoryAnswer](w, "GET", "publications?limit=2", "").Publications[1:]; len(all) != 1 || all[0].Reverts != first || all[0].By != "ops" || all[0].Message != "it is needed" {
		t.Errorf("history afterwards: %+v", all)
	}
}

// Quarantined documents are listed, mended and dropped.
func TestQuarantine(t *testing.T) {
	w := newWorld(t)
	run, _ := weirtest.Run(t, weirtest.Options(t, w.conn, t.TempDir()))
	weirtest.Send(t, w.conn, "weir.pub.acmeCo/orders", `{"id":"x","n":"one"}`, `{"id":"y"}`)
	weirtest.Await(t, run, worker.KindInbox, "acmeCo/orders", "through both", func(s worker.Status) bool { return s.Quarantined == 2 })
	all := get[api.QuarantineAnswer](w, "GET", "quarantine?collection=acmeCo/orders&limit=1", "")
	if len(all.Entries) != 1 || !all.More || all.Entries[0].Pointer != "/n" || all.Entries[0].Rule != "type" || all.Entries[0].By != "inbox" || all.Entries[0].Excerpt != `{"id":"x","n":"one"}` {
		t.Fatalf("%+v", all)
	}
	id := all.Entries[0].ID
	d := get[api.QuarantinedDocument](w, "GET", fmt.Sprint("quarantined/", id), "")
	if string(d.Document) != `{"id":"x","n":"one"}` || d.ID != id {
		t.Errorf("%+v", d)
	}
	if a := get[api.RetryAnswer](w, "POST", fmt.Sprint("retry/", id), ""); a.Done || a.Pointer != "/n" || a.Reason == "" {
		t.Errorf("as it is: %+v", a)
	}
	if a := get[api.RetryAnswer](w, "POST", fmt.Sprint("retry/", id), `{"document":{"id":"x","n":1}}`); !a.Done || a.Seq == 0 {
		t.Errorf("mended: %+v", a)
	}
	if got := get[api.ReadAnswer](w, "GET", "read/acmeCo/orders?key=x", ""); len(got.Documents) != 1 || string(got.Documents[0].Document) != `{"id":"x","n":1}` {
		t.Errorf("in the collection: %+v", got)
	}
	if n, err := quarantine.Count(t.Context(), w.conn); n != 1 || err != nil {
		t.Errorf("%d are left, %v", n, err)
	}
	rest := get[api.QuarantineAnswer](w, "GET", "quarantine", "")
	if len(rest.Entries) != 1 || rest.More {
		t.Fatalf("left: %+v", rest)
	}
	get[api.DoneAnswer](w, "POST", fmt.Sprint("drop/", rest.Entries[0].ID), "")
	if rest = get[api.QuarantineAnswer](w, "GET", "quarantine", ""); len(rest.Entries) != 0 {
		t.Errorf("dropped: %+v", rest)
	}
}
