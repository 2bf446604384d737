package weirtest

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childVariable names, in a child's environment, the function that it runs.
const childVariable = "WEIR_TEST_CHILD"

// Main is the TestMain of packages whose tests start children: a child runs
// its function instead of tests.
func Main(m *testing.M, children map[string]func() int) {
	if name, ok := os.LookupEnv(childVariable); ok {
		os.Exit(children[name]())
	}
	os.Exit(m.Run())
}

// Child is a process of the test's own binary.
type Child struct {
	cmd    *exec.Cmd
	output lockedBuffer
	done   chan struct{}
}

// StartChild starts the binary of this test as a child that runs the named
// function of Main. It is killed when the test ends.
func StartChild(t testing.TB, name string, environment ...string) *Child {
	t.Helper()
	c := &Child{cmd: exec.Command(os.Args[0], "-test.run=^$"), done: make(chan struct{})}
	c.cmd.Env = append(append(os.Environ(), childVariable+"="+name), environment...)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // how it ended, Ended tells
		close(c.done)
	}()
	t.Cleanup(c.Kill)
	return c
}

// Kill ends the child with SIGKILL and waits until it is gone.
func (c *Child) Kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL) // it may be gone already
	<-c.done
}

// Signal sends a signal.
func (c *Child) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// PID is the child's process number.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Ended waits for the child's end, and says whether it came in time.
func (c *Child) Ended(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

// Output is what the child has printed.
func (c *Child) Output() string { return c.output.String() }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
