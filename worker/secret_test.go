package worker_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/secrets"
	"weir/sinks"
	"weir/tasklog"
	"weir/worker"
)

// leaky is a sink whose errors tell its configuration to everybody.
type leaky struct {
	delivering
	config chan string
}

func (*leaky) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(`{"properties": {"password": {"secret": true}, "token": {"type": "string"}}}`)}
}

func (s *leaky) Open(_ context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	var c struct{ Password, Token string }
	if err := json.Unmarshal(r.Config, &c); err != nil {
		return nil, sinks.Opened{}, err
	}
	select {
	case s.config <- string(r.Config):
	default:
	}
	return nil, sinks.Opened{}, fmt.Errorf("GET /?p=%s with %s, %s: %q refused", url.QueryEscape(c.Password), c.Token, base64.StdEncoding.EncodeToString([]byte("me:"+c.Password)), c.Password)
}

const leaking = `
collections:
  acmeCo/in: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}
materializations:
  acmeCo/out:
    endpoint: {leaky: {password: "${env:LEAKY_PW}", token: "${file:token}"}}
    bindings: [{source: acmeCo/in, resource: {}}]
`

// The connector gets the values; nobody who reads the catalog, the status, the
// logs, or anything else that Weir keeps on the server does.
func TestSecretsReachTheConnectorAlone(t *testing.T) {
	const password, token = `pa ss/"word"`, "token-from-a-file"
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": leaking}))
	sink := &leaky{config: make(chan string, 1)}
	core, lines := observer.New(zap.DebugLevel)
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sinks, o.Log, o.Logs = sinks.Registry{"leaky": sink}, zap.New(core), tasklog.NewWriter(conn)
	o.Secrets = &secrets.Store{Dir: o.DataDir, Lookup: func(name string) (string, bool) { return password, name == "LEAKY_PW" }}
	if err := os.WriteFile(filepath.Join(o.DataDir, "token"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, stop := weirtest.Run(t, o)
	s := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/out", worker.StateFailed)
	stop()
	o.Logs.Close(weirtest.Context(t))

	spelled, err := json.Marshal(map[string]string{"password": password, "token": token})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-sink.config; got != string(spelled) {
		t.Errorf("the connector got %s", got)
	}
	if s.Why.Code != "endpoint" || !strings.Contains(s.Why.Message, "GET /?p=*** with ***, ") || !strings.HasSuffix(s.Why.Message, `: "***" refused`) {
		t.Errorf("status: %+v", s.Why)
	}
	for _, said := range append(kept(t, conn), logged(lines.All())...) {
		for _, secret := range []string{"pa ss", "word", "pa+ss", "token-from", base64.StdEncoding.EncodeToString([]byte(password))[4:16]} {
			if strings.Contains(said, secret) && !strings.Contains(said, "${env:LEAKY_PW}") {
				t.Errorf("%q stands in %s", secret, said)
			}
		}
	}
}

// kept is everything in all of the server's streams.
func kept(t *testing.T, conn *journal.Conn) (all []string) {
	t.Helper()
	streams, err := conn.Streams(weirtest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range streams {
		seen[s.Name] = true
		err := conn.ReadAll(weirtest.Context(t), s.Name, "", 0, func(m journal.Message) error {
			all = append(all, fmt.Sprint(m.Subject, " ", m.Header, " ", string(m.Data)))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !seen[tasklog.Stream] || !seen["KV_weir_status"] || !seen["KV_weir_catalog"] {
		t.Errorf("streams: %v", seen)
	}
	return all
}

func logged(lines []observer.LoggedEntry) (all []string) {
	encoder := zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig())
	for _, l := range lines {
		text, err := encoder.EncodeEntry(l.Entry, l.Context)
		if err == nil {
			all = append(all, text.String())
		}
	}
	return all
}

// A secret that the worker has not, or may not use, fails the task at once, and
// its status says which one and what to do.
func TestSecretsThatAreMissing(t *testing.T) {
	for name, c := range map[string]struct {
		store secrets.Store
		want  string
	}{
		"no variable": {secrets.Store{Lookup: func(string) (string, bool) { return "", false }}, "secret ${env:LEAKY_PW} at /password: the environment variable LEAKY_PW is not on this machine"},
		"not allowed": {secrets.Store{Env: []string{"OTHER"}}, "LEAKY_PW may not be used by catalogs here: start the worker with --secrets-env LEAKY_PW"},
		"no file":     {secrets.Store{Lookup: func(string) (string, bool) { return "known", true }}, "secret ${file:token} at /token: the file token is not on this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := weirtest.Connect(t, weirtest.Server(t))
			weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": leaking}))
			o := weirtest.Options(t, conn, t.TempDir())
			store := c.store
			store.Dir = o.DataDir
			o.Sinks, o.Secrets = sinks.Registry{"leaky": &leaky{}}, &store
			w, _ := weirtest.Run(t, o)
			s := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/out", worker.StateFailed)
			if s.Why.Code != "secret" || !strings.Contains(s.Why.Message, c.want) || s.Why.Fix == "" {
				t.Errorf("%+v", s.Why)
			}
		})
	}
}
