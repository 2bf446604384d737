package document

import (
	"fmt"
	"strings"
)

// Pointer is a parsed JSON pointer (RFC 6901): the names and indices on the way down. The empty one is the root.
type Pointer []string

// ParsePointer reads the text of a pointer, such as /customer/name, in which ~1 stands for '/' and ~0 for '~'.
func ParsePointer(s string) (Pointer, error) {
	if s == "" {
		return Pointer{}, nil
	}
	if s[0] != '/' {
		return nil, fmt.Errorf("pointer %q: must begin with '/', as in %q", s, "/"+s)
	}
	tokens := strings.Split(s[1:], "/")
	for i, token := range tokens {
		t, ok := decodeToken(token)
		if !ok {
			return nil, fmt.Errorf("pointer %q: '~' must be followed by 0 or 1 (~0 stands for '~', ~1 for '/')", s)
		}
		tokens[i] = t
	}
	return tokens, nil
}

func decodeToken(token string) (string, bool) {
	for i := 0; i < len(token); i++ {
		if token[i] == '~' && (i+1 == len(token) || token[i+1] != '0' && token[i+1] != '1') {
			return "", false
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~"), true
}

// String is the pointer's text.
func (p Pointer) String() string {
	var b strings.Builder
	for _, token := range p {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// Find follows the pointer from root. It is false when a name or an index on the way does not exist. In an array
// a token is an index in decimal without leading zeros; "-" never exists.
func (p Pointer) Find(d *Doc, root uint32) (uint32, bool) {
	for _, token := range p {
		var ok bool
		if d.Nodes[root].Kind == Array {
			root, ok = d.element(root, token)
		} else {
			root, ok = d.Get(root, token)
		}
		if !ok {
			return 0, false
		}
	}
	return root, true
}

func (d *Doc) element(array uint32, token string) (uint32, bool) {
	index, ok := arrayIndex(token)
	if !ok || index >= d.Nodes[array].N {
		return 0, false
	}
	k := array + 1
	for ; index > 0; index-- {
		k = d.Nodes[k].Next
	}
	return k, true
}

// arrayIndex reads an index; one that no array can have is false.
func arrayIndex(token string) (uint32, bool) {
	if token == "" || len(token) > 9 || token[0] == '0' && len(token) > 1 {
		return 0, false
	}
	var n uint32
	for i := 0; i < len(token); i++ {
		c := token[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint32(c)
	}
	return n, true
}
