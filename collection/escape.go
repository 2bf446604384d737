package collection

import (
	"errors"
	"fmt"
)

// A plainSet says which bytes an encoding leaves as they are.
type plainSet [256]bool

var (
	subjectPlain = plainBytes(".*>%")
	namePlain    = plainBytes(`.*>%/\=`)
	kvPlain      = kvBytes()
)

// plainBytes is printable ASCII without the given bytes and without space.
func plainBytes(without string) plainSet {
	var set plainSet
	for b := '!'; b <= '~'; b++ {
		set[b] = true
	}
	for _, b := range without {
		set[b] = false
	}
	return set
}

func kvBytes() plainSet {
	var set plainSet
	for _, b := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/" {
		set[b] = true
	}
	return set
}

const upperHex = "0123456789ABCDEF"

// appendEscaped appends s with each byte that is not plain written as mark and
// two upper-case hexadecimal digits.
func appendEscaped[T string | []byte](dst []byte, s T, mark byte, plain *plainSet) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		if b := s[i]; !plain[b] {
			dst = append(dst, s[start:i]...)
			dst = append(dst, mark, upperHex[b>>4], upperHex[b&15])
			start = i + 1
		}
	}
	return append(dst, s[start:]...)
}

var errEscape = errors.New("an escape needs two upper-case hexadecimal digits")

// unescape is strict: it takes only what appendEscaped writes, so that one thing
// has one name.
func unescape(s string, mark byte, plain *plainSet) (string, error) {
	dst := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		b := s[i]
		if b != mark {
			if !plain[b] {
				return "", fmt.Errorf("byte %q at offset %d must be escaped", b, i)
			}
			dst = append(dst, b)
			continue
		}
		if i+2 >= len(s) {
			return "", errEscape
		}
		hi, lo := upperDigit(s[i+1]), upperDigit(s[i+2])
		if hi < 0 || lo < 0 {
			return "", errEscape
		}
		decoded := byte(hi<<4 | lo)
		if plain[decoded] {
			return "", fmt.Errorf("byte %q at offset %d must not be escaped", decoded, i)
		}
		dst = append(dst, decoded)
		i += 2
	}
	return string(dst), nil
}

func upperDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}
