package process

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"weir/catalog"
	"weir/connector/program/programtest"
	"weir/internal/weirtest"
	"weir/sinks"
	"weir/worker"
)

// TestStagedThroughFailures runs a connector whose checkpoint and state Weir
// keeps, and fails the task around its commits, once at each point: every
// change is there once, though the connector has no transaction with Weir.
func TestStagedThroughFailures(t *testing.T) {
	for _, point := range []string{"sink.store", "sink.commit.before", "sink.commit.after", "sink.checkpoint.after"} {
		t.Run(point, func(t *testing.T) { stagedThrough(t, point) })
	}
}

func stagedThrough(t *testing.T, point string) {
	dir := t.TempDir()
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/in:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: integer}}}
materializations:
  acmeCo/out:
    endpoint: {local: ` + string(programtest.Endpoint(t, "staged", programtest.Config{Directory: dir})) + `}
    bindings:
      - {source: acmeCo/in, resource: {name: changes, delta: true}}
`}))
	o := weirtest.Options(t, conn, dir)
	o.Sinks = sinks.Registry{catalog.LocalEndpoint: New(false)}
	var failed atomic.Bool
	o.Cut = func(task, at string) error {
		if task == "acmeCo/out" && at == point && failed.CompareAndSwap(false, true) {
			return errors.New("failed at " + at)
		}
		return nil
	}
	w, stop := weirtest.Run(t, o)
	var want []string
	for i := range 3 {
		doc := fmt.Sprintf(`{"id":%d}`, i)
		want = append(want, doc)
		weirtest.Ingest(t, conn, c.Collections["acmeCo/in"], doc)
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/out", "acmeCo/in")
	}
	stop()
	if !failed.Load() {
		t.Fatal("the task never came to this point")
	}
	db, err := readDatabase(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, doc := range db.Resources["changes"].Changes {
		got = append(got, string(doc))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
