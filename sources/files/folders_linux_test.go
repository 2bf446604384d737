package files

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// asNobody takes away what root may with files, of this goroutine alone and
// until what it gives is called.
func asNobody(t *testing.T) (back func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err) // the thread ends with the goroutine
			return
		}
		runtime.UnlockOSThread()
	}
}

// A folder that may not be read is gone into only where something in it can
// match, and does not keep the others from being read.
func TestFoldersThatMayNotBeRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "lost+found/a.jsonl", "{\"id\":0}\n")
	write(t, dir, "in/a.jsonl", "{\"id\":1}\n")
	if err := os.Chmod(filepath.Join(dir, "lost+found"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // nobody has to get there
		t.Fatal(err)
	}
	defer asNobody(t)()
	if _, err := os.ReadDir(filepath.Join(dir, "lost+found")); err == nil {
		t.Fatal("the folder may be read")
	}
	for match, warnings := range map[string]int{"in/*": 0, "i*/*": 0, "**/*.jsonl": 1} {
		logs, seen := observer.New(zap.WarnLevel)
		c := newCapture(t, dir, `{"match":"`+match+`"}`, anyObject, "/id")
		c.request.Log = zap.New(logs)
		c.want(`{"id":1}`)
		if seen.Len() != warnings {
			t.Errorf("%s: %v", match, seen.All())
		}
	}
}
