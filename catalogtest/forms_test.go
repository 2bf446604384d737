package catalogtest

import (
	"strings"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/weirtest"
)

// TestForms takes tests as objects and as steps alone, with documents inline,
// from an anchor, and from files of YAML and JSON; an ingest is one transaction
// of combined documents; captures and materializations are not started.
func TestForms(t *testing.T) {
	dir := weirtest.Files(t, map[string]string{
		"flow.yaml": strings.TrimSuffix(flow, "tests:\n") + `
captures:
  acmeCo/from-nowhere: {endpoint: {nowhere: {}}, bindings: [{resource: {}, target: acmeCo/in}]}
materializations:
  acmeCo/to-nowhere: {endpoint: {nowhere: {}}, bindings: [{source: acmeCo/sums, resource: {}}]}
tests:
  acmeCo/tests/object:
    description: Documents of one key are one before they are derived from.
    steps:
      - ingest: {description: In a file., collection: acmeCo/in, documents: fixtures/in.yaml}
      - verify: {description: In another one., collection: acmeCo/counts, documents: fixtures/counts.json}
      - verify: {collection: acmeCo/sums, documents: &sums [{id: a, n: 3}, {id: b}]}
  acmeCo/tests/steps:
    - ingest: {collection: acmeCo/in, documents: fixtures/in.yaml}
    - verify: {collection: acmeCo/sums, documents: *sums}
`,
		"fixtures/in.yaml":     "- {id: b}\n- {id: a, n: 1}\n- id: a\n  n: 3\n",
		"fixtures/counts.json": `[{"id": "a", "nth": 1}, {"id": "b", "nth": 1.0}]`,
	})
	c, err := catalog.Load(dir)
	if err == nil {
		err = controlplane.Build(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = Run(t.Context(), c, func(r Result) {
		n++
		if r.Err != nil {
			t.Errorf("%s: %v", r.Test, r.Err)
		}
		for transform, documents := range r.Ran {
			if documents != 2 {
				t.Errorf("%s: %v ran on %d documents", r.Test, transform, documents)
			}
		}
	})
	if err != nil || n != 2 {
		t.Errorf("%d tests, %v", n, err)
	}
}

// TestSelect runs some of the tests, and all steps of one that fails when that
// is asked for.
func TestSelect(t *testing.T) {
	c := built(t, flow+`
  acmeCo/one:
    - verify: {collection: acmeCo/in, documents: [{id: a}]}
    - ingest: {collection: acmeCo/in, documents: [{id: b}]}
    - verify: {collection: acmeCo/in, documents: []}
  acmeCo/two: [{verify: {collection: acmeCo/in, documents: []}}]
`)
	for _, keepGoing := range []bool{false, true} {
		var steps []int
		runner := Runner{KeepGoing: keepGoing, Select: func(spec *catalog.Test) bool { return spec.Name == "acmeCo/one" }}
		err := runner.Run(t.Context(), c, func(r Result) {
			for _, f := range r.Failures {
				steps = append(steps, f.Step)
			}
			if r.Test != "acmeCo/one" {
				t.Errorf("%s ran", r.Test)
			}
		})
		want := 1
		if keepGoing {
			want = 2
		}
		if err != nil || len(steps) != want || steps[0] != 1 || steps[len(steps)-1] != 2*want-1 {
			t.Errorf("keep going %t: steps %v failed, %v", keepGoing, steps, err)
		}
	}
}

// TestHash: a test's hash changes with the test and with what it touches, and
// with nothing else.
func TestHash(t *testing.T) {
	const tests = "  acmeCo/t: [{verify: {collection: acmeCo/in, documents: []}}]\n  acmeCo/u: [{verify: {collection: acmeCo/apart, documents: []}}]\n"
	const apart = "collections:\n  acmeCo/apart: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}"
	text := strings.Replace(flow, "\ncollections:", "\n# comment\n"+apart, 1) + tests
	hashes := func(text string) [2]string {
		c := built(t, text)
		return [2]string{Hash(c, c.Tests["acmeCo/t"]), Hash(c, c.Tests["acmeCo/u"])}
	}
	before := hashes(text)
	for _, change := range []struct {
		from, to string
		t, u     bool
	}{
		{"# comment\n", "", false, false},
		{"doc.n > 1000", "doc.n > 1001", true, false},
		{"{type: array}", "{type: [array, 'null']}", true, false},
		{"properties: {id: {type: string}}}}", "properties: {id: {type: string, maxLength: 9}}}}", false, true},
		{"acmeCo/in, documents: []", "acmeCo/in, documents: [{id: a}]", true, false},
	} {
		after := hashes(strings.Replace(text, change.from, change.to, 1))
		if after[0] != before[0] != change.t || after[1] != before[1] != change.u {
			t.Errorf("%s: changed %t, %t", change.to, after[0] != before[0], after[1] != before[1])
		}
	}
}

// TestPrinted gives what modules print while a test runs, and no test what
// another one's modules print.
func TestPrinted(t *testing.T) {
	c := built(t, strings.Replace(flow, "if (doc.n > 1000)", "console.log('n', doc); if (doc.n < 0) for (let i = 0; i < 120; i++) console.warn(i); if (doc.n > 1000)", 1)+`
  acmeCo/many: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: -1}]}}]
  acmeCo/none: [{ingest: {collection: acmeCo/sums, documents: [{id: a, n: 1}]}}]
  acmeCo/one: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 1}]}}]
`)
	got := map[string][]string{}
	err := Run(t.Context(), c, func(r Result) { got[r.Test] = r.Printed })
	if err != nil {
		t.Fatal(err)
	}
	if one := got["acmeCo/one"]; len(one) != 1 || one[0] != `acmeCo/sums fromIn: n {"id":"a","n":1}` {
		t.Errorf("one: %q", one)
	}
	if none := got["acmeCo/none"]; len(none) != 0 {
		t.Errorf("none: %q", none)
	}
	many := got["acmeCo/many"]
	if len(many) < 100 || many[1] != "acmeCo/sums fromIn warn: 0" {
		t.Errorf("many: %q", many)
	}
}

// TestModuleFile: a failure names a module's file as the catalog's are named,
// wherever the module lies.
func TestModuleFile(t *testing.T) {
	dir := weirtest.Files(t, map[string]string{
		"flow.yaml": `
import: [parts/flow.yaml]
tests:
  acmeCo/t: [{ingest: {collection: acmeCo/in, documents: [{id: a}]}}]
`,
		"parts/flow.yaml": `
collections:
  acmeCo/in: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}
  acmeCo/out:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive: {using: {typescript: {module: code/main.ts}}, transforms: [{name: fromIn, source: acmeCo/in, shuffle: any}]}
`,
		"parts/code/main.ts":      "import { check } from './lib/check';\nexport function fromIn({ doc }: { doc: { id: string } }) { check(doc.id); return doc; }\n",
		"parts/code/lib/check.ts": "export function check(id: string): void {\n  throw new Error('checked ' + id);\n}\n",
	})
	c := weirtest.Load(t, dir)
	err := Run(t.Context(), c, func(r Result) {
		want := "derivation acmeCo/out failed: " + dir + "/parts/code/lib/check.ts:2:"
		if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0].Message, want) {
			t.Errorf("no %q in %v", want, r.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
