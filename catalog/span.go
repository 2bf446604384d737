package catalog

import (
	"bytes"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"weir/document"
)

// span is a value together with the bytes of the file that it was read from.
type span struct {
	node       *node
	start, end int  // end is -1 where it is not known: block scalars, folded lines, aliases
	flow       bool // brackets as in JSON, or a scalar
	members    []*span
	items      []*span
}

// spanFile is a file's text and the spans of its values.
type spanFile struct {
	text  []byte
	lines []int // offsets of the lines' beginnings
	json  bool
	root  *span
}

// readSpans parses a file of the catalog, as it was parsed when it was loaded.
func readSpans(name string, text []byte) (*spanFile, error) {
	f := &spanFile{text: text, lines: []int{0}, json: strings.EqualFold(filepath.Ext(name), ".json")}
	for i, b := range text {
		if b == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	if f.json {
		var d document.Doc
		if err := d.Parse(text); err != nil {
			return nil, err
		}
		c := jsonConverter{doc: &d, line: 1}
		f.root = f.jsonSpan(&d, 0, c.convert(0))
		return f, nil
	}
	if _, err := parseYAML(text); err != nil { // with its limits
		return nil, err
	}
	doc, err := decodeYAML(text)
	if err != nil {
		return nil, err
	}
	c := yamlConverter{done: map[*yaml.Node]*node{}}
	if _, err := c.convert(doc.Content[0], 1); err != nil {
		return nil, err
	}
	f.root = f.yamlSpan(&c, doc.Content[0])
	return f, nil
}

func (f *spanFile) jsonSpan(d *document.Doc, i uint32, n *node) *span {
	s := &span{node: n, start: int(d.Nodes[i].Off), flow: true}
	switch n.kind {
	case kindObject:
		k := i + 1
		for m := range n.members {
			s.members = append(s.members, f.jsonSpan(d, k+1, n.members[m].value))
			k = d.Nodes[k+1].Next
		}
		s.end = closing(f.text, s.start)
	case kindArray:
		k := i + 1
		for _, item := range n.items {
			s.items = append(s.items, f.jsonSpan(d, k, item))
			k = d.Nodes[k].Next
		}
		s.end = closing(f.text, s.start)
	case kindString:
		s.start--
		s.end = closing(f.text, s.start)
	default:
		s.end = s.start + len(d.Raw(i))
	}
	return s
}

func (f *spanFile) yamlSpan(c *yamlConverter, y *yaml.Node) *span {
	if y.Kind == yaml.AliasNode {
		return &span{node: c.done[y.Alias], start: f.offset(y), end: -1}
	}
	s := &span{node: c.done[y], start: f.offset(y), end: -1, flow: y.Style&yaml.FlowStyle != 0}
	switch y.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			if key := y.Content[i]; key.Tag == "!!merge" {
				continue // its members have no text here
			}
			s.members = append(s.members, f.yamlSpan(c, y.Content[i+1]))
		}
	case yaml.SequenceNode:
		for _, item := range y.Content {
			s.items = append(s.items, f.yamlSpan(c, item))
		}
	case yaml.ScalarNode:
		s.flow = true
		s.end = f.scalarEnd(y, s.start)
		return s
	}
	if s.flow {
		s.end = closing(f.text, s.start)
	}
	return s
}

// offset is where a value begins. The library counts columns in characters.
func (f *spanFile) offset(y *yaml.Node) int {
	if y.Line < 1 || y.Line > len(f.lines) {
		return len(f.text)
	}
	at := f.lines[y.Line-1]
	if y.Line == 1 && bytes.HasPrefix(f.text, []byte("\ufeff")) {
		at += len("\ufeff")
	}
	for range y.Column - 1 {
		if at >= len(f.text) {
			break
		}
		_, size := utf8.DecodeRune(f.text[at:])
		at += size
	}
	return at
}

// scalarEnd is the end of a scalar of one line, -1 of any other.
func (f *spanFile) scalarEnd(y *yaml.Node, start int) int {
	switch y.Style {
	case 0:
		if y.Value != "" && bytes.HasPrefix(f.text[start:], []byte(y.Value)) {
			return start + len(y.Value)
		}
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		return closing(f.text, start)
	}
	return -1
}

// closing is the end of the bracket or quoted text that begins at start, -1
// when there is none. Comments are skipped.
func closing(text []byte, start int) int {
	depth := 0
	for i := start; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"' || b == '\'':
			if i = quoteEnd(text, i); i < 0 {
				return -1
			}
		case b == '[' || b == '{':
			depth++
		case b == ']' || b == '}':
			depth--
		case b == '#' && i > start && strings.IndexByte(" \t\n", text[i-1]) >= 0:
			end := bytes.IndexByte(text[i:], '\n')
			if end < 0 {
				return -1
			}
			i += end
			continue
		case depth > 0 && b != ' ' && b != ',' && b != ':' && b != '\t' && b != '\n':
			i = plainEnd(text, i)
		}
		if depth == 0 {
			if i == start && strings.IndexByte(`"'[{`, text[i]) < 0 {
				return -1
			}
			return i + 1
		}
	}
	return -1
}

// plainEnd skips what is left of a plain scalar, in which quotes are text.
func plainEnd(text []byte, i int) int {
	for i+1 < len(text) && strings.IndexByte(",[]{}\n#", text[i+1]) < 0 && (text[i+1] != ':' || i+2 < len(text) && strings.IndexByte(" \n,", text[i+2]) < 0) {
		i++
	}
	return i
}

// quoteEnd is the index of the quote that ends the one at start, -1 for none.
func quoteEnd(text []byte, start int) int {
	quote := text[start]
	for i := start + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// find follows a pointer, nil when it leads to what has no text of its own.
func (s *span) find(pointer document.Pointer) *span {
	for _, token := range pointer {
		next := -1
		switch {
		case s.node.kind == kindObject && len(s.members) == len(s.node.members):
			next = slices.IndexFunc(s.node.members, func(m member) bool { return m.name == token })
			if next >= 0 {
				s = s.members[next]
			}
		case s.node.kind == kindArray && len(s.items) == len(s.node.items):
			if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(s.items) {
				next, s = i, s.items[i]
			}
		}
		if next < 0 {
			return nil
		}
	}
	return s
}
