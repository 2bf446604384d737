package derive

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestConsole(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	vm := newVM(t, derivation(`console.log("loading");
export function f({ doc }) {
  console.log("got", doc.n, doc.o, [1, undefined], null, undefined, 2n);
  console.debug("d"); console.info("i"); console.warn("w"); console.error(new Error("e"));
  const cycle = { a: 1 }; cycle.c = cycle; console.log(cycle);
  console.log("é".repeat(5000));
}`), VMOptions{Log: zap.New(core)})
	mustApply(t, vm, sample)
	want := []string{"info loading", `info got 5 {"p":{"q":[1.50,2]}} [1,null] null undefined 2`, "debug d", "info i", "warn w", "error Error: e"}
	all := logs.All()
	for i, w := range want {
		if got := all[i].Level.String() + " " + all[i].Message; got != w {
			t.Errorf("got %s, want %s", got, w)
		}
	}
	if fields := all[1].ContextMap(); fields["collection"] != "acmeCo/derived" || fields["transform"] != "f" || fields["function"] != "f" || fields["seq"] != uint64(42) {
		t.Errorf("fields %v", fields)
	}
	if all[1].LoggerName != ConsoleLogger {
		t.Errorf("logger %q", all[1].LoggerName)
	}
	if m := all[6].Message; !strings.Contains(m, "cycle") {
		t.Errorf("cycle: %s", m)
	}
	if m := all[7].Message; len(m) > maxConsoleLine || !strings.HasSuffix(m, "é...") {
		t.Errorf("%d bytes, ends with %q", len(m), m[len(m)-8:])
	}
}

func TestConsoleRate(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	vm := newVM(t, derivation(`export function f() { for (let i = 0; i < 1000; i++) console.log(i) }`), VMOptions{Log: zap.New(core)})
	mustApply(t, vm, `{}`)
	if n := logs.Len(); n > 2*consoleBurst {
		t.Errorf("%d lines", n)
	}
	vm.console.window = vm.console.window.Add(-consoleWindow)
	mustApply(t, vm, `{}`)
	found := false
	for _, l := range logs.All() {
		found = found || l.ContextMap()["dropped"] != nil
	}
	if !found {
		t.Error("no line says how many were dropped")
	}
}
