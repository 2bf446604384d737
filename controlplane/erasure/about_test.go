package erasure

import (
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/weirtest"
)

// TestAbout tells lines about a key from others.
func TestAbout(t *testing.T) {
	c := weirtest.Load(t, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/people:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
materializations:
  acmeCo/db: {endpoint: {sqlite: {path: out.db}}, bindings: [{source: acmeCo/people, resource: {table: people}}]}
`}))
	records := []catalog.Record{{Collection: c.Collections["acmeCo/people"]}, {Materialization: c.Materializations["acmeCo/db"]}}
	about := func(key string, s trace) string {
		e := &erasing{records: records, found: map[uint64]bool{7: true}, report: &Report{}}
		if err := e.find(Request{Collection: "acmeCo/people", Key: []string{key}}); err != nil {
			t.Fatal(err)
		}
		switch sure, perhaps := e.traces.about(s); {
		case sure:
			return "sure"
		case perhaps:
			return "perhaps"
		}
		return "no"
	}
	db, other := controlplane.Task{Kind: catalog.KindMaterialization, Name: "acmeCo/db"}, controlplane.Task{Kind: catalog.KindMaterialization, Name: "acmeCo/other"}
	for name, test := range map[string]struct {
		key  string
		said trace
		want string
	}{
		"an erased sequence":          {"p-1", trace{task: other, collection: "acmeCo/people", seq: 7}, "sure"},
		"that of another collection":  {"p-1", trace{task: db, collection: "acmeCo/orders", seq: 7}, "no"},
		"another sequence":            {"p-1", trace{task: db, collection: "acmeCo/people", seq: 8}, "no"},
		"a subject says whose it is":  {"p-1", trace{task: db, collection: "acmeCo/people", subject: "weir.doc.acmeCo/orders.0.x", seq: 7}, "no"},
		"what waits for the inbox":    {"p-1", trace{task: db, subject: "weir.pub.acmeCo/people", seq: 7}, "sure"},
		"a similar name":              {"p-1", trace{task: db, subject: "weir.pub.acmeCo/people2", seq: 7}, "no"},
		"an error":                    {"p-1", trace{task: other, texts: []string{"invalid document at sequence 7 on weir.doc.acmeCo/people.0.x: /id: type"}}, "sure"},
		"an error of outputs":         {"p-1", trace{task: other, texts: []string{"the document at sequence 7 of acmeCo/people gives 9 outputs"}}, "sure"},
		"a document":                  {"p-1", trace{task: db, texts: []string{`refused: {"doc": {"v":1,"id":"p-1"}} (1)`}}, "sure"},
		"a document of another":       {"p-1", trace{task: db, texts: []string{`refused: {"v":1,"id":"p-2"`, `{"id":"p-10"}`}}, "no"},
		"a document of nobody's task": {"p-1", trace{task: other, texts: []string{`{"id":"p-1"}`}}, "no"},
		"a short value":               {"p-1", trace{task: db, texts: []string{"saw p-1."}}, "perhaps"},
		"a part of a word":            {"p-1", trace{task: db, texts: []string{"saw p-12 and xp-1"}}, "no"},
		"a long value":                {"ann@acme.example", trace{task: db, texts: []string{"Key (id)=(ann@acme.example) exists"}}, "sure"},
		"a longer one":                {"ann@acme.example", trace{task: db, texts: []string{"joann@acme.example"}}, "no"},
	} {
		if got := about(test.key, test.said); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
