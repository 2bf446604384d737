package catalog

import (
	"slices"
	"strconv"
	"strings"

	"weir/document"
)

// Limits of one file.
const (
	maxFileSize = 16 << 20        // bytes as they stand in the file
	maxExpanded = 2 * maxFileSize // bytes of its JSON, all YAML aliases written out
	maxDepth    = document.MaxDepth
)

// kind is a kind of JSON value.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindNumber
	kindString
	kindArray
	kindObject
)

// String names the kind with its article, as messages use it.
func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// node is one JSON value and where it stands in its file. A YAML alias shares
// the node of its anchor, so nodes form a graph without cycles, not a tree.
type node struct {
	kind    kind
	text    string   // of a string, decoded; of null, a boolean or a number, its JSON text
	members []member // of an object, in the file's order, names distinct
	items   []*node  // of an array
	line    int
	column  int
	block   bool // of a string: written below its indicator, as YAML's | and > have it
	size    int  // at least the bytes of its JSON, all aliases written out
	depth   int  // of its tree, itself counted
}

type member struct {
	name         string
	line, column int // of the name
	value        *node
}

// member returns the value of an object's member.
func (n *node) member(name string) (*member, bool) {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i], true
		}
	}
	return nil, false
}

// measure sets size and depth from the children's.
func (n *node) measure() {
	n.size, n.depth = len(n.text)+2, 1
	for _, item := range n.items {
		n.size += item.size + 1
		n.depth = max(n.depth, item.depth+1)
	}
	for i := range n.members {
		n.size += len(n.members[i].name) + 4 + n.members[i].value.size
		n.depth = max(n.depth, n.members[i].value.depth+1)
	}
	n.size = min(n.size, 2*maxExpanded) // aliases of aliases grow without bound
}

// appendJSON appends the value as compact JSON, members in the file's order.
func (n *node) appendJSON(dst []byte) []byte {
	switch n.kind {
	case kindString:
		return document.AppendQuoted(dst, n.text)
	case kindArray:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendJSON(dst)
		}
		return append(dst, ']')
	case kindObject:
		dst = append(dst, '{')
		for i := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(document.AppendQuoted(dst, n.members[i].name), ':')
			dst = n.members[i].value.appendJSON(dst)
		}
		return append(dst, '}')
	default:
		return append(dst, n.text...)
	}
}

func (n *node) json() []byte { return n.appendJSON(make([]byte, 0, n.size)) }

// place is a value as it was reached in a file: it knows its path, which a node,
// shared by aliases, does not.
type place struct {
	file  *file
	node  *node
	up    *place // nil for the root
	token string // the last token of the path
	line  int    // what an error points at: the value, or the name of a member
	col   int
}

func (f *file) place() *place {
	return &place{file: f, node: f.root, line: f.root.line, col: f.root.column}
}

// field returns the place of an object's member.
func (p *place) field(name string) (*place, bool) {
	m, ok := p.node.member(name)
	if !ok {
		return nil, false
	}
	return p.child(m), true
}

func (p *place) child(m *member) *place {
	return &place{file: p.file, node: m.value, up: p, token: m.name, line: m.value.line, col: m.value.column}
}

// must returns the place of a member, or of the object when there is none: where
// to point when the member is at fault, or its absence.
func (p *place) must(name string) *place {
	if field, ok := p.field(name); ok {
		return field
	}
	return p
}

// name returns the place of a member's name, p's own when there is none.
func (p *place) name(name string) *place {
	m, ok := p.node.member(name)
	if !ok {
		return p
	}
	q := p.child(m)
	q.line, q.col = m.line, m.column
	return q
}

// item returns the place of an array's element.
func (p *place) item(i int) *place {
	n := p.node.items[i]
	return &place{file: p.file, node: n, up: p, token: strconv.Itoa(i), line: n.line, col: n.column}
}

// find follows a pointer as far as it goes, and says whether that was to its end.
func (p *place) find(pointer document.Pointer) (*place, bool) {
	for _, token := range pointer {
		switch p.node.kind {
		case kindObject:
			next, ok := p.field(token)
			if !ok {
				return p, false
			}
			p = next
		case kindArray:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(p.node.items) || strconv.Itoa(i) != token {
				return p, false
			}
			p = p.item(i)
		default:
			return p, false
		}
	}
	return p, true
}

// path is the place's JSON pointer in its file.
func (p *place) path() string {
	var tokens document.Pointer
	for ; p.up != nil; p = p.up {
		tokens = append(tokens, p.token)
	}
	slices.Reverse(tokens)
	return tokens.String()
}

// origin is the place as specs keep it.
func (p *place) origin() Origin {
	return Origin{File: p.file.origin(), Line: p.line}
}

// list joins names for a message: "a, b or c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
