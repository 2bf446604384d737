package derive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/catalog"
)

// theChecker gives the TypeScript compiler, nil on machines without one: there
// the tests that need it say what is so instead. CI installs one.
func theChecker(t *testing.T) *checker {
	t.Helper()
	k, why, err := findChecker(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if k == nil && !strings.HasPrefix(why, "types of modules are not checked: there is no tsgo or tsc") {
		t.Errorf("the notice is %q", why)
	}
	return k
}

// TestDeclarationsCompile has the compiler read all generated types, not only
// what modules use of them, and modules of every form.
func TestDeclarationsCompile(t *testing.T) {
	k := theChecker(t)
	if k == nil {
		return
	}
	c := loadTypes(t)
	if notice, err := CheckTypes(t.Context(), c, typesData); err != nil || notice != "" {
		t.Fatal(notice, err)
	}
	modules, err := checkedModules(c)
	if err != nil || len(modules) != 2 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	dir := t.TempDir()
	if err := writeProject(dir, c, modules); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ProjectFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	strict := strings.NewReplacer(`"skipLibCheck":true`, `"skipLibCheck":false`, `"noImplicitAny":false`, `"noImplicitAny":true`, `"files"`, `"include":["**/*"],"files"`).Replace(string(text))
	if err := os.WriteFile(file, []byte(strict), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := k.run(t.Context(), dir, modules); err != nil {
		t.Error(err)
	}
}

// typedCatalog is a catalog of one derivation acmeCo/out of acmeCo/in, with a
// register, in a directory of files.
func typedCatalog(t *testing.T, using string, files ...string) (*catalog.Catalog, string) {
	t.Helper()
	flow := writeFiles(t, append([]string{"flow.yaml", `
collections:
  acmeCo/in:
    key: [/id]
    schema: { type: object, required: [id], properties: { id: { type: string }, n: { type: integer } } }
  acmeCo/out:
    key: [/id]
    schema: { type: object, required: [id], properties: { id: { type: string }, sum: { type: integer } } }
    derive:
      using: ` + using + `
      register: { schema: { type: integer }, initial: 0 }
      transforms: [{ name: fromIn, source: acmeCo/in, shuffle: { key: [/id] } }]
`}, files...)...)
	c, err := catalog.Load(flow)
	if err != nil {
		t.Fatal(err)
	}
	return c, filepath.Dir(flow)
}

func TestTypeErrors(t *testing.T) {
	for name, test := range map[string]struct {
		using string
		files []string
		want  []string // the beginnings of lines
	}{
		"functions": {"{ typescript: { module: flows/out.ts } }", []string{"flows/out.ts", `import { CallFromIn, Document } from "flow/acmeCo/out";
export function fromIn({ doc, register, key }: CallFromIn): Document {
  register.set("one");
  const id: number = key[0];
  return { id: doc.id, sum: doc.m };
}
`}, []string{
			"flows/out.ts:3:16: TS2345: Argument of type 'string' is not assignable to parameter of type 'number'. (module of acmeCo/out)",
			"flows/out.ts:4:9: TS2322: Type 'string' is not assignable to type 'number'. (module of acmeCo/out)",
			"flows/out.ts:5:33: TS2339: Property 'm' does not exist on type 'Document'. (module of acmeCo/out)",
		}},
		"class": {"{ typescript: { module: out.ts } }", []string{"out.ts", `import { IDerivation, Document, SourceFromIn } from "flow/acmeCo/out.ts";
export class Derivation extends IDerivation {
  fromIn(read: { doc: SourceFromIn }): Document[] { return [{ id: read.doc.n }]; }
}
`}, []string{"out.ts:3:63: TS2322: Type 'number | undefined' is not assignable to type 'string'. Type 'undefined' is not assignable to type 'string'. (module of acmeCo/out)"}},
		"a method is missing": {"{ typescript: { module: out.ts } }", []string{"out.ts", `import { IDerivation } from "flow/acmeCo/out.ts";
export class Derivation extends IDerivation {}
`}, []string{"out.ts:2:14: TS2515: Non-abstract class 'Derivation' does not implement inherited abstract member"}},
		"an imported file": {"{ typescript: { module: flows/out.ts } }", []string{"flows/out.ts", `import { total } from "../lib/total";
import rates from "./rates.json";
import { x } from "typed";
export const fromIn = ({ doc }) => ({ id: doc.id, sum: total(x) + rates.EUR });
`, "lib/total.ts", "export const total = (n: string): number => n;\n", "flows/rates.json", `{"EUR":"1"}`,
			"node_modules/typed/package.json", `{"name":"typed","types":"types.d.ts"}`, "node_modules/typed/index.js", "exports.x = 1", "node_modules/typed/types.d.ts", "export const x: number;"},
			[]string{
				"flows/out.ts:4:62: TS2345: Argument of type 'number' is not assignable to parameter of type 'string'. (module of acmeCo/out)",
				"lib/total.ts:1:45: TS2322: Type 'string' is not assignable to type 'number'.",
			}},
		"JavaScript that asks for it": {"{ javascript: { module: out.js } }", []string{"out.js", `// @ts-check
/** @type {import("flow/acmeCo/out").FunctionFromIn} */
export const fromIn = ({ doc }) => ({ id: doc.n });
`}, []string{"out.js:3:3"}},
		"other JavaScript": {"{ javascript: { module: out.js } }", []string{"out.js", "export const fromIn = ({ doc }) => ({ id: doc.nothing.at.all });\n"}, nil},
		"an inline module": {`{ typescript: { module: "import { CallFromIn } from 'flow/acmeCo/out';\nexport const fromIn = ({ doc }: CallFromIn) => doc.m;" } }`, nil,
			[]string{"inline.ts:2:52: TS2339: Property 'm' does not exist on type 'Document'. (module of acmeCo/out)"}},
		"nothing of Node.js": {"{ typescript: { module: out.ts } }", []string{"out.ts", "export function fromIn() {\n  console.table(1);\n  setTimeout(() => {}, 1);\n}\n"}, []string{
			"out.ts:2:11: TS2339: Property 'table' does not exist on type", "out.ts:3:3: TS2304: Cannot find name 'setTimeout'"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := typedCatalog(t, test.using, test.files...)
			notice, err := CheckTypes(t.Context(), c, dir)
			if theChecker(t) == nil {
				if asks := test.want != nil; err != nil || (notice != "") != asks {
					t.Errorf("without a compiler: %q, %v", notice, err)
				}
				return
			}
			if notice != "" {
				t.Errorf("not checked: %s", notice)
			}
			var faults catalog.Errors
			if err != nil && !errors.As(err, &faults) {
				t.Fatal(err)
			}
			if len(faults) != len(test.want) {
				t.Fatalf("%d errors, want %d:\n%v", len(faults), len(test.want), err)
			}
			for i, want := range test.want {
				if got := faults[i].Error(); !strings.HasPrefix(got, want) {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
			}
		})
	}
}

// TestCheckersThatAreNone checks what becomes of files that are no compiler.
func TestCheckersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ script, want string }{
		"old":     {"#!/bin/sh\necho Version 4.9.5\n", "is of version 4.9.5: version 5 or newer is needed"},
		"another": {"#!/bin/sh\necho tsc of some other kind\n", "is no TypeScript compiler: its version is tsc of some other kind"},
		"fails":   {"#!/bin/sh\nexit 3\n", "exit status 3"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(test.script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv(CheckerVariable, file)
		if _, _, err := findChecker(t.Context(), dir); err == nil || !strings.HasPrefix(err.Error(), CheckerVariable+": ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv(CheckerVariable, "")
	t.Setenv("PATH", "")
	if err := os.MkdirAll(filepath.Join(dir, "node_modules", ".bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "node_modules", ".bin", "tsc")); err != nil {
		t.Fatal(err)
	}
	k, why, err := findChecker(t.Context(), filepath.Join(dir, "below"))
	if k != nil || err != nil || !strings.Contains(why, "node_modules/.bin/tsc is of version 4.9.5") {
		t.Errorf("%v, %q, %v", k, why, err)
	}
}

func TestDiagnostics(t *testing.T) {
	root := filepath.Join(string(filepath.Separator), "c")
	modules := []checkedModule{{file: filepath.Join(root, "flows", "m.ts"), module: &catalog.Module{Path: filepath.Join(root, "flows", "m.ts"), File: "flows/m.ts"}, name: "flows/m.ts", collection: "acmeCo/out"}}
	output := "../c/flows/m.ts(3,5): error TS1: One.\r\n  Because.\n    Of (this).\n../c/lib (1)/x.ts(10,20): error TS22: Two: three\nsomething else\n  more\n../c/flows/m.ts(1,1): warning TS3: no error\n"
	got := parseDiagnostics([]byte(output), filepath.Join(string(filepath.Separator), "tmp"), modules)
	want := "flows/m.ts:3:5: TS1: One. Because. Of (this). (module of acmeCo/out) [type-check]\nlib (1)/x.ts:10:20: TS22: Two: three more [type-check]"
	if got.Error() != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	many := strings.Repeat("../c/flows/m.ts(3,5): error TS1: One.\n", maxTypeErrors+5)
	if got := parseDiagnostics([]byte(many), filepath.Join(string(filepath.Separator), "tmp"), modules); len(got) != maxTypeErrors+1 || !strings.HasPrefix(got[maxTypeErrors].Message, fmt.Sprintf("there are more type errors than these %d", maxTypeErrors)) {
		t.Errorf("%d errors", len(got))
	}
}

func FuzzDiagnostics(f *testing.F) {
	f.Add("m.ts(3,5): error TS1: One.\n  Because.\n")
	f.Add("(,): error TS:\n")
	f.Add("m.ts(99999999999999999999,1): error TS1: x")
	f.Fuzz(func(t *testing.T, output string) {
		for _, e := range parseDiagnostics([]byte(output), string(filepath.Separator), nil) {
			if e.Message == "" || e.File == "" || e.Line < 0 {
				t.Errorf("%+v", e)
			}
		}
	})
}

func TestCheckTypesIsCancelled(t *testing.T) {
	c, dir := typedCatalog(t, "{ typescript: { module: out.ts } }", "out.ts", "export function fromIn() {}\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CheckTypes(ctx, c, dir); theChecker(t) != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestEditorProject has the compiler read the settings that editors find, and a
// module beside them that is right and one that is not.
func TestEditorProject(t *testing.T) {
	project, err := EditorProject()
	if err != nil || !strings.HasPrefix(project, Generated) {
		t.Fatal(project, err)
	}
	k := theChecker(t)
	if k == nil {
		return
	}
	c, dir := typedCatalog(t, "{ typescript: { module: flows/out.ts } }", "flows/out.ts", "import { CallFromIn } from 'flow/acmeCo/out.ts';\nexport const fromIn = ({ doc }: CallFromIn) => doc.id;\n",
		"bad.ts", "import { Document } from 'flow/acmeCo/in';\nconsole.log(({} as Document).m);\n",
		"node_modules/other/bad.ts", "nonsense nonsense")
	files, err := Declarations(c)
	if err != nil {
		t.Fatal(err)
	}
	files[ProjectFile] = project
	if err := WriteDeclarations(filepath.Join(dir, "flow_generated"), files); err != nil {
		t.Fatal(err)
	}
	if err := WriteDeclarations(dir, map[string]string{ProjectFile: `{ "extends": "./flow_generated/tsconfig.json" }`}); err != nil {
		t.Fatal(err)
	}
	err = k.run(t.Context(), dir, nil)
	if want := "bad.ts:2:30: TS2339: Property 'm' does not exist on type 'Document'. [type-check]"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
