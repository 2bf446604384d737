package http

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"weir/catalog"
	"weir/collection"
	"weir/schema"
	"weir/sources"
)

const orderSchema = `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"amount":{"type":"integer","maximum":100}}}`

// target makes a collection that takes orders.
func target(t testing.TB, key ...string) *collection.Collection {
	t.Helper()
	c, err := collection.New(&catalog.Collection{
		Name: "acmeCo/orders", Key: key, Partitions: 16,
		Schema: schema.Source{URL: "orders.json", Resources: map[string]json.RawMessage{"orders.json": json.RawMessage(orderSchema)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bindingTo makes a binding of a resource to the orders.
func bindingTo(t testing.TB, resource string, key ...string) sources.Binding {
	t.Helper()
	if len(key) == 0 {
		key = []string{"/id"}
	}
	c := target(t, key...)
	return sources.Binding{Resource: json.RawMessage(resource), StateKey: "orders.v0", Collection: sources.Collection{Name: c.Name, Key: key, Schema: json.RawMessage(orderSchema), Writes: c}}
}

// stand is a source and what its sessions need.
type stand struct {
	*Source
	t testing.TB
}

func newStand(t testing.TB) *stand {
	s := &stand{Source: New(), t: t}
	s.linger = 0
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.listeners {
			if owner := l.owner(); owner != "" {
				t.Errorf("the session of %s was not closed", owner)
			}
			s.close(l)
		}
	})
	return s
}

const anyPort = "127.0.0.1:0"

// open opens a session; members of the configuration beside the address are given as JSON.
func (s *stand) open(task, members string, r sources.OpenRequest) *session {
	s.t.Helper()
	opened, err := s.tryOpen(task, members, r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { opened.Close() })
	return opened
}

func (s *stand) tryOpen(task, members string, r sources.OpenRequest) (*session, error) {
	s.t.Helper()
	if members != "" {
		members = "," + members
	}
	r.Task, r.Shard, r.Config = task, "0-1", json.RawMessage(`{"listen":"`+anyPort+`"`+members+`}`)
	if r.Bindings == nil {
		r.Bindings = []sources.Binding{bindingTo(s.t, `{"path":"/orders"}`)}
	}
	if r.Limits.Documents == 0 {
		r.Limits = sources.Limits{Documents: 1000, DocumentBytes: 1 << 20}
	}
	if _, err := s.Validate(s.t.Context(), sources.ValidateRequest{Task: task, Config: r.Config, Bindings: r.Bindings}); err != nil {
		return nil, err
	}
	opened, err := s.Open(s.t.Context(), r)
	if err != nil {
		return nil, err
	}
	return opened.(*session), nil
}

// store plays the worker: what is pulled is durable at once.
func (s *stand) store(session *session) *durable {
	d := &durable{records: map[string]json.RawMessage{}}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for {
			b, err := session.Pull(ctx)
			if err != nil {
				return
			}
			d.add(b)
			if session.Acknowledge(ctx, 1) != nil {
				return
			}
		}
	})
	s.t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return d
}

// durable is what a worker has stored.
type durable struct {
	mu      sync.Mutex
	texts   []string
	state   json.RawMessage
	records map[string]json.RawMessage
}

func (d *durable) add(b sources.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, doc := range b.Documents {
		d.texts = append(d.texts, string(doc.Data))
	}
	d.state = b.State
	for _, r := range b.Records {
		d.records[string(r.Key)] = r.Value
	}
}

func (d *durable) documents() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.texts...)
}

// request is what a test posts, and answer what comes of it.
type request struct {
	method, path, body string
	header             map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stand) post(body string, header ...string) answer {
	s.t.Helper()
	h := map[string]string{"Content-Type": "application/json"}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return s.send(request{path: "/orders", body: body, header: h})
}

func (s *stand) send(r request) answer {
	s.t.Helper()
	if r.method == "" {
		r.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(s.t.Context(), r.method, "http://"+s.Addr(anyPort)+r.path, strings.NewReader(r.body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Error(err)
		return answer{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, strings.TrimSpace(a.body)) }
