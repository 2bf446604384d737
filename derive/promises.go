package derive

import (
	"reflect"

	"github.com/dop251/goja"
)

// settled gives a promise's result; microtasks have run by now, so a promise without one never gets any.
func (vm *VM) settled(v goja.Value) (goja.Value, error) {
	o, ok := v.(*goja.Object)
	if !ok || !isPromise(o) {
		return v, nil
	}
	p := o.Export().(*goja.Promise)
	switch p.State() {
	case goja.PromiseStateFulfilled:
		return p.Result(), nil
	case goja.PromiseStateRejected:
		vm.trackRejection(p, goja.PromiseRejectionHandle)
		return nil, vm.rethrow(p.Result())
	}
	return nil, shapeError("returns a promise that nothing resolves: there are no timers and no I/O to wait for")
}

func isPromise(o *goja.Object) bool { return o.ExportType() == reflect.TypeFor[*goja.Promise]() }

// rethrow makes an error of a promise's reason, with the stack of the place where it was thrown.
func (vm *VM) rethrow(reason goja.Value) error {
	return vm.inside(func() { panic(reason) })
}

// trackRejection keeps the promises that were rejected without anybody handling them.
func (vm *VM) trackRejection(p *goja.Promise, operation goja.PromiseRejectionOperation) {
	if operation == goja.PromiseRejectionReject {
		vm.rejections = append(vm.rejections, p)
		return
	}
	for i, other := range vm.rejections {
		if other == p {
			vm.rejections = append(vm.rejections[:i], vm.rejections[i+1:]...)
			return
		}
	}
}

// lostRejection is the error of a promise that failed and that nobody awaited.
func (vm *VM) lostRejection() error {
	if len(vm.rejections) == 0 {
		return nil
	}
	reason := vm.rejections[0].Result()
	vm.rejections = vm.rejections[:0]
	return vm.rethrow(reason)
}
