package derive

import (
	_ "embed"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"

	"github.com/dop251/goja"
)

const sandboxName = "weir:sandbox"

// sandboxScript takes away what runs text as code and puts dates into UTC.
//
//go:embed sandbox.js
var sandboxScript string

// setUpSandbox prepares the global objects before the module's body runs.
func (vm *VM) setUpSandbox() error {
	vm.rt.SetTimeSource(vm.now)
	if !vm.program.wall {
		vm.rt.SetRandSource(vm.random.next)
	}
	v, err := vm.rt.RunProgram(vm.program.sandbox)
	if err != nil {
		return err
	}
	install, _ := goja.AssertFunction(v)
	if _, err := install(goja.Undefined(), vm.rt.ToValue(formatDate)); err != nil {
		return err
	}
	vm.console = &console{vm: vm, log: vm.options.Log.Named(ConsoleLogger)}
	return vm.console.install()
}

// now is the time that JavaScript sees.
func (vm *VM) now() time.Time {
	if vm.program.wall {
		return time.Now()
	}
	return vm.meta.Time
}

// formatDate writes a time of Date (milliseconds since 1970) by one of Go's layouts, in UTC.
func formatDate(msec int64, layout string) string {
	return time.UnixMilli(msec).UTC().Format(layout)
}

// random is the source of Math.random(): the same numbers for the same document, whenever it is processed.
type random struct {
	meta   Meta
	seeded bool
	pcg    rand.PCG
}

func (r *random) reset(meta Meta) { r.meta, r.seeded = meta, false }

func (r *random) next() float64 {
	if !r.seeded {
		h := fnv.New64a()
		_, _ = io.WriteString(h, r.meta.Collection+"\x00"+r.meta.Transform)
		r.pcg.Seed(h.Sum64(), r.meta.Seq)
		r.seeded = true
	}
	const mantissa = 53
	return float64(r.pcg.Uint64()>>(64-mantissa)) / (1 << mantissa)
}
