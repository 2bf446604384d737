package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/sources"
	source "weir/sources/http"
	"weir/worker"
)

func TestMain(m *testing.M) {
	weirtest.Main(m, map[string]func() int{"worker": workerChild})
}

const (
	envURL = "WEIR_TEST_URL"
	envDir = "WEIR_TEST_DIR"
	listen = "127.0.0.1:0"
)

var flow = map[string]string{"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id]
      properties: {id: {type: string}, tags: {type: array, reduce: {strategy: append}}}
      reduce: {strategy: merge}
captures:
  acmeCo/in:
    endpoint: {http: {listen: "` + listen + `"}}
    bindings:
      - {resource: {path: /orders}, target: acmeCo/orders}
      - {resource: {path: /more/orders, meta: {webhookId: true}}, target: acmeCo/orders}
`}

// workerChild runs a worker until it is killed, and prints where it listens.
func workerChild() int {
	ctx := context.Background()
	conn, err := journal.Connect(ctx, journal.Options{Plain: true, URL: os.Getenv(envURL), Name: "child", MaxBatch: 200})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	from := source.New()
	o := worker.Options{
		Conn: conn, Sources: sources.Registry{"http": from}, DataDir: os.Getenv(envDir), TempDir: os.Getenv(envDir),
		Log: zap.NewExample(), Limits: worker.Limits{Backoff: 5 * time.Millisecond, Rest: 20 * time.Millisecond},
	}
	w, err := worker.New(ctx, o)
	if err == nil {
		go func() { // ends with the process
			if err := w.Settled(ctx); err == nil {
				fmt.Println("listening " + from.Addr(listen))
			}
		}()
		err = w.Run(ctx)
	}
	fmt.Println(err)
	return 1
}

// address is where the newest child listens.
type address struct{ atomic.Pointer[string] }

// await waits until a child says where it listens.
func (a *address) await(t *testing.T, c *weirtest.Child) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(weirtest.Patience); ; <-again.C {
		for lines := bufio.NewScanner(strings.NewReader(c.Output())); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "listening "); ok && at != "" {
				a.Store(&at)
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the child does not listen:\n%s", c.Output())
		}
	}
}

// deliver posts a request again and again until it is answered with success.
func (a *address) deliver(t *testing.T, path, key, body string) (attempts int) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(weirtest.Patience); time.Now().Before(deadline); <-again.C {
		attempts++
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+*a.Load()+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return attempts
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		res.Body.Close()
		switch res.StatusCode {
		case http.StatusOK:
			return attempts
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		default:
			t.Errorf("request %s: %s", key, res.Status)
			return attempts
		}
	}
	t.Errorf("request %s was never answered with success", key)
	return attempts
}

// TestKilledWorker kills the worker again and again while clients post with
// idempotency keys and post again what was not answered: in the end each
// document is in the collection once.
func TestKilledWorker(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	const clients, each, kills = 8, 120, 3
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	weirtest.Publish(t, conn, weirtest.Files(t, flow))
	var at address
	start := func() *weirtest.Child {
		c := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir)
		at.await(t, c)
		return c
	}
	child := start()
	acked, attempts := make(chan struct{}, clients*each), atomic.Int64{}
	var posting sync.WaitGroup
	for c := range clients {
		posting.Go(func() {
			for n := range each {
				key := fmt.Sprintf("%d-%d", c, n)
				body, path := `{"id":"`+key+`"}`, "/orders"
				if n%3 == 0 {
					body, path = `[{"id":"`+key+`"},{"id":"`+key+`+"}]`, "/more/orders"
				}
				attempts.Add(int64(at.deliver(t, path, key, body)))
				acked <- struct{}{}
			}
		})
	}
	for kill := range kills {
		for range clients * each / (kills + 1) {
			<-acked
		}
		child.Kill()
		t.Logf("killed %d times", kill+1)
		child = start()
	}
	posting.Wait()
	seen := map[string]int{}
	for _, m := range weirtest.Documents(t, conn, "acmeCo/orders") {
		var doc struct{ ID string }
		if err := json.Unmarshal(m.Data, &doc); err != nil {
			t.Fatal(err)
		}
		seen[doc.ID]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("document %s is there %d times", id, n)
		}
	}
	if want := clients * each * 4 / 3; len(seen) != want {
		t.Errorf("%d documents of %d", len(seen), want)
	}
	t.Logf("%d requests in %d attempts", clients*each, attempts.Load())
}

// TestFailingCommits fails transactions before and after they are durable: the
// request is told that its fate is open, and sent again it is written once.
// Requests that are refused, and documents that do not reduce with each other,
// fail nothing.
func TestFailingCommits(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, flow))
	from := source.New()
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources = sources.Registry{"http": from}
	failing := map[string]*atomic.Bool{"commit.before": {}, "commit.after": {}, "acknowledge.after": {}}
	o.Cut = func(task, point string) error {
		if f := failing[point]; task == "acmeCo/in" && f != nil && f.CompareAndSwap(true, false) {
			return errors.New("cut at " + point)
		}
		return nil
	}
	w, _ := weirtest.Run(t, o)
	weirtest.State(t, w, worker.KindCapture, "acmeCo/in", worker.StateRunning)
	var at address
	where := from.Addr(listen)
	at.Store(&where)
	for point, f := range failing {
		f.Store(true)
		attempts := at.deliver(t, "/orders", point, `{"id":"`+point+`"}`)
		if point != "acknowledge.after" && attempts < 2 {
			t.Errorf("%s: success though the transaction failed", point)
		}
		if f.Load() {
			t.Errorf("%s never came", point)
		}
	}
	post := func(contentType, body string) int {
		t.Helper()
		again := time.NewTicker(10 * time.Millisecond)
		defer again.Stop()
		for deadline := time.Now().Add(weirtest.Patience); ; <-again.C { // the task may still be starting again
			res, err := http.Post("http://"+where+"/orders", contentType, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusServiceUnavailable || time.Now().After(deadline) {
				return res.StatusCode
			}
		}
	}
	if status := post("application/json", `[{"id":"good"},{"id":7}]`); status != http.StatusUnprocessableEntity {
		t.Errorf("an invalid document: %d", status)
	}
	tags := `{"id":"same","tags":["` + strings.Repeat("t", 300_000) + `"]}`
	if status := post("application/x-ndjson", strings.Repeat(tags+"\n", 5)); status != http.StatusOK {
		t.Errorf("documents that are too large together: %d", status)
	}
	status := weirtest.State(t, w, worker.KindCapture, "acmeCo/in", worker.StateRunning)
	if status.Quarantined != 0 {
		t.Errorf("%d documents in quarantine", status.Quarantined)
	}
	got := map[string]int{}
	for key := range weirtest.Reduced(t, conn, c.Collections["acmeCo/orders"]) {
		got[key]++
	}
	if n := len(weirtest.Documents(t, conn, "acmeCo/orders")); len(got) != 4 || n != 8 {
		t.Errorf("%d messages of %v", n, got)
	}
}
