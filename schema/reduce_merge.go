package schema

import (
	"bytes"
	"slices"

	"weir/document"
)

// foldExtreme reduces by minimize and maximize. Without a key, the newest of equal values is taken; with one, values
// whose keys tie are merged.
func (r *Reducer) foldExtreme(dst []byte, s *strategy, l list, p *plan) []byte {
	cells := len(r.cells)
	best := list{plain: l.plain}
	at := l.first
	r.push(&best, r.cells[at].doc, r.cells[at].node)
	for at = r.cells[at].next; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		order := r.compare(s, r.cells[best.first], c)
		if s.method == maximize {
			order = -order
		}
		if order < 0 {
			continue
		}
		if order > 0 || s.key == nil {
			best = list{plain: !r.prune}
		}
		r.push(&best, c.doc, c.node)
	}
	if s.key == nil {
		dst = r.copy(dst, r.cells[best.last])
	} else {
		dst = r.foldTied(dst, s, best, p)
	}
	r.cells = r.cells[:cells]
	return dst
}

// compare orders two values, or what is at their keys; a missing part of a key comes before all values.
func (r *Reducer) compare(s *strategy, x, y cell) int {
	a, b := r.docs[x.doc], r.docs[y.doc]
	if s.key == nil {
		return document.Compare(a, x.node, b, y.node)
	}
	for _, p := range s.key {
		i, left := p.Find(a, x.node)
		j, right := p.Find(b, y.node)
		switch {
		case left && right:
			if c := document.Compare(a, i, b, j); c != 0 {
				return c
			}
		case left:
			return 1
		case right:
			return -1
		}
	}
	return 0
}

// foldTied merges values that are all alike to minimize or maximize. One that is neither an object nor an array
// replaces what is to its left.
func (r *Reducer) foldTied(dst []byte, s *strategy, l list, p *plan) []byte {
	scalar, left := int32(-1), r.kind(r.cells[l.first])
	for at := l.first; at >= 0; at = r.cells[at].next {
		kind := r.kind(r.cells[at])
		switch {
		case kind != document.Object && kind != document.Array:
			scalar = at
		case kind != left && !r.full:
			r.failPartial(r.cells[at], s, left)
			return dst
		}
		left = kind
	}
	if scalar == l.last {
		return r.copy(dst, r.cells[scalar])
	}
	if scalar >= 0 && scalar != l.first {
		for at := l.first; at != scalar; at = r.cells[at].next {
			l.n--
		}
		l.first, l.plain = scalar, true
	}
	return r.foldContainers(dst, s, l, p, nil)
}

func (r *Reducer) foldMerge(dst []byte, s *strategy, l list, p *plan) []byte {
	for at := r.cells[l.first].next; at >= 0; at = r.cells[at].next {
		if !r.accepts(s, r.cells[at]) {
			return dst
		}
	}
	return r.foldContainers(dst, s, l, p, s.key)
}

// foldContainers merges values, all of which are objects or arrays except perhaps the first. In a full reduction a
// value of another kind than the one to its left replaces it.
func (r *Reducer) foldContainers(dst []byte, s *strategy, l list, p *plan, key []document.Pointer) []byte {
	for at := r.cells[l.first].next; at >= 0; at = r.cells[at].next {
		left, kind := r.kind(r.cells[l.first]), r.kind(r.cells[at])
		if kind == left {
			continue
		}
		if !r.full {
			r.failPartial(r.cells[at], s, left)
			return dst
		}
		rest := list{first: at, last: l.last, plain: !r.prune}
		for k := at; k >= 0; k = r.cells[k].next {
			rest.n++
		}
		l = rest
	}
	switch {
	case l.n == 1 && l.plain:
		return r.copy(dst, r.cells[l.first])
	case r.kind(r.cells[l.first]) == document.Object:
		return r.mergeObjects(dst, l, p)
	case r.kind(r.cells[l.first]) != document.Array:
		return r.copy(dst, r.cells[l.first])
	case key != nil:
		return r.mergeSorted(dst, s, l, p)
	}
	return r.mergeArrays(dst, s, l, p)
}

// fewSlots is up to how many members names are searched one by one.
const fewSlots = 16

// mergeObjects reduces member by member, in the order in which names appear first.
func (r *Reducer) mergeObjects(dst []byte, l list, p *plan) []byte {
	slots, cells := len(r.slots), len(r.cells)
	var index map[string]int32
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		d := r.docs[c.doc]
		plain := l.plain && at == l.first
		next := slots
		for k := c.node + 1; k < d.Nodes[c.node].Next; k = d.Nodes[k+1].Next {
			found := r.findSlot(slots, next, index, d, k)
			if found < 0 {
				found = r.addSlot(c.doc, k, plain, p)
				if index != nil {
					index[d.String(k)] = int32(found)
				} else if len(r.slots)-slots > fewSlots {
					index = r.indexSlots(slots)
				}
			}
			r.push(&r.slots[found].values, c.doc, k+1)
			next = found + 1
		}
	}
	dst = append(dst, '{')
	for at, end := slots, len(r.slots); at < end; at++ {
		s, before := r.slots[at], len(dst)
		if dst[before-1] != '{' { // no value ends with one
			dst = append(dst, ',')
		}
		dst = append(r.docs[s.doc].Append(dst, s.name), ':')
		var gone bool
		if dst, gone = r.fold(dst, s.values, s.plan); gone {
			dst = dst[:before]
		}
	}
	r.slots, r.cells = r.slots[:slots], r.cells[:cells]
	if index != nil {
		clear(index)
		r.indexes = append(r.indexes, index)
	}
	return append(dst, '}')
}

func (r *Reducer) addSlot(doc, name uint32, plain bool, p *plan) int {
	s := slot{doc: doc, name: name, values: list{plain: plain}}
	if p != nil {
		d := r.docs[doc]
		text := d.Text(name)
		if d.Nodes[name].Flags&document.Escaped != 0 {
			text = d.AppendString(nil, name)
		}
		s.plan = r.planner.member(p, text)
	}
	r.slots = append(r.slots, s)
	return len(r.slots) - 1
}

// findSlot finds a name among r.slots[from:]; next is where it stands when the documents have one order.
func (r *Reducer) findSlot(from, next int, index map[string]int32, d *document.Doc, name uint32) int {
	if next < len(r.slots) && r.isSlot(&r.slots[next], d, name) {
		return next
	}
	if index != nil {
		text := d.Text(name)
		if d.Nodes[name].Flags&document.Escaped != 0 {
			text = d.AppendString(nil, name)
		}
		if found, ok := index[string(text)]; ok {
			return int(found)
		}
		return -1
	}
	for at := from; at < len(r.slots); at++ {
		if r.isSlot(&r.slots[at], d, name) {
			return at
		}
	}
	return -1
}

func (r *Reducer) isSlot(s *slot, d *document.Doc, name uint32) bool {
	other := r.docs[s.doc]
	if (other.Nodes[s.name].Flags|d.Nodes[name].Flags)&document.Escaped == 0 {
		return bytes.Equal(other.Text(s.name), d.Text(name))
	}
	return other.String(s.name) == d.String(name)
}

func (r *Reducer) indexSlots(from int) map[string]int32 {
	index := map[string]int32{}
	if n := len(r.indexes); n > 0 {
		index, r.indexes = r.indexes[n-1], r.indexes[:n-1]
	}
	for at := from; at < len(r.slots); at++ {
		index[r.docs[r.slots[at].doc].String(r.slots[at].name)] = int32(at)
	}
	return index
}

// mergeArrays reduces element by element.
func (r *Reducer) mergeArrays(dst []byte, s *strategy, l list, p *plan) []byte {
	slots, cells := len(r.slots), len(r.cells)
	if r.schema.deletes {
		if l = r.closeGaps(s, l, p); r.failed != nil {
			return dst
		}
	}
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		d := r.docs[c.doc]
		plain := l.plain && at == l.first
		i := 0
		for k := c.node + 1; k < d.Nodes[c.node].Next; k, i = d.Nodes[k].Next, i+1 {
			if slots+i == len(r.slots) {
				r.slots = append(r.slots, slot{values: list{plain: plain}, plan: p.element(i)})
			}
			r.push(&r.slots[slots+i].values, c.doc, k)
		}
	}
	dst = r.foldSlots(append(dst, '['), slots)
	r.slots, r.cells = r.slots[:slots], r.cells[:cells]
	return append(dst, ']')
}

// foldSlots appends elements, behind the bracket that dst ends with.
func (r *Reducer) foldSlots(dst []byte, from int) []byte {
	for at, end := from, len(r.slots); at < end; at++ {
		before := len(dst)
		if dst[before-1] != '[' { // no value ends with one
			dst = append(dst, ',')
		}
		var gone bool
		if dst, gone = r.fold(dst, r.slots[at].values, r.slots[at].plan); gone {
			dst = dst[:before]
		}
	}
	return dst
}

// mergeSorted merges arrays that are sorted by a key.
func (r *Reducer) mergeSorted(dst []byte, s *strategy, l list, p *plan) []byte {
	slots, cells := len(r.slots), len(r.cells)
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		if !r.sorted(s, c) {
			return dst
		}
		d := r.docs[c.doc]
		i := 0
		for k := c.node + 1; k < d.Nodes[c.node].Next; k, i = d.Nodes[k].Next, i+1 {
			one := slot{at: i, values: list{plain: l.plain && at == l.first}}
			r.push(&one.values, c.doc, k)
			r.slots = append(r.slots, one)
		}
	}
	all := r.slots[slots:]
	slices.SortStableFunc(all, func(a, b slot) int {
		return r.compare(s, r.cells[a.values.first], r.cells[b.values.first])
	})
	groups := all[:0]
	for _, one := range all {
		if n := len(groups); n > 0 && r.compare(s, r.cells[groups[n-1].values.first], r.cells[one.values.first]) == 0 {
			c := r.cells[one.values.first]
			groups[n-1].at = one.at
			r.push(&groups[n-1].values, c.doc, c.node)
			continue
		}
		groups = append(groups, one)
	}
	r.slots = r.slots[:slots+len(groups)]
	for i := range groups {
		groups[i].plan = p.element(groups[i].at)
	}
	dst = r.foldSlots(append(dst, '['), slots)
	r.slots, r.cells = r.slots[:slots], r.cells[:cells]
	return append(dst, ']')
}

// sorted checks that an array is in the order of its key, each key once.
func (r *Reducer) sorted(s *strategy, c cell) bool {
	d := r.docs[c.doc]
	last := cell{doc: c.doc}
	for k := c.node + 1; k < d.Nodes[c.node].Next; k = d.Nodes[k].Next {
		this := cell{doc: c.doc, node: k}
		if last.node != 0 && r.compare(s, last, this) >= 0 {
			r.fail(this, s, "the array is not in the ascending order of its key, or has a key twice")
			return false
		}
		last = this
	}
	return true
}
