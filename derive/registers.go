package derive

import (
	"sort"

	"github.com/dop251/goja"

	"weir/document"
	"weir/schema"
)

// RegisterChange is the new value of a register.
type RegisterChange struct {
	Key   []byte // the packed shuffle key
	Value []byte // JSON text; nil: the register is deleted
}

// registers holds the registers of a shard and the work of the call that runs.
type registers struct {
	vm        *VM
	spec      *registerSpec // nil: none declared
	validator *schema.Validator
	reducer   *schema.Reducer
	stored    registerCache
	changed   []*register

	// The call that runs.
	active bool
	packed []byte
	looked bool      // packed, found, text and there are filled
	found  *register // nil: the key has none
	text   string
	there  bool
	wrote  bool
	view   goja.Value // shows text; nil until it is asked for

	handle  *goja.Object // `register` in JavaScript
	scratch []byte
	newer   document.Doc
}

func newRegisters(vm *VM, spec *registerSpec) *registers {
	r := &registers{vm: vm, spec: spec, stored: registerCache{limit: vm.options.RegisterMemory, dir: vm.options.Dir, all: map[string]*register{}}}
	if spec != nil {
		r.validator, r.reducer = spec.schema.Validator(), spec.schema.Reducer()
	}
	r.handle = vm.rt.NewDynamicObject(&registerHandle{
		r:      r,
		set:    vm.rt.ToValue(r.set),
		reduce: vm.rt.ToValue(r.reduce),
		remove: vm.rt.ToValue(r.remove),
	})
	return r
}

// begin opens the register of a call.
func (r *registers) begin(active bool) {
	r.active, r.looked, r.wrote, r.view = active, false, false, nil
}

// end closes it; what was written takes effect when the call succeeded.
func (r *registers) end(success bool) {
	if success && r.wrote && r.stored.err == nil {
		r.commit()
	}
	r.active, r.view, r.text, r.found = false, nil, "", nil
	r.stored.trim()
}

func (r *registers) commit() {
	e := r.found
	switch {
	case e == nil && !r.there:
		return
	case e == nil:
		e = r.stored.add(r.packed)
	case e.there == r.there && e.text == r.text:
		return
	}
	r.stored.set(e, r.text, r.there)
	if !e.changed {
		r.stored.pin(e)
		r.changed = append(r.changed, e)
	}
}

// look finds the register of the document's shuffle key.
func (r *registers) look() {
	if !r.active {
		r.vm.throw("register used outside its call, or in a transform with `shuffle: any`")
	}
	if r.spec == nil {
		r.vm.throw("the derivation declares no register: add `register: { schema: ... }` to it")
	}
	if r.looked {
		return
	}
	r.packed = r.vm.packedKey(r.packed[:0])
	if r.found = r.stored.find(r.packed); r.found != nil {
		r.text, r.there = r.found.text, r.found.there
	} else {
		r.text, r.there = "", false
	}
	if r.stored.err != nil {
		r.vm.throw(r.stored.err.Error()) // the call fails even if the function catches it
	}
	r.looked = true
}

// current is the register's text, the initial value when there is none.
func (r *registers) current() string {
	if r.there {
		return r.text
	}
	return r.spec.initial
}

// value is register.value: a view that the function may change without changing the register.
func (r *registers) value() goja.Value {
	r.look()
	if r.view == nil {
		text := r.current()
		f := r.vm.takeFrame()
		f.buf = append(f.buf[:0], text...)
		if err := f.own.Parse(f.buf); err != nil {
			r.vm.throw("register cannot be read: " + err.Error())
		}
		f.open(&f.own, text)
		r.view = f.value(0, nil)
		if _, container := r.view.(*goja.Object); !container {
			r.vm.releaseFrame()
		}
	}
	return r.view
}

func (r *registers) set(call goja.FunctionCall) goja.Value {
	r.look()
	raw := r.encode("register.set", call.Argument(0))
	d := r.parse("register.set", &r.newer, raw)
	r.validate("register.set", d)
	r.write(raw)
	return goja.Undefined()
}

func (r *registers) reduce(call goja.FunctionCall) goja.Value {
	const what = "register.reduce"
	r.look()
	raw := r.encode(what, call.Argument(0))
	newer := r.parse(what, &r.newer, raw)
	r.validate(what, newer)
	f := r.vm.takeFrame()
	f.buf = append(f.buf[:0], r.current()...)
	older := r.parse(what, &f.own, f.buf)
	if !r.validator.Valid(older, 0) {
		r.vm.releaseFrame()
		// There is no register, and the default initial null is not a value of its schema: v is the first one.
		r.write(raw)
		return goja.Undefined()
	}
	out, err := r.reducer.Reduce(nil, []*document.Doc{older, newer}, true)
	if err != nil {
		r.vm.throw(what + ": " + err.Error())
	}
	if r.reducer.Deleted() {
		r.vm.releaseFrame()
		return r.remove(call)
	}
	r.validate(what, r.parse(what, &f.own, out))
	r.vm.releaseFrame()
	r.write(out)
	return goja.Undefined()
}

func (r *registers) remove(goja.FunctionCall) goja.Value {
	r.look()
	r.text, r.there, r.wrote, r.view = "", false, true, nil
	return goja.Undefined()
}

func (r *registers) write(raw []byte) {
	r.text, r.there, r.wrote, r.view = string(raw), true, true, nil
}

// encode gives v's JSON text; it is valid until the next call of encode.
func (r *registers) encode(what string, v goja.Value) []byte {
	e := encoder{vm: r.vm, dst: r.scratch[:0], limit: r.vm.options.MaxOutputBytes}
	r.scratch = nil // a toJSON that sets a register in turn gets a buffer of its own
	if !e.value(v) {
		if e.err != nil {
			r.vm.throw(what + ": the value " + e.err.Error())
		}
		r.vm.throw(what + " needs a value that JSON can hold; register.delete() removes the register")
	}
	r.scratch = e.dst
	return e.dst
}

func (r *registers) parse(what string, d *document.Doc, raw []byte) *document.Doc {
	if err := d.Parse(raw); err != nil {
		r.vm.throw(what + ": " + err.Error())
	}
	return d
}

func (r *registers) validate(what string, d *document.Doc) {
	if !r.validator.Valid(d, 0) {
		r.vm.throw(what + ": the value " + explain(r.spec.schema, d.Src))
	}
}

// explain says in one line why a register's value is invalid.
func explain(s *schema.Schema, raw []byte) string {
	violations := s.Explain(raw)
	if len(violations) == 0 {
		return "violates the register's schema"
	}
	v := violations[0]
	at := v.Pointer
	if at == "" {
		at = "the root"
	}
	return "violates the register's schema at " + at + ": " + v.Rule + ": " + v.Message
}

// load puts a restored value in place; nil deletes.
func (r *registers) load(packed, value []byte) error {
	c := &r.stored
	e := c.all[string(packed)]
	if e == nil {
		e = c.add(packed)
	}
	c.set(e, string(value), value != nil)
	c.settle(e)
	c.trim()
	return c.err
}

// changes gives what changed since it was asked last.
func (r *registers) changes() ([]RegisterChange, error) {
	if len(r.changed) == 0 {
		return nil, r.stored.err
	}
	all := make([]RegisterChange, 0, len(r.changed))
	for _, e := range r.changed {
		c := RegisterChange{Key: []byte(e.key)}
		if e.there {
			c.Value = []byte(e.text)
		}
		r.stored.release(e)
		r.stored.settle(e)
		all = append(all, c)
	}
	sort.Slice(all, func(i, j int) bool { return string(all[i].Key) < string(all[j].Key) })
	clear(r.changed)
	r.changed = r.changed[:0]
	r.stored.trim()
	return all, r.stored.err
}

// get gives a register's text between two calls.
func (r *registers) get(packed []byte) (text string, ok bool) {
	e := r.stored.find(packed)
	if e == nil || !e.there {
		return "", false
	}
	return e.text, true
}

// registerHandle is the object that JavaScript sees as `register`.
type registerHandle struct {
	r                   *registers
	set, reduce, remove goja.Value
}

// Get implements goja.DynamicObject.
func (h *registerHandle) Get(name string) goja.Value {
	switch name {
	case "value":
		return h.r.value()
	case "set":
		return h.set
	case "reduce":
		return h.reduce
	case "delete":
		return h.remove
	}
	return nil
}

// Set implements goja.DynamicObject.
func (h *registerHandle) Set(name string, _ goja.Value) bool {
	if name == "value" {
		h.r.vm.throw("register.value cannot be assigned: call register.set(value)")
	}
	return false
}

// Has implements goja.DynamicObject.
func (h *registerHandle) Has(name string) bool {
	switch name {
	case "value", "set", "reduce", "delete":
		return true
	}
	return false
}

// Delete implements goja.DynamicObject.
func (h *registerHandle) Delete(name string) bool { return !h.Has(name) }

// Keys implements goja.DynamicObject.
func (h *registerHandle) Keys() []string { return []string{"value", "set", "reduce", "delete"} }
