package weirtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PageOptions say how the commands of a page are run.
type PageOptions struct {
	Dir         string            // where the reader stands
	Environment []string          // NAME=value, beside PATH
	Started     map[string]string // what is appended to commands that go on running, by their beginnings: ports of the test's own
	Patience    time.Duration     // for each command and what it should print
}

// RunPage runs the commands of a Markdown page in their order, as its reader
// would, and compares what they print with what the page shows. A comment
// before a block says what is special about it:
//
//	```sh                      commands that succeed
//	<!-- fails: 2 --> ```sh    commands of which the last ends with this code
//	<!-- background --> ```sh  one that goes on running until the page ends
//	<!-- until --> ```sh       commands run again until they print what follows
//	<!-- file: a/b.js --> ```  what the reader writes to this file
//	<!-- not run --> ```sh     only shown
//	```text                    lines that the block before prints, in this order; "..." stands for anything
//
// Ports of 127.0.0.1 may differ from the page's.
func RunPage(t *testing.T, page string, o PageOptions) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{T: t, PageOptions: o, page: filepath.Base(page)}
	blocks := pageBlocks(string(text))
	if len(blocks) == 0 {
		t.Fatalf("%s has no blocks", page)
	}
	for i, b := range blocks {
		var want string
		if i+1 < len(blocks) && blocks[i+1].language == "text" {
			want = blocks[i+1].text
		}
		r.follow(b, want)
	}
}

// block is a fenced block of a page.
type block struct {
	line     int
	note     string // the comment before it
	language string
	text     string
}

// pageBlocks gives the fenced blocks that begin at a line's begin.
func pageBlocks(text string) (blocks []block) {
	var open *block
	note := ""
	for i, line := range strings.Split(text, "\n") {
		fence, found := strings.CutPrefix(line, "```")
		switch {
		case open != nil && found:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case found:
			open = &block{line: i + 1, note: note, language: fence}
			note = ""
		case strings.HasPrefix(line, "<!--"):
			note = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(line, "<!--"), "-->"))
		case strings.TrimSpace(line) != "":
			note = ""
		}
	}
	return blocks
}

// reader follows a page.
type reader struct {
	*testing.T
	PageOptions
	page string
	at   int // line of the block
}

func (r *reader) fail(format string, args ...any) {
	r.Helper()
	r.Fatalf("%s:%d: %s", r.page, r.at, fmt.Sprintf(format, args...))
}

func (r *reader) follow(b block, want string) {
	r.Helper()
	r.at = b.line
	name, value, _ := strings.Cut(b.note, ": ")
	switch {
	case name == "file":
		r.write(value, b.text)
	case b.language != "sh" || name == "not run":
	case name == "background":
		r.background(b.text, want)
	case name == "until":
		r.until(b.text, want)
	default:
		code := 0
		if name == "fails" {
			var err error
			if code, err = strconv.Atoi(value); err != nil {
				r.fail("fails: %v", err)
			}
		}
		r.run(b.text, code, want)
	}
}

func (r *reader) write(name, text string) {
	path := filepath.Join(r.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		r.fail("%v", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.fail("%v", err)
	}
}

// command makes a shell that is killed with all that it started.
func (r *reader) command(ctx context.Context, script string) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	c.Dir, c.Env = r.Dir, append([]string{"PATH=" + os.Getenv("PATH")}, r.Environment...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}

func (r *reader) once(script string) (out string, code int) {
	ctx, cancel := context.WithTimeout(r.Context(), r.Patience)
	defer cancel()
	c := r.command(ctx, script)
	text, err := c.CombinedOutput()
	if ctx.Err() != nil {
		r.fail("still runs after %v:\n%s\nit printed:\n%s", r.Patience, script, text)
	}
	if err != nil && c.ProcessState == nil {
		r.fail("%v", err)
	}
	return string(text), c.ProcessState.ExitCode()
}

func (r *reader) run(script string, code int, want string) {
	r.Helper()
	out, got := r.once(script)
	if got != code {
		r.fail("ends with %d, want %d:\n%s\nit printed:\n%s", got, code, script, out)
	}
	if !printed(out, want) {
		r.fail("%s\nprinted:\n%s\nwant:\n%s", script, out, want)
	}
}

func (r *reader) until(script, want string) {
	r.Helper()
	deadline := time.Now().Add(r.Patience)
	for {
		out, code := r.once(script)
		if code == 0 && printed(out, want) {
			return
		}
		if time.Now().After(deadline) {
			r.fail("%s\nstill prints (and ends with %d):\n%s\nwant:\n%s", script, code, out, want)
		}
	}
}

// background starts a command that goes on, and waits for what it prints. The
// server that it says it has is that of the commands behind it, and where its
// pages are is their WEIR_URL.
func (r *reader) background(script, want string) {
	r.Helper()
	script = strings.TrimSpace(script)
	for beginning, more := range r.Started {
		if strings.HasPrefix(script, beginning) {
			script += " " + more
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := r.command(ctx, "exec "+script)
	var out lockedBuffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		r.fail("%v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // it is killed
		close(ended)
	}()
	r.Cleanup(func() {
		cancel()
		<-ended
	})
	deadline := time.After(r.Patience)
	for !printed(out.String(), want) {
		select {
		case <-ended:
			r.fail("%s\nhas ended:\n%s\nwant:\n%s", script, out.String(), want)
		case <-deadline:
			r.fail("%s\nprinted:\n%s\nwant:\n%s", script, out.String(), want)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if ready := readyLine.FindStringSubmatch(out.String()); ready != nil {
		r.Environment = append(r.Environment, "NATS_URL="+ready[1])
	}
	if pages := pagesLine.FindStringSubmatch(out.String()); pages != nil {
		r.Environment = append(r.Environment, "WEIR_URL="+pages[1])
	}
}

var (
	readyLine = regexp.MustCompile(`(?m)^ready (\S+)`)
	pagesLine = regexp.MustCompile(`(?m)^pages (http://[^/\s]+)`)
	anyPort   = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// printed says whether the wanted lines are in what was printed, in their
// order. Blanks at the ends of lines and runs of blanks do not count.
func printed(out, want string) bool {
	lines := strings.Split(normal(out), "\n")
	for line := range strings.Lines(normal(want)) {
		line = strings.TrimSpace(line)
		if line == "" || line == "..." {
			continue
		}
		found := -1
		for i, have := range lines {
			if matches(have, line) {
				found = i
				break
			}
		}
		if found < 0 {
			return false
		}
		lines = lines[found+1:]
	}
	return true
}

func normal(text string) string {
	var b bytes.Buffer
	for line := range strings.Lines(anyPort.ReplaceAllString(text, "127.0.0.1:4222")) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// matches compares a line with one in which "..." stands for anything.
func matches(have, want string) bool {
	parts := strings.Split(want, "...")
	if len(parts) == 1 {
		return have == want
	}
	rest, ok := strings.CutPrefix(have, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		if !ok {
			return false
		}
		_, rest, ok = strings.Cut(rest, part)
	}
	return ok && strings.HasSuffix(rest, parts[len(parts)-1])
}
