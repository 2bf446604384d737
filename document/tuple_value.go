package document

import (
	"encoding/binary"
	"math"
)

// Type codes that values have beside those of keys.
const (
	codeBytes  = 0x01
	codeDouble = 0x21
)

// AppendTuple appends any value in FoundationDB's tuple encoding: scalars as keys have them, other numbers as
// doubles, and arrays and objects as byte strings of their JSON. A number that no double holds is its text.
func AppendTuple(dst []byte, d *Doc, i uint32) []byte {
	switch d.Nodes[i].Kind {
	case Array, Object:
		dst = append(append(dst, codeBytes), d.Raw(i)...) // JSON has no zero byte
		return append(dst, stringEnd)
	}
	if packed, err := appendPacked(dst, d, i); err == nil {
		return packed
	}
	f := Float64(d.Text(i))
	if math.IsInf(f, 0) || math.IsNaN(f) {
		dst = append(dst, codeString)
		dst = append(dst, d.Text(i)...)
		return append(dst, stringEnd)
	}
	bits := math.Float64bits(f)
	if bits>>63 == 1 { // what is less sorts first
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(append(dst, codeDouble), bits)
}

// AppendTupleString appends a string as AppendTuple does, AppendTupleNull what is not there.
func AppendTupleString(dst []byte, s string) []byte {
	dst = append(dst, codeString)
	for i := range len(s) {
		if dst = append(dst, s[i]); s[i] == 0 {
			dst = append(dst, zeroInside)
		}
	}
	return append(dst, stringEnd)
}

// AppendTupleNull appends what stands for a value that is not there.
func AppendTupleNull(dst []byte) []byte { return append(dst, codeNull) }
