package derive

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/document"
)

// stateful sets, reads, deletes, or fails after setting.
const stateful = `export function f({ doc, register }) {
  if (doc.op === "delete") register.delete();
  else if (doc.op !== "read") register.set({ v: doc.v });
  if (doc.op === "fail") throw new Error("as asked");
  return { v: register.value && register.value.v };
}`

// TestRegistersOnDisk drives a VM whose memory holds a few of many registers, and a map, by the same random
// operations: each call sees, and each transaction changes, the same. Now and then the VM is dropped, as after an
// abort, and one that was restored from the transactions so far goes on.
func TestRegistersOnDisk(t *testing.T) {
	for _, limit := range []int{1, 4 << 10, 64 << 10, 1 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			dir := t.TempDir()
			random := rand.New(rand.NewPCG(7, uint64(limit)))
			d := withRegister(derivation(stateful), anySchema, "")
			options := VMOptions{RegisterMemory: limit, Dir: dir}
			vm := newVM(t, d, options)
			committed, open := map[string]string{}, map[string]string{}
			value := func(k string) string {
				if v, ok := open[k]; ok {
					return v
				}
				return committed[k]
			}
			for i := range 20_000 {
				k := fmt.Sprint(random.IntN(2000))
				v, op := fmt.Sprintf("%d-%s", i, strings.Repeat("x", random.IntN(60))), []string{"set", "set", "read", "delete", "fail"}[random.IntN(5)]
				want := value(k)
				switch op {
				case "set":
					want = v
					open[k] = v
				case "delete":
					want = ""
					open[k] = ""
				}
				got, err := apply(vm, fmt.Sprintf(`{"k":%q,"op":%q,"v":%q}`, k, op, v))
				if op == "fail" {
					if err == nil || !strings.Contains(err.Error(), "as asked") {
						t.Fatalf("%d: %v", i, err)
					}
				} else if err != nil || fmt.Sprint(got) != shown(want) {
					t.Fatalf("%d: %s of %s gives %v, want %s; %v", i, op, k, got, shown(want), err)
				}
				switch {
				case i%97 == 0: // commit
					checkChanges(t, vm, committed, open)
					if vm.Pending() != 0 {
						t.Fatalf("%d bytes are changed after all changes were handed out", vm.Pending())
					}
				case i%2999 == 0: // abort
					_ = vm.Close()
					open = map[string]string{}
					vm = newVM(t, d, options)
					for k, v := range committed {
						if err := vm.LoadRegister(packed(t, k), fmt.Appendf(nil, `{"v":%q}`, v)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if c := &vm.registers.stored; c.bytes-c.pinned > limit {
					t.Fatalf("%d bytes are in memory, the limit is %d", c.bytes-c.pinned, limit)
				}
			}
			checkChanges(t, vm, committed, open)
			if c := &vm.registers.stored; (c.disk != nil) != (limit < 1<<20) {
				t.Errorf("limit %d: a store on disk: %v", limit, c.disk != nil)
			}
			if err := errors.Join(vm.Close(), vm.Close()); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// shown is what a call returns of a register's value, "" for none.
func shown(v string) string {
	if v == "" {
		return `[{"v":null}]`
	}
	return fmt.Sprintf(`[{"v":%q}]`, v)
}

// checkChanges compares what changed with open, and makes it committed. A key
// that was deleted without ever having been there, or set to what it was, may
// be left out.
func checkChanges(t *testing.T, vm *VM, committed, open map[string]string) {
	t.Helper()
	var last []byte
	changes, err := vm.Changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if string(c.Key) <= string(last) && last != nil {
			t.Fatal("changes are not in the order of their keys")
		}
		last = c.Key
		text, err := document.AppendKeyJSON(nil, c.Key)
		if err != nil {
			t.Fatal(err)
		}
		k := strings.Trim(string(text), `["]`)
		want, ok := open[k]
		if got := strings.TrimSuffix(strings.TrimPrefix(string(c.Value), `{"v":"`), `"}`); !ok || got != want {
			t.Fatalf("register %s changed to %q, want %q", k, got, want)
		}
		if committed[k] = want; want == "" {
			delete(committed, k)
		}
		delete(open, k)
	}
	for k, v := range open {
		if committed[k] != v {
			t.Fatalf("the change of %s to %q is missing", k, v)
		}
	}
	clear(open)
}

// TestRestoreManyRegisters restores more than memory holds, some of them deleted or replaced afterwards as by
// markers.
func TestRestoreManyRegisters(t *testing.T) {
	vm := newVM(t, withRegister(derivation(stateful), anySchema, ""), VMOptions{RegisterMemory: 32 << 10, Dir: t.TempDir()})
	defer func() { _ = vm.Close() }()
	const n = 20_000
	load := func(i int, value string) {
		var text []byte
		if value != "" {
			text = fmt.Appendf(nil, `{"v":%q}`, value)
		}
		if err := vm.LoadRegister(packed(t, fmt.Sprint(i)), text); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		load(i, fmt.Sprint("first ", i))
	}
	for i := 0; i < n; i += 3 {
		load(i, "")
	}
	for i := 0; i < n; i += 7 {
		load(i, fmt.Sprint("second ", i))
	}
	for i := range n + 100 {
		want := fmt.Sprintf(`[{"v":"first %d"}]`, i)
		switch {
		case i >= n:
			want = `[{"v":null}]`
		case i%7 == 0:
			want = fmt.Sprintf(`[{"v":"second %d"}]`, i)
		case i%3 == 0:
			want = `[{"v":null}]`
		}
		if got := fmt.Sprint(mustApply(t, vm, fmt.Sprintf(`{"k":"%d","op":"read"}`, i))); got != want {
			t.Fatalf("register %d: %s, want %s", i, got, want)
		}
	}
	if c, err := vm.Changes(); c != nil || err != nil {
		t.Errorf("restoring counts as a change: %d, %v", len(c), err)
	}
}

// TestDiskFails lets the disk fail behind a call that would read it: the call fails though the module catches what it
// gets, and the error is the disk's and not the module's.
func TestDiskFails(t *testing.T) {
	vm := newVM(t, withRegister(derivation(`export function f({ doc, register }) { try { register.set({ v: doc.v }) } catch {} return {} }`), anySchema, ""), VMOptions{RegisterMemory: 4 << 10, Dir: t.TempDir()})
	defer func() { _ = vm.Close() }()
	for i := range 100 {
		mustApply(t, vm, fmt.Sprintf(`{"k":"%d","v":%d}`, i, i))
		if _, err := vm.Changes(); err != nil {
			t.Fatal(err)
		}
	}
	vm.registers.stored.disk.fail(errors.New("no space left"))
	failed := 0
	for i := range 100 {
		got, err := apply(vm, fmt.Sprintf(`{"k":"%d","v":0}`, i))
		var disk *DiskError
		if err != nil && (!errors.As(err, &disk) || err.Error() != "registers on disk: no space left" || got != nil) {
			t.Fatalf("%v, %v", got, err)
		}
		if err != nil {
			failed++
		}
	}
	if failed < 50 {
		t.Errorf("%d calls failed", failed)
	}
	if err := vm.LoadRegister(packed(t, "a"), []byte(`1`)); err == nil {
		t.Error("a store that failed takes registers")
	}
}

// TestNoDirectory keeps registers where no directory can be made.
func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	vm := newVM(t, withRegister(derivation(stateful), anySchema, ""), VMOptions{RegisterMemory: 1, Dir: file})
	defer func() { _ = vm.Close() }()
	var disk *DiskError
	if err := vm.LoadRegister(packed(t, "a"), []byte(`1`)); !errors.As(err, &disk) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// TestLeftovers removes the store of a process that is gone, but neither one that is in use nor one that was just made.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	long := time.Now().Add(-time.Hour)
	for _, name := range []string{"gone", "held", "young"} {
		path := filepath.Join(dir, diskPrefix+name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "000004.sst"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		if name == "held" {
			lock, err := pebble.LockDirectory(path, vfs.Default)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Close() }()
		}
		if name != "young" {
			if err := os.Chtimes(path, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, err := openDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.close()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, strings.TrimPrefix(e.Name(), diskPrefix))
	}
	if !slices.Equal(names, []string{"held", "young"}) {
		t.Errorf("left: %v", names)
	}
}

// TestKeyFilter adds keys and asks for them and for others.
func TestKeyFilter(t *testing.T) {
	f := newKeyFilter()
	const n = 200_000
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }
	for i := range n {
		f.add(key(i))
	}
	wrong := 0
	for i := range n {
		if !f.mayHold(key(i)) {
			t.Fatalf("key %d is forgotten", i)
		}
		if f.mayHold(key(n + i)) {
			wrong++
		}
	}
	if share := float64(wrong) / n; share > 0.03 {
		t.Errorf("%.1f %% of other keys pass", share*100)
	}
	bytes := 0
	for _, p := range f.parts {
		bytes += len(p.words) * 8
	}
	if bytes > 4*n {
		t.Errorf("%d bytes for %d keys", bytes, n)
	}
}
