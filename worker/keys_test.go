package worker_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"weir/collection"
	"weir/internal/weirtest"
	"weir/worker"
)

// TestKeys takes documents whose keys have components of every type, null and missing ones
// too, through every entrance into a table: documents of one key meet, others never do, however
// alike they look.
func TestKeys(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	dir := t.TempDir()
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/cells:
    key: [/name, /at/n, /on, /part]
    schema: &cells
      type: object
      required: [name, at]
      reduce: {strategy: merge}
      properties:
        name: {type: [string, "null"]}
        at: {type: object, required: [n], properties: {n: {type: [integer, string]}}}
        on: {type: boolean, default: false}
        part: {type: [integer, "null"], default: null}
        sum: {type: integer, reduce: {strategy: sum}}
  acmeCo/sums:
    key: [/name, /at/n, /on, /part]
    schema: *cells
    derive:
      using: {copy: {}}
      transforms: [{name: fromCells, source: acmeCo/cells, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/sums, resource: {table: sums}, fields: {recommended: 2}}]
`}))
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	read := func() {
		t.Helper()
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/sums", "acmeCo/cells")
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/sums")
	}
	for round := 1; round <= 2; round++ { // the second meets what the destination holds
		weirtest.Ingest(t, conn, c.Collections["acmeCo/cells"],
			`{"name":"a","at":{"n":7},"on":true,"part":1,"sum":1}`, `{"name":"a","at":{"n":7.0},"on":true,"part":10e-1,"sum":2}`,
			`{"name":"a","at":{"n":"7"},"on":true,"part":1,"sum":4}`,
			`{"name":"a","at":{"n":7},"sum":8}`, `{"name":"a","at":{"n":7},"on":false,"part":null,"sum":16}`,
			`{"name":null,"at":{"n":-1},"sum":32}`, `{"name":"null","at":{"n":-1},"sum":64}`, `{"name":"","at":{"n":-1},"sum":128}`)
		weirtest.Send(t, conn, "weir.pub.acmeCo/cells", `{"name":null,"at":{"n":-1},"sum":256}`)
		waitFor(t, "the inbox to be empty", func() bool {
			_, err := conn.Last(weirtest.Context(t), collection.StreamName("acmeCo/cells"), collection.PubFilter())
			return err != nil
		})
		weirtest.Send(t, conn, "weir.pub.acmeCo/cells.%n.-1.false.%n", `{"name":null,"at":{"n":-1},"sum":512}`)
		weirtest.Send(t, conn, "weir.pub.acmeCo/cells.%e.-1.false.%n", `{"name":"","at":{"n":-1},"sum":1024}`)
		read()
		want := map[string]string{}
		for key, sum := range map[string]int{
			`["a",7,true,1]`: 3, `["a","7",true,1]`: 4, `["a",7,false,null]`: 24,
			`[null,-1,false,null]`: 800, `["null",-1,false,null]`: 64, `["",-1,false,null]`: 1152,
		} {
			want[key] = fmt.Sprint(sum * round)
		}
		// The column of integers and strings holds JSON text.
		got := weirtest.Rows(t, filepath.Join(dir, "out.db"), `select json_array(name, json("at/n"), json(iif("on", 'true', 'false')), part), sum from sums`)
		weirtest.Same(t, fmt.Sprintf("round %d", round), got, want)
	}
}
