package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"weir/internal/pgtest"
	"weir/internal/weirtest"
)

// refusedCatalog makes tasks whose endpoints answer, and want another secret
// than the task has.
func refusedCatalog(t *testing.T) (flow string, tasks []string) {
	t.Helper()
	address, server, hook := postgresWithPassword(t), natsWithToken(t), echo(t)
	bucket := bucketThatRefuses(t)
	db := `"database":"postgres","user":"canary"`
	files := func(settings string) string {
		return fmt.Sprintf(`{"files":{"url":"s3://acme/out?region=x&use_path_style=true&endpoint=%s",%s}}`, url.QueryEscape(bucket), settings)
	}
	materializations := []struct{ endpoint, resource string }{
		{fmt.Sprintf(`{"postgres":{"address":%q,%s,"password":"SECRET"}}`, address, db), `{"table":"t"}`},
		{fmt.Sprintf(`{"postgres":{"url":"postgres://canary:SECRET@%s/postgres?sslmode=disable"}}`, address), `{"table":"t"}`},
		{fmt.Sprintf(`{"nats":{"url":%q,"token":"SECRET"}}`, server), `{"subject":"canary.out"}`},
		{fmt.Sprintf(`{"nats":{"url":%q,"user":"u","password":"SECRET"}}`, server), `{"subject":"canary.out"}`},
		{fmt.Sprintf(`{"nats":{"url":%q}}`, strings.Replace(server, "nats://", "nats://u:SECRET@", 1)), `{"subject":"canary.out"}`},
		{fmt.Sprintf(`{"webhook":{"url":%q,"headers":{"X-Api-Key":"SECRET","Authorization":"Bearer SECRET"},"retries":0}}`, hook+"/400"), `{"path":"/out"}`},
		{fmt.Sprintf(`{"webhook":{"url":%q,"retries":0}}`, hook+"/400/SECRET"), `{"path":"/out"}`},
		{fmt.Sprintf(`{"webhook":{"url":%q,"retries":0}}`, hook+"/400?token=SECRET"), `{"path":"/out"}`},
		{fmt.Sprintf(`{"webhook":{"url":%q,"retries":0}}`, hook+"/503?token=SECRET&more=1"), `{"path":"/out"}`},
		{fmt.Sprintf(`{"webhook":{"url":%q,"retries":0}}`, strings.Replace(hook, "http://", "http://me:SECRET@", 1)+"/401"), `{"path":"/out"}`},
		{files(`"credentials":{"accessKeyId":"id","secretAccessKey":"SECRET","sessionToken":"SECRET"}`), `{"path":"out"}`},
		{`{"files":{"url":"s3://id:SECRET@acme/out?region=x"}}`, `{"path":"out"}`},
		{`{"files":{"url":"s3://acme/out?region=x&endpoint=http://id:SECRET@127.0.0.1:1"}}`, `{"path":"out"}`},
	}
	specs := map[string]any{}
	for i, m := range materializations {
		for name, secret := range map[string]string{"named": "${env:CANARY_NAMED}", "odd": "${env:CANARY_ODD}", "literal": canaryLiteral} {
			task := fmt.Sprintf("a/refused-%d-%s", i, name)
			endpoint := json.RawMessage(strings.ReplaceAll(m.endpoint, "SECRET", secret))
			specs[task] = map[string]any{"endpoint": endpoint, "bindings": []any{map[string]any{"source": "a/in", "resource": json.RawMessage(m.resource)}}}
			tasks = append(tasks, task)
		}
	}
	return canaryFlow(t, map[string]any{}, specs), tasks
}

// postgresWithPassword gives the address of a server that wants a password.
func postgresWithPassword(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pg_hba.conf")
	if err := os.WriteFile(file, []byte("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(file); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // the server may run as somebody else
			t.Fatal(err)
		}
	}
	s := pgtest.New(t, "hba_file = '"+file+"'")
	s.Exec(t, "postgres", "CREATE USER canary PASSWORD 'another'")
	return fmt.Sprintf("127.0.0.1:%d", s.Port)
}

// natsWithToken gives the URL of a server that wants a token.
func natsWithToken(t *testing.T) string {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, Authorization: "another", NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(weirtest.Patience) {
		t.Fatal("the NATS server does not start")
	}
	return s.ClientURL()
}

// bucketThatRefuses gives the address of a server that takes no credentials, and
// repeats those that it was given.
func bucketThatRefuses(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>InvalidToken</Code><Message>The token %s is none</Message></Error>", html.EscapeString(r.Header.Get("X-Amz-Security-Token")))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// echo gives the URL of a server that answers the status which its path begins
// with, and repeats what it was sent: as it is, decoded, and escaped. Secrets come
// first, and once more where an error would cut the text.
func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := httputil.DumpRequest(r, true)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		key := r.Header.Get("X-Api-Key") + r.URL.Query().Get("token")
		status := 0
		fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		before := "key=" + url.QueryEscape(key) + " " + base64.StdEncoding.EncodeToString([]byte("me:"+key+"::")) + " "
		fmt.Fprintf(w, "%s%s %s %s %s", before, strings.Repeat("x", max(290-len(before), 0)), url.QueryEscape(key), r.URL.Path, sent)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
