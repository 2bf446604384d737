package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/weirtest"
)

// volatile are the parts of outputs that differ from run to run.
var volatile = regexp.MustCompile(`\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b\d+s\b|\d+\.\d [KM]iB|\b\d+ B\b`)

// steady replaces them, and the padding behind them.
func steady(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "DIR")
	text = strings.ReplaceAll(text, whoIAm(), "ME")
	return regexp.MustCompile(` {2,}`).ReplaceAllString(volatile.ReplaceAllString(text, "#"), "  ")
}

// same compares an output with what is wanted.
func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// edit replaces text in a file of a catalog.
func edit(t *testing.T, file, old, with string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, with)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A catalog is planned, published, changed, looked at, brought back and removed,
// without a worker.
func TestPublicationsByCommand(t *testing.T) {
	isolate(t)
	t.Setenv("NATS_URL", weirtest.Server(t).URL())
	dir := filepath.Join(t.TempDir(), "hello")
	succeed(t, "", "init", dir)
	data := t.TempDir()
	o := weir(t, "", "plan", dir, "--data", data, "--exit-code")
	if o.code != exitNo || o.problems != "weir: there is something to publish [changes]\n  do: `weir publish` publishes it\n" {
		t.Errorf("plan --exit-code: %d: %s", o.code, o.problems)
	}
	same(t, "plan", o.out, `+ create collection acmeCo/greetings
    -> stream acmeCo=greetings is made
    -> transform fromVisits reads acmeCo/visits from its beginning
+ create materialization acmeCo/greetings-db
    -> binding 0 reads acmeCo/greetings from its beginning
    -> at the endpoint: CREATE TABLE "greetings" ( "name" TEXT NOT NULL, "flow_published_at" TEXT NOT NULL, "greeting" TEXT NOT NULL, "times" INTEGER NOT NULL, "flow_document" TEXT NOT NULL, PRIMARY KEY ("name") )
+ create collection acmeCo/visits
    -> stream acmeCo=visits is made

+ start   derivation acmeCo/greetings
+ start   materialization acmeCo/greetings-db
+ start   inbox acmeCo/visits

3 to create, 0 to change, 0 to remove, 0 unchanged
`)
	same(t, "publish", steady(succeed(t, "", "publish", dir, "--data", data, "-m", "hello"), dir), `created  acmeCo/greetings
created  acmeCo/greetings-db
created  acmeCo/visits
publication #
`)
	if o := weir(t, "", "plan", dir, "--data", data, "--exit-code"); o.code != 0 || o.out != "nothing to publish: 3 specs are as in the catalog\n" {
		t.Errorf("planned again: %d %s%s", o.code, o.out, o.problems)
	}
	edit(t, filepath.Join(dir, "greet.js"), "Hello", "Welcome")
	same(t, "plan of a change", succeed(t, "", "plan", dir, "--data", data), `~ change collection acmeCo/greetings
    code of the module changed

~ restart derivation acmeCo/greetings: it changed
~ restart materialization acmeCo/greetings-db: collection acmeCo/greetings changed

0 to create, 1 to change, 0 to remove, 2 unchanged
`)
	succeed(t, "", "publish", dir, "--data", data)
	var all []controlplane.PublicationInfo
	if err := json.Unmarshal([]byte(succeed(t, "", "history", "-o", "json")), &all); err != nil || len(all) != 2 || all[1].Message != "hello" {
		t.Fatalf("history: %+v, %v", all, err)
	}
	same(t, "history", steady(succeed(t, "", "history", "--catalog", dir), dir), `PUBLICATION  AGE  BY  SPECS  MESSAGE  CATALOG
#  #  ME  +0 ~1 -0  DIR
#  #  ME  +3 ~0 -0  hello  DIR
`)
	shown := succeed(t, "", "history", all[0].ID)
	if !strings.Contains(shown, "~ change collection acmeCo/greetings\n    code of the module changed\n") || !strings.Contains(shown, "\n  -  ") || !strings.Contains(shown, "Hello, ") || !strings.Contains(shown, "\n  +  ") {
		t.Errorf("one of the history:\n%s", shown)
	}
	same(t, "revert", steady(succeed(t, "", "revert", all[1].ID, "--data", data), dir), "changed  acmeCo/greetings\nunchanged  acmeCo/greetings-db\nunchanged  acmeCo/visits\npublication #\n")
	edit(t, filepath.Join(dir, "greet.js"), "Welcome", "Hello")
	if got := succeed(t, "", "plan", dir, "--data", data); !strings.HasPrefix(got, "nothing to publish") {
		t.Errorf("after the revert: %s", got)
	}
	o = weir(t, "", "delete", "acmeCo/visits")
	if o.code != exitFailed || !strings.Contains(o.problems, "derivation acmeCo/greetings (of "+dir+"): it needs collection acmeCo/visits, which would be removed") {
		t.Errorf("delete what others need: %d: %s", o.code, o.problems)
	}
	if o = weir(t, "", "delete", "acmeCo/greetings-db"); o.code != exitInvalid || !strings.Contains(o.problems, "say --yes") {
		t.Errorf("delete without a word: %d: %s", o.code, o.problems)
	}
	succeed(t, "", "delete", "acmeCo/greetings-db", "acmeCo/greetings", "--yes")
	same(t, "list", steady(succeed(t, "", "list"), dir), "NAME  KIND  DOCS  BYTES\nacmeCo/visits  collection  0  #\n")
}

// What get prints is a catalog by itself, and publishes the same specs.
func TestGetAndPublish(t *testing.T) {
	isolate(t)
	t.Setenv("NATS_URL", weirtest.Server(t).URL())
	dir := filepath.Join(t.TempDir(), "orders")
	succeed(t, "", "init", dir, "--template", "orders")
	succeed(t, "", "publish", dir)
	text := succeed(t, "", "get", "acmeCo/shop", "--needed")
	again := weirtest.Files(t, map[string]string{"flow.yaml": text})
	if _, err := catalog.Load(again); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := steady(succeed(t, "", "publish", again), dir); !strings.HasPrefix(got, "changed  acmeCo/customers\n") || !strings.Contains(got, "changed  acmeCo/shop\n") {
		t.Errorf("published from what was got: %s", got)
	}
	if second := succeed(t, "", "get", "acmeCo/shop", "-o", "json"); !strings.Contains(second, `"path": "shop.db"`) || strings.Contains(second, "acmeCo/customers\": {") {
		t.Errorf("one spec as JSON:\n%s", second)
	}
	if o := weir(t, "", "get", "acmeCo/shops"); o.code != exitFailed || !strings.Contains(o.problems, "acmeCo/shops is not published [not-found]\n  do: if you mean acmeCo/shop, name that") {
		t.Errorf("an unknown name: %d: %s", o.code, o.problems)
	}
	if got := succeed(t, "", "__complete", "describe", "acmeCo/s"); !strings.HasPrefix(got, "acmeCo/shop\tmaterialization\n") {
		t.Errorf("completion: %q", got)
	}
}

// A password that is written out in a catalog is shown by none of the commands.
func TestSecretsAreNotShown(t *testing.T) {
	isolate(t)
	s := weirtest.Server(t)
	t.Setenv("NATS_URL", s.URL())
	const canary = "canary-5f1d"
	conn := weirtest.Connect(t, s)
	c := &catalog.Catalog{Materializations: map[string]*catalog.Materialization{"acmeCo/db": {
		Name: "acmeCo/db", Endpoint: catalog.Endpoint{Kind: "gone", Config: json.RawMessage(`{"password":"` + canary + `"}`)}, Bindings: []catalog.MaterializationBinding{},
	}}}
	for _, config := range []string{canary, canary + "2"} {
		c.Materializations["acmeCo/db"].Endpoint.Config = json.RawMessage(`{"password":"` + config + `"}`)
		if _, err := controlplane.Publish(t.Context(), conn, c, controlplane.Options{Catalog: "/x"}); err != nil {
			t.Fatal(err)
		}
	}
	var all []controlplane.PublicationInfo
	if err := json.Unmarshal([]byte(succeed(t, "", "history", "-o", "json")), &all); err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, args := range [][]string{
		{"get"}, {"get", "-o", "json"}, {"describe", "acmeCo/db"}, {"describe", "acmeCo/db", "-o", "yaml"}, {"list", "-o", "json"},
		{"history"}, {"history", all[0].ID}, {"history", all[0].ID, "-o", "json"}, {"history", all[1].ID},
	} {
		if o := weir(t, "", args...); o.code != 0 || strings.Contains(o.out+o.problems, canary) {
			t.Errorf("weir %s: %d\n%s%s", strings.Join(args, " "), o.code, o.out, o.problems)
		}
	}
	if got := succeed(t, "", "history", all[0].ID); !strings.Contains(got, "endpoint's configuration at /password changed") {
		t.Errorf("what changed is told:\n%s", got)
	}
}

// Tasks are paused, waited for, and resumed; list and describe tell of it.
func TestPauseByCommand(t *testing.T) {
	isolate(t)
	dir, data := filepath.Join(t.TempDir(), "hello"), t.TempDir()
	succeed(t, "", "init", dir)
	up := start(t, "up", dir, "--data", data, "--port", "0", "--http", "off")
	t.Setenv("NATS_URL", readyURL(up.await(t, "ready ")))
	succeed(t, "{\"id\":1,\"name\":\"Ada\"}\n", "ingest", "acmeCo/visits")
	succeed(t, "", "wait")
	succeed(t, "", "wait", "acmeCo/visits", "acmeCo/greetings", "--for", "document")
	same(t, "pause", succeed(t, "", "pause", "acmeCo/greetings", "-m", "lunch"), "paused   derivation acmeCo/greetings\n")
	succeed(t, "", "wait", "acmeCo/greetings", "--for", "paused")
	succeed(t, "{\"id\":2,\"name\":\"Ada\"}\n", "ingest", "acmeCo/visits")
	o := weir(t, "", "wait", "acmeCo/greetings", "--timeout", "0")
	if o.code != exitFailed || o.problems != "weir: derivation acmeCo/greetings is paused: it is not caught-up before somebody resumes it [paused]\n  do: `weir resume` with the task's name lets it go on where it stopped\n" {
		t.Errorf("wait for what is paused: %d %q", o.code, o.problems)
	}
	list := steady(succeed(t, "", "list"), dir)
	list = regexp.MustCompile(`(?m)(paused  1  #)  [01]$`).ReplaceAllString(list, "$1  LAG") // what came meanwhile may be counted or not
	same(t, "list", list, `NAME  KIND  STATE  DOCS  BYTES  LAG
acmeCo/greetings  derivation  paused  1  #  LAG
acmeCo/greetings-db  materialization  running  0
acmeCo/visits  collection  2  #
`)
	if got := steady(succeed(t, "", "describe", "acmeCo/greetings"), dir); !strings.Contains(got, "  state  paused since #\n") || !strings.Contains(got, "why paused by ME at ") || !strings.Contains(got, ": lunch\n") ||
		!strings.HasPrefix(got, "acmeCo/greetings  derivation\n  catalog  DIR\n  published  # by ME (#)\n  key  /name\n  documents  1 in #, stream acmeCo=greetings\n  using  javascript greet.js\n  transform  fromVisits reads acmeCo/visits\n  written by derivation acmeCo/greetings\n  read by  materialization acmeCo/greetings-db\n") {
		t.Errorf("describe:\n%s", got)
	}
	if got := succeed(t, "", "status"); !strings.HasPrefix(strings.SplitN(got, "\n", 3)[1], "acmeCo/greetings ") {
		t.Errorf("what needs somebody comes first:\n%s", got)
	}
	succeed(t, "", "resume", "acmeCo/greetings")
	succeed(t, "", "wait", "--for", "caught-up")
	if got := succeed(t, "", "read", "acmeCo/greetings", "--reduce"); got != `{"name":"Ada","greeting":"Hello, Ada!","times":2}`+"\n" {
		t.Errorf("resumed: %s", got)
	}
	succeed(t, "", "delete", "acmeCo/greetings-db", "acmeCo/greetings", "--with-data", "--yes")
	if got := succeed(t, "", "list", "-o", "name"); got != "acmeCo/visits\n" {
		t.Errorf("after the deletion: %s", got)
	}
	succeed(t, "", "publish", dir, "--data", data)
	succeed(t, "", "wait", "acmeCo/greetings")
	if got := succeed(t, "", "read", "acmeCo/greetings", "--reduce"); got != `{"name":"Ada","greeting":"Hello, Ada!","times":2}`+"\n" {
		t.Errorf("made anew: %s", got)
	}
}

// readyURL is the server's address in the line that says ready.
func readyURL(out string) string {
	_, rest, _ := strings.Cut(out, "ready ")
	url, _, _ := strings.Cut(rest, "\n")
	return url
}
