package sourcestest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/sources"
)

// mostCuts bounds the sessions of a test that stops behind each batch.
const mostCuts = 12

func capturesEverything(_ *testing.T, s *suite) {
	session, b := s.filled(nil)
	batches := s.batches(session, s.wanted())
	s.same(s.captured(batches))
	if err := session.Acknowledge(s.Context(), len(batches)); err != nil {
		s.Fatal(err)
	}
	s.check(b, s.Documents)
}

func acknowledgesOneByOne(_ *testing.T, s *suite) {
	session, b := s.filled(nil)
	for range s.batches(session, s.wanted()) {
		if err := session.Acknowledge(s.Context(), 1); err != nil {
			s.Fatal(err)
		}
	}
	s.check(b, s.Documents)
}

// resumesBehindEveryState stops behind batches and goes on from their states:
// nothing is captured twice, and nothing is left out.
func resumesBehindEveryState(_ *testing.T, s *suite) {
	session, b := s.filled(nil)
	whole := s.batches(session, s.wanted())
	session.Close()
	s.check(b, nil)
	step := 1 + len(whole)/mostCuts
	for cut := 0; cut <= len(whole); cut += step {
		session, b := s.filled(nil)
		first := s.batches(session, least(s.count(whole[:cut]), s.wanted()))
		if err := session.Acknowledge(s.Context(), len(first)); err != nil {
			s.Fatal(err)
		}
		session.Close()
		done := s.captured(first)
		s.check(b, done)
		session, b = s.filled(s.state(nil, first...), done...)
		rest := s.batches(session, s.left(first))
		s.same(s.captured(append(slices.Clone(first), rest...)))
		session.Close()
		s.check(b, done)
	}
}

// left is how many documents of each binding there are behind batches.
func (s *suite) left(batches []sources.Batch) []int {
	left := s.wanted()
	for i, n := range s.count(batches) {
		left[i] = max(left[i]-n, 0)
	}
	return left
}

// givesAgain pulls all, acknowledges one batch, and ends the session: what was
// pulled and is not durable comes again.
func givesAgain(t *testing.T, s *suite) {
	if s.Unacknowledged == Lost {
		t.Log("does not apply: the harness says that what is not acknowledged is lost")
		return
	}
	session, b := s.filled(nil)
	batches := s.batches(session, s.wanted())
	if err := session.Acknowledge(s.Context(), 1); err != nil {
		t.Fatal(err)
	}
	session.Close()
	first := batches[:1]
	done := s.captured(first)
	s.check(b, done)
	session, again := s.filled(s.state(nil, first...), done...)
	rest := s.batches(session, s.left(first))
	s.same(s.captured(append(slices.Clone(first), rest...)))
	if err := session.Acknowledge(s.Context(), len(rest)); err != nil {
		t.Fatal(err)
	}
	if s.Unacknowledged == Refused {
		again.all.Wait()
	}
}

// answersWhenDurable: who brings a document learns that it is there when it is.
func answersWhenDurable(t *testing.T, s *suite) {
	if s.Unacknowledged != Refused {
		t.Log("does not apply: nobody waits for an answer")
		return
	}
	session, b := s.filled(nil)
	batches := s.batches(session, s.wanted())
	if n := b.answered(); n > 0 {
		t.Errorf("%d documents were answered before anything was acknowledged", n)
	}
	if err := session.Acknowledge(t.Context(), len(batches)); err != nil {
		t.Fatal(err)
	}
	s.check(b, s.Documents)
}

// capturesWhatComesLater brings more to a session that has captured all, or to
// the next one if the source says that it has ended.
func capturesWhatComesLater(t *testing.T, s *suite) {
	if s.Bring == nil || s.More == nil || s.Unacknowledged != Redelivered {
		t.Log("does not apply: the harness brings nothing to an endpoint that keeps it")
		return
	}
	session := s.open(nil)
	batches := s.batches(session, s.wanted())
	for i, docs := range s.More {
		for _, doc := range docs {
			if err := s.Bring(t.Context(), i, doc); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range s.Documents {
		if i < len(s.More) {
			s.Documents[i] = append(slices.Clone(s.Documents[i]), s.More[i]...)
		}
	}
	for want := s.wanted(); !slices.Equal(least(s.count(batches), want), want); {
		b, err := session.Pull(t.Context())
		if ended(err) {
			session.Close()
			session = s.open(s.state(nil, batches...))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	s.same(s.captured(batches))
}

// backfillStartsAnew: a binding whose state key changed is captured again.
func backfillStartsAnew(t *testing.T, s *suite) {
	if s.Unacknowledged != Redelivered || len(s.Documents[0]) == 0 {
		t.Log("does not apply: the endpoint keeps nothing that could be captured again")
		return
	}
	session := s.open(nil)
	batches := s.batches(session, s.wanted())
	session.Close()
	s.Bindings[0].StateKey = strings.TrimSuffix(s.Bindings[0].StateKey, ".v0") + ".v7"
	want := make([]int, len(s.Bindings))
	want[0] = len(s.Documents[0])
	again := s.captured(s.batches(s.open(s.state(nil, batches...)), want))
	for i, docs := range again {
		if i > 0 && !s.Endless && len(docs) > 0 {
			t.Errorf("binding %d gives %d documents again, though its state key is the former", i, len(docs))
		}
		if i > 0 {
			again[i] = s.Documents[i]
		}
	}
	s.same(again)
}

func bigDocuments(t *testing.T, s *suite) {
	if s.Big == nil || s.Bring == nil {
		t.Log("does not apply: the harness brings no big documents")
		return
	}
	doc := s.Big(BigDocument)
	if len(doc) < BigDocument/2 {
		t.Fatalf("the harness makes %d bytes of %d", len(doc), BigDocument)
	}
	b := &brought{answers: map[string]error{}}
	var session sources.Session
	if s.Unacknowledged == Redelivered {
		if err := s.Bring(t.Context(), 0, doc); err != nil {
			t.Fatal(err)
		}
		session = s.open(nil)
	} else {
		session = s.open(nil)
		s.bringTo(b, 0, doc)
	}
	for n := 1; ; n++ {
		batch, err := session.Pull(t.Context())
		if err != nil {
			t.Fatalf("no document of %d bytes came: %v", len(doc), err)
		}
		s.checkBatch(batch)
		found := slices.ContainsFunc(batch.Documents, func(d sources.Document) bool { return d.Binding == 0 && string(d.Data) == doc })
		if err := session.Acknowledge(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if found {
			break
		}
	}
	b.all.Wait()
	for _, err := range b.answers {
		if err != nil {
			t.Errorf("a big document was captured, and who brought it is told: %v", err)
		}
	}
}

// badDocumentsAreNamed: what is no document is never passed over in silence.
func badDocumentsAreNamed(t *testing.T, s *suite) {
	if s.Bad == nil {
		t.Log("does not apply: the endpoint holds nothing that is no document")
		return
	}
	name := s.Bad(t)
	var state json.RawMessage
	for range 2 { // opened again, the source meets it again
		session, _ := s.filled(state)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		captured := false
		for err := error(nil); err == nil && !captured; {
			var b sources.Batch
			if b, err = session.Pull(ctx); err != nil && !strings.Contains(err.Error(), name) {
				t.Fatalf("the error does not name %q: %v", name, err)
			}
			captured = slices.ContainsFunc(b.Documents, func(d sources.Document) bool { return strings.Contains(string(d.Data), name) })
			if err == nil && !captured {
				state = s.state(state, b)
			}
		}
		cancel()
		session.Close()
	}
}
