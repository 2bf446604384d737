package sinkstest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
	"weir/document"
	"weir/schema"
	"weir/sinks"
)

// suite drives the sink of one test.
type suite struct {
	*testing.T
	Harness
	pack *document.Key
	kept map[string]*kept               // by shard
	live map[sinks.Session]*openSession // by what Open gave
	keys map[string][]byte              // packed, by document: big ones take long to parse
}

// kept is what a worker keeps for a shard of a sink that keeps nothing itself,
// or what the endpoint said when it was opened last.
type kept struct {
	epoch      int
	checkpoint []byte
	state      json.RawMessage
}

// openSession is what the suite knows of a session.
type openSession struct {
	sinks.Session
	of     *kept
	epoch  int
	opened sinks.Opened
	delta  bool // of the first binding
}

func newSuite(t *testing.T, h Harness) *suite {
	return &suite{T: t, Harness: h, kept: map[string]*kept{}, live: map[sinks.Session]*openSession{}, keys: map[string][]byte{}}
}

// binding gives a binding of thingSchema, complete with its fields.
func (s *suite) binding(name string, delta bool) sinks.Binding {
	return s.bindingOf(name, delta, thingSchema, "/id")
}

func (s *suite) bindingOf(name string, delta bool, schemaText string, key ...string) sinks.Binding {
	s.Helper()
	b := sinks.Binding{Resource: s.Resource(name, delta), Collection: s.collection(schemaText, key...)}
	v, err := s.Sink.Validate(s.Context(), sinks.ValidateRequest{Task: task, Config: s.Config, DataDir: s.DataDir, Bindings: []sinks.Binding{b}})
	if err != nil {
		s.Fatal(err)
	}
	if len(v.Bindings) != 1 || len(v.Bindings[0].ResourcePath) == 0 {
		s.Fatalf("validated: %+v", v)
	}
	if _, err := sinks.Complete(&b, v.Bindings[0], nil, 0); err != nil {
		s.Fatal(err)
	}
	if want := (delta || s.DeltaOnly) && !s.NoDelta; b.Delta != want {
		s.Fatalf("a resource with delta %t is in delta mode: %t; the harness says otherwise", delta, b.Delta)
	}
	return b
}

func (s *suite) collection(schemaText string, key ...string) sinks.Collection {
	s.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "schema.json", Resources: map[string]json.RawMessage{"schema.json": json.RawMessage(schemaText)}})
	if err != nil {
		s.Fatal(err)
	}
	c, err := sinks.Describe(&catalog.Collection{Name: "acmeCo/things", Key: key}, compiled.Shape())
	if err != nil {
		s.Fatal(err)
	}
	if s.pack, err = document.NewKey(key); err != nil {
		s.Fatal(err)
	}
	clear(s.keys)
	return c
}

// apply applies bindings and gives them the state keys that came of it.
func (s *suite) apply(bindings ...sinks.Binding) (action string) {
	s.Helper()
	applied, err := s.tryApply(false, bindings...)
	if err != nil {
		s.Fatal(err)
	}
	for i, key := range applied.StateKeys {
		bindings[i].StateKey = key
	}
	return applied.Action
}

func (s *suite) tryApply(dry bool, bindings ...sinks.Binding) (sinks.Applied, error) {
	return s.Sink.Apply(s.Context(), s.applyRequest(dry, bindings...))
}

func (s *suite) applyRequest(dry bool, bindings ...sinks.Binding) sinks.ApplyRequest {
	r := sinks.ApplyRequest{Task: task, Config: s.Config, DataDir: s.DataDir, Bindings: bindings, DryRun: dry}
	if !dry && !s.Sink.Spec().ExactlyOnce {
		k := s.keptOf("0-1")
		r.State, r.Keep = k.state, k.keep(k.epoch)
	}
	return r
}

func (s *suite) openRequest(shard string, bindings ...sinks.Binding) sinks.OpenRequest {
	r := sinks.OpenRequest{Task: task, Shard: shard, Config: s.Config, DataDir: s.DataDir, Bindings: bindings}
	if !s.Sink.Spec().ExactlyOnce {
		k := s.keptOf(shard)
		r.State, r.Keep = k.state, k.keep(k.epoch)
	}
	return r
}

func (s *suite) keptOf(shard string) *kept {
	if s.kept[shard] == nil {
		s.kept[shard] = &kept{}
	}
	return s.kept[shard]
}

// keep is a worker's, for the owner of an epoch.
func (k *kept) keep(epoch int) func(context.Context, []byte, json.RawMessage) error {
	return func(ctx context.Context, checkpoint []byte, state json.RawMessage) error {
		if k.epoch != epoch {
			return fmt.Errorf("keep state: %w", sinks.ErrFenced)
		}
		if checkpoint != nil {
			k.checkpoint = slices.Clone(checkpoint)
		}
		k.state = slices.Clone(state)
		return ctx.Err()
	}
}

// open applies the bindings and opens a shard of them.
func (s *suite) open(shard string, bindings ...sinks.Binding) (sinks.Session, sinks.Opened) {
	s.Helper()
	bindings = slices.Clone(bindings)
	k := s.keptOf(shard)
	k.epoch++
	s.apply(bindings...)
	session, opened, err := s.Sink.Open(s.Context(), s.openRequest(shard, bindings...))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { session.Close() })
	if opened.Exactly == s.AtLeastOnce {
		s.Errorf("a session opens with Exactly %t; the harness says otherwise", opened.Exactly)
	}
	if opened.Exactly {
		k.checkpoint = opened.Checkpoint
	}
	s.live[session] = &openSession{Session: session, of: k, epoch: k.epoch, opened: opened, delta: bindings[0].Delta}
	return session, opened
}

// checkpoint is where the shard stands, as its last opening has it.
func (s *suite) checkpoint(shard string) string { return string(s.keptOf(shard).checkpoint) }

func (s *suite) key(doc string) []byte {
	s.Helper()
	key, ok := s.keys[doc]
	if !ok {
		key = s.row(doc).Key
	}
	return key
}

func (s *suite) row(doc string) sinks.Row {
	s.Helper()
	row := sinks.Row{Doc: new(document.Doc), Raw: []byte(doc), Published: published}
	if err := row.Doc.Parse([]byte(doc)); err != nil {
		s.Fatal(err)
	}
	var err error
	if row.Key, err = s.pack.AppendPacked(nil, row.Doc, 0); err != nil {
		s.Fatal(err)
	}
	s.keys[strings.Clone(doc)] = slices.Clone(row.Key)
	return row
}

// store stores documents in the first binding. Where the sink wants to be told
// which of them exist, they are loaded first.
func (s *suite) store(session sinks.Session, docs ...string) {
	s.Helper()
	rows, keys := make([]sinks.Row, len(docs)), make([][]byte, len(docs))
	for i, d := range docs {
		rows[i] = s.row(d)
		keys[i] = rows[i].Key
	}
	if known := s.live[session]; known.opened.Loads && !known.delta {
		for i := range s.load(session, keys) {
			rows[i].Exists = true
		}
	}
	if err := session.Store(s.Context(), 0, rows); err != nil {
		s.Fatal(err)
	}
}

// commit stores documents and commits, and keeps the checkpoint of sinks that
// do not, as a worker does.
func (s *suite) commit(session sinks.Session, checkpoint string, docs ...string) {
	s.Helper()
	if len(docs) > 0 {
		s.store(session, docs...)
	}
	if err := session.Commit(s.Context(), []byte(checkpoint)); err != nil {
		s.Fatal(err)
	}
	if known := s.live[session]; !known.opened.Exactly && known.epoch == known.of.epoch {
		known.of.checkpoint = []byte(checkpoint)
	}
}

// load gives what the first binding holds of keys, by their index.
func (s *suite) load(session sinks.Session, keys [][]byte) map[int]string {
	s.Helper()
	loaded := map[int]string{}
	var kept [][]byte
	err := load(s.Context(), session, 0, keys, func(i int, doc []byte) error {
		if _, twice := loaded[i]; twice {
			s.Errorf("key %x is loaded twice", keys[i])
		}
		loaded[i], kept = string(doc), append(kept, doc)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	for i, doc := range loaded {
		if !slices.ContainsFunc(kept, func(k []byte) bool { return string(k) == doc }) {
			s.Errorf("the document loaded for key %x was changed afterwards", keys[i])
		}
	}
	return loaded
}

// load calls a session's Load as an owner does.
func load(ctx context.Context, session sinks.Session, binding int, keys [][]byte, loaded func(i int, doc []byte) error) error {
	if err := session.Load(ctx, binding, keys, loaded); err != nil {
		return err
	}
	if f, ok := session.(sinks.Flusher); ok && len(keys) > 0 {
		return f.Flush(ctx)
	}
	return nil
}

// holds compares a resource with documents.
func (s *suite) holds(name string, want ...string) {
	s.Helper()
	got, want := sorted(s.Documents(s.T, name)), sorted(want)
	if !slices.EqualFunc(got, want, equalJSON) {
		s.Fatalf("%s holds %d documents, want %d:\n got %.600q\nwant %.600q", name, len(got), len(want), got, want)
	}
}

// left is what documents leave of each other in a binding that was asked to be
// in standard mode: the last of each key.
func (s *suite) left(docs ...string) []string {
	if s.DeltaOnly {
		return docs
	}
	last := map[string]int{}
	for i, d := range docs {
		last[string(s.key(d))] = i
	}
	var out []string
	for i, d := range docs {
		if last[string(s.key(d))] == i {
			out = append(out, d)
		}
	}
	return out
}

// holdsAtLeast says whether a resource holds each of some documents, and
// nothing else than these, once or more, and those that it may hold.
func (s *suite) holdsAtLeast(name string, want []string, may ...string) {
	s.Helper()
	got := s.Documents(s.T, name)
	for _, doc := range want {
		if !slices.ContainsFunc(got, func(d string) bool { return equalJSON(d, doc) }) {
			s.Errorf("%s does not hold %.200s", name, doc)
		}
	}
	all := append(slices.Clone(want), may...)
	for _, doc := range got {
		if !slices.ContainsFunc(all, func(d string) bool { return equalJSON(d, doc) }) {
			s.Errorf("%s holds %.200s", name, doc)
		}
	}
}
