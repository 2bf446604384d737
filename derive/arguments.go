package derive

import (
	"encoding/base64"
	"hash/fnv"
	"math/big"
	"slices"
	"strconv"

	"github.com/dop251/goja"

	"weir/document"
)

// timeLayout is how meta.ts is written: what Date.prototype.toISOString gives.
const timeLayout = "2006-01-02T15:04:05.000Z"

// arguments is the object that a function or a method gets. Its members are made when they are asked for.
type arguments struct {
	vm   *VM
	gen  uint64
	key  goja.Value
	meta goja.Value
}

// What functions get, and methods of a class, which are written for Flow's `read` too.
var (
	functionArguments = []string{"doc", "register", "key", "meta"}
	methodArguments   = []string{"doc", "register", "key", "meta", "uuid", "shuffle"}
)

func (a *arguments) names() []string {
	if a.vm.class != nil {
		return methodArguments
	}
	return functionArguments
}

func (vm *VM) newArguments() goja.Value {
	return vm.rt.NewDynamicObject(&arguments{vm: vm, gen: vm.gen})
}

// Get implements goja.DynamicObject.
func (a *arguments) Get(name string) goja.Value {
	if a.gen != a.vm.gen {
		a.vm.throw("a function's argument was used after its call returned")
	}
	switch name {
	case "doc":
		return a.vm.document()
	case "register":
		if a.vm.shuffleKey() == nil {
			return goja.Undefined()
		}
		return a.vm.registers.handle
	case "key":
		if a.key == nil {
			a.key = a.vm.keyValues()
		}
		return a.key
	case "meta":
		if a.meta == nil {
			a.meta = a.vm.metaObject()
		}
		return a.meta
	case "uuid", "shuffle":
		if a.vm.class == nil {
			return nil
		}
		return a.vm.readMember(name)
	}
	return nil
}

// Set implements goja.DynamicObject.
func (a *arguments) Set(name string, _ goja.Value) bool {
	a.vm.throw("a function's argument cannot be changed (" + name + "): change doc, or what you return")
	return false
}

// Has implements goja.DynamicObject.
func (a *arguments) Has(name string) bool {
	return slices.Contains(a.names(), name)
}

// Delete implements goja.DynamicObject.
func (a *arguments) Delete(name string) bool { return !a.Has(name) }

// Keys implements goja.DynamicObject.
func (a *arguments) Keys() []string { return a.names() }

// document is the view of the source document, made when it is first asked for.
func (vm *VM) document() goja.Value {
	if vm.source == nil {
		vm.source = vm.takeFrame()
		vm.source.open(vm.doc, string(vm.doc.Src))
	}
	return vm.source.value(0, nil)
}

func (vm *VM) shuffleKey() *document.Key { return vm.program.transforms[vm.transform].key }

// packedKey appends the document's packed shuffle key.
func (vm *VM) packedKey(dst []byte) []byte {
	packed, err := vm.shuffleKey().AppendPacked(dst, vm.doc, 0)
	if err != nil {
		vm.throw("the document has no shuffle key: " + err.Error())
	}
	return packed
}

// keyValues is the document's shuffle key as an array.
func (vm *VM) keyValues() goja.Value {
	if vm.shuffleKey() == nil {
		return vm.rt.NewArray()
	}
	parts, err := document.UnpackKey(vm.packedKey(nil))
	if err != nil {
		vm.throw("the document has no shuffle key: " + err.Error())
	}
	for i, part := range parts {
		switch n := part.(type) {
		case uint64:
			parts[i] = float64(n)
		case *big.Int:
			f, _ := new(big.Float).SetInt(n).Float64()
			parts[i] = f
		}
	}
	return vm.rt.NewArray(parts...)
}

func (vm *VM) metaObject() goja.Value {
	return vm.object(
		member{"collection", vm.meta.Collection},
		member{"transform", vm.meta.Transform},
		member{"seq", vm.meta.Seq},
		member{"ts", vm.meta.Time.UTC().Format(timeLayout)},
	)
}

// uuidEpoch is what the clocks of UUIDs count from: 15 October 1582, in seconds before 1970.
const uuidEpoch = 12_219_292_800

// readMember makes what Flow's `read` has beside the document: the time as the clock of a version 1 UUID, shifted as
// Flow has it; the node is 0, since documents here have positions and no producers. The shuffle key comes packed, too.
func (vm *VM) readMember(name string) goja.Value {
	if name == "uuid" {
		ticks := uint64(vm.meta.Time.Unix()+uuidEpoch)*1e7 + uint64(vm.meta.Time.Nanosecond()/100)
		return vm.object(member{"node", "0"}, member{"clock", strconv.FormatUint(ticks<<4, 10)})
	}
	var packed []byte
	if vm.shuffleKey() != nil {
		packed = vm.packedKey(nil)
	}
	hash := fnv.New32a()
	hash.Write(packed)
	return vm.object(
		member{"key", vm.keyValues()},
		member{"packed", base64.StdEncoding.EncodeToString(packed)},
		member{"hash", hash.Sum32()},
	)
}

type member struct {
	name  string
	value any
}

func (vm *VM) object(members ...member) goja.Value {
	o := vm.rt.NewObject()
	for _, m := range members {
		if err := o.Set(m.name, m.value); err != nil {
			panic(err)
		}
	}
	return o
}

// throw throws a TypeError in JavaScript.
func (vm *VM) throw(message string) {
	panic(vm.rt.NewTypeError("%s", message))
}
