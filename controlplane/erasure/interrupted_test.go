package erasure

import (
	"testing"

	"weir/collection"
	"weir/controlplane"
	"weir/internal/weirtest"
	"weir/worker"
)

const interruptedFlow = `
collections:
  acmeCo/people:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, city: {type: string}}}
  acmeCo/cities:
    key: [/id, /city]
    schema: {type: object, required: [id, city], properties: {id: {type: string}, city: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: cities.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: fromPeople, source: acmeCo/people, shuffle: {key: [/id, /city]}}]
`

// TestInterrupted ends an erasure when the documents are gone that alone told
// which registers are to go: the next one knows them. Until then no task acts.
func TestInterrupted(t *testing.T) {
	ctx, conn := weirtest.Context(t), weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{
		"flow.yaml": interruptedFlow,
		"cities.js": "export function fromPeople({ doc, register }) { register.set(register.value + 1); return { id: doc.id, city: doc.city, n: register.value }; }",
	}))
	people := c.Collections["acmeCo/people"]
	w, stop := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, people, `{"id":"a","city":"Rom"}`, `{"id":"a","city":"Ulm"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/cities", "acmeCo/people")

	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	e := &erasing{conn: conn, records: records, found: map[uint64]bool{}, report: &Report{}}
	if err := e.find(Request{Collection: "acmeCo/people", Key: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return e.findHolders(ctx) }, func() error { return e.documents(ctx) }, func() error { return e.note(ctx) }, func() error { return e.overwrite(ctx) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	w, _ = weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	weirtest.Ingest(t, conn, people, `{"id":"a","city":"Rom"}`)
	weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/cities", "acmeCo/people")
	all := weirtest.Documents(t, conn, "acmeCo/cities")
	if got := string(all[len(all)-1].Data); got != `{"id":"a","city":"Rom","n":2}` {
		t.Errorf("a task acted on what is not complete: %s", got)
	}

	r, err := Erase(ctx, conn, records, Request{Collection: "acmeCo/people", Key: []string{"a"}, Wait: weirtest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	last := r.Places[len(r.Places)-1]
	if last.Name != "registers of acmeCo/cities" || last.Documents != 2 {
		t.Errorf("places: %+v", r.Places)
	}
}

// TestDefaultsShare has a key whose default stands in for what documents lack:
// the register of null is not of one key alone.
func TestDefaultsShare(t *testing.T) {
	for text, want := range map[string]bool{`{type: string}`: true, `{type: string, default: "x"}`: false} {
		c := weirtest.Load(t, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/people:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: ` + text + `}}
  acmeCo/out:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: out.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: f, source: acmeCo/people, shuffle: {key: [/id]}}]
`, "out.js": "export function f() {}"}))
		e := &erasing{report: &Report{}}
		target, err := collection.New(c.Collections["acmeCo/people"])
		if err != nil {
			t.Fatal(err)
		}
		e.target = target
		if got := e.alone(c.Collections["acmeCo/out"].Derive); got != want {
			t.Errorf("%s: alone %v, want %v", text, got, want)
		}
	}
}
