package document

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where a text stops being an acceptable JSON document, and why.
type SyntaxError struct {
	Offset int // in bytes, from 0
	Line   int // from 1
	Column int // from 1, counted in characters; a byte that is not UTF-8 counts as one
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JSON line %d, column %d (byte %d): %s", e.Line, e.Column, e.Offset, e.Reason)
}

// problem is what the parser met; the reason is put into words only when it fails.
type problem uint8

const (
	wantValue problem = iota
	wantName
	wantColon
	wantCommaOrEnd
	wantEnd
	wantDigit
	leadingZero
	hugeExponent
	openString
	controlByte
	badEscape
	badUnicode
	loneSurrogate
	invalidUTF8
	tooDeep
)

// maxQuoted is how many bytes of a name an error repeats.
const maxQuoted = 64

func (p *parser) fail(offset int, what problem) int {
	return p.failReason(offset, p.reason(offset, what))
}

func (p *parser) failReason(offset int, reason string) int {
	before := p.src[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	p.err = &SyntaxError{
		Offset: offset,
		Line:   bytes.Count(before, []byte{'\n'}) + 1,
		Column: utf8.RuneCount(before[start:]) + 1,
		Reason: reason,
	}
	return failed
}

func (p *parser) failDuplicate(name uint32) {
	p.failReason(int(p.nodes[name].Off)-1, "the name "+p.quote(name)+" occurs twice in one object")
}

func (p *parser) tooLarge() {
	p.failReason(0, fmt.Sprintf("the document has %d bytes, more than the %d allowed", len(p.src), MaxSize))
}

func (p *parser) reason(i int, what problem) string {
	switch what {
	case wantValue:
		return p.wantValue(i)
	case wantName:
		return p.wantName(i)
	case wantColon:
		return "expected ':' after the name " + p.quote(uint32(len(p.nodes)-1)) + p.but(i)
	case wantCommaOrEnd:
		return p.wantCommaOrEnd(i)
	case wantEnd:
		return "expected nothing after the document" + p.but(i)
	case wantDigit:
		return "expected a digit in the number" + p.but(i)
	case leadingZero:
		return "a number must not begin with a superfluous 0"
	case hugeExponent:
		return fmt.Sprintf("the number's exponent has more than %d digits", maxExponentDigits)
	}
	return p.stringReason(i, what)
}

func (p *parser) stringReason(i int, what problem) string {
	switch what {
	case openString:
		return "the text ends within a string"
	case controlByte:
		return fmt.Sprintf("the control character 0x%02x must be escaped in a string", p.src[i])
	case badEscape:
		return "unknown escape in a string: a backslash" + p.followed(i+1)
	case badUnicode:
		return `\u must be followed by four hexadecimal digits`
	case loneSurrogate:
		return fmt.Sprintf("the escape %s is one half of a surrogate pair without the other", p.src[i:i+6])
	case invalidUTF8:
		return fmt.Sprintf("the byte 0x%02x is not valid UTF-8", p.src[i])
	case tooDeep:
		return fmt.Sprintf("arrays and objects are nested deeper than %d levels", MaxDepth)
	}
	panic(fmt.Sprintf("document: problem %d has no words", what))
}

func (p *parser) wantValue(i int) string {
	at, last, children := p.place()
	var where string
	switch {
	case at < 0:
		if len(bytes.TrimSpace(p.src)) == 0 {
			return "the document is empty"
		}
		where = "a JSON value"
	case p.nodes[at].Kind == Object:
		where = "a value for " + p.quote(last)
	case children == 0:
		where = "a value or ']'"
	case i < len(p.src) && p.src[i] == ']':
		return "a comma must not stand before ']'"
	default:
		where = fmt.Sprintf("a value for element %d", children)
	}
	return "expected " + where + p.but(i)
}

func (p *parser) wantName(i int) string {
	_, last, children := p.place()
	if children == 0 {
		return "expected a name in double quotes or '}'" + p.but(i)
	}
	if i < len(p.src) && p.src[i] == '}' {
		return "a comma must not stand before '}'"
	}
	return "expected a name in double quotes after the value of " + p.quote(last) + p.but(i)
}

func (p *parser) wantCommaOrEnd(i int) string {
	at, last, children := p.place()
	if p.nodes[at].Kind == Object {
		return "expected ',' or '}' after the value of " + p.quote(last) + p.but(i)
	}
	return fmt.Sprintf("expected ',' or ']' after element %d", children-1) + p.but(i)
}

// place describes where the parser stands: the innermost open container (-1 for none), how many of its children
// have been read, and the last of them; in an object these are names, the last one perhaps without its value.
func (p *parser) place() (at int, last uint32, children int) {
	for at = len(p.nodes) - 1; at >= 0; at-- {
		if p.nodes[at].Next == 0 {
			break
		}
	}
	if at < 0 {
		return at, 0, 0
	}
	for k := uint32(at) + 1; int(k) < len(p.nodes); k = p.nodes[k].Next {
		last = k
		children++
		if p.nodes[at].Kind == Object {
			if k++; int(k) == len(p.nodes) {
				break
			}
		}
	}
	return at, last, children
}

// but says what stands at i instead of what was expected.
func (p *parser) but(i int) string {
	if i >= len(p.src) {
		return ", but the text ends"
	}
	return ", found " + p.sample(i)
}

func (p *parser) followed(i int) string {
	if i >= len(p.src) {
		return " at the end of the text"
	}
	return " followed by " + p.sample(i)
}

// sample shows the character at i.
func (p *parser) sample(i int) string {
	r, n := utf8.DecodeRune(p.src[i:])
	switch {
	case r == '\uFEFF':
		return "a byte order mark"
	case r == utf8.RuneError && n == 1 || r < ' ' || r == '\x7f':
		return fmt.Sprintf("the byte 0x%02x", p.src[i])
	}
	return fmt.Sprintf("%q", r)
}

// quote shows a name as it stands in the text, shortened when it is long.
func (p *parser) quote(name uint32) string {
	text := p.src[p.nodes[name].Off:p.nodes[name].End]
	if len(text) <= maxQuoted {
		return `"` + string(text) + `"`
	}
	cut := maxQuoted
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return `"` + string(text[:cut]) + `…"`
}
