package document

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	// MaxDepth is how many arrays and objects may be nested in one another.
	MaxDepth = 512
	// MaxSize is how long a document may be, in bytes.
	MaxSize = 64 << 20
	// maxExponentDigits keeps the arithmetic of exponents within int64.
	maxExponentDigits = 18
	// manyMembers is from where on duplicate names are sought with a hash set. Below it, comparing the few
	// names that agree in a cheap fingerprint is faster.
	manyMembers = 24
	// failed is what the parser's functions return instead of the next offset once they have called fail.
	failed = -1
)

// parser holds the state of one Parse. Its functions take the offset where their part begins and return the
// offset behind it, or failed.
type parser struct {
	src    []byte
	nodes  []Node
	depth  int
	spaced bool // whitespace was skipped since this was last cleared
	names  *nameSet
	err    *SyntaxError
}

// Parse fills d with the one JSON value that src holds. The error is a *SyntaxError; d is then empty. d keeps
// src, which must not change while d is in use.
func (d *Doc) Parse(src []byte) error {
	p := parser{src: src, nodes: d.Nodes[:0], names: &d.names}
	ok := p.document()
	d.Src, d.Nodes, d.tight = src, p.nodes, !p.spaced
	if !ok {
		d.Nodes = d.Nodes[:0]
		return p.err
	}
	return nil
}

// ParsePrefix fills d with the JSON value that src begins with, behind whitespace, and gives the offset of what
// follows the value. It is Parse for a value among others, as an element of an array, that may be MaxSize long
// together with what is before it.
func (d *Doc) ParsePrefix(src []byte) (end int, err error) {
	p := parser{src: src[:min(len(src), MaxSize)], nodes: d.Nodes[:0], names: &d.names}
	start := p.skip(0)
	p.spaced = false
	if end = p.value(start); end == failed {
		d.Src, d.Nodes, d.tight = src, p.nodes[:0], false
		return 0, p.err
	}
	d.Src, d.Nodes, d.tight = src[:end:end], p.nodes, !p.spaced
	return end, nil
}

func (p *parser) document() bool {
	if len(p.src) > MaxSize {
		p.tooLarge()
		return false
	}
	i := p.skip(0)
	p.spaced = false
	if i = p.value(i); i == failed {
		return false
	}
	inside := p.spaced
	if i = p.skip(i); i != len(p.src) {
		p.fail(i, wantEnd)
		return false
	}
	p.spaced = inside
	return true
}

// skip returns the offset of the first byte from i on that is not whitespace.
func (p *parser) skip(i int) int {
	for ; i < len(p.src); i++ {
		switch p.src[i] {
		case ' ', '\n', '\t', '\r':
			p.spaced = true
		default:
			return i
		}
	}
	return i
}

// next is skip for the common case of no whitespace, small enough to be inlined.
func (p *parser) next(i int) int {
	if i < len(p.src) && p.src[i] > ' ' {
		return i
	}
	return p.skip(i)
}

func (p *parser) value(i int) int {
	if i >= len(p.src) {
		return p.fail(i, wantValue)
	}
	switch p.src[i] {
	case '"':
		return p.str(i)
	case '{':
		return p.object(i)
	case '[':
		return p.array(i)
	case 't':
		return p.literal(i, "true", True)
	case 'f':
		return p.literal(i, "false", False)
	case 'n':
		return p.literal(i, "null", Null)
	}
	return p.number(i)
}

// open adds a container's node; close completes it.
func (p *parser) open(i int, kind Kind) bool {
	if p.depth++; p.depth > MaxDepth {
		p.fail(i, tooDeep)
		return false
	}
	n := p.add()
	n.Off, n.End, n.Next, n.N = uint32(i), 0, 0, 0
	n.Kind, n.Flags = kind, 0
	return true
}

func (p *parser) close(at uint32, i int, members uint32) int {
	n := &p.nodes[at]
	n.End, n.Next, n.N = uint32(i), uint32(len(p.nodes)), members
	p.depth--
	return i
}

func (p *parser) array(i int) int {
	at := uint32(len(p.nodes))
	if !p.open(i, Array) {
		return failed
	}
	i = p.next(i + 1)
	if i < len(p.src) && p.src[i] == ']' {
		return p.close(at, i+1, 0)
	}
	for count := uint32(1); ; count++ {
		if i = p.value(i); i == failed {
			return failed
		}
		if i = p.next(i); i >= len(p.src) {
			return p.fail(i, wantCommaOrEnd)
		}
		switch p.src[i] {
		case ',':
			i = p.next(i + 1)
		case ']':
			return p.close(at, i+1, count)
		default:
			return p.fail(i, wantCommaOrEnd)
		}
	}
}

func (p *parser) object(i int) int {
	at := uint32(len(p.nodes))
	if !p.open(i, Object) {
		return failed
	}
	i = p.next(i + 1)
	if i < len(p.src) && p.src[i] == '}' {
		return p.close(at, i+1, 0)
	}
	check := nameCheck{object: at}
	for {
		if i = p.member(i, &check); i == failed {
			return failed
		}
		if i = p.next(i); i >= len(p.src) {
			return p.fail(i, wantCommaOrEnd)
		}
		switch p.src[i] {
		case ',':
			i = p.next(i + 1)
		case '}':
			i = p.close(at, i+1, check.count)
			if check.late && !p.distinct(at) {
				return failed
			}
			return i
		default:
			return p.fail(i, wantCommaOrEnd)
		}
	}
}

// member reads a name, a colon and a value.
func (p *parser) member(i int, check *nameCheck) int {
	if i >= len(p.src) || p.src[i] != '"' {
		return p.fail(i, wantName)
	}
	name := uint32(len(p.nodes))
	if i = p.str(i); i == failed {
		return failed
	}
	if !p.unique(check, name) {
		return failed
	}
	if i = p.next(i); i >= len(p.src) || p.src[i] != ':' {
		return p.fail(i, wantColon)
	}
	return p.value(p.next(i + 1))
}

func (p *parser) literal(i int, word string, kind Kind) int {
	end := i + len(word)
	if end > len(p.src) || string(p.src[i:end]) != word {
		return p.fail(i, wantValue)
	}
	p.leaf(i, end, kind, 0)
	return end
}

func (p *parser) leaf(off, end int, kind Kind, flags uint8) {
	n := p.add()
	n.Off, n.End, n.Next, n.N = uint32(off), uint32(end), uint32(len(p.nodes)), 0
	n.Kind, n.Flags = kind, flags
}

// add makes room for a node, which holds what an earlier document left there. Setting its fields one by one is
// much faster than appending a Node: the copy of a value just built waits for its parts to be stored.
func (p *parser) add() *Node {
	n := len(p.nodes)
	if n == cap(p.nodes) {
		p.nodes = append(p.nodes, Node{})
	}
	p.nodes = p.nodes[:n+1]
	return &p.nodes[n]
}

// str reads the string whose opening quote is at i.
func (p *parser) str(i int) int {
	end := plain(p.src, i+1)
	if end < len(p.src) && p.src[end] == '"' {
		p.leaf(i+1, end, String, 0)
		return end + 1
	}
	return p.richString(i+1, end)
}

// richString reads on in the string that begins at start, from the first byte on that is not plain.
func (p *parser) richString(start, i int) int {
	flags := uint8(0)
	for ; ; i = plain(p.src, i) {
		if i >= len(p.src) {
			return p.fail(i, openString)
		}
		switch c := p.src[i]; {
		case c == '"':
			p.leaf(start, i, String, flags)
			return i + 1
		case c == '\\':
			flags = Escaped
			i = p.escape(i)
		case c >= utf8.RuneSelf:
			i = p.runes(i)
		default:
			return p.fail(i, controlByte)
		}
		if i == failed {
			return failed
		}
	}
}

// plain returns the offset of the first byte from i on that is a quote, a backslash, a control byte or not ASCII.
// It looks at eight bytes at a time: in each of the masks the lowest bit that is set is exact, since borrows run
// upwards only.
func plain(b []byte, i int) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(low*'"'), w^(low*'\\')
		m := ((quote - low) &^ quote) | ((slash - low) &^ slash) | ((w - low*0x20) &^ w) | w
		if m &= high; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(b) && !needsEscape(b[i]) {
		i++
	}
	return i
}

// runes checks the UTF-8 from i on, up to the next ASCII byte.
func (p *parser) runes(i int) int {
	for i < len(p.src) && p.src[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(p.src[i:])
		if r == utf8.RuneError && n == 1 {
			return p.fail(i, invalidUTF8)
		}
		i += n
	}
	return i
}

// escape checks the escape whose backslash is at i.
func (p *parser) escape(i int) int {
	if i+1 >= len(p.src) {
		return p.fail(i+1, openString)
	}
	switch p.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		return p.unicodeEscape(i)
	}
	return p.fail(i, badEscape)
}

// unicodeEscape checks \uXXXX, and that surrogates come as a pair.
func (p *parser) unicodeEscape(i int) int {
	r := hex4(p.src[i+2:])
	switch {
	case r < 0:
		return p.fail(i, badUnicode)
	case r < 0xd800 || r > 0xdfff:
		return i + 6
	case r > 0xdbff:
		return p.fail(i, loneSurrogate)
	}
	rest := p.src[i+6:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' || hex4(rest[2:])>>10 != 0xdc00>>10 {
		return p.fail(i, loneSurrogate)
	}
	return i + 12
}

// number reads a number; it is also where a byte ends up that begins no value at all.
func (p *parser) number(start int) int {
	b, i := p.src, start
	if b[i] == '-' {
		i++
	}
	first := i
	if i = digits(b, i); i == first {
		if first > start {
			return p.fail(i, wantDigit)
		}
		return p.fail(i, wantValue)
	}
	if b[first] == '0' && i > first+1 {
		return p.fail(first, leadingZero)
	}
	if i >= len(b) || b[i] != '.' && b[i]|0x20 != 'e' {
		p.leaf(start, i, Integer, 0)
		return i
	}
	if i = p.fraction(i); i == failed {
		return failed
	}
	if i = p.exponent(i); i == failed {
		return failed
	}
	p.leaf(start, i, Number, 0)
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

func (p *parser) fraction(i int) int {
	if p.src[i] != '.' {
		return i
	}
	end := digits(p.src, i+1)
	if end == i+1 {
		return p.fail(end, wantDigit)
	}
	return end
}

func (p *parser) exponent(i int) int {
	b := p.src
	if i >= len(b) || b[i]|0x20 != 'e' {
		return i
	}
	if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	first := i
	if i = digits(b, i); i == first {
		return p.fail(i, wantDigit)
	}
	for first < i && b[first] == '0' {
		first++
	}
	if i-first > maxExponentDigits {
		return p.fail(first, hugeExponent)
	}
	return i
}
