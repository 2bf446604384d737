package files

import (
	"bytes"
	"errors"
	"fmt"
)

// paragraphs turns paragraphs of "Field: value" lines into documents: the form
// of Debian's control files, package lists and dpkg's status. A line that
// begins with a blank goes on with the field above; a dot alone in it stands
// for an empty line. Lines that begin with # are comments.
type paragraphs struct {
	kinds   func(name string) kind
	columns map[string]*column
	seen    map[string]bool // fields of the paragraph
	value   []byte
}

func newParagraphs(kinds func(name string) kind) *paragraphs {
	return &paragraphs{kinds: kinds, columns: map[string]*column{}, seen: map[string]bool{}}
}

// maxFields is how many names of fields are remembered.
const maxFields = 1 << 12

func (p *paragraphs) append(dst, text []byte) ([]byte, error) {
	if err := checkText(text); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = append(dst, '{')
	clear(p.seen)
	var open *column
	finish := func() {
		if open != nil {
			dst = appendMember(dst, open, bytes.TrimSpace(p.value))
		}
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case len(line) == 0 || line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if open == nil {
				return dst[:start], errors.New("the paragraph begins with a line that goes on: a field's name is missing")
			}
			p.goOn(line[1:])
		default:
			name, value, found := bytes.Cut(line, []byte(":"))
			name = bytes.TrimSpace(name)
			if !found || len(name) == 0 {
				return dst[:start], fmt.Errorf("the line %.60q is no field: it is written as Name: value", line)
			}
			if p.seen[string(name)] {
				return dst[:start], fmt.Errorf("the field %.60q is there twice", name)
			}
			finish()
			p.seen[string(name)] = true
			open = p.column(string(name))
			p.value = append(p.value[:0], bytes.TrimSpace(value)...)
		}
	}
	finish()
	return append(dst, '}'), nil
}

func (p *paragraphs) goOn(line []byte) {
	p.value = append(p.value, '\n')
	if !bytes.Equal(line, []byte(".")) {
		p.value = append(p.value, line...)
	}
}

func (p *paragraphs) column(name string) *column {
	c, ok := p.columns[name]
	if !ok {
		if len(p.columns) >= maxFields {
			clear(p.columns)
		}
		c = &column{name: memberName(name), kind: p.kinds(name)}
		p.columns[name] = c
	}
	return c
}
