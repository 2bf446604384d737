package collection

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"

	"weir/document"
)

const (
	// maxComponent is how many bytes of a key component a subject spells out;
	// a longer one stands there as a hash.
	maxComponent = 128
	// hashDigits is how many hexadecimal digits of a SHA-256 name what is too long.
	hashDigits = 32
	// maxSubject is the longest subject that is written, in bytes. The server reads
	// 4096 bytes of protocol line, which also holds the reply subject and sizes.
	maxSubject = 3584
)

// Codes of the packed key's elements.
const (
	codeNull   = 0x00
	codeString = 0x02
	codeIntMin = 0x0c // integer of 8 bytes, negative
	codeZero   = 0x14
	codeIntMax = 0x1c // integer of 8 bytes, positive
	codeFalse  = 0x26
	codeTrue   = 0x27
)

// KeyToken spells a string component of a key as a token of a subject. Integers
// stand there in decimal, booleans as true and false, null as %n.
func KeyToken(component string) string { return string(appendComponent(nil, component)) }

// appendComponent appends the token of a component given by its text.
func appendComponent[T string | []byte](dst []byte, text T) []byte {
	switch {
	case len(text) == 0:
		return append(dst, "%e"...)
	case len(text) > maxComponent:
		sum := sha256.Sum256([]byte(text))
		return hex.AppendEncode(append(dst, "%h"...), sum[:hashDigits/2])
	}
	return appendEscaped(dst, text, '%', &subjectPlain)
}

// appendTokens appends the tokens of a packed key, with dots between them.
func appendTokens(dst, packed []byte) ([]byte, error) {
	start := len(dst)
	for rest := packed; len(rest) > 0; {
		if len(rest) < len(packed) {
			dst = append(dst, '.')
		}
		code := rest[0]
		rest = rest[1:]
		switch {
		case code == codeNull:
			dst = append(dst, "%n"...)
		case code == codeFalse:
			dst = append(dst, "false"...)
		case code == codeTrue:
			dst = append(dst, "true"...)
		case code == codeString:
			end := bytes.IndexByte(rest, 0)
			if end < 0 || end+1 < len(rest) && rest[end+1] == 0xff {
				return appendTokensSlowly(dst[:start], packed)
			}
			dst = appendComponent(dst, rest[:end])
			rest = rest[end+1:]
		case codeIntMin <= code && code <= codeIntMax:
			n := int(code) - codeZero
			width := max(n, -n)
			if width > len(rest) {
				return nil, fmt.Errorf("packed key % x: an integer is cut off", packed)
			}
			dst = appendInteger(dst, rest[:width], n < 0)
			rest = rest[width:]
		default:
			return appendTokensSlowly(dst[:start], packed)
		}
	}
	return dst, nil
}

// appendInteger appends in decimal a packed integer: big-endian, and of a negative
// one the complement of its magnitude.
func appendInteger(dst, packed []byte, negative bool) []byte {
	var wide [8]byte
	copy(wide[8-len(packed):], packed)
	if negative {
		for i := 8 - len(packed); i < 8; i++ {
			wide[i] = ^wide[i]
		}
		dst = append(dst, '-')
	}
	return strconv.AppendUint(dst, binary.BigEndian.Uint64(wide[:]), 10)
}

// appendTokensSlowly takes any packed key: integers wider than 64 bits and strings
// that hold a zero byte too.
func appendTokensSlowly(dst, packed []byte) ([]byte, error) {
	values, err := document.UnpackKey(packed)
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		if i > 0 {
			dst = append(dst, '.')
		}
		switch v := value.(type) {
		case nil:
			dst = append(dst, "%n"...)
		case bool:
			dst = strconv.AppendBool(dst, v)
		case int64:
			dst = strconv.AppendInt(dst, v, 10)
		case uint64:
			dst = strconv.AppendUint(dst, v, 10)
		case *big.Int:
			dst = appendComponent(dst, v.String())
		case string:
			dst = appendComponent(dst, v)
		default:
			return nil, fmt.Errorf("packed key % x: no subject token for a %T", packed, value)
		}
	}
	return dst, nil
}

const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// partitionOf is the partition that key tokens belong to, given as they stand in a
// subject, with dots between them: the 32-bit FNV-1a hash of the tokens without
// separator, modulo the number of partitions. No token holds a dot. The server's
// subject transforms compute the same.
func partitionOf(dotted []byte, partitions int) int {
	h := uint32(fnvOffset)
	for _, b := range dotted {
		if b != '.' {
			h = (h ^ uint32(b)) * fnvPrime
		}
	}
	return int(h % uint32(partitions))
}
