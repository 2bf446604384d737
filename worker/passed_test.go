package worker_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/internal/weirtest"
	"weir/worker"
)

// A transaction that only passes over documents moves the position and does
// nothing else: a module that publishes when it flushes is not asked to, and
// rows that were stored before are not stored again.
func TestPassedOver(t *testing.T) {
	conn, dir := weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id, channel]
      properties: {id: {type: string}, channel: {type: string}}
    projections: {channel: {location: /channel, partition: true}}
  acmeCo/flushed:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: flushed.js}}
      transforms:
        - {name: all, source: {name: acmeCo/orders, partitions: {exclude: {channel: [test]}}}, shuffle: any}
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: {name: acmeCo/orders, partitions: {exclude: {channel: [test]}}}, resource: {table: orders, deltaUpdates: true}}
`, "flushed.js": `
import { IDerivation } from "flow/acmeCo/flushed";
export class Derivation extends IDerivation {
  n = 0;
  all({doc}) { return { id: "read " + doc.id }; }
  flush() { return [{ id: "flush " + ++this.n }]; }
}`}))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	const position = "acmeCo/orders?* test"
	step := func(documents ...string) {
		t.Helper()
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], documents...)
		last := weirtest.LastSeq(t, conn, "acmeCo/orders")
		for kind, task := range map[string]string{worker.KindDerivation: "acmeCo/flushed", worker.KindMaterialization: "acmeCo/db"} {
			weirtest.Await(t, w, kind, task, "through the orders", func(s worker.Status) bool {
				for key, seq := range s.Positions {
					if strings.HasSuffix(key, position) && seq >= last {
						return true
					}
				}
				return false
			})
		}
	}
	step(`{"id":"t1","channel":"test"}`)
	step(`{"id":"a","channel":"live"}`)
	step(`{"id":"t2","channel":"test"}`)
	step(`{"id":"t3","channel":"test"}`)
	step(`{"id":"b","channel":"live"}`)
	step(`{"id":"t4","channel":"test"}`)
	got := slices.Sorted(maps.Keys(weirtest.Reduced(t, conn, c.Collections["acmeCo/flushed"])))
	if text := strings.Join(got, " "); text != `["flush 1"] ["flush 2"] ["read a"] ["read b"]` {
		t.Errorf("derived %s", text)
	}
	rows := weirtest.Rows(t, filepath.Join(dir, "out.db"), "select id, count(*)||'' from orders group by id")
	weirtest.Same(t, "rows", rows, map[string]string{"a": "1", "b": "1"})
}
