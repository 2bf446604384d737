package derive

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"weir/document"
)

// encodeError says what in a value has no JSON text, and where.
type encodeError struct {
	path   string
	reason string
}

func (e *encodeError) Error() string {
	if e.path == "" {
		return e.reason
	}
	return e.path + ": " + e.reason
}

// encoder writes JavaScript values as JSON. It may run JavaScript (toJSON, getters, proxies), so it must be used
// where exceptions are caught. The zero value with vm and limit set is ready.
type encoder struct {
	vm    *VM
	dst   []byte
	limit int // bytes of dst
	stack []level
	err   *encodeError
}

// level is a container that is being written, and where in it.
type level struct {
	object *goja.Object
	name   string
	index  int // of arrays
	array  bool
}

// kinds are the types of the engine's primitive values, which it does not export.
type kinds struct {
	integer, float, boolean, object, array, promise reflect.Type
}

func newKinds(rt *goja.Runtime) kinds {
	return kinds{
		integer: reflect.TypeOf(rt.ToValue(1)),
		float:   reflect.TypeOf(rt.ToValue(0.5)),
		boolean: reflect.TypeOf(rt.ToValue(true)),
		object:  reflect.TypeFor[*lazyObject](),
		array:   reflect.TypeFor[*lazyArray](),
		promise: reflect.TypeFor[*goja.Promise](),
	}
}

// value appends v. It is false when v has no JSON text (undefined, a function, a symbol), and nothing was written,
// or when there is an error.
func (e *encoder) value(v goja.Value) bool {
	if v == nil || e.err != nil {
		return false
	}
	switch x := v.(type) {
	case *goja.Object:
		return e.object(x)
	case goja.String:
		e.dst = document.AppendQuoted(e.dst, x.String())
		return true
	}
	switch t := reflect.TypeOf(v); {
	case t == e.vm.kinds.integer:
		e.dst = strconv.AppendInt(e.dst, v.ToInteger(), 10)
	case t == e.vm.kinds.float:
		e.dst = appendFloat(e.dst, v.ToFloat())
	case t == e.vm.kinds.boolean:
		e.dst = strconv.AppendBool(e.dst, v.ToBoolean())
	case goja.IsNull(v):
		e.dst = append(e.dst, "null"...)
	case goja.IsBigInt(v):
		n, ok := v.Export().(*big.Int)
		if !ok {
			return false
		}
		e.dst = n.Append(e.dst, 10)
	default:
		return false
	}
	return true
}

// appendFloat writes a JavaScript number: its shortest text, null when it is not finite.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == 0 {
		return append(dst, '0')
	}
	if a := math.Abs(f); a < 1e-6 || a >= 1e21 {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func (e *encoder) object(x *goja.Object) bool {
	if len(e.dst) > e.limit {
		return e.fail(fmt.Sprintf("is larger than %d bytes", e.limit))
	}
	if x.ExportType() == e.vm.kinds.object {
		if raw, ok := x.Export().(*lazyObject).raw(); ok {
			e.dst = append(e.dst, raw...)
			return true
		}
	}
	if f, ok := goja.AssertFunction(x.Get("toJSON")); ok {
		return e.toJSON(x, f)
	}
	return e.plain(x)
}

// plain writes an object whose toJSON has been asked, or that has none.
func (e *encoder) plain(x *goja.Object) bool {
	switch x.ExportType() {
	case e.vm.kinds.object:
		return e.lazyObject(x, x.Export().(*lazyObject))
	case e.vm.kinds.array:
		return e.lazyArray(x, x.Export().(*lazyArray))
	case e.vm.kinds.promise:
		return e.fail("is a promise: await it")
	}
	switch x.ClassName() {
	case "Array":
		return e.array(x)
	case "Function":
		return false
	case "Number":
		return e.value(x.ToNumber())
	case "String":
		return e.value(x.ToString())
	case "Boolean":
		return e.value(e.vm.rt.ToValue(x.Export() == true))
	}
	return e.members(x)
}

// toJSON writes what an object's own method says it is; the method of what it says is not asked in turn.
func (e *encoder) toJSON(x *goja.Object, f goja.Callable) bool {
	v, err := f(x, e.vm.rt.ToValue(e.name()))
	if err != nil {
		panic(err)
	}
	if o, ok := v.(*goja.Object); ok {
		return e.plain(o)
	}
	return e.value(v)
}

// name is what the value that is being written is called by what holds it.
func (e *encoder) name() string {
	if len(e.stack) == 0 {
		return ""
	}
	if l := &e.stack[len(e.stack)-1]; !l.array {
		return l.name
	}
	return index(e.stack[len(e.stack)-1].index)
}

func (e *encoder) members(x *goja.Object) bool {
	if !e.push(level{object: x}) {
		return false
	}
	e.dst = append(e.dst, '{')
	for _, name := range x.Keys() {
		e.member(name, x.Get(name))
	}
	e.dst = append(e.dst, '}')
	e.pop()
	return e.err == nil
}

// member writes one member, or nothing when its value has no JSON text. The opening brace is in dst already.
func (e *encoder) member(name string, v goja.Value) {
	e.stack[len(e.stack)-1].name = name
	mark := len(e.dst)
	if e.dst[mark-1] != '{' {
		e.dst = append(e.dst, ',')
	}
	e.dst = document.AppendQuoted(e.dst, name)
	e.dst = append(e.dst, ':')
	if !e.value(v) {
		e.dst = e.dst[:mark]
	}
}

func (e *encoder) array(x *goja.Object) bool {
	if !e.push(level{object: x, array: true}) {
		return false
	}
	e.dst = append(e.dst, '[')
	n := int(x.Get("length").ToInteger())
	for i := 0; i < n && e.err == nil; i++ {
		e.element(i, x.Get(index(i)))
	}
	e.dst = append(e.dst, ']')
	e.pop()
	return e.err == nil
}

// element writes one element; what has no JSON text is null in an array.
func (e *encoder) element(i int, v goja.Value) {
	e.stack[len(e.stack)-1].index = i
	if i > 0 {
		e.dst = append(e.dst, ',')
	}
	if !e.value(v) {
		e.dst = append(e.dst, "null"...)
		if len(e.dst) > e.limit {
			e.fail(fmt.Sprintf("is larger than %d bytes", e.limit))
		}
	}
}

// index is the property name of an element.
func index(i int) string { return strconv.Itoa(i) }

// lazyObject writes an object of a document: its bytes, or member by member when it was written to.
func (e *encoder) lazyObject(x *goja.Object, o *lazyObject) bool {
	if raw, ok := o.raw(); ok {
		e.dst = append(e.dst, raw...)
		return true
	}
	if !e.push(level{object: x}) {
		return false
	}
	e.dst = append(e.dst, '{')
	d := o.f.doc
	n := &d.Nodes[o.node]
	for k := o.node + 1; k < n.Next; k = d.Nodes[k+1].Next {
		name := o.f.text(k)
		w, over := o.over[name]
		switch {
		case !over:
			e.memberNode(o.f, k)
		case w.value != nil && !w.added:
			e.member(name, w.value)
		}
	}
	for _, name := range o.added {
		e.member(name, o.over[name].value)
	}
	e.dst = append(e.dst, '}')
	e.pop()
	return e.err == nil
}

// memberNode writes a member that nobody replaced.
func (e *encoder) memberNode(f *frame, name uint32) {
	e.stack[len(e.stack)-1].name = f.text(name)
	if e.dst[len(e.dst)-1] != '{' {
		e.dst = append(e.dst, ',')
	}
	e.dst = append(e.dst, f.doc.Raw(name)...)
	e.dst = append(e.dst, ':')
	e.node(f, name+1)
}

// node writes a value that nobody replaced; something below it may have been written to.
func (e *encoder) node(f *frame, i uint32) {
	if v := f.seen(i); v != nil {
		e.value(v)
		return
	}
	e.dst = append(e.dst, f.doc.Raw(i)...)
}

func (e *encoder) lazyArray(x *goja.Object, a *lazyArray) bool {
	if raw, ok := a.raw(); ok {
		e.dst = append(e.dst, raw...)
		return true
	}
	if !e.push(level{object: x, array: true}) {
		return false
	}
	e.dst = append(e.dst, '[')
	a.own()
	for i := 0; i < len(a.items) && e.err == nil; i++ {
		if v := a.items[i].value; v != nil {
			e.element(i, v)
			continue
		}
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		e.stack[len(e.stack)-1].index = i
		e.node(a.f, a.items[i].node)
	}
	e.dst = append(e.dst, ']')
	e.pop()
	return e.err == nil
}

// seen is the container that was handed out for a node, nil when none was.
func (f *frame) seen(i uint32) goja.Value {
	if k := f.doc.Nodes[i].Kind; k != document.Object && k != document.Array {
		return nil
	}
	if f.large != nil {
		return f.large[i]
	}
	return f.values[i]
}

// push enters a container; it fails on a cycle and when the nesting is too deep.
func (e *encoder) push(l level) bool {
	for i := range e.stack {
		if e.stack[i].object == l.object {
			return e.fail("refers back to " + describe(e.pathTo(i)) + ": a cycle has no JSON text")
		}
	}
	if len(e.stack) >= document.MaxDepth {
		return e.fail(fmt.Sprintf("is nested more than %d levels deep", document.MaxDepth))
	}
	e.stack = append(e.stack, l)
	return true
}

func (e *encoder) pop() { e.stack = e.stack[:len(e.stack)-1] }

func (e *encoder) fail(reason string) bool {
	if e.err == nil {
		e.err = &encodeError{path: e.pathTo(len(e.stack)), reason: reason}
	}
	return false
}

func describe(path string) string {
	if path == "" {
		return "the whole value"
	}
	return path
}

// maxPath bounds the levels that a path in a message shows.
const maxPath = 16

// pathTo is the JSON pointer of what stands n levels deep.
func (e *encoder) pathTo(n int) string {
	var b strings.Builder
	for i, l := range e.stack[:n] {
		if i == maxPath {
			b.WriteString("/...")
			break
		}
		b.WriteByte('/')
		if l.array {
			b.WriteString(strconv.Itoa(l.index))
		} else {
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(l.name, "~", "~0"), "/", "~1"))
		}
	}
	return b.String()
}
