package nats

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/catalog"
	"weir/document"
	"weir/internal/natsendpoint"
	"weir/schema"
	"weir/sinks"
)

const orderSchema = `{"type":"object","required":["id","customer"],"properties":{"id":{"type":["string","integer","boolean","null"]},"customer":{"type":"string"},
	"n":{"type":"integer"},"o":{"type":"object"},"place":{"type":"object","properties":{"city":{"type":"string"}}}}}`

func bindingOf(t testing.TB, resource string, key ...string) *sinks.Binding {
	t.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "s.json", Resources: map[string]json.RawMessage{"s.json": json.RawMessage(orderSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sinks.Describe(&catalog.Collection{Name: "acmeCo/orders", Key: key}, compiled.Shape())
	if err != nil {
		t.Fatal(err)
	}
	return &sinks.Binding{Resource: json.RawMessage(resource), Collection: c}
}

func row(t testing.TB, doc string, key ...string) *sinks.Row {
	t.Helper()
	r := &sinks.Row{Doc: new(document.Doc), Raw: []byte(doc)}
	k, err := document.NewKey(key)
	if err == nil {
		err = r.Doc.Parse(r.Raw)
	}
	if err == nil {
		r.Key, err = k.AppendPacked(nil, r.Doc, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSubjects(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, test := range []struct{ resource, doc, want string }{
		{`{"stream":"S","subject":"orders.{customer}.{id}"}`, `{"id":7,"customer":"a.b c"}`, "orders.a%2Eb%20c.7"},
		{`{"stream":"S","subject":"orders.{id}.of.{customer}"}`, `{"id":"7","customer":""}`, "orders.%s7.of.%e"},
		{`{"stream":"S","subject":"o.x-{id}-y.{customer}"}`, `{"id":"true","customer":"*>%"}`, "o.x-%strue-y.%2A%3E%25"},
		{`{"stream":"S","subject":"o.{id}.{customer}"}`, `{"id":true,"customer":"ü"}`, "o.true.%C3%BC"},
		{`{"stream":"S","subject":"o.{id}.{customer}"}`, `{"id":null,"customer":"x"}`, "o.%n.x"},
		{`{"stream":"S","subject":"o.{id}.{customer}"}`, `{"id":123456789012345678901234567890,"customer":"-"}`, "o.123456789012345678901234567890.-"},
		{`{"bucket":"B","key":"{customer}.{id}"}`, `{"id":"7","customer":"a=b ü/"}`, "$KV.B.a=3Db=20=C3=BC/.=s7"},
		{`{"bucket":"B","key":"{customer}.{id}"}`, `{"id":null,"customer":""}`, "$KV.B.=e.=n"},
		{`{"subject":"live.{n}.{place/city}"}`, `{"id":1,"customer":"x","n":5,"place":{"city":"Ulm"}}`, "live.5.Ulm"},
		{`{"subject":"live.{n}"}`, `{"id":1,"customer":"x"}`, "live.%n"},
		{`{"subject":"live.all"}`, `{"id":1,"customer":"x"}`, "live.all"},
		{`{"stream":"S","subject":"o.{customer}","deltaUpdates":true}`, `{"id":1,"customer":"` + long + `"}`, "o.%h"},
		{`{"subject":"live.{n}"}`, `{"id":1,"customer":"x","n":1.5}`, "fractional"},
	} {
		b := bindingOf(t, test.resource, "/id", "/customer")
		target, err := parseResource(b)
		if err != nil {
			t.Errorf("%s: %v", test.resource, err)
			continue
		}
		got, err := (&bound{target: target}).subject(row(t, test.doc, "/id", "/customer"))
		if err != nil {
			got = err.Error()
		}
		if got != test.want && (!strings.HasPrefix(test.want, "o.%h") || !strings.HasPrefix(got, test.want)) && !strings.Contains(got, "fraction") {
			t.Errorf("%s of %.80s: %s, want %s", test.resource, test.doc, got, test.want)
		}
		if err == nil && !natsendpoint.Overlap(target.pattern(), got) {
			t.Errorf("%s is not of %s", got, target.pattern())
		}
	}
}

func TestResources(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:             "subject is missing",
		`{"stream":"S"}`: "subject is missing",
		`{"bucket":"B"}`: "key is missing",
		`{"bucket":"B","key":"{id}","stream":"S"}`:                                "either bucket with key or stream",
		`{"subject":"a","key":"b"}`:                                               "key belongs to a bucket",
		`{"bucket":"B","key":"{id}","deltaUpdates":true}`:                         "a bucket keeps one document a key",
		`{"bucket":"a.b","key":"{id}"}`:                                           "letters, digits",
		`{"subject":"a","create":{}}`:                                             "create belongs to",
		`{"stream":"a b","subject":"x"}`:                                          "names of streams",
		`{"stream":"S","subject":"a.{id}"}`:                                       "the key's component /customer is missing",
		`{"stream":"S","subject":"a.{id}-{customer}"}`:                            "two fields are in one token",
		`{"stream":"S","subject":"a.{id}.{customer}.{n}"}`:                        "{n} is not in the key (/id, /customer)",
		`{"stream":"S","subject":"a.{nosuch}"}`:                                   "has no such field: it has customer, id",
		`{"stream":"S","subject":"a.{o}"}`:                                        "can be an object",
		`{"stream":"S","subject":"a.{flow_document}"}`:                            "no value of the document's own",
		`{"stream":"S","subject":"a.{id"}`:                                        "a { has no }",
		`{"stream":"S","subject":"a.*"}`:                                          "text between fields",
		`{"stream":"S","subject":"a..{id}"}`:                                      "a token is empty",
		`{"stream":"S","subject":"a.{id}.{customer}","create":{"maxAge":"soon"}}`: "is no duration",
		`{"nosuch":1}`: "unknown field",
	} {
		if _, err := parseResource(bindingOf(t, text, "/id", "/customer")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	two := []sinks.Binding{
		*bindingOf(t, `{"stream":"S","subject":"a.{id}.{customer}"}`, "/id", "/customer"),
		*bindingOf(t, `{"stream":"S","subject":"a.x.{customer}","deltaUpdates":true}`, "/id", "/customer"),
	}
	if _, err := parseBindings(two); err == nil || !strings.Contains(err.Error(), "can be those of another binding") {
		t.Errorf("overlapping subjects: %v", err)
	}
}

// Different keys have different subjects.
func FuzzSubject(f *testing.F) {
	f.Add("a", "b", "a.b", "")
	f.Add("7", "x", "true", "%s")
	f.Add(`"`, "ü", "\x00", "=e")
	stream, err := parseResource(bindingOf(f, `{"stream":"S","subject":"o.{id}.x.{customer}"}`, "/id", "/customer"))
	if err != nil {
		f.Fatal(err)
	}
	bucket, err := parseResource(bindingOf(f, `{"bucket":"S","key":"{id}.{customer}"}`, "/id", "/customer"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, customer, otherID, otherCustomer string) {
		of := func(id, customer string) *sinks.Row {
			text := document.AppendQuoted([]byte(`{"id":`), strings.ToValidUTF8(id, "?"))
			text = append(document.AppendQuoted(append(text, `,"customer":`...), strings.ToValidUTF8(customer, "?")), '}')
			return row(t, string(text), "/id", "/customer")
		}
		a, b := of(id, customer), of(otherID, otherCustomer)
		for _, target := range []*target{stream, bucket} {
			one, err := (&bound{target: target}).subject(a)
			if err != nil {
				t.Fatal(err)
			}
			if err := natsendpoint.CheckSubject(one); err != nil || !natsendpoint.Overlap(target.pattern(), one) {
				t.Fatalf("%q: %v", one, err)
			}
			if other, err := (&bound{target: target}).subject(b); err != nil || (one == other) != (string(a.Key) == string(b.Key)) {
				t.Fatalf("%q of %s and %q of %s: %v", one, a.Raw, other, b.Raw, err)
			}
		}
	})
}
