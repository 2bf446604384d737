package main

import (
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/weirtest"
)

const placesFlow = `
collections:
  acmeCo/a:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}
  acmeCo/b:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
captures:
  acmeCo/files:
    endpoint: {files: {url: incoming}}
    bindings: [{resource: {match: "*.jsonl"}, target: acmeCo/a}]
  acmeCo/hooks:
    endpoint: {http: {listen: "127.0.0.1:0", tokens: [0123456789abcdef], tls: {certificate: cert.pem, key: key.pem}}}
    bindings: [{resource: {path: /b}, target: acmeCo/b}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: shop.db}}
    bindings: [{source: acmeCo/a, resource: {table: a}, fields: {recommended: true}}]
  acmeCo/out:
    endpoint: {files: {url: outgoing}}
    bindings: [{source: acmeCo/a, resource: {path: a, format: jsonl}}]
  acmeCo/stream:
    endpoint: {nats: {url: "nats://127.0.0.1:1", credentialsFile: user.creds}}
    bindings: [{source: acmeCo/a, resource: {subject: "a.{id}"}}]
  acmeCo/hook:
    endpoint: {webhook: {url: "http://127.0.0.1:1/", headers: {Authorization: "${file:token}"}}}
    bindings: [{source: acmeCo/a, resource: {}}]
`

// Without the workers' data directory nobody looks for relative paths beside
// whoever plans: that is said, and all else is checked.
func TestRelativePaths(t *testing.T) {
	isolate(t)
	t.Setenv("NATS_URL", weirtest.Server(t).URL())
	dir := weirtest.Files(t, map[string]string{"flow.yaml": placesFlow, "token": "secret", "shop.db": "no database"})
	t.Chdir(dir)
	o := weir(t, "", "plan", dir)
	if o.code != 0 {
		t.Fatalf("exit code %d: %s", o.code, o.problems)
	}
	const asked = "at the endpoint: not asked: its path is relative to the worker's data directory (--data)"
	if n := strings.Count(o.out, asked); n != 5 || strings.Contains(o.out, "CREATE TABLE") {
		t.Errorf("%d of 5 endpoints are not asked:\n%s", n, o.out)
	}
	if want := "materialization acmeCo/hook: ${file:token} is not on this machine, so its endpoint is first checked by the worker that runs it; paths are relative to the worker's data directory (--data)\n"; !strings.Contains(o.problems, want) {
		t.Errorf("warnings: %s", o.problems)
	}
	edit(t, filepath.Join(dir, "flow.yaml"), "recommended: true", "recommended: true, require: {nothing: {}}")
	if o = weir(t, "", "plan", dir); o.code != exitInvalid || !strings.Contains(o.problems, "nothing") || strings.Contains(o.problems, "its path is relative") {
		t.Errorf("a field that is not there: exit code %d: %s", o.code, o.problems)
	}
	if o = weir(t, "", "plan", dir, "--data", dir); o.code != exitInvalid || !strings.Contains(o.problems, "shop.db") {
		t.Errorf("with the directory: exit code %d: %s", o.code, o.problems)
	}
}
