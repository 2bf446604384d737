package derive

import (
	"fmt"
	"strings"
	"testing"

	"weir/catalog"
	"weir/document"
)

// packed is the key that documents {"k": k} have.
func packed(t testing.TB, k string) []byte {
	t.Helper()
	key, err := document.NewKey([]string{"/k"})
	if err != nil {
		t.Fatal(err)
	}
	var d document.Doc
	if err := d.Parse(append(document.AppendQuoted([]byte(`{"k":`), k), '}')); err != nil {
		t.Fatal(err)
	}
	p, err := key.AppendPacked(nil, &d, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func describeChanges(changes []RegisterChange, err error) string {
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, c := range changes {
		key, _ := document.AppendKeyJSON(nil, c.Key)
		value := "deleted"
		if c.Value != nil {
			value = string(c.Value)
		}
		parts = append(parts, string(key)+"="+value)
	}
	return strings.Join(parts, " ")
}

const (
	anySchema   = `true`
	sumSchema   = `{"type":"number","reduce":{"strategy":"sum"}}`
	stateSchema = `{"type":"object","required":["n"],"properties":{"n":{"type":"integer","minimum":0,"reduce":{"strategy":"sum"}},"last":{"reduce":{"strategy":"lastWriteWins"}}},"reduce":{"strategy":"merge"}}`
)

// TestRegisters runs a function over documents of the key "a" and checks the last outputs and all changes.
func TestRegisters(t *testing.T) {
	tests := []struct {
		name, schema, initial, body string
		calls                       int
		want, changes, wantErr      string
	}{
		{"initial null", anySchema, ``, `return { v: register.value }`, 1, `{"v":null}`, ``, ``},
		{"initial", anySchema, `{"n":1.10}`, `return { v: register.value, w: register.value.n }`, 1, `{"v":{"n":1.10},"w":1.1}`, ``, ``},
		{"set", anySchema, `0`, `register.set(register.value + 1); return { v: register.value }`, 3, `{"v":3}`, `["a"]=3`, ``},
		{"set the same", anySchema, ``, `register.set(register.value)`, 1, ``, `["a"]=null`, ``},
		{"read only", anySchema, `{"a":[1]}`, `register.value.a.length`, 2, ``, ``, ``},
		{"delete", anySchema, `7`, `register.set(1); register.delete(); return { v: register.value }`, 1, `{"v":7}`, ``, ``},
		{"set, then delete in a later call", anySchema, `7`, `if (register.value === 7) register.set(1); else register.delete(); return { v: register.value }`, 2, `{"v":7}`, `["a"]=deleted`, ``},
		{"delete nothing", anySchema, ``, `register.delete()`, 1, ``, ``, ``},
		{"reduce", sumSchema, `0`, `register.reduce(2); register.reduce(3); return { v: register.value }`, 2, `{"v":10}`, `["a"]=10`, ``},
		{"reduce without initial", sumSchema, ``, `register.reduce(2); return { v: register.value }`, 2, `{"v":4}`, `["a"]=4`, ``},
		{"reduce exactly", sumSchema, `9007199254740993`, `register.reduce(0.1); register.reduce(0.2)`, 1, ``, `["a"]=9007199254740993.3`, ``},
		{"reduce objects", stateSchema, `{"n":1}`, `register.reduce({ n: 2, last: doc.d }); return [register.value]`, 2, `{"n":5,"last":1.5}`, `["a"]={"n":5,"last":1.5}`, ``},
		{"reduce to nothing", `{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}},"else":{"reduce":{"strategy":"sum"}}}`, `0`,
			`register.reduce(doc.d === register.value ? null : 1.5); return { v: register.value }`, 2, `{"v":0}`, `["a"]=deleted`, ``},
		{"a part of the document", anySchema, ``, `register.set(doc.o); doc.o.x = 2; return { v: register.value }`, 1, `{"v":{"d":2.50}}`, `["a"]={"d":2.50}`, ``},
		{"what is set is copied", anySchema, ``, `const s = { l: [1] }; register.set(s); s.l.push(2); s.x = 1`, 1, ``, `["a"]={"l":[1]}`, ``},
		{"changed in place without set", anySchema, `{"l":[1]}`, `register.value.l.push(2); register.value.x = 1`, 2, ``, ``, ``},
		{"changed in place and set", anySchema, `{"n":1.10,"l":[]}`, `const s = register.value; s.l.push(1); register.set(s)`, 2, ``, `["a"]={"n":1.10,"l":[1,1]}`, ``},
		{"an older value stays readable", anySchema, `{"n":1}`, `const s = register.value; register.set({ n: 2 }); register.set({ n: 3 }); return { a: s.n, b: register.value.n, c: s }`, 1, `{"a":1,"b":3,"c":{"n":1}}`, `["a"]={"n":3}`, ``},
		{"same object", anySchema, `{"n":1}`, `return { v: register.value === register.value }`, 1, `{"v":true}`, ``, ``},
		{"scalars", anySchema, ``, `register.set("é\n"); const a = register.value; register.set(false); return { a, b: register.value }`, 1, `{"a":"é\n","b":false}`, `["a"]=false`, ``},
		{"in an async function", anySchema, `0`, `return (async () => { await null; register.set(5); return { v: register.value } })()`, 1, `{"v":5}`, `["a"]=5`, ``},
		{"toJSON sets in turn", anySchema, ``, `register.set({ toJSON() { register.set(1); return { v: register.value } } })`, 1, ``, `["a"]={"v":1}`, ``},
		{"violation", stateSchema, `{"n":1}`, "\n  register.set({ n: -1 })", 1, ``, ``, `inline.js:2:16: f: TypeError: register.set: the value violates the register's schema at /n: minimum: `},
		{"violation in reduce", stateSchema, `{"n":1}`, "\n  register.reduce({})", 1, ``, ``, `register.reduce: the value violates the register's schema at the root: required`},
		{"set undefined", anySchema, ``, `register.set()`, 1, ``, ``, `register.set needs a value that JSON can hold; register.delete() removes the register`},
		{"set a cycle", anySchema, ``, `const o = {}; o.o = [o]; register.set(o)`, 1, ``, ``, `register.set: the value /o/0: refers back to the whole value`},
		{"assign", anySchema, ``, `register.value = 1`, 1, ``, ``, `register.value cannot be assigned: call register.set(value)`},
		{"caught", stateSchema, `{"n":1}`, `try { register.set("x") } catch (e) { return { caught: e instanceof TypeError, v: register.value.n } }`, 1, `{"caught":true,"v":1}`, ``, ``},
		{"a call that fails changes nothing", anySchema, `0`, `register.set(1); throw new Error("x")`, 1, ``, ``, `Error: x`},
		{"a wrong shape changes nothing", anySchema, `0`, `register.set(1); return 1`, 1, ``, ``, `wrong shape`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vm := newVM(t, withRegister(derivation(`export function f({ doc, register }) { `+tt.body+"\n}"), tt.schema, tt.initial), VMOptions{})
			var got []string
			var err error
			for range tt.calls {
				got, err = apply(vm, `{"k":"a","d":1.50,"o":{"d":2.50}}`)
			}
			checkResult(t, got, err, tt.want, tt.wantErr)
			if c := describeChanges(vm.Changes()); c != tt.changes {
				t.Errorf("changes %s, want %s", c, tt.changes)
			}
			if c, err := vm.Changes(); c != nil {
				t.Errorf("changed again: %s", describeChanges(c, err))
			}
		})
	}
}

func TestRegistersByKey(t *testing.T) {
	d := withRegister(derivation(`export function f({ register }) { register.set(register.value + 1) }
export function g({ register, key }) { return { key, v: register.value } }`), `{"type":"integer"}`, `0`)
	d.Transforms = append(d.Transforms, catalog.Transform{Name: "g", Shuffle: catalog.Shuffle{Key: []string{"/other"}}})
	vm := newVM(t, d, VMOptions{})
	for i := range 10 {
		mustApply(t, vm, fmt.Sprintf(`{"k":"k%d"}`, 9-i%3))
	}
	if got, err := applyTo(vm, 1, `{"other":"k9"}`, testMeta); err != nil || got[0] != `{"key":["k9"],"v":4}` {
		t.Errorf("another transform does not share the register: %v %v", got, err)
	}
	if c := describeChanges(vm.Changes()); c != `["k7"]=3 ["k8"]=3 ["k9"]=4` {
		t.Errorf("changes: %s", c)
	}
}

func TestLoadRegister(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`export function f({ register }) { return { v: register.value } }`), anySchema, `"initial"`), VMOptions{})
	value := []byte(`{"x": 1.0}`)
	vm.LoadRegister(packed(t, "a"), value)
	copy(value, "xxxxxxxxxx")
	if got := mustApply(t, vm, `{"k":"a"}`); got[0] != `{"v":{"x": 1.0}}` {
		t.Error(got)
	}
	if v, ok := vm.Register(packed(t, "a")); !ok || string(v) != `{"x": 1.0}` {
		t.Errorf("%s %v", v, ok)
	}
	vm.LoadRegister(packed(t, "a"), nil)
	if got := mustApply(t, vm, `{"k":"a"}`); got[0] != `{"v":"initial"}` {
		t.Error(got)
	}
	if _, ok := vm.Register(packed(t, "a")); ok {
		t.Error("a deleted register is there")
	}
	if c, err := vm.Changes(); c != nil {
		t.Errorf("restoring counts as a change: %s", describeChanges(c, err))
	}
}

func TestShuffleAny(t *testing.T) {
	d := withRegister(derivation(`let kept; export function f({ key, register }) { return { key, r: typeof register } }
export function g({ register }) { kept = register; register.set(1) }
export function h() { kept.set(1) }`), anySchema, "")
	d.Transforms[0].Shuffle = catalog.Shuffle{Any: true}
	d.Transforms = append(d.Transforms, catalog.Transform{Name: "g", Shuffle: catalog.Shuffle{Key: []string{"/k"}}}, catalog.Transform{Name: "h", Shuffle: catalog.Shuffle{Any: true}})
	vm := newVM(t, d, VMOptions{})
	if got := mustApply(t, vm, `{}`); got[0] != `{"key":[],"r":"undefined"}` {
		t.Error(got)
	}
	if _, err := applyTo(vm, 1, `{"k":1}`, testMeta); err != nil {
		t.Error(err)
	}
	if _, err := applyTo(vm, 2, `{"k":1}`, testMeta); err == nil || !strings.Contains(err.Error(), "shuffle: any") {
		t.Error(err)
	}
}

func TestNoRegisterDeclared(t *testing.T) {
	vm := newVM(t, derivation(`export function f({ doc, register }) { return doc.use ? register.value : doc }`), VMOptions{})
	mustApply(t, vm, `{}`)
	_, err := apply(vm, `{"use":1}`)
	if err == nil || !strings.Contains(err.Error(), "the derivation declares no register") {
		t.Error(err)
	}
}

func TestShuffleKey(t *testing.T) {
	d := withRegister(derivation(`export function f({ doc, key, register }) { if (doc.use) register.value; return { key } }`), anySchema, "")
	d.Transforms[0].Shuffle.Key = []string{"/a", "/b/c", "/d"}
	vm := newVM(t, d, VMOptions{})
	for doc, want := range map[string]string{
		`{"a":1.0,"b":{"c":"é"},"d":true}`: `{"key":[1,"é",true]}`,
		`{"d":-9223372036854775809}`:       `{"key":[null,null,-9223372036854776000]}`,
		`{"a":18446744073709551615}`:       `{"key":[18446744073709552000,null,null]}`,
	} {
		if got := mustApply(t, vm, doc); got[0] != want {
			t.Errorf("%s: got %s, want %s", doc, got, want)
		}
	}
	if _, err := apply(vm, `{"use":1,"a":[]}`); err == nil || !strings.Contains(err.Error(), "the document has no shuffle key: ") {
		t.Error(err)
	}
}

func TestInitialMustBeValid(t *testing.T) {
	_, err := compile(t, withRegister(derivation(`export function f() {}`), stateSchema, `{"n":-1}`))
	if err == nil || !strings.Contains(err.Error(), "register initial: violates the register's schema at /n: minimum") {
		t.Error(err)
	}
}

// TestRegisterKept uses a register's value after its call.
func TestRegisterKept(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`let kept; export function f({ register }) { const old = kept; kept = register.value; return old && { x: old.n } }`), anySchema, `{"n":1}`), VMOptions{})
	mustApply(t, vm, `{"k":1}`)
	if _, err := apply(vm, `{"k":1}`); err == nil || !strings.Contains(err.Error(), "used after its call returned") {
		t.Error(err)
	}
}

// TestScratchIsBounded decodes a large register and checks that its memory is let go.
func TestScratchIsBounded(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`export function f({ doc, register }) { if (doc.big) register.set(Array.from({ length: 1e4 }, (_, i) => i)); return { n: register.value && register.value.length } }`), anySchema, ``), VMOptions{MaxRegisterBytes: 1 << 14})
	mustApply(t, vm, `{"k":1,"big":true}`)
	if got := mustApply(t, vm, `{"k":1}`); got[0] != `{"n":10000}` {
		t.Error(got)
	}
	for _, f := range vm.frames {
		if f.footprint() > 1<<14 {
			t.Errorf("a frame keeps %d bytes", f.footprint())
		}
	}
}

// TestManyStatesInOneCall writes and reads a register more often than a VM keeps frames.
func TestManyStatesInOneCall(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`export function f({ register }) {
  for (let i = 0; i < 100; i++) register.set(i + register.value * 0);
  const all = [];
  for (let i = 0; i < 100; i++) { register.set({ i }); all.push(register.value); }
  return { first: all[0], last: all[99] };
}`), anySchema, `1`), VMOptions{})
	for range 2 {
		vm.LoadRegister(packed(t, "a"), []byte(`1`))
		if got := mustApply(t, vm, `{"k":"a"}`); got[0] != `{"first":{"i":0},"last":{"i":99}}` {
			t.Error(got)
		}
		if len(vm.frames) > maxFrames {
			t.Errorf("%d frames are kept", len(vm.frames))
		}
	}
}

// TestDeletedRegisters checks that keys which were deleted leave nothing behind once the change is handed out.
func TestDeletedRegisters(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`export function f({ doc, register }) { if (doc.d) register.delete(); else register.set(1) }`), anySchema, ``), VMOptions{})
	for _, doc := range []string{`{"k":"a"}`, `{"k":"b"}`, `{"k":"a","d":1}`, `{"k":"c","d":1}`, `{"k":"a"}`, `{"k":"a","d":1}`} {
		mustApply(t, vm, doc)
	}
	if c := describeChanges(vm.Changes()); c != `["a"]=deleted ["b"]=1` {
		t.Errorf("changes: %s", c)
	}
	if len(vm.registers.stored.all) != 1 {
		t.Errorf("%d registers are held", len(vm.registers.stored.all))
	}
	mustApply(t, vm, `{"k":"b","d":1}`)
	vm.LoadRegister(packed(t, "b"), []byte(`2`))
	if c := describeChanges(vm.Changes()); c != `["b"]=2` {
		t.Errorf("changes: %s", c)
	}
}
