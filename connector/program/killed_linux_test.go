package program

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"weir/internal/weirtest"
)

func TestMain(m *testing.M) {
	weirtest.Main(m, map[string]func() int{"killed": runUntilKilled})
}

// runUntilKilled starts a program and waits for its own end.
func runUntilKilled() int {
	p, err := Start(Command{Args: []string{"sh", "-c", "exec 3>" + os.Getenv("WEIR_TEST_FIFO") + "; echo up >&3; exec sleep 1000"}})
	if err != nil {
		return 1
	}
	_, _ = p.Receive(context.Background())
	return 0
}

// TestKilled kills the process that started a program: the program, which
// holds one end of a named pipe, ends too. Only Linux does that.
func TestKilled(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	child := weirtest.StartChild(t, "killed", "WEIR_TEST_FIFO="+fifo)
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	up := make([]byte, 3)
	if _, err := io.ReadFull(f, up); err != nil {
		t.Fatal(err)
	}
	child.Kill()
	if rest, err := io.ReadAll(f); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}
