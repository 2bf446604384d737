package ui

import (
	"bytes"
	"encoding/json"
	"html"
	"html/template"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShown is how many bytes of a document a page shows.
const maxShown = 16 << 10

// shownDocument is a document as a page shows it.
type shownDocument struct {
	HTML  template.HTML // escaped, with colours by the classes of spans
	Cut   bool          // there is more of it
	Bytes int
}

// showDocument makes HTML of a document, indented, with what a JSON pointer
// points to marked. "/" and "" mark nothing. What is no JSON is shown as the text it is.
func showDocument(raw []byte, pointer string) shownDocument {
	s := shownDocument{Bytes: len(raw)}
	p := painter{limit: maxShown, mark: pointer}
	if !json.Valid(raw) || !p.document(raw) {
		p.out.Reset()
		text := raw[:min(len(raw), maxShown)]
		s.Cut = len(raw) > maxShown
		p.out.WriteString(escape(strings.ToValidUTF8(string(text), "�")))
	}
	s.HTML, s.Cut = template.HTML(p.out.String()), s.Cut || p.full //nolint:gosec // every byte of the document went through escape
	return s
}

// escape makes HTML of any text.
func escape(text string) string { return html.EscapeString(spelled(text)) }

// spelled spells control characters, which would be invisible or change what
// stands around them.
func spelled(text string) string {
	var b strings.Builder
	for _, r := range text {
		if (r < ' ' && r != '\n' && r != '\t') || r == 127 || (r >= 0x200e && r <= 0x200f) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			b.WriteString(`\u` + strings.Repeat("0", 4-len(strconv.FormatInt(int64(r), 16))) + strconv.FormatInt(int64(r), 16))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// painter writes the tokens of a JSON text as HTML. It changes none of them:
// numbers and strings stand as they were written.
type painter struct {
	out   bytes.Buffer
	limit int
	full  bool
	mark  string // pointer of what is marked

	raw []byte
	at  int
}

func (p *painter) document(raw []byte) bool {
	p.raw, p.at = raw, 0
	p.value("", 0)
	return true
}

func (p *painter) space() {
	for p.at < len(p.raw) && strings.IndexByte(" \t\r\n", p.raw[p.at]) >= 0 {
		p.at++
	}
}

// value writes the value at the place; the text is known to be valid JSON.
func (p *painter) value(pointer string, depth int) {
	marked := p.mark != "" && pointer == p.mark && !p.full
	if marked {
		p.out.WriteString(`<mark>`)
	}
	p.space()
	switch p.raw[p.at] {
	case '{':
		p.list(pointer, depth, '}')
	case '[':
		p.list(pointer, depth, ']')
	case '"':
		p.span("s", p.text())
	default:
		start := p.at
		for p.at < len(p.raw) && strings.IndexByte(",]} \t\r\n", p.raw[p.at]) < 0 {
			p.at++
		}
		p.span("n", string(p.raw[start:p.at]))
	}
	if marked {
		p.out.WriteString(`</mark>`)
	}
}

// list writes an object or an array, one member a line.
func (p *painter) list(pointer string, depth int, end byte) {
	p.write(string(p.raw[p.at]))
	p.at++
	members := 0
	for {
		p.space()
		if p.raw[p.at] == end {
			break
		}
		if p.raw[p.at] == ',' {
			p.at++
			p.write(",")
			continue
		}
		p.line(depth + 1)
		name := strconv.Itoa(members)
		if end == '}' {
			p.space()
			text := p.text()
			p.span("k", text)
			p.space()
			p.at++ // the colon
			p.write(": ")
			name = memberName(text)
		}
		members++
		p.value(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), depth+1)
	}
	p.at++
	if members > 0 {
		p.line(depth)
	}
	p.write(string(end))
}

// memberName is what a member's name spells.
func memberName(text string) string {
	var name string
	if json.Unmarshal([]byte(text), &name) != nil {
		return text
	}
	return name
}

// text passes over a string, and gives it with its quotes.
func (p *painter) text() string {
	start := p.at
	for p.at++; p.raw[p.at] != '"'; p.at++ {
		if p.raw[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	return string(p.raw[start:p.at])
}

func (p *painter) line(depth int) { p.write("\n" + strings.Repeat("  ", depth)) }

func (p *painter) span(class, text string) {
	if p.full {
		return
	}
	p.out.WriteString(`<span class="` + class + `">`)
	p.write(text)
	p.out.WriteString(`</span>`)
}

// write writes text, up to the limit.
func (p *painter) write(text string) {
	if p.full {
		return
	}
	if p.limit -= len(text); p.limit < 0 {
		text, p.full = text[:len(text)+p.limit], true
		for !utf8.ValidString(text) && len(text) > 0 && !utf8.RuneStart(text[len(text)-1]) {
			text = text[:len(text)-1]
		}
	}
	p.out.WriteString(escape(strings.ToValidUTF8(text, "�")))
}
