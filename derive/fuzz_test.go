package derive

import (
	"math"
	"strings"
	"testing"

	"weir/catalog"
	"weir/document"
)

const fuzzModule = `
const copy = (v) => Array.isArray(v) ? v.map(copy)
  : v !== null && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, copy(x)])) : v;
export const same = ({ doc }) => doc;
export const spread = ({ doc }) => ({ ...doc });
export const json = ({ doc }) => JSON.parse(JSON.stringify(doc));
export const deep = ({ doc }) => copy(doc);
export const touched = ({ doc }) => {
  const touch = (v) => {
    if (v === null || typeof v !== "object") return;
    if (Array.isArray(v)) { v.push(0); v.pop(); v.forEach(touch); return; }
    v.added = 1; delete v.added;
    Object.keys(v).forEach((k) => touch(v[k]));
  };
  if (!JSON.stringify(doc).includes('"added"')) touch(doc);
  return doc;
};
export const register = ({ doc, register }) => { register.set(doc); return register.value; };
export const reversed = ({ doc }) => {
  const turn = (v) => {
    if (v === null || typeof v !== "object") return v;
    if (Array.isArray(v)) { for (let i = v.length - 1; i >= 0; i--) v[i] = turn(v[i]); return v.reverse().reverse(); }
    for (const k of Object.keys(v).reverse()) v[k] = turn(v[k]);
    return v;
  };
  return turn(doc);
};
`

func fuzzVM(t testing.TB) (*VM, []string) {
	names := []string{"same", "spread", "json", "deep", "touched", "register", "reversed"}
	d := withRegister(derivation(fuzzModule), `true`, "")
	d.Transforms = nil
	for _, n := range names {
		d.Transforms = append(d.Transforms, catalog.Transform{Name: n, Shuffle: catalog.Shuffle{Key: []string{"/no such member"}}})
	}
	return newVM(t, d, VMOptions{}), names
}

// exactInJS reports whether every number of d is one that JavaScript holds, and no name is special to it.
func exactInJS(d *document.Doc) bool {
	for i := range d.Nodes {
		switch d.Nodes[i].Kind {
		case document.Integer, document.Number:
			f := document.Float64(d.Text(uint32(i)))
			text := appendFloat(nil, f)
			if math.IsInf(f, 0) || document.CompareNumbers(text, d.Text(uint32(i))) != 0 {
				return false
			}
		case document.String:
			if s := d.String(uint32(i)); s == "__proto__" || s == "toJSON" {
				return false
			}
		}
	}
	return true
}

// FuzzDocument passes documents through functions that return them by all ways and compares by value.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		sample, `{}`, `{"a":{}}`, `{"a":[]}`, `{"a":[[],[{}],[[[]]]]}`, `{ "a" : [ 1 , 2 ] , "b" : "" }`, `{"":{"":""}}`,
		`{"1":1,"0":2,"-1":3,"length":4,"constructor":5,"toString":6}`, `{"\u0061\n":"\ud83d\ude00","é":"\u0000"}`,
		`{"a":-0,"b":1e400,"c":1.10,"d":123456789012345678901234567890,"e":-0.0,"f":5e-324}`, `{"added":1,"valueOf":null,"then":{}}`,
		`{"a":{"toJSON":1,"__proto__":{"x":1}}}`, `{"a":[null,true,false,"x",0,-1,1023,1024,1e15,999999999999999,9007199254740993]}`,
		`{"a1":1,"a2":2,"a3":3,"a4":4,"a5":5,"a6":6,"a7":7,"a8":8,"a9":9,"b1":1,"b2":2,"b3":3,"b4":4,"b5":5,"b6":6,"b7":7,"b8":8,"b9":{"x":[1]},"c1":1,"c2":2,"c3":3,"c4":4,"c5":5,"c6":6,"c7":7}`,
	} {
		f.Add([]byte(seed))
	}
	vm, names := fuzzVM(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d, out document.Doc
		if len(raw) > 1<<16 || d.Parse(raw) != nil || d.Nodes[0].Kind != document.Object {
			return
		}
		exact := exactInJS(&d)
		for i, name := range names {
			var got []byte
			err := vm.Apply(i, &d, testMeta, func(b []byte) error { got = append(got, b...); return nil })
			switch {
			case name == "same" && err != nil:
				t.Fatal(err)
			case err != nil && strings.Contains(err.Error(), "__proto__"), err != nil && !exact:
				continue
			case err != nil:
				t.Fatalf("%s: %v", name, err)
			}
			if err := out.Parse(got); err != nil {
				t.Fatalf("%s gives %q: %v", name, got, err)
			}
			keepsText := name == "same" || name == "touched" || name == "register"
			if (keepsText || exact) && !document.Equal(&d, 0, &out, 0) {
				t.Fatalf("%s\n got %s\nfrom %s", name, got, raw)
			}
		}
		vm.Changes()
	})
}

// FuzzEncode has JavaScript build values from the fuzzer's bytes and compares the encoder with JSON.stringify.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "\x00", "abcdefghijklmnopqrstuvwxyz", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", "\x09\x09\x09\x09\x00", "\xff\xfe\xfd\xfc", "[[[[{{{{"} {
		f.Add([]byte(seed))
	}
	vm := newVM(f, derivation(`
const leaves = [null, undefined, true, false, 0, -0, 1, -1, 1023, 1024, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e-7, 0.1, NaN, Infinity,
  -Infinity, 5e-324, Number.MAX_VALUE, "", "x", "é", "\ud83d\ude00", "\u0000\u001f\u2028\"\\/<>&", () => 1, Symbol("s"), /x/g,
  new Date(0), new Date(NaN), new Error("e"), new Map([[1, 2]]), new Number(3), new String("s"), new Boolean(false), Object.create({ p: 1 })];
export function f({ doc }) {
  const bytes = doc.b;
  let at = 0;
  const next = () => at < bytes.length ? bytes[at++] : 0;
  const build = (depth) => {
    const b = next();
    if (depth > 20) return null;
    switch (b % 8) {
      case 0: { const a = []; for (let n = next() % 6; n > 0; n--) a.push(build(depth + 1)); return a; }
      case 1: { const o = {}; for (let n = next() % 6; n > 0; n--) o[String.fromCharCode(next() + 32 * n)] = build(depth + 1); return o; }
      case 2: { const v = build(depth + 1); return { toJSON(k) { return typeof v === "string" ? v + k : v; } }; }
      case 3: { const v = build(depth + 1); return { get x() { return v; }, [Symbol("s")]: 1 }; }
      case 4: { const v = build(depth + 1); return new Proxy({ v, w: 1 }, {}); }
      case 5: return (next() * 256 + next()) / (next() + 1);
      case 6: return String.fromCharCode(...Array.from({ length: next() % 9 }, () => next() + 256 * (next() % 3)));
    }
    return leaves[next() % leaves.length];
  };
  const v = build(0);
  return [{ v }, { text: JSON.stringify({ v }) }];
}`), VMOptions{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		doc := []byte(`{"b":[`)
		for i, b := range data {
			if i > 0 {
				doc = append(doc, ',')
			}
			doc = appendFloat(doc, float64(b))
		}
		out, err := apply(vm, string(append(doc, "]}"...)))
		if err != nil {
			t.Fatal(err)
		}
		var a, text, b document.Doc
		if err := a.Parse([]byte(out[0])); err != nil {
			t.Fatalf("%q: %v", out[0], err)
		}
		if err := text.Parse([]byte(out[1])); err != nil {
			t.Fatal(err)
		}
		i, _ := text.Get(0, "text")
		if err := b.Parse(text.AppendString(nil, i)); err != nil {
			t.Fatal(err)
		}
		if !document.Equal(&a, 0, &b, 0) {
			t.Fatalf("\n got %s\nwant %s", out[0], b.Src)
		}
	})
}

// FuzzModule bundles and runs whatever text it gets: errors, never a panic or an endless run.
func FuzzModule(f *testing.F) {
	for _, seed := range []string{
		`export function f({ doc }) { return doc }`, `export const f = async () => { throw 1 }`, `import x from "./x.json"`, `import { IDerivation } from "flow/a"; export class Derivation extends IDerivation {}`,
		`export function f() { return { ...arguments[0] } }`, `export function f({ doc, register }) { register.set(doc); register.reduce(register.value); register.delete() }`,
		`export function f({ doc }) { doc.a[doc.a.length] = doc; return doc }`, `export function* f() { yield 1 }`, `export { f }; var f = (x) => x`, `export let f = class { static x = new Date(1, 2, "3") }`,
		`export const f = ({ doc }) => doc.a.map(String).sort().reverse().concat(doc)`, "export const f = ({ doc: { a: [b, ...c], ...d } }) => [{ c }, d]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		if len(code) > 1000 || strings.Contains(code, "repeat") || strings.Contains(code, "pad") {
			return // built-in functions that make huge strings cannot be interrupted
		}
		p, err := compile(t, withRegister(derivation(code), `true`, ""))
		if err != nil {
			return
		}
		vm, err := p.NewVM(VMOptions{Timeout: 100e6})
		if err != nil {
			return
		}
		for range 2 {
			out, err := apply(vm, `{"k":1,"a":[3,1,{"b":null}],"o":{"x":1.50}}`)
			if err != nil && !strings.HasPrefix(err.Error(), "inline.js") {
				t.Fatal(err)
			}
			for _, raw := range out {
				var d document.Doc
				if err := d.Parse([]byte(raw)); err != nil || d.Nodes[0].Kind != document.Object {
					t.Fatalf("emits %q: %v", raw, err)
				}
			}
		}
		vm.Changes()
	})
}
