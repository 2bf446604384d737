package generator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/schema"
	"weir/sources"
	"weir/sources/sourcestest"
)

func binding(t testing.TB, resource, schemaText string, key ...string) sources.Binding {
	t.Helper()
	c, err := collection.New(&catalog.Collection{Name: "acmeCo/x", Key: key, Partitions: 1, Schema: schema.Source{
		URL: "file:///schema.json", Resources: map[string]json.RawMessage{"file:///schema.json": json.RawMessage(schemaText),
			"file:///other.json": json.RawMessage(`{"$defs":{"money":{"type":"object","required":["amount"],"properties":{"amount":{"$ref":"#/$defs/amount"}}},"amount":{"type":"integer","minimum":5,"maximum":9}}}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	return sources.Binding{Resource: json.RawMessage(resource), Collection: sources.Collection{Name: c.Name, Key: key, Writes: c}}
}

const orderSchema = `{"type":"object","required":["id","kind","to"],"properties":{
	"id":{"type":"integer"},
	"kind":{"enum":["new","paid"]},
	"name":{"type":["string","null"],"maxLength":4},
	"code":{"type":"string","pattern":"^[A-Z]{2,3}-\\d+(x|y)?$"},
	"at":{"type":"string","format":"date-time"},
	"ratio":{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1},
	"dozen":{"type":"integer","multipleOf":12,"minimum":-24,"maximum":24},
	"tags":{"type":"array","items":{"type":"string","minLength":8},"minItems":1,"maxItems":2},
	"price":{"$ref":"other.json#/$defs/money"},
	"to":{"oneOf":[{"type":"string","format":"email"},{"type":"object","required":["street"],"properties":{"street":{"type":"string"}},"additionalProperties":false}]},
	"all":{"allOf":[{"type":"object","properties":{"a":{"const":1}}},{"required":["a"]}]},
	"never":false,
	"tree":{"$ref":"#"}
}}`

func TestConformance(t *testing.T) {
	sourcestest.Conformance(t, func(t *testing.T) sourcestest.Harness {
		h := sourcestest.Harness{
			Source: New(),
			Config: json.RawMessage(`{"seed":7}`),
			Bindings: []sources.Binding{
				binding(t, `{"name":"orders","count":700,"template":"{\"id\":{{seq}},\"v\":{{int 1 100}}}"}`, `{"type":"object"}`, "/id"),
				binding(t, `{"name":"shaped","count":600}`, `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string"}}}`, "/id"),
			},
		}
		h.Documents = make([][]string, 2)
		for i, b := range h.Bindings {
			h.Documents[i] = generate(t, b, 7, nil, 700)
		}
		return h
	})
}

// generate gives up to n documents of a binding, behind a state.
func generate(t testing.TB, b sources.Binding, seed int64, from json.RawMessage, n int) (docs []string) {
	t.Helper()
	s, err := New().Open(t.Context(), sources.OpenRequest{Config: fmt.Appendf(nil, `{"seed":%d}`, seed), Bindings: []sources.Binding{b}, State: from})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for len(docs) < n {
		batch, err := s.Pull(t.Context())
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range batch.Documents {
			docs = append(docs, string(d.Data))
		}
	}
	return docs[:n]
}

// Documents that the schema shapes are taken by it, differ, and have keys of
// their own.
func TestShapes(t *testing.T) {
	b := binding(t, `{"name":"orders"}`, orderSchema, "/id")
	docs := generate(t, b, 1, nil, 2000)
	fields := map[string]map[string]bool{}
	validator := b.Collection.Writes.Schema.Validator()
	for i, text := range docs {
		var d document.Doc
		if err := d.Parse([]byte(text)); err != nil || !validator.Valid(&d, 0) {
			t.Fatalf("%v: %s", err, text)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(err)
		}
		for name, v := range members {
			if fields[name] == nil {
				fields[name] = map[string]bool{}
			}
			fields[name][string(v)] = true
		}
		if string(members["id"]) != fmt.Sprint(i) {
			t.Fatalf("document %d has the key %s", i, members["id"])
		}
	}
	for name, least := range map[string]int{"id": 2000, "kind": 2, "name": 10, "code": 500, "at": 500, "ratio": 50, "dozen": 5, "tags": 100, "price": 5, "to": 100, "all": 1, "tree": 100} {
		if len(fields[name]) < least {
			t.Errorf("%s has %d values, want %d at least", name, len(fields[name]), least)
		}
	}
	if fields["never"] != nil {
		t.Error("there is what must not be")
	}
}

func TestSeeds(t *testing.T) {
	a := binding(t, `{"name":"a","template":"{\"v\":{{int 0 1000000}}}"}`, `{"type":"object"}`, "/v")
	b := binding(t, `{"name":"b","template":"{\"v\":{{int 0 1000000}}}"}`, `{"type":"object"}`, "/v")
	one := generate(t, a, 1, nil, 20)
	if !slices.Equal(one, generate(t, a, 1, nil, 20)) {
		t.Error("the same seed gives other documents")
	}
	if !slices.Equal(one[5:], generate(t, a, 1, json.RawMessage(`{"v":1,"made":{"a":5}}`), 15)) {
		t.Error("going on gives other documents")
	}
	for _, other := range [][]string{generate(t, a, 2, nil, 20), generate(t, b, 1, nil, 20), one[1:]} {
		for i := range other {
			if other[i] == one[i] {
				t.Errorf("document %d is the same: %s", i, one[i])
			}
		}
	}
	if want := `{"v":983818}`; one[0] != want {
		t.Errorf("the first document is %s, in former versions it was %s", one[0], want)
	}
}

func TestTemplates(t *testing.T) {
	for _, test := range []struct{ template, want string }{
		{`{"n":{{seq}},"m":{{mod seq 2}},"s":{{add seq 1}},"p":{{mul 2 seq}}}`, `{"n":1,"m":1,"s":2,"p":2}|{"n":2,"m":0,"s":3,"p":4}`},
		{`"{{pad 4 seq}}"`, `"0001"|"0002"`},
		{`[{{time "90s" | json}}]`, `["2026-01-01T00:00:00Z"]|["2026-01-01T00:01:30Z"]`},
		{`{{if eq (mod seq 2) 0}}{"even":true}{{else}}{}{{end}}`, `{}|{"even":true}`},
		{`{{json (repeat 3 "a\"")}}`, `"a\"a\"a\""|"a\"a\"a\""`},
		{`[{{int 5 5}},{{float 2 2}},{{choice 1 1}},{{chance 1}},"{{between "2026-01-01T00:00:00Z" "2026-01-01T00:00:00Z"}}"]`,
			`[5,2,1,true,"2026-01-01T00:00:00Z"]|[5,2,1,true,"2026-01-01T00:00:00Z"]`},
	} {
		resource, _ := json.Marshal(map[string]any{"name": "x", "count": 2, "template": test.template})
		got := generate(t, binding(t, string(resource), `{}`, "/v"), 0, nil, 3)
		if strings.Join(got, "|") != test.want {
			t.Errorf("%s gives %q, want %q", test.template, got, test.want)
		}
	}
	for _, text := range []string{`"{{uuid}} {{name}} {{word}} {{words 3}}"`, `[{{bool}}]`, `{{now | json}}`} {
		resource, _ := json.Marshal(map[string]any{"name": "x", "template": text})
		if got := generate(t, binding(t, string(resource), `{}`, "/v"), 0, nil, 3); len(got) != 3 || got[0] == got[1] && got[1] == got[2] && !strings.Contains(text, "bool") {
			t.Errorf("%s gives %q", text, got)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct{ config, resource, want string }{
		{`{"rate":-1}`, `{"name":"x"}`, "rate is below 0"},
		{`{"seed":"x"}`, `{"name":"x"}`, "seed: expected an integer, but got a string"},
		{`{}`, `{}`, "name is missing"},
		{`{}`, `{"name":"x","count":-1}`, "count is below 0"},
		{`{}`, `{"name":"x","template":"{{nothing}}"}`, `function "nothing" not defined`},
		{`{}`, `{"name":"x","template":"{{seq"}`, "unclosed action"},
		{`{}`, `{"name":"x","template":"{{seq}},"}`, "document 1: the template gives no JSON"},
		{`{}`, `{"name":"x","template":"{{int 2 1}}"}`, "document 1: template:1:2"},
		{`{}`, `{"name":"x","template":"{{choice}}"}`, "nothing to choose from"},
		{`{}`, `{"name":"x"}`, "no document could be shaped"},
	} {
		b := binding(t, test.resource, `{"type":"string","minLength":2,"not":{"type":"string"}}`, "/id")
		_, err := New().Validate(t.Context(), sources.ValidateRequest{Config: json.RawMessage(test.config), Bindings: []sources.Binding{b}})
		if err == nil {
			var s sources.Session
			if s, err = New().Open(t.Context(), sources.OpenRequest{Config: json.RawMessage(test.config), Bindings: []sources.Binding{b}}); err == nil {
				_, err = s.Pull(t.Context())
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %s", test.config, test.resource, err, test.want)
		}
	}
}

// The rate is kept from the opening on, whatever was made before.
func TestRate(t *testing.T) {
	now := time.Unix(0, 0)
	source := Source{now: func() time.Time { return now }}
	b := binding(t, `{"name":"x","rate":10,"template":"{{seq}}"}`, `{}`, "/id")
	other := binding(t, `{"name":"y","template":"{{seq}}"}`, `{}`, "/id")
	opened, err := source.Open(t.Context(), sources.OpenRequest{Config: json.RawMessage(`{"rate":1}`), Bindings: []sources.Binding{b, other}, State: json.RawMessage(`{"v":1,"made":{"x":100}}`)})
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	total := 0
	for _, step := range []struct {
		ahead time.Duration
		want  int
		wait  time.Duration
	}{
		{0, 2, 0}, {0, 0, 100 * time.Millisecond}, {50 * time.Millisecond, 0, 50 * time.Millisecond},
		{50 * time.Millisecond, 1, 0}, {900 * time.Millisecond, 10, 0}, {0, 0, 100 * time.Millisecond},
	} {
		now = now.Add(step.ahead)
		batch, wait, err := s.make()
		total += len(batch.Documents)
		if err != nil || len(batch.Documents) != step.want || wait != step.wait {
			t.Errorf("%s later: %d documents, then %s, %v; want %d, %s", step.ahead, len(batch.Documents), wait, err, step.want, step.wait)
		}
	}
	if total != 13 {
		t.Errorf("%d documents in a second at 10 and 1 a second", total)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{"a":{{seq}}}`)
	f.Add(`{{repeat -1 "x"}}{{words 9999999}}{{pad 99999999 1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "range") || strings.Contains(text, "printf") || strings.Contains(text, "define") || strings.Contains(text, "block") {
			return // these can be made to take long: templates are the author's own
		}
		r, err := json.Marshal(map[string]string{"name": "x", "template": text})
		if err != nil {
			t.Fatal(err)
		}
		res, err := parseResource(r)
		if err != nil || res.template == nil {
			return
		}
		m, err := newMaker(config{}, res, sources.Binding{}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if doc, err := m.next(); err == nil && !json.Valid(doc) {
			t.Fatalf("%q gives %q", text, doc)
		}
	})
}
