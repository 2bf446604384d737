package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/document"
	"weir/sinks"
	"weir/sinks/sinkstest"
)

// endpoint is a server that keeps what it is sent, and answers as it is told.
type endpoint struct {
	*httptest.Server
	answer func(r *http.Request, body []byte) (status int, text string) // nil: 200

	mu       sync.Mutex
	requests []received
}

type received struct {
	path   string
	header http.Header
	body   string
	taken  bool
}

func newEndpoint(t *testing.T, answer func(*http.Request, []byte) (int, string)) *endpoint {
	e := &endpoint{answer: answer}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		status, text := http.StatusOK, "ok"
		if e.answer != nil {
			status, text = e.answer(r, body)
		}
		e.mu.Lock()
		e.requests = append(e.requests, received{r.URL.Path, r.Header, string(body), status < 300})
		e.mu.Unlock()
		if after, rest, ok := strings.Cut(text, "|"); ok {
			w.Header().Set("Retry-After", after)
			text = rest
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(e.Close)
	return e
}

// documents gives the documents of a path that were taken, in order.
func (e *endpoint) documents(t testing.TB, path string) (all []string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.requests {
		if r.path != path || !r.taken {
			continue
		}
		var docs []json.RawMessage
		if err := json.Unmarshal([]byte(r.body), &docs); err != nil {
			t.Fatalf("%s: %v", r.body, err)
		}
		for _, d := range docs {
			all = append(all, string(d))
		}
	}
	return all
}

func (e *endpoint) seen() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

func TestConformance(t *testing.T) {
	const secret = "conformance-secret"
	sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
		bad := ""
		e := newEndpoint(t, func(r *http.Request, body []byte) (int, string) {
			if bad != "" && bytes.Contains(body, []byte(bad)) {
				return http.StatusUnprocessableEntity, "no: " + r.Header.Get("Authorization")
			}
			return http.StatusOK, ""
		})
		path := func(name string) string { return "/" + base64.RawURLEncoding.EncodeToString([]byte(name)) }
		config := func(url string) json.RawMessage {
			return json.RawMessage(`{"url":"` + url + `","headers":{"Authorization":"Bearer ` + secret + `"},"batch":{"documents":7},"retries":0}`)
		}
		return sinkstest.Harness{
			Sink:   New(),
			Config: config(e.URL),
			Resource: func(name string, _ bool) json.RawMessage {
				return json.RawMessage(`{"path":"` + path(name) + `"}`)
			},
			Documents:   func(t *testing.T, name string) []string { return e.documents(t, path(name)) },
			AtLeastOnce: true,
			DeltaOnly:   true,
			Appends:     true,
			Refuse:      func(_ *testing.T, _, doc string) { bad = doc },
			Secret:      secret,
			Unreachable: config("http://127.0.0.1:1/" + secret),
		}
	})
}

// open opens a session whose pauses take no time, and are kept.
func open(t *testing.T, config string, resources ...string) (*session, *[]time.Duration) {
	t.Helper()
	r := sinks.OpenRequest{Task: "acmeCo/out", Shard: "0-1", Config: json.RawMessage(config)}
	for i, resource := range resources {
		r.Bindings = append(r.Bindings, sinks.Binding{Resource: json.RawMessage(resource), StateKey: fmt.Sprintf("%d.v0", i), Collection: sinks.Collection{Name: "acmeCo/orders"}})
	}
	opened, kept, err := New().Open(t.Context(), r)
	if err != nil || kept.Exactly {
		t.Fatal(kept, err)
	}
	t.Cleanup(func() { opened.Close() })
	s := opened.(*session)
	var mu sync.Mutex
	pauses := &[]time.Duration{}
	s.pause = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		*pauses = append(*pauses, d)
		return ctx.Err()
	}
	return s, pauses
}

func row(t testing.TB, key string, at int64, text string) sinks.Row {
	t.Helper()
	pack, err := document.NewKey([]string{"/k"})
	if err != nil {
		t.Fatal(err)
	}
	r := sinks.Row{Doc: new(document.Doc), Raw: []byte(text), Published: time.Unix(at, 0)}
	var of document.Doc
	if err := of.Parse([]byte(`{"k":` + string(document.AppendQuoted(nil, key)) + `}`)); err != nil {
		t.Fatal(err)
	}
	if r.Key, err = pack.AppendPacked(nil, &of, 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Doc.Parse(r.Raw); err != nil {
		t.Fatal(err)
	}
	return r
}

func commit(t *testing.T, s *session, rows ...sinks.Row) error {
	t.Helper()
	if err := s.Store(t.Context(), 0, rows); err != nil {
		t.Fatal(err)
	}
	return s.Commit(t.Context(), nil)
}

// TestConfirmedAreNotSentAgain: where one request of a transaction gets nowhere,
// those that were confirmed are not sent again with it, and all are once more
// when the transaction comes again after its end.
func TestConfirmedAreNotSentAgain(t *testing.T) {
	down := true
	e := newEndpoint(t, func(_ *http.Request, body []byte) (int, string) {
		if down && strings.Contains(string(body), "bad") {
			return http.StatusServiceUnavailable, "3600|later"
		}
		return http.StatusOK, ""
	})
	sink := New()
	transaction := func() error {
		opened, _, err := sink.Open(t.Context(), sinks.OpenRequest{
			Task: "acmeCo/out", Shard: "0-1", Config: json.RawMessage(`{"url":"` + e.URL + `","format":"document","concurrency":1,"retries":1}`),
			Bindings: []sinks.Binding{{Resource: json.RawMessage(`{"path":"/x"}`), StateKey: "x.v0", Collection: sinks.Collection{Name: "acmeCo/orders"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		s := opened.(*session)
		s.pause = func(ctx context.Context, d time.Duration) error {
			if d > mostPatient {
				t.Errorf("waits for %s", d)
			}
			return ctx.Err()
		}
		return commit(t, s, row(t, "a", 1, `"good"`), row(t, "b", 1, `"bad"`))
	}
	for range 3 {
		if err := transaction(); !errors.Is(err, sinks.ErrTransient) {
			t.Fatalf("got %v", err)
		}
	}
	down = false
	for range 2 {
		if err := transaction(); err != nil {
			t.Fatal(err)
		}
	}
	count := map[string]int{}
	for _, r := range e.seen() {
		count[r.body]++
	}
	if count[`"good"`] != 2 || count[`"bad"`] != 3*2+2 {
		t.Errorf("requests by body: %v", count)
	}
}

// TestForms sends documents in each form of a body, on one line each.
func TestForms(t *testing.T) {
	for format, want := range map[string][]string{
		"array":    {`application/json [{"n":1},{"n":2}]`, `application/json [{"n":3}]`},
		"lines":    {"application/x-ndjson {\"n\":1}\n{\"n\":2}\n", "application/x-ndjson {\"n\":3}\n"},
		"document": {`application/json {"n":1}`, `application/json {"n":2}`, `application/json {"n":3}`},
	} {
		t.Run(format, func(t *testing.T) {
			e := newEndpoint(t, nil)
			s, _ := open(t, `{"url":"`+e.URL+`/in/","method":"PUT","format":"`+format+`","concurrency":1,"batch":{"documents":2}}`, `{"path":"/a b"}`)
			if err := commit(t, s, row(t, "a", 1, "{ \"n\":\n1}"), row(t, "b", 1, `{"n":2}`), row(t, "c", 1, `{"n":3}`)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range e.seen() {
				if r.path != "/in/a b" {
					t.Errorf("path %s", r.path)
				}
				got = append(got, r.header.Get("Content-Type")+" "+r.body)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// TestBatchBytes closes a batch before it grows too large.
func TestBatchBytes(t *testing.T) {
	e := newEndpoint(t, nil)
	s, _ := open(t, `{"url":"`+e.URL+`","concurrency":1,"batch":{"bytes":1024}}`, `{"path":""}`)
	var rows []sinks.Row
	for _, n := range []int{400, 400, 400, 2000, 10} {
		rows = append(rows, row(t, "a", 1, `"`+strings.Repeat("x", n)+`"`))
	}
	if err := commit(t, s, rows...); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, r := range e.seen() {
		sizes = append(sizes, len(r.body))
	}
	if want := []int{807, 404, 2004, 14}; !slices.Equal(sizes, want) {
		t.Errorf("bodies of %v bytes, want %v", sizes, want)
	}
}

// TestOrder sends many versions of some keys over several lanes to an endpoint
// that fails each request at first: each key's come in their order, and once.
func TestOrder(t *testing.T) {
	var mu sync.Mutex
	failed := map[string]bool{} // by idempotency key
	e := newEndpoint(t, func(r *http.Request, _ []byte) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		if failed[key] {
			return http.StatusAccepted, ""
		}
		failed[key] = true
		return []int{500, 503, 429, 408, 425}[len(failed)%5], ""
	})
	s, pauses := open(t, `{"url":"`+e.URL+`","concurrency":5,"batch":{"documents":3}}`, `{"path":"/x"}`)
	for round := range 4 {
		var rows []sinks.Row
		for n := range 25 {
			for key := range 6 {
				rows = append(rows, row(t, fmt.Sprint(key), 1, fmt.Sprintf(`{"k":%d,"n":%d}`, key, round*25+n)))
			}
		}
		if err := commit(t, s, rows...); err != nil {
			t.Fatal(err)
		}
	}
	next := map[int]int{}
	for _, text := range e.documents(t, "/x") {
		var d struct{ K, N int }
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.N != next[d.K] {
			t.Fatalf("%s, want number %d, %v", text, next[d.K], err)
		}
		next[d.K]++
	}
	if len(next) != 6 || next[0] != 100 || len(*pauses) == 0 {
		t.Errorf("%v, %d pauses", next, len(*pauses))
	}
}

// TestRetries pauses longer and longer, as long as the endpoint asks for, and
// gives up for the worker to go on; the key stays the same.
func TestRetries(t *testing.T) {
	e := newEndpoint(t, func(*http.Request, []byte) (int, string) { return http.StatusServiceUnavailable, "7|down for a while" })
	s, pauses := open(t, `{"url":"`+e.URL+`/h?token=quite-secret","retries":3}`, `{"path":""}`)
	err := commit(t, s, row(t, "a", 1, `{}`))
	if !isTransient(err) || err.Error() != `webhook: `+e.URL+`/***: status 503 Service Unavailable: "down for a while"; after 4 attempts` {
		t.Error(err)
	}
	if want := []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}; !slices.Equal(*pauses, want) {
		t.Errorf("pauses %v", *pauses)
	}
	keys := map[string]bool{}
	for _, r := range e.seen() {
		keys[r.header.Get("Idempotency-Key")] = true
	}
	if len(keys) != 1 {
		t.Errorf("keys %v", keys)
	}
	if err := s.Commit(t.Context(), nil); err == nil {
		t.Error("a broken session goes on")
	}
	for attempt := range 12 {
		if d := backoff(attempt, 0); d < firstPause/2 || d > longPause {
			t.Errorf("attempt %d pauses %s", attempt, d)
		}
	}
	for text, want := range map[string]time.Duration{"": 0, "12": 12 * time.Second, "-3": 0, "soon": 0, "Thu, 01 Jan 1970 00:01:00 GMT": 50 * time.Second, "Thu, 01 Jan 1970 00:00:00 GMT": 0} {
		if got := retryAfter(text, time.Unix(10, 0)); got != want {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func isTransient(err error) bool {
	type is interface{ Is(error) bool }
	e, ok := err.(is)
	return ok && e.Is(sinks.ErrTransient)
}

// TestRefusals finds the document that an endpoint refuses for its content,
// lets what is only too large through in parts, and stops at what no division
// helps. Errors show the answer, and nothing secret.
func TestRefusals(t *testing.T) {
	rows := func(t *testing.T) (all []sinks.Row) {
		for n := range 9 {
			all = append(all, row(t, fmt.Sprint("k", n), 1, fmt.Sprintf(`{"n":%d}`, n)))
		}
		return all
	}
	for _, test := range []struct {
		name   string
		answer func(r *http.Request, body []byte) (int, string)
		want   string
		taken  int
	}{
		{"one is bad", func(r *http.Request, body []byte) (int, string) {
			if strings.Contains(string(body), `{"n":6}`) {
				return 422, "n is\n 6, " + r.Header.Get("Authorization")
			}
			return 200, ""
		}, `refuses document ["k6"] of acmeCo/orders: status 422 Unprocessable Entity: "n is 6, ***"`, 6},
		{"too large", func(_ *http.Request, body []byte) (int, string) {
			if len(body) > 20 {
				return 413, ""
			}
			return 200, ""
		}, "", 9},
		{"not found", func(*http.Request, []byte) (int, string) { return 404, strings.Repeat("no such thing ", 100) },
			`refuses 9 documents of acmeCo/orders, keys ["k0"] to ["k8"]: status 404 Not Found: "no such thing `, 0},
		{"no access", func(*http.Request, []byte) (int, string) { return 401, "" }, `status 401 Unauthorized; look at the headers and secrets`, 0},
		{"redirect", func(*http.Request, []byte) (int, string) { return 307, "" }, `status 307 Temporary Redirect; redirects are not followed`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEndpoint(t, test.answer)
			s, pauses := open(t, `{"url":"`+e.URL+`/?key=in-the-query","concurrency":1,"headers":{"Authorization":"Bearer very-secret"}}`, `{"path":""}`)
			err := commit(t, s, rows(t)...)
			switch {
			case test.want == "" && err != nil, test.want != "" && err == nil:
				t.Error(err)
			case err != nil && (!strings.Contains(err.Error(), test.want) || len(err.Error()) > 600 || isTransient(err)):
				t.Errorf("%v\nwant %s", err, test.want)
			case err != nil && (strings.Contains(err.Error(), "secret ") || strings.Contains(err.Error(), "very-secret") || strings.Contains(err.Error(), "in-the-query")):
				t.Errorf("a secret is shown: %v", err)
			}
			if got := len(e.documents(t, "/")); got != test.taken || len(*pauses) > 0 {
				t.Errorf("%d documents taken, want %d; %d pauses", got, test.taken, len(*pauses))
			}
		})
	}
}

// TestKeys: a request that is sent again by another session has the same key
// and a good signature; one of other documents, or of the same ones stored at
// another time, has another.
func TestKeys(t *testing.T) {
	e := newEndpoint(t, nil)
	config := `{"url":"` + e.URL + `","signingSecrets":["whsec_` + base64.StdEncoding.EncodeToString([]byte("first")) + `","second"]}`
	for _, r := range []sinks.Row{row(t, "a", 1, `{"n":1}`), row(t, "a", 1, `{"n":1}`), row(t, "a", 2, `{"n":1}`), row(t, "a", 1, `{"n":2}`)} {
		s, _ := open(t, config, `{"path":""}`)
		s.now = func() time.Time { return time.Unix(77, 0) }
		if err := commit(t, s, r); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for _, r := range e.seen() {
		keys = append(keys, r.header.Get("Idempotency-Key"))
		var want []string
		for _, secret := range []string{"first", "second"} {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(r.header.Get("webhook-id") + ".77." + r.body))
			want = append(want, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		}
		if got := r.header.Get("webhook-signature"); got != strings.Join(want, " ") || r.header.Get("webhook-id") != r.header.Get("Idempotency-Key") {
			t.Errorf("signature %s, want %s", got, want)
		}
	}
	if keys[0] != keys[1] || keys[0] == keys[2] || keys[0] == keys[3] || keys[2] == keys[3] {
		t.Errorf("keys %q", keys)
	}
}

// TestLinkLocal refuses addresses of clouds' metadata, whatever form they
// have, unless they are asked for.
func TestLinkLocal(t *testing.T) {
	s, _ := open(t, `{"url":"http://169.254.169.254/latest","timeout":"1s"}`, `{"path":""}`)
	if err := commit(t, s, row(t, "a", 1, `{}`)); err == nil || isTransient(err) || !strings.Contains(err.Error(), "allowLinkLocal") {
		t.Error(err)
	}
	for text, want := range map[string]bool{
		"169.254.0.1": true, "::ffff:169.254.169.254": true, "fe80::1%eth0": true, "fd00:ec2::254": true, "100.100.100.200": true,
		"127.0.0.1": false, "10.0.0.1": false, "::1": false, "fd00::1": false, "192.0.2.1": false,
	} {
		if got := metadata(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	c, err := parseConfig(json.RawMessage(`{"url":"http://169.254.169.254/","allowLinkLocal":true}`))
	if err != nil || !c.allowLinkLocal {
		t.Error(err)
	}
}

// TestConfig says of each fault what is wrong, all of them at once, and never
// a secret.
func TestConfig(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{`{"url":"https://example.com/hooks?x=1"}`, ""},
		{`{"url":"http://u:p@10.0.0.1:8080","format":"lines","batch":{"documents":10,"bytes":2048},"concurrency":1,"timeout":"5s","retries":0}`, ""},
		{`{}`, `url is missing: say where documents are sent, as in { url: "https://example.com/hooks" }`},
		{`{"url":"ftp://example.com"}`, "url: it is not of the form https://host/path"},
		{`{"url":"https://my-secret@%zz"}`, "url: it is not of the form https://host/path"},
		{`{"url":"https://a","method":"GET","format":"csv","concurrency":65,"timeout":"1ms","retries":21,"batch":{"documents":-1}}`,
			"method: \"GET\" is unknown: POST, PUT, PATCH\nformat: \"csv\" is unknown: array, lines, document\nbatch.documents: -1 is not between 1 and 10000\n" +
				"concurrency: 65 is not between 1 and 64\nretries: 21 is not between 0 and 20\ntimeout: \"1ms\" is no time between 1s and 10m, as 30s is"},
		{`{"url":"https://a","headers":{"Host":"b"}}`, `headers: "Host" cannot be set: leave it out`},
		{`{"url":"https://a","headers":{"X-Key":"my-secret\n"}}`, `headers: the value of X-Key has a line break in it: a secret from a file may end in one`},
		{`{"url":"https://a","signingSecrets":["whsec_my-secret"]}`, `signingSecrets: what follows whsec_ of number 1 is no base64`},
	} {
		_, err := parseConfig(json.RawMessage(test.config))
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), "webhook: endpoint config: ", "")
		}
		if got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.config, got, test.want)
		}
	}
	for resource, want := range map[string]string{`{"path":"a"}`: "does not begin with /", `{"path":"/a?b"}`: "queries belong to", `{"pth":""}`: `unknown field "pth"`} {
		if _, err := parseResource(json.RawMessage(resource)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", resource, err)
		}
	}
}
