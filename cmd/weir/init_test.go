package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each template passes its tests without a warning, runs, takes the documents
// that come with it, and has something in its last collection then.
func TestTemplates(t *testing.T) {
	names, err := templateNames()
	if err != nil || len(names) < 3 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			dir, data := filepath.Join(t.TempDir(), "it"), t.TempDir()
			if got := succeed(t, "", "init", dir, "--template", name); !strings.Contains(got, "created  "+dir+"/flow.yaml\n") || !strings.Contains(got, "next: weir dev "+dir) {
				t.Errorf("init: %s", got)
			}
			succeed(t, "", "test", dir)
			succeed(t, "", "lint", dir, "--strict")
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			up := start(t, "up", dir, "--data", data, "--port", "0", "--http", "off")
			t.Setenv("NATS_URL", readyURL(up.await(t, "ready ")))
			for line := range strings.Lines(string(readme)) { // the commands that it names
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
	if o := weir(t, "", "init", dir, "--template", "none"); o.code != exitInvalid || !strings.Contains(o.problems, "--template has no value \"none\" [usage]\n  do: say hello, orders or sql\n") {
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
