package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/weirtest"
)

// longer than any step of a test takes: what waits for it has failed.
const patience = weirtest.Patience

func shell(t *testing.T, script string, more ...func(*Command)) *Program {
	t.Helper()
	c := Command{Args: []string{"sh", "-c", script}, Dir: t.TempDir(), Grace: patience}
	for _, change := range more {
		change(&c)
	}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// lines receives to the end.
func received(t *testing.T, p *Program) (lines []string, end error) {
	t.Helper()
	for {
		line, err := p.Receive(t.Context())
		if err != nil {
			return lines, err
		}
		lines = append(lines, string(line))
	}
}

// A program that has ended long ago is not asked to end: another one may have
// its number.
func TestStopOfOneThatEnded(t *testing.T) {
	p, other := shell(t, "exit 0"), shell(t, "read line; echo $line")
	if _, err := received(t, p); err != io.EOF {
		t.Fatal(err)
	}
	p.process = other.process
	p.Stop()
	if err := other.Send(t.Context(), []byte("here\n"), nil); err != nil {
		t.Fatal(err)
	}
	if lines, err := received(t, other); err != io.EOF || len(lines) != 1 {
		t.Errorf("another program was ended: %q, %v", lines, err)
	}
}

func TestReceive(t *testing.T) {
	lines, end := received(t, shell(t, `printf 'one\n\n  two \r\nthree'; printf '\n'; printf four`))
	if want := []string{"one", "two", "three", "four"}; !slices.Equal(lines, want) || end != io.EOF {
		t.Errorf("%q, %v", lines, end)
	}
	p := shell(t, "sleep 1000")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Receive(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	p.Stop()
	if _, err := p.Receive(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("a stopped program: %v", err)
	}
	p.Stop()
}

// TestBothWays sends more than pipes hold to a program that sends all of it
// back.
func TestBothWays(t *testing.T) {
	p := shell(t, "exec cat")
	line := strings.Repeat("x", 1000)
	const n = 5000
	got := 0
	count := func(text []byte) error {
		if string(text) != line {
			return fmt.Errorf("%d bytes", len(text))
		}
		got++
		return nil
	}
	if err := p.Send(t.Context(), []byte(strings.Repeat(line+"\n", n)), count); err != nil {
		t.Fatal(err)
	}
	for got < n {
		text, err := p.Receive(t.Context())
		if err == nil {
			err = count(text)
		}
		if err != nil {
			t.Fatalf("after %d lines: %v", got, err)
		}
	}
	p.CloseInput()
	if _, err := p.Receive(t.Context()); err != io.EOF {
		t.Errorf("its end: %v", err)
	}
}

func TestLongLines(t *testing.T) {
	p := shell(t, `head -c 5000000 /dev/zero | tr '\0' x; echo; echo short`)
	lines, _ := received(t, p)
	if len(lines) != 2 || len(lines[0]) != 5000000 || lines[1] != "short" {
		t.Errorf("%d lines", len(lines))
	}
	_, err := received(t, shell(t, fmt.Sprintf(`head -c %d /dev/zero | tr '\0' x`, MaxMessage+1)))
	if err == nil || !strings.Contains(err.Error(), "it wrote a line of more than 67108864 bytes") {
		t.Errorf("too long a line: %v", err)
	}
}

// TestDeaf: a program that does not read what it is told ends the Send.
func TestDeaf(t *testing.T) {
	big := bytes.Repeat([]byte("x\n"), 1<<20)
	p := shell(t, "exec 0<&-; echo deaf >&2; exit 7")
	if err := p.Send(t.Context(), big, nil); err == nil || err.Error() != "the connector ended with exit status 7: deaf" {
		t.Errorf("one that ended: %v", err)
	}
	p = shell(t, "sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Send(ctx, big, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that hangs: %v", err)
	}
}

// TestEnvironment: a program sees nothing of this process's environment but
// where things are.
func TestEnvironment(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "canary")
	t.Setenv("LANG", "C")
	lines, _ := received(t, shell(t, "exec env", func(c *Command) { c.Env = map[string]string{"MINE": "1", "LOG_LEVEL": "debug"} }))
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	for _, name := range []string{"FLOW_RUNTIME_CODEC=json", "LOG_FORMAT=json", "LOG_LEVEL=debug", "MINE=1", "LANG=C"} {
		if !slices.Contains(lines, name) {
			t.Errorf("%s is not among %q", name, lines)
		}
	}
	allowed := []string{"PATH", "HOME", "TMPDIR", "LANG", "FLOW_RUNTIME_CODEC", "LOG_FORMAT", "LOG_LEVEL", "MINE", "PWD", "OLDPWD", "SHLVL", "_"} // the last four are the shell's
	for _, name := range names {
		if !slices.Contains(allowed, name) {
			t.Errorf("the program sees %s", name)
		}
	}
}

// TestGroup: what a program started ends with it, whether it is stopped or has
// ended itself. Each would otherwise hold standard error open for longer than
// this test has patience.
func TestGroup(t *testing.T) {
	p := shell(t, "sleep 1000 & echo started; wait")
	if _, err := p.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.Stop()
	if time.Since(began) >= patience {
		t.Error("a stopped program leaves something behind")
	}
	began = time.Now()
	if _, err := received(t, shell(t, "sleep 1000 &")); err != io.EOF || time.Since(began) >= patience {
		t.Errorf("a program that ended leaves something behind: %v", err)
	}
	p = shell(t, "trap '' TERM; echo started; while :; do sleep 1000; done", func(c *Command) { c.Grace = time.Millisecond })
	if _, err := p.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Stop() // returns, though it is not to be asked
}
