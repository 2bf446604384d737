package catalogtest

import (
	"fmt"
	"testing"

	"weir/catalog"
	"weir/collection"
)

// late finds orders that were not paid within two days: the delayed read of an
// order looks into what was paid meanwhile. Its times are those of the
// documents, so a step that waits shows by how much time has moved.
const late = `
collections:
  acmeCo/orders:
    key: [/id]
    schema: &order {type: object, required: [id], properties: {id: {type: string}, paid: {type: boolean}}}
  acmeCo/seen:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, paid: {type: boolean}}}
    derive:
      using: {copy: {}}
      transforms: [{name: fromOrders, source: acmeCo/orders, shuffle: any}]
  acmeCo/late:
    key: [/id]
    schema: *order
    derive:
      using:
        javascript:
          module: |
            export function now({ doc, register }) { if (doc.paid) register.set(true); }
            export function later({ doc, register, meta }) { if (!register.value) return { id: doc.id }; }
      register: {schema: {type: boolean}, initial: false}
      transforms:
        - {name: now, source: acmeCo/orders, shuffle: {key: [/id]}}
        - {name: later, source: acmeCo/orders, shuffle: {key: [/id]}, readDelay: 2d}
  acmeCo/later-still:
    key: [/id]
    schema: *order
    derive:
      using: {copy: {}}
      transforms: [{name: fromLate, source: acmeCo/late, shuffle: any, readDelay: 3h}]
tests:
`

// TestReadDelay: time stands still between ingests, so that what comes in two
// steps comes within the delay, and moves on when a verify step asks for what
// waits, through others that wait as well.
func TestReadDelay(t *testing.T) {
	passes(t, late+`
  acmeCo/tests/paid-in-time:
    - ingest: {collection: acmeCo/orders, documents: [{id: a}, {id: b}]}
    - verify: {collection: acmeCo/seen, documents: [{id: a}, {id: b}]}
    - ingest: {collection: acmeCo/orders, documents: [{id: a, paid: true}]}
    - verify: {collection: acmeCo/late, documents: [{id: b}]}
  acmeCo/tests/paid-too-late:
    - ingest: {collection: acmeCo/orders, documents: [{id: a}]}
    - verify: {collection: acmeCo/late, documents: [{id: a}]}
    - ingest: {collection: acmeCo/orders, documents: [{id: a, paid: true}]}
    - verify: {collection: acmeCo/late, documents: [{id: a}]}
  acmeCo/tests/one-after-the-other:
    - ingest: {collection: acmeCo/orders, documents: [{id: a}]}
    - verify: {collection: acmeCo/later-still, documents: [{id: a}]}
    - ingest: {collection: acmeCo/orders, documents: [{id: b}]}
    - verify: {collection: acmeCo/later-still, documents: [{id: a}, {id: b}]}
`)
}

// TestDelayedAtTheEnd drains what nobody verifies: its failure is one of the
// test, and names no step.
func TestDelayedAtTheEnd(t *testing.T) {
	c := built(t, `
collections:
  acmeCo/in: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}
  acmeCo/out:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {javascript: {module: "export function later() { throw new Error('in the end') }"}}
      transforms: [{name: later, source: acmeCo/in, shuffle: any, readDelay: 1h}]
tests:
  acmeCo/tests/end:
    - ingest: {collection: acmeCo/in, documents: [{id: a}]}
    - verify: {collection: acmeCo/in, documents: [{id: a}]}
`)
	err := Run(t.Context(), c, func(r Result) {
		if len(r.Failures) != 1 || r.Failures[0].Step != 0 || r.Failures[0].Line != 11 {
			t.Fatalf("failures: %v", r.Err)
		}
		if want := "after the last step: derivation acmeCo/out failed: "; r.Failures[0].Message[:len(want)] != want {
			t.Errorf("message: %s", r.Failures[0].Message)
		}
		if n := r.Ran[Transform{"acmeCo/out", "later"}]; n != 1 {
			t.Errorf("the transform ran on %d documents", n)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCycle waits for a derivation that reads itself until it comes to rest.
func TestCycle(t *testing.T) {
	passes(t, `
collections:
  acmeCo/start: {key: [/n], schema: {type: object, required: [n], properties: {n: {type: integer}}}}
  acmeCo/down:
    key: [/n]
    schema: {type: object, required: [n], properties: {n: {type: integer}}}
    derive:
      using:
        javascript:
          module: |
            export function start({ doc }) { return doc }
            export function again({ doc }) { if (doc.n > 0) return { n: doc.n - 1 } }
      transforms:
        - {name: start, source: acmeCo/start, shuffle: any}
        - {name: again, source: acmeCo/down, shuffle: any}
tests:
  acmeCo/tests/down:
    - ingest: {collection: acmeCo/start, documents: [{n: 4}]}
    - verify: {collection: acmeCo/down, documents: [{n: 0}, {n: 1}, {n: 2}, {n: 3}, {n: 4}]}
`)
}

// TestPartitions verifies some logical partitions of a collection, and what is
// derived from some.
func TestPartitions(t *testing.T) {
	passes(t, `
collections:
  acmeCo/in:
    key: [/id]
    schema: {type: object, required: [id, region], properties: {id: {type: string}, region: {type: string}}}
    projections: {region: {location: /region, partition: true}}
  acmeCo/eu:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {copy: {}}
      transforms: [{name: fromIn, source: {name: acmeCo/in, partitions: {include: {region: [EU]}}}, shuffle: any}]
tests:
  acmeCo/tests/regions:
    - ingest: {collection: acmeCo/in, documents: [{id: a, region: EU}, {id: b, region: US}, {id: c, region: EU}, {id: d, region: ASIA}]}
    - verify: {collection: {name: acmeCo/in, partitions: {include: {region: [EU, US]}}}, documents: [{id: a}, {id: b}, {id: c}]}
    - verify: {collection: {name: acmeCo/in, partitions: {exclude: {region: [EU]}}}, documents: [{id: b}, {id: d}]}
    - verify: {collection: acmeCo/eu, documents: [{id: a}, {id: c}]}
    - ingest: {collection: acmeCo/in, documents: [{id: e, region: US}]}
    - verify: {collection: acmeCo/eu, documents: [{id: a}, {id: c}]}
`)
}

// passes runs a catalog's tests, which all pass.
func passes(t *testing.T, text string) {
	t.Helper()
	c := built(t, text)
	n := 0
	err := Run(t.Context(), c, func(r Result) {
		n++
		if r.Err != nil {
			t.Errorf("%s: %v", r.Test, r.Err)
		}
	})
	if err != nil || n != len(c.Tests) || n == 0 {
		t.Errorf("%d of %d tests, %v", n, len(c.Tests), err)
	}
}

// TestUpstream: time moves for what can write to a collection, and for nothing
// else.
func TestUpstream(t *testing.T) {
	c := built(t, late+"  acmeCo/t: [{verify: {collection: acmeCo/later-still, documents: []}}]\n")
	ran := &test{known: map[string]*collection.Collection{}}
	for name, spec := range c.Collections {
		known, err := collection.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		ran.known[name] = known
	}
	for name, want := range map[string]string{"acmeCo/orders": "", "acmeCo/seen": "acmeCo/seen", "acmeCo/late": "acmeCo/late", "acmeCo/later-still": "acmeCo/late acmeCo/later-still"} {
		var got string
		for _, d := range catalog.Names(c.Collections) {
			if ran.upstream(name)(d) {
				got = fmt.Sprint(got, " ", d)
			}
		}
		if got != "" {
			got = got[1:]
		}
		if got != want {
			t.Errorf("%s is written by %q, not %q", name, got, want)
		}
	}
}
