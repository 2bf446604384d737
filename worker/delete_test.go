package worker_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/rows", "acmeCo/rows")
		weirtest.Same(t, fmt.Sprintf("step %d", i+1), weirtest.Rows(t, db, rowsQuery), step.rows)
	}
	history := weirtest.Rows(t, db, `select 'deletions', count(*) from history where flow_document like '%"op":"d"%' group by id having id = 'a'`)
	weirtest.Same(t, "history", history, map[string]string{"deletions": "3"})
	reduced := weirtest.Reduced(t, conn, c.Collections["acmeCo/rows"])
	weirtest.Same(t, "collection", reduced, map[string]string{`["a"]`: `{"_meta":{"op":"c"},"id":"a","n":5}`})
}

// changing draws changes of rows, and knows what is left of them. Sums show whether a deletion or a write took effect
// twice, or not at all.
type changing struct {
	r    *rand.Rand
	sums map[string]int
	left map[string]string
}

func newChanging() *changing {
	return &changing{rand.New(rand.NewPCG(7, 8)), map[string]int{}, map[string]string{}}
}

func (c *changing) next(count int) (docs []string) {
	for range count {
		id := fmt.Sprintf("r%02d", c.r.IntN(40))
		if _, there := c.left[id]; there && c.r.IntN(3) == 0 {
			docs = append(docs, change(id, "d", ``))
			delete(c.left, id)
			delete(c.sums, id)
			continue
		}
		n := c.r.IntN(100)
		c.sums[id] += n
		c.left[id] = fmt.Sprintf("%d -", c.sums[id])
		docs = append(docs, change(id, "u", fmt.Sprintf(`,"n":%d`, n)))
	}
	return docs
}

// Errors come at the steps of commits, and workers end and start, while rows are written, deleted and written again.
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
	rows := newChanging()
	for range 4 {
		w, stop := weirtest.Run(t, o)
		for range 3 {
			weirtest.Ingest(t, conn, c.Collections["acmeCo/changes"], rows.next(150)...)
		}
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/rows", "acmeCo/changes")
		stop()
	}
	o.Cut = nil
	w, _ := weirtest.Run(t, o)
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/rows", "acmeCo/rows")
	weirtest.Same(t, "rows", weirtest.Rows(t, filepath.Join(dir, "out.db"), rowsQuery), rows.left)
	if failed.Load() < 3 {
		t.Errorf("only %d steps failed", failed.Load())
	}
}

// The same with processes that are killed before and after rows and checkpoint are committed.
func TestDeletionsOverKills(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	s, dir := weirtest.Server(t), t.TempDir()
	conn := weirtest.Connect(t, s)
	c := weirtest.Publish(t, conn, weirtest.Files(t, deleteFlow))
	rows := newChanging()
	for _, point := range []string{"acmeCo/db sink.store 2", "acmeCo/db sink.commit.before 2", "acmeCo/db sink.commit.after 2", "acmeCo/rows commit.after 2"} {
		child := weirtest.StartChild(t, "worker", envURL+"="+s.URL(), envDir+"="+dir, envPoint+"="+point)
		for deadline := time.Now().Add(weirtest.Patience); !child.Ended(20 * time.Millisecond); {
			if time.Now().After(deadline) {
				t.Fatalf("the child never came to %q:\n%s", point, child.Output())
			}
			weirtest.Ingest(t, conn, c.Collections["acmeCo/changes"], rows.next(40)...)
		}
	}
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/rows", "acmeCo/changes")
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/rows", "acmeCo/rows")
	weirtest.Same(t, "rows", weirtest.Rows(t, filepath.Join(dir, "out.db"), rowsQuery), rows.left)
}
