package derive

import (
	"fmt"

	"github.com/dop251/goja"
)

// output is one document that a function returned: bytes of the source document, or a part of buf.
type output struct {
	raw        []byte
	start, end int
}

// shapeError is about what a function returns.
type shapeError string

func (e shapeError) Error() string { return string(e) }

const wantShape = ": return an array of documents (objects), one document, or nothing"

// collect turns what a function returned into outputs.
func (vm *VM) collect(v goja.Value) error {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		return shapeError("returns the wrong shape, " + kindOf(v) + wantShape)
	}
	if vm.untouched(o) {
		return nil
	}
	var err error
	if thrown := vm.inside(func() { err = vm.encodeOutputs(o) }); thrown != nil {
		return thrown
	}
	return err
}

// untouched adds an object of a document that nobody changed: its bytes are an output as they are.
func (vm *VM) untouched(o *goja.Object) bool {
	if o.ExportType() != vm.kinds.object {
		return false
	}
	l := o.Export().(*lazyObject)
	if l.dirty || l.gen != l.f.gen {
		return false
	}
	vm.outputs = append(vm.outputs, output{raw: l.f.doc.Raw(l.node)})
	return true
}

func (vm *VM) encodeOutputs(o *goja.Object) error {
	if o.ClassName() != "Array" {
		return vm.encodeOutput(o, "")
	}
	n := int(o.Get("length").ToInteger())
	for i := 0; i < n; i++ {
		v := o.Get(index(i))
		x, ok := v.(*goja.Object)
		if !ok || isPromise(x) {
			return shapeError(fmt.Sprintf("returns the wrong shape, an array with %s at [%d]%s", kindOf(v), i, wantShape))
		}
		if vm.untouched(x) {
			continue
		}
		if err := vm.encodeOutput(x, fmt.Sprintf("[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func (vm *VM) encodeOutput(o *goja.Object, where string) error {
	start := len(vm.buf)
	e := encoder{vm: vm, dst: vm.buf, limit: vm.options.MaxOutputBytes, stack: vm.stack[:0]}
	ok := e.value(o)
	vm.buf, vm.stack = e.dst, e.stack[:0]
	switch {
	case e.err != nil:
		e.err.path = where + e.err.path
		return shapeError("returns a document that cannot be encoded: " + e.err.Error())
	case len(vm.buf) > e.limit:
		return shapeError(fmt.Sprintf("returns more than %d bytes", e.limit))
	case !ok || vm.buf[start] != '{':
		return shapeError("returns the wrong shape, " + kindOf(o) + located(where) + wantShape)
	}
	vm.outputs = append(vm.outputs, output{start: start, end: len(vm.buf)})
	return nil
}

func located(where string) string {
	if where == "" {
		return ""
	}
	return " at " + where
}

func (vm *VM) emitOutputs(emit func(raw []byte) error) error {
	for _, o := range vm.outputs {
		raw := o.raw
		if raw == nil {
			raw = vm.buf[o.start:o.end:o.end]
		}
		if err := emit(raw); err != nil {
			return err
		}
	}
	return nil
}
