package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"weir/internal/weirtest"
)

// TestTutorial does what docs/tutorial.md says.
func TestTutorial(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Dir(weirBinary(t))
	weirtest.RunPage(t, "../../docs/tutorial.md", weirtest.PageOptions{
		Dir:      dir,
		Patience: time.Minute,
		Environment: []string{
			"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir,
			"XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"),
		},
		Started: map[string]string{"weir dev": "--port 0 --http 127.0.0.1:0"},
	})
}
