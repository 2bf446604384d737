package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/internal/pgtest"
	"weir/internal/weirtest"
)

// Each template passes its tests without a warning, runs, takes the documents
// that come with it, and has something in its last collection then.
func TestTemplates(t *testing.T) {
	names, err := templateNames()
	if err != nil || len(names) < 5 {
		t.Fatalf("%v, %v", names, err)
	}
	outside := map[string]func(t *testing.T, dir, data, readme string) (act, check func()){"postgres": besidePostgres, "webhook": besideSender}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			dir, data := filepath.Join(t.TempDir(), "it"), t.TempDir()
			if got := succeed(t, "", "init", dir, "--template", name); !strings.Contains(got, "created  "+dir+"/flow.yaml\n") || !strings.Contains(got, "next: weir dev "+dir) {
				t.Errorf("init: %s", got)
			}
			succeed(t, "", "test", dir)
			succeed(t, "", "lint", dir, "--strict")
			text, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			act, check := func() {}, func() {}
			if make := outside[name]; make != nil {
				act, check = make(t, dir, data, string(text))
			}
			up := start(t, "up", dir, "--data", data, "--port", "0", "--http", "off")
			t.Setenv("NATS_URL", readyURL(up.await(t, "ready ")))
			act()
			succeed(t, "", "wait")
			followReadme(t, dir, string(text))
			check()
			if code := up.stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// followReadme ingests and reads as a template's README says.
func followReadme(t *testing.T, dir, readme string) {
	t.Helper()
	for line := range strings.Lines(readme) {
		words := strings.Fields(line)
		switch {
		case len(words) < 3 || words[0] != "weir":
		case words[1] == "ingest":
			documents, err := os.ReadFile(filepath.Join(dir, words[4]))
			if err != nil {
				t.Fatal(err)
			}
			succeed(t, string(documents), "ingest", words[2])
			succeed(t, "", "wait")
		case words[1] == "read":
			if got := succeed(t, "", words[1:]...); strings.Count(got, "\n") < 2 {
				t.Errorf("%s printed %q", strings.TrimSpace(line), got)
			}
		}
	}
}

// besidePostgres makes the user and the database by the README's statements, and
// compares what its last query gives.
func besidePostgres(t *testing.T, dir, _, readme string) (act, check func()) {
	pg := pgtest.Shared(t)
	statements := regexp.MustCompile(`-c "([^"]+)"`).FindAllStringSubmatch(readme, -1)
	if len(statements) != 3 {
		t.Fatalf("the README has %d statements", len(statements))
	}
	pg.Exec(t, "postgres", statements[0][1], statements[1][1])
	t.Cleanup(func() { pg.Exec(t, "postgres", "DROP DATABASE shop WITH (FORCE)", "DROP USER shop") })
	t.Setenv("SHOP_PASSWORD", "try-me")
	edit(t, filepath.Join(dir, "flow.yaml"), "address: 127.0.0.1:5432", fmt.Sprintf("address: %s\n        port: %d", pg.Socket(), pg.Port))
	return func() {}, func() {
		t.Helper()
		rows := pg.Rows(t, "shop", statements[2][1]+" ORDER BY day")
		if got := strings.Join(rows, "\n"); got != "2026-03-09|2|3700\n2026-03-10|1|1150" {
			t.Errorf("the table holds\n%s", got)
		}
		if got := pg.Rows(t, "shop", "SELECT count(*) FROM orders"); got[0] != "3" {
			t.Errorf("%s orders", got[0])
		}
	}
}

// besideSender sends the template's events twice, and once without the token.
func besideSender(t *testing.T, dir, data, readme string) (act, check func()) {
	const from, token = "127.0.0.1:8088", "try-me-0123456789"
	for _, want := range []string{"export HOOKS_TOKEN=" + token, "curl http://" + from + "/hooks/orders ", "Authorization: Bearer $HOOKS_TOKEN", "Content-Type: application/x-ndjson", "@events.jsonl"} {
		if !strings.Contains(readme, want) {
			t.Errorf("the README does not say %s", want)
		}
	}
	t.Setenv("HOOKS_TOKEN", token)
	at := freeAddress(t)
	edit(t, filepath.Join(dir, "flow.yaml"), from, at)
	events, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	post := func(token string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(weirtest.Context(t), http.MethodPost, "http://"+at+"/hooks/orders", bytes.NewReader(events))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-ndjson")
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("answered %s", answer.Status)
		}
	}
	return func() {
			succeed(t, "", "wait", "--for", "running")
			post("another-0123456789", http.StatusUnauthorized)
			post(token, http.StatusOK)
			post(token, http.StatusOK)
		}, func() {
			t.Helper()
			rows := weirtest.Rows(t, filepath.Join(data, "orders.db"), `select "order", status || ' ' || amount || ' ' || "changedAt" from orders`)
			if len(rows) != 2 || rows["o-1"] != "shipped 1800 2026-03-10T08:30:00Z" || rows["o-2"] != "placed 700 2026-03-09T12:30:00Z" {
				t.Errorf("the table holds %v", rows)
			}
		}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Without the token and the password the rest of a template runs, and what does
// not says which variable is missing.
func TestTemplatesWithoutSecrets(t *testing.T) {
	for name, want := range map[string]string{
		"postgres": "failed materialization acmeCo/shop-db: secret ${env:SHOP_PASSWORD} at /password: the environment variable SHOP_PASSWORD is not on this machine",
		"webhook":  "failed capture acmeCo/order-hooks: secret ${env:HOOKS_TOKEN} at /tokens/0: the environment variable HOOKS_TOKEN is not on this machine",
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			for _, name := range []string{"SHOP_PASSWORD", "HOOKS_TOKEN"} {
				t.Setenv(name, "") // so that it is put back
				if err := os.Unsetenv(name); err != nil {
					t.Fatal(err)
				}
			}
			dir := filepath.Join(t.TempDir(), "it")
			succeed(t, "", "init", dir, "--template", name)
			up := start(t, "up", dir, "--data", t.TempDir(), "--port", "0", "--http", "off")
			up.await(t, want)
			up.await(t, "ready ")
			if code := up.stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// Nothing is overwritten, and nothing written beside what is there.
func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "flow.yaml")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := weir(t, "", "init", dir)
	if o.code != exitFailed || !strings.Contains(o.problems, dir+" holds flow.yaml already: nothing was written") {
		t.Errorf("%d: %s", o.code, o.problems)
	}
	entries, err := os.ReadDir(dir)
	text, readErr := os.ReadFile(mine)
	if err != nil || readErr != nil || len(entries) != 1 || string(text) != "mine" {
		t.Errorf("%v %q, %v, %v", entries, text, err, readErr)
	}
	if o := weir(t, "", "init", dir, "--template", "none"); o.code != exitInvalid || !strings.Contains(o.problems, "--template has no value \"none\" [usage]\n  do: say hello, orders, postgres, sql or webhook\n") {
		t.Errorf("%d: %s", o.code, o.problems)
	}
}

// Each save is tried: what is good is published, what is not is shown, and what
// was published keeps running. New files and directories are noticed.
func TestDev(t *testing.T) {
	isolate(t)
	dir := filepath.Join(t.TempDir(), "hello")
	succeed(t, "", "init", dir)
	d := start(t, "dev", dir, "--data", t.TempDir(), "--port", "0", "--http", "off")
	t.Setenv("NATS_URL", readyURL(d.await(t, "ready ")))
	d.await(t, " published: created acmeCo/greetings, acmeCo/greetings-db, acmeCo/visits (1 test passes)")
	succeed(t, "{\"id\":1,\"name\":\"Ada\"}\n", "ingest", "acmeCo/visits")
	succeed(t, "", "wait")

	edit(t, filepath.Join(dir, "greet.js"), "Hello", "Hi")
	if got := d.await(t, " keeps running"); !strings.Contains(got, " not published: 1 test fails: acmeCo/tests/greet\n") || !strings.Contains(got, `+ /greeting: "Hi, Ada!"`) {
		t.Errorf("a failing test:\n%s", got)
	}
	edit(t, filepath.Join(dir, "flow.yaml"), "Hello, ", "Hi, ")
	d.await(t, " published: changed acmeCo/greetings (1 test passes)")

	edit(t, filepath.Join(dir, "flow.yaml"), "key: [/id]", "key: [/idd]")
	if got := d.await(t, "flow.yaml:6:11: "); !strings.Contains(got, "did you mean /id?") {
		t.Errorf("a wrong key:\n%s", got)
	}
	edit(t, filepath.Join(dir, "flow.yaml"), "key: [/idd]", "key: [/id]")
	d.await(t, " as published (1 test passes)")

	if err := os.MkdirAll(filepath.Join(dir, "words"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "words", "hey.js"), []byte("export const word = 'Hi'; // of its own\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "greet.js"), "export function", "import { word } from './words/hey.js';\n\nexport function")
	edit(t, filepath.Join(dir, "greet.js"), "Hi, $", "${word}, $")
	d.awaitTimes(t, " published: changed acmeCo/greetings (1 test passes)", 2)
	succeed(t, "{\"id\":2,\"name\":\"Ada\"}\n", "ingest", "acmeCo/visits")
	succeed(t, "", "wait")
	if got := succeed(t, "", "read", "acmeCo/greetings", "--reduce"); got != `{"name":"Ada","greeting":"Hi, Ada!","times":2}`+"\n" {
		t.Errorf("at the end: %s", got)
	}

	var publications []struct{ ID string }
	if err := json.Unmarshal([]byte(succeed(t, "", "history", "-o", "json")), &publications); err != nil || len(publications) < 2 {
		t.Fatalf("%+v, %v", publications, err)
	}
	reverted := succeed(t, "", "revert", publications[len(publications)-1].ID, "-m", "as it was")
	edit(t, filepath.Join(dir, "words", "hey.js"), "of its own", "and no other")
	if got := d.await(t, "brings it back"); !strings.Contains(got, " (as it was), which came meanwhile") {
		t.Errorf("a save over a revert:\n%s\n%s", reverted, got)
	}
	if code := d.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, d.problems.String())
	}
}
