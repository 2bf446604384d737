package worker_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"weir/internal/weirtest"
	"weir/worker"
)

// deleteFlow has rows whose _meta says what happened to them: in the collection that captures would write, passed on
// by a derivation, and in two tables.
var deleteFlow = map[string]string{"flow.yaml": `
collections:
  acmeCo/changes:
    key: [/id]
    schema: changes.schema.yaml
  acmeCo/rows:
    key: [/id]
    schema: changes.schema.yaml
    derive:
      using: {copy: {}}
      transforms: [{name: fromChanges, source: acmeCo/changes, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings:
      - {source: acmeCo/rows, resource: {table: rows}}
      - {source: acmeCo/rows, resource: {table: history, deltaUpdates: true}}
`, "changes.schema.yaml": `
type: object
required: [id, _meta]
properties:
  id: {type: string}
  n: {type: integer, reduce: {strategy: sum}}
  name: {type: string}
  _meta: {type: object, required: [op], properties: {op: {enum: [c, u, d]}}}
if: {properties: {_meta: {properties: {op: {const: d}}}}}
then: {reduce: {strategy: merge, delete: true}}
else: {reduce: {strategy: merge}}
`}

const rowsQuery = `select id, coalesce(n, '-')||' '||coalesce(name, '-') from rows`

func change(id, op, rest string) string {
	return fmt.Sprintf(`{"id":%q%s,"_meta":{"op":%q}}`, id, rest, op)
}

func TestRowsAreDeleted(t *testing.T) {
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, deleteFlow))
	db := filepath.Join(dir, "out.db")
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, dir))
	for i, step := range []struct {
		docs []string
		rows map[string]string
	}{
		{[]string{change("a", "c", `,"n":1,"name":"x"`), change("b", "c", `,"n":1`)}, map[string]string{"a": "1 x", "b": "1 -"}},
		{[]string{change("a", "u", `,"n":2`)}, map[string]string{"a": "3 x", "b": "1 -"}},
		{[]string{change("a", "d", ``)}, map[string]string{"b": "1 -"}},
		{[]string{change("a", "d", ``), change("never", "d", ``)}, map[string]string{"b": "1 -"}},
		{[]string{change("a", "c", `,"n":4`)}, map[string]string{"a": "4 -", "b": "1 -"}},
		{[]string{change("a", "d", ``), change("a", "c", `,"n":5`), change("b", "u", `,"n":1`), change("b", "d", ``)}, map[string]string{"a": "5 -"}},
	} {
		if i%2 == 1 {
			stop()
			w, stop = weirtest.Run(t, weirtest.Options(t, conn, dir))
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/changes"], step.docs...)
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/rows", "acmeCo/changes")
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/rows")
		weirtest.Same(t, fmt.Sprintf("step %d", i+1), weirtest.Rows(t, db, rowsQuery), step.rows)
	}
	history := weirtest.Rows(t, db, `select 'deletions', count(*) from history where flow_document like '%"op":"d"%' group by id having id = 'a'`)
	weirtest.Same(t, "history", history, map[string]string{"deletions": "3"})
	reduced := weirtest.Reduced(t, conn, c.Collections["acmeCo/rows"])
	weirtest.Same(t, "collection", reduced, map[string]string{`["a"]`: `{"_meta":{"op":"c"},"id":"a","n":5}`})
}

// Sums show whether a deletion or a write took effect twice, or not at all: errors come at the steps of commits, and
// workers end and start, while rows are written, deleted and written again.
func TestDeletionsOverRestarts(t *testing.T) {
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, deleteFlow))
	o := weirtest.Options(t, conn, dir)
	var met, failed atomic.Int64
	o.Cut = func(task, point string) error {
		if strings.HasPrefix(point, "sink.") || strings.HasPrefix(point, "commit.") {
			if met.Add(1)%5 == 0 {
				failed.Add(1)
				return errors.New("cut at " + point)
			}
		}
		return nil
	}
	r := rand.New(rand.NewPCG(7, 8))
	sums, want := map[string]int{}, map[string]string{}
	for range 4 {
		w, stop := weirtest.Run(t, o)
		for range 3 {
			var docs []string
			for range 150 {
				id := fmt.Sprintf("r%02d", r.IntN(40))
				if _, there := want[id]; there && r.IntN(3) == 0 {
					docs = append(docs, change(id, "d", ``))
					delete(want, id)
					delete(sums, id)
					continue
				}
				n := r.IntN(100)
				sums[id] += n
				want[id] = fmt.Sprintf("%d -", sums[id])
				docs = append(docs, change(id, "u", fmt.Sprintf(`,"n":%d`, n)))
			}
			weirtest.Ingest(t, conn, c.Collections["acmeCo/changes"], docs...)
		}
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/rows", "acmeCo/changes")
		stop()
	}
	o.Cut = nil
	w, _ := weirtest.Run(t, o)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/rows")
	weirtest.Same(t, "rows", weirtest.Rows(t, filepath.Join(dir, "out.db"), rowsQuery), want)
	if failed.Load() < 3 {
		t.Errorf("only %d steps failed", failed.Load())
	}
}
