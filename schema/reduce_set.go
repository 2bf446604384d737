package schema

import (
	"slices"

	"weir/document"
)

// A set is an object of the terms add, intersect and remove, each a list in ascending order of the strategy's key or
// an object whose names are the members. As a function of the set before it, a value removes what `remove` names, or
// keeps only what `intersect` names, and then adds. Such functions compose into one of the same form, which is what
// a partial reduction results in; a full one keeps only what was added.

// setValue is a set's value in a document.
type setValue struct {
	add, intersect, remove uint32 // nodes; 0 when absent
}

// mask is the part of a set that restricts older members.
type mask uint8

const (
	maskNone mask = iota
	maskRemove
	maskIntersect
)

// member is one of a set being folded: the values under one key, oldest first.
type setMember struct {
	cell   cell // the one that its key is read from
	name   uint32
	at     int // where it stands in its term
	values list
}

// setFold is the state of folding sets.
type setFold struct {
	r       *Reducer
	s       *strategy
	form    document.Kind // of all terms: Array, Object, or Null while none was seen
	adds    bool          // some value has an add
	add     []setMember   // sorted by key when form is Array
	mask    mask
	masked  []setMember
	members map[string]int // into add, by name, when form is Object
}

func (r *Reducer) foldSet(dst []byte, s *strategy, l list, p *plan) []byte {
	cells := len(r.cells)
	f := &setFold{r: r, s: s, members: map[string]int{}}
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		v, ok := f.read(c)
		if !ok {
			return dst
		}
		f.apply(c, v, l.plain && at == l.first)
	}
	dst = f.append(dst, p)
	r.cells = r.cells[:cells]
	return dst
}

// read checks a value and finds its terms.
func (f *setFold) read(c cell) (v setValue, ok bool) {
	r, d := f.r, f.r.docs[c.doc]
	if kind := r.kind(c); kind != document.Object {
		r.fail(c, f.s, "needs an object of add, intersect and remove, but got %s", kind)
		return v, false
	}
	for k := c.node + 1; k < d.Nodes[c.node].Next; k = d.Nodes[k+1].Next {
		switch name := d.String(k); name {
		case "add":
			v.add = k + 1
		case "intersect":
			v.intersect = k + 1
		case "remove":
			v.remove = k + 1
		default:
			r.fail(c, f.s, "has a member %q besides add, intersect and remove", name)
			return v, false
		}
		if !f.readTerm(cell{doc: c.doc, node: k + 1}) {
			return v, false
		}
	}
	if v.intersect != 0 && v.remove != 0 {
		r.fail(c, f.s, "has both intersect and remove")
		return v, false
	}
	return v, true
}

func (f *setFold) readTerm(c cell) bool {
	kind := f.r.kind(c)
	switch {
	case kind != document.Array && kind != document.Object:
		f.r.fail(c, f.s, "a term is an array or an object, not %s", kind)
	case f.form != document.Null && f.form != kind:
		f.r.fail(c, f.s, "some terms are arrays and some are objects")
	case kind == document.Array && !f.r.sorted(f.s, c):
	default:
		f.form = kind
		return true
	}
	return false
}

// list returns the members of a term, in its order.
func (f *setFold) list(doc, node uint32) []setMember {
	d := f.r.docs[doc]
	out := make([]setMember, 0, d.Nodes[node].N)
	for k := node + 1; k < d.Nodes[node].Next; k = d.Nodes[k].Next {
		m := setMember{at: len(out)}
		if f.form == document.Object {
			m.name = k
			k++
		}
		m.cell = cell{doc: doc, node: k}
		out = append(out, m)
	}
	return out
}

// same compares the keys of two members; with objects, only equality counts.
func (f *setFold) compare(a, b *setMember) int {
	if f.form == document.Array {
		return f.r.compare(f.s, a.cell, b.cell)
	}
	x, y := f.name(a), f.name(b)
	switch {
	case x == y:
		return 0
	case x < y:
		return -1
	}
	return 1
}

func (f *setFold) name(m *setMember) string { return f.r.docs[m.cell.doc].String(m.name) }

// index returns a function that tells whether a member is in a term.
func (f *setFold) index(term []setMember) func(*setMember) bool {
	if f.form == document.Array {
		return func(m *setMember) bool {
			_, ok := slices.BinarySearchFunc(term, *m, func(x, y setMember) int { return f.compare(&x, &y) })
			return ok
		}
	}
	names := make(map[string]bool, len(term))
	for i := range term {
		names[f.name(&term[i])] = true
	}
	return func(m *setMember) bool { return names[f.name(m)] }
}

// apply takes the next newer value in.
func (f *setFold) apply(c cell, v setValue, plain bool) {
	switch {
	case v.remove != 0:
		term := f.list(c.doc, v.remove)
		in := f.index(term)
		f.keep(func(m *setMember) bool { return !in(m) })
		switch f.mask {
		case maskIntersect:
			f.masked = slices.DeleteFunc(f.masked, func(m setMember) bool { return in(&m) })
		case maskRemove:
			f.masked = f.unite(f.masked, term)
		case maskNone:
			f.mask, f.masked = maskRemove, term
		}
	case v.intersect != 0:
		term := f.list(c.doc, v.intersect)
		in, old := f.index(term), f.index(f.masked)
		f.keep(in)
		switch f.mask {
		case maskRemove:
			term = slices.DeleteFunc(term, func(m setMember) bool { return old(&m) })
		case maskIntersect:
			term = slices.DeleteFunc(term, func(m setMember) bool { return !old(&m) })
		}
		f.mask, f.masked = maskIntersect, term
	}
	if v.add != 0 {
		f.adds = true
		f.addAll(f.list(c.doc, v.add), plain)
	}
}

// keep drops the members that stay is false for.
func (f *setFold) keep(stay func(*setMember) bool) {
	f.add = slices.DeleteFunc(f.add, func(m setMember) bool { return !stay(&m) })
	if f.form == document.Object {
		clear(f.members)
		for i := range f.add {
			f.members[f.name(&f.add[i])] = i
		}
	}
}

func (f *setFold) addAll(term []setMember, plain bool) {
	for _, m := range term {
		var at int
		var found bool
		if f.form == document.Object {
			if at, found = f.members[f.name(&m)]; !found {
				at = len(f.add)
				f.members[f.name(&m)] = at
			}
		} else {
			at, found = slices.BinarySearchFunc(f.add, m, func(x, y setMember) int { return f.compare(&x, &y) })
		}
		if !found {
			m.values = list{plain: plain}
			f.add = slices.Insert(f.add, at, m)
		}
		f.r.push(&f.add[at].values, m.cell.doc, m.cell.node)
		f.add[at].at = m.at
	}
}

// unite merges two terms; the newer member of a key is taken.
func (f *setFold) unite(old, term []setMember) []setMember {
	in := f.index(term)
	if f.form == document.Array {
		out := append(slices.DeleteFunc(old, func(m setMember) bool { return in(&m) }), term...)
		slices.SortFunc(out, func(a, b setMember) int { return f.compare(&a, &b) })
		return out
	}
	newer := map[string]setMember{}
	for i := range term {
		newer[f.name(&term[i])] = term[i]
	}
	for i := range old {
		name := f.name(&old[i])
		if m, ok := newer[name]; ok {
			old[i] = m
			delete(newer, name)
		}
	}
	for i := range term {
		if _, ok := newer[f.name(&term[i])]; ok {
			old = append(old, term[i])
		}
	}
	return old
}

func (f *setFold) append(dst []byte, p *plan) []byte {
	r := f.r
	dst = append(dst, '{')
	comma := false
	if f.adds {
		dst = append(dst, `"add":`...)
		terms := r.planner.member(p, []byte("add"))
		dst = f.appendTerm(dst, f.add, func(dst []byte, m *setMember) ([]byte, bool) {
			sub := terms.element(m.at)
			if f.form == document.Object {
				sub = r.planner.member(terms, []byte(f.name(m)))
			}
			return r.fold(dst, m.values, sub)
		})
		comma = true
	}
	if f.mask != maskNone && !r.full {
		if comma {
			dst = append(dst, ',')
		}
		name := `"remove":`
		if f.mask == maskIntersect {
			name = `"intersect":`
		}
		dst = f.appendTerm(append(dst, name...), f.masked, func(dst []byte, m *setMember) ([]byte, bool) { return r.copy(dst, m.cell), false })
	}
	return append(dst, '}')
}

// appendTerm appends the members that value does not report as removed.
func (f *setFold) appendTerm(dst []byte, term []setMember, value func([]byte, *setMember) ([]byte, bool)) []byte {
	open, end := byte('['), byte(']')
	if f.form == document.Object {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for i := range term {
		before := len(dst)
		if dst[before-1] != open { // no value ends with one
			dst = append(dst, ',')
		}
		if f.form == document.Object {
			dst = append(f.r.docs[term[i].cell.doc].Append(dst, term[i].name), ':')
		}
		var gone bool
		if dst, gone = value(dst, &term[i]); gone {
			dst = dst[:before]
		}
	}
	return append(dst, end)
}
