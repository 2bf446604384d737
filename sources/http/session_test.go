package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/sources"
)

// send in the background: the answer comes when a test lets it.
func (s *stand) later(body string, header ...string) <-chan answer {
	out := make(chan answer, 1)
	go func() { out <- s.post(body, header...) }()
	return out
}

// queued waits until so many requests wait to be pulled, or to be answered.
func queued(t *testing.T, s *session, ready func(s *session) bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for again := time.NewTicker(time.Millisecond); ; <-again.C {
		s.mu.Lock()
		done := ready(s)
		s.mu.Unlock()
		if done {
			again.Stop()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the requests never came")
		}
	}
}

func waiting(n int) func(*session) bool {
	return func(s *session) bool { return len(s.queue) == n }
}

// TestGroupCommit lets requests wait while nothing is pulled: one Pull gives
// them all, no answer comes before the acknowledgement, and then each does.
func TestGroupCommit(t *testing.T) {
	s := newStand(t)
	session := s.open("acmeCo/in", "", sources.OpenRequest{})
	var answers []<-chan answer
	for i := range 20 {
		answers = append(answers, s.later(fmt.Sprintf(`[{"id":"%d"},{"id":"%d"}]`, i, i)))
	}
	queued(t, session, waiting(20))
	b, err := session.Pull(t.Context())
	if err != nil || len(b.Documents) != 40 || string(b.State) != `{"v":1,"documents":40}` {
		t.Fatalf("%d documents, state %s, %v", len(b.Documents), b.State, err)
	}
	for i := 0; i < 40; i += 2 { // a request's documents stand together
		if string(b.Documents[i].Data) != string(b.Documents[i+1].Data) {
			t.Errorf("%s, then %s", b.Documents[i].Data, b.Documents[i+1].Data)
		}
	}
	for _, a := range answers {
		select {
		case got := <-a:
			t.Fatalf("%s before it was durable", got)
		default:
		}
	}
	if err := session.Acknowledge(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if got := <-a; got.String() != `200 {"documents":2}` {
			t.Error(got)
		}
	}
	if err := session.Acknowledge(t.Context(), 1); err == nil {
		t.Error("what was never pulled is acknowledged")
	}
}

// TestBatchLimits gives no batch that a transaction cannot hold.
func TestBatchLimits(t *testing.T) {
	s := newStand(t)
	session := s.open("acmeCo/in", "", sources.OpenRequest{Limits: sources.Limits{Documents: 5, DocumentBytes: 1 << 20}})
	var answers []<-chan answer
	for range 4 {
		answers = append(answers, s.later(`[{"id":"a"},{"id":"b"}]`))
	}
	queued(t, session, waiting(4))
	for range 2 {
		if b, err := session.Pull(t.Context()); err != nil || len(b.Documents) != 4 {
			t.Errorf("%d documents, %v", len(b.Documents), err)
		}
	}
	if err := session.Acknowledge(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if got := <-a; got.status != 200 {
			t.Error(got)
		}
	}
}

// TestIdempotency sends requests again: while the first is on its way, after
// it, to another session of the same capture, and when the window is past it.
func TestIdempotency(t *testing.T) {
	const config = `"idempotency":{"keys":3,"age":"1h"}`
	s := newStand(t)
	session := s.open("acmeCo/in", config, sources.OpenRequest{})
	first := s.later(`{"id":"a"}`, "Idempotency-Key", "1")
	queued(t, session, waiting(1))
	second := s.later(`{"id":"a"}`, "Idempotency-Key", "1")
	other := s.post(`{"id":"other"}`, "Idempotency-Key", "1")
	refused := s.post(`{"id":1}`, "Idempotency-Key", "2") // what was refused may be sent again, mended
	d := s.store(session)
	one, two := <-first, <-second
	if one.String() != two.String() || one.status != 200 || refused.status != 422 {
		t.Errorf("%s, %s, %s", one, two, refused)
	}
	for _, other := range []answer{other, s.post(`{"id":"other"}`, "Idempotency-Key", "1")} {
		if other.status != 422 || !strings.Contains(other.body, `"code":"idempotency-key"`) {
			t.Errorf("another body under a key: %s", other)
		}
	}
	if again := s.post(`{"id":"a"}`, "Idempotency-Key", "1"); again.String() != `200 {"documents":1}` || again.header.Get("Idempotency-Replayed") != "true" || one.header.Get("Idempotency-Replayed") != "" {
		t.Error(again, again.header)
	}
	for _, key := range []string{"2", "3"} {
		if got := s.post(`[{"id":"`+key+`"},{"id":"`+key+`"}]`, "Idempotency-Key", key); got.status != 200 {
			t.Error(got)
		}
	}
	s.post(`{"id":"without"}`)
	stored := d.documents()
	if want := []string{`{"id":"a"}`, `{"id":"2"}`, `{"id":"2"}`, `{"id":"3"}`, `{"id":"3"}`, `{"id":"without"}`}; !slices.Equal(stored, want) {
		t.Fatalf("stored %q", stored)
	}

	// A session that goes on from what is durable knows the keys; a fourth one
	// takes the oldest's place.
	session.Close()
	for number, record := range d.records { // one of them is of an older weir
		if strings.Contains(string(record), `"seq":3`) {
			d.records[number] = regexp.MustCompile(`,"body":\d+`).ReplaceAll(record, nil)
		}
	}
	session = s.open("acmeCo/in", config, sources.OpenRequest{State: d.state, Records: d.records})
	next := s.store(session)
	if got := s.post(`{"id":"x"}`, "Idempotency-Key", "1"); got.status != 422 {
		t.Errorf("another body under a key: %s", got)
	}
	for key, body := range map[string]string{"1": `{"id":"a"}`, "3": `{"id":"x"}`} {
		if got := s.post(body, "Idempotency-Key", key); got.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("key %s: %s", key, got)
		}
	}
	for _, key := range []string{"4", "1"} {
		if got := s.post(`{"id":"`+key+`"}`, "Idempotency-Key", key); got.String() != `200 {"documents":1}` {
			t.Error(got)
		}
	}
	if got := next.documents(); len(got) != 2 || string(next.state) != `{"v":1,"documents":8}` || len(next.records) != 2 {
		t.Errorf("stored %q, state %s, %d records", got, next.state, len(next.records))
	}
	session.mu.Lock()
	session.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	session.mu.Unlock()
	if got := s.post(`{"id":"late"}`, "Idempotency-Key", "4"); got.header.Get("Idempotency-Replayed") != "" {
		t.Error("an old key is known yet")
	}
}

// TestRecords refuses records that it cannot read.
func TestRecords(t *testing.T) {
	for _, text := range []string{`[]`, `{"v":2}`, `{"v":1,"key":"short"}`, `{"v":1,"key":"????"}`} {
		if _, err := newWindow(10, time.Hour, map[string]json.RawMessage{"a": json.RawMessage(text)}); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

// TestWindowOfAnotherSize makes a window smaller, and larger again: it holds
// the newest keys that it has room for.
func TestWindowOfAnotherSize(t *testing.T) {
	key := func(n int) keyHash { return keyHash{byte(n)} }
	now := time.Unix(1000, 0)
	records := map[string]json.RawMessage{}
	w, err := newWindow(8, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		k := known{key: key(n), at: now.Unix(), seq: w.number()}
		r, err := w.record(k)
		if err != nil {
			t.Fatal(err)
		}
		records[string(r.Key)] = r.Value
		w.add(k)
	}
	for _, size := range []int{8, 3, 50} {
		w, err := newWindow(size, time.Hour, records)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			if _, ok := w.find(key(n), now); ok != (n >= 20-min(size, 8)) {
				t.Errorf("size %d: key %d known: %t", size, n, ok)
			}
		}
		if w.number() != 21 {
			t.Errorf("size %d: numbers begin again", size)
		}
	}
}

// TestBusy refuses what memory has no room for, and takes it when it has.
func TestBusy(t *testing.T) {
	s := newStand(t)
	session := s.open("acmeCo/in", `"maxRequestBytes":4096,"maxPendingBytes":16384`, sources.OpenRequest{})
	body := `{"id":"` + strings.Repeat("a", 3000) + `"}`
	var waits []<-chan answer
	for n := range 5 {
		waits = append(waits, s.later(body))
		queued(t, session, waiting(n+1))
	}
	if got := s.post(body); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
		t.Errorf("%s, %v", got, got.header)
	}
	s.store(session)
	for _, first := range waits {
		if got := <-first; got.status != 200 {
			t.Error(got)
		}
	}
	if got := s.post(body); got.status != 200 {
		t.Error(got)
	}
}

// TestCloseAnswers closes a session with requests in every state: each is
// answered before Close returns, and says whether it may be stored.
func TestCloseAnswers(t *testing.T) {
	s := newStand(t)
	s.linger = time.Hour
	session := s.open("acmeCo/in", "", sources.OpenRequest{})
	pulled := s.later(`{"id":"a"}`, "Idempotency-Key", "k")
	queued(t, session, waiting(1))
	if _, err := session.Pull(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, other := s.later(`{"id":"a"}`, "Idempotency-Key", "k"), s.later(`{"id":"b"}`)
	queued(t, session, waiting(1))
	ended := make(chan error, 1)
	go func() {
		_, err := session.Pull(t.Context())
		for err == nil {
			_, err = session.Pull(t.Context())
		}
		ended <- err
	}()
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	for _, a := range []<-chan answer{pulled, again, other} {
		if got := <-a; got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "nothing was stored") && a != again {
			t.Error(got)
		}
	}
	if err := <-ended; !errors.Is(err, errClosed) {
		t.Errorf("pull ends with %v", err)
	}
	if err := session.Acknowledge(t.Context(), 1); !errors.Is(err, errClosed) {
		t.Errorf("acknowledge: %v", err)
	}
	if got := s.post(`{"id":"c"}`); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "nothing was stored") {
		t.Error(got)
	}
	if used := session.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are held yet", used)
	}
}

// TestTimeout says after a while that the documents are not stored yet.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session, err := newSession(sources.OpenRequest{}, &settings{timeout: time.Minute, keys: 1, pendingBytes: 1 << 20}, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := newRecorder()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		session.answer(w, r, &pending{intake: &intake{hold: &hold{budget: &session.budget}}, count: 1, done: make(chan struct{})})
		if w.status != http.StatusServiceUnavailable || !strings.Contains(w.body.String(), "not stored after 1m0s") {
			t.Errorf("%d %s", w.status, w.body.String())
		}
	})
}

// TestGoneClient takes what a client sent that does not wait for the answer.
func TestGoneClient(t *testing.T) {
	s := newStand(t)
	session := s.open("acmeCo/in", "", sources.OpenRequest{})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Addr(anyPort)+"/orders", strings.NewReader(`{"id":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	var gone sync.WaitGroup
	gone.Go(func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			t.Error("it was answered")
		}
	})
	queued(t, session, waiting(1))
	cancel()
	gone.Wait()
	session.answers.Wait() // the request's goroutine has noticed
	if b, err := session.Pull(t.Context()); err != nil || len(b.Documents) != 1 {
		t.Fatalf("%d documents, %v", len(b.Documents), err)
	}
	if err := session.Acknowledge(t.Context(), 1); err != nil || session.budget.used.Load() != 0 {
		t.Errorf("%v, %d bytes are held yet", err, session.budget.used.Load())
	}
}

type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func newRecorder() *recorder                        { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header             { return r.header }
func (r *recorder) WriteHeader(status int)          { r.status = status }
func (r *recorder) Write(p []byte) (n int, _ error) { return r.body.Write(p) }
