package sinkstest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"weir/sinks"
)

func checkpointResumes(t *testing.T, s *suite) {
	b := s.binding("things", false)
	session, opened := s.open("0-1", b)
	if opened.Checkpoint != nil {
		t.Fatalf("checkpoint %q of a shard that has committed nothing", opened.Checkpoint)
	}
	if says := s.Sink.Spec().ExactlyOnce; says && !opened.Exactly {
		t.Error("the spec says exactly once, the session does not")
	}
	s.commit(session, "one", doc(1, "a"))
	s.commit(session, "two")
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	session, _ = s.open("0-1", b)
	if got := s.checkpoint("0-1"); got != "two" {
		t.Fatalf("checkpoint %q, want that of the last commit", got)
	}
	long := strings.Repeat("three ", 20_000) // of many sources
	s.commit(session, long, doc(2, "b"))
	session.Close()
	s.open("0-1", b)
	if got := s.checkpoint("0-1"); got != long {
		t.Fatalf("a checkpoint of %d bytes, want that of %d", len(got), len(long))
	}
	s.holds("things", doc(1, "a"), doc(2, "b"))
}

// redeliveryLosesNothing ends a session with rows that were stored, and not
// committed: the next one gets them again.
func redeliveryLosesNothing(t *testing.T, s *suite) {
	b := s.binding("things", false)
	session, _ := s.open("0-1", b)
	s.commit(session, "one", doc(1, "a"))
	s.store(session, doc(2, "b"), doc(3, "c"))
	session.Close()
	session, opened := s.open("0-1", b)
	if got := s.checkpoint("0-1"); got != "one" {
		t.Fatalf("checkpoint %q, want that of the last commit", got)
	}
	s.commit(session, "two", doc(2, "b"), doc(3, "c"))
	s.commit(session, "three", doc(4, "d"))
	if opened.Exactly || !s.DeltaOnly {
		s.holds("things", doc(1, "a"), doc(2, "b"), doc(3, "c"), doc(4, "d"))
		return
	}
	s.holdsAtLeast("things", []string{doc(1, "a"), doc(2, "b"), doc(3, "c"), doc(4, "d")})
}

func openFences(t *testing.T, s *suite) {
	b := s.binding("things", false)
	old, opened := s.open("0-1", b)
	if !opened.Exactly {
		t.Log("does not apply: the endpoint has no fence")
		return
	}
	s.commit(old, "before", doc(1, "before"))
	s.store(old, doc(1, "stale"), doc(2, "stale"))
	// The old owner pauses here; its successor opens, reads and commits.
	session, opened := s.open("0-1", b)
	if string(opened.Checkpoint) != "before" {
		t.Fatalf("checkpoint %q, want that of the old owner's commit", opened.Checkpoint)
	}
	s.commit(session, "new", doc(3, "new"))
	if err := old.Commit(t.Context(), []byte("stale")); !errors.Is(err, sinks.ErrFenced) {
		t.Fatalf("commit of a fenced session: %v, want ErrFenced", err)
	}
	old.Close()
	s.holds("things", doc(1, "before"), doc(3, "new"))
	s.commit(session, "newer", doc(4, "newer"))
	_, opened = s.open("0-1", b)
	if string(opened.Checkpoint) != "newer" {
		t.Fatalf("checkpoint %q after a fenced commit", opened.Checkpoint)
	}
}

func shardsAreApart(t *testing.T, s *suite) {
	b := s.binding("things", false)
	left, _ := s.open("0-2", b)
	right, _ := s.open("1-2", b)
	s.commit(left, "left", doc(2, "left"))
	s.commit(right, "right", doc(1, "right"))
	s.commit(left, "left again", doc(4, "left"))
	s.holds("things", doc(1, "right"), doc(2, "left"), doc(4, "left"))
	s.open("1-2", b)
	if got := s.checkpoint("1-2"); got != "right" {
		t.Fatalf("checkpoint %q of the right shard", got)
	}
}

func commitIsAtomic(t *testing.T, s *suite) {
	b := s.binding("things", false)
	session, opened := s.open("0-1", b)
	if !opened.Exactly {
		t.Log("does not apply: the endpoint has no transactions")
		return
	}
	s.commit(session, "one", doc(1, "a"))
	s.store(session, doc(1, "b"), doc(2, "b"))
	if err := session.Close(); err != nil {
		t.Fatalf("close with rows stored: %v", err)
	}
	if err := session.Close(); err != nil {
		t.Fatalf("second close: %v", err)
	}
	if err := session.Commit(t.Context(), []byte("two")); err == nil {
		t.Fatal("a closed session commits")
	}
	s.holds("things", doc(1, "a"))
	if _, opened = s.open("0-1", b); string(opened.Checkpoint) != "one" {
		t.Fatalf("checkpoint %q, want that of the last commit", opened.Checkpoint)
	}
}

func rollbackForgets(t *testing.T, s *suite) {
	session, opened := s.open("0-1", s.binding("things", false))
	if err := session.Rollback(t.Context()); err != nil {
		t.Fatalf("rollback without rows: %v", err)
	}
	s.commit(session, "one", doc(1, "a"))
	s.store(session, doc(4, "b"), doc(2, "b"))
	if err := session.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.commit(session, "two", doc(3, "c"))
	if !opened.Exactly {
		s.holdsAtLeast("things", []string{doc(1, "a"), doc(3, "c")}, doc(4, "b"), doc(2, "b"))
		return
	}
	s.holds("things", doc(1, "a"), doc(3, "c"))
}

func contextsEndSteps(t *testing.T, s *suite) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b := s.binding("things", false)
	session, _ := s.open("0-1", b)
	s.commit(session, "one", doc(1, "a"))
	session.Close()

	r := s.openRequest("0-1", b)
	apply := s.applyRequest(false, r.Bindings...)
	if _, err := s.Sink.Apply(ended, apply); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if _, _, err := s.Sink.Open(ended, r); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	row := s.row(doc(2, "b"))
	steps := map[string]func(sinks.Session) error{
		"store":  func(session sinks.Session) error { return session.Store(ended, 0, []sinks.Row{row}) },
		"commit": func(session sinks.Session) error { return session.Commit(ended, []byte("two")) },
	}
	if !s.DeltaOnly {
		steps["load"] = func(session sinks.Session) error {
			return session.Load(ended, 0, [][]byte{row.Key}, func(int, []byte) error { return nil })
		}
	}
	for name, step := range steps {
		session, _ := s.open("0-1", b)
		if name == "commit" {
			s.store(session, doc(2, "b"))
		}
		if err := step(session); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if err := session.Commit(t.Context(), []byte("three")); err == nil {
			t.Errorf("a session goes on after its %s was broken off", name)
		}
		session.Close()
	}
	s.open("0-1", b)
	if got := s.checkpoint("0-1"); got != "one" {
		t.Errorf("checkpoint %q", got)
	}
	if s.AtLeastOnce {
		s.holdsAtLeast("things", []string{doc(1, "a")}, doc(2, "b"))
		return
	}
	s.holds("things", doc(1, "a"))
}
