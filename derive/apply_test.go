package derive

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/document"
)

const sample = `{"k":"a","n":5,"price":1.10,"big":9223372036854775808,"t":true,"z":null,"s":"x\ny \ud83d\ude00 \u00e9","o":{"p":{"q":[1.50,2]}},"a":[3,1,2],"l":[{"v":1},{"v":2}]}`

// TestReturns checks what functions return against the JSON that is emitted. The body is that of
// `f({ doc, register, key, meta })`.
func TestReturns(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"nothing", ``, ``},
		{"null", `return null`, ``},
		{"empty array", `return []`, ``},
		{"untouched", `return doc`, sample},
		{"read only", `doc.o.p.q.length; doc.s; doc.l[1].v; return doc`, sample},
		{"two", `return [doc.o, { x: 1 }]`, `{"p":{"q":[1.50,2]}}|{"x":1}`},
		{"a lazy array", `return doc.l`, `{"v":1}|{"v":2}`},
		{"nested keeps text", `return { o: doc.o, a: doc.a }`, `{"o":{"p":{"q":[1.50,2]}},"a":[3,1,2]}`},
		{"set", `doc.n = 6; return doc`, strings.Replace(sample, `"n":5`, `"n":6`, 1)},
		{"add", `doc.y = [1]; return doc`, sample[:len(sample)-1] + `,"y":[1]}`},
		{"delete", `delete doc.n; delete doc.nope; return doc`, strings.Replace(sample, `"n":5,`, ``, 1)},
		{"delete and set again", `delete doc.n; doc.n = 7; return doc`, strings.Replace(sample, `"n":5,`, ``, 1)[:len(sample)-7] + `,"n":7}`},
		{"add and delete", `doc.y = 1; delete doc.y; return doc`, sample},
		{"set undefined", `doc.n = undefined; return doc`, strings.Replace(sample, `"n":5,`, ``, 1)},
		{"nested set", `doc.o.p.r = 1; return doc`, strings.Replace(sample, `[1.50,2]}`, `[1.50,2],"r":1}`, 1)},
		{"nested push", `doc.o.p.q.push("x"); return doc`, strings.Replace(sample, `[1.50,2]`, `[1.50,2,"x"]`, 1)},
		{"element set", `doc.l[0].v = 9; return doc`, strings.Replace(sample, `{"v":1}`, `{"v":9}`, 1)},
		{"spread", `return { ...doc.o, x: 1 }`, `{"p":{"q":[1.50,2]},"x":1}`},
		{"rest", `const { o, l, a, s, big, ...rest } = doc; return rest`, `{"k":"a","n":5,"price":1.1,"t":true,"z":null}`},
		{"keys", `return { k: Object.keys(doc).join() , v: Object.values(doc.l[0]), e: Object.entries(doc.o.p.q) }`,
			`{"k":"k,n,price,big,t,z,s,o,a,l","v":[1],"e":[["0",1.5],["1",2]]}`},
		{"in", `return { a: "n" in doc, b: "nope" in doc, c: doc.hasOwnProperty("t"), d: Object.hasOwn(doc, "toString"), e: doc.nope === undefined }`,
			`{"a":true,"b":false,"c":true,"d":false,"e":true}`},
		{"for in", `let s = ""; for (const x in doc.o) s += x; for (const i in doc.a) s += i; return { s }`, `{"s":"p012"}`},
		{"identity", `return { a: doc.o === doc.o, b: doc.l[0] === doc.l[0], c: doc.l[0] === doc.l[1] }`, `{"a":true,"b":true,"c":false}`},
		{"array methods", `return { m: doc.a.map(x => x * 2), f: doc.a.filter(x => x > 1), r: doc.a.reduce((x, y) => x + y), i: doc.a.includes(1), j: doc.a.join("-"), s: doc.a.slice(1), c: doc.a.concat([9]), fl: [doc.a, doc.a].flat() }`,
			`{"m":[6,2,4],"f":[3,2],"r":6,"i":true,"j":"3-1-2","s":[1,2],"c":[3,1,2,9],"fl":[3,1,2,3,1,2]}`},
		{"array changes", `doc.a.sort(); doc.a.push(4, 5); doc.a.shift(); doc.a.splice(1, 1, "x", "y"); doc.a.reverse(); doc.a.unshift(0); doc.a.pop(); return { a: doc.a }`,
			`{"a":[0,5,4,"y","x"]}`},
		{"for of", `let s = ""; for (const [i, x] of doc.a.entries()) s += i + ":" + x + " "; for (const x of doc.l) { if (x.v > 1) break; s += x.v; } for (const x of doc.o.p.q) for (const y of doc.a) s += x * y + ","; return { s }`,
			`{"s":"0:3 1:1 2:2 14.5,1.5,3,6,2,4,"}`},
		{"for of while it grows", `const l = []; for (const x of doc.a) { if (doc.a.length < 5) doc.a.push(x * 10); l.push(x); } return { l }`, `{"l":[3,1,2,30,10]}`},
		{"iterator by hand", `const i = doc.l[Symbol.iterator](), j = doc.l[Symbol.iterator](); const a = i.next(), b = i.next(), c = i.next(); doc.l.push(3);
  return { a: a.value.v, b: b.value.v, c: [a.done, b.done, c.done, c.value, i.next().done], r: { ...a }, self: i[Symbol.iterator]() === i, tag: String(i), j: j.next().value === a.value, bound: j.next.bind(j)().value === b.value, keys: Object.keys(i) }`,
			`{"a":1,"b":2,"c":[false,false,true,null,true],"r":{"value":{"v":1},"done":false},"self":true,"tag":"[object Array Iterator]","j":true,"bound":true,"keys":[]}`},
		{"what inherits from an array", `const o = Object.create(doc.a); return { l: [...o], p: Object.getPrototypeOf(doc.a) instanceof Array, c: doc.a.constructor === Array, n: [doc.a[Symbol.iterator].name, doc.a[Symbol.iterator]().next.name] }`,
			`{"l":[3,1,2],"p":true,"c":true,"n":["values","next"]}`},
		{"array length", `doc.a.length = 1; doc.l.length = 0; return { a: doc.a, l: doc.l }`, `{"a":[3],"l":[]}`},
		{"array beyond", `doc.a[4] = 1; return { a: doc.a, n: doc.a.length }`, `{"a":[3,1,2,null,1],"n":5}`},
		{"sort by function", `return { a: doc.a.sort((x, y) => y - x), b: [...doc.a].sort() }`, `{"a":[3,2,1],"b":[1,2,3]}`},
		{"array out of order", `const l = doc.l; return { a: l[1].v, b: l[0].v, c: l.at(-1).v, d: l[2] === undefined, e: l[-1] === undefined }`,
			`{"a":2,"b":1,"c":2,"d":true,"e":true}`},
		{"destructuring", `const { o: { p: { q: [x, y] } }, l: [, { v }] } = doc; return { x, y, v }`, `{"x":1.5,"y":2,"v":2}`},
		{"is array", `return { a: Array.isArray(doc.a), b: Array.isArray(doc.o), c: doc.a instanceof Array, t: typeof doc.o, tag: Object.prototype.toString.call(doc.a) }`,
			`{"a":true,"b":false,"c":true,"t":"object","tag":"[object Array]"}`},
		{"stringify", `return { s: JSON.stringify(doc.o), i: JSON.stringify(doc.l, null, 1) }`,
			`{"s":"{\"p\":{\"q\":[1.5,2]}}","i":"[\n {\n  \"v\": 1\n },\n {\n  \"v\": 2\n }\n]"}`},
		{"assign", `return Object.assign(doc.o, { x: doc.l[0] })`, `{"p":{"q":[1.50,2]},"x":{"v":1}}`},
		{"strings", `return { n: doc.s.length, c: doc.s.charCodeAt(4), e: doc.s.codePointAt(4) === 0x1F600, s: doc.s, up: doc.s.slice(-1) }`,
			`{"n":8,"c":55357,"e":true,"s":"x\ny 😀 é","up":"é"}`},
		{"lone surrogate", `return { s: "\ud83d", t: doc.s.slice(0, 5) }`, `{"s":"` + "\ufffd" + `","t":"x\ny ` + "\ufffd" + `"}`},
		{"numbers", `return { a: -0, b: 1e21, c: 1e-7, d: 0.1 + 0.2, e: 123456789012345680000, f: NaN, g: Infinity, h: [-Infinity], i: 5e-324 }`,
			`{"a":0,"b":1e+21,"c":1e-07,"d":0.30000000000000004,"e":123456789012345680000,"f":null,"g":null,"h":[null],"i":5e-324}`},
		{"big integers", `return { a: 2n ** 70n, b: [BigInt(3)], big: doc.big }`, `{"a":1180591620717411303424,"b":[3],"big":9223372036854776000}`},
		{"moved members keep text", `return { ...doc.o.p, o: doc.o }`, `{"q":[1.50,2],"o":{"p":{"q":[1.50,2]}}}`},
		{"dropped", `return { a: undefined, b: () => 1, c: Symbol("x"), d: [undefined, () => 1, Symbol("x")] }`, `{"d":[null,null,null]}`},
		{"dates", `return { d: new Date(0), e: new Date(NaN) }`, `{"d":"1970-01-01T00:00:00.000Z","e":null}`},
		{"toJSON", `return { a: { toJSON(k) { return "is " + k } }, b: [{ toJSON() { return undefined } }], c: { toJSON() { return { x: 1 } } } }`,
			`{"a":"is a","b":[null],"c":{"x":1}}`},
		{"toJSON of itself", `const o = { x: 1, toJSON() { return this } }; return o`, `{"x":1}`},
		{"toJSON of what toJSON gives", `const g = () => ({ toJSON: g, x: 1 }); return { a: g(), l: [{ toJSON: (i) => typeof i + i }] }`, `{"a":{"x":1},"l":["string0"]}`},
		{"toJSON of the document", `return { toJSON() { return doc.o } }`, `{"p":{"q":[1.50,2]}}`},
		{"wrappers", `return { a: new Number(1), b: new String("s"), c: new Boolean(false), e: new Map([[1, 2]]), f: new Set([1]), g: /x/, h: new Error("e") }`,
			`{"a":1,"b":"s","c":false,"e":{},"f":{},"g":{},"h":{}}`},
		{"classes", `class P { #h = 1; static s = 2; x = 3; get y() { return 4 } } return { p: new P() , o: Object.create({ inherited: 1 }) }`, `{"p":{"x":3},"o":{}}`},
		{"getters", `return { get x() { return doc.n } }`, `{"x":5}`},
		{"proxy", `return new Proxy({ a: 1 }, { get: (t, p) => p === "a" ? 2 : t[p] })`, `{"a":2}`},
		{"the same twice", `const x = { y: 1 }; return { a: x, b: [x, x] }`, `{"a":{"y":1},"b":[{"y":1},{"y":1}]}`},
		{"typed array", `return { a: new Uint8Array([1, 2]) }`, `{"a":{"0":1,"1":2}}`},
		{"names", `return { "": 1, "a\"b": 2, __proto__: null, "é": 3, 7: 4 }`, `{"7":4,"":1,"a\"b":2,"é":3}`},
		{"key and meta", `return { key, meta }`, `{"key":["a"],"meta":{"collection":"acmeCo/transfers","transform":"f","seq":42,"ts":"2026-03-04T05:06:07.089Z"}}`},
		{"all arguments", `return { n: Object.keys(arguments[0]).join() }`, `{"n":"doc,register,key,meta"}`},
		{"class syntax", `let s = null; s ??= 1; s ||= 2; const o = { a: { b: null } }; return { s, x: o?.a?.b?.c ?? "none", y: 1_000, z: [1, 2, 3].at(-1), w: "aXa".replaceAll("a", "b") }`,
			`{"s":1,"x":"none","y":1000,"z":3,"w":"bXb"}`},
		{"regexps", `const m = /(?<y>\d{4})-(?<m>\d\d)/u.exec("on 2026-03"); return { y: m.groups.y, all: [..."a1b22".matchAll(/\d+/g)].map(x => x[0]), b: "x1".replace(/(?<=x)\d/, "!") }`,
			`{"y":"2026","all":["1","22"],"b":"x!"}`},
		{"generators", `function* g() { yield* doc.a } return { a: [...g()], s: [...new Set(doc.a)].length, m: Object.fromEntries(new Map([["x", 1]])) }`,
			`{"a":[3,1,2],"s":3,"m":{"x":1}}`},
		{"labels and errors", `try { null.x } catch (e) { return { n: e.name, i: e instanceof TypeError, c: new Error("a", { cause: 1 }).cause } }`,
			`{"n":"TypeError","i":true,"c":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vm := newVM(t, derivation(`export function f({ doc, register, key, meta }) { `+tt.body+` }`), VMOptions{})
			for range 2 { // the second call finds the memory of the first
				if got := strings.Join(mustApply(t, vm, sample), "|"); got != tt.want {
					t.Fatalf("\n got %s\nwant %s", got, tt.want)
				}
			}
		})
	}
}

func TestPromises(t *testing.T) {
	tests := []struct{ name, code, want, wantErr string }{
		{"async", `export async function f({ doc }) { await null; return { n: doc.n } }`, `{"n":5}`, ""},
		{"arrow", `export const f = async ({ doc }) => [doc.o]`, `{"p":{"q":[1.50,2]}}`, ""},
		{"all", `const g = async (x) => x + 1; export async function f({ doc }) { return { a: await Promise.all(doc.a.map(g)) } }`, `{"a":[4,2,3]}`, ""},
		{"for await", `async function* g() { yield 1; yield 2 } export async function f() { let s = 0; for await (const x of g()) s += x; return { s } }`, `{"s":3}`, ""},
		{"nothing", `export async function f() {}`, ``, ""},
		{"rejected", "export async function f() {\n  await null;\n  throw new Error('no')\n}", "", `inline.js:3:9: f: Error: no`},
		{"pending", `export function f() { return new Promise(() => {}) }`, "", "inline.js: f: returns a promise that nothing resolves"},
		{"lost", "export function f() {\n  (async () => { throw new Error('lost') })();\n  return null\n}", "", `inline.js:2:24: f: Error: lost`},
		{"handled", `export function f() { Promise.reject(1).catch(() => {}); return { ok: true } }`, `{"ok":true}`, ""},
		{"inside the output", `export function f() { return { a: Promise.resolve(1) } }`, "", "/a: is a promise: await it"},
		{"array of promises", `export function f({ doc }) { return doc.a.map(async (x) => ({ x })) }`, "", "returns the wrong shape, an array with a promise at [0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vm := newVM(t, derivation(tt.code), VMOptions{})
			got, err := apply(vm, sample)
			checkResult(t, got, err, tt.want, tt.wantErr)
		})
	}
}

func checkResult(t *testing.T, got []string, err error, want, wantErr string) {
	t.Helper()
	switch {
	case wantErr == "" && err != nil:
		t.Fatal(err)
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Fatalf("\n got error %v\nwant error with %s", err, wantErr)
	case strings.Join(got, "|") != want:
		t.Fatalf("\n got %s\nwant %s", strings.Join(got, "|"), want)
	}
}

// TestCallErrors checks place and message of what goes wrong in a call.
func TestCallErrors(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"throw", "\n  throw new RangeError('too\\nmuch')", "inline.js:2:9: f: RangeError: too much"},
		{"throw a string", "\n  throw 'bad'", "inline.js:2:3: f: bad"},
		{"throw an object", "\n  throw { code: 1 }", `inline.js:2:3: f: throws {"code":1}`},
		{"type error", "\n  return doc.nope.x", "inline.js:2:19: f: TypeError: Cannot read property 'x' of undefined"},
		{"unknown name", "\n  return nope", "inline.js:2:10: f: ReferenceError: nope is not defined"},
		{"string", "return 'x'", "inline.js: f: returns the wrong shape, a string: return an array of documents (objects), one document, or nothing"},
		{"number", "return 1", "returns the wrong shape, a number"},
		{"boolean", "return true", "returns the wrong shape, a boolean"},
		{"symbol", "return Symbol()", "returns the wrong shape, a symbol"},
		{"function", "return () => 1", "returns the wrong shape, a function"},
		{"date", "return new Date(0)", "returns the wrong shape, a Date"},
		{"array of numbers", "return doc.a", "returns the wrong shape, an array with a number at [0]"},
		{"array with null", "return [doc, null]", "returns the wrong shape, an array with null at [1]"},
		{"array in array", "return [[doc]]", "returns the wrong shape, an array at [0]"},
		{"function in array", "return [() => 1]", "returns the wrong shape, a function at [0]"},
		{"cycle", "const o = { a: [{}] }; o.a[0].b = o.a; return o", "cannot be encoded: /a/0/b: refers back to /a: a cycle has no JSON text"},
		{"cycle in the document", "doc.o.p.up = doc; return [doc]", "cannot be encoded: [0]/o/p/up: refers back to the whole value"},
		{"deep", "let o = {}; for (let i = 0; i < 600; i++) o = { o }; return o", "is nested more than 512 levels deep"},
		{"toJSON throws", "return { toJSON() { throw new Error('tj') } }", "Error: tj"},
		{"getter throws", "return { get x() { throw new Error('gx') } }", "Error: gx"},
		{"recursion", "\n  const g = () => g() + 1; return g()", "f: stack overflow: calls are nested more than 2048 deep"},
		{"recursion of toJSON", "const g = () => JSON.stringify({ toJSON: g }); return g()", "stack overflow"},
		{"eval", "return (0, eval)('1')", "TypeError: eval is not available"},
		{"Function", "return new Function('return 1')()", "TypeError: Function is not available"},
		{"constructor", "return (() => {}).constructor('return 1')()", "Function is not available"},
		{"constructor of async", "return (async () => {}).constructor('return 1')()", "AsyncFunction is not available"},
		{"constructor of a generator", "return (function* () {}).constructor('yield 1')()", "GeneratorFunction is not available"},
		{"constructor of a class", "class A {} ; class B extends A {} ; return B.constructor.constructor('return 1')()", "Function is not available"},
		{"constructor by prototype", "return Object.getPrototypeOf(Object.getPrototypeOf(async () => {})).constructor('1')", "Function is not available"},
		{"process", "return { p: process.env }", "process is not defined"},
		{"fetch", "fetch('x')", "fetch is not defined"},
		{"timers", "setTimeout(() => 1, 1)", "setTimeout is not defined"},
		{"next of something else", "doc.a[Symbol.iterator]().next.call({})", "next was called on what is no iterator of a document's array"},
		{"freeze", "Object.freeze(doc)", "TypeError"},
		{"argument", "arguments[0].doc = 1", "a function's argument cannot be changed (doc)"},
		{"index too large", "doc.a[4294967294] = 1", "TypeError"},
		{"an exception that cannot be read", "const e = new Error('x'); e.toString = () => { throw e }; throw e", "an exception whose text cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vm := newVM(t, derivation(`export function f({ doc }) { if (doc.ok) return doc; `+tt.body+"\n}"), VMOptions{})
			got, err := apply(vm, sample)
			checkResult(t, got, err, "", tt.want)
			e := callError(t, err)
			if e.Function != "f" || string(e.Document) != sample {
				t.Errorf("function %q, document %q", e.Function, e.Document)
			}
			if out := mustApply(t, vm, `{"ok":1}`); len(out) != 1 {
				t.Error("the VM does not go on after the error")
			}
		})
	}
}

func TestCallErrorStack(t *testing.T) {
	vm := newVM(t, derivation("const inner = (x) => {\n  throw new Error('deep')\n}\nfunction outer(x) {\n  return inner(x)\n}\nexport function f() {\n  return [1].map(outer)\n}"), VMOptions{})
	_, err := apply(vm, `{"a":"`+strings.Repeat("é", 2000)+`"}`)
	e := callError(t, err)
	if want := "inner (inline.js:2:9)\nouter (inline.js:5:16)\nf (inline.js:8:18)"; e.Stack != want {
		t.Errorf("stack\n%s\nwant\n%s", e.Stack, want)
	}
	if len(e.Document) > maxExcerpt || !strings.HasSuffix(string(e.Document), "é...") {
		t.Errorf("document of %d bytes ends with %q", len(e.Document), e.Document[len(e.Document)-8:])
	}
	if strings.Contains(err.Error(), "\n") || len(err.Error()) > 600 {
		t.Errorf("error is not one short line: %s", err)
	}
}

func TestTimeout(t *testing.T) {
	const limit = 50 * time.Millisecond
	for name, body := range map[string]string{
		"loop":     "\n  let n = 0; for (;;) n++",
		"try":      "\n  let n = 0; for (;;) { try { for (;;) n++ } catch (e) {} finally { continue } }",
		"promises": "\n  const g = () => Promise.resolve().then(g); return g()",
		"encoding": "\n  return { toJSON() { for (;;) {} } }",
		"getter":   "\n  return [{ get x() { for (;;) {} } }]",
		"thrown":   "\n  const e = new Error('x'); e.toString = () => { for (;;) {} }; throw e",
	} {
		t.Run(name, func(t *testing.T) {
			vm := newVM(t, derivation(`export function f({ doc }) { if (doc.ok) return doc; `+body+"\n}"), VMOptions{Timeout: limit})
			start := time.Now()
			_, err := apply(vm, `{}`)
			e := callError(t, err)
			if took := time.Since(start); took < limit || took > 100*limit {
				t.Errorf("stopped after %s", took)
			}
			if name != "thrown" && (!strings.Contains(e.Message, "ran longer than 50ms") || e.Line != 2 && name != "promises") {
				t.Errorf("got %v", e)
			}
			for range 1000 {
				mustApply(t, vm, `{"ok":1}`)
			}
		})
	}
}

// TestTimeoutSparesShortCalls runs calls for longer than the limit of one.
func TestTimeoutSparesShortCalls(t *testing.T) {
	vm := newVM(t, derivation(`export function f({ doc }) { let n = 0; for (let i = 0; i < 2000; i++) n += i; return doc }`), VMOptions{Timeout: 200 * time.Millisecond})
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
		mustApply(t, vm, `{}`)
	}
}

func TestUseAfterCall(t *testing.T) {
	const keep = `let kept; export function f({ doc, key, meta, register }) { if (!kept) { kept = KEEP; return } return USE }`
	tests := []struct{ name, keep, use, want string }{
		{"document", "doc", "kept.n", ""},
		{"returned", "doc", "kept", ""},
		{"returned in an array", "doc", "[kept]", ""},
		{"member", "doc", "({ x: kept })", ""},
		{"nested object", "doc.o.p", "kept.q", ""},
		{"nested array", "doc.a", "kept[0]", ""},
		{"array length", "doc.a", "kept.length", ""},
		{"array method", "doc.a", "kept.map(x => x)", ""},
		{"array element", "doc.l", "({ x: kept })", ""},
		{"write", "doc", "kept.x = 1", ""},
		{"array write", "doc.a", "kept.push(1)", ""},
		{"delete", "doc", "delete kept.n", ""},
		{"keys", "doc", "Object.keys(kept)", ""},
		{"in", "doc", "'n' in kept", ""},
		{"stringify", "doc", "JSON.stringify(kept)", ""},
		{"changed before", "(doc.n = 1, doc)", "kept.n", ""},
		{"iterator", "doc.a[Symbol.iterator]()", "kept.next()", ""},
		{"a copy is fine", "JSON.parse(JSON.stringify(doc.o))", "kept", `{"p":{"q":[1.5,2]}}`},
		{"a string is fine", "doc.s", "({ s: kept.length })", `{"s":8}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := strings.Replace(strings.Replace(keep, "KEEP", tt.keep, 1), "USE", tt.use, 1)
			vm := newVM(t, derivation(code), VMOptions{})
			mustApply(t, vm, sample)
			got, err := apply(vm, strings.Replace(sample, `"a"`, `"b"`, 1))
			wantErr := "TypeError: document used after its call returned: copy what you keep"
			if tt.want != "" {
				wantErr = ""
			}
			checkResult(t, got, err, tt.want, wantErr)
		})
	}
}

// TestArgumentAfterCall keeps the argument itself, and closures over it.
func TestArgumentAfterCall(t *testing.T) {
	vm := newVM(t, derivation(`let kept; export function f(a) { const old = kept; kept = a; return old && old.doc }`), VMOptions{})
	mustApply(t, vm, sample)
	if _, err := apply(vm, sample); err == nil || !strings.Contains(err.Error(), "used after its call returned") {
		t.Fatal(err)
	}
}

func TestDeterminism(t *testing.T) {
	const code = `export function f() { return { now: Date.now(), date: new Date(), call: Date(), r: [Math.random(), Math.random()] } }`
	run := func(meta Meta) string {
		out, err := applyTo(newVM(t, derivation(code), VMOptions{}), 0, `{}`, meta)
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	first := run(testMeta)
	if !strings.HasPrefix(first, `{"now":1772600767089,"date":"2026-03-04T05:06:07.089Z","call":"Wed Mar 04 2026 05:06:07 GMT+0000 (UTC)","r":[0.`) {
		t.Error(first)
	}
	if again := run(testMeta); again != first {
		t.Errorf("a replay differs:\n%s\n%s", first, again)
	}
	for _, change := range []func(*Meta){
		func(m *Meta) { m.Seq++ },
		func(m *Meta) { m.Collection = "other" },
		func(m *Meta) { m.Transform = "other" },
	} {
		m := testMeta
		change(&m)
		if run(m) == first {
			t.Errorf("%+v gives the random numbers of another document", m)
		}
	}
}

func TestWallClock(t *testing.T) {
	d := derivation(`export function f() { return { now: Date.now(), r: Math.random() } }`)
	d.Using.JavaScript.Clock = "wall"
	vm := newVM(t, d, VMOptions{})
	a, b := mustApply(t, vm, `{}`)[0], mustApply(t, vm, `{}`)[0]
	if a == b || strings.Contains(a, "1772600767089") {
		t.Errorf("%s, %s", a, b)
	}
}

// TestDatesAreUTC runs in the odd time zone that TestMain sets.
func TestDatesAreUTC(t *testing.T) {
	tests := []struct{ expression, want string }{
		{`new Date(2026, 0, 2, 3, 4, 5).toISOString()`, `"2026-01-02T03:04:05.000Z"`},
		{`new Date(2026, 0).getTime() === Date.UTC(2026, 0)`, `true`},
		{`new Date("2026-01-02T03:04:05").toISOString()`, `"2026-01-02T03:04:05.000Z"`},
		{`new Date("2026-01-02T03:04:05+02:00").toISOString()`, `"2026-01-02T01:04:05.000Z"`},
		{`new Date("2026-01-02T03:04:05Z").toISOString()`, `"2026-01-02T03:04:05.000Z"`},
		{`new Date("2026-01-02").toISOString()`, `"2026-01-02T00:00:00.000Z"`},
		{`new Date("Jan 2, 2026 03:04:05").toISOString()`, `"2026-01-02T03:04:05.000Z"`},
		{`Date.parse("2026-01-02T03:04:05") === Date.parse("2026-01-02T03:04:05Z")`, `true`},
		{`new Date(0).getHours() + ":" + new Date(0).getMinutes()`, `"0:0"`},
		{`new Date(0).getTimezoneOffset()`, `0`},
		{`new Date(NaN).getTimezoneOffset()`, `null`},
		{`(d => { d.setHours(5); return d })(new Date(0))`, `"1970-01-01T05:00:00.000Z"`},
		{`String(new Date(0))`, `"Thu Jan 01 1970 00:00:00 GMT+0000 (UTC)"`},
		{`"" + new Date(0)`, `"Thu Jan 01 1970 00:00:00 GMT+0000 (UTC)"`},
		{`new Date(0).toLocaleString()`, `"01/01/1970, 00:00:00"`},
		{`new Date(0).toTimeString()`, `"00:00:00 GMT+0000 (UTC)"`},
		{`new Date(new Date(7)).getTime()`, `7`},
		{`new Date({ valueOf: () => 9 }).getTime()`, `9`},
		{`new Date({ toString: () => "1970-01-01T00:00:01" }).getTime()`, `1000`},
		{`new Date(null).getTime()`, `0`},
		{`new Date(undefined).getTime()`, `null`},
		{`String(new Date("no"))`, `"Invalid Date"`},
		{`new Date(5) - new Date(3)`, `2`},
		{`typeof Date()`, `"string"`},
		{`new Date(0) instanceof Date && new Date(0).constructor === Date && Date.name`, `"Date"`},
		{`new (class extends Date { x() { return this.getTime() } })(4).x()`, `4`},
		{`new Date(1e20).getTime()`, `null`},
	}
	for _, tt := range tests {
		vm := newVM(t, derivation(`export function f() { return { v: `+tt.expression+` } }`), VMOptions{})
		if got, want := mustApply(t, vm, `{}`)[0], `{"v":`+tt.want+`}`; got != want {
			t.Errorf("%s: got %s, want %s", tt.expression, got, want)
		}
	}
}

func TestOutputLimit(t *testing.T) {
	vm := newVM(t, derivation(`export function f({ doc }) { return Array.from({ length: doc.n }, () => ({ s: "x".repeat(100) })) }`), VMOptions{MaxOutputBytes: 2000})
	if got := mustApply(t, vm, `{"n":10}`); len(got) != 10 {
		t.Fatal(got)
	}
	for _, doc := range []string{`{"n":30}`, `{"n":100}`} {
		if _, err := apply(vm, doc); err == nil || !strings.Contains(err.Error(), "2000 bytes") {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestCopy(t *testing.T) {
	d := derivation("")
	d.Using.JavaScript, d.Using.Copy = nil, &catalog.Copy{}
	vm := newVM(t, d, VMOptions{})
	const doc = `{ "k" : 1.10 }`
	if got := mustApply(t, vm, " "+doc+"\n"); len(got) != 1 || got[0] != doc {
		t.Fatalf("%q", got)
	}
}

// TestEmitError checks that the first error of emit comes back as it is.
func TestEmitError(t *testing.T) {
	vm := newVM(t, derivation(`export function f({ doc }) { return [doc, { a: 1 }] }`), VMOptions{})
	var d document.Doc
	if err := d.Parse([]byte(sample)); err != nil {
		t.Fatal(err)
	}
	n := 0
	stop := &document.SyntaxError{Reason: "stop"}
	err := vm.Apply(0, &d, testMeta, func([]byte) error { n++; return stop })
	if err != error(stop) || n != 1 {
		t.Errorf("got %v after %d", err, n)
	}
}

// TestCachedStrings checks that a string which comes back gets one value, that others do not push it out, and that
// strings which share a slot are told apart.
func TestCachedStrings(t *testing.T) {
	vm := newVM(t, derivation(`export function f({ doc }) { return { s: doc.s, t: doc.t } }`), VMOptions{})
	paid := func() bool { return vm.values.text("paid") == vm.values.text("paid") }
	vm.values.text("paid")
	if !paid() {
		t.Fatal("a string that came back is made anew")
	}
	for i := range 10 * len(vm.values.strings) {
		s := "id-" + strconv.Itoa(i)
		if got := mustApply(t, vm, `{"s":"`+s+`","t":"paid"}`); got[0] != `{"s":"`+s+`","t":"paid"}` {
			t.Fatal(got)
		}
	}
	slot := vm.values.strings[hashText("paid")%uint32(len(vm.values.strings))]
	if slot.text != "paid" {
		t.Errorf("%q took the place of a string that comes with each document", slot.text)
	}
}
