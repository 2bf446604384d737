package main

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/catalog/lint"
	"weir/internal/weirtest"
)

// weir lint warns and succeeds; with --strict it fails.
func TestLint(t *testing.T) {
	isolate(t)
	if got := succeed(t, "", "lint", "../../examples/orders", "--strict"); got != "no warnings\n" {
		t.Errorf("examples/orders: %s", got)
	}
	dir := weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  a/b:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: [string, integer]}, n: {type: integer, reduce: {strategy: sum}}}}
materializations:
  a/c: {endpoint: {sqlite: {path: x.db}}, bindings: [{source: a/b, resource: {table: x, deltaUpdates: true}}]}
`})
	got := succeed(t, "", "lint", dir)
	for _, want := range []string{
		"flow.yaml:4: key-several-types: a/b: /id is part of the key and may be integer and string\n    why: ", "\n    do:  settle on one type",
		"flow.yaml:7: adds-into-deltas: a/c: ", "\n2 warnings\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "adds-at-least-once") {
		t.Errorf("sqlite is exactly once:\n%s", got)
	}
	o := weir(t, "", "lint", dir, "--strict", "-o", "json")
	var warnings []lint.Warning
	if err := json.Unmarshal([]byte(o.out), &warnings); err != nil || len(warnings) != 2 || warnings[0].Line != 4 || warnings[0].Why == "" {
		t.Errorf("%v: %s", err, o.out)
	}
	if o.code != exitFailed || !strings.HasPrefix(o.problems, `{"error":{"code":"warnings","message":"2 warnings, and --strict allows none",`) {
		t.Errorf("--strict: exit code %d: %s", o.code, o.problems)
	}
	if got := succeed(t, "", "lint", "../../examples/orders", "-o", "json"); got != "[]\n" {
		t.Errorf("no warnings as JSON: %s", got)
	}
}

// A sum that goes to NATS is warned of only where it may be added twice.
func TestLintOfNATS(t *testing.T) {
	isolate(t)
	for bindings, want := range map[string]bool{
		`{source: a/b, resource: {stream: S, subject: "b.{id}"}}`:                                                                         false, // the stream may allow exactly once
		`{source: a/b, resource: {stream: S, subject: "b.{id}", create: {}}}`:                                                             false,
		`{source: a/b, resource: {bucket: b, key: "{id}", create: {maxBytes: 1000}}}`:                                                     false,
		`{source: a/b, resource: {stream: S, subject: "b.{id}", create: {maxBytes: 1000}}}`:                                               true,
		`{source: a/b, resource: {subject: "b.{id}"}}`:                                                                                    true,
		`{source: a/b, resource: {stream: S, subject: "b.{id}"}}, {source: a/b, resource: {stream: T, subject: "c.{id}"}}`:                true,
		`{source: a/b, resource: {stream: S, subject: "b.{id}"}}, {source: a/b, disable: true, resource: {stream: T, subject: "c.{id}"}}`: false,
	} {
		dir := weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  a/b:
    key: [/id]
    schema: {type: object, required: [id], reduce: {strategy: merge}, properties: {id: {type: string}, n: {type: integer, reduce: {strategy: sum}}}}
materializations:
  a/c: {endpoint: {nats: {url: "nats://127.0.0.1"}}, bindings: [` + bindings + `]}
`})
		got := succeed(t, "", "lint", dir)
		if strings.Contains(got, "adds-at-least-once: a/c: /n of a/b is reduced by sum, and nats is at least once") != want {
			t.Errorf("%s: warned is not %t:\n%s", bindings, want, got)
		}
	}
}

// publish says what lint would only when it is asked to say more.
func TestPublishWarns(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	dir := weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  a/b: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: [string, integer]}}}}
`})
	if o := weir(t, "", "publish", dir, "--nats", url); o.code != 0 || o.problems != "" {
		t.Errorf("exit code %d: %s", o.code, o.problems)
	}
	if o := weir(t, "", "publish", dir, "--nats", url, "-v"); o.code != 0 || !strings.Contains(o.problems, "flow.yaml:3: key-several-types: a/b: ") {
		t.Errorf("-v: exit code %d: %s", o.code, o.problems)
	}
}
