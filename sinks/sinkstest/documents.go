package sinkstest

import (
	"errors"
	"strings"
	"testing"

	"weir/sinks"
)

func loadReturnsStored(t *testing.T, s *suite) {
	session, _ := s.open("0-1", s.binding("things", false))
	if s.DeltaOnly {
		if err := session.Load(t.Context(), 0, [][]byte{s.key(doc(1, ""))}, func(int, []byte) error { return nil }); err == nil {
			t.Error("a binding in delta mode loads")
		}
		return
	}
	var docs []string
	for i := range 300 {
		docs = append(docs, doc(i, "v"))
	}
	s.commit(session, "one", docs...)
	s.commit(session, "two", doc(7, "changed"))
	docs[7] = doc(7, "changed")

	var keys [][]byte
	for i := 299; i >= 0; i-- { // backwards, and every second one unknown
		keys = append(keys, s.key(doc(i, "")), s.key(doc(i+1000, "")))
	}
	loaded := s.load(session, keys)
	for n, key := range keys {
		i := 299 - n/2
		switch got, ok := loaded[n]; {
		case n%2 == 1 && ok:
			t.Fatalf("unknown key %x loads %s", key, got)
		case n%2 == 0 && !equalJSON(got, docs[i]):
			t.Fatalf("document %d loads as %q, want %s", i, got, docs[i])
		}
	}
	if len(s.load(session, nil)) != 0 {
		t.Fatal("no keys load something")
	}
	s.commit(session, "three")
	stop := errors.New("stop")
	err := load(t.Context(), session, 0, keys, func(int, []byte) error { return stop })
	if !errors.Is(err, stop) {
		t.Fatalf("an error of the receiver gives %v", err)
	}
}

func deleteRemoves(t *testing.T, s *suite) {
	if s.DeltaOnly {
		t.Log("does not apply: the sink replaces and removes nothing")
		return
	}
	session, opened := s.open("0-1", s.binding("things", false))
	s.commit(session, "one", doc(1, "a"), doc(2, "b"))
	gone, never := s.row(doc(1, "a")), s.row(doc(3, "c"))
	gone.Exists, gone.Delete, never.Delete = true, true, true
	if err := session.Store(t.Context(), 0, []sinks.Row{gone, never}); err != nil {
		t.Fatal(err)
	}
	s.commit(session, "two")
	s.holds("things", doc(2, "b"))
	if got := s.load(session, [][]byte{gone.Key, never.Key}); len(got) != 0 {
		t.Fatalf("deleted documents load: %v", got)
	}
	s.commit(session, "none")
	s.commit(session, "three", doc(1, "again"))
	s.holds("things", doc(1, "again"), doc(2, "b"))
	if !opened.Exactly {
		return
	}
	gone.Exists = true
	if err := session.Store(t.Context(), 0, []sinks.Row{gone, s.row(doc(3, "c"))}); err != nil {
		t.Fatal(err)
	}
	if err := session.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.commit(session, "four")
	s.holds("things", doc(1, "again"), doc(2, "b"))
}

func deltaAdds(t *testing.T, s *suite) {
	b := s.binding("changes", true)
	if s.NoDelta {
		t.Log("does not apply: the sink has no delta updates")
		return
	}
	session, opened := s.open("0-1", b)
	s.commit(session, "one", doc(1, "a"), doc(1, "b"))
	s.commit(session, "two", doc(1, "a"))
	s.holds("changes", doc(1, "a"), doc(1, "a"), doc(1, "b"))
	if !opened.Exactly {
		return
	}
	s.store(session, doc(2, "lost"))
	session.Close()
	s.holds("changes", doc(1, "a"), doc(1, "a"), doc(1, "b"))
}

func deltaKeepsDeletions(t *testing.T, s *suite) {
	b := s.binding("changes", true)
	if s.NoDelta {
		t.Log("does not apply: the sink has no delta updates")
		return
	}
	session, _ := s.open("0-1", b)
	s.commit(session, "one", doc(1, "a"))
	gone := s.row(doc(1, "deleted"))
	gone.Delete = true
	if err := session.Store(t.Context(), 0, []sinks.Row{gone}); err != nil {
		t.Fatal(err)
	}
	s.commit(session, "two", doc(1, "b"))
	s.holds("changes", doc(1, "a"), doc(1, "b"), doc(1, "deleted"))
}

// bothModes writes to a binding of each mode in one transaction.
func bothModes(t *testing.T, s *suite) {
	if s.NoDelta || s.DeltaOnly {
		t.Log("does not apply: the sink has one mode only")
		return
	}
	bindings := []sinks.Binding{s.binding("things", false), s.binding("changes", true)}
	session, opened := s.open("0-1", bindings...)
	for i, v := range []string{"a", "b"} {
		rows := []sinks.Row{s.row(doc(1, v))}
		if i > 0 {
			rows[0].Exists = len(s.load(session, [][]byte{rows[0].Key})) == 1
		} else if opened.Loads {
			s.load(session, [][]byte{rows[0].Key})
		}
		for binding := range bindings {
			if err := session.Store(t.Context(), binding, rows); err != nil {
				t.Fatal(err)
			}
		}
		s.commit(session, v)
	}
	s.holds("things", doc(1, "b"))
	s.holds("changes", doc(1, "a"), doc(1, "b"))
}

func callerKeepsMemory(t *testing.T, s *suite) {
	session, opened := s.open("0-1", s.binding("things", false))
	row := s.row(doc(1, "mine"))
	if opened.Loads {
		s.load(session, [][]byte{row.Key})
	}
	if err := session.Store(t.Context(), 0, []sinks.Row{row}); err != nil {
		t.Fatal(err)
	}
	for _, memory := range [][]byte{row.Key, row.Raw, row.Doc.Src} {
		for i := range memory {
			memory[i] = 'x'
		}
	}
	s.commit(session, "one")
	s.holds("things", doc(1, "mine"))
	if s.DeltaOnly {
		return
	}
	got := s.load(session, [][]byte{s.key(doc(1, ""))})
	if !equalJSON(got[0], doc(1, "mine")) {
		t.Fatalf("loads %q", got[0])
	}
}

// bigDocuments are near what one message of a server with ordinary limits holds.
func bigDocuments(t *testing.T, s *suite) {
	b := s.binding("things", false)
	session, _ := s.open("0-1", b)
	big := doc(1, strings.Repeat("x", 4<<20))
	s.commit(session, "one", big, doc(2, "small"))
	if !s.DeltaOnly {
		if got := s.load(session, [][]byte{s.key(doc(1, ""))}); !equalJSON(got[0], big) {
			t.Fatalf("a document of 4 MiB comes back with %d bytes", len(got[0]))
		}
	}
	s.holds("things", big, doc(2, "small"))
	session.Close()
	session, _ = s.open("0-1", b)
	bigger := doc(1, strings.Repeat("y", 5<<20))
	s.commit(session, "two", bigger)
	s.holds("things", s.left(big, doc(2, "small"), bigger)...)
}

func bigTransactions(t *testing.T, s *suite) {
	session, opened := s.open("0-1", s.binding("things", false))
	s.commit(session, "one", doc(1, "a"))
	var docs []string
	for i := range 40 { // 40 MiB in one transaction
		docs = append(docs, doc(i, strings.Repeat("y", 1<<20)))
	}
	if opened.Exactly {
		s.store(session, docs...)
		session.Close()
		s.holds("things", doc(1, "a"))
		session, _ = s.open("0-1", s.binding("things", false))
	}
	s.commit(session, "two", docs...)
	s.holds("things", s.left(append([]string{doc(1, "a")}, docs...)...)...)
}

// refusedDocumentsAreNamed: the error of rows that the endpoint does not take
// names the document, is no trouble that passes, and loses nothing.
func refusedDocumentsAreNamed(t *testing.T, s *suite) {
	if s.Refuse == nil {
		t.Log("does not apply: the endpoint takes whatever the sink takes")
		return
	}
	b := s.binding("things", false)
	session, opened := s.open("0-1", b)
	s.commit(session, "one", doc(1, "a"))
	bad := doc(7654321, "bad")
	s.Refuse(t, "things", bad)
	rows := []sinks.Row{s.row(doc(2, "b")), s.row(bad)}
	if opened.Loads && !b.Delta {
		s.load(session, [][]byte{rows[0].Key, rows[1].Key})
	}
	err := session.Store(t.Context(), 0, rows)
	if err == nil {
		err = session.Commit(t.Context(), []byte("two"))
	}
	switch {
	case err == nil:
		t.Fatal("a refused document is stored")
	case !strings.Contains(err.Error(), "7654321"):
		t.Errorf("the error does not name the document: %v", err)
	case errors.Is(err, sinks.ErrTransient) || errors.Is(err, sinks.ErrFenced):
		t.Errorf("the error says that it passes, or is somebody else's: %v", err)
	}
	session.Close()
	session, _ = s.open("0-1", b)
	if got := s.checkpoint("0-1"); got != "one" {
		t.Errorf("checkpoint %q behind a refused document", got)
	}
	s.commit(session, "three", doc(3, "c"))
	if s.AtLeastOnce {
		s.holdsAtLeast("things", []string{doc(1, "a"), doc(3, "c")}, doc(2, "b"))
		return
	}
	s.holds("things", doc(1, "a"), doc(3, "c"))
}
