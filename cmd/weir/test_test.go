package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/catalogtest"
	"weir/internal/weirtest"
)

const testFlow = `
collections:
  a/b: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}}
  a/c:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}
    derive: {using: {copy: {}}, transforms: [{name: fromB, source: a/b, shuffle: any}]}
`

const goodTest = `
  a/good:
    - ingest: {collection: a/b, documents: [{id: x}]}
    - verify: {collection: a/b, documents: [{id: x}]}
`

const badTest = `
  a/bad:
    - ingest: {collection: a/b, documents: [{id: x, n: 1}]}
    - verify: {collection: a/b, documents: [{id: x, n: 2}]}  # as it was
`

// weir test ends with 0 only if every test passes.
func TestTest(t *testing.T) {
	isolate(t)
	if got := succeed(t, "", "test", "../../examples/orders"); !strings.Contains(got, "ok    acmeCo/") || !strings.Contains(got, " passed, 0 failed in ") {
		t.Errorf("examples/orders: %s", got)
	}
	none := weirtest.Files(t, map[string]string{"flow.yaml": testFlow})
	if o := weir(t, "", "test", none); o.code != exitFailed || o.problems != "weir: the catalog has no tests [not-found]\n  do: add some under `tests:`; docs/testing.md shows how\n" {
		t.Errorf("no tests: exit code %d: %s", o.code, o.problems)
	}
	broken := weirtest.Files(t, map[string]string{"flow.yaml": testFlow + "tests: {a/x: [{verify: {collection: a/d, documents: []}}]}"})
	if o := weir(t, "", "test", broken); o.code != exitInvalid || !strings.Contains(o.problems, "there is no collection a/d") {
		t.Errorf("broken: exit code %d: %s", o.code, o.problems)
	}
	failing := weirtest.Files(t, map[string]string{"flow.yaml": testFlow + "tests:" + goodTest + badTest})
	o := weir(t, "", "test", failing)
	if o.code != exitFailed || !strings.HasPrefix(o.problems, "weir: 1 of 2 tests failed [tests-failed]\n  do: ") {
		t.Errorf("failing: exit code %d: %s", o.code, o.problems)
	}
	for _, want := range []string{"FAIL  a/bad (", "flow.yaml:15: step 2, verify a/b\n", "- /n: 2\n", "+ /n: 1\n", "ok    a/good (", "1 passed, 1 failed in ", "1 of 1 transform ran, on 2 documents\n"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("failing: no %q in\n%s", want, o.out)
		}
	}
	if got := succeed(t, "", "test", failing, "--filter", "^a/g"); strings.Contains(got, "a/bad") || !strings.Contains(got, "1 passed, 0 failed") || strings.Contains(got, "transform") {
		t.Errorf("--filter: %s", got)
	}
}

// What machines read has the same outcomes, and nothing else is printed.
func TestTestOutput(t *testing.T) {
	isolate(t)
	failing := weirtest.Files(t, map[string]string{"flow.yaml": testFlow + "tests:" + goodTest + badTest})
	var report catalogtest.Report
	o := weir(t, "", "test", failing, "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &report); err != nil || o.code != exitFailed {
		t.Fatalf("exit code %d, %v: %s", o.code, err, o.out)
	}
	if report.Passed != 1 || report.Failed != 1 || report.Tests[0].Failures[0].Differences[0].Pointer != "/n" || report.Coverage[0].Documents != 2 {
		t.Errorf("%s", o.out)
	}
	var suites struct {
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	o = weir(t, "", "test", failing, "-o", "junit")
	if err := xml.Unmarshal([]byte(o.out), &suites); err != nil || o.code != exitFailed || suites.Failures != 1 || len(suites.Suites[0].Cases) != 2 || suites.Suites[0].Cases[0].Failure == nil {
		t.Errorf("exit code %d, %v: %s", o.code, err, o.out)
	}
}

// --update rewrites what failing steps expect, in the catalog and in fixture
// files, and leaves what passes alone.
func TestTestUpdate(t *testing.T) {
	isolate(t)
	const shared = `
  a/file:
    - ingest: {collection: a/b, documents: [{id: x, n: 1}, {id: y, n: 2}]}
    - verify: {collection: a/c, documents: want.json}
  a/shared:
    - ingest: {collection: a/b, documents: both.yaml}
    - ingest: {collection: a/b, documents: [{id: z}]}
    - verify: {collection: a/b, documents: both.yaml}
`
	dir := weirtest.Files(t, map[string]string{
		"flow.yaml": testFlow + "tests:" + goodTest + badTest + shared,
		"want.json": "[\n  {\"n\": 7, \"id\": \"x\"}\n]\n",
		"both.yaml": "- id: x  # of both\n",
	})
	o := weir(t, "", "test", dir, "--update")
	if o.code != exitFailed || !strings.HasPrefix(o.problems, "weir: 1 of 4 tests failed [tests-failed]\n  do: ") {
		t.Errorf("exit code %d: %s", o.code, o.problems)
	}
	for _, want := range []string{
		"NEW   a/bad (", "flow.yaml:15: rewritten: 1 changed, 0 added, 0 removed\n", "NEW   a/file (", "want.json:1: rewritten: 1 changed, 1 added, 0 removed\n",
		"FAIL  a/shared (", "both.yaml:1: not rewritten: other steps use these documents too", "1 passed, 1 failed, 2 updated in ",
	} {
		if !strings.Contains(o.out, want) {
			t.Errorf("no %q in\n%s", want, o.out)
		}
	}
	for name, want := range map[string]string{
		"flow.yaml": testFlow + "tests:" + goodTest + strings.Replace(badTest, "n: 2", "n: 1", 1) + shared,
		"want.json": "[\n  {\"n\": 1, \"id\": \"x\"},\n  {\"id\": \"y\", \"n\": 2}\n]\n",
		"both.yaml": "- id: x  # of both\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s, %v:\n%s", name, err, got)
		}
	}
	succeed(t, "", "test", dir, "--filter", "a/(bad|file|good)")
}

// --watch runs again what a change affects, shows a change that breaks the
// catalog, and goes on.
func TestTestWatch(t *testing.T) {
	isolate(t)
	const other = `
  a/other:
    - verify: {collection: a/b, documents: []}
`
	dir := weirtest.Files(t, map[string]string{"flow.yaml": testFlow + "tests:" + other + badTest})
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, "test", dir, "--watch")
	first := r.await(t, "Ctrl-C ends")
	for _, want := range []string{"FAIL  a/bad (", "ok    a/other (", "1 passed, 1 failed in "} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	write("tests: [")
	r.await(t, "no YAML")
	write(testFlow + "tests:" + other + strings.Replace(badTest, "n: 2", "n: 1", 1))
	r.await(t, "1 passed, 0 failed in ")
	all := r.await(t, "ok    a/bad (")
	if strings.Count(all, "ok    a/other (") != 1 {
		t.Errorf("the test that nothing changed for ran again:\n%s", all)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
