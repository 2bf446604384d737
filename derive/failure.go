package derive

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/dop251/goja"
)

// callError makes the error that users see of what the engine reports.
func (vm *VM) callError(function string, err error) *CallError {
	e := &CallError{File: vm.program.file, Function: function}
	if vm.doc != nil {
		e.Document = []byte(excerpt(string(vm.doc.Raw(0)[:min(len(vm.doc.Raw(0)), 2*maxExcerpt)]), maxExcerpt))
	}
	var (
		thrown      *goja.Exception
		interrupted *goja.InterruptedError
		overflow    *goja.StackOverflowError
		stack       []goja.StackFrame
	)
	switch {
	case errors.As(err, &interrupted):
		e.Message = fmt.Sprintf("ran longer than %s and was stopped", vm.options.Timeout)
		stack = interrupted.Stack()
	case errors.As(err, &overflow):
		e.Message = fmt.Sprintf("stack overflow: calls are nested more than %d deep", vm.options.MaxStackDepth)
		stack = overflow.Stack()
	case errors.As(err, &thrown):
		e.Message = excerpt(vm.thrownText(thrown), maxMessage)
		stack = thrown.Stack()
	default:
		e.Message = excerpt(err.Error(), maxMessage)
	}
	vm.addStack(e, stack)
	return e
}

// addStack fills in the place and the stack from the frames that belong to the module.
func (vm *VM) addStack(e *CallError, stack []goja.StackFrame) {
	var b strings.Builder
	frames := 0
	for i := range stack {
		f := &stack[i]
		if f.SrcName() != vm.program.file {
			continue
		}
		p := f.Position()
		if file, err := url.PathUnescape(p.Filename); err == nil {
			p.Filename = file
		}
		p.Column++ // the engine hands on the source map's columns, which count from 0
		if frames == 0 {
			e.File, e.Line, e.Column = p.Filename, p.Line, p.Column
		}
		if frames++; frames > maxStackFrames {
			b.WriteString("...\n")
			break
		}
		fmt.Fprintf(&b, "%s (%s)\n", strings.TrimPrefix(f.FuncName(), globalName+"."), place(p.Filename, p.Line, p.Column))
	}
	e.Stack = strings.TrimSuffix(b.String(), "\n")
}

// thrownText says what was thrown. Asking the value may run the module's own code, so it is asked inside.
func (vm *VM) thrownText(thrown *goja.Exception) string {
	v := thrown.Value()
	o, ok := v.(*goja.Object)
	if !ok {
		return fmt.Sprint(v)
	}
	text := "an exception whose text cannot be read"
	err := vm.inside(func() {
		if o.ClassName() == "Error" {
			text = o.String()
			return
		}
		enc := encoder{vm: vm, limit: maxMessage}
		if enc.value(o) {
			text = "throws " + string(enc.dst)
		}
	})
	if err != nil {
		return text
	}
	return text
}

// kindOf names a value in a message about shapes.
func kindOf(v goja.Value) string {
	switch {
	case v == nil || goja.IsUndefined(v):
		return "undefined"
	case goja.IsNull(v):
		return "null"
	case goja.IsNumber(v):
		return "a number"
	case goja.IsString(v):
		return "a string"
	case goja.IsBigInt(v):
		return "a BigInt"
	}
	o, ok := v.(*goja.Object)
	if !ok {
		if _, symbol := v.(*goja.Symbol); symbol {
			return "a symbol"
		}
		return "a boolean"
	}
	if isPromise(o) {
		return "a promise"
	}
	switch c := o.ClassName(); c {
	case "Array":
		return "an array"
	case "Function":
		return "a function"
	default:
		return "a " + c
	}
}
