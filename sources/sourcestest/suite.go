package sourcestest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/document"
	"weir/sources"
)

const task = "acmeCo/from-somewhere"

// suite drives the source of one test.
type suite struct {
	*testing.T
	Harness
	bringing sync.WaitGroup // documents on their way
}

func newSuite(t *testing.T, h Harness) *suite {
	t.Helper()
	s := &suite{T: t, Harness: h}
	if h.Unacknowledged != Redelivered && h.Bring == nil {
		t.Fatal("the harness of a source that keeps nothing must bring documents")
	}
	s.Bindings = slices.Clone(h.Bindings)
	s.fillStateKeys()
	t.Cleanup(s.bringing.Wait)
	return s
}

// fillStateKeys names the state of each binding as a worker does.
func (s *suite) fillStateKeys() {
	s.Helper()
	v, err := s.Source.Validate(s.Context(), s.validateRequest())
	if err != nil {
		s.Fatal(err)
	}
	if len(v.Bindings) != len(s.Bindings) {
		s.Fatalf("%d of %d bindings are validated", len(v.Bindings), len(s.Bindings))
	}
	seen := map[string]bool{}
	for i, b := range v.Bindings {
		path := strings.Join(b.ResourcePath, "/")
		if path == "" || seen[path] {
			s.Fatalf("resource path %q of binding %d is empty or that of another", b.ResourcePath, i)
		}
		seen[path] = true
		if s.Bindings[i].StateKey == "" {
			s.Bindings[i].StateKey = path + ".v0"
		}
	}
}

func (s *suite) validateRequest() sources.ValidateRequest {
	return sources.ValidateRequest{Task: task, Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings}
}

func (s *suite) applyRequest() sources.ApplyRequest {
	return sources.ApplyRequest{Task: task, Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings}
}

func (s *suite) openRequest(state json.RawMessage) sources.OpenRequest {
	return sources.OpenRequest{Task: task, Shard: "0-1", Config: s.Config, DataDir: s.DataDir, Bindings: s.Bindings, State: state}
}

// open applies the bindings and opens a session; nothing is brought to it.
func (s *suite) open(state json.RawMessage) sources.Session {
	s.Helper()
	if _, err := s.Source.Apply(s.Context(), s.applyRequest()); err != nil {
		s.Fatal(err)
	}
	session, err := s.Source.Open(s.Context(), s.openRequest(state))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { session.Close() })
	return session
}

// filled opens a session that has the harness's documents to give: of a source
// that keeps nothing they are brought now, but for those in done.
func (s *suite) filled(state json.RawMessage, done ...[]string) (sources.Session, *brought) {
	s.Helper()
	session := s.open(state)
	b := &brought{answers: map[string]error{}}
	if s.Unacknowledged == Redelivered {
		return session, b
	}
	for i, docs := range s.Documents {
		for _, doc := range docs {
			if i < len(done) && slices.Contains(done[i], doc) {
				continue
			}
			s.bringTo(b, i, doc)
		}
	}
	return session, b
}

// bringTo brings a document in a goroutine, which newSuite has waited for.
func (s *suite) bringTo(b *brought, binding int, doc string) {
	ctx := s.Context()
	b.all.Add(1)
	s.bringing.Add(1)
	go func() {
		defer s.bringing.Done()
		defer b.all.Done()
		err := s.Bring(ctx, binding, doc)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.answers[fmt.Sprint(binding, doc)] = err
	}()
}

// brought are documents that were handed to an endpoint, and its answers.
type brought struct {
	all     sync.WaitGroup
	mu      sync.Mutex
	answers map[string]error // by binding and document, of those that were answered
}

// answered gives how many answers there are, and what they say of a document.
func (b *brought) answered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answers)
}

// check waits for all answers, so that nothing is brought to the next session
// by accident, and compares them with what was acknowledged.
func (s *suite) check(b *brought, acknowledged [][]string) {
	s.Helper()
	b.all.Wait()
	if s.Unacknowledged != Refused {
		return
	}
	for i, docs := range s.Documents {
		for _, doc := range docs {
			err, was := b.answers[fmt.Sprint(i, doc)]
			switch durable := i < len(acknowledged) && slices.Contains(acknowledged[i], doc); {
			case was && durable && err != nil:
				s.Errorf("%.80s is acknowledged, and who brought it is told: %v", doc, err)
			case was && !durable && err == nil:
				s.Errorf("%.80s is not acknowledged, and who brought it is told that it is there", doc)
			}
		}
	}
}

// batches pulls until every binding has as many documents as are wanted.
func (s *suite) batches(session sources.Session, want []int) (batches []sources.Batch) {
	s.Helper()
	got := make([]int, len(s.Bindings))
	for !slices.Equal(want, least(got, want)) {
		b, err := session.Pull(s.Context())
		if err != nil {
			s.Fatalf("after %d of %d documents by binding: %v", got, want, err)
		}
		s.checkBatch(b)
		for _, d := range b.Documents {
			got[d.Binding]++
		}
		batches = append(batches, b)
	}
	return batches
}

func least(a, b []int) []int {
	out := slices.Clone(a)
	for i := range out {
		out[i] = min(out[i], b[i])
	}
	return out
}

func (s *suite) checkBatch(b sources.Batch) {
	s.Helper()
	bytes := 0
	for _, d := range b.Documents {
		if d.Binding < 0 || d.Binding >= len(s.Bindings) {
			s.Fatalf("a document of binding %d of %d", d.Binding, len(s.Bindings))
		}
		bytes += len(d.Data)
	}
	if len(b.Documents) > 1 && bytes > 16<<20 {
		s.Errorf("a batch of %d documents has %d bytes: it is to keep to a few megabytes", len(b.Documents), bytes)
	}
	if b.State != nil && !json.Valid(b.State) {
		s.Fatalf("state %q is no JSON", b.State)
	}
}

// wanted is how many documents each binding has.
func (s *suite) wanted() []int {
	want := make([]int, len(s.Bindings))
	for i, docs := range s.Documents {
		want[i] = len(docs)
	}
	return want
}

// count is how many documents of each binding are in batches.
func (s *suite) count(batches []sources.Batch) []int {
	n := make([]int, len(s.Bindings))
	for i, docs := range s.captured(batches) {
		n[i] = len(docs)
	}
	return n
}

// state merges the states of batches onto what was durable before.
func (s *suite) state(state json.RawMessage, batches ...sources.Batch) json.RawMessage {
	s.Helper()
	for _, b := range batches {
		switch {
		case b.State == nil:
		case !b.Merge:
			state = b.State
		default:
			merged, err := document.MergePatch(state, b.State)
			if err != nil {
				s.Fatal(err)
			}
			state = merged
		}
	}
	return state
}

// captured sorts the documents of batches by binding.
func (s *suite) captured(batches []sources.Batch) [][]string {
	out := make([][]string, len(s.Bindings))
	for _, b := range batches {
		for _, d := range b.Documents {
			out[d.Binding] = append(out[d.Binding], string(d.Data))
		}
	}
	return out
}

// same compares what was captured with what the endpoint holds.
func (s *suite) same(got [][]string) {
	s.Helper()
	for i, want := range s.Documents {
		have := got[i]
		if s.Endless && len(have) > len(want) {
			have = have[:len(want)]
		}
		if s.Unacknowledged != Redelivered { // what is brought side by side has no order
			want, have = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(have))
		}
		if !slices.Equal(have, want) {
			s.Fatalf("binding %d: captured %.400q, want %.400q", i, have, want)
		}
	}
}

// ended says whether an error of Pull says that there is nothing more now.
func ended(err error) bool { return err == io.EOF }

// ended gives a context that has ended.
func endedContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
