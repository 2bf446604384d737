package worker_test

import (
	"path/filepath"
	"testing"

	"weir/internal/weirtest"
	"weir/worker"
)

// sides is a catalog whose collections are written by one schema and read by another: writers
// reduce the readings of a device by last write, readers add them up.
var sides = map[string]string{"flow.yaml": `
collections:
  acmeCo/readings:
    key: [/device]
    onInvalid: quarantine
    writeSchema:
      type: object
      required: [device, n]
      properties: {device: {type: string}, n: {type: integer}}
    readSchema:
      type: object
      required: [device]
      reduce: {strategy: merge}
      properties: {device: {type: string}, n: {type: number, reduce: {strategy: sum}}, note: {type: string}}
  acmeCo/copied:
    key: [/device]
    onInvalid: quarantine
    schema:
      type: object
      required: [device]
      properties: {device: {type: string}, n: {type: number}}
    derive:
      using: {copy: {}}
      transforms: [{name: fromReadings, source: acmeCo/readings, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/readings, resource: {table: readings}}]
`}

// TestTwoSchemas writes by the one schema and reads by the other: entrances refuse what readers
// would take, readers take what entrances would refuse, and each reduces by its own.
func TestTwoSchemas(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	dir := t.TempDir()
	c := weirtest.Publish(t, conn, weirtest.Files(t, sides))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.Ingest(t, conn, c.Collections["acmeCo/readings"], `{"device":"a","n":1}`, `{"device":"a","n":2}`)
	weirtest.Send(t, conn, "weir.pub.acmeCo/readings", `{"device":"b","n":0.5}`)                                  // no schema of writers' takes it
	weirtest.Send(t, conn, "weir.pub.acmeCo/readings.b", `{"device":"b","n":0.25}`, `{"device":"b","note":"x"}`)  // past Weir's entrances
	weirtest.Send(t, conn, "weir.pub.acmeCo/readings.c", `{"device":"c","n":"many"}`, `{"device":"c","n":0.125}`) // the first is for nobody
	waitFor(t, "quarantine", func() bool { return len(quarantined(t, conn, "acmeCo/readings")) == 3 })
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/copied", "acmeCo/readings")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/readings")
	for _, bad := range quarantined(t, conn, "acmeCo/readings") {
		want := map[string]string{"acmeCo/readings": `{"device":"b","n":0.5}`, "acmeCo/copied": `{"device":"c","n":"many"}`, "acmeCo/db": `{"device":"c","n":"many"}`}[bad.Header["Weir-Task"]]
		if string(bad.Data) != want || bad.Header["Weir-Rule"] != "type" || bad.Header["Weir-Pointer"] != "/n" {
			t.Errorf("quarantine: %s %v", bad.Data, bad.Header)
		}
	}
	weirtest.Same(t, "rows", weirtest.Rows(t, filepath.Join(dir, "out.db"), `select device, n||coalesce(note, '') from readings`),
		map[string]string{"a": "3.0", "b": "0.25x", "c": "0.125"})
	weirtest.Same(t, "copied", weirtest.Reduced(t, conn, c.Collections["acmeCo/copied"]), map[string]string{
		`["a"]`: `{"device":"a","n":2}`, `["b"]`: `{"device":"b","note":"x"}`, `["c"]`: `{"device":"c","n":0.125}`,
	})
}
