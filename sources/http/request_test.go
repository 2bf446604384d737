package http

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"weir/sources"
)

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRequests posts what clients post, and what they should not: each answer
// says what was stored or what is wrong and where, and a request that is
// refused stores nothing.
func TestRequests(t *testing.T) {
	lines := map[string]string{"Content-Type": "application/x-ndjson"}
	plain := map[string]string{"Content-Type": "application/json"}
	with := func(name, value string) map[string]string {
		return map[string]string{"Content-Type": "application/json", name: value}
	}
	for _, test := range []struct {
		name   string
		r      request
		want   string
		stored []string
	}{
		{"one", request{body: ` {"id": "a"} `, header: plain}, `200 {"documents":1}`, []string{`{"id": "a"}`}},
		{"array", request{body: `[{"id":"a"}, {"id":"b"}]`, header: plain}, `200 {"documents":2}`, []string{`{"id":"a"}`, `{"id":"b"}`}},
		{"empty array", request{body: `[ ]`, header: plain}, `200 {"documents":0}`, nil},
		{"lines", request{body: "{\"id\":\"a\"}\r\n\n {\"id\":\"b\"}", header: lines}, `200 {"documents":2}`, []string{`{"id":"a"}`, `{"id":"b"}`}},
		{"no lines", request{body: "\n", header: lines}, `200 {"documents":0}`, nil},
		{"charset", request{body: `{"id":"a"}`, header: map[string]string{"Content-Type": "application/cloudevents+json; charset=UTF-8"}}, `200 {"documents":1}`, []string{`{"id":"a"}`}},
		{"gzip", request{body: zipped(t, `{"id":"a"}`), header: with("Content-Encoding", "gzip")}, `200 {"documents":1}`, []string{`{"id":"a"}`}},
		{"gzip by its old name", request{body: zipped(t, `{"id":"a"}`), header: with("Content-Encoding", "X-Gzip")}, `200 {"documents":1}`, []string{`{"id":"a"}`}},
		{"byte order mark", request{body: "\ufeff{\"id\":\"a\"}", header: plain}, `200 {"documents":1}`, []string{`{"id":"a"}`}},
		{"byte order mark and no JSON", request{body: "\ufeff{\"id\" \"a\"}", header: plain}, `400 {"error":{"code":"json","message":"document 0 is no JSON: line 1, column 10 (byte 9): expected ':' after the name \"id\", found '\"'","index":0,"line":1,"column":10,"offset":9}}`, nil},
		{"no gzip", request{body: `{"id":"a"}`, header: with("Content-Encoding", "gzip")}, `400 {"error":{"code":"body","message":"the body could not be read: gzip: gzip: invalid header"}}`, nil},
		{"gzip bomb", request{body: zipped(t, `{"id":"`+strings.Repeat("a", 5000)+`"}`), header: with("Content-Encoding", "gzip")}, `413 {"error":{"code":"request-too-large","message":"the body has more than 4096 bytes: send several requests, or raise maxRequestBytes of the endpoint"}}`, nil},
		{"brotli", request{body: `x`, header: with("Content-Encoding", "br")}, `415 {"error":{"code":"content-encoding","message":"the Content-Encoding must be gzip, or be left out"}}`, nil},
		{"form", request{body: `id=a`, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, `415 {"error":{"code":"content-type","message":"the Content-Type must be application/json for one document or an array, or application/x-ndjson for a document a line; text is UTF-8"}}`, nil},
		{"latin", request{body: `{"id":"a"}`, header: map[string]string{"Content-Type": "application/json; charset=latin1"}}, `415 {"error":{"code":"content-type","message":"the Content-Type must be application/json for one document or an array, or application/x-ndjson for a document a line; text is UTF-8"}}`, nil},
		{"invalid", request{body: `{"id":1}`, header: plain}, `422 {"error":{"code":"invalid-documents","message":"the document is invalid","invalid":1,"documents":[{"index":0,"pointer":"/id","rule":"type","message":"expected string, but got number 1"}]}}`, nil},
		{"two of an array invalid", request{body: `[{"id":"a"},{"id":"b","amount":101},{}]`, header: plain}, `422 {"error":{"code":"invalid-documents","message":"2 of 3 documents are invalid, so none is stored","invalid":2,"documents":[{"index":1,"pointer":"/amount","rule":"maximum","message":"must be <= 100 but found 101"},{"index":2,"pointer":"","rule":"required","message":"missing properties: 'id'"}]}}`, nil},
		{"a line invalid", request{body: "{\"id\":\"a\"}\n\n{}\n", header: lines}, `422 {"error":{"code":"invalid-documents","message":"1 of 2 documents are invalid, so none is stored","invalid":1,"documents":[{"index":1,"line":3,"pointer":"","rule":"required","message":"missing properties: 'id'"}]}}`, nil},
		{"no JSON", request{body: "{\"id\":\n \"a}", header: plain}, `400 {"error":{"code":"json","message":"document 0 is no JSON: line 2, column 5 (byte 11): the text ends within a string","index":0,"line":2,"column":5,"offset":11}}`, nil},
		{"no JSON in an array", request{body: "[{\"id\":\"a\"},\n {\"id\"}]", header: plain}, `400 {"error":{"code":"json","message":"document 1 is no JSON: line 2, column 7 (byte 19): expected ':' after the name \"id\", found '}'","index":1,"line":2,"column":7,"offset":19}}`, nil},
		{"no JSON on a line", request{body: "{\"id\":\"a\"}\n  {\"id\":\"a\"}}\n", header: lines}, `400 {"error":{"code":"json","message":"document 1 is no JSON: line 2, column 13 (byte 23): expected nothing after the document, found '}'","index":1,"line":2,"column":13,"offset":23}}`, nil},
		{"array without comma", request{body: `[{"id":"a"} {"id":"b"}]`, header: plain}, `400 {"error":{"code":"json","message":"document 1 is no JSON: line 1, column 13 (byte 12): expected ',' or ']' after an element of the array","index":1,"line":1,"column":13,"offset":12}}`, nil},
		{"array without end", request{body: `[{"id":"a"}`, header: plain}, `400 {"error":{"code":"json","message":"document 1 is no JSON: line 1, column 12 (byte 11): expected ',' or ']' after an element of the array","index":1,"line":1,"column":12,"offset":11}}`, nil},
		{"behind the array", request{body: `[] []`, header: plain}, `400 {"error":{"code":"json","message":"document 0 is no JSON: line 1, column 4 (byte 3): expected nothing after the array","index":0,"line":1,"column":4,"offset":3}}`, nil},
		{"nothing", request{header: plain}, `400 {"error":{"code":"json","message":"document 0 is no JSON: line 1, column 1 (byte 0): the document is empty","index":0,"line":1,"column":1,"offset":0}}`, nil},
		{"too many", request{body: strings.Repeat("{\"id\":\"a\"}\n", 11), header: lines}, `413 {"error":{"code":"too-many-documents","message":"a request may hold at most 10 documents: send several"}}`, nil},
		{"document too large", request{body: `[{"id":"a"},{"id":"` + strings.Repeat("b", 500) + `"}]`, header: plain}, `413 {"error":{"code":"document-too-large","message":"document 1 has 509 bytes, but one document may have at most 400: divide it, or raise the NATS server's max_payload","index":1}}`, nil},
		{"request too large", request{body: strings.Repeat(" ", 4097), header: plain}, `413 {"error":{"code":"request-too-large","message":"the body has more than 4096 bytes: send several requests, or raise maxRequestBytes of the endpoint"}}`, nil},
		{"more than memory holds", request{body: `{"id":"a","more":[1` + strings.Repeat(",1", 1900) + `]}`, header: plain}, `413 {"error":{"code":"request-too-large","message":"the request takes more than 16384 bytes of memory once it is parsed: send several requests, or raise maxPendingBytes of the endpoint"}}`, nil},
		{"method", request{method: http.MethodGet}, `405 {"error":{"code":"method","message":"documents are posted here: use POST"}}`, nil},
		{"path", request{path: "/order", body: `{"id":"a"}`, header: plain}, `404 {"error":{"code":"not-found","message":"nothing is posted to this path","paths":["/orders"]}}`, nil},
		{"long idempotency key", request{body: `{"id":"a"}`, header: with("Idempotency-Key", strings.Repeat("k", 513))}, `400 {"error":{"code":"idempotency-key","message":"the header Idempotency-Key has 513 bytes, at most 512 are allowed"}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t)
			session := s.open("acmeCo/in", `"maxRequestBytes":4096,"maxPendingBytes":16384`, sources.OpenRequest{Limits: sources.Limits{Documents: 10, DocumentBytes: 400}})
			d := s.store(session)
			if test.r.path == "" {
				test.r.path = "/orders"
			}
			got := s.send(test.r)
			if got.String() != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if docs := d.documents(); fmt.Sprint(docs) != fmt.Sprint(test.stored) {
				t.Errorf("stored %q, want %q", docs, test.stored)
			}
			if used := session.budget.used.Load(); used != 0 {
				t.Errorf("%d bytes are held yet", used)
			}
			if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") != "POST" {
				t.Error("it does not say which method is allowed")
			}
		})
	}
}

// TestChunked posts a body of unknown length, larger than the first buffer.
func TestChunked(t *testing.T) {
	s := newStand(t)
	d := s.store(s.open("acmeCo/in", "", sources.OpenRequest{}))
	text := `{"id":"` + strings.Repeat("a", 50_000) + `"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr(anyPort)+"/orders", struct{ *strings.Reader }{strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = -1
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if docs := d.documents(); res.StatusCode != 200 || len(docs) != 1 || docs[0] != text {
		t.Errorf("%d, %d documents", res.StatusCode, len(docs))
	}
}

// TestMeta puts into documents what bindings want of a request, whatever the
// sender wrote there.
func TestMeta(t *testing.T) {
	resource := `{"path":"/hooks/{tenant}/{kind}","meta":{"webhookId":true,"path":true,"headers":["X-Event","x-event","X-None"],"query":["q","r"]}}`
	for _, test := range []struct{ name, contentType, body, want string }{
		{"none", "application/json", `{"id":"a"}`,
			`[{"_meta":{"webhookId":"k","path":"/hooks/acme/push","pathParams":{"tenant":"acme","kind":"push"},"headers":{"x-event":"one, two"},"query":{"q":"\"1"}},"id":"a"}]`},
		{"own", "application/json", `[{"id":"a","_meta":{"webhookId":"forged","op":"u","path":[1]}}, { "id" : "b", "_meta":{} }]`,
			`[{"id":"a","_meta":{"webhookId":"k/0","path":"/hooks/acme/push","pathParams":{"tenant":"acme","kind":"push"},"headers":{"x-event":"one, two"},"query":{"q":"\"1"},"op":"u"}} { "id" : "b", "_meta":{"webhookId":"k/1","path":"/hooks/acme/push","pathParams":{"tenant":"acme","kind":"push"},"headers":{"x-event":"one, two"},"query":{"q":"\"1"}} }]`},
		{"no object", "application/x-ndjson", "{\"id\":\"a\",\"_meta\":7}\n[]",
			`422 {"error":{"code":"invalid-documents","message":"2 of 2 documents are invalid, so none is stored","invalid":2,"documents":[{"index":0,"line":1,"pointer":"/_meta","rule":"type","message":"is integer, but must be an object"},{"index":1,"line":2,"pointer":"","rule":"type","message":"is array, but must be an object to take _meta"}]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t)
			d := s.store(s.open("acmeCo/in", "", sources.OpenRequest{Bindings: []sources.Binding{bindingTo(t, resource)}}))
			got := s.send(request{path: "/hooks/acme/push?q=%221&s=2", body: test.body, header: map[string]string{"Content-Type": test.contentType, "X-Event": "one, two", "Idempotency-Key": "k"}})
			said := fmt.Sprint(d.documents())
			if got.status != 200 {
				said = got.String()
			}
			if said != test.want {
				t.Errorf("got  %s\nwant %s", said, test.want)
			}
		})
	}
}

// TestMetaOfKey makes up what the collection's key names.
func TestMetaOfKey(t *testing.T) {
	s := newStand(t)
	d := s.store(s.open("acmeCo/in", "", sources.OpenRequest{Bindings: []sources.Binding{bindingTo(t, `{"path":"/orders"}`, "/_meta/webhookId", "/_meta/receivedAt")}}))
	for range 2 {
		if got := s.post(`{"id":"a"}`); got.status != 200 {
			t.Fatal(got)
		}
	}
	ids := map[string]bool{}
	for _, text := range d.documents() {
		var doc struct {
			Meta struct{ WebhookID, ReceivedAt string } `json:"_meta"`
		}
		if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Meta.ReceivedAt == "" {
			t.Errorf("%s: %v", text, err)
		}
		ids[doc.Meta.WebhookID] = true
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("ids %v", ids)
	}
}

// TestCORS answers a browser's question, and lets pages of allowed origins
// read answers.
func TestCORS(t *testing.T) {
	s := newStand(t)
	s.store(s.open("acmeCo/in", `"allowedCorsOrigins":["https://app.example"]`, sources.OpenRequest{}))
	for origin, allowed := range map[string]string{"https://app.example": "https://app.example", "https://other.example": ""} {
		asked := s.send(request{method: http.MethodOptions, path: "/orders", header: map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}})
		posted := s.post(`{"id":"a"}`, "Origin", origin)
		if asked.header.Get("Access-Control-Allow-Origin") != allowed || posted.header.Get("Access-Control-Allow-Origin") != allowed || (asked.status == http.StatusNoContent) != (allowed != "") {
			t.Errorf("%s: %v, %v", origin, asked, posted)
		}
	}
}
