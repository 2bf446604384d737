package sqlite

import (
	"unsafe"

	"modernc.org/libc"
)

// SQLite's own memory lies outside of Go's heap and is addressed by numbers,
// as in C. What crosses the border crosses it here.

// at sees the memory at p as a T.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) } // p is an address outside of Go's heap, or of an object that is pinned

// view sees n bytes at p. They are valid until SQLite changes them.
func view(p uintptr, n int) []byte {
	if p == 0 || n <= 0 {
		return nil
	}
	return unsafe.Slice(at[byte](p), n)
}

func sizeOf[T any]() uintptr {
	var v T
	return unsafe.Sizeof(v)
}

// peek sees bytes as a string, for as long as they do not change.
func peek(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// address is where a Go object lies. It must be pinned while SQLite knows it.
func address[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }

// callback makes a pointer that SQLite can call of a declared function, never
// of a closure: a function value points to the address of its code.
func callback[T any](f T) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f T }{f})) }

// block is memory of SQLite's side that grows and is reused.
type block struct {
	tls  *libc.TLS
	p    uintptr
	size int
}

// set copies bytes into the block and gives their address. A zero byte ends
// them, so that they are a C string too.
func (b *block) set(data []byte) (uintptr, error) {
	if need := len(data) + 1; need > b.size {
		b.free()
		size := max(2*need, 4096)
		if b.p = libc.Xmalloc(b.tls, libc.Tsize_t(size)); b.p == 0 {
			return 0, errMemory
		}
		b.size = size
	}
	copy(view(b.p, b.size), data)
	view(b.p, b.size)[len(data)] = 0
	return b.p, nil
}

func (b *block) free() {
	if b.p != 0 {
		libc.Xfree(b.tls, b.p)
	}
	b.p, b.size = 0, 0
}
