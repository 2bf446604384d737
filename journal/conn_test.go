package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"weir/journal/server"
)

func TestCheckVersion(t *testing.T) {
	for version, want := range map[string]bool{
		"2.12.1": true, "2.12.0": false, "2.13.0-RC.1": true, "2.9.25": false, "2.15.2": true, "3.0.0": true, "v2.12.3": true,
		"": false, "2.12": false, "a.b.c": false, "2.-1.3": false,
	} {
		if err := checkVersion(version); (err == nil) != want {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("2.12.1")
	f.Add("v2.13.0-RC.1+abc")
	f.Add("..")
	f.Fuzz(func(t *testing.T, version string) {
		if v, ok := parseVersion(version); ok && (v[0] < 0 || v[1] < 0 || v[2] < 0) {
			t.Fatalf("%q: %v", version, v)
		}
	})
}

func TestOptionsGoBeforeTheEnvironment(t *testing.T) {
	env := map[string]string{"NATS_URL": "nats://env:1", "NATS_USER": "token-alone", "NATS_CREDS": "/env.creds", "NATS_CONTEXT": "env", "NATS_CA": "/ca"}
	got := Options{URL: "nats://flag:2", CredsFile: "/flag.creds"}.resolve(func(name string) string { return env[name] })
	if got.URL != "nats://flag:2" || got.CredsFile != "/flag.creds" || got.Context != "env" || got.CAFile != "/ca" || got.Token != "token-alone" || got.User != "" || got.MaxBatch != 1000 {
		t.Fatalf("got %+v", got)
	}
	plain := Options{URL: "nats://flag:2", Plain: true}.resolve(func(name string) string { return env[name] })
	if plain.CredsFile != "" || plain.Token != "" {
		t.Fatalf("got %+v", plain)
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"nats://user:pw@host:4222":             "nats://host:4222",
		"nats://token@host":                    "nats://host",
		"user:p@w@host:1, tls://a:b@other:2":   "host:1,tls://other:2",
		"nats://host:4222":                     "nats://host:4222",
		"nats://u:p%40ss@[::1]:4222,127.0.0.1": "nats://[::1]:4222,127.0.0.1",
	} {
		if got := redactURL(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	s := authServer(t)
	host := strings.TrimPrefix(s.ClientURL(), "nats://")
	for name, o := range map[string]Options{
		"wrong password in the URL": {URL: "nats://weir:hunter2@" + host, Plain: true},
		"no such host":              {URL: "nats://weir:hunter2@127.0.0.1:1", Plain: true},
		"broken URL":                {URL: "nats://weir:hunter2@127.0.0.1:x y", Plain: true},
		"wrong password":            {URL: s.ClientURL(), User: "weir", Password: "hunter2", Plain: true},
		"a token":                   {URL: s.ClientURL(), Token: "hunter2", Plain: true},
	} {
		_, err := Connect(testContext(t), o)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// authServer lets only weir with the password secret in.
func authServer(t *testing.T) *natsserver.Server {
	t.Helper()
	return rawServer(t, &natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), Username: "weir", Password: "secret", NoSigs: true, NoLog: true})
}

func rawServer(t *testing.T, o *natsserver.Options) *natsserver.Server {
	t.Helper()
	s, err := natsserver.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start() // waited for in the cleanup
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("server is not ready")
	}
	return s
}

func TestConnectByContextAndEnvironment(t *testing.T) {
	s := authServer(t)
	config := t.TempDir()
	for _, name := range []string{"NATS_URL", "NATS_CONTEXT", "NATS_USER", "NATS_PASSWORD", "NATS_TOKEN", "NATS_CREDS", "NATS_NKEY", "NATS_CERT", "NATS_KEY", "NATS_CA"} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", config)
	dir := filepath.Join(config, "nats", "context")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name+".json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := write("good", `{"url":"`+s.ClientURL()+`","user":"weir","password":"secret"}`)
	write("wrong", `{"url":"nats://127.0.0.1:1","token":"nonsense"}`)
	check := func(what string, o Options, want bool) {
		t.Helper()
		c, err := Connect(testContext(t), o)
		if err == nil {
			c.Close()
		}
		if (err == nil) != want {
			t.Fatalf("%s: %v", what, err)
		}
	}
	check("context by name", Options{Context: "good"}, true)
	check("context by path", Options{Context: path}, true)
	check("unknown context", Options{Context: "none"}, false)
	check("context's server", Options{Context: "wrong"}, false)
	check("options before the context", Options{Context: "wrong", URL: s.ClientURL(), User: "weir", Password: "secret"}, true)
	t.Setenv("NATS_CONTEXT", "good")
	check("context of the environment", Options{}, true)
	t.Setenv("NATS_CONTEXT", "")
	t.Setenv("NATS_URL", s.ClientURL())
	check("no user", Options{}, false)
	t.Setenv("NATS_USER", "weir")
	t.Setenv("NATS_PASSWORD", "secret")
	check("user of the environment", Options{}, true)
	check("plain", Options{URL: s.ClientURL(), Plain: true}, false)
	check("absent file", Options{CredsFile: "/does/not/exist"}, false)
	check("half a certificate", Options{CertFile: path}, false)
}

func TestConnectToAServerWithoutJetStream(t *testing.T) {
	s := rawServer(t, &natsserver.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true})
	_, err := Connect(testContext(t), Options{URL: s.ClientURL(), Plain: true})
	if err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Fatalf("got %v", err)
	}
}

func TestConnectInProcess(t *testing.T) {
	s, err := server.Start(server.Options{Memory: true, Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c, err := Connect(testContext(t), Options{InProcess: s.Raw(), MaxBatch: server.MaxBatch})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	newStream(t, c, true)
	mustAppend(t, c, 10, seq(0), "x")
	if !c.Connected() || c.MaxBatch() != server.MaxBatch || c.MaxPayload() != server.DefaultMaxPayload || len(c.Warnings(testContext(t))) != 0 {
		t.Fatalf("%v %d %d", c.Connected(), c.MaxBatch(), c.MaxPayload())
	}
}

func TestClosedConnection(t *testing.T) {
	c := setUp(t)
	r := newReader(t, c, ReaderConfig{})
	c.Close()
	if _, err := c.StreamInfo(testContext(t), "s"); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Publish(testContext(t), Outgoing{Subject: "d.1"}); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if _, err := r.Next(testContext(t)); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestCancelledConnect(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Connect(ctx, Options{URL: "nats://127.0.0.1:1", Plain: true}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestSyncWarnings(t *testing.T) {
	answer := `{"server":{"name":"n"},"data":{"config":{"sync_interval":120000000000}}}`
	if w := syncWarnings([]byte(answer)); len(w) != 1 || !strings.Contains(w[0], "2m0s") {
		t.Fatalf("got %v", w)
	}
	for _, fine := range []string{`{"data":{"config":{"sync_always":true,"sync_interval":120000000000}}}`, `{"data":{"config":{"sync_interval":120000000000},"meta_cluster":{}}}`, `{}`, `x`} {
		if w := syncWarnings([]byte(fine)); w != nil {
			t.Fatalf("%s: %v", fine, w)
		}
	}
}

// A server that stops may still say that nobody answers before the connection is
// lost: the request is to be made again, not to fail for an answer without content.
func TestAnswerJustBeforeTheLoss(t *testing.T) {
	c := setUp(t)
	past := uint64(1<<64 - 1) // an epoch that is not the connection's
	answers := make(chan *nats.Msg, 1)
	answers <- &nats.Msg{Header: nats.Header{headerStatus: []string{"503"}}}
	if _, err := c.await(testContext(t), answers, past, time.Minute); !errors.Is(err, errNoResponders) {
		t.Fatalf("got %v", err)
	}
	answers <- &nats.Msg{Data: []byte("{}")}
	if m, err := c.await(testContext(t), answers, past, time.Minute); err != nil || string(m.Data) != "{}" {
		t.Fatalf("got %v, %v", m, err)
	}
	if _, err := c.await(testContext(t), answers, past, time.Minute); !errors.Is(err, errUnanswered) {
		t.Fatalf("got %v", err)
	}
}
