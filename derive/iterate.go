package derive

import (
	"fmt"
	"strings"

	"github.com/dop251/goja"
)

// iteration makes `for (const x of doc.items)` cheap: the engine's own array iterator makes an ordinary object, with
// a map, for each step. Arrays of documents have a prototype of their own between them and Array.prototype that holds
// this iterator and nothing else.
type iteration struct {
	rt      *goja.Runtime
	arrays  *goja.Object                       // prototype of lazy arrays
	proto   *goja.Object                       // prototype of the engine's array iterators
	values  func(goja.FunctionCall) goja.Value // Array.prototype.values
	next    goja.Value                         // what iterators have as next
	last    *goja.Object                       // the iterator that was made or stepped last, and what is behind it: Export allocates
	current *iterator
	results []iterationResult // for the next steps
	end     goja.Value        // the last result of each of them
}

func newIteration(rt *goja.Runtime) (*iteration, error) {
	it := &iteration{rt: rt}
	var err error
	if it.values, err = nativeOf(rt, "Array", "prototype", "values"); err != nil {
		return nil, err
	}
	it.proto = it.values(goja.FunctionCall{This: rt.NewArray()}).(*goja.Object).Prototype()
	it.end = rt.NewDynamicObject(&iterationResult{value: goja.Undefined(), done: rt.ToValue(true)})
	if it.next, err = it.function("next", it.step); err != nil {
		return nil, err
	}
	start, err := it.function("values", it.start)
	if err != nil {
		return nil, err
	}
	it.arrays = rt.CreateObject(rt.NewArray().Prototype())
	return it, it.arrays.DefineDataPropertySymbol(goja.SymIterator, start, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

func (it *iteration) function(name string, f func(goja.FunctionCall) goja.Value) (goja.Value, error) {
	o := it.rt.ToValue(f).(*goja.Object)
	return o, o.DefineDataProperty("name", it.rt.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// start is doc.items[Symbol.iterator].
func (it *iteration) start(call goja.FunctionCall) goja.Value {
	o, ok := call.This.(*goja.Object)
	if !ok {
		return it.values(call)
	}
	a, ok := o.Export().(*lazyArray)
	if !ok {
		return it.values(call)
	}
	i := &iterator{it: it, array: a}
	x := it.rt.NewDynamicObject(i)
	if err := x.SetPrototype(it.proto); err != nil {
		panic(err)
	}
	it.last, it.current = x, i
	return x
}

// step is next of an iterator.
func (it *iteration) step(call goja.FunctionCall) goja.Value {
	o, ok := call.This.(*goja.Object)
	if ok && o == it.last {
		return it.current.step()
	}
	if ok {
		if i, ok := o.Export().(*iterator); ok {
			it.last, it.current = o, i
			return i.step()
		}
	}
	panic(it.rt.NewTypeError("next was called on what is no iterator of a document's array"))
}

// iterator is one run over an array. Like the engine's it looks at the array at each step, which may have changed.
type iterator struct {
	it    *iteration
	array *lazyArray // nil: at its end, for good
	at    int
}

func (i *iterator) step() goja.Value {
	if i.array == nil {
		return i.it.end
	}
	v := i.array.Get(i.at)
	if v == nil {
		i.array = nil
		return i.it.end
	}
	i.at++
	return i.it.rt.NewDynamicObject(i.it.result(v, i.array.f.vm.values.no))
}

// resultsAtOnce is for how many steps memory is taken at once; a result that JavaScript keeps keeps all of them.
const resultsAtOnce = 16

func (it *iteration) result(value, done goja.Value) *iterationResult {
	if len(it.results) == 0 {
		it.results = make([]iterationResult, resultsAtOnce)
	}
	r := &it.results[0]
	it.results = it.results[1:]
	r.value, r.done = value, done
	return r
}

// Get implements goja.DynamicObject.
func (i *iterator) Get(name string) goja.Value {
	if name == "next" {
		return i.it.next
	}
	return nil
}

// Set implements goja.DynamicObject.
func (i *iterator) Set(string, goja.Value) bool { return false }

// Has implements goja.DynamicObject.
func (i *iterator) Has(name string) bool { return name == "next" }

// Delete implements goja.DynamicObject.
func (i *iterator) Delete(name string) bool { return name != "next" }

// Keys implements goja.DynamicObject.
func (i *iterator) Keys() []string { return nil }

// iterationResult is what next returns: { value, done }, which cannot be changed.
type iterationResult struct{ value, done goja.Value }

// Get implements goja.DynamicObject.
func (r *iterationResult) Get(name string) goja.Value {
	switch name {
	case "done":
		return r.done
	case "value":
		return r.value
	}
	return nil
}

// Set implements goja.DynamicObject.
func (r *iterationResult) Set(string, goja.Value) bool { return false }

// Has implements goja.DynamicObject.
func (r *iterationResult) Has(name string) bool { return name == "value" || name == "done" }

// Delete implements goja.DynamicObject.
func (r *iterationResult) Delete(name string) bool { return !r.Has(name) }

// Keys implements goja.DynamicObject.
func (r *iterationResult) Keys() []string { return []string{"value", "done"} }

// nativeOf gives the Go function behind a built-in function.
func nativeOf(rt *goja.Runtime, path ...string) (func(goja.FunctionCall) goja.Value, error) {
	o := rt.GlobalObject()
	for _, name := range path {
		next, ok := o.Get(name).(*goja.Object)
		if !ok {
			return nil, fmt.Errorf("the engine has no %s", strings.Join(path, "."))
		}
		o = next
	}
	f, ok := o.Export().(func(goja.FunctionCall) goja.Value)
	if !ok {
		return nil, fmt.Errorf("%s of the engine is no native function", strings.Join(path, "."))
	}
	return f, nil
}
