package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/golden"
	"weir/internal/weirtest"
)

// failures runs command lines and compares what they print to standard error,
// and their exit codes, with a golden file. hidden are texts that change from
// run to run, with what stands for them.
func failures(t *testing.T, file string, lines []string, hidden ...string) {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		o := weir(t, "", strings.Fields(line)...)
		if o.code == 0 || o.out != "" {
			t.Errorf("weir %s: exit code %d, and printed %.200q", line, o.code, o.out)
		}
		fmt.Fprintf(&b, "$ weir %s\n%sexit code %d\n\n", line, o.problems, o.code)
	}
	wd, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.NewReplacer(append(hidden, wd, "HERE")...).Replace(b.String())
	golden.Compare(t, filepath.Join("testdata", file), got)
}

// A command line or a catalog that is wrong ends with code 2 and says what would
// be right, before anything is connected to or made.
func TestFailsBeforeConnecting(t *testing.T) {
	isolate(t)
	failures(t, "failures.golden", []string{
		"upp",
		"frobnicate",
		"up",
		"up a b",
		"up --prot 1 a",
		"up --frob a",
		"up a --port x",
		"up a --port -5",
		"up a --port 65536",
		"up a --port 1 --nats nats://x",
		"up testdata/none",
		"up ../../examples/ordres",
		"publish",
		"publish testdata/none",
		"publish testdata/faults",
		"publish testdata/faults -o json",
		"publish testdata/faults -o yaml",
		"publish testdata/syntax.yaml",
		"publish testdata",
		"publish ../../examples/orders -o y",
		"plan testdata/faults",
		"lint testdata/faults -o json",
		"test",
		"test testdata/none",
		"test testdata/faults",
		"test testdata/untested.yaml",
		"test a -o yaml",
		"test a --watch -o json",
		"test a --watch --update",
		"test a --filter (",
		"test ../../examples/orders --filter x",
		"ingest",
		"read",
		"read a/b --reduce --follow",
		"read a/b -o table --follow",
		"read a/b -n -1",
		"read a/b --from yesterday",
		"read a/b --partition EU",
		"status a/b",
		"status -o text",
		"plan",
		"history a b",
		"revert",
		"list things",
		"describe",
		"pause",
		"resume",
		"delete",
		"wait --for ever",
		"wait --for document",
		"init",
		"dev testdata/none",
		"serve a b",
		"serve --http-key k",
		"serve --role boss",
		"fields",
		"fields a -o text",
		"fields testdata/none",
		"fields ../../examples/orders acmeCo/none",
		"schema x",
		"schema --history",
		"version x",
		"logs a b",
		"logs --last -1",
		"quarantine drop",
		"quarantine drop x",
		"quarantine retry 1 --all",
		"quarantine edit 1 --set a --file b",
		"quarantine edit 1 --set amount",
		"tap",
		"discover testdata/none",
		"discover testdata/untested.yaml",
	})
}

// A server that is not there is the environment's fault.
func TestFailsWithoutServer(t *testing.T) {
	isolate(t)
	failures(t, "failures-server.golden", []string{
		"status",
		"status --nats nats://127.0.0.1:1",
		"status --nats nats://me:hush@127.0.0.1:1 -o json",
		"status --context nobody",
		"publish ../../examples/orders --nats nats://127.0.0.1:1",
	})
}

// A port or a directory that another program has, a server that asks for a
// password, and a document that is none.
func TestFailsOnSurroundings(t *testing.T) {
	isolate(t)
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listening.Close() }()
	_, port, _ := net.SplitHostPort(listening.Addr().String())
	data := t.TempDir()
	blocked := filepath.Join(data, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	url := weirtest.Server(t).URL()
	failures(t, "failures-surroundings.golden", []string{
		"up ../../examples/orders --data " + data + " --port " + port,
		"up ../../examples/orders --data " + blocked + " --port 0",
		"serve --nats " + url + " --data " + data + " --http 127.0.0.1:" + port,
		"serve --nats " + url + " --data " + data + " --http 4280",
		"serve --nats " + url + " --data " + data + " --secrets-dir " + blocked,
		"generate testdata/faults",
		"discover testdata/endpoint.yaml --data " + data,
		"publish testdata/module.yaml --nats " + url,
		"publish testdata/endpoint-unknown.yaml --nats " + url,
	}, data, "DATA", port, "PORT", url, "nats://HOST")
	succeed(t, "", "publish", "../../examples/orders", "--nats", url, "--data", data)
	for documents, want := range map[string]string{
		"{\"id\": \n":            "weir: line 1: collection acmeCo/orders: invalid document: json: JSON line 1, column 7 ",
		"\n{\"id\":\"ord-1\"}\n": "weir: line 2: collection acmeCo/orders: invalid document: required: missing properties: ",
	} {
		o := weir(t, documents, "ingest", "acmeCo/orders", "--nats", url)
		if o.code != exitFailed || !strings.Contains(o.problems, want) || !strings.HasSuffix(o.problems, " [invalid-document]\n  do: correct that line, and give it and those behind it again; those before it are stored\n") {
			t.Errorf("%q: exit code %d: %s", documents, o.code, o.problems)
		}
	}
}

// What is asked of what is not published says what is.
func TestFailsOnNames(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	t.Setenv("NATS_URL", url)
	failures(t, "failures-empty.golden", []string{
		"describe acmeCo/orders",
		"read acmeCo/orders",
		"ingest acmeCo/orders",
		"history 2026",
		"revert 2026",
		"delete acmeCo/orders --yes",
		"quarantine show 7",
		"pause acmeCo/orders",
		"wait acmeCo/orders --for running",
	}, url, "nats://HOST")
	succeed(t, "", "publish", "../../examples/orders")
	failures(t, "failures-names.golden", []string{
		"describe acmeCo/ordesr",
		"describe acmeCo/ordesr -o json",
		"read acmeCo/ordesr",
		"history 2001",
		"delete acmeCo/orders --yes",
		"plan ../../examples/orders/../../cmd/weir/testdata/untested.yaml --nats " + url,
		"quarantine show 7",
		"pause acmeCo/totls",
		"resume acmeCo/none",
		"delete acmeCo/orders",
		"tap acmeCo/none",
		"ingest acmeCo/none",
		"schema --inferred acmeCo/orders",
		"revert 2001",
	}, url, "nats://HOST")
}
