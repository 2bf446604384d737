package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weir/collection"
	"weir/internal/natstest"
	"weir/sinks"
	"weir/sinks/sinkstest"
)

// endpoint is a server of somebody else's.
type endpoint struct{ *natstest.Endpoint }

func serve(t testing.TB) *endpoint { return &endpoint{natstest.Serve(t)} }

func connectTo(t testing.TB, url string) *endpoint { return &endpoint{natstest.Connect(t, url)} }

// messages gives what a stream holds under a subject.
func (e *endpoint) messages(stream, filter string) (out []*jetstream.RawStreamMsg) {
	e.Helper()
	ctx := context.Background()
	s, err := e.JS.Stream(ctx, stream)
	if err != nil {
		e.Fatal(err)
	}
	for seq := uint64(1); ; {
		m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out
		}
		if err != nil {
			e.Fatal(err)
		}
		out = append(out, m)
		seq = m.Sequence + 1
	}
}

// documents gives the newest document of each subject, or every one.
func (e *endpoint) documents(stream, filter string, every bool) (docs []string) {
	newest := map[string]string{}
	for _, m := range e.messages(stream, filter) {
		if every {
			docs = append(docs, string(m.Data))
			continue
		}
		newest[m.Subject] = string(m.Data)
	}
	for _, d := range newest {
		if d != "" {
			docs = append(docs, d)
		}
	}
	return docs
}

// token is a resource's name in the subjects of the tests.
func token(name string, delta bool) string {
	if delta {
		return "delta." + collection.KeyToken(name)
	}
	return "table." + collection.KeyToken(name)
}

// inStream is a harness of a stream with the given settings.
func inStream(t *testing.T, cfg jetstream.StreamConfig) sinkstest.Harness {
	e := serve(t)
	cfg.Name = "OUT"
	e.Stream(cfg)
	deltas := map[string]bool{}
	return sinkstest.Harness{
		Sink: New(), Config: e.Config, Appends: true,
		Resource: func(name string, delta bool) json.RawMessage {
			deltas[name] = delta
			subject := token(name, delta) + ".{id}"
			text, _ := json.Marshal(map[string]any{"stream": "OUT", "subject": subject, "deltaUpdates": delta})
			return text
		},
		Documents: func(t *testing.T, name string) []string {
			return e.documents("OUT", token(name, deltas[name])+".>", deltas[name])
		},
		Secret: "s3cret", Unreachable: json.RawMessage(`{"url":"nats://127.0.0.1:1","user":"u","password":"s3cret"}`),
	}
}

func TestConformanceExactlyOnce(t *testing.T) {
	sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
		return inStream(t, jetstream.StreamConfig{Subjects: []string{"table.>", "delta.>", "weir.sink.OUT.>"}, AllowAtomicPublish: true})
	})
}

func TestConformanceAtLeastOnce(t *testing.T) {
	sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
		h := inStream(t, jetstream.StreamConfig{Subjects: []string{"table.>", "delta.>"}})
		h.AtLeastOnce = true
		return h
	})
}

// A bucket is read by clients of the protocol, and stands the suite's odd
// values.
func TestBucket(t *testing.T) {
	e := serve(t)
	const resource = `{"bucket":"out","key":"{customer}.{id}","create":{"storage":"memory"}}`
	r := e.request(resource)
	if _, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: r.Task, Config: r.Config, Bindings: r.Bindings}); err != nil {
		t.Fatal(err)
	}
	s, opened := e.open(resource)
	if !opened.Exactly {
		t.Error("a bucket that the sink has made is not exactly once")
	}
	docs := []string{`{"id":1,"customer":"a.b"}`, `{"id":"1","customer":"a.b"}`, `{"id":true,"customer":""}`, `{"id":null,"customer":"ü="}`}
	var keys [][]byte
	for _, d := range docs {
		e.store(s, d)
		keys = append(keys, row(t, d, "/id", "/customer").Key)
	}
	if err := s.Commit(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	loaded := map[int]string{}
	err := s.Load(t.Context(), 0, keys, func(i int, doc []byte) error {
		loaded[i] = string(doc)
		return nil
	})
	for i, d := range docs {
		if err != nil || loaded[i] != d {
			t.Errorf("%s loads as %s, %v", d, loaded[i], err)
		}
	}
	kv, err := e.JS.KeyValue(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	if entry, err := kv.Get(t.Context(), "a=2Eb.=s1"); err != nil || string(entry.Value()) != docs[1] {
		t.Errorf("a client of the protocol reads %v, %v", entry, err)
	}
	gone := *row(t, docs[1], "/id", "/customer")
	gone.Delete, gone.Exists = true, true
	if err := s.Store(t.Context(), 0, []sinks.Row{gone}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), []byte("y")); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Get(t.Context(), "a=2Eb.=s1"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("a deleted key: %v", err)
	}
	found, err := kv.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range found.Keys() {
		n++
	}
	if n != len(docs)-1 {
		t.Errorf("clients find %d keys", n)
	}
}

// TestGuarantees says of settings of streams whether their sessions are exactly
// once.
func TestGuarantees(t *testing.T) {
	e := serve(t)
	subjects := []string{"o.>", "weir.sink.S.>"}
	for name, test := range map[string]struct {
		cfg  jetstream.StreamConfig
		want bool
	}{
		"all that it takes":     {jetstream.StreamConfig{Subjects: subjects, AllowAtomicPublish: true}, true},
		"no batches":            {jetstream.StreamConfig{Subjects: subjects}, false},
		"no subject":            {jetstream.StreamConfig{Subjects: subjects[:1], AllowAtomicPublish: true}, false},
		"an age":                {jetstream.StreamConfig{Subjects: subjects, AllowAtomicPublish: true, MaxAge: time.Hour}, false},
		"an age with marks":     {jetstream.StreamConfig{Subjects: subjects, AllowAtomicPublish: true, MaxAge: time.Hour, AllowMsgTTL: true}, true},
		"a size":                {jetstream.StreamConfig{Subjects: subjects, AllowAtomicPublish: true, MaxBytes: 1 << 20}, false},
		"a size, new discarded": {jetstream.StreamConfig{Subjects: subjects, AllowAtomicPublish: true, MaxBytes: 1 << 20, Discard: jetstream.DiscardNew}, true},
		"one of a subject":      {jetstream.StreamConfig{Subjects: subjects, AllowAtomicPublish: true, MaxMsgsPerSubject: 1}, true},
	} {
		test.cfg.Name = "S"
		e.Stream(test.cfg)
		s, opened := e.open(`{"stream":"S","subject":"o.{id}.{customer}"}`)
		if opened.Exactly != test.want || opened.Exactly != (opened.MaxRows > 0) {
			t.Errorf("%s: %+v", name, opened)
		}
		for i := range 2 { // the second one follows the first
			e.store(s, fmt.Sprintf(`{"id":%d,"customer":"a"}`, i))
			if err := s.Commit(t.Context(), []byte("x")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.Close()
		if n := len(e.messages("S", "o.>")); n != 2 {
			t.Errorf("%s: %d documents", name, n)
		}
		if err := e.JS.DeleteStream(t.Context(), "S"); err != nil {
			t.Fatal(err)
		}
	}
}

func (e *endpoint) request(resources ...string) sinks.OpenRequest {
	r := sinks.OpenRequest{Task: "acmeCo/to", Shard: "0-1", Config: e.Config}
	for i, text := range resources {
		b := bindingOf(e, text, "/id", "/customer")
		b.StateKey = fmt.Sprintf("b%d.v0", i)
		r.Bindings = append(r.Bindings, *b)
	}
	return r
}

func (e *endpoint) open(resources ...string) (sinks.Session, sinks.Opened) {
	e.Helper()
	s, opened, err := New().Open(context.Background(), e.request(resources...))
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { s.Close() })
	return s, opened
}

func (e *endpoint) store(s sinks.Session, doc string) {
	e.Helper()
	if err := s.Store(context.Background(), 0, []sinks.Row{*row(e, doc, "/id", "/customer")}); err != nil {
		e.Fatal(err)
	}
}

// More messages than a batch holds go out in several where no checkpoint is
// kept, and none of them is refused.
func TestManyRows(t *testing.T) {
	e := serve(t)
	for name, cfg := range map[string]jetstream.StreamConfig{
		"BATCHES": {Subjects: []string{"b.>"}, AllowAtomicPublish: true}, "SINGLE": {Subjects: []string{"s.>"}},
	} {
		cfg.Name = name
		e.Stream(cfg)
		s, _ := e.open(fmt.Sprintf(`{"stream":%q,"subject":"%s.{id}.{customer}"}`, name, cfg.Subjects[0][:1]))
		for i := range 2500 {
			e.store(s, fmt.Sprintf(`{"id":%d,"customer":"a"}`, i))
		}
		if err := s.Commit(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		stream, err := e.JS.Stream(t.Context(), name)
		if err != nil || stream.CachedInfo().State.Msgs != 2500 {
			t.Errorf("%s: %+v, %v", name, stream.CachedInfo().State, err)
		}
	}
}

func TestCoreSubject(t *testing.T) {
	e := serve(t)
	sub, err := e.NC.SubscribeSync("live.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.NC.Flush(); err != nil {
		t.Fatal(err)
	}
	s, opened := e.open(`{"subject":"live.{customer}"}`)
	if opened.Exactly {
		t.Error("a core subject is exactly once")
	}
	e.store(s, `{"id":1,"customer":"a"}`)
	if err := s.Commit(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsgWithContext(t.Context())
	if err != nil || m.Subject != "live.a" || string(m.Data) != `{"id":1,"customer":"a"}` || len(m.Header) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// What no message or subject holds is refused, and the session goes on without
// it.
func TestRefuses(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"o.>"}})
	s, _ := e.open(`{"stream":"S","subject":"o.{n}","deltaUpdates":true}`)
	for doc, want := range map[string]string{
		`{"id":1,"customer":"a","n":1.5}`:                                           "/n",
		`{"id":1,"customer":"` + strings.Repeat("x", int(e.NC.MaxPayload())) + `"}`: "raise max_payload",
	} {
		err := s.Store(t.Context(), 0, []sinks.Row{*row(t, doc, "/id", "/customer")})
		if !sinks.IsRefused(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", doc, err)
		}
		if err := s.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	e.store(s, `{"id":1,"customer":"a","n":2}`)
	if err := s.Commit(t.Context(), []byte("x")); err != nil || len(e.messages("S", "o.>")) != 1 {
		t.Errorf("goes on: %v", err)
	}
}

// A document of a former binding counts for nothing, and one that somebody else
// put there is told.
func TestLoadsItsOwn(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"o.>", "weir.sink.S.>"}, AllowAtomicPublish: true})
	const resource = `{"stream":"S","subject":"o.{id}.{customer}"}`
	s, _ := e.open(resource)
	e.store(s, `{"id":1,"customer":"a"}`)
	if err := s.Commit(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	key := row(t, `{"id":1,"customer":"a"}`, "/id", "/customer").Key
	load := func(s sinks.Session) (found int, err error) {
		err = s.Load(t.Context(), 0, [][]byte{key}, func(int, []byte) error {
			found++
			return nil
		})
		return found, err
	}
	if n, err := load(s); n != 1 || err != nil {
		t.Errorf("its own: %d, %v", n, err)
	}
	r := e.request(resource)
	r.Bindings[0].StateKey = "b0.v1"
	again, _, err := New().Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n, err := load(again); n != 0 || err != nil {
		t.Errorf("that of a former binding: %d, %v", n, err)
	}
	if _, err := e.JS.PublishMsg(t.Context(), &nats.Msg{Subject: "o.1.a", Data: []byte(`{"id":2}`), Header: nats.Header{bindingHeader: {"b0.v1"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := load(again); err == nil || !strings.Contains(err.Error(), "is not the document that was published there") {
		t.Errorf("somebody else's: %v", err)
	}
}

func TestValidateAndApply(t *testing.T) {
	e := serve(t)
	ctx := t.Context()
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"o.*.x"}})
	e.Stream(jetstream.StreamConfig{Name: "acmeCo=orders", Subjects: []string{"w.>"}, Metadata: map[string]string{"weir.kind": "collection"}})
	for resource, want := range map[string]string{
		`{"stream":"S","subject":"o.{customer}.x","deltaUpdates":true}`:     "",
		`{"stream":"S","subject":"o.{customer}.y","deltaUpdates":true}`:     "takes no messages on o.*.y but on o.*.x",
		`{"stream":"none","subject":"n.{id}.{customer}"}`:                   "make it (`nats stream add none`)",
		`{"stream":"none","subject":"n.{id}.{customer}","create":{}}`:       "",
		`{"bucket":"none","key":"{id}.{customer}"}`:                         "nats kv add none",
		`{"stream":"acmeCo=orders","subject":"w.{id}","deltaUpdates":true}`: "is one of Weir's own",
	} {
		r := e.request(resource)
		_, err := New().Validate(ctx, sinks.ValidateRequest{Task: r.Task, Config: r.Config, Bindings: r.Bindings})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", resource, err, want)
		}
	}
	r := e.request(`{"stream":"MADE","subject":"m.{id}.{customer}","create":{"maxAge":"1h","storage":"memory","maxMessagesPerSubject":2}}`,
		`{"stream":"MADE","subject":"m2.{n}","deltaUpdates":true}`, `{"bucket":"made","key":"{id}.{customer}","create":{"storage":"memory"}}`)
	for i, want := range []string{"stream MADE made; stream KV_made made", "stream MADE made; stream KV_made made", ""} {
		applied, err := New().Apply(ctx, sinks.ApplyRequest{Task: r.Task, Config: r.Config, Bindings: r.Bindings, DryRun: i == 0})
		if err != nil || applied.Action != want {
			t.Errorf("time %d: %q, %v", i+1, applied.Action, err)
		}
	}
	stream, err := e.JS.Stream(ctx, "MADE")
	if err != nil {
		t.Fatal(err)
	}
	c := stream.CachedInfo().Config
	if strings.Join(c.Subjects, " ") != "m.*.* m2.* weir.sink.MADE.>" || c.MaxAge != time.Hour || !exactly(&c, "weir.sink.MADE.x.0-1") {
		t.Errorf("settings %+v", c)
	}
}
