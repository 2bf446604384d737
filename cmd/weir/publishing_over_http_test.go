package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"weir/internal/pgtest"
	"weir/internal/weirtest"
)

// TestPublishingOverHTTP does what docs/publishing-over-http.md says.
func TestPublishingOverHTTP(t *testing.T) {
	for _, tool := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if pgtest.NoSkip() {
				t.Fatal(err)
			}
			t.Skipf("%v: install it, as .ci/setup does", err)
		}
	}
	dir := t.TempDir()
	const token = "a-token-that-only-this-test-knows"
	tokenFile := filepath.Join(weirtest.Files(t, map[string]string{"token": token + "\n"}), "token")
	weirtest.RunPage(t, "../../docs/publishing-over-http.md", weirtest.PageOptions{
		Dir:      dir,
		Patience: time.Minute,
		Environment: []string{
			"PATH=" + filepath.Dir(weirBinary(t)) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir,
			"NATS_URL=" + weirtest.Server(t).URL(), "WEIR_TOKEN=" + token,
			"XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"),
		},
		Started: map[string]string{"weir serve": "--http 127.0.0.1:0 --http-token-file " + tokenFile},
	})
}
