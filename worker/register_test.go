package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

// counted numbers each document by a register, or not at all.
func counted(withRegister bool) map[string]string {
	files := flow("stop", "export function fromIn({ doc, register }) {\n  return { id: doc.id };\n}\n")
	if withRegister {
		files["flow.yaml"] = strings.Replace(files["flow.yaml"], "      transforms:", "      register: {schema: {type: integer}, initial: 0}\n      transforms:", 1)
		files["flow.yaml"] = strings.Replace(files["flow.yaml"], "shuffle: any", "shuffle: {key: [/n]}", 1)
		files["out.js"] = "export function fromIn({ doc, register }) {\n  register.set(register.value + 1);\n  return { id: doc.id, nth: register.value };\n}\n"
	}
	return files
}

// TestRegisterComesAndGoes publishes a derivation without a register, with
// one, without again and with one again: documents are read once each, and a
// register that comes starts from its initial value.
func TestRegisterComesAndGoes(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, counted(false)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	for round := range 4 {
		if round > 0 {
			weirtest.Publish(t, conn, weirtest.Files(t, counted(round%2 == 1)))
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], fmt.Sprintf(`{"id":"%da","n":1}`, round), fmt.Sprintf(`{"id":"%db","n":1}`, round))
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	}
	want := `{"id":"0a"} {"id":"0b"} {"id":"1a","nth":1} {"id":"1b","nth":2} {"id":"2a"} {"id":"2b"} {"id":"3a","nth":1} {"id":"3b","nth":2}`
	if got := texts(weirtest.Documents(t, conn, "acmeCo/out")); got != want {
		t.Errorf("derived:\n%s\nwant:\n%s", got, want)
	}
}

// TestProgressMoves publishes a derivation with a register after it has read
// documents that gave no outputs: they count as read.
func TestProgressMoves(t *testing.T) {
	without := counted(false)
	without["out.js"] = strings.Replace(without["out.js"], "  return", "  if (doc.n === 7) return;\n  return", 1)
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, without))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	for _, document := range []string{`{"id":"a","n":1}`, `{"id":"b","n":7}`} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], document)
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	}
	weirtest.Publish(t, conn, weirtest.Files(t, counted(true)))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"c","n":7}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	waitFor(t, "the third document", func() bool { return len(weirtest.Documents(t, conn, "acmeCo/out")) > 1 })
	if got, want := texts(weirtest.Documents(t, conn, "acmeCo/out")), `{"id":"a"} {"id":"c","nth":1}`; got != want {
		t.Errorf("derived %s, want %s", got, want)
	}
}

// TestUnreadableRecord publishes what only a newer weir can read: the task
// says so, and the others run.
func TestUnreadableRecord(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.Publish(t, conn, weirtest.Files(t, counted(false)))
	bucket, err := conn.EnsureBucket(weirtest.Context(t), journal.BucketConfig{Name: worker.CatalogBucket})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(weirtest.Context(t), "materialization.acmeCo/new", []byte(`{"v":99}`)); err != nil {
		t.Fatal(err)
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	s := weirtest.State(t, w, worker.KindMaterialization, "acmeCo/new", worker.StateFailed)
	if s.Why.Code != "catalog" || !strings.Contains(s.Why.Message, "version 99") {
		t.Errorf("status: %+v", s.Why)
	}
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateRunning)
}

// TestRegistersLost removes the bucket of a task's registers: the task says
// so and stands still, since whatever it derived now would be wrong.
func TestRegistersLost(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, counted(true)))
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a","n":1}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	stop()
	streams, err := conn.Streams(weirtest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if bucket, ok := strings.CutPrefix(s.Name, "KV_weir_reg_"); ok {
			if err := conn.DeleteBucket(weirtest.Context(t), "weir_reg_"+bucket); err != nil {
				t.Fatal(err)
			}
		}
	}
	w, _ = weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	s := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	if s.Why.Code != "state-lost" || !strings.Contains(s.Why.Message, "lost the checkpoint") || s.Why.Fix == "" {
		t.Errorf("status: %+v", s.Why)
	}
}

// TestWorkerGone kills nothing but leaves the records of a worker behind that
// reports no more: its tasks are not shown as running.
func TestWorkerGone(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	bucket, err := conn.EnsureBucket(weirtest.Context(t), journal.BucketConfig{Name: worker.StatusBucket})
	if err != nil {
		t.Fatal(err)
	}
	record := `{"v":1,"task":"acmeCo/out","kind":"derivation","shard":"0-1","worker":"gone","state":"running"}`
	if _, err := bucket.Put(weirtest.Context(t), "derivation.acmeCo/out.0-1", []byte(record)); err != nil {
		t.Fatal(err)
	}
	all, err := worker.ReadStatus(weirtest.Context(t), conn)
	if err != nil {
		t.Fatal(err)
	}
	// This task was removed while no worker was there.
	removed := `{"v":1,"task":"acmeCo/removed","kind":"capture","shard":"0-1","worker":"gone","state":"failed"}`
	if _, err := bucket.Put(weirtest.Context(t), "capture.acmeCo/removed.0-1", []byte(removed)); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].State != worker.StatePending || all[0].Why == nil || all[0].Why.Code != "worker-gone" {
		t.Errorf("status: %+v", all)
	}
	weirtest.Publish(t, conn, weirtest.Files(t, counted(false)))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateRunning)
	waitFor(t, "the record of the worker that runs", func() bool {
		all, err := worker.ReadStatus(weirtest.Context(t), conn)
		return err == nil && len(all) == 2 && all[0].State == worker.StateRunning && all[0].Why == nil
	})
}
