package worker_test

import (
	"encoding/json"
	"testing"
	"time"

	"weir/internal/weirtest"
	"weir/worker"
)

// What a task did and what waits can be read by transform and binding, and the
// age of the oldest document that waits grows while a task stands still.
func TestMeasures(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	files := flow("stop", "export function fromIn({ doc }) {\n  if (doc.n === 13) throw new Error('no luck');\n  return { id: doc.id };\n}\n")
	files["flow.yaml"] += `
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/out, resource: {table: Out.put}}]
`
	c := weirtest.Publish(t, conn, weirtest.Files(t, files))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"a"}`, `{"id":"b"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/out", "acmeCo/in")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/out")
	weirtest.Await(t, w, worker.KindMaterialization, "acmeCo/db", "caught up", func(s worker.Status) bool { return s.LagSeconds == 0 && s.Out == 2 })
	before := time.Now()
	weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], `{"id":"c","n":13}`)
	failed := weirtest.State(t, w, worker.KindDerivation, "acmeCo/out", worker.StateFailed)
	later := weirtest.Await(t, w, worker.KindDerivation, "acmeCo/out", "older", func(s worker.Status) bool { return s.LagSeconds > failed.LagSeconds })
	if age := time.Since(before).Seconds() + 1; failed.LagSeconds <= 0 || later.LagSeconds > age {
		t.Errorf("the document has waited for %g s, then for %g s of at most %g", failed.LagSeconds, later.LagSeconds, age)
	}

	found := map[string]worker.Measure{}
	for _, m := range w.Measures() {
		found[m.Kind+" "+m.Task] = m
	}
	derivation := found["derivation acmeCo/out"]
	if b := derivation.Bindings; len(b) != 2 || b[0].Name != "" || b[0].Collection != "acmeCo/out" || b[0].Out != 2 || b[0].OutBytes != 20 || b[0].In != 0 ||
		b[1].Name != "fromIn" || b[1].Collection != "acmeCo/in" || b[1].In < 3 || b[1].LagSeconds <= 0 {
		t.Errorf("derivation: %+v", b)
	}
	if derivation.Failures["module"] < 2 || derivation.Restarts == 0 || derivation.Restarts >= derivation.Failures["module"] {
		t.Errorf("failures %v, restarts %d", derivation.Failures, derivation.Restarts)
	}
	for _, phase := range []string{"open", "stage", "wait", "commit", "total"} {
		h := derivation.Phases[phase]
		if h.Count == 0 || h.Sum < 0 || len(h.Buckets) != len(worker.PhaseBounds) || h.Buckets[len(h.Buckets)-1] > h.Count {
			t.Errorf("phase %s: %+v", phase, h)
		}
	}
	db := found["materialization acmeCo/db"]
	if b := db.Bindings; len(b) != 1 || b[0].Name != "out.put" || b[0].In != 2 || b[0].Out != 2 || b[0].Lag != 0 || b[0].LagSeconds != 0 {
		t.Errorf("materialization: %+v", b)
	}
	if db.Phases["store"].Count == 0 {
		t.Errorf("phases of the materialization: %v", db.Phases)
	}
	text, err := json.Marshal(db.Status)
	if err != nil {
		t.Fatal(err)
	}
	var back worker.Status
	if err := json.Unmarshal(text, &back); err != nil || len(back.Bindings) != 1 {
		t.Errorf("%s: %v", text, err)
	}
}
