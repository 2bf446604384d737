package catalogtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/golden"
)

const flow = `
collections:
  acmeCo/in:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, n: {type: number}, list: {type: array}, deep: {type: object}}}
  acmeCo/sums:
    key: [/id]
    schema:
      type: object
      required: [id]
      reduce: {strategy: merge}
      properties: {id: {type: string}, n: {type: number, reduce: {strategy: sum}}}
    derive:
      using:
        javascript:
          module: |
            export function fromIn({ doc }) {
              if (doc.n > 1000) throw new Error("too much");
              return doc;
            }
      transforms: [{name: fromIn, source: acmeCo/in, shuffle: any}]
  acmeCo/counts:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, nth: {type: integer}}}
    derive:
      using:
        javascript:
          module: |
            export function fromSums({ doc, register }) {
              register.set(register.value + 1);
              return { id: doc.id, nth: register.value };
            }
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: fromSums, source: acmeCo/sums, shuffle: {key: [/id]}}]
tests:
`

// results runs the tests of a catalog and gives what each ended with.
func results(t *testing.T, tests string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(flow+tests), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(dir)
	if err == nil {
		err = controlplane.Build(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	err = Run(context.Background(), c, func(r Result) {
		out[r.Test] = ""
		if r.Err != nil {
			out[r.Test] = r.Err.Error()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPassing holds each test on collections and registers of its own, and
// between two steps everything goes through all derivations.
func TestPassing(t *testing.T) {
	tests := ""
	for i := range 3 { // the same three times: a register or document left behind would fail the later ones
		tests += fmt.Sprintf(`
  acmeCo/tests/t%d:
    - ingest: {collection: acmeCo/in, documents: [{id: b, n: 1}, {id: a, n: 0.1}, {id: a, n: 5, list: [1], deep: {x: 1, y: 2}}]}
    - verify: {collection: acmeCo/counts, documents: [{id: a, nth: 1}, {id: b, nth: 1}]}
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 0.2}]}
    - verify: {collection: acmeCo/sums, documents: [{id: a, n: 5.2}, {id: b, n: 1.0}]}
    - verify: {collection: acmeCo/counts, documents: [{id: a, nth: 2}, {id: b}]}
    - verify: {collection: acmeCo/in, documents: [{id: a, n: 0.2}, {}]}
`, i)
	}
	for name, err := range results(t, tests+"  acmeCo/tests/nothing:\n    - verify: {collection: acmeCo/counts, documents: []}\n") {
		if err != "" {
			t.Errorf("%s: %s", name, err)
		}
	}
}

// TestFailing shows what people read of tests that fail.
func TestFailing(t *testing.T) {
	got := results(t, `
  acmeCo/tests/differs:
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 1, list: [1, 2], deep: {x: {y: 1}}}]}
    - verify:
        description: What was put in is there.
        collection: acmeCo/in
        documents: [{id: a, n: 1.5, list: [1], deep: {x: {y: 1, z: 2}}}]
  acmeCo/tests/long:
    - ingest: {collection: acmeCo/in, documents: [{id: a, deep: {text: "`+strings.Repeat("word ", 80)+`is here"}}]}
    - verify: {collection: acmeCo/in, documents: [{id: a, deep: {text: "`+strings.Repeat("word ", 80)+`is not"}}]}
  acmeCo/tests/missing:
    - ingest: {collection: acmeCo/in, documents: [{id: a}, {id: c, n: 1}]}
    - verify: {collection: acmeCo/in, documents: [{id: a}, {id: b}, {id: c, n: 2}]}
  acmeCo/tests/no-key:
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 1}, {id: b, n: 2}]}
    - verify: {collection: acmeCo/in, documents: [{n: 1}, {n: 3}]}
  acmeCo/tests/order:
    - ingest: {collection: acmeCo/in, documents: [{id: a}, {id: b}]}
    - verify: {collection: acmeCo/in, documents: [{id: b}, {id: a}]}
  acmeCo/tests/surplus:
    - ingest: {collection: acmeCo/in, documents: [{id: a}, {id: b}, {id: c}]}
    - verify: {collection: acmeCo/in, documents: [{id: a}, {id: c}]}
  acmeCo/tests/throws:
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 1001}]}
    - verify: {collection: acmeCo/sums, documents: []}
  acmeCo/tests/twice:
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 1}]}
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 2}]}
    - verify: {collection: acmeCo/sums, documents: [{id: a, n: 1}, {id: a, n: 2}]}
`)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] == "" {
			t.Errorf("%s passes", name)
		}
		fmt.Fprintf(&b, "%s\n%s\n\n", name, strings.ReplaceAll(got[name], "\n", "\n  "))
	}
	golden.Compare(t, "testdata/failures.golden", paths.ReplaceAllString(b.String(), "flow.yaml"))
}

// paths matches files of a test's directory.
var paths = regexp.MustCompile(`[^\s:]*/flow\.yaml`)
