package collection

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// inferring makes a collection whose writers may write integers as n, whose readers know what was seen, and whose
// documents add up.
func inferring(t *testing.T) *Collection {
	t.Helper()
	s := spec(`{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"n":{"type":"integer"}}}`, "/id")
	const url = "file:///read.schema.json"
	s.ReadSchema = &schema.Source{URL: url, Resources: map[string]json.RawMessage{
		url:                       json.RawMessage(`{"reduce":{"strategy":"merge"},"properties":{"n":{"maximum":100,"reduce":{"strategy":"sum"}},"set":{"reduce":{"strategy":"set"}}},"$ref":"flow://inferred-schema"}`),
		catalog.InferredSchemaURL: json.RawMessage(`{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}`),
	}}
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUnseen tells documents that none was like from those that are invalid.
func TestUnseen(t *testing.T) {
	c := inferring(t)
	if !c.Infers() || !c.ForReading().Infers() || compiled(t, `{"type":"object"}`, "/id").Infers() {
		t.Error("which collections infer")
	}
	seen, err := c.ForReadingSeen(json.RawMessage(`{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text                       string
		blankUnseen, valid, unseen bool
		rule                       string // of the error when something was seen
	}{
		{`{"id":"a","n":1}`, true, true, false, ""},
		{`{"id":"a"}`, true, true, false, ""},
		{`{"id":"a","x":1}`, true, false, true, "additionalProperties"},
		{`{"id":"a","n":101}`, true, false, false, "maximum"},
		{`{"id":"a","n":1.5}`, false, false, false, "type"},
		{`{"n":1}`, false, false, false, "required"},
	} {
		var d document.Doc
		if err := d.Parse([]byte(test.text)); err != nil {
			t.Fatal(err)
		}
		var invalid *Invalid
		blank := c.ForReading()
		if _, err := blank.Checker().Place(&d); !errors.As(err, &invalid) || blank.Unseen(&d) != test.blankUnseen {
			t.Errorf("%s when nothing was seen: %v, unseen %v", test.text, err, blank.Unseen(&d))
		}
		_, err := seen.Checker().Place(&d)
		if (err == nil) != test.valid || seen.Unseen(&d) != test.unseen {
			t.Errorf("%s: %v, unseen %v", test.text, err, seen.Unseen(&d))
		}
		if errors.As(err, &invalid) && invalid.Rule != test.rule {
			t.Errorf("%s: %v, want %s", test.text, err, test.rule)
		}
	}
	if c.Unseen(new(document.Doc)) {
		t.Error("writers see all that they write")
	}
}

// TestSeenResults reduces documents to what none of them was like, which is valid all the same; what is said apart
// from what was seen holds for results, too.
func TestSeenResults(t *testing.T) {
	c := inferring(t)
	seen, err := c.ForReadingSeen(json.RawMessage(`{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"},` +
		`"set":{"type":"object","properties":{"add":{"type":"array","items":{"type":"integer"}},"remove":{"type":"array","maxItems":0}},"additionalProperties":false}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	m := seen.NewCombiner(CombinerOptions{Full: true})
	defer m.Close()
	for _, text := range []string{`{"id":"a","n":60,"set":{"add":[1]}}`, `{"id":"a","n":-10,"set":{"remove":[],"add":[2]}}`, `{"id":"b","n":60}`, `{"id":"b","n":60}`} {
		if err := m.Add([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err = m.Drain(func(r Combined) error {
		got = append(got, string(r.Doc.AppendSorted(nil, 0)))
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "maximum") || strings.Join(got, " ") != `{"id":"a","n":50,"set":{"add":[1,2]}}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := c.ForReadingSeen(json.RawMessage(`{"type":7}`)); err == nil || !strings.Contains(err.Error(), "collection acmeCo/things: observed schema: ") {
		t.Errorf("no schema: %v", err)
	}
}
