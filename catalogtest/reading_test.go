package catalogtest

import "testing"

// Verify steps and transforms select logical partitions; documents ingested by
// a test come under the values that they have.
func TestSelectors(t *testing.T) {
	c := built(t, `
collections:
  acmeCo/orders: &orders
    key: [/id]
    schema: {type: object, required: [id, region], properties: {id: {type: string}, region: {type: string}}}
    projections: {region: {location: /region, partition: true}}
  acmeCo/some:
    <<: *orders
    derive:
      using: {copy: {}}
      transforms:
        - {name: all, source: {name: acmeCo/orders, partitions: {include: {region: [EU, US]}}}, shuffle: any}
tests:
  acmeCo/tests/selectors:
    - ingest: {collection: acmeCo/orders, documents: [{id: a, region: EU}, {id: b, region: US}, {id: c, region: AP}]}
    - verify: {collection: acmeCo/some, documents: [{id: a}, {id: b}]}
    - verify: {collection: {name: acmeCo/orders, partitions: {exclude: {region: [EU]}}}, documents: [{id: b}, {id: c}]}
    - verify: {collection: {name: acmeCo/some, partitions: {include: {region: [EU, AP]}}}, documents: [{id: a}]}
    - verify: {collection: {name: acmeCo/orders, notAfter: 2020-01-01T00:00:00Z}, documents: []}
    - ingest: {collection: acmeCo/orders, documents: [{id: d, region: EU}]}
    - verify: {collection: {name: acmeCo/some, partitions: {include: {region: [EU]}}}, documents: [{id: a}, {id: d}]}
`)
	n := 0
	err := Run(t.Context(), c, func(r Result) {
		n++
		if r.Err != nil {
			t.Error(r.Err)
		}
	})
	if err != nil || n != 1 {
		t.Errorf("%d tests, %v", n, err)
	}
}
