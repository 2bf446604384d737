package catalogtest

import (
	"context"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/weirtest"
)

// TestInferredCollections reads and verifies collections by what was seen in them: each test
// sees its own documents alone, and logical partitions are found before any was seen.
func TestInferredCollections(t *testing.T) {
	c, err := catalog.Load(weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/in:
    key: [/id]
    writeSchema: {type: object, required: [id, region], properties: {id: {type: string}, region: {type: string}}}
    readSchema: {$ref: "flow://inferred-schema"}
    projections: {region: {location: /region, partition: true}}
  acmeCo/out:
    key: [/id]
    writeSchema: {type: object, required: [id], properties: {id: {type: string}}}
    readSchema: {allOf: [{$ref: "flow://relaxed-write-schema"}, {$ref: "flow://inferred-schema"}], reduce: {strategy: merge}, properties: {n: {reduce: {strategy: sum}}}}
    derive:
      using: {copy: {}}
      transforms: [{name: all, source: {name: acmeCo/in, partitions: {include: {region: [eu]}}}, shuffle: any}]
tests:
  acmeCo/tests/one: &steps
    - ingest: {collection: acmeCo/in, documents: [{id: a, region: eu, n: 1}, {id: b, region: us, n: {x: 1}}]}
    - verify: {collection: acmeCo/out, documents: [{id: a, n: 1}]}
    - ingest: {collection: acmeCo/in, documents: [{id: a, region: eu, n: 2.5, more: [null]}]}
    - verify: {collection: acmeCo/out, documents: [{id: a, n: 3.5, more: [null]}]}
  acmeCo/tests/two: *steps
`}))
	if err != nil {
		t.Fatal(err)
	}
	if err := controlplane.Build(c); err != nil {
		t.Fatal(err)
	}
	passed := 0
	err = Run(context.Background(), c, func(r Result) {
		passed++
		if r.Err != nil {
			t.Errorf("%s: %v", r.Test, r.Err)
		}
	})
	if err != nil || passed != 2 {
		t.Errorf("%d tests, %v", passed, err)
	}
}
