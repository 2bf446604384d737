package collection

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"weir/catalog"
	"weir/internal/golden"
)

const thingSchema = `{
	"type": "object",
	"properties": {
		"id": {"type": ["string", "integer", "array"]},
		"n": {"type": "integer", "minimum": 0},
		"more": {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}
	},
	"required": ["id", "n"]
}`

func TestChecker(t *testing.T) {
	c := compiled(t, thingSchema, "/id", "/n")
	k := c.Checker()
	var report strings.Builder
	for _, test := range []struct{ what, doc, subject string }{
		{"good", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.11.a%2Eb.1"},
		{"good, with whitespace", " {\n\"id\" : \"a.b\",\"n\":1.0} ", "weir.doc.acmeCo/things.11.a%2Eb.1"},
		{"lacks a member", `{"id":"a"}`, "weir.doc.acmeCo/things.8.a.1"},
		{"out of bounds", `{"id":"a","n":-1}`, "weir.doc.acmeCo/things.8.a.-1"},
		{"deep", `{"id":"a","n":1,"more":{"tags":["x",1]}}`, "weir.doc.acmeCo/things.8.a.1"},
		{"no object", `[1]`, "weir.doc.acmeCo/things.8.a.1"},
		{"key is an array", `{"id":["a"],"n":1}`, "weir.doc.acmeCo/things.8.a.1"},
		{"other collection", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/other.11.a%2Eb.1"},
		{"too few tokens", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.11.a%2Eb"},
		{"too many tokens", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.11.a.b.1"},
		{"other key", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.11.a%2Eb.2"},
		{"other spelling of the key", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.11.a%2eb.1"},
		{"other partition", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.14.a%2Eb.1"},
		{"padded partition", `{"id":"a.b","n":1}`, "weir.doc.acmeCo/things.011.a%2Eb.1"},
	} {
		err := k.Check(parsed(t, test.doc), test.subject)
		if own, placed := k.Place(parsed(t, test.doc)); placed == nil != (own != nil) || err == nil && (string(own) != test.subject || string(k.Packed()) != "\x02a.b\x00\x15\x01") {
			t.Errorf("%s: placed at %s, %v", test.what, own, placed)
		}
		fmt.Fprintf(&report, "%s: %v\n", test.what, err)
		var invalid *Invalid
		if err != nil && (!errors.As(err, &invalid) || invalid.Subject != test.subject || invalid.Collection != c.Name) {
			t.Errorf("%s: got %#v", test.what, err)
		}
	}
	golden.Compare(t, "testdata/check.golden", report.String())
}

func TestCheckerAllocatesNothing(t *testing.T) {
	k := compiled(t, thingSchema, "/id", "/n").Checker()
	d := parsed(t, `{"id":"a.b","n":1}`)
	if n := testing.AllocsPerRun(100, func() {
		if err := k.Check(d, "weir.doc.acmeCo/things.11.a%2Eb.1"); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a good document", n)
	}
}

func TestExcerpt(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want int
	}{
		{"", 0},
		{strings.Repeat("x", 1024), 1024},
		{strings.Repeat("x", 1025), 1024},
		{strings.Repeat("x", 1023) + "ö", 1023},
		{strings.Repeat("x", 1022) + "öö", 1024},
		{strings.Repeat("\xbf", 2000), 1024}, // no UTF-8 at all
	} {
		if got := Excerpt([]byte(test.raw)); len(got) != test.want || !strings.HasPrefix(test.raw, string(got)) {
			t.Errorf("%d bytes: kept %d, want %d", len(test.raw), len(got), test.want)
		}
	}
}

func TestInvalidIsOneLine(t *testing.T) {
	err := NotJSON("acmeCo/things", []byte("{\n\t\x1b[31m\xff"+strings.Repeat("x", 500)), errors.New("unexpected"))
	err.Seq, err.Subject = 7, "weir.pub.acmeCo/things"
	want := "collection acmeCo/things: invalid document at sequence 7 on weir.pub.acmeCo/things: json: unexpected: {   [31m\uFFFD" + strings.Repeat("x", 191)
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNewErrors(t *testing.T) {
	var report strings.Builder
	for _, test := range []struct {
		what       string
		name       string
		partitions int
		schema     string
		key        []string
	}{
		{"no name", "", 16, `{}`, []string{"/id"}},
		{"name of a bucket's stream", "KV_weir_catalog", 16, `{}`, []string{"/id"}},
		{"name of the quarantine", "weir_bad", 16, `{}`, []string{"/id"}},
		{"long name", "acmeCo/" + strings.Repeat("ö", 50), 16, `{}`, []string{"/id"}},
		{"no key", "acmeCo/things", 16, `{}`, nil},
		{"no pointer", "acmeCo/things", 16, `{}`, []string{"id"}},
		{"partitions", "acmeCo/things", 12, `{}`, []string{"/id"}},
		{"schema", "acmeCo/things", 16, `{"type":"thing"}`, []string{"/id"}},
	} {
		s := spec(test.schema, test.key...)
		s.Name, s.Partitions = test.name, test.partitions
		_, err := New(s)
		fmt.Fprintf(&report, "%s: %v\n", test.what, err)
	}
	golden.Compare(t, "testdata/new.golden", report.String())
}

func TestDefaultStandsInForKey(t *testing.T) {
	c := compiled(t, `{"type":"object","properties":{"id":{"type":"string"},"region":{"type":"string","default":"eu"}},"required":["id"]}`, "/region", "/id")
	got, err := c.AppendSubject(nil, parsed(t, `{"id":"x"}`))
	if err != nil || !strings.HasSuffix(string(got), ".eu.x") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestStreamSubjects(t *testing.T) {
	s := spec(`{}`, "/id")
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(c.StreamSubjects(), " ")
	if got != "weir.doc.acmeCo/things.> weir.txn.acmeCo/things.> weir.pub.acmeCo/things weir.pub.acmeCo/things.>" || c.StreamName() != "acmeCo=things" {
		t.Errorf("got %s on %s", got, c.StreamName())
	}
	s.Derive = &catalog.Derivation{}
	got = strings.Join(c.StreamSubjects(), " ")
	if got != "weir.doc.acmeCo/things.> weir.txn.acmeCo/things.>" {
		t.Errorf("derived: got %s", got)
	}
	if from, to := c.Transform(); from != "" || to != "" {
		t.Errorf("derived: got %s -> %s", from, to)
	}
}
