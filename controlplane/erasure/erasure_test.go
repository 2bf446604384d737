package erasure_test

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"weir/controlplane"
	"weir/controlplane/erasure"
	"weir/controlplane/quarantine"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

const flowText = `
collections:
  acmeCo/people:
    key: [/id]
    onInvalid: quarantine
    schema:
      type: object
      required: [id]
      properties: {id: {type: [string, integer]}, city: {type: string}, gone: {type: boolean}}
      if: {properties: {gone: {const: true}}, required: [gone]}
      then: {reduce: {strategy: merge, delete: true}}
      else: {reduce: {strategy: merge}}
  acmeCo/cities:
    key: [/city]
    schema: {type: object, required: [city], properties: {city: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: cities.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: fromPeople, source: acmeCo/people, shuffle: {key: [/city]}}]
materializations:
  acmeCo/db: {endpoint: {sqlite: {path: out.db}}, bindings: [{source: acmeCo/people, resource: {table: people}}]}
`

const module = `export function fromPeople({ doc, register }) { register.set(register.value + 1); return { city: doc.city ?? "", n: register.value }; }`

func TestErase(t *testing.T) {
	ctx, conn, dir := weirtest.Context(t), weirtest.Connect(t, weirtest.Server(t)), t.TempDir()
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flowText, "cities.js": module}))
	people := c.Collections["acmeCo/people"]
	weirtest.Ingest(t, conn, people, `{"id":7,"city":"Rom"}`, `{"id":"7","city":"Ulm"}`, `{"id":"8","city":"Ulm"}`)
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.Send(t, conn, "weir.pub.acmeCo/people", `{"id":"7","city":1}`, `{"id":"8","city":1}`, `"7`)
	weirtest.Await(t, w, worker.KindInbox, "acmeCo/people", "done", func(s worker.Status) bool { return s.Quarantined == 3 })
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/people")
	stop()
	weirtest.Send(t, conn, "weir.pub.acmeCo/people", `{"id":"7","city":"Bonn"}`) // it waits for the inbox

	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	r := erasure.Request{Collection: "acmeCo/people", Key: []string{`"7"`}, DryRun: true}
	for _, dry := range []bool{true, false} {
		r.DryRun = dry
		report, err := erasure.Erase(ctx, conn, records, r)
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, p := range report.Places {
			counts[p.Name] = p.Documents
		}
		want := map[string]int{
			"documents of acmeCo/people": 1, "documents that wait for the inbox of acmeCo/people": 1, "quarantined documents of acmeCo/people": 1,
			"lines of task logs": 0, "status records of tasks": 0,
		}
		if !maps.Equal(counts, want) || report.Erased == dry || string(report.Key) != `["7"]` {
			t.Errorf("dry %v: %+v", dry, report)
		}
		text := ""
		for _, left := range report.Remains {
			text += left.What + "\n"
		}
		for _, want := range []string{`register ["Ulm"] of acmeCo/cities`, `register ["Bonn"]`, "documents that acmeCo/cities derived", "rows of acmeCo/db", "1 quarantined documents"} {
			if !strings.Contains(text, want) {
				t.Errorf("dry %v: what remains lacks %q:\n%s", dry, want, text)
			}
		}
	}
	left := ""
	for _, m := range weirtest.Documents(t, conn, "acmeCo/people") {
		left += string(m.Data)
	}
	if left != `{"id":7,"city":"Rom"}{"id":"8","city":"Ulm"}` {
		t.Errorf("the collection holds %s", left)
	}
	if _, err := conn.Last(ctx, "acmeCo=people", "weir.pub.>"); !errors.Is(err, journal.ErrNoMessage) {
		t.Errorf("the inbox: %v", err)
	}
	if entries, _, err := quarantine.List(ctx, conn, quarantine.Filter{}, 0); err != nil || len(entries) != 2 {
		t.Errorf("quarantine: %+v, %v", entries, err)
	}

	// The row of the destination goes by a deletion.
	for text, want := range map[string]string{
		`{"id":"8","gone":true}`:  "its key is not",
		`{"id":"7","gone":false}`: "does not reduce it to a deletion",
		`{"id":"7","city":2}`:     "type",
		`{"id"`:                   "deletion: ",
	} {
		r.Deletion = []byte(text)
		if _, err := erasure.Erase(ctx, conn, records, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("deletion %s: %v", text, err)
		}
	}
	r.Deletion = []byte(`{"id":"7","gone":true}`)
	if _, err := erasure.Erase(ctx, conn, records, r); err != nil {
		t.Fatal(err)
	}
	w, _ = weirtest.Run(t, weirtest.Options(t, conn, dir))
	weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/db", "acmeCo/people")
	weirtest.Same(t, "table", weirtest.Rows(t, filepath.Join(dir, "out.db"), `select id, city from people`), map[string]string{"7": "Rom", `"8"`: "Ulm"})
	if _, err := erasure.Erase(ctx, conn, records, erasure.Request{Collection: "acmeCo/none", Key: []string{"x"}}); err == nil || err.Error() != "acmeCo/none is not published" {
		t.Errorf("an unknown collection: %v", err)
	}
}
