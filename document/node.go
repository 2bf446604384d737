package document

import "strconv"

// Kind says what a node is.
type Kind uint8

// The kinds of JSON values, in the order that Compare gives them; Integer and Number are one rank there.
const (
	Null    Kind = iota
	False        // the literal false
	True         // the literal true
	Integer      // a number whose text has neither '.' nor exponent
	Number       // any other number; it may still be integral, as 1.0 and 1e2 are
	String
	Array
	Object
)

// String names the kind as error messages do.
func (k Kind) String() string {
	names := [...]string{"null", "false", "true", "integer", "number", "string", "array", "object"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Escaped is the flag of a string whose text holds at least one backslash escape.
const Escaped uint8 = 1

// Node is one value, or one member name, of a Doc. Nodes stand in document order: a container is followed by its
// subtree, and the children of an object alternate name (a String) and value.
type Node struct {
	Off, End uint32 // extent in Src; strings without their quotes, containers with their brackets
	Next     uint32 // index of the node behind this subtree
	N        uint32 // number of elements or members
	Kind     Kind
	Flags    uint8
}

// Doc is a parsed document; node 0 is its root. The zero value is ready for Parse, which may be called again and
// again and reuses the memory. Src and Nodes are for reading.
type Doc struct {
	Src   []byte
	Nodes []Node

	tight bool    // no whitespace between the root's first and last byte
	names nameSet // scratch of the check for duplicate names
}

// Get returns the value of the member called name. It is false when there is none, or when the node is no object.
func (d *Doc) Get(object uint32, name string) (uint32, bool) {
	n := &d.Nodes[object]
	if n.Kind != Object {
		return 0, false
	}
	for k := object + 1; k < n.Next; k = d.Nodes[k+1].Next {
		key := &d.Nodes[k]
		if key.Flags&Escaped != 0 {
			if equalUnescaped(d.Src[key.Off:key.End], name) {
				return k + 1, true
			}
		} else if int(key.End-key.Off) == len(name) && string(d.Src[key.Off:key.End]) == name {
			return k + 1, true
		}
	}
	return 0, false
}

// Raw returns the JSON text of a node, strings with their quotes. It is a part of Src.
func (d *Doc) Raw(i uint32) []byte {
	n := &d.Nodes[i]
	if n.Kind == String {
		return d.Src[n.Off-1 : n.End+1 : n.End+1]
	}
	return d.Src[n.Off:n.End:n.End]
}

// Text returns what stands between a string's quotes, still escaped, and the text of any other node. It is a
// part of Src.
func (d *Doc) Text(i uint32) []byte {
	n := &d.Nodes[i]
	return d.Src[n.Off:n.End:n.End]
}

// AppendString appends a string with its escapes resolved, and the text of any other node.
func (d *Doc) AppendString(dst []byte, i uint32) []byte {
	if d.Nodes[i].Flags&Escaped != 0 {
		return appendUnescaped(dst, d.Text(i))
	}
	return append(dst, d.Text(i)...)
}

// String returns a string with its escapes resolved, and the text of any other node.
func (d *Doc) String(i uint32) string {
	if d.Nodes[i].Flags&Escaped != 0 {
		return string(appendUnescaped(nil, d.Text(i)))
	}
	return string(d.Text(i))
}
