package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"weir/document"
)

// Rewritten is a document of a list that is rewritten in its file.
type Rewritten struct {
	Document json.RawMessage
	Was      int // its index in the list as it stands there, -1 if it is new
}

// errByHand is why a list cannot be rewritten.
var errByHand = errors.New("it cannot be rewritten without touching other parts of the file, as where an alias or a merge key stands: edit it by hand")

// RewriteDocuments replaces a list of documents in the text of a file, which
// pointer leads to, and leaves all else as it is: comments, order, quotes and
// line breaks, those of unchanged documents too. Of a document that keeps its
// members only the changed values are written. Was rises from document to
// document. The result, read again, differs from the file in that list alone;
// where that cannot be done, or the list is not that of old any more, the error
// says so.
func RewriteDocuments(name string, text []byte, pointer string, old []json.RawMessage, docs []Rewritten) ([]byte, error) {
	tokens, err := document.ParsePointer(pointer)
	if err != nil {
		return nil, err
	}
	f, err := readSpans(name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	list := f.root.find(tokens)
	if list == nil || list.node.kind != kindArray || len(list.items) != len(list.node.items) {
		return nil, errByHand
	}
	before, err := parseDocuments(old)
	if err != nil {
		return nil, err
	}
	if !sameValue(list.node, before) {
		return nil, errors.New("the documents have changed since they were read: run the test again")
	}
	r := rewrite{spanFile: f}
	wanted := &node{kind: kindArray}
	for _, d := range docs {
		n, err := parseJSON(d.Document)
		if err != nil {
			return nil, err
		}
		wanted.items = append(wanted.items, n)
		r.docs = append(r.docs, n)
		r.was = append(r.was, d.Was)
	}
	if !r.list(list) {
		return nil, errByHand
	}
	out := r.apply()
	again, err := readSpans(name, out)
	if err != nil || !sameBut(f.root.node, again.root.node, tokens, wanted) {
		return nil, errByHand
	}
	return out, nil
}

func parseDocuments(texts []json.RawMessage) (*node, error) {
	list := &node{kind: kindArray}
	for _, text := range texts {
		n, err := parseJSON(text)
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, n)
	}
	return list, nil
}

// rewrite gathers what is to change in a file.
type rewrite struct {
	*spanFile
	docs  []*node
	was   []int
	edits []edit
}

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

func (r *rewrite) replace(start, end int, text string) {
	r.edits = append(r.edits, edit{start, end, text})
}

// apply gives the text with all edits, which do not overlap.
func (r *rewrite) apply() []byte {
	slices.SortStableFunc(r.edits, func(a, b edit) int { return cmp.Or(a.start-b.start, a.end-b.end) })
	var out bytes.Buffer
	at := 0
	for _, e := range r.edits {
		out.Write(r.text[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(r.text[at:])
	return out.Bytes()
}

// list rewrites the list, and says whether it can be done.
func (r *rewrite) list(s *span) bool {
	kept := len(r.docs) == len(s.items)
	for i, was := range r.was {
		kept = kept && was == i
	}
	switch {
	case s.flow && s.end < 0:
		return false
	case kept && s.flow:
		for i, item := range s.items {
			if !r.value(item, r.docs[i]) {
				return false
			}
		}
		return true
	case s.flow:
		return r.flowList(s)
	default:
		return r.blockList(s)
	}
}

// value makes the value at s the wanted one by changing no more than has to be.
func (r *rewrite) value(s *span, want *node) bool {
	if sameValue(s.node, want) {
		return true
	}
	before := len(r.edits)
	done := false
	switch {
	case s.node.kind != want.kind:
	case s.node.kind == kindObject:
		done = r.object(s, want)
	case s.node.kind == kindArray && len(s.items) == len(want.items) && len(s.items) == len(s.node.items):
		done = true
		for i := range s.items {
			done = done && r.value(s.items[i], want.items[i])
		}
	}
	if done {
		return true
	}
	r.edits = r.edits[:before]
	if !s.flow || s.end < 0 {
		return false
	}
	r.replace(s.start, s.end, r.inline(want, r.text[s.start]))
	return true
}

// object rewrites the members of an object that keeps its names.
func (r *rewrite) object(s *span, want *node) bool {
	if len(s.members) != len(want.members) || len(s.members) != len(s.node.members) {
		return false
	}
	for i := range s.node.members {
		m, ok := want.member(s.node.members[i].name)
		if !ok || !r.value(s.members[i], m.value) {
			return false
		}
	}
	return true
}

// sameValue says whether two nodes are the same JSON value, numbers by value.
func sameValue(a, b *node) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case kindNumber:
		return document.CompareNumbers([]byte(a.text), []byte(b.text)) == 0
	case kindArray:
		return slices.EqualFunc(a.items, b.items, sameValue)
	case kindObject:
		if len(a.members) != len(b.members) {
			return false
		}
		for i := range a.members {
			m, ok := b.member(a.members[i].name)
			if !ok || !sameValue(a.members[i].value, m.value) {
				return false
			}
		}
		return true
	default:
		return a.text == b.text
	}
}

// sameBut says whether two files hold the same values but for the one that
// the pointer leads to, which is the wanted one in the second.
func sameBut(a, b *node, pointer document.Pointer, wanted *node) bool {
	switch {
	case len(pointer) == 0:
		return sameValue(b, wanted)
	case a.kind != b.kind:
		return false
	case a.kind == kindObject:
		if len(a.members) != len(b.members) {
			return false
		}
		for i := range a.members {
			x, y := &a.members[i], &b.members[i]
			same := x.name == y.name
			if same && x.name == pointer[0] {
				same = sameBut(x.value, y.value, pointer[1:], wanted)
			} else if same {
				same = sameValue(x.value, y.value)
			}
			if !same {
				return false
			}
		}
		return true
	case a.kind == kindArray:
		if len(a.items) != len(b.items) {
			return false
		}
		for i := range a.items {
			if strconv.Itoa(i) != pointer[0] {
				if !sameValue(a.items[i], b.items[i]) {
					return false
				}
			} else if !sameBut(a.items[i], b.items[i], pointer[1:], wanted) {
				return false
			}
		}
		return true
	}
	return false
}
