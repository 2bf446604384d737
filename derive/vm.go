package derive

import (
	"fmt"
	"time"

	"github.com/dop251/goja"
	"go.uber.org/zap"

	"weir/document"
)

// VMOptions are the limits of one VM. Zero values mean the defaults.
type VMOptions struct {
	Timeout          time.Duration // of one call; default 5 s
	Log              *zap.Logger   // where console writes; default nowhere
	MaxRegisterBytes int           // memory that decoded values may keep between two calls; default 16 MiB
	RegisterMemory   int           // bytes of registers in memory; more of them go to a store on disk; default 64 MiB
	Dir              string        // where that store is made; default the system's directory for temporary files
	MaxOutputBytes   int           // JSON text that one call may return; default 64 MiB
	MaxStackDepth    int           // nested function calls; default 2048
}

func (o VMOptions) withDefaults() VMOptions {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.MaxRegisterBytes <= 0 {
		o.MaxRegisterBytes = 16 << 20
	}
	if o.RegisterMemory <= 0 {
		o.RegisterMemory = 64 << 20
	}
	if o.MaxOutputBytes <= 0 {
		o.MaxOutputBytes = document.MaxSize
	}
	if o.MaxStackDepth <= 0 {
		o.MaxStackDepth = 2048
	}
	return o
}

// Meta says where a document comes from.
type Meta struct {
	Collection string // the source
	Transform  string // "" means the name of the transform that is called
	Seq        uint64
	Time       time.Time
}

// VM runs a program's functions for one shard and holds the shard's registers. It is used by one goroutine at a
// time. Close lets go of what it has on disk.
type VM struct {
	program *Program
	options VMOptions
	rt      *goja.Runtime
	values  *values
	kinds   kinds
	arrays  *iteration
	watch   *watchdog
	random  random
	console *console

	functions  []goja.Callable // by transform
	this       goja.Value      // of the functions: undefined, or the instance of the class
	class      *class          // nil: the module has the form of functions
	parse      goja.Callable   // JSON.parse, as it was before the module ran
	enter      goja.Callable   // runs job where the engine catches exceptions
	job        func()
	rejections []*goja.Promise // rejected in this call, and nobody looked
	registers  *registers

	// The call that runs.
	doc       *document.Doc
	meta      Meta
	transform int
	function  string // what is called, "" while the module is loaded
	args      [1]goja.Value
	source    *frame
	gen       uint64 // number of the call
	frames    []*frame
	used      int          // frames in use
	objects   []lazyObject // for the next ones
	outputs   []output
	buf       []byte
	stack     []level
}

// maxFrames is how many frames a VM keeps between calls: the document and a few states of its register.
const maxFrames = 8

// NewVM makes a VM and runs the module's body in it. The error is a *ModuleError when the module is to blame.
func (p *Program) NewVM(o VMOptions) (*VM, error) {
	vm := &VM{program: p, options: o.withDefaults()}
	vm.rt = goja.New()
	vm.values = newValues(vm.rt)
	vm.kinds = newKinds(vm.rt)
	var err error
	if vm.arrays, err = newIteration(vm.rt); err != nil {
		return nil, fmt.Errorf("derive %s: %w", p.name, err)
	}
	vm.watch = newWatchdog(vm.rt, vm.options.Timeout)
	vm.registers = newRegisters(vm, p.register)
	if p.copies {
		return vm, nil
	}
	vm.enter, _ = goja.AssertFunction(vm.rt.ToValue(func(goja.FunctionCall) goja.Value {
		vm.job()
		return nil
	}))
	vm.this = goja.Undefined()
	vm.parse, _ = goja.AssertFunction(vm.rt.GlobalObject().Get("JSON").ToObject(vm.rt).Get("parse"))
	vm.rt.SetMaxCallStackSize(vm.options.MaxStackDepth)
	vm.rt.SetPromiseRejectionTracker(vm.trackRejection)
	if err := vm.setUpSandbox(); err != nil {
		return nil, fmt.Errorf("derive %s: %w", p.name, err)
	}
	return vm, vm.loadModule()
}

func (vm *VM) loadModule() error {
	vm.meta.Time = time.Unix(0, 0).UTC()
	vm.random.reset(vm.meta)
	vm.watch.begin()
	defer vm.watch.end()
	_, err := vm.rt.RunProgram(vm.program.script)
	if err == nil {
		err = vm.lostRejection()
	}
	if err != nil {
		e := vm.callError("module body", err)
		return &ModuleError{File: e.File, Line: e.Line, Column: e.Column, Message: e.Message}
	}
	return vm.findFunctions()
}

// findFunctions gathers the function of each transform, or else the class that has them as methods.
func (vm *VM) findFunctions() error {
	exports, _ := vm.rt.Get(globalName).(*goja.Object)
	if exports == nil {
		exports = vm.rt.NewObject()
	}
	var names []string
	var first *transform // without a function
	if ex := vm.rt.Try(func() {
		names = exports.Keys()
		for i := range vm.program.transforms {
			t := &vm.program.transforms[i]
			f, _ := goja.AssertFunction(exports.Get(t.function))
			if f == nil && first == nil {
				first = t
			}
			vm.functions = append(vm.functions, f)
		}
		if _, callable := goja.AssertFunction(exports.Get(className)); callable && first != nil {
			vm.class = &class{constructor: exports.Get(className).ToObject(vm.rt)}
		}
	}); ex != nil {
		return ex
	}
	if first != nil && vm.class == nil {
		return vm.program.missing(*first, names)
	}
	return nil
}

// Apply calls a transform's function with one document and gives each document it returns to emit, as JSON text
// that is valid until emit returns; a source document that is returned untouched is emitted as the bytes it
// arrived in. Nothing is emitted unless the whole call succeeds. d must not change until Apply returns.
// The error is a *CallError, a *DiskError after which the VM is of no more use, or what emit returned.
func (vm *VM) Apply(transform int, d *document.Doc, meta Meta, emit func(raw []byte) error) error {
	if vm.program.copies {
		return emit(d.Raw(0))
	}
	vm.begin(transform, d, meta)
	err := vm.call()
	vm.end(err == nil)
	if lost := vm.registers.stored.err; lost != nil {
		return lost
	}
	if err != nil {
		return err
	}
	return vm.emitOutputs(emit)
}

func (vm *VM) begin(transform int, d *document.Doc, meta Meta) {
	t := &vm.program.transforms[transform]
	if meta.Transform == "" {
		meta.Transform = t.name
	}
	vm.doc, vm.transform = d, transform
	vm.registers.begin(t.key != nil)
	vm.start(t.function, meta)
}

// start opens a call, of a transform's function or of a step that has no document.
func (vm *VM) start(function string, meta Meta) {
	vm.function, vm.meta = function, meta
	vm.gen++
	vm.outputs, vm.buf = vm.outputs[:0], vm.buf[:0]
	vm.source = nil
	vm.random.reset(meta)
	vm.watch.begin()
}

// end closes the call: views of its documents throw from here on, registers take effect or do not.
func (vm *VM) end(success bool) {
	vm.watch.end()
	vm.gen++
	vm.registers.end(success)
	vm.rejections = vm.rejections[:0]
	vm.arrays.last, vm.arrays.current = nil, nil
	for i, f := range vm.frames[:vm.used] {
		f.close()
		if f.footprint() > vm.options.MaxRegisterBytes {
			vm.frames[i] = &frame{vm: vm}
		}
	}
	if len(vm.frames) > maxFrames {
		clear(vm.frames[maxFrames:])
		vm.frames = vm.frames[:maxFrames]
	}
	vm.used, vm.source, vm.doc = 0, nil, nil
	if cap(vm.buf) > vm.options.MaxRegisterBytes && len(vm.buf) < cap(vm.buf)/4 {
		vm.buf = append([]byte(nil), vm.buf...)
	}
}

// takeFrame gives a frame for the rest of the call.
func (vm *VM) takeFrame() *frame {
	if vm.used == len(vm.frames) {
		vm.frames = append(vm.frames, &frame{vm: vm})
	}
	vm.used++
	return vm.frames[vm.used-1]
}

// releaseFrame gives back the frame that was taken last, when no view of it is left.
func (vm *VM) releaseFrame() {
	vm.used--
	vm.frames[vm.used].close()
}

// call runs the function and encodes what it returns. A panic of the engine is an error of this call: one
// document must not bring the worker down.
func (vm *VM) call() (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = vm.engineError(vm.function, x)
		}
	}()
	vm.args[0] = vm.newArguments()
	v, err := vm.functions[vm.transform](vm.this, vm.args[:]...)
	vm.args[0] = nil
	if err == nil {
		v, err = vm.settled(v)
	}
	if err == nil {
		err = vm.collect(v)
	}
	if err == nil {
		err = vm.lostRejection()
	}
	if err != nil {
		return vm.callError(vm.function, err)
	}
	return nil
}

// engineError is the error of a panic of the engine.
func (vm *VM) engineError(function string, x any) *CallError {
	return vm.callError(function, fmt.Errorf("the JavaScript engine failed: %v", x))
}

// inside runs fn where the engine catches what JavaScript throws.
func (vm *VM) inside(fn func()) error {
	vm.job = fn
	_, err := vm.enter(goja.Undefined())
	vm.job = nil
	return err
}

// LoadRegister puts a restored register in place; a nil value deletes. It does not count as a change. The error is a
// *DiskError.
func (vm *VM) LoadRegister(packed []byte, value []byte) error {
	return vm.registers.load(packed, value)
}

// Changes gives the registers that changed since it was called last, in key order. The caller owns the memory. The
// error is a *DiskError.
func (vm *VM) Changes() ([]RegisterChange, error) { return vm.registers.changes() }

// Pending is about how many bytes Changes would give.
func (vm *VM) Pending() int { return vm.registers.stored.pinned }

// Close removes what the VM keeps on disk. It may be called twice; nothing else may be called after it.
func (vm *VM) Close() error {
	vm.registers.stored.close()
	return nil
}

// Register gives the register of a packed shuffle key as JSON text that the caller owns.
func (vm *VM) Register(packed []byte) (value []byte, ok bool) {
	text, ok := vm.registers.get(packed)
	if !ok {
		return nil, false
	}
	return []byte(text), true
}
