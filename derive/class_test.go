package derive

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"weir/catalog"
)

// flush ends a transaction and gives what it published and the state to keep.
func flush(vm *VM, checkpoint string) (published []string, state string, err error) {
	err = vm.Flush(func(raw []byte) error {
		published = append(published, string(raw))
		return nil
	})
	if err != nil {
		return published, "", err
	}
	s, err := vm.StartCommit(json.RawMessage(checkpoint))
	return published, string(s), err
}

const counting = `import { IDerivation, Document, SourceF } from "flow/acmeCo/derived.ts";
export class Derivation extends IDerivation {
  n: number;
  held: string[] = [];
  constructor(open: { state: unknown }) {
    super(open);
    this.n = (open.state as any).n ?? 0;
  }
  f(read: { doc: SourceF }): Document[] {
    this.n++;
    this.held.push(read.doc.id);
    return read.doc.now ? [{ id: read.doc.id, n: this.n }] : [];
  }
  async flush(): Promise<Document[]> {
    const held = this.held;
    this.held = [];
    return held.length ? [{ held, n: this.n }] : [];
  }
  startCommit(startCommit: { runtimeCheckpoint: unknown }) {
    return { state: { updated: { n: this.n, at: startCommit.runtimeCheckpoint }, mergePatch: false } };
  }
  async reset() { this.n = 0; this.held = []; }
}
`

// TestClass takes a class through two transactions, then through the life of another VM that starts with its state.
func TestClass(t *testing.T) {
	d := module(t, "m.ts", counting)
	vm := newVM(t, d, VMOptions{})
	if !vm.Flushes() {
		t.Fatal("no class")
	}
	if got := mustApply(t, vm, `{"id":"a","now":true}`); strings.Join(got, " ") != `{"id":"a","n":1}` {
		t.Errorf("got %v", got)
	}
	mustApply(t, vm, `{"id":"b"}`)
	published, state, err := flush(vm, `{"in":7}`)
	if err != nil || strings.Join(published, " ") != `{"held":["a","b"],"n":2}` || state != `{"n":2,"at":{"in":7}}` {
		t.Errorf("published %v, state %s, %v", published, state, err)
	}
	if published, state, err = flush(vm, `{"in":7}`); err != nil || len(published) != 0 || state != "" {
		t.Errorf("a state that did not change is kept again: %v, state %s, %v", published, state, err)
	}

	p, err := compile(t, d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.NewVM(VMOptions{})
	if err == nil {
		err = again.Open(json.RawMessage(`{"n":2,"at":{"in":7}}`))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := mustApply(t, again, `{"id":"c","now":true}`); got[0] != `{"id":"c","n":3}` {
		t.Errorf("the state did not come back: %v", got)
	}
	if err := again.Reset(); err != nil {
		t.Fatal(err)
	}
	if got := mustApply(t, again, `{"id":"d","now":true}`); got[0] != `{"id":"d","n":1}` {
		t.Errorf("after a reset: %v", got)
	}
}

// classOf is a derivation of one transform f whose module is a class with these members.
func classOf(members string) *catalog.Derivation {
	return derivation("import { IDerivation } from 'flow/acmeCo/derived';\nexport class Derivation extends IDerivation {\n" + members + "\n}")
}

// TestFlushSurface checks the later surface: published, state and more, and its merge patches.
func TestFlushSurface(t *testing.T) {
	vm := newVM(t, classOf(`
  f({ doc }) { this.doc = JSON.parse(JSON.stringify(doc)); }
  flush(patches) {
    if (!this.doc) return { published: [], more: false };
    const { rounds = 0, patch } = this.doc;
    this.doc.rounds = rounds - 1;
    const more = rounds > 1;
    if (!more) this.doc = null;
    return { published: [{ rounds, patches }], state: { updated: patch, mergePatch: true }, more };
  }`), VMOptions{})
	mustApply(t, vm, `{"rounds":3,"patch":{"a":1,"b":{"c":2,"d":[1]}}}`)
	published, state, err := flush(vm, `{}`)
	if err != nil || strings.Join(published, " ") != `{"rounds":3,"patches":[]} {"rounds":2,"patches":[]} {"rounds":1,"patches":[]}` || state != `{"a":1,"b":{"c":2,"d":[1]}}` {
		t.Errorf("published %v, state %s, %v", published, state, err)
	}
	mustApply(t, vm, `{"patch":{"a":null,"b":{"d":null,"e":"<&>"},"none":null}}`)
	if _, state, err = flush(vm, `{}`); err != nil || !sameJSON(t, state, `{"b":{"c":2,"e":"<&>"}}`) {
		t.Errorf("state %s, %v", state, err)
	}
	if published, state, err = flush(vm, `{}`); err != nil || len(published) != 0 || state != "" {
		t.Errorf("published %v, state %s, %v", published, state, err)
	}
}

func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// TestRead checks what a method gets: Flow's members, and those that functions get.
func TestRead(t *testing.T) {
	d := withRegister(classOf(`
  f(read) {
    read.register.set(read.register.value + 1);
    return { keys: Object.keys(read), uuid: read.uuid, shuffle: read.shuffle, key: read.key, seq: read.meta.seq, n: read.register.value };
  }`), `{"type":"integer"}`, "0")
	vm := newVM(t, d, VMOptions{})
	want := `{"keys":["doc","register","key","meta","uuid","shuffle"],"uuid":{"node":"0","clock":"` + "2234626070298720000" + `"},` +
		`"shuffle":{"key":["x"],"packed":"`
	got := mustApply(t, vm, `{"k":"x"}`)[0]
	if !strings.HasPrefix(got, want[:60]) || !strings.Contains(got, `"shuffle":{"key":["x"],"packed":"`) || !strings.HasSuffix(got, `"key":["x"],"seq":42,"n":1}`) {
		t.Error(got)
	}
	var read struct{ UUID struct{ Clock json.Number } }
	if err := json.Unmarshal([]byte(got), &read); err != nil {
		t.Fatal(err)
	}
	ticks, err := read.UUID.Clock.Int64()
	if err != nil {
		t.Fatal(err)
	}
	if at := time.Unix(ticks>>4/1e7-uuidEpoch, ticks>>4%1e7*100); !at.Equal(testMeta.Time) {
		t.Errorf("the clock says %s, not %s", at, testMeta.Time)
	}
	if c, err := vm.Changes(); err != nil || len(c) != 1 {
		t.Error("the register did not change")
	}
}

// TestMethodNames checks by which names a class may call the method of a transform.
func TestMethodNames(t *testing.T) {
	d := classOf(`fromA() { return { a: 1 } } from_b() { return { b: 1 } } fromC = () => ({ c: this.fromA().a })`)
	d.Transforms = []catalog.Transform{{Name: "from-a"}, {Name: "from_b"}, {Name: "fromC"}}
	vm := newVM(t, d, VMOptions{})
	for i, want := range []string{`{"a":1}`, `{"b":1}`, `{"c":1}`} {
		if got, err := applyTo(vm, i, `{}`, testMeta); err != nil || got[0] != want {
			t.Errorf("got %v %v, want %s", got, err, want)
		}
	}
}

// TestFunctionsBeforeClass checks that a module that has a function for each transform is of that form.
func TestFunctionsBeforeClass(t *testing.T) {
	vm := newVM(t, derivation(`export const f = () => ({ plain: 1 }); export class Derivation { f() { return { class: 1 } } }`), VMOptions{})
	if got := mustApply(t, vm, `{}`); got[0] != `{"plain":1}` || vm.Flushes() {
		t.Error(got)
	}
	if published, state, err := flush(vm, `{}`); published != nil || state != "" || err != nil {
		t.Error(published, state, err)
	}
}

// TestAsyncMethods checks that promises are settled before the call ends.
func TestAsyncMethods(t *testing.T) {
	vm := newVM(t, classOf(`
  async f({ doc }) { await null; this.x = await Promise.resolve(doc.x); return [{ x: this.x }]; }
  async flush() { await null; return [{ flushed: this.x }]; }
  async startCommit() { await null; return { state: { updated: this.x } }; }
  async reset() { await null; this.x = "reset"; }`), VMOptions{})
	if got := mustApply(t, vm, `{"x":1}`); got[0] != `{"x":1}` {
		t.Error(got)
	}
	if published, state, err := flush(vm, `{}`); err != nil || published[0] != `{"flushed":1}` || state != "1" {
		t.Error(published, state, err)
	}
	if err := vm.Reset(); err != nil {
		t.Fatal(err)
	}
	if published, _, err := flush(vm, `{}`); err != nil || published[0] != `{"flushed":"reset"}` {
		t.Error(published, err)
	}
}

func TestClassErrors(t *testing.T) {
	for name, c := range map[string]struct{ members, want string }{
		"flush throws":       {"f() {}\nflush() { throw new Error('no') }", "inline.js:4:17: flush: Error: no"},
		"flush rejects":      {"f() {}\nasync flush() { await 1; null.x }", "inline.js:4:31: flush: TypeError"},
		"flush hangs":        {"f() {}\nflush() { return new Promise(() => {}) }", "flush: returns a promise that nothing resolves"},
		"flush loops":        {"f() {}\nflush() { for (;;); }", "inline.js:4:1: flush: ran longer than 50ms"},
		"flush has no end":   {"f() {}\nflush() { return { more: true } }", "flush: says `more` for the 10000th time"},
		"flush, shape":       {"f() {}\nflush() { return 7 }", "flush: returns the wrong shape, a number"},
		"flush, element":     {"f() {}\nflush() { return [7] }", "flush: returns the wrong shape, an array with a number at [0]"},
		"flush, document":    {"f() {}\nflush() { return { id: 1 } }", "flush: returns an object with the member id: return an array of documents, or { published, state, more }"},
		"flush, published":   {"f() {}\nflush() { return { published: {} } }", "flush: returns `published` as a Object: it is an array of documents"},
		"flush, state":       {"f() {}\nflush() { return { state: 1 } }", "flush: returns `state` as a number: it is { updated, mergePatch }"},
		"startCommit throws": {"f() {}\nstartCommit() { throw new Error('no') }", "inline.js:4:23: startCommit: Error: no"},
		"startCommit, shape": {"f() {}\nstartCommit() { return 7 }", "startCommit: returns a number: return { state: { updated, mergePatch } }, or nothing"},
		"no updated":         {"f() {}\nstartCommit() { return { state: { mergePatch: true } } }", "startCommit: returns a `state` without `updated`"},
		"cyclic state":       {"f() {}\nstartCommit() { const a = {}; a.a = a; return { state: { updated: a } } }", "startCommit: returns a `state` whose `updated` cannot be encoded: /a: refers back"},
		"register in flush":  {"f({ register }) { this.r = register }\nflush() { this.r.value }", "inline.js:4:18: flush: TypeError: register used outside its call"},
		"document in flush":  {"f({ doc }) { this.d = doc }\nflush() { return [this.d] }", "flush: TypeError: document used after its call returned"},
	} {
		t.Run(name, func(t *testing.T) {
			vm := newVM(t, withRegister(classOf(c.members), `{}`, "0"), VMOptions{Timeout: 50 * time.Millisecond})
			mustApply(t, vm, `{"k":1}`)
			_, _, err := flush(vm, `{}`)
			if e := callError(t, err); !strings.Contains(err.Error(), c.want) || e.Document != nil {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestClassIsOpenedFirst(t *testing.T) {
	p, err := compile(t, classOf("f() {}"))
	if err != nil {
		t.Fatal(err)
	}
	vm, err := p.NewVM(VMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := flush(vm, `{}`); err == nil || !strings.Contains(err.Error(), "Open comes first") {
		t.Error(err)
	}
	if err := vm.Open(json.RawMessage(`{"bad`)); err == nil || !strings.Contains(err.Error(), "SyntaxError") {
		t.Error(err)
	}
}

// TestClassConsole checks what the log says of lines that belong to no document.
func TestClassConsole(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	vm := newVM(t, classOf(`f() { console.log("f") } flush() { console.warn("flushing") }`), VMOptions{Log: zap.New(core)})
	mustApply(t, vm, `{}`)
	if _, _, err := flush(vm, `{}`); err != nil {
		t.Fatal(err)
	}
	all := logs.All()
	if len(all) != 2 || all[0].ContextMap()["transform"] != "f" || all[1].Message != "flushing" || all[1].ContextMap()["function"] != "flush" || all[1].ContextMap()["seq"] != nil {
		t.Errorf("%v", all)
	}
}

// TestRegistersOutliveFlush checks that what runs at the end of a transaction leaves its registers alone.
func TestRegistersOutliveFlush(t *testing.T) {
	vm := newVM(t, withRegister(classOf(`f({ register }) { register.set(register.value + 1); return { n: register.value } }`), `{"type":"integer"}`, "0"), VMOptions{})
	for n, want := range []string{`{"n":1}`, `{"n":2}`} {
		if got := mustApply(t, vm, `{"k":1}`); got[0] != want {
			t.Errorf("transaction %d: %v", n, got)
		}
		if _, _, err := flush(vm, `{}`); err != nil {
			t.Fatal(err)
		}
		c, err := vm.Changes()
		if err != nil || len(c) != 1 || string(c[0].Value) != fmt.Sprint(n+1) {
			t.Errorf("transaction %d: changes %v, %v", n, c, err)
		}
	}
}

func TestResetForgetsRegisters(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`export function f({ register }) { register.set(register.value + 1); return { n: register.value } }`), `{}`, "0"), VMOptions{})
	mustApply(t, vm, `{"k":1}`)
	if err := vm.Reset(); err != nil {
		t.Fatal(err)
	}
	if got := mustApply(t, vm, `{"k":1}`); got[0] != `{"n":1}` {
		t.Error(got)
	}
}
