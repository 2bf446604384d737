package sinkstest

import (
	"encoding/json"
	"slices"
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
	return s.Sink.Apply(s.Context(), sinks.ApplyRequest{Task: task, Config: s.Config, DataDir: s.DataDir, Bindings: bindings, DryRun: dry})
}

func (s *suite) openRequest(shard string, bindings ...sinks.Binding) sinks.OpenRequest {
	return sinks.OpenRequest{Task: task, Shard: shard, Config: s.Config, DataDir: s.DataDir, Bindings: bindings}
}

// open applies the bindings and opens a shard of them.
func (s *suite) open(shard string, bindings ...sinks.Binding) (sinks.Session, sinks.Opened) {
	s.Helper()
	bindings = slices.Clone(bindings)
	s.apply(bindings...)
	session, opened, err := s.Sink.Open(s.Context(), s.openRequest(shard, bindings...))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { session.Close() })
	return session, opened
}

func (s *suite) key(doc string) []byte {
	s.Helper()
	return s.row(doc).Key
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
	return row
}

// store stores documents in the first binding.
func (s *suite) store(session sinks.Session, docs ...string) {
	s.Helper()
	rows := make([]sinks.Row, len(docs))
	for i, d := range docs {
		rows[i] = s.row(d)
	}
	if err := session.Store(s.Context(), 0, rows); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) commit(session sinks.Session, checkpoint string, docs ...string) {
	s.Helper()
	if len(docs) > 0 {
		s.store(session, docs...)
	}
	if err := session.Commit(s.Context(), []byte(checkpoint)); err != nil {
		s.Fatal(err)
	}
}

// load gives what the first binding holds of keys, by their index.
func (s *suite) load(session sinks.Session, keys [][]byte) map[int]string {
	s.Helper()
	loaded := map[int]string{}
	var kept [][]byte
	err := session.Load(s.Context(), 0, keys, func(i int, doc []byte) error {
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

// holds compares a resource with documents.
func (s *suite) holds(name string, want ...string) {
	s.Helper()
	got, want := sorted(s.Documents(s.T, name)), sorted(want)
	if !slices.EqualFunc(got, want, equalJSON) {
		s.Fatalf("%s holds %d documents, want %d:\n got %.600q\nwant %.600q", name, len(got), len(want), got, want)
	}
}
