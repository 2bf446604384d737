package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/derive"
	"weir/internal/weirtest"
)

// generated runs a command line and gives its exit code and what it prints.
func generated(t *testing.T, args ...string) (code int, printed string) {
	t.Helper()
	o := weir(t, "", args...)
	return o.code, o.out + o.problems
}

var typed = map[string]string{
	"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema: { type: object, required: [id], properties: { id: { type: string }, n: { type: integer } } }
  acmeCo/totals:
    key: [/id]
    schema: { type: object, required: [id], properties: { id: { type: string }, total: { type: integer } } }
    derive:
      using: { typescript: { module: totals.ts } }
      transforms:
        - { name: fromOrders, source: acmeCo/orders, shuffle: any }
`,
	"totals.ts": `import { CallFromOrders, Document } from "flow/acmeCo/totals";

export function fromOrders({ doc }: CallFromOrders): Document {
  return { id: doc.id, total: doc.n };
}
`,
}

// TestGenerate writes types, finds them up to date, then stale in each of the
// ways that they can be, and writes them again.
func TestGenerate(t *testing.T) {
	dir := weirtest.Files(t, typed)
	code, first := generated(t, "generate", dir)
	for _, want := range []string{"created   flow_generated/globals.d.ts\n", "created   flow_generated/tsconfig.json\n", "created   flow_generated/typescript/acmeCo/orders.d.ts\n",
		"created   flow_generated/typescript/acmeCo/totals.d.ts\n", "created   flow_generated/weir.d.ts\n", "created   tsconfig.json\n"} {
		if code != 0 || !strings.Contains(first, want) {
			t.Fatalf("code %d, no %q in\n%s", code, want, first)
		}
	}
	types := filepath.Join(dir, "flow_generated", "typescript", "acmeCo")
	text, err := os.ReadFile(filepath.Join(types, "totals.d.ts"))
	if err != nil || !strings.Contains(string(text), "export type FunctionFromOrders = (call: CallFromOrders) => Outputs<Document>;") {
		t.Errorf("%v:\n%s", err, text)
	}
	if code, out := generated(t, "generate", filepath.Join(dir, "flow.yaml"), "--check"); code != 0 || out != "" {
		t.Fatalf("fresh types are stale: code %d\n%s", code, out)
	}

	old := filepath.Join(types, "old.d.ts")
	write(t, old, string(text))
	own := filepath.Join(types, "own.d.ts")
	write(t, own, "export {};\n")
	write(t, filepath.Join(types, "totals.d.ts"), "stale\n")
	if err := os.Remove(filepath.Join(types, "orders.d.ts")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tsconfig.json"), `{ "compilerOptions": {} }`)
	want := "removed   flow_generated/typescript/acmeCo/old.d.ts\ncreated   flow_generated/typescript/acmeCo/orders.d.ts\nchanged   flow_generated/typescript/acmeCo/totals.d.ts\n"
	code, out := generated(t, "generate", dir, "--check")
	if code != exitFailed || !strings.HasPrefix(out, want+"weir: ") || !strings.Contains(out, "is not up to date [changes]\n  do: run `weir generate "+dir+"`") {
		t.Errorf("code %d\n%s\nwant\n%s", code, out, want)
	}
	if code, out = generated(t, "generate", dir); code != 0 || !strings.HasPrefix(out, want) || !strings.Contains(out, `tsconfig.json does not know the types: add "extends": "./flow_generated/tsconfig.json" to it`) {
		t.Errorf("code %d\n%s", code, out)
	}
	if code, out = generated(t, "generate", dir, "--check"); code != 0 {
		t.Errorf("code %d\n%s", code, out)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("types of no collection stay: %v", err)
	}
	if text, err := os.ReadFile(own); err != nil || string(text) != "export {};\n" {
		t.Errorf("a file of the author's is gone: %v", err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGenerateFails(t *testing.T) {
	if code, out := generated(t, "generate", weirtest.Files(t, map[string]string{"flow.yaml": "collections: {x: {}}"})); code != exitInvalid || !strings.Contains(out, "flow.yaml:1:") {
		t.Errorf("code %d\n%s", code, out)
	}
	if code, out := generated(t, "generate"); code != exitInvalid || !strings.Contains(out, "weir generate CATALOG") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// TestTypesAreCheckedAtBuild publishes and tests a module whose types are wrong:
// where a TypeScript compiler is there it is an error of the catalog, else it
// is built, and -v says why.
func TestTypesAreCheckedAtBuild(t *testing.T) {
	files := maps.Clone(typed)
	files["totals.ts"] = strings.Replace(files["totals.ts"], "doc.n", "doc.id", 1)
	files["flow.yaml"] += `
tests:
  acmeCo/tests/totals:
    steps:
      - ingest: { collection: acmeCo/orders, documents: [{ id: a, n: 1 }] }
`
	dir := weirtest.Files(t, files)
	c := weirtest.Load(t, dir)
	notice, _ := derive.CheckTypes(t.Context(), c, dir)
	s := weirtest.Server(t)
	const want = "totals.ts:4:24: TS2322: Type 'string' is not assignable to type 'number'. (module of acmeCo/totals) [type-check]\n" +
		"weir: the catalog has 1 fault [catalog]\n  do: correct what the lines above name; docs/reference/errors.md explains the codes\n"
	for _, args := range [][]string{{"test", dir}, {"publish", dir, "--nats", s.URL()}} {
		code, out := generated(t, args...)
		if notice != "" {
			if fails := args[0] == "test"; strings.Contains(out, "TS2322") || (code == exitFailed) != fails { // by the schema
				t.Errorf("%v without a compiler: code %d\n%s", args, code, out)
			}
			continue
		}
		if code != exitInvalid || out != want {
			t.Errorf("%v: code %d\n%s\nwant\n%s", args, code, out, want)
		}
	}
}
