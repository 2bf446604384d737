package derive_test

import (
	"path/filepath"
	"strings"
	"testing"

	"weir/catalog"
	"weir/derive"
	"weir/internal/weirtest"
)

const sentFlow = `
collections:
  acmeCo/in: { key: [/k], schema: { type: object, required: [k], properties: { k: { type: string } } } }
  acmeCo/out:
    key: [/k]
    schema: { type: object, required: [k], properties: { k: { type: string } } }
    derive:
      using: { typescript: { module: src/main.ts } }
      transforms: [{ name: f, source: acmeCo/in, shuffle: { key: [/k] } }]
`

// sentAndOnDisk loads the only module of a catalog, from its files as texts and from disk.
func sentAndOnDisk(t *testing.T, files map[string]string) (sent, onDisk *catalog.Module) {
	t.Helper()
	c, err := catalog.LoadFiles("", files)
	if err != nil {
		t.Fatal(err)
	}
	return c.Collections["acmeCo/out"].Derive.Using.TypeScript, weirtest.Load(t, weirtest.Files(t, files)).Collections["acmeCo/out"].Derive.Using.TypeScript
}

// A module that was sent is bundled into what it is bundled into from disk, whatever way it names its files.
func TestBundleSent(t *testing.T) {
	sent, onDisk := sentAndOnDisk(t, map[string]string{
		"flow.yaml": sentFlow,
		"src/main.ts": `import { IDerivation } from "flow/acmeCo/out";
import { a } from "./a";
import { b } from "./b.js";
import { c } from "../lib";
import { d } from "../lib/d.mjs";
import table from "./table.json";
export const f = ({ doc }: { doc: { k: string } }) => ({ k: a(b(c(d(doc.k)))) + table.x + (IDerivation ? "" : "?") });
`,
		"src/a.ts":       "export const a = (s: string): string => s + 'a';\n",
		"src/b.ts":       "export const b = (s: string): string => s + 'b';\n",
		"src/table.json": `{"x": "-"}`,
		"lib/index.js":   "export { c } from './c';\n",
		"lib/c.js":       "export const c = (s) => s + 'c';\n",
		"lib/d.mjs":      "export const d = (s) => s + 'd';\n",
	})
	code, err := derive.Bundle(sent, true)
	if err != nil {
		t.Fatal(err)
	}
	want, err := derive.Bundle(onDisk, true)
	if err != nil || code != want {
		t.Errorf("sent:\n%s\non disk (%v):\n%s", code, err, want)
	}
}

// Nothing of the machine gets into a module that was sent, and faults stand at their lines.
func TestBundleSentReadsNoDisk(t *testing.T) {
	outside := filepath.Join(weirtest.Files(t, map[string]string{"secret.json": `{"x": 1}`}), "secret.json")
	up := strings.Repeat("../", 20) + strings.TrimPrefix(outside, "/")
	for text, want := range map[string]string{
		`import x from "` + up + `";`:      "it is not among the files that were sent",
		`const x = require("` + up + `");`: "it is not among the files that were sent",
		`import x from "` + outside + `";`: "a module can import relative files",
		`import x from "./nothing";`:       `cannot import "./nothing": it is not among the files that were sent`,
		`import x from "lodash";`:          "packages do not come with a catalog that is sent",
		`import x from "node:fs";`:         "a part of Node.js",
	} {
		c, err := catalog.LoadFiles("", map[string]string{"flow.yaml": sentFlow, "src/main.ts": "export const y = 1;\n" + text + "\nexport const f = () => x;\n"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = derive.Bundle(c.Collections["acmeCo/out"].Derive.Using.TypeScript, true)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "src/main.ts:2:") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
