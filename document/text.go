package document

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// scratchSize is how long a decoded string may be for a comparison to need no memory from the heap.
const scratchSize = 256

// hex4 reads four hexadecimal digits, or returns -1.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendUnescaped resolves the escapes of a string's text, which Parse has checked.
func appendUnescaped(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		var r rune
		r, text = unescape(text[i:])
		dst = utf8.AppendRune(dst, r)
	}
}

// unescape reads the escape that text begins with, and returns what follows it.
func unescape(text []byte) (rune, []byte) {
	c, rest := text[1], text[2:]
	switch c {
	case 'b':
		return '\b', rest
	case 'f':
		return '\f', rest
	case 'n':
		return '\n', rest
	case 'r':
		return '\r', rest
	case 't':
		return '\t', rest
	case 'u':
		r := hex4(rest)
		if !utf16.IsSurrogate(r) {
			return r, rest[4:]
		}
		return utf16.DecodeRune(r, hex4(rest[6:])), rest[10:]
	default: // '"', '\\' and '/' stand for themselves
		return rune(c), rest
	}
}

func equalUnescaped(text []byte, s string) bool {
	if len(text) < len(s) {
		return false // an escape is never shorter than what it stands for
	}
	var scratch [scratchSize]byte
	return string(appendUnescaped(scratch[:0], text)) == s
}

// compareText orders two strings by the bytes of their decoded UTF-8.
func compareText(a *Doc, i uint32, b *Doc, j uint32) int {
	if (a.Nodes[i].Flags|b.Nodes[j].Flags)&Escaped == 0 {
		return bytes.Compare(a.Text(i), b.Text(j))
	}
	var left, right [scratchSize]byte
	return bytes.Compare(a.AppendString(left[:0], i), b.AppendString(right[:0], j))
}

// needsEscape tells the bytes that cannot stand in a JSON string as they are, or that begin a UTF-8 sequence
// which must be checked first.
func needsEscape(c byte) bool {
	return c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf
}

// AppendQuoted appends s as the shortest JSON string that stands for it: only quote, backslash and control
// characters are escaped. Bytes that are not UTF-8 become U+FFFD.
func AppendQuoted(dst []byte, s string) []byte {
	return appendQuoted(dst, s)
}

func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0 // s[start:i] is still to be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if !needsEscape(c) {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		dst = appendEscape(append(dst, s[start:i]...), c)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// appendEscape appends the shortest escape of a quote, a backslash or a control character.
func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
