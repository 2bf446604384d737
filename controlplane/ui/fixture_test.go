package ui_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"weir/controlplane/api"
	"weir/controlplane/ui"
)

// hostile is what a document may hold.
const hostile = `</pre><script>document.title="owned"</script><img src=x onerror="document.title='owned'">`

// world is what the pages of a test read, in place of NATS.
type world struct {
	mu    sync.Mutex
	tasks []api.Task
	away  bool // NATS
	acts  []string
	moved chan struct{} // closed when documents or lines of a log came
	docs  []api.Document
	lines []api.LogLine
	held  []uint64 // in quarantine

	following int      // events that a browser is sent now
	asked     []string // their paths, with queries
	fed       int      // documents that were followed
}

func newWorld() *world {
	now := time.Now().UTC()
	w := &world{moved: make(chan struct{}), lines: lines(), held: []uint64{7, 12}}
	retry := now.Add(40 * time.Second)
	w.tasks = []api.Task{
		{Kind: api.KindInbox, Name: "acmeCo/orders", State: api.StateRunning, Since: now, Writes: []string{"acmeCo/orders"}},
		{Kind: api.KindDerivation, Name: "acmeCo/paid-orders", State: api.StateRunning, Since: now.Add(-time.Hour), Reads: []string{"acmeCo/orders"}, Writes: []string{"acmeCo/paid-orders"}, Quarantined: 2, In: 120_000, InBytes: 31_000_000, Out: 60_000, OutBytes: 9_000_000, Txns: 812, LastFailure: &api.Failure{At: now.Add(-3 * time.Minute), Why: api.Why{Code: "disk", Message: "no room for registers"}}, Worker: "77b2c7afcdb3b44f0b", Positions: map[string]uint64{"fromOrders.v0/0-1/acmeCo/orders": 120_310}},
		{Kind: api.KindDerivation, Name: "acmeCo/customer-totals", State: api.StateRunning, Since: now.Add(-3 * 24 * time.Hour), Lag: 42_118, LagSeconds: 95, In: 77_000, Out: 3_000, Reads: []string{"acmeCo/orders", "acmeCo/refunds"}, Writes: []string{"acmeCo/customer-totals"}},
		{Kind: api.KindCapture, Name: "acmeCo/refunds-in", State: api.StatePaused, Since: now.Add(-time.Hour), Why: &api.Why{Code: "paused", Message: "paused by ops@acmeCo: their API is being migrated", Fix: "resume it"}, Endpoint: "http", Writes: []string{"acmeCo/refunds"}, Out: 811},
		{Kind: api.KindMaterialization, Name: "acmeCo/warehouse", State: api.StateFailed, Since: now.Add(-10 * time.Minute), Endpoint: "postgres", Reads: []string{"acmeCo/paid-orders", "acmeCo/customer-totals"}, Lag: 311, In: 4_000, Out: 3_999, Why: &api.Why{
			Code: "invalid-document", Message: "collection acmeCo/paid-orders: invalid document at sequence 4011: /amount: type: expected number, but got string \"12,50\"", Collection: "acmeCo/paid-orders", Subject: "weir.doc.acmeCo/paid-orders.7.ord-4011", Seq: 4011,
			Pointer: "/amount", Rule: "type", Document: `{"id":"ord-4011","customer":"cust-7","amount":"12,50","note":` + quote(hostile) + `}`, Fix: "mend the module or source that made it, or publish a schema that takes it, or set `onInvalid: quarantine` on the collection"}},
		{Kind: api.KindMaterialization, Name: "acmeCo/search", State: api.StateRetrying, Since: now.Add(-20 * time.Second), Retry: &retry, Endpoint: "webhook", Reads: []string{"acmeCo/paid-orders"}, Why: &api.Why{Code: "endpoint", Message: "store: POST https://search.internal/bulk: connection refused", Fix: "look at the endpoint and its configuration; after a change publish the catalog again"}},
		{Kind: api.KindDerivation, Name: "acmeCo/flagged-orders", State: api.StatePending, Since: now, Reads: []string{"acmeCo/orders", "acmeCo/flagged-orders"}, Writes: []string{"acmeCo/flagged-orders"}, Why: &api.Why{Code: "no-worker", Message: "no worker has taken this task up", Fix: "start `weir up` or `weir serve`, if none runs"}},
		{Kind: api.KindMaterialization, Name: "acmeCo/old-db", State: api.StateDisabled, Endpoint: "sqlite", Reads: []string{"acmeCo/customer-totals"}},
	}
	for i := range 60 {
		w.docs = append(w.docs, document(uint64(i+2), now.Add(time.Duration(i-60)*time.Minute)))
	}
	w.docs[57].Document = json.RawMessage(`{"id":"ord-57","note":` + quote(hostile) + `}`)
	w.docs[56].Document, w.docs[56].Text = nil, hostile+" and no JSON"
	w.docs[55].Document = json.RawMessage(`{"id":"ord-55","big":"` + strings.Repeat("x", 40_000) + `"}`)
	return w
}

func document(seq uint64, at time.Time) api.Document {
	id := fmt.Sprintf("ord-%d", seq)
	return api.Document{Seq: seq, Time: at, Subject: "weir.doc.acmeCo/orders.7." + id, Content: api.Content{Document: json.RawMessage(fmt.Sprintf(`{"id":%q,"customer":"cust-%d","status":"paid","items":[{"sku":"SKU-%d","qty":2,"price":17.10}]}`, id, seq%9, seq%40))}}
}

func quote(text string) string {
	b, _ := json.Marshal(text) // a string always can be
	return string(b)
}

// step lets the tasks that run go on.
func (w *world) step() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.tasks {
		if w.tasks[i].State == api.StateRunning {
			w.tasks[i].In += uint64(900 * (i + 1))
			w.tasks[i].Out += uint64(400 * (i + 1))
			w.tasks[i].Loads = nil
			for _, name := range w.tasks[i].Reads {
				w.tasks[i].Loads = append(w.tasks[i].Loads, api.Load{Binding: "b", Collection: name, In: w.tasks[i].In})
			}
			for _, name := range w.tasks[i].Writes {
				w.tasks[i].Loads = append(w.tasks[i].Loads, api.Load{Collection: name, Out: w.tasks[i].Out})
			}
		}
	}
}

// come stores more documents.
func (w *world) come(many int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range many {
		w.docs = append(w.docs, document(uint64(len(w.docs)+2), time.Now()))
	}
	w.move()
}

// log logs another line.
func (w *world) log(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, api.LogLine{Seq: uint64(len(w.lines) + 1), Time: time.Now(), Level: "info", Message: message})
	w.move()
}

func (w *world) move() {
	close(w.moved)
	w.moved = make(chan struct{})
}

var errAway = errors.New("nats: no servers available for connection")

func (w *world) check() error {
	if w.away {
		return errAway
	}
	return nil
}

func (w *world) list(context.Context) ([]api.Task, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tasks), w.check()
}

func (w *world) task(_ context.Context, kind, name string) (api.Details, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tasks {
		if t.Kind == kind && t.Name == name {
			d := api.Details{Task: t, Publication: "20261126T010816.897Z-48d66866", Catalog: "/srv/shop", Place: "flow.yaml:42", Spec: "materializations:\n  " + name + ":\n    endpoint:\n      postgres:\n        address: db:5432\n        password: ${env:DB_PASSWORD}\n    bindings:\n      - source: acmeCo/paid-orders\n        resource: {table: paid_orders}\n"}
			if t.State == api.StatePaused {
				d.Paused = &api.Paused{At: t.Since, By: "ops@acmeCo", Why: "their API is being migrated"}
			}
			for _, r := range t.Reads {
				d.Bindings = append(d.Bindings, api.Binding{Name: strings.TrimPrefix(r, "acmeCo/"), Source: r, Target: strings.Join(t.Writes, ""), Position: 4010, Load: api.Load{In: 4_000, Lag: t.Lag, LagSeconds: t.LagSeconds}, How: "by /customer"})
			}
			return d, w.check()
		}
	}
	return api.Details{}, &api.Error{Code: "not-found", Message: "there is no " + kind + " " + name, Fix: "these are there: acmeCo/warehouse"}
}

const orderSchema = `{"type":"object","required":["id","customer"],"properties":{
	"id":{"type":"string","description":"number of the order","minLength":1},"customer":{"type":"string"},
	"status":{"enum":["placed","paid","cancelled"]},"total":{"type":["number","null"],"minimum":0,"reduce":{"strategy":"sum"}},
	"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string","pattern":"^SKU-"},"qty":{"type":"integer"}}}}}}`

func (w *world) collections(context.Context) ([]api.Collection, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []api.Collection
	for _, name := range []string{"acmeCo/orders", "acmeCo/refunds", "acmeCo/paid-orders", "acmeCo/customer-totals", "acmeCo/flagged-orders"} {
		c := api.Collection{Name: name, Key: []string{"/id"}, Partitions: 16, OnInvalid: "stop", Documents: 120_310, Bytes: 38_000_000, First: 1, Last: 120_310}
		for _, t := range w.tasks {
			if slices.Contains(t.Reads, name) {
				c.ReadBy = append(c.ReadBy, t.Kind+"/"+t.Name)
			}
			if slices.Contains(t.Writes, name) {
				c.WrittenBy = append(c.WrittenBy, t.Kind+"/"+t.Name)
				c.Derived = c.Derived || t.Kind == api.KindDerivation
			}
		}
		out = append(out, c)
	}
	return out, w.check()
}

func (w *world) collection(ctx context.Context, name string) (api.CollectionDetails, error) {
	all, err := w.collections(ctx)
	i := slices.IndexFunc(all, func(c api.Collection) bool { return c.Name == name })
	if err != nil || i < 0 {
		return api.CollectionDetails{}, errors.Join(err, &api.Error{Code: "not-found", Message: "there is no collection " + name})
	}
	all[i].Newest = time.Now().Add(-time.Minute)
	return api.CollectionDetails{
		Collection: all[i], Publication: "20261126T010816.897Z-48d66866", Catalog: "/srv/shop", Place: "flow.yaml:12", Schema: json.RawMessage(orderSchema), Spec: "collections:\n  " + name + ":\n    key: [/id]\n",
		Fields: []api.Field{{Name: "id", Pointer: "/id", Types: []string{"string"}, Exists: "must", Key: true}, {Name: "flow_document", Types: []string{"object"}, Exists: "must"}},
	}, nil
}

func (w *world) read(_ context.Context, r api.ReadRequest) (api.ReadAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := api.ReadAnswer{Next: uint64(len(w.docs) + 2)}
	switch {
	case r.Newest:
		a.Documents = w.docs[max(len(w.docs)-r.Limit, 0):]
	case r.From == "yesterday":
		return a, &api.Error{Code: "invalid-request", Message: `from: "yesterday" is no sequence, time or age`}
	case r.From != "":
		for _, d := range w.docs {
			if r.From == "2" && len(a.Documents) < r.Limit {
				a.Documents, a.Next = append(a.Documents, d), d.Seq+1
			}
		}
		a.More = a.Next < uint64(len(w.docs)+2)
	case len(r.Key) > 0:
		for _, d := range w.docs {
			if strings.HasSuffix(d.Subject, "."+r.Key[0]) {
				a.Documents = append(a.Documents, d)
			}
		}
	default: // from the beginning
		a.Documents, a.More = w.docs[:min(len(w.docs), r.Limit)], true
	}
	return a, w.check()
}

func (w *world) document(_ context.Context, r api.DocumentRequest) (api.Document, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.docs {
		if d.Seq == r.Seq {
			return d, w.check()
		}
	}
	return api.Document{}, &api.Error{Code: "not-found", Message: "none"}
}

func (w *world) follow(ctx context.Context, _ string, after uint64, each func(api.Document) error) error {
	return follow(ctx, w, &w.docs, func(d api.Document) uint64 { return d.Seq }, after, func(d api.Document) error {
		w.mu.Lock()
		w.fed++
		w.mu.Unlock()
		return each(d)
	})
}

// follow calls each with what a list has behind a sequence, and with what comes.
func follow[T any](ctx context.Context, w *world, list *[]T, seq func(T) uint64, after uint64, each func(T) error) error {
	for {
		w.mu.Lock()
		all, moved := slices.Clone(*list), w.moved
		w.mu.Unlock()
		for _, one := range all {
			if seq(one) <= after {
				continue
			}
			if err := each(one); err != nil {
				return err
			}
			after = seq(one)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil
		}
	}
}

func lines() []api.LogLine {
	at := time.Date(2026, 11, 26, 8, 30, 0, 0, time.UTC)
	return []api.LogLine{
		{Seq: 1, Time: at, Level: "info", Message: "endpoint prepared", Fields: map[string]any{"action": "CREATE TABLE paid_orders"}},
		{Seq: 2, Time: at.Add(time.Minute), Level: "warn", Message: "task retries", Fields: map[string]any{"wait": "1.5s", "txn": 812}},
		{Seq: 3, Time: at.Add(2 * time.Minute), Level: "error", Message: "task failed: " + hostile},
	}
}

func (w *world) logs(context.Context, api.LogsRequest) ([]api.LogLine, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lines), nil
}

func (w *world) followLogs(ctx context.Context, _, _ string, after uint64, each func(api.LogLine) error) error {
	return follow(ctx, w, &w.lines, func(l api.LogLine) uint64 { return l.Seq }, after, each)
}

// pages serves the pages of a world, without a token.
func (w *world) pages(t *testing.T) string {
	t.Helper()
	u := ui.New(ui.Options{
		Reads: ui.Reads{
			Tasks: w.list, Task: w.task, Collections: w.collections, Collection: w.collection, Documents: w.read, Document: w.document, Follow: w.follow, Logs: w.logs,
			FollowLogs:   w.followLogs,
			InQuarantine: w.inQuarantine, Quarantine: w.quarantine, Quarantined: w.quarantined, Publications: w.publications, Publication: w.publication, PlanRevert: w.plan,
			Connected: func() (string, bool) { w.mu.Lock(); defer w.mu.Unlock(); return "nats://127.0.0.1:4222", !w.away },
		},
		Acts: ui.Acts{
			Pause: func(_ context.Context, r api.PauseRequest) (api.TasksAnswer, error) {
				return api.TasksAnswer{}, w.act("pause " + r.Name)
			},
			Resume: func(_ context.Context, r api.ResumeRequest) (api.TasksAnswer, error) {
				return api.TasksAnswer{}, w.act("resume " + r.Name)
			},
			Retry: w.retry,
			Drop: func(_ context.Context, r api.EntryRequest) (api.DoneAnswer, error) {
				w.release(r.ID)
				return api.DoneAnswer{}, w.act(fmt.Sprintf("drop %d", r.ID))
			},
			Revert: func(_ context.Context, r api.RevertRequest) (api.PublishAnswer, error) {
				return api.PublishAnswer{ID: second}, w.act("revert " + r.ID + " " + r.Newest + " " + r.Message)
			},
		},
		Version: "1.2.3", Log: zaptest.NewLogger(t),
	})
	mux := http.NewServeMux()
	u.Mount(mux.Handle, mux.Handle)
	mux.HandleFunc("GET /login", func(rw http.ResponseWriter, r *http.Request) {
		u.Login(rw, r, "This page wants the token of this Weir.")
	})
	s := httptest.NewServer(w.counted(mux))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { u.Run(ctx) })
	t.Cleanup(func() {
		s.CloseClientConnections() // pages that live
		s.Close()
		cancel()
		running.Wait()
	})
	return s.URL
}

// counted notes which events are followed.
func (w *world) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/events/") {
			w.mu.Lock()
			w.following++
			w.asked = append(w.asked, r.URL.RequestURI())
			w.mu.Unlock()
			defer func() { w.mu.Lock(); w.following--; w.mu.Unlock() }()
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *world) act(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acts = append(w.acts, what)
	return nil
}

// Identifiers of publications.
const (
	first  = "20261125T171500.120Z-0a51c2d3"
	second = "20261126T010816.897Z-48d66866"
)

func (w *world) quarantine(_ context.Context, r api.QuarantineRequest) (api.QuarantineAnswer, error) {
	a := api.QuarantineAnswer{Entries: []api.Quarantined{}}
	if r.Task != "nobody" {
		w.mu.Lock()
		held := slices.Clone(w.held)
		w.mu.Unlock()
		for _, id := range held {
			d, _ := w.quarantined(context.Background(), api.EntryRequest{ID: id})
			a.Entries = append(a.Entries, d.Quarantined)
		}
	}
	return a, w.check()
}

func (w *world) inQuarantine(context.Context) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return uint64(len(w.held)), w.check()
}

// release takes a document out of quarantine.
func (w *world) release(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = slices.DeleteFunc(w.held, func(of uint64) bool { return of == id })
}

func (w *world) quarantined(_ context.Context, r api.EntryRequest) (api.QuarantinedDocument, error) {
	d := api.QuarantinedDocument{Quarantined: api.Quarantined{
		ID: r.ID, Time: time.Now().Add(-time.Hour), Collection: "acmeCo/orders", Task: "acmeCo/paid-orders", By: "reader", Rule: "type", Pointer: "/items/0/qty", Reason: `expected integer, but got string "two"`,
		Origin: "weir.doc.acmeCo/orders.7.ord-9", Sequence: 9, Size: 96, Excerpt: `{"id":"ord-9","note":` + quote(hostile), Fix: "publish a schema that takes it and run `weir quarantine retry 7`, or mend it with `weir quarantine edit 7`"}}
	switch r.ID {
	case 7:
		d.Document = json.RawMessage(`{"id":"ord-9","note":` + quote(hostile) + `,"items":[{"sku":"SKU-1","qty":"two"}]}`)
	case 12:
		d.Text, d.Rule, d.Pointer, d.Reason, d.By = "{no JSON"+hostile, "json", "", "it is no JSON", "inbox"
	default:
		return d, &api.Error{Code: "not-found", Message: "quarantine holds no such document", Fix: "list what is there"}
	}
	return d, nil
}

func (w *world) retry(_ context.Context, r api.RetryRequest) (api.RetryAnswer, error) {
	_ = w.act(fmt.Sprintf("retry %d %s", r.ID, r.Document))
	if strings.Contains(string(r.Document), `"qty": 2`) {
		w.release(r.ID)
		return api.RetryAnswer{Done: true, Action: "published", Seq: 70}, nil
	}
	return api.RetryAnswer{Action: "stays in quarantine", Reason: `expected integer, but got string "two"`, Pointer: "/items/0/qty", Rule: "type"}, nil
}

func history() []api.Publication {
	return []api.Publication{
		{ID: second, Time: time.Date(2026, 11, 26, 1, 8, 16, 0, time.UTC), Catalog: "/srv/shop", By: "ops@acmeCo", Message: "refunds count as negative orders", Specs: []api.Change{
			{Action: "change", Kind: "collection", Name: "acmeCo/customer-totals", Changes: []string{"derive.transforms: fromRefunds is added", "key stays; schema: /spent has minimum 0 no more"}},
			{Action: "create", Kind: "collection", Name: "acmeCo/refunds"}, {Action: "create", Kind: "capture", Name: "acmeCo/refunds-in"}}},
		{ID: first, Time: time.Date(2026, 11, 25, 17, 15, 0, 0, time.UTC), Catalog: "/srv/shop", By: "build@acmeCo", Specs: []api.Change{{Action: "create", Kind: "collection", Name: "acmeCo/customer-totals"}}},
	}
}

func (w *world) publications(context.Context, api.HistoryRequest) (api.HistoryAnswer, error) {
	return api.HistoryAnswer{Publications: history()}, w.check()
}

func (w *world) publication(_ context.Context, r api.PublicationRequest) (api.Publication, error) {
	for _, p := range history() {
		if p.ID == r.ID {
			return p, nil
		}
	}
	return api.Publication{}, &api.Error{Code: "not-found", Message: "there is no publication " + r.ID, Fix: "list them"}
}

func (w *world) plan(_ context.Context, r api.PublicationRequest) (api.Plan, error) {
	return api.Plan{
		Publication: r.ID, Newest: second, Catalog: "/srv/shop", GoOn: []string{"acmeCo/paid-orders"},
		Specs: []api.Change{{Action: "change", Kind: "collection", Name: "acmeCo/customer-totals", Changes: []string{"derive.transforms: fromRefunds is removed"}}, {Action: "remove", Kind: "capture", Name: "acmeCo/refunds-in", Effects: []string{"its progress is forgotten"}}},
		Tasks: []api.Change{{Action: "restart", Kind: "derivation", Name: "acmeCo/customer-totals", Why: "its spec changes"}, {Action: "stop", Kind: "capture", Name: "acmeCo/refunds-in"}},
	}, nil
}
