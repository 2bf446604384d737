package nats

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"weir/document"
)

func parsed(t testing.TB, resource string) *binding {
	t.Helper()
	b, err := parseResource(json.RawMessage(resource))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDocuments(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	for _, test := range []struct{ resource, data, header, want string }{
		{`{"stream":"S","metadata":false}`, ` {"a": 1e400} `, "", ` {"a": 1e400} `},
		{`{"stream":"S"}`, `{"a":1}`, "", `{"a":1,"_meta":{"op":"u","subject":"orders.eu.7","stream":"S","seq":9,"ts":"2026-01-02T03:04:05.0000006Z"}}`},
		{`{"subject":"orders.>"}`, `{}`, "", `{"_meta":{"op":"u","subject":"orders.eu.7"}}`},
		{`{"subject":"orders.>"}`, `{"_meta":{"op":"c","x":1}}`, "", `{"_meta":{"op":"c","x":1,"subject":"orders.eu.7"}}`},
		{`{"subject":"orders.>"}`, `{"_meta": {} , "a":1}`, "", `{"_meta": {"op":"u","subject":"orders.eu.7"} , "a":1}`},
		{`{"subject":"orders.*.*","metadata":false,"fields":{"id":"{{wildcard(2)}}","key":"{{ wildcard(1) }}-{{wildcard(2)}}!"}}`, `{"id":7}`, "", `{"id":7,"key":"eu-7!"}`},
		{`{"subject":"orders.>","metadata":false,"headers":true}`, `{}`, "A=b", `{"_meta":{"headers":{"A":["b","c\"\ufffd"]}}}`},
		{`{"subject":"orders.*.*","fields":{"id":"{{wildcard(2)}}"}}`, ``, "KV-Operation=DEL", `{"id":"7","_meta":{"op":"d","subject":"orders.eu.7"}}`},
		{`{"stream":"S","onNotJSON":"wrap","metadata":false}`, "\x00\xff", "", `{"data":"AP8="}`},
		{`{"stream":"S","onNotJSON":"wrap","metadata":false}`, "[1]", "", `{"data":"WzFd"}`},
		{`{"stream":"S"}`, "[1]", "", `message 9 of stream S, on orders.eu.7, is no JSON object: it is a JSON array`},
		{`{"stream":"S"}`, "", "", `is no JSON object`},
		{`{"subject":"orders.>"}`, "x", "", `a message on orders.eu.7 is no JSON object`},
		{`{"stream":"S"}`, `{"_meta":1}`, "", "set `metadata: false`"},
	} {
		b := parsed(t, test.resource)
		m := &message{stream: b.Stream, subject: "orders.eu.7", seq: 9, time: at, data: []byte(test.data), header: nats.Header{}}
		if name, value, ok := strings.Cut(test.header, "="); ok {
			m.header[name] = []string{value}
			if value == "b" {
				m.header[name] = append(m.header[name], "c\"\xff")
			}
		}
		var doc document.Doc
		got, err := b.document(m, &doc)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s of %q: %v", test.resource, test.data, err)
			}
			continue
		}
		want := strings.ReplaceAll(test.want, `\ufffd`, "\uFFFD")
		if string(got) != want {
			t.Errorf("%s of %q:\n got %s\nwant %s", test.resource, test.data, got, want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
}

func TestResources(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                                                "stream is missing",
		`{"stream":"S","subject":"a"}`:                                      "either stream or subject",
		`{"subject":"a","start":"new"}`:                                     "belong to streams",
		`{"stream":"S","queue":"q"}`:                                        "queue belongs to core subjects",
		`{"stream":"a.b"}`:                                                  "names of streams",
		`{"stream":"S","filter":"a..b"}`:                                    "a token is empty",
		`{"stream":"S","filter":"a.>.b"}`:                                   "> is the last token",
		`{"stream":"S","filter":"a.b*"}`:                                    "tokens of their own",
		`{"stream":"S","start":"soon"}`:                                     `start "soon"`,
		`{"stream":"S","start":[1]}`:                                        "start [1]",
		`{"stream":"S","onNotJSON":"drop"}`:                                 "stop or wrap",
		`{"stream":"S","onLost":"weep"}`:                                    "stop or continue",
		`{"stream":"S","fields":{"a":"{{wildcard(1)}}"}}`:                   "has 0 wildcards",
		`{"stream":"S","filter":"a.*","fields":{"a":"{{wildcard(2)}}"}}`:    "has 1 wildcards",
		`{"stream":"S","filter":"a.*","fields":{"a":"{{partition(2,1)}}"}}`: "only {{wildcard(n)}} is known",
		`{"stream":"S","nosuch":1}`:                                         "unknown field",
	} {
		if _, err := parseResource(json.RawMessage(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]start{
		`{"stream":"S"}`: {}, `{"stream":"S","start":"first"}`: {}, `{"stream":"S","start":17}`: {seq: 17}, `{"stream":"S","start":"new"}`: {new: true},
		`{"stream":"S","start":"2026-01-02T03:04:05Z"}`: {time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
	} {
		if b := parsed(t, text); b.start != want {
			t.Errorf("%s: %+v", text, b.start)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"_meta":{"op":"c"},"id":1}`), "orders.eu.7", "A", "b")
	f.Add([]byte(`{}`), "orders..x", "\xff", "\x00")
	f.Add([]byte("\xff"), "a", "KV-Operation", "DEL")
	b := parsed(f, `{"stream":"S","filter":"orders.*.*","headers":true,"onNotJSON":"wrap","fields":{"id":"{{wildcard(2)}}","_meta2":"x"}}`)
	f.Fuzz(func(t *testing.T, data []byte, subject, name, value string) {
		var doc document.Doc
		m := &message{stream: "S", subject: subject, seq: 1, data: data, header: nats.Header{name: {value}}}
		got, err := b.document(m, &doc)
		if err != nil {
			return
		}
		if err := doc.Parse(got); err != nil {
			t.Fatalf("%q on %q gives %q: %v", data, subject, got, err)
		}
		if _, has := doc.Get(0, "_meta"); !has {
			t.Fatalf("%q lacks _meta", got)
		}
	})
}
