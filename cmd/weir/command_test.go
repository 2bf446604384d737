package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/weirtest"
)

// isolate keeps the user's NATS servers, contexts and state out of a test.
func isolate(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "NATS_") {
			t.Setenv(name, "") // so that it is put back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
}

// withoutPages keeps commands that serve HTTP from doing so unless a test says
// where: several run at once, and only one of them gets the usual port.
func withoutPages(args []string) []string {
	if len(args) > 0 && (args[0] == "up" || args[0] == "serve") && !slices.Contains(args, "--http") {
		return append(slices.Clone(args), "--http", "off")
	}
	return args
}

// outcome is what a command line printed, and how it ended.
type outcome struct {
	out, problems string
	code          int
}

// weir runs a command line to its end.
func weir(t *testing.T, input string, args ...string) outcome {
	t.Helper()
	var out, problems bytes.Buffer
	c := root()
	c.SetArgs(withoutPages(args))
	c.SetIn(strings.NewReader(input))
	c.SetOut(&out)
	c.SetErr(&problems)
	code := execute(weirtest.Context(t), c)
	return outcome{out.String(), problems.String(), code}
}

// succeed runs a command line that must succeed, and gives what it printed.
func succeed(t *testing.T, input string, args ...string) string {
	t.Helper()
	o := weir(t, input, args...)
	if o.code != 0 {
		t.Fatalf("weir %s: exit code %d: %s", strings.Join(args, " "), o.code, o.problems)
	}
	return o.out
}

// running is a command line that goes on until it is stopped.
type running struct {
	out, problems output
	cancel        context.CancelFunc
	ended         chan int
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, ended: make(chan int, 1), out: output{wrote: make(chan struct{}, 1)}, problems: output{wrote: make(chan struct{}, 1)}}
	c := root()
	c.SetArgs(withoutPages(args))
	c.SetOut(&r.out)
	c.SetErr(&r.problems)
	go func() { r.ended <- execute(ctx, c) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop ends the command as Ctrl-C would, and gives its exit code.
func (r *running) stop(t *testing.T) int {
	t.Helper()
	r.cancel()
	select {
	case code := <-r.ended:
		r.ended <- code // for who stops it again
		return code
	case <-time.After(weirtest.Patience):
		t.Fatalf("the command does not end; it printed:\n%s%s", r.out.String(), r.problems.String())
		return -1
	}
}

// await waits until the command has printed a text, and gives all it printed.
func (r *running) await(t *testing.T, text string) string {
	t.Helper()
	return r.awaitTimes(t, text, 1)
}

// awaitTimes waits until the command has printed a text so many times.
func (r *running) awaitTimes(t *testing.T, text string, times int) string {
	t.Helper()
	patience := time.NewTimer(weirtest.Patience)
	defer patience.Stop()
	for {
		all := r.out.String()
		if at := strings.LastIndex(all, text); strings.Count(all, text) >= times && strings.Contains(all[at:], "\n") {
			return all
		}
		select {
		case <-r.out.wrote:
		case code := <-r.ended:
			r.ended <- code
			t.Fatalf("it ended with exit code %d before it printed %q: %s%s", code, text, r.out.String(), r.problems.String())
		case <-patience.C:
			t.Fatalf("it did not print %q: %s%s", text, all, r.problems.String())
		}
	}
}

// output is a buffer that says when something was written.
type output struct {
	wrote chan struct{}

	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.wrote <- struct{}{}:
	default: // somebody will look anyway
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Every command explains itself, and names its flags.
func TestHelp(t *testing.T) {
	all := succeed(t, "")
	if all != succeed(t, "", "--help") {
		t.Error("weir and weir --help differ")
	}
	for _, c := range root().Commands() {
		if !strings.Contains(all, "  "+c.Name()+" ") || !strings.Contains(all, c.Short) {
			t.Errorf("weir --help does not show %s", c.Name())
		}
		help := succeed(t, "", c.Name(), "--help")
		if !strings.Contains(help, "weir "+c.Use) || c.HasExample() && !strings.Contains(help, c.Example) {
			t.Errorf("weir %s --help:\n%s", c.Name(), help)
		}
		for line := range strings.Lines(help) {
			if len([]rune(line)) > 140 {
				t.Errorf("weir %s --help: a line of %d characters: %s", c.Name(), len(line), line)
			}
		}
	}
}

// A server that is not there is the environment's fault, and the message says
// which one was asked.
func TestNoServer(t *testing.T) {
	isolate(t)
	for _, args := range [][]string{
		{"status"}, {"read", "a/b"}, {"ingest", "a/b"}, {"serve"}, {"publish", "../../examples/orders"}, {"up", "../../examples/orders"},
	} {
		o := weir(t, "", append(args, "--nats", "nats://127.0.0.1:1")...)
		if o.code != exitEnvironment || !strings.Contains(o.problems, "nats://127.0.0.1:1: no server answers there") {
			t.Errorf("weir %s: exit code %d: %s", args[0], o.code, o.problems)
		}
	}
	o := weir(t, "", "status", "--context", "nobody")
	if o.code != exitEnvironment || !strings.Contains(o.problems, `unknown context "nobody"`) {
		t.Errorf("unknown context: exit code %d: %s", o.code, o.problems)
	}
	t.Setenv("NATS_URL", "nats://127.0.0.1:1")
	o = weir(t, "", "status")
	if o.code != exitEnvironment || !strings.Contains(o.problems, "nats://127.0.0.1:1: no server answers there") || !strings.Contains(o.problems, "No flag names the server") {
		t.Errorf("NATS_URL: exit code %d: %s", o.code, o.problems)
	}
}

// The server is found by flag, by variable, and by the file of a context.
func TestFindsServer(t *testing.T) {
	isolate(t)
	url := weirtest.Server(t).URL()
	const none = "no tasks: publish a catalog with `weir publish`, and run `weir serve`\n"
	if got := succeed(t, "", "status", "--nats", url); got != none {
		t.Errorf("--nats: %q", got)
	}
	file := filepath.Join(t.TempDir(), "mine.json")
	if err := os.WriteFile(file, []byte(`{"url":"`+url+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := succeed(t, "", "status", "--context", file); got != none {
		t.Errorf("--context: %q", got)
	}
	t.Setenv("NATS_URL", url)
	if got := succeed(t, "", "status", "-o", "json"); got != "[]\n" {
		t.Errorf("NATS_URL: %q", got)
	}
}

func TestSchemaAndVersion(t *testing.T) {
	var schema struct {
		Schema     string `json:"$schema"`
		Properties map[string]any
	}
	if err := json.Unmarshal([]byte(succeed(t, "", "schema")), &schema); err != nil || schema.Schema == "" || schema.Properties["collections"] == nil {
		t.Errorf("schema: %+v, %v", schema, err)
	}
	if got := succeed(t, "", "version"); !strings.HasPrefix(got, "weir dev (go") || !strings.Contains(got, "nats-server v2.") {
		t.Errorf("version: %q", got)
	}
}
