package sourcestest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"weir/sources"
)

// lists is a source of fixed lists of documents: the suite's own subject.
// Its state says for each list how much of it was captured.
type lists struct {
	byName map[string][]string
	merge  bool // states are patches
	ends   bool // io.EOF at the end instead of waiting
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

func (l lists) Validate(_ context.Context, r sources.ValidateRequest) (v sources.Validated, err error) {
	if err := strict(r.Config, &struct{}{}); err != nil {
		return v, err
	}
	for _, b := range r.Bindings {
		var res listResource
		if err := strict(b.Resource, &res); err != nil {
			return v, err
		}
		if _, ok := l.byName[res.List]; !ok {
			return v, fmt.Errorf("list %q does not exist", res.List)
		}
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: []string{res.List}})
	}
	return v, nil
}

func (l lists) Apply(context.Context, sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, nil
}

func (l lists) Open(_ context.Context, r sources.OpenRequest) (sources.Session, error) {
	s := &listSession{source: l, bindings: r.Bindings, done: map[string]int{}, closed: make(chan struct{})}
	if len(r.State) > 0 {
		if err := json.Unmarshal(r.State, &s.done); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
	}
	return s, nil
}

type listSession struct {
	source   lists
	bindings []sources.Binding
	done     map[string]int
	pulled   int
	acked    int
	close    sync.Once
	closed   chan struct{}
}

// Pull gives one or two documents of the first list that has any.
func (s *listSession) Pull(ctx context.Context) (sources.Batch, error) {
	select {
	case <-s.closed:
		return sources.Batch{}, errors.New("closed")
	case <-ctx.Done():
		return sources.Batch{}, ctx.Err()
	default:
	}
	for i, b := range s.bindings {
		var res listResource
		if err := json.Unmarshal(b.Resource, &res); err != nil {
			return sources.Batch{}, err
		}
		docs := s.source.byName[res.List][s.done[res.List]:]
		if len(docs) == 0 {
			continue
		}
		var batch sources.Batch
		for _, d := range docs[:min(len(docs), 1+s.pulled%2)] {
			batch.Documents = append(batch.Documents, sources.Document{Binding: i, Data: []byte(d)})
		}
		s.done[res.List] += len(batch.Documents)
		s.pulled++
		return s.withState(batch, res.List)
	}
	if s.source.ends {
		return sources.Batch{}, io.EOF
	}
	select {
	case <-s.closed:
		return sources.Batch{}, errors.New("closed")
	case <-ctx.Done():
		return sources.Batch{}, ctx.Err()
	}
}

func (s *listSession) withState(b sources.Batch, list string) (sources.Batch, error) {
	var err error
	if b.Merge = s.source.merge; b.Merge {
		b.State, err = json.Marshal(map[string]int{list: s.done[list]})
	} else {
		b.State, err = json.Marshal(s.done)
	}
	return b, err
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
	for name, source := range map[string]lists{
		"whole states":  {byName: byName},
		"patched state": {byName: byName, merge: true},
		"with an end":   {byName: byName, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			Conformance(t, func(*testing.T) Harness {
				h := Harness{Source: source, Config: json.RawMessage(`{}`)}
				for _, list := range []string{"a", "empty", "b"} {
					h.Bindings = append(h.Bindings, sources.Binding{Resource: json.RawMessage(fmt.Sprintf(`{"list":%q}`, list))})
					h.Documents = append(h.Documents, byName[list])
				}
				return h
			})
		})
	}
}

func TestMergePatch(t *testing.T) {
	for _, c := range [][3]string{
		{``, `{"a":1}`, `{"a":1}`},
		{`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"c":null}}`, `{"a":1,"b":{"d":3}}`},
		{`{"a":1}`, `[1]`, `[1]`},
		{`[1]`, `{"a":{"b":null}}`, `{"a":{}}`},
	} {
		got, err := mergePatch(json.RawMessage(c[0]), json.RawMessage(c[1]))
		if err != nil || string(got) != c[2] {
			t.Errorf("%s patched with %s: %s, %v, want %s", c[0], c[1], got, err, c[2])
		}
	}
}
