package derive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"weir/document"
)

// className is the export that makes a module one of the class form.
const className = "Derivation"

// maxFlushes bounds how often one Flush calls a class that says there is more.
const maxFlushes = 10_000

// class is a module's Derivation class as one VM runs it.
type class struct {
	constructor *goja.Object
	instance    *goja.Object // nil until Open
	state       []byte       // JSON text, with what the open transaction changed
	changed     bool         // since the last StartCommit
}

// noState is the state of a shard that has committed none.
const noState = "{}"

// Open makes the instance of a module's class, with the state that the shard's last commit left: nil when there is
// none. It comes before the first Apply, and does nothing for modules of functions. The error is a *ModuleError or a
// *CallError.
func (vm *VM) Open(state json.RawMessage) error {
	if vm.class == nil {
		return nil
	}
	if len(state) == 0 {
		state = json.RawMessage(noState)
	}
	vm.class.state = bytes.Clone(state)
	err := vm.hook("constructor", func() error {
		open, err := vm.parseJSON(`{"state":` + string(state) + `,"resources":{}}`)
		if err != nil {
			return err
		}
		return vm.inside(func() {
			o, err := vm.rt.New(vm.class.constructor, open, vm.rt.NewObject())
			if err != nil {
				panic(err)
			}
			vm.class.instance, vm.this = o, o
		})
	})
	if err != nil {
		return err
	}
	return vm.findMethods()
}

// findMethods gathers the instance's method of each transform.
func (vm *VM) findMethods() error {
	vm.functions = vm.functions[:0]
	for i := range vm.program.transforms {
		t := &vm.program.transforms[i]
		f, err := vm.method(t.method)
		if f == nil && err == nil {
			f, err = vm.method(t.function)
		}
		if err != nil {
			return err
		}
		if f == nil {
			return vm.missingMethod(t)
		}
		vm.functions = append(vm.functions, f)
	}
	return nil
}

// method gives a method of the instance, nil when there is none.
func (vm *VM) method(name string) (f goja.Callable, err error) {
	err = vm.inside(func() { f, _ = goja.AssertFunction(vm.class.instance.Get(name)) })
	return f, err
}

// missingMethod says which method a class lacks and which it has instead.
func (vm *VM) missingMethod(t *transform) error {
	message := fmt.Sprintf("transform %s has no method: write `%s(read) { ... }` in class %s", t.name, t.method, className)
	var own []string
	if prototype := vm.class.instance.Prototype(); prototype != nil {
		own = prototype.GetOwnPropertyNames()
	}
	own = slices.DeleteFunc(own, func(name string) bool {
		return name == "constructor" || name == "flush" || name == "reset" || name == "startCommit"
	})
	if len(own) > 0 {
		slices.Sort(own)
		message += " (the class has " + strings.Join(own, ", ") + ")"
	}
	return &ModuleError{File: vm.program.file, Line: 1, Column: 1, Message: message}
}

// Flushes says whether documents may come at Flush, and not only from Apply: the module has the class form.
func (vm *VM) Flushes() bool { return vm.class != nil }

// Flush ends the documents of a transaction: it calls the class's flush, until that has no more, and gives what it
// publishes to emit, as Apply does. For modules of functions it does nothing. The error is a *CallError or what emit
// returned.
func (vm *VM) Flush(emit func(raw []byte) error) error {
	if vm.class == nil {
		return nil
	}
	for range maxFlushes {
		more := false
		err := vm.hook("flush", func() error {
			v, err := vm.callHook("flush", vm.rt.NewArray())
			if err == nil {
				more, err = vm.flushed(v)
			}
			return err
		})
		if err == nil {
			err = vm.emitOutputs(emit)
		}
		if err != nil || !more {
			return err
		}
	}
	return vm.callError("flush", shapeError(fmt.Sprintf("says `more` for the %dth time in one transaction: it has no end", maxFlushes)))
}

// flushed takes what flush returned: an array of documents, or {published, state, more}.
func (vm *VM) flushed(v goja.Value) (more bool, err error) {
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() == "Array" {
		return false, vm.collect(v)
	}
	var published, state goja.Value
	thrown := vm.inside(func() {
		for _, name := range o.Keys() {
			if name != "published" && name != "state" && name != "more" {
				err = shapeError("returns an object with the member " + name + ": return an array of documents, or { published, state, more }")
			}
		}
		published, state = o.Get("published"), o.Get("state")
		if m := o.Get("more"); m != nil {
			more = m.ToBoolean()
		}
	})
	if thrown != nil || err != nil {
		return false, errors.Join(thrown, err)
	}
	if p, ok := published.(*goja.Object); ok && p.ClassName() != "Array" {
		return false, shapeError("returns `published` as " + kindOf(p) + ": it is an array of documents")
	}
	if err := vm.collect(published); err != nil {
		return false, err
	}
	return more, vm.takeState(state)
}

// StartCommit ends a transaction: it calls the class's startCommit with what the transaction has read, as JSON text,
// and returns the state to be made durable with the transaction; nil means that it is what it was. For modules of
// functions it does nothing. The error is a *CallError.
func (vm *VM) StartCommit(checkpoint json.RawMessage) (state json.RawMessage, err error) {
	if vm.class == nil {
		return nil, nil
	}
	err = vm.hook("startCommit", func() error {
		arg, err := vm.parseJSON(`{"runtimeCheckpoint":` + string(checkpoint) + `}`)
		if err != nil {
			return err
		}
		v, err := vm.callHook("startCommit", arg)
		if err != nil {
			return err
		}
		o, ok := v.(*goja.Object)
		if !ok && v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
			return shapeError("returns " + kindOf(v) + ": return { state: { updated, mergePatch } }, or nothing")
		}
		if !ok {
			return nil
		}
		var s goja.Value
		if thrown := vm.inside(func() { s = o.Get("state") }); thrown != nil {
			return thrown
		}
		return vm.takeState(s)
	})
	if err != nil || !vm.class.changed {
		return nil, err
	}
	vm.class.changed = false
	return bytes.Clone(vm.class.state), nil
}

// takeState takes a {updated, mergePatch}: a state in the place of the former one, or a merge patch of it.
func (vm *VM) takeState(v goja.Value) error {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		return shapeError("returns `state` as " + kindOf(v) + ": it is { updated, mergePatch }")
	}
	var patch bool
	e := encoder{vm: vm, limit: vm.options.MaxOutputBytes}
	thrown := vm.inside(func() {
		if m := o.Get("mergePatch"); m != nil {
			patch = m.ToBoolean()
		}
		ok = e.value(o.Get("updated"))
	})
	switch {
	case thrown != nil:
		return thrown
	case e.err != nil:
		return shapeError("returns a `state` whose `updated` cannot be encoded: " + e.err.Error())
	case !ok:
		return shapeError("returns a `state` without `updated`: it is { updated, mergePatch }")
	}
	next := json.RawMessage(e.dst)
	if patch {
		var err error
		if next, err = document.MergePatch(vm.class.state, next); err != nil {
			return fmt.Errorf("merge state: %w", err)
		}
	}
	if !bytes.Equal(next, vm.class.state) {
		vm.class.state, vm.class.changed = next, true
	}
	return nil
}

// Reset calls the class's reset and forgets registers and state, so that what comes next is as on the first day. A
// runner of tests calls it between two of them. The error is a *CallError.
func (vm *VM) Reset() error {
	vm.registers.stored.close()
	vm.registers = newRegisters(vm, vm.program.register)
	if vm.class == nil {
		return nil
	}
	vm.class.state, vm.class.changed = []byte(noState), false
	return vm.hook("reset", func() error {
		_, err := vm.callHook("reset")
		return err
	})
}

// callHook calls a method that a class may leave out.
func (vm *VM) callHook(name string, args ...goja.Value) (goja.Value, error) {
	if vm.class.instance == nil {
		return nil, errors.New("the class has no instance yet: Open comes first")
	}
	f, err := vm.method(name)
	if err != nil || f == nil {
		return nil, err
	}
	v, err := f(vm.class.instance, args...)
	if err != nil {
		return nil, err
	}
	return vm.settled(v)
}

// hook runs a step that belongs to no document, with the limits of a call. Its time is that of the last document.
func (vm *VM) hook(name string, step func() error) error {
	meta := vm.meta
	meta.Transform = name
	vm.registers.begin(false)
	vm.start(name, meta)
	err := vm.runHook(name, step)
	vm.end(err == nil)
	return err
}

func (vm *VM) runHook(name string, step func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = vm.engineError(name, x)
		}
	}()
	if err = step(); err == nil {
		err = vm.lostRejection()
	}
	if err != nil {
		return vm.callError(name, err)
	}
	return nil
}

// parseJSON makes a value of the engine, with members of its own that may be changed.
func (vm *VM) parseJSON(text string) (goja.Value, error) {
	return vm.parse(goja.Undefined(), vm.rt.ToValue(text))
}
