package sinkstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/document"
	"weir/sinks"
)

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
	names = slices.DeleteFunc(names, func(name string) bool { return s.refusesName(name, schema) })
	for i, name := range names {
		bindings = append(bindings, s.bindingOf(name, i%2 == 1 && !s.NoDelta, schema, "/id"))
	}
	session, opened := s.open("0-1", bindings...)
	row := s.row(marshal(document))
	for i := range names {
		if opened.Loads && !bindings[i].Delta {
			if err := session.Load(t.Context(), i, [][]byte{row.Key}, func(int, []byte) error { return nil }); err != nil {
				t.Fatalf("resource %q: %v", names[i], err)
			}
		}
	}
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

// refusesName says whether a name is too long for a resource, and checks that
// the sink says so.
func (s *suite) refusesName(name, schema string) bool {
	if s.MaxName == 0 || len(name) <= s.MaxName {
		return false
	}
	_, err := s.Sink.Validate(s.Context(), sinks.ValidateRequest{Task: task, Config: s.Config, DataDir: s.DataDir,
		Bindings: []sinks.Binding{{Resource: s.Resource(name, false), Collection: s.collection(schema, "/id")}}})
	if err == nil {
		s.Errorf("a resource's name of %d bytes is accepted", len(name))
	}
	return true
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
	if s.Holds != nil {
		docs = slices.DeleteFunc(docs, func(doc string) bool { return !s.Holds(doc) })
	}
	session, _ := s.open("0-1", b)
	s.commit(session, "one", docs...)
	s.commit(session, "two", docs...) // each key finds its own row
	s.holds("values", s.left(append(slices.Clone(docs), docs...)...)...)
	if s.DeltaOnly {
		return
	}
	keys := make([][]byte, len(docs))
	for i, d := range docs {
		keys[i] = s.key(d)
	}
	loaded := s.load(session, keys)
	for i, d := range docs {
		if !equalJSON(loaded[i], d) {
			t.Errorf("%s loads as %q", d, loaded[i])
		}
	}
}

const (
	task        = "acmeCo/to-somewhere"
	thingSchema = `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"v":{"type":"string"}}}`
)

// doc is a document of thingSchema.
func doc(id int, v string) string { return fmt.Sprintf(`{"id":%d,"v":"%s"}`, id, v) }

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the suite's own values
	}
	return string(text)
}

func equalJSON(a, b string) bool {
	if a == b {
		return true
	}
	var x, y document.Doc
	return x.Parse([]byte(a)) == nil && y.Parse([]byte(b)) == nil && document.Equal(&x, 0, &y, 0)
}

var published = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func sorted(docs []string) []string {
	docs = slices.Clone(docs)
	slices.Sort(docs)
	return docs
}
