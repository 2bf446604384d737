package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/weirtest"
)

// pagesAt gives where a command says its pages are.
func pagesAt(t *testing.T, r *running) string {
	t.Helper()
	for line := range strings.Lines(r.await(t, "pages ")) {
		if at, ok := strings.CutPrefix(line, "pages "); ok {
			return strings.TrimSpace(at)
		}
	}
	t.Fatal("it names no pages")
	return ""
}

// The first start makes the token and prints the address that logs in; later
// ones print no token.
func TestPagesAddress(t *testing.T) {
	isolate(t)
	url, data := weirtest.Server(t).URL(), t.TempDir()
	r := start(t, "serve", "--nats", url, "--data", data, "--http", "127.0.0.1:0")
	at := pagesAt(t, r)
	token, err := os.ReadFile(filepath.Join(data, tokenName))
	if err != nil || !strings.HasSuffix(at, "/?token="+strings.TrimSpace(string(token))) {
		t.Fatalf("%s with token file %q, %v", at, token, err)
	}
	resp, err := http.DefaultTransport.RoundTrip(get(t, at))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		t.Errorf("login: %s", resp.Status)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, r.problems.String())
	}
	r = start(t, "serve", "--nats", url, "--data", data, "--http", "127.0.0.1:0")
	if at := pagesAt(t, r); strings.Contains(at, "token") || !strings.HasPrefix(at, "http://127.0.0.1:") {
		t.Errorf("second start: %s", at)
	}
}

func get(t *testing.T, at string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A port that is taken ends weir serve with what to do; plain HTTP that others
// reach is warned of.
func TestPagesEnvironment(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, want := range map[string]string{
		taken.Addr().String(): "another program listens there [port-taken]\n  do: stop the other weir, if one runs, or choose another address with --http HOST:PORT; --http off serves no pages\n",
		"4280":                "write it as 127.0.0.1:4280",
	} {
		o := weir(t, "", "serve", "--nats", url, "--data", t.TempDir(), "--http", addr)
		if o.code != exitEnvironment || !strings.Contains(o.problems, want) || o.out != "" {
			t.Errorf("%s: %+v", addr, o)
		}
	}
	r := start(t, "serve", "--role", "controlplane", "--nats", url, "--data", t.TempDir(), "--http", "0.0.0.0:0")
	pagesAt(t, r)
	if !strings.HasPrefix(r.problems.String(), "warning: http://localhost:") || !strings.Contains(r.problems.String(), "plain HTTP that other machines reach") {
		t.Errorf("warned: %q", r.problems.String())
	}
}

// weir up takes another port where the usual one is taken, and says so.
func TestPagesMove(t *testing.T) {
	isolate(t)
	if taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", webAddr); err == nil {
		defer taken.Close() // else somebody has it already
	}
	w := web{addr: webAddr, moves: true}
	p, err := w.start(t.Context(), t.TempDir(), nil, (&connection{}).logger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if !strings.HasSuffix(p.line, " (port 4280 is taken; --http says another one)") || strings.HasPrefix(p.line, "http://"+webAddr) {
		t.Errorf("it says %q", p.line)
	}
}

// Metrics and health are open to whoever reaches the listener, and other pages
// are not; a process that only works has them, too.
func TestMetricsAndHealthNeedNoToken(t *testing.T) {
	url := published(t, counts)
	r := start(t, "serve", "--role", "worker", "--nats", url, "--data", t.TempDir(), "--http", "127.0.0.1:0")
	r.await(t, "ready")
	at, _, _ := strings.Cut(pagesAt(t, r), "?")
	for path, want := range map[string]string{
		"metrics":        `weir_task_state{kind="inbox",state="running",task="a/counts"} 1`,
		"livez":          "ok",
		"readyz":         "ok",
		"readyz?verbose": `"detail":"1 running"`,
	} {
		resp, err := http.DefaultTransport.RoundTrip(get(t, at+path))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %v: %s", path, resp.Status, err, text)
		}
	}
}
