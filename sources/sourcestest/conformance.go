// Package sourcestest checks that a source keeps the promises of package
// sources. Each source's test calls Conformance once; a promise that is added
// there is then checked for every source. It is imported by tests only.
package sourcestest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"weir/sources"
)

// Harness is an endpoint of a source that holds a fixed, non-empty set of
// documents and gets no more.
type Harness struct {
	Source   sources.Source
	Config   json.RawMessage
	DataDir  string
	Bindings []sources.Binding

	// Documents is what the endpoint holds, in the order in which it is
	// captured, for each binding.
	Documents [][]string
}

// Conformance runs the suite; fresh is called for each test.
func Conformance(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"captures everything", capturesEverything},
		{"resumes behind every state", resumesBehindEveryState},
		{"contexts end a pull", contextsEndPull},
		{"close ends", closeEnds},
		{"apply twice", applyTwice},
		{"configuration is strict", configurationIsStrict},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, &suite{T: t, Harness: fresh(t)}) })
	}
}

// suite drives the source of one test.
type suite struct {
	*testing.T
	Harness
}

func (s *suite) open(state json.RawMessage) sources.Session {
	s.Helper()
	if _, err := s.Source.Apply(s.Context(), sources.ApplyRequest{Task: "acmeCo/from", Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings}); err != nil {
		s.Fatal(err)
	}
	session, err := s.Source.Open(s.Context(), sources.OpenRequest{Task: "acmeCo/from", Shard: "0-1", Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings, State: state})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { session.Close() })
	return session
}

func (s *suite) total() (n int) {
	for _, docs := range s.Documents {
		n += len(docs)
	}
	return n
}

// batches pulls until everything that there is has been seen, and a source
// that ends says so.
func (s *suite) batches(session sources.Session, want int) (batches []sources.Batch) {
	s.Helper()
	for n := 0; n < want; {
		b, err := session.Pull(s.Context())
		if err != nil {
			s.Fatalf("after %d of %d documents: %v", n, want, err)
		}
		n += len(b.Documents)
		batches = append(batches, b)
	}
	return batches
}

// state merges the states of batches onto what was durable before.
func (s *suite) state(state json.RawMessage, batches ...sources.Batch) json.RawMessage {
	s.Helper()
	for _, b := range batches {
		if !json.Valid(b.State) {
			s.Fatalf("state %q is no JSON", b.State)
		}
		if !b.Merge {
			state = b.State
			continue
		}
		merged, err := mergePatch(state, b.State)
		if err != nil {
			s.Fatal(err)
		}
		state = merged
	}
	return state
}

// captured sorts the documents of batches by binding.
func (s *suite) captured(batches []sources.Batch) [][]string {
	s.Helper()
	out := make([][]string, len(s.Bindings))
	for _, b := range batches {
		for _, d := range b.Documents {
			if d.Binding < 0 || d.Binding >= len(out) {
				s.Fatalf("a document of binding %d of %d", d.Binding, len(out))
			}
			out[d.Binding] = append(out[d.Binding], string(d.Data))
		}
	}
	return out
}

func (s *suite) same(got [][]string) {
	s.Helper()
	for i, want := range s.Documents {
		if !slices.Equal(got[i], want) {
			s.Fatalf("binding %d: captured %q, want %q", i, got[i], want)
		}
	}
}

func capturesEverything(_ *testing.T, s *suite) {
	session := s.open(nil)
	batches := s.batches(session, s.total())
	s.same(s.captured(batches))
	if err := session.Acknowledge(s.Context(), len(batches)); err != nil {
		s.Fatal(err)
	}
}

// resumesBehindEveryState stops behind each batch and goes on from its state:
// nothing is captured twice, and nothing is left out. What was pulled and is
// not durable comes again.
func resumesBehindEveryState(_ *testing.T, s *suite) {
	whole := s.batches(s.open(nil), s.total())
	for cut := range len(whole) + 1 {
		session := s.open(nil)
		first := s.batches(session, documents(whole[:cut]))
		if err := session.Acknowledge(s.Context(), len(first)); err != nil {
			s.Fatal(err)
		}
		session.Close()
		state := s.state(nil, first...)
		rest := s.batches(s.open(state), s.total()-documents(first))
		s.same(s.captured(append(slices.Clone(first), rest...)))
	}
}

func documents(batches []sources.Batch) (n int) {
	for _, b := range batches {
		n += len(b.Documents)
	}
	return n
}

func contextsEndPull(_ *testing.T, s *suite) {
	session := s.open(nil)
	batches := s.batches(session, s.total())
	ended, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := session.Pull(ended); !errors.Is(err, context.Canceled) && err != io.EOF {
		s.Fatalf("pull with an ended context: %v", err)
	}
	if err := session.Acknowledge(s.Context(), len(batches)); err != nil {
		s.Fatalf("acknowledge after a broken off pull: %v", err)
	}
	fresh := s.open(nil)
	if _, err := fresh.Pull(ended); err == nil {
		s.Fatal("a pull with an ended context gives a batch")
	}
	s.same(s.captured(s.batches(fresh, s.total())))
}

func closeEnds(_ *testing.T, s *suite) {
	session := s.open(nil)
	for range 2 {
		if err := session.Close(); err != nil {
			s.Fatal(err)
		}
	}
	if _, err := session.Pull(s.Context()); err == nil {
		s.Fatal("a closed session gives a batch")
	}
}

func applyTwice(_ *testing.T, s *suite) {
	r := sources.ApplyRequest{Task: "acmeCo/from", Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings}
	if _, err := s.Source.Apply(s.Context(), r); err != nil {
		s.Fatal(err)
	}
	if again, err := s.Source.Apply(s.Context(), r); err != nil || again.Action != "" {
		s.Fatalf("a second apply does %q: %v", again.Action, err)
	}
}

func configurationIsStrict(_ *testing.T, s *suite) {
	spec := s.Source.Spec()
	if !json.Valid(spec.ConfigSchema) || !json.Valid(spec.ResourceSchema) {
		s.Errorf("a schema of the spec is no JSON")
	}
	r := sources.ValidateRequest{Task: "acmeCo/from", Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings}
	v, err := s.Source.Validate(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	if len(v.Bindings) != len(s.Bindings) {
		s.Fatalf("%d of %d bindings are validated", len(v.Bindings), len(s.Bindings))
	}
	r.Config = json.RawMessage(`{"nosuch": 1}`)
	if _, err := s.Source.Validate(s.Context(), r); err == nil {
		s.Error("a config with an unknown property is accepted")
	}
	r.Config, r.Bindings = s.Config, slices.Clone(s.Bindings)
	r.Bindings[0].Resource = json.RawMessage(`{"nosuch": 1}`)
	if _, err := s.Source.Validate(s.Context(), r); err == nil {
		s.Error("a resource with an unknown property is accepted")
	}
}

// mergePatch applies an RFC 7396 patch.
func mergePatch(state, patch json.RawMessage) (json.RawMessage, error) {
	var target, change any
	if len(state) > 0 {
		if err := json.Unmarshal(state, &target); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(patch, &change); err != nil {
		return nil, err
	}
	return json.Marshal(merged(target, change))
}

func merged(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out, ok := target.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	for name, change := range changes {
		if change == nil {
			delete(out, name)
			continue
		}
		out[name] = merged(out[name], change)
	}
	return out
}
