package sourcestest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/sources"
)

// lists is a source of lists of documents: the suite's own subject. Its state
// says for each binding how much of its list was captured.
type lists struct {
	*shelf
	merge   bool // states are patches
	ends    bool // io.EOF at the end instead of waiting
	endless bool // a list goes on with numbers
}

// shelf holds the lists.
type shelf struct {
	mu     sync.Mutex
	byName map[string][]string
	more   chan struct{} // closed and made anew when something comes
}

func newShelf(byName map[string][]string) *shelf {
	s := &shelf{byName: map[string][]string{}, more: make(chan struct{})}
	for name, docs := range byName {
		s.byName[name] = slices.Clone(docs)
	}
	return s
}

func (s *shelf) add(list, doc string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byName[list] = append(s.byName[list], doc)
	close(s.more)
	s.more = make(chan struct{})
}

func (s *shelf) behind(list string, n int) ([]string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byName[list][n:], s.more
}

type listConfig struct {
	Password string `json:"password,omitempty"`
	Down     bool   `json:"down,omitempty"`
}

type listResource struct {
	List string `json:"list"`
}

func (l lists) Spec() sources.Spec {
	return sources.Spec{ConfigSchema: json.RawMessage(`{"type":"object"}`), ResourceSchema: json.RawMessage(`{"type":"object"}`)}
}

func strict(text json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func validateLists(config json.RawMessage, bindings []sources.Binding) (v sources.Validated, err error) {
	var c listConfig
	if err := strict(config, &c); err != nil {
		return v, err
	}
	if c.Down {
		return v, sources.Transient(errors.New("no answer"))
	}
	seen := map[string]bool{}
	for _, b := range bindings {
		var res listResource
		if err := strict(b.Resource, &res); err != nil {
			return v, err
		}
		if res.List == "" || seen[res.List] {
			return v, fmt.Errorf("list %q is that of another binding", res.List)
		}
		seen[res.List] = true
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: []string{res.List}})
	}
	return v, nil
}

func (l lists) Validate(_ context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	return validateLists(r.Config, r.Bindings)
}

func (l lists) Apply(context.Context, sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, nil
}

func (l lists) Discover(context.Context, sources.DiscoverRequest) (d sources.Discovered, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.byName {
		d.Bindings = append(d.Bindings, sources.DiscoveredBinding{
			Name: name, Resource: json.RawMessage(fmt.Sprintf(`{"list":%q}`, name)), Schema: json.RawMessage(`{"type":"object"}`),
			Key: []string{"/n"}, ResourcePath: []string{name},
		})
	}
	return d, nil
}

func (l lists) Open(ctx context.Context, r sources.OpenRequest) (sources.Session, error) {
	s := &listSession{source: l, bindings: r.Bindings, done: map[string]int{}, closed: make(chan struct{})}
	if len(r.State) > 0 {
		if err := json.Unmarshal(r.State, &s.done); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
	}
	return s, ctx.Err()
}

type listSession struct {
	source   lists
	bindings []sources.Binding
	done     map[string]int // by state key
	pulled   int
	acked    int
	close    sync.Once
	closed   chan struct{}
}

// Pull gives one or two documents of the first list that has any.
func (s *listSession) Pull(ctx context.Context) (sources.Batch, error) {
	for {
		select {
		case <-s.closed:
			return sources.Batch{}, errors.New("closed")
		case <-ctx.Done():
			return sources.Batch{}, ctx.Err()
		default:
		}
		batch, more, err := s.next()
		if err != nil || batch.State != nil {
			return batch, err
		}
		if s.source.ends {
			return sources.Batch{}, io.EOF
		}
		select {
		case <-s.closed:
		case <-ctx.Done():
		case <-more:
		}
	}
}

func (s *listSession) next() (batch sources.Batch, more <-chan struct{}, err error) {
	for i, b := range s.bindings {
		var res listResource
		if err := json.Unmarshal(b.Resource, &res); err != nil {
			return batch, nil, err
		}
		var docs []string
		docs, more = s.source.behind(res.List, min(s.done[b.StateKey], len(s.source.byName[res.List])))
		if len(docs) == 0 && s.source.endless && s.pulled%len(s.bindings) == i {
			docs = []string{fmt.Sprintf(`{"more":%d}`, s.done[b.StateKey])}
		}
		if len(docs) == 0 {
			continue
		}
		for _, d := range docs[:min(len(docs), 1+s.pulled%2)] {
			if !json.Valid([]byte(d)) {
				return batch, nil, fmt.Errorf("list %s: %q is no JSON", res.List, d)
			}
			batch.Documents = append(batch.Documents, sources.Document{Binding: i, Data: []byte(d)})
		}
		s.done[b.StateKey] += len(batch.Documents)
		s.pulled++
		if batch.Merge = s.source.merge; batch.Merge {
			batch.State, err = json.Marshal(map[string]int{b.StateKey: s.done[b.StateKey]})
		} else {
			batch.State, err = json.Marshal(s.done)
		}
		return batch, nil, err
	}
	return batch, more, nil
}

func (s *listSession) Acknowledge(_ context.Context, n int) error {
	if s.acked += n; s.acked > s.pulled {
		return fmt.Errorf("%d of %d batches are acknowledged", s.acked, s.pulled)
	}
	return nil
}

func (s *listSession) Close() error {
	s.close.Do(func() { close(s.closed) })
	return nil
}

func TestConformance(t *testing.T) {
	byName := map[string][]string{"a": {`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`}, "b": {`{"n":1}`}, "empty": nil}
	names := []string{"a", "empty", "b"}
	for name, source := range map[string]lists{
		"whole states":   {},
		"patched state":  {merge: true},
		"with an end":    {ends: true},
		"without an end": {endless: true},
	} {
		t.Run(name, func(t *testing.T) {
			Conformance(t, func(*testing.T) Harness {
				source := source
				source.shelf = newShelf(byName)
				h := Harness{Source: source, Config: json.RawMessage(`{"password":"canary"}`), Secret: "canary",
					Unreachable: json.RawMessage(`{"password":"canary","down":true}`), Endless: source.endless}
				for _, list := range names {
					h.Bindings = append(h.Bindings, sources.Binding{Resource: json.RawMessage(fmt.Sprintf(`{"list":%q}`, list))})
					h.Documents = append(h.Documents, byName[list])
				}
				if source.endless {
					return h
				}
				h.Bring = func(_ context.Context, binding int, doc string) error {
					source.add(names[binding], doc)
					return nil
				}
				h.More = [][]string{{`{"n":5}`}, {`{"n":1}`, `{"n":2}`}}
				h.Big = func(size int) string { return fmt.Sprintf(`{"n":%q}`, strings.Repeat("x", size)) }
				h.Bad = func(*testing.T) string {
					source.add("a", "{bad")
					return "bad"
				}
				return h
			})
		})
	}
}

// hub is a source that keeps nothing: who brings a document waits until it is
// acknowledged, or is not told anything.
type hub struct {
	lossy bool
	mu    sync.Mutex
	open  *hubSession
}

type hubSession struct {
	hub     *hub
	posts   chan *post
	pulled  []*post // not acknowledged yet
	closed  chan struct{}
	closing sync.Once
}

type post struct {
	document sources.Document
	answer   chan error
}

func (h *hub) bring(ctx context.Context, binding int, doc string) error {
	h.mu.Lock()
	session := h.open
	h.mu.Unlock()
	p := &post{sources.Document{Binding: binding, Data: []byte(doc)}, make(chan error, 1)}
	select {
	case session.posts <- p:
	case <-session.closed:
		return errors.New("closed")
	case <-ctx.Done():
		return ctx.Err()
	}
	if h.lossy {
		return nil
	}
	select {
	case err := <-p.answer:
		return err
	case <-session.closed:
		select {
		case err := <-p.answer: // given before the end
			return err
		default:
		}
		return errors.New("closed")
	}
}

func (h *hub) Spec() sources.Spec { return lists{}.Spec() }

func (h *hub) Validate(_ context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	return validateLists(r.Config, r.Bindings)
}

func (h *hub) Apply(context.Context, sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, nil
}

func (h *hub) Open(ctx context.Context, _ sources.OpenRequest) (sources.Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = &hubSession{hub: h, posts: make(chan *post), closed: make(chan struct{})}
	return h.open, ctx.Err()
}

func (s *hubSession) Pull(ctx context.Context) (sources.Batch, error) {
	if ctx.Err() != nil {
		return sources.Batch{}, ctx.Err()
	}
	select {
	case p := <-s.posts:
		s.pulled = append(s.pulled, p)
		return sources.Batch{Documents: []sources.Document{p.document}}, nil
	case <-s.closed:
		return sources.Batch{}, errors.New("closed")
	case <-ctx.Done():
		return sources.Batch{}, ctx.Err()
	}
}

func (s *hubSession) Acknowledge(_ context.Context, n int) error {
	for _, p := range s.pulled[:n] {
		p.answer <- nil
	}
	s.pulled = s.pulled[n:]
	return nil
}

func (s *hubSession) Close() error {
	s.closing.Do(func() { close(s.closed) })
	return nil
}

func TestConformanceOfListeners(t *testing.T) {
	for name, delivery := range map[string]Delivery{"answers": Refused, "at most once": Lost} {
		t.Run(name, func(t *testing.T) {
			Conformance(t, func(*testing.T) Harness {
				h := &hub{lossy: delivery == Lost}
				return Harness{
					Source: h, Config: json.RawMessage(`{}`), Unacknowledged: delivery, Bring: h.bring,
					Bindings:  []sources.Binding{{Resource: json.RawMessage(`{"list":"a"}`)}, {Resource: json.RawMessage(`{"list":"b"}`)}},
					Documents: [][]string{{`{"n":1}`, `{"n":2}`, `{"n":3}`}, {`{"n":1}`}},
					Big:       func(size int) string { return fmt.Sprintf(`{"n":%q}`, strings.Repeat("x", size)) },
				}
			})
		})
	}
}
