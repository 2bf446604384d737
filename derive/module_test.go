package derive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/catalog"
)

// module is a derivation of a module in files, with one transform f.
func module(t *testing.T, files ...string) *catalog.Derivation {
	m := &catalog.Module{Path: writeFiles(t, files...)}
	d := derivation("")
	d.Using = catalog.Using{JavaScript: m}
	if strings.HasSuffix(m.Path, ".ts") {
		d.Using = catalog.Using{TypeScript: m}
	}
	return d
}

func TestTypeScriptModule(t *testing.T) {
	d := module(t,
		"orders/main.ts", `import { IDerivation, Document, SourceF } from "flow/acmeCo/orders";
import type { Other } from "flow/acmeCo/other.ts";
import { total, type Item } from "./lib/total";
import rates from "../rates.json";
import * as text from "./lib/text.js";

enum Size { Small, Big = 10 }
interface Order { items: Item[]; currency: keyof typeof rates }
abstract class Base<T> { constructor(protected readonly x: T) {} }

export function f({ doc }: { doc: Order }): Document[] {
  const sum: number = total(doc.items) * rates[doc.currency]!;
  return [{ sum, size: Size[sum > 10 ? Size.Big : Size.Small], name: text.shout("x" as string) } satisfies object] as Document[];
}
`,
		"orders/lib/total.ts", "export type Item = { n: number };\nexport const total = (items: Item[]) => {\n  if (!items) throw new Error(`no items`);\n  return items.reduce((s, i) => s + i.n, 0);\n};\n",
		"orders/lib/text.js", `export const shout = (s) => s.toUpperCase() + "!";`,
		"rates.json", `{ "EUR": 2, "USD": 3 }`,
		// Settings beside the module do not change how it is bundled.
		"orders/tsconfig.json", `{ "compilerOptions": { "paths": { "*": ["/nope/*"] }, "jsx": "react" } }`,
		"package.json", `{ "type": "commonjs", "sideEffects": false }`,
	)
	vm := newVM(t, d, VMOptions{})
	want := `{"sum":12,"size":"Big","name":"X!"}`
	if got := mustApply(t, vm, `{"items":[{"n":1},{"n":3}],"currency":"USD"}`); strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err := apply(vm, `{"currency":"EUR"}`)
	e := callError(t, err)
	if e.File != "lib/total.ts" || e.Line != 3 || e.Column != 21 {
		t.Errorf("got %v", e)
	}
	if want := "total (lib/total.ts:3:21)\nf (main.ts:12:29)"; e.Stack != want {
		t.Errorf("stack\n%s\nwant\n%s", e.Stack, want)
	}
	bundle := d.Using.TypeScript.Bundle
	if dir := filepath.Dir(filepath.Dir(d.Using.TypeScript.Path)); strings.Contains(bundle, dir) || strings.Contains(err.Error(), dir) {
		t.Error("the bundle or an error names a directory of this machine")
	}
}

// TestModuleFile checks that errors name files as the catalog does.
func TestModuleFile(t *testing.T) {
	d := module(t, "main.js", "import { g } from './lib g.js'\nexport const f = g", "lib g.js", "export function g() {\n  null.x }")
	d.Using.JavaScript.File = "flows/orders/main.js"
	_, err := apply(newVM(t, d, VMOptions{}), `{}`)
	if e := callError(t, err); e.File != "flows/orders/lib g.js" || e.Line != 2 {
		t.Error(e)
	}
}

func TestModuleErrors(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  string
	}{
		{"syntax", []string{"m.js", "export function f() {\n  return [1,\n}"}, `m.js:3:1: Unexpected "}"`},
		{"package", []string{"m.js", "import _ from 'lodash'\nexport const f = _"}, `m.js:1:15: cannot import "lodash": no node_modules directory beside the module or above it holds it, or the package does not export it; a module can import relative files`},
		{"node", []string{"m.ts", "import fs from 'node:fs'\nexport const f = fs"}, `m.ts:1:16: cannot import "node:fs", a part of Node.js: derivations run without it`},
		{"absolute", []string{"m.js", "import x from '/etc/x.json'\nexport const f = x"}, `cannot import "/etc/x.json"`},
		{"url", []string{"m.js", "import x from 'https://example.com/x.js'\nexport const f = x"}, `cannot import "https://example.com/x.js"`},
		{"require", []string{"m.js", "const fs = require('fs')\nexport const f = fs"}, `m.js:1:20: cannot import "fs", a part of Node.js`},
		{"npm specifier", []string{"m.js", "import x from 'npm:lodash@4.17.21'\nexport const f = x"}, `m.js:1:15: cannot import "npm:lodash@4.17.21": install the package into a node_modules directory and import it by its name, without npm: and version, as in "lodash"`},
		{"scoped npm specifier", []string{"m.js", "import x from 'npm:@acme/x@1/y.js'\nexport const f = x"}, `as in "@acme/x/y.js"`},
		{"part of a node module", []string{"m.js", "import fs from 'fs/promises'\nexport const f = fs"}, `m.js:1:16: cannot import "fs/promises", a part of Node.js`},
		{"node from a package", []string{"m.js", "import x from 'x'\nexport const f = x", "node_modules/x/index.js", "module.exports = 1\nrequire('child_process')"}, `node_modules/x/index.js:2:9: cannot import "child_process", a part of Node.js`},
		{"not exported by the package", []string{"m.js", "import x from 'x/y'\nexport const f = x", "node_modules/x/package.json", `{"name":"x","exports":{".":"./index.js"}}`, "node_modules/x/index.js", "", "node_modules/x/y.js", ""}, `m.js:1:15: cannot import "x/y": no node_modules directory beside the module or above it holds it, or the package does not export it`},
		{"asset of a package", []string{"m.js", "import x from 'x'\nexport const f = x", "node_modules/x/index.js", "import './x.css'", "node_modules/x/x.css", "a{}"}, `node_modules/x/index.js:1:8: Cannot import "node_modules/x/x.css" into a JavaScript file`},
		{"missing file", []string{"m.js", "import { x } from './nope.js'\nexport const f = x"}, `m.js:1:19: Could not resolve "./nope.js"`},
		{"missing export", []string{"m.js", "import { x } from './o.js'\nexport const f = x", "o.js", "export const y = 1"}, `m.js:1:10: No matching export in "o.js" for import "x"`},
		{"in an import", []string{"m.js", "import './lib/o.js'", "lib/o.js", "let = 1 ="}, `lib/o.js:1:`},
		{"bad JSON", []string{"m.js", "import x from './x.json'\nexport const f = x", "x.json", "{,}"}, `x.json:1:2:`},
		{"asset", []string{"m.js", "import x from './x.png'\nexport const f = x", "x.png", "1"}, `No loader is configured for ".png" files`},
		{"style", []string{"m.js", "import './x.css'\nexport const f = 1", "x.css", "a{}"}, `m.js:1:8: Cannot import "x.css" into a JavaScript file`},
		{"eval", []string{"m.js", "export const f = () => eval('1')"}, `m.js:1:24: eval is not available`},
		{"top-level await", []string{"m.js", "await 1\nexport const f = 1"}, `m.js:1:1: Top-level await`},
		{"throws while loading", []string{"m.js", "const g = () => {\n  throw new Error('load')\n}\ng()\nexport function f() {}"}, `m.js:2:9: Error: load`},
		{"rejects while loading", []string{"m.js", "(async () => { throw new Error('load') })()\nexport function f() {}"}, `m.js:1:22: Error: load`},
		{"not exported", []string{"m.js", "function f() {}\nexport const g = 1, h = 2"}, "m.js:1:1: transform f has no function: write `export function f({ doc }) { ... }` (the module exports g, h)"},
		{"no function", []string{"m.js", "export const f = 1"}, "transform f has no function"},
		{"exports nothing", []string{"m.js", "let f"}, "(the module exports nothing)"},
		{"class without a method", []string{"m.ts", "import { IDerivation } from 'flow/acmeCo/x.ts'\nexport class Derivation extends IDerivation { g(read) { return [] } async flush() { return [] } }"}, "m.ts:1:1: transform f has no method: write `f(read) { ... }` in class Derivation (the class has g)"},
		{"class that throws at once", []string{"m.js", "export class Derivation {\n  constructor(open) { this.n = open.state.n.m; }\n  f() {}\n}"}, "m.js:2:45: TypeError: Cannot read property 'm' of undefined"},
		{"Derivation is no class", []string{"m.js", "export const Derivation = 1"}, "transform f has no function"},
		{"unsupported regular expression", []string{"m.js", "export const f = () => /[/"}, "m.js:1:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := module(t, tt.files...)
			_, err := compile(t, d)
			var e *ModuleError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("\n got %v\nwant a ModuleError with %s", err, tt.want)
			}
			m := d.Using.JavaScript
			if m == nil {
				m = d.Using.TypeScript
			}
			if strings.Contains(err.Error(), filepath.Dir(m.Path)) {
				t.Errorf("names a directory of this machine: %v", err)
			}
		})
	}
}

func TestAllModuleErrorsAtOnce(t *testing.T) {
	_, err := compile(t, module(t, "m.js", "import 'a'\nimport 'b'\nimport './c'"))
	if got := strings.Count(fmt.Sprint(err), "\n") + 1; got != 3 {
		t.Errorf("got %d errors: %v", got, err)
	}
}

func TestInlineModuleCannotImportFiles(t *testing.T) {
	_, err := compile(t, derivation("import x from './x.js'\nexport const f = x"))
	if err == nil || !strings.Contains(err.Error(), "inline.js:1:15: cannot import \"./x.js\" from an inline module") {
		t.Error(err)
	}
	_, err = compile(t, derivation("import x from 'lodash'\nexport const f = x"))
	if err == nil || !strings.Contains(err.Error(), "inline.js:1:15: cannot import \"lodash\" from an inline module") {
		t.Error(err)
	}
}

// TestSourceMapFile checks that a bundle cannot make the engine read a file.
func TestSourceMapFile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "map.json")
	if err := os.WriteFile(secret, []byte(`{"version":3,"sources":["read"],"mappings":"AAAA"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	d := derivation("")
	d.Using.JavaScript.Bundle = "var weirModule = { f() { null.x } };\n//# sourceMappingURL=" + secret
	p, err := Compile(d, "c")
	if err != nil {
		t.Fatal(err)
	}
	vm, err := p.NewVM(VMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = apply(vm, `{}`); callError(t, err).File != "inline.js" {
		t.Error(err)
	}
}

func TestFunctionNames(t *testing.T) {
	for name, want := range map[string]string{
		"fromOrders": "fromOrders", "from_orders": "from_orders", "$x": "$x", "from-orders": "fromOrders",
		"from.orders-v2": "fromOrdersV2", "a_b-c": "aBC", "From-orders": "FromOrders", "1st": "_1st",
		"acmeCo/x": "acmeCoX", "von-Ölen": "vonÖlen", "-a": "a", "a--b": "aB",
	} {
		if got := functionName(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestTransformNames(t *testing.T) {
	d := derivation(`export function fromB() { return { b: 1 } } export const fromA = () => ({ a: 1 })`)
	d.Transforms = []catalog.Transform{{Name: "from-a"}, {Name: "from-b"}}
	vm := newVM(t, d, VMOptions{})
	for i, want := range []string{`{"a":1}`, `{"b":1}`} {
		if got, err := applyTo(vm, i, `{}`, testMeta); err != nil || got[0] != want {
			t.Errorf("got %v %v, want %s", got, err, want)
		}
	}
}

func TestCommonJSModule(t *testing.T) {
	d := module(t, "m.js", "const { x } = require('./x.js'); exports.f = () => ({ x })", "x.js", "module.exports = { x: 1 }")
	if got := mustApply(t, newVM(t, d, VMOptions{}), `{}`); got[0] != `{"x":1}` {
		t.Error(got)
	}
}

// TestPackages checks what modules import from a node_modules directory beside them or above them.
func TestPackages(t *testing.T) {
	d := module(t, "flows/m.ts", `import both, { named } from "both";
import { sub } from "@acme/scoped/sub";
import { legacy } from "legacy";
import * as events from "events";
import data from "both/data.json";
export const f = () => ({ both, named, sub, legacy, events: events.on, data, mode: process.env.NODE_ENV });
`,
		"node_modules/both/package.json", `{"name":"both","main":"main.js","module":"module.mjs","browser":"browser.js"}`,
		"node_modules/both/main.js", "exports.named = 'main'",
		"node_modules/both/module.mjs", "export default 1; export const named = 'module'",
		"node_modules/both/browser.js", "exports.named = 'browser'",
		"node_modules/both/data.json", "[1]",
		"node_modules/@acme/scoped/package.json", `{"name":"@acme/scoped","exports":{"./sub":{"import":"./sub.mjs","require":"./sub.cjs"}},"imports":{"#own":"./own.mjs"},"sideEffects":false}`,
		"node_modules/@acme/scoped/sub.mjs", "export { own as sub } from '#own'",
		"node_modules/@acme/scoped/own.mjs", "export const own = 'own'",
		"flows/node_modules/legacy/index.js", "const { deep } = require('deep'); exports.legacy = deep + (global === globalThis)",
		"node_modules/deep/index.js", "exports.deep = 'deep '",
		"node_modules/events/index.js", "exports.on = 'a package in the place of a part of Node.js'",
	)
	want := `{"both":1,"named":"module","sub":"own","legacy":"deep true","events":"a package in the place of a part of Node.js","data":[1],"mode":"production"}`
	if got := mustApply(t, newVM(t, d, VMOptions{}), `{}`); got[0] != want {
		t.Errorf("\n got %s\nwant %s", got[0], want)
	}
	if dir := filepath.Dir(filepath.Dir(d.Using.TypeScript.Path)); strings.Contains(d.Using.TypeScript.Bundle, dir) {
		t.Error("the bundle names a directory of this machine")
	}
}

func TestPlaceInAPackage(t *testing.T) {
	d := module(t, "m.js", "export { f } from 'x'", "node_modules/x/index.js", "export function f() {\n  throw new Error('here')\n}")
	d.Using.JavaScript.File = "flows/m.js"
	_, err := apply(newVM(t, d, VMOptions{}), `{}`)
	if e := callError(t, err); e.File != "flows/node_modules/x/index.js" || e.Line != 2 {
		t.Error(e)
	}
}

func TestDynamicImport(t *testing.T) {
	d := module(t, "m.js", "export const f = async ({ doc }) => ({ x: (await (doc.a ? import(doc.a) : import('./x.js'))).x })", "x.js", "export const x = 1")
	vm := newVM(t, d, VMOptions{})
	if got := mustApply(t, vm, `{}`); got[0] != `{"x":1}` {
		t.Error(got)
	}
	if _, err := apply(vm, `{"a":"fs"}`); err == nil || !strings.Contains(err.Error(), `"fs" is not supported`) {
		t.Error(err)
	}
}

func TestCompileNeedsABundle(t *testing.T) {
	_, err := Compile(derivation("export function f() {}"), "acmeCo/derived")
	if err == nil || !strings.Contains(err.Error(), "derive acmeCo/derived: the module inline.js has not been bundled") {
		t.Error(err)
	}
}

// TestModulesDoNotMeet checks that two VMs of a program share no globals.
func TestModulesDoNotMeet(t *testing.T) {
	p, err := compile(t, derivation(`let n = 0; export function f() { globalThis.x = (globalThis.x || 0) + 1; return { n: ++n, x } }`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		vm, err := p.NewVM(VMOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := mustApply(t, vm, `{}`); got[0] != `{"n":1,"x":1}` {
			t.Error(got)
		}
	}
}
