package sinkstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/document"
	"weir/sinks"
)

// Harness is an empty endpoint of a sink.
type Harness struct {
	Sink    sinks.Sink
	Config  json.RawMessage
	DataDir string

	// Resource gives the resource configuration of a binding.
	Resource func(name string, delta bool) json.RawMessage

	// Documents reads, past the sink, the documents that a resource holds now,
	// in any order.
	Documents func(t *testing.T, name string) []string
}

// Conformance runs the suite; fresh is called for each test and gives an
// endpoint that holds nothing.
func Conformance(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"checkpoint resumes", checkpointResumes},
		{"open fences", openFences},
		{"shards are apart", shardsAreApart},
		{"commit is atomic", commitIsAtomic},
		{"rollback forgets", rollbackForgets},
		{"load returns what was stored", loadReturnsStored},
		{"delete removes", deleteRemoves},
		{"delta adds", deltaAdds},
		{"delta keeps deletions", deltaKeepsDeletions},
		{"apply twice", applyTwice},
		{"fields may be added", fieldsMayBeAdded},
		{"backfill starts anew", backfillStartsAnew},
		{"incompatible resources", incompatibleResources},
		{"contexts end steps", contextsEndSteps},
		{"caller keeps its memory", callerKeepsMemory},
		{"big transactions", bigTransactions},
		{"odd names", oddNames},
		{"odd values", oddValues},
		{"configuration is strict", configurationIsStrict},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, &suite{T: t, Harness: fresh(t)}) })
	}
}

func checkpointResumes(t *testing.T, s *suite) {
	b := s.binding("things", false)
	session, opened := s.open("0-1", b)
	if opened.Checkpoint != nil {
		t.Fatalf("checkpoint %q of a shard that has committed nothing", opened.Checkpoint)
	}
	if says := s.Sink.Spec().ExactlyOnce; says != opened.Exactly {
		t.Errorf("the spec says %t of exactly once, the session %t", says, opened.Exactly)
	}
	if !opened.Exactly {
		t.Skip("the endpoint keeps no checkpoints")
	}
	s.commit(session, "one", doc(1, "a"))
	s.commit(session, "two")
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	_, opened = s.open("0-1", b)
	if string(opened.Checkpoint) != "two" {
		t.Fatalf("checkpoint %q, want that of the last commit", opened.Checkpoint)
	}
}

func openFences(t *testing.T, s *suite) {
	b := s.binding("things", false)
	old, opened := s.open("0-1", b)
	if !opened.Exactly {
		t.Skip("the endpoint has no fence")
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
	if _, opened := s.open("1-2", b); opened.Exactly && string(opened.Checkpoint) != "right" {
		t.Fatalf("checkpoint %q of the right shard", opened.Checkpoint)
	}
}

func commitIsAtomic(t *testing.T, s *suite) {
	b := s.binding("things", false)
	session, opened := s.open("0-1", b)
	if !opened.Exactly {
		t.Skip("the endpoint has no transactions")
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
	session, _ := s.open("0-1", s.binding("things", false))
	if err := session.Rollback(t.Context()); err != nil {
		t.Fatalf("rollback without rows: %v", err)
	}
	s.commit(session, "one", doc(1, "a"))
	s.store(session, doc(1, "b"), doc(2, "b"))
	if err := session.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.commit(session, "two", doc(3, "c"))
	s.holds("things", doc(1, "a"), doc(3, "c"))
}

func loadReturnsStored(t *testing.T, s *suite) {
	session, _ := s.open("0-1", s.binding("things", false))
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
	stop := errors.New("stop")
	err := session.Load(t.Context(), 0, keys, func(int, []byte) error { return stop })
	if !errors.Is(err, stop) {
		t.Fatalf("an error of the receiver gives %v", err)
	}
}

func deleteRemoves(t *testing.T, s *suite) {
	session, _ := s.open("0-1", s.binding("things", false))
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
	s.commit(session, "three", doc(1, "again"))
	s.holds("things", doc(1, "again"), doc(2, "b"))

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
	if !b.Delta {
		t.Skip("the sink has no delta updates")
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
	if !b.Delta {
		t.Skip("the sink has no delta updates")
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

func applyTwice(t *testing.T, s *suite) {
	bindings := []sinks.Binding{s.binding("things", false), s.binding("others", false)}
	if _, err := s.tryApply(true, bindings...); err != nil {
		t.Fatalf("a dry run where nothing is yet: %v", err)
	}
	s.apply(slices.Clone(bindings)...)
	if action := s.apply(slices.Clone(bindings)...); action != "" {
		t.Fatalf("a second apply does something: %s", action)
	}
	session, _ := s.open("0-1", bindings...)
	s.commit(session, "one", doc(1, "a"))
	s.apply(bindings...)
	s.holds("things", doc(1, "a"))
}

func fieldsMayBeAdded(t *testing.T, s *suite) {
	session, _ := s.open("0-1", s.binding("things", false))
	s.commit(session, "one", doc(1, "a"))
	session.Close()
	wider := strings.Replace(thingSchema, `"properties":{`, `"properties":{"added":{"type":["string","null"]},`, 1)
	b := s.bindingOf("things", false, wider, "/id")
	session, opened := s.open("0-1", b)
	if opened.Exactly && string(opened.Checkpoint) != "one" {
		t.Fatalf("checkpoint %q after a field was added", opened.Checkpoint)
	}
	more := `{"id":2,"v":"b","added":"x"}`
	s.commit(session, "two", more)
	s.holds("things", doc(1, "a"), more)
}

func backfillStartsAnew(t *testing.T, s *suite) {
	b := s.binding("things", false)
	old, opened := s.open("0-1", b)
	s.commit(old, "one", doc(1, "a"))
	s.store(old, doc(2, "stale"))
	b.StateKey = sinks.StateKey([]string{"things"}, 7)
	s.apply(b)
	s.holds("things")
	if err := old.Commit(t.Context(), []byte("stale")); opened.Exactly && !errors.Is(err, sinks.ErrFenced) {
		t.Fatalf("a session from before the backfill commits: %v", err)
	}
	old.Close()
	session, _ := s.open("0-1", b)
	s.commit(session, "two", doc(3, "new"))
	s.holds("things", doc(3, "new"))
}

// incompatibleResources: what cannot be changed is left alone, or made anew
// under a state key that never was.
func incompatibleResources(t *testing.T, s *suite) {
	narrow := strings.Replace(thingSchema, `"type":"string"`, `"type":"boolean"`, 1)
	b := s.bindingOf("things", false, narrow, "/id")
	old, opened := s.open("0-1", b, s.binding("others", false))
	s.commit(old, "one", `{"id":1,"v":true}`)
	was := b.StateKey

	b = s.binding("things", false)
	others := s.binding("others", false)
	_, err := s.tryApply(false, b, others)
	var unfit *sinks.IncompatibleError
	if err == nil {
		t.Skip("the sink's resources take everything")
	}
	if !errors.As(err, &unfit) || len(unfit.Reasons) != 1 || len(unfit.Reasons[0]) == 0 {
		t.Fatalf("a resource that does not fit: %v", err)
	}
	if _, dry := s.tryApply(true, b, others); dry == nil || dry.Error() != err.Error() {
		t.Errorf("dry run: %v, want %v", dry, err)
	}
	s.holds("things", `{"id":1,"v":true}`)
	s.commit(old, "two", `{"id":2,"v":false}`)

	b.Rebuild = true
	if _, err := s.tryApply(true, b, others); err != nil {
		t.Errorf("dry run of a rebuild: %v", err)
	}
	s.holds("things", `{"id":1,"v":true}`, `{"id":2,"v":false}`)
	bindings := []sinks.Binding{b, others}
	s.apply(bindings...)
	if bindings[0].StateKey == was || bindings[1].StateKey != others.StateKey {
		t.Errorf("state keys %q and %q", bindings[0].StateKey, bindings[1].StateKey)
	}
	s.holds("things")
	if err := old.Commit(t.Context(), []byte("stale")); opened.Exactly && !errors.Is(err, sinks.ErrFenced) {
		t.Errorf("a session from before commits: %v", err)
	}
	session, again := s.open("0-1", b, others)
	if opened.Exactly && string(again.Checkpoint) != "two" {
		t.Errorf("checkpoint %q", again.Checkpoint)
	}
	s.commit(session, "three", doc(3, "new"))
	seen := map[string]bool{was: true, bindings[0].StateKey: true}
	for _, backfill := range []int{1, 0, 1} { // a counter that is lowered never finds its former state
		b.StateKey = sinks.StateKey([]string{"things"}, backfill)
		bindings = []sinks.Binding{b, others}
		s.apply(bindings...)
		if seen[bindings[0].StateKey] {
			t.Errorf("state key %q a second time", bindings[0].StateKey)
		}
		seen[bindings[0].StateKey] = true
		s.holds("things")
	}
}

func contextsEndSteps(t *testing.T, s *suite) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b := s.binding("things", false)
	session, _ := s.open("0-1", b)
	s.commit(session, "one", doc(1, "a"))
	session.Close()

	r := s.openRequest("0-1", b)
	if _, err := s.Sink.Apply(ended, sinks.ApplyRequest{Task: task, Config: s.Config, DataDir: s.DataDir, Bindings: r.Bindings}); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if _, _, err := s.Sink.Open(ended, r); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	row := s.row(doc(2, "b"))
	for name, step := range map[string]func(sinks.Session) error{
		"load": func(session sinks.Session) error {
			return session.Load(ended, 0, [][]byte{row.Key}, func(int, []byte) error { return nil })
		},
		"store":  func(session sinks.Session) error { return session.Store(ended, 0, []sinks.Row{row}) },
		"commit": func(session sinks.Session) error { return session.Commit(ended, []byte("two")) },
	} {
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
	if _, opened := s.open("0-1", b); opened.Exactly && string(opened.Checkpoint) != "one" {
		t.Errorf("checkpoint %q", opened.Checkpoint)
	}
	s.holds("things", doc(1, "a"))
}

func callerKeepsMemory(t *testing.T, s *suite) {
	session, _ := s.open("0-1", s.binding("things", false))
	row := s.row(doc(1, "mine"))
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
	got := s.load(session, [][]byte{s.key(doc(1, ""))})
	if !equalJSON(got[0], doc(1, "mine")) {
		t.Fatalf("loads %q", got[0])
	}
}

func bigTransactions(t *testing.T, s *suite) {
	session, opened := s.open("0-1", s.binding("things", false))
	big := doc(1, strings.Repeat("x", 4<<20))
	s.commit(session, "one", big)
	if got := s.load(session, [][]byte{s.key(doc(1, ""))}); !equalJSON(got[0], big) {
		t.Fatalf("a document of 4 MiB comes back with %d bytes", len(got[0]))
	}
	var docs []string
	for i := range 40 { // 40 MiB in one transaction
		docs = append(docs, doc(i, strings.Repeat("y", 1<<20)))
	}
	s.store(session, docs...)
	if opened.Exactly {
		session.Close()
		s.holds("things", big)
		session, _ = s.open("0-1", s.binding("things", false))
		s.store(session, docs...)
	}
	s.commit(session, "two")
	s.holds("things", docs...)
}

func oddNames(t *testing.T, s *suite) {
	names := []string{"select", "order by", `a"b`, "a'b", "ünï", "日本", "semi;colon--", "a%20b", "a?b", "$1", "[x]", "`y`", "new\nline", "rowid", "weir", strings.Repeat("long", 20)}
	properties := map[string]any{}
	document := map[string]any{"id": 1}
	for _, name := range names {
		properties[name] = map[string]any{"type": "string"}
		document[name] = "value of " + name
	}
	properties["id"] = map[string]any{"type": "integer"}
	schema := marshal(map[string]any{"type": "object", "required": []string{"id"}, "properties": properties})
	var bindings []sinks.Binding
	for i, name := range names {
		bindings = append(bindings, s.bindingOf(name, i%2 == 1, schema, "/id"))
	}
	session, _ := s.open("0-1", bindings...)
	row := s.row(marshal(document))
	for i := range names {
		if err := session.Store(t.Context(), i, []sinks.Row{row}); err != nil {
			t.Fatalf("resource %q: %v", names[i], err)
		}
	}
	s.commit(session, "one")
	for _, name := range names {
		s.holds(name, marshal(document))
	}
}

func oddValues(t *testing.T, s *suite) {
	b := s.bindingOf("values", false, `{"type":"object","required":["id"],"properties":{
		"id":{"type":["string","integer","boolean"]},"i":{"type":"integer"},"n":{"type":"number"},"s":{"type":"string"},"o":{"type":"object"},"a":{"type":"array"},"b":{"type":"boolean"},
		"m":{"type":["string","number","null"]},"d":{"type":"string","format":"date-time"},"x":{"type":"string","contentEncoding":"base64"}}}`, "/id")
	docs := []string{
		`{"id":"7","i":9223372036854775807,"n":1e308,"s":""}`,
		`{"id":7,"i":9223372036854775808,"n":1e400,"s":"nul \u0000 inside"}`,
		`{"id":true,"i":-9223372036854775809,"n":-1e400,"s":"\ud83d\ude00 😀"}`,
		`{"id":"","i":1.0,"n":0.1,"s":"\"quoted\" \\ \n"}`,
		`{"id":"\u0000","i":1e2,"n":-0.0,"o":{"a":{"b":{"c":[1,{"d":null}]}}}}`,
		`{"id":"a\u0000b","i":123456789012345678901234567890,"a":[[],{},""],"b":false}`,
		`{"id":9223372036854775807,"m":null,"b":true}`,
		`{"id":9223372036854775808,"m":"007"}`,
		`{"id":9223372036854775809,"m":7}`,
		`{"id":-9223372036854775808,"d":"9999-12-31T23:59:60Z","x":"AAECAw=="}`,
		`{"id":123456789012345678901234567890,"d":"0000-01-01T00:00:00Z","x":""}`,
		`{"id":"` + strings.Repeat("k", 3000) + `"}`,
		`{"id":"ключ"}`,
	}
	session, _ := s.open("0-1", b)
	s.commit(session, "one", docs...)
	s.commit(session, "two", docs...) // each key finds its own row
	s.holds("values", docs...)
	keys := make([][]byte, len(docs))
	for i, d := range docs {
		keys[i] = s.key(d)
	}
	loaded := s.load(session, keys)
	for i, d := range docs {
		if loaded[i] != d {
			t.Errorf("%s loads as %q", d, loaded[i])
		}
	}
}

func configurationIsStrict(t *testing.T, s *suite) {
	spec := s.Sink.Spec()
	for what, schema := range map[string]json.RawMessage{"config": spec.ConfigSchema, "resource": spec.ResourceSchema} {
		if !json.Valid(schema) {
			t.Errorf("the %s schema is no JSON", what)
		}
	}
	c := s.collection(thingSchema, "/id")
	validate := func(config, resource json.RawMessage) error {
		_, err := s.Sink.Validate(t.Context(), sinks.ValidateRequest{Task: task, Config: config, DataDir: s.DataDir,
			Bindings: []sinks.Binding{{Resource: resource, Collection: c}}})
		return err
	}
	good := s.Resource("things", false)
	if err := validate(s.Config, good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []json.RawMessage{json.RawMessage(`{}`), json.RawMessage(`[]`), withMember(good, `"nosuch":1`)} {
		if validate(s.Config, bad) == nil {
			t.Errorf("resource %s is accepted", bad)
		}
	}
	if validate(withMember(s.Config, `"nosuch":1`), good) == nil {
		t.Error("a config with an unknown property is accepted")
	}
	_, err := s.Sink.Validate(t.Context(), sinks.ValidateRequest{Task: task, Config: s.Config, DataDir: s.DataDir,
		Bindings: []sinks.Binding{{Resource: good, Collection: c}, {Resource: good, Collection: c}}})
	if err == nil {
		t.Error("two bindings of one resource are accepted")
	}
}

// withMember adds a member to a JSON object.
func withMember(object json.RawMessage, member string) json.RawMessage {
	body := bytes.TrimPrefix(bytes.TrimSpace(object), []byte("{"))
	if string(bytes.TrimSpace(body)) == "}" {
		return json.RawMessage("{" + member + "}")
	}
	return json.RawMessage("{" + member + "," + string(body))
}

const (
	task        = "acmeCo/to-somewhere"
	thingSchema = `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"v":{"type":"string"}}}`
)

// doc is a document of thingSchema.
func doc(id int, v string) string { return fmt.Sprintf(`{"id":%d,"v":%q}`, id, v) }

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the suite's own values
	}
	return string(text)
}

func equalJSON(a, b string) bool {
	var x, y document.Doc
	return x.Parse([]byte(a)) == nil && y.Parse([]byte(b)) == nil && document.Equal(&x, 0, &y, 0)
}

var published = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func sorted(docs []string) []string {
	docs = slices.Clone(docs)
	slices.Sort(docs)
	return docs
}
