package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"weir/internal/natstest"
	"weir/sources"
	"weir/sources/sourcestest"
)

// endpoint is a server of somebody else's.
type endpoint struct{ *natstest.Endpoint }

func serve(t testing.TB) *endpoint { return &endpoint{natstest.Serve(t)} }

func (e *endpoint) publish(subject string, docs ...string) {
	e.Helper()
	for _, d := range docs {
		if _, err := e.JS.Publish(context.Background(), subject, []byte(d)); err != nil {
			e.Fatal(err)
		}
	}
}

func (e *endpoint) request(state string, resources ...string) sources.OpenRequest {
	r := sources.OpenRequest{Task: "acmeCo/from", Shard: "0-1", Config: e.Config}
	for i, text := range resources {
		r.Bindings = append(r.Bindings, sources.Binding{Resource: json.RawMessage(text), StateKey: fmt.Sprintf("b%d.v0", i), Collection: sources.Collection{Name: "acmeCo/things"}})
	}
	if state != "" {
		r.State = json.RawMessage(state)
	}
	return r
}

// opened gives a session and what closes it.
func (e *endpoint) opened(state string, resources ...string) sources.Session {
	e.Helper()
	s, err := New().Open(context.Background(), e.request(state, resources...))
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { s.Close() })
	return s
}

// pulled gives the documents of so many, and the last state.
func (e *endpoint) pulled(s sources.Session, n int) (docs []string, state string) {
	e.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for state == "" || len(docs) < n {
		b, err := s.Pull(ctx)
		if err != nil {
			e.Fatalf("after %q: %v", docs, err)
		}
		for _, d := range b.Documents {
			docs = append(docs, string(d.Data))
		}
		state = string(b.State)
	}
	return docs, state
}

func TestConformance(t *testing.T) {
	sourcestest.Conformance(t, func(t *testing.T) sourcestest.Harness {
		e := serve(t)
		e.Stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
		e.Stream(jetstream.StreamConfig{Name: "MIXED", Subjects: []string{"mixed.>"}})
		h := sourcestest.Harness{Source: New(), Config: e.Config, Documents: make([][]string, 2), More: make([][]string, 2)}
		subjects := []string{"orders.eu", "mixed.a.x"}
		for i, text := range []string{`{"stream":"ORDERS","metadata":false}`, `{"stream":"MIXED","filter":"mixed.a.*","metadata":false}`} {
			h.Bindings = append(h.Bindings, sources.Binding{Resource: json.RawMessage(text), Collection: sources.Collection{Name: "acmeCo/things", Key: []string{"/id"}}})
			for n := range 20 {
				doc := fmt.Sprintf(`{"id":%d}`, 100*i+n)
				e.publish(subjects[i], doc)
				h.Documents[i] = append(h.Documents[i], doc)
				h.More[i] = append(h.More[i], fmt.Sprintf(`{"id":%d}`, 1000+100*i+n))
			}
			e.publish("mixed.b.x", `{"id":"passed over"}`)
		}
		h.Bring = func(ctx context.Context, binding int, doc string) error {
			_, err := e.JS.Publish(ctx, subjects[binding], []byte(doc))
			return err
		}
		h.Big = func(size int) string { return `{"id":"` + strings.Repeat("x", size) + `"}` }
		h.Bad = func(*testing.T) string {
			e.publish("orders.eu", "no JSON")
			return "message 21 of stream ORDERS"
		}
		h.Secret, h.Unreachable = "s3cret", json.RawMessage(`{"url":"nats://127.0.0.1:1","user":"u","password":"s3cret"}`)
		return h
	})
}

func TestStarts(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	e.publish("s.a", `{"n":1}`, `{"n":2}`)
	m, err := e.JS.Publish(t.Context(), "s.b", []byte(`{"n":3}`))
	if err != nil {
		t.Fatal(err)
	}
	stream, _ := e.JS.Stream(t.Context(), "S")
	third, err := stream.GetMsg(t.Context(), m.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	for start, want := range map[string]string{
		`"first"`: "1", "2": "2", `"` + third.Time.Format(time.RFC3339Nano) + `"`: "3",
	} {
		docs, _ := e.pulled(e.opened("", `{"stream":"S","metadata":false,"start":`+start+`}`), 1)
		if docs[0] != `{"n":`+want+`}` {
			t.Errorf("start %s: %q", start, docs)
		}
	}
	// What is new counts from the first start on, also if nothing came before the second one.
	first := e.opened("", `{"stream":"S","metadata":false,"start":"new"}`)
	_, state := e.pulled(first, 0)
	first.Close()
	e.publish("s.a", `{"n":4}`)
	if docs, _ := e.pulled(e.opened(state, `{"stream":"S","metadata":false,"start":"new"}`), 1); docs[0] != `{"n":4}` {
		t.Errorf("new: %q after %s", docs, state)
	}
}

// A stream that is another one, or that lacks messages, is an error that says
// which, and not a wait.
func TestLostMessages(t *testing.T) {
	e := serve(t)
	ctx := t.Context()
	cfg := jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}
	const all = `{"stream":"S","metadata":false}`
	e.Stream(cfg)
	e.publish("s.a", `{"n":1}`, `{"n":2}`)
	s := e.opened("", all)
	_, state := e.pulled(s, 2)
	s.Close()
	refused := func(what, resource, want string) {
		t.Helper()
		s, err := New().Open(ctx, e.request(state, resource))
		if err == nil {
			s.Close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, sources.ErrTransient)) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	refused("as it was", all, "")
	e.publish("s.a", `{"n":3}`, `{"n":4}`)
	stream, err := e.JS.Stream(ctx, "S")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(ctx, 3); err != nil {
		t.Fatal(err)
	}
	refused("one removed by hand from the middle", all, "")
	if err := stream.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	refused("purged", all, "messages 3 to 4 of stream S are gone")
	e.publish("s.a", `{"n":5}`)
	if docs, _ := e.pulled(e.opened(state, `{"stream":"S","metadata":false,"onLost":"continue"}`), 1); docs[0] != `{"n":5}` {
		t.Errorf("goes on with %q", docs)
	}
	if err := e.JS.DeleteStream(ctx, "S"); err != nil {
		t.Fatal(err)
	}
	refused("gone", all, "there is no stream S")
	e.Stream(cfg)
	refused("made again", all, "ends at sequence 0, and this capture has read through 2")
	e.publish("s.a", `{"n":1}`, `{"n":2}`, `{"n":3}`)
	refused("made again and longer", all, "was made again at")
	state = `{"v":2}`
	refused("a newer state", all, "format version 2")
}

// While it reads, too, a stream that discards messages before they are read is
// noticed at once, however short the last gap was ago.
func TestLostWhileReading(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	e.publish("s.a", `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`, `{"n":5}`)
	stream, err := e.JS.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	r := e.request("", `{"stream":"S"}`)
	bindings, err := parseBindings(r.Bindings)
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{session: e.opened("", `{"stream":"S"}`).(*session), binding: bindings[0], at: 1}
	if err := f.jumped(t.Context(), 3); err != nil {
		t.Fatalf("one removed by hand: %v", err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(5)); err != nil {
		t.Fatal(err)
	}
	f.at = 3
	if err := f.jumped(t.Context(), 5); err == nil || !strings.Contains(err.Error(), "messages 4 to 4 of stream S are gone") {
		t.Errorf("discarded: %v", err)
	}
}

// What comes faster than it is captured is told of.
func TestDroppedMessages(t *testing.T) {
	e := serve(t)
	logs, seen := observer.New(zap.WarnLevel)
	r := e.request("", `{"subject":"c.>"}`)
	r.Log = zap.New(logs)
	s, err := New().Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := []byte(`{"v":"` + strings.Repeat("x", 64<<10) + `"}`)
	for range (corePending + 2*readAhead) / len(text) * 2 {
		if err := e.NC.Publish("c.x", text); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.NC.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for seen.Len() == 0 {
		if _, err := s.Pull(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if told := seen.All()[0]; told.ContextMap()["subject"] != "c.>" || told.ContextMap()["dropped"].(int64) < 1 {
		t.Errorf("%s: %v", told.Message, told.ContextMap())
	}
}

func TestValidate(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"s.*.x"}})
	e.Stream(jetstream.StreamConfig{Name: "W", Subjects: []string{"w"}, Retention: jetstream.WorkQueuePolicy})
	for resource, want := range map[string]string{
		`{"stream":"S","filter":"s.a.x"}`: "", `{"stream":"S","filter":"s.>"}`: "", `{"subject":"anything.>"}`: "",
		`{"stream":"S","filter":"t.>"}`:   "matches no subject of stream S, which takes s.*.x",
		`{"stream":"S","filter":"s.a.y"}`: "matches no subject",
		`{"stream":"none"}`:               "there is no stream none",
		`{"stream":"W"}`:                  "workqueue retention",
	} {
		r := e.request("", resource)
		_, err := New().Validate(t.Context(), sources.ValidateRequest{Task: r.Task, Config: r.Config, Bindings: r.Bindings})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", resource, err, want)
		}
	}
	r := e.request("", `{"stream":"S"}`, `{"stream":"S"}`)
	if _, err := New().Validate(t.Context(), sources.ValidateRequest{Task: r.Task, Config: r.Config, Bindings: r.Bindings}); err == nil || !strings.Contains(err.Error(), "by another binding already") {
		t.Errorf("a stream twice: %v", err)
	}
}

// A core subject gives what is published while somebody listens.
func TestCoreSubject(t *testing.T) {
	e := serve(t)
	if err := e.NC.Publish("c.x", []byte(`{"n":0}`)); err != nil {
		t.Fatal(err)
	}
	if err := e.NC.Flush(); err != nil {
		t.Fatal(err)
	}
	s := e.opened("", `{"subject":"c.*","fields":{"id":"{{wildcard(1)}}"}}`)
	for i := range 3 {
		if err := e.NC.Publish("c.x", []byte(fmt.Sprintf(`{"n":%d}`, i+1))); err != nil {
			t.Fatal(err)
		}
	}
	docs, _ := e.pulled(s, 3)
	if docs[0] != `{"n":1,"id":"x","_meta":{"op":"u","subject":"c.x"}}` || len(docs) != 3 {
		t.Errorf("documents %q", docs)
	}
	if err := s.Acknowledge(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// When the connection is lost, the session ends with an error that passes, and
// the next one goes on.
func TestLostConnection(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	e.publish("s.a", `{"n":1}`)
	s := e.opened("", `{"stream":"S","metadata":false}`)
	_, state := e.pulled(s, 1)
	s.(*session).conn.Close()
	if _, err := s.Pull(t.Context()); !errors.Is(err, sources.ErrTransient) {
		t.Errorf("a lost connection: %v", err)
	}
	s.Close()
	e.publish("s.a", `{"n":2}`)
	if docs, _ := e.pulled(e.opened(state, `{"stream":"S","metadata":false}`), 1); docs[0] != `{"n":2}` {
		t.Errorf("goes on with %q", docs)
	}
}

// The position of a filtered stream moves over what does not match.
func TestIdlePosition(t *testing.T) {
	e := serve(t)
	e.Stream(jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	e.publish("s.a", `{"n":1}`)
	e.publish("s.b", `{"n":2}`, `{"n":3}`)
	s := e.opened("", `{"stream":"S","filter":"s.a","metadata":false}`)
	e.pulled(s, 1)
	f := &feed{session: s.(*session), binding: parsed(t, `{"stream":"S","filter":"s.a"}`), key: "b0.v0", at: 1, handed: 0}
	if err := f.open(t.Context(), &position{Seq: 1, Created: created(e, "S")}); err != nil {
		t.Fatal(err)
	}
	if err := f.idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, state := e.pulled(s, 0)
	if f.at != 3 || !strings.Contains(state, `"seq":3`) {
		t.Errorf("position %d, state %s", f.at, state)
	}
}

func created(e *endpoint, name string) time.Time {
	stream, err := e.JS.Stream(context.Background(), name)
	if err != nil {
		e.Fatal(err)
	}
	return stream.CachedInfo().Created
}
