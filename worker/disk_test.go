package worker_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"weir/internal/weirtest"
	"weir/worker"
)

// TestRegistersOnDisk counts documents by their ids in far more registers than
// memory may hold, through three starts of the worker and flushes of many
// slices: each id was counted as often as it came, and nothing is left behind.
func TestRegistersOnDisk(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	files := counted(true)
	files["flow.yaml"] = strings.Replace(files["flow.yaml"], "key: [/n]", "key: [/id]", 1)
	c := weirtest.Publish(t, conn, weirtest.Files(t, files))
	const ids = 3000
	var slices atomic.Int64
	want := map[string]string{}
	for round := range 3 {
		dir := t.TempDir()
		o := weirtest.Options(t, conn, dir)
		o.Limits.Registers = 8 << 10
		o.Cut = func(task, point string) error {
			if task == "acmeCo/out" && point == "flush.between" {
				slices.Add(1)
			}
			return nil
		}
		w, stop := weirtest.Run(t, o)
		documents := make([]string, ids)
		for i := range documents {
			documents[i] = fmt.Sprintf(`{"id":"%d"}`, i)
			want[fmt.Sprintf(`["%d"]`, i)] = fmt.Sprintf(`{"id":"%d","nth":%d}`, i, round+1)
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], documents...)
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
		stop()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("round %d: left behind: %v, %v", round, left, err)
		}
	}
	weirtest.Same(t, "derived", weirtest.Reduced(t, conn, c.Collections["acmeCo/out"]), want)
	if slices.Load() == 0 {
		t.Error("no flush took more than one slice")
	}
}

// TestRegisterDirectoryGone gives a worker no directory for registers: the task
// says what is the matter, blames no document, and tries on.
func TestRegisterDirectoryGone(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, counted(true)))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Limits.Registers, o.TempDir = 1, o.DataDir+"/file"
	if err := os.WriteFile(o.TempDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w, stop := weirtest.Run(t, o)
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":1}`, `{"id":"b","n":1}`)
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateRetrying)
	if s.Why.Code != "disk" || s.Why.Seq != 0 || s.Why.Fix == "" || !strings.Contains(s.Why.Message, "registers on disk: ") {
		t.Errorf("status: %+v", s.Why)
	}
	stop()
	o.TempDir = o.DataDir
	w, _ = weirtest.Run(t, o)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	if got, want := texts(weirtest.Documents(t, conn, "acmeCo/out")), `{"id":"a","nth":1} {"id":"b","nth":2}`; got != want {
		t.Errorf("derived %s, want %s", got, want)
	}
}
