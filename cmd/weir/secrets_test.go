package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/weirtest"
)

func TestSecretFlags(t *testing.T) {
	data := t.TempDir()
	up, err := (&secretFlags{}).store(ownSecrets(data))
	if err != nil || up.Confined || up.Env != nil || up.Dir != data {
		t.Errorf("up: %+v, %v", up, err)
	}
	serve, err := (&secretFlags{env: []string{"SHOP_*"}}).store(othersSecrets(data))
	if err != nil || !serve.Confined || serve.Dir != filepath.Join(data, "secrets") || len(serve.Env) != 1 {
		t.Errorf("serve: %+v, %v", serve, err)
	}
	other := t.TempDir()
	told, err := (&secretFlags{dir: other}).store(ownSecrets(data))
	if err != nil || !told.Confined || told.Dir != other {
		t.Errorf("with --secrets-dir: %+v, %v", told, err)
	}
	for flag, value := range map[string]string{"--secrets-dir": filepath.Join(data, "none"), "--secrets-env": ","} {
		if o := weir(t, "", "serve", flag, value, "--data", data); o.code != exitInvalid || !strings.Contains(o.problems, flag) {
			t.Errorf("%s %s: %+v", flag, value, o)
		}
	}
}

const named = counts + `
materializations:
  a/db:
    endpoint: {sqlite: {path: "${file:path}"}}
    bindings: [{source: a/counts, resource: {table: counts}}]
`

// A secret that is not where the catalog is published is left to the worker:
// publishing warns, the worker reads its own file, and the record names it.
func TestSecretsAreTheWorkers(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	dir := weirtest.Files(t, map[string]string{"flow.yaml": named})
	o := weir(t, "", "publish", dir, "--nats", url, "--data", t.TempDir())
	if o.code != 0 || !strings.Contains(o.problems, "materialization a/db: ${file:path} is not on this machine, so its endpoint is first checked by the worker that runs it") {
		t.Fatalf("publish: %+v", o)
	}
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "secrets", "path"), []byte("canary-4711.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := start(t, "serve", "--nats", url, "--data", data, "--http", "off")
	serve.await(t, "ready")
	all := succeed(t, "", "status", "-o", "json", "--nats", url)
	if !strings.Contains(all, `"running"`) || strings.Contains(all, `"failed"`) {
		t.Errorf("status: %s", all)
	}
	if _, err := os.Stat(filepath.Join(data, "canary-4711.db")); err != nil {
		t.Error(err)
	}
	serve.stop(t)
	if said := serve.out.String() + serve.problems.String() + all + succeed(t, "", "logs", "--nats", url); strings.Contains(said, "canary-4711") {
		t.Errorf("the secret was told:\n%s", said)
	}
}
