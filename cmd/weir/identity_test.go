package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/controlplane"
	"weir/internal/weirtest"
)

// A catalog is the same one however its path is written.
func TestPathIdentity(t *testing.T) {
	real, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"shop", "both", "mounted", "mounted/..7"} {
		if err := os.MkdirAll(filepath.Join(real, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"shop/flow.yaml", "shop/other.yaml", "both/flow.yaml", "both/flow.json", "mounted/..7/flow.yaml"} {
		if err := os.WriteFile(filepath.Join(real, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"current": "shop", "mounted/flow.yaml": "..7/flow.yaml"} {
		if err := os.Symlink(to, filepath.Join(real, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(real)
	for path, want := range map[string]string{
		"shop": "shop", "shop/": "shop", "./shop/flow.yaml": "shop", "current": "shop", "current/flow.yaml": "shop",
		"shop/other.yaml": "shop/other.yaml", "current/other.yaml": "shop/other.yaml",
		"both/flow.yaml": "both/flow.yaml", "both/flow.json": "both/flow.json",
		"mounted": "mounted", "mounted/flow.yaml": "mounted",
		"gone": "gone", "gone/too": "gone/too",
	} {
		if got, err := pathIdentity(path); err != nil || got != filepath.Join(real, want) {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
}

// A catalog with a name is the same one from any directory, and another one than
// that of its path.
func TestCatalogName(t *testing.T) {
	isolate(t)
	t.Setenv("NATS_URL", weirtest.Server(t).URL())
	first := weirtest.Files(t, map[string]string{"flow.yaml": counts + copies})
	second := weirtest.Files(t, map[string]string{"flow.yaml": counts})
	succeed(t, "", "publish", first, "--catalog", "acmeCo/shop")
	if got := succeed(t, "", "plan", filepath.Join(first, "flow.yaml"), "--catalog", "acmeCo/shop"); !strings.HasPrefix(got, "nothing to publish") {
		t.Errorf("the same: %s", got)
	}
	if got := succeed(t, "", "publish", second, "--catalog", "acmeCo/shop", "--yes"); !strings.HasPrefix(got, "removed    a/copies\nunchanged  a/counts\n") {
		t.Errorf("from another directory: %s", got)
	}
	if got := succeed(t, "", "plan", second); !strings.Contains(got, "it belongs to this catalog from now on; it was published from acmeCo/shop") {
		t.Errorf("without the name: %s", got)
	}
	succeed(t, "", "publish", second)
	for of, want := range map[string]int{"acmeCo/shop": 3, filepath.Join(second, "flow.yaml"): 1, first: 0} {
		var all []controlplane.PublicationInfo
		if err := json.Unmarshal([]byte(succeed(t, "", "history", "--catalog", of, "-o", "json")), &all); err != nil || len(all) != want {
			t.Errorf("history of %s: %+v, %v", of, all, err)
		}
	}
	for _, command := range []string{"publish", "plan", "up"} {
		o := weir(t, "", command, second, "--catalog", "/shop")
		if o.code != exitInvalid || o.problems != "weir: --catalog /shop is no name [usage]\n  do: use letters, numbers, -, _ and . in parts separated by /, as in shop or acmeCo/shop\n" {
			t.Errorf("%s with a path for a name: exit code %d: %s", command, o.code, o.problems)
		}
	}
}

// On a server that others publish to, nothing is removed that nobody agreed to.
func TestRemovalsAreAsked(t *testing.T) {
	isolate(t)
	t.Setenv("NATS_URL", weirtest.Server(t).URL())
	at := []string{"--nats", os.Getenv("NATS_URL"), "--http", "off"}
	dir := weirtest.Files(t, map[string]string{"flow.yaml": counts})
	succeed(t, "", "publish", dir)
	writeFlow(t, dir, counts+copies)
	succeed(t, "", "publish", dir)
	var all []controlplane.PublicationInfo
	if err := json.Unmarshal([]byte(succeed(t, "", "history", "-o", "json")), &all); err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	const refused = "nothing was published, since that would remove collection a/copies, which "
	if o := weir(t, "", "revert", all[1].ID); o.code != exitInvalid || !strings.Contains(o.problems, refused+dir+" had until now [usage]\n  do: say --yes to have that stop\n") {
		t.Errorf("revert: exit code %d: %s", o.code, o.problems)
	}
	writeFlow(t, dir, counts)
	if o := weir(t, "", append([]string{"up", dir}, at...)...); o.code != exitInvalid || !strings.Contains(o.problems, refused) || !strings.Contains(o.problems, "say --yes to have that stop, or --catalog NAME") {
		t.Errorf("up: exit code %d: %s", o.code, o.problems)
	}
	dev := start(t, append([]string{"dev", dir}, at...)...)
	if got := dev.await(t, "mend it"); !strings.Contains(got, "not published: "+refused+dir+" had until now\n  do: begin again with --yes to have that stop, or --catalog NAME") {
		t.Errorf("dev: %s", got)
	}
	dev.stop(t)
	if got := succeed(t, "", "list", "-o", "name"); got != "a/copies\na/counts\n" {
		t.Errorf("published: %s", got)
	}
	up := start(t, append([]string{"up", dir, "--yes"}, at...)...)
	up.await(t, "ready ")
	if got := succeed(t, "", "list", "-o", "name"); got != "a/counts\n" {
		t.Errorf("published by up --yes: %s", got)
	}
}
