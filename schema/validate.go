package schema

import (
	"slices"
	"unicode/utf8"

	"weir/document"
)

// Validator checks documents. It keeps scratch memory, and so belongs to one goroutine; it holds on to no document
// after a call.
type Validator struct {
	root    *rule
	d       *document.Doc
	hints   []uint16 // for each property of each object schema: which one followed it the last time
	scratch []byte   // the string that is being looked at, with its escapes resolved
	order   []uint32 // elements being compared with each other
	marks   []bool   // stack of which children of a value count as evaluated
	notes   []note   // active annotations, when they are collected
	collect bool
}

// note is a reduce annotation that is active at a node.
type note struct {
	node     uint32
	strategy *strategy
}

// Validator returns a new validator.
func (s *Schema) Validator() *Validator {
	return &Validator{root: s.root, hints: make([]uint16, s.hints)}
}

// Valid reports whether the value at node satisfies the schema.
func (v *Validator) Valid(d *document.Doc, node uint32) bool {
	v.d = d
	v.marks, v.notes, v.order = v.marks[:0], v.notes[:0], v.order[:0]
	ok := v.check(v.root, node, untracked)
	v.d = nil
	return ok
}

// untracked is the place in marks of a value whose evaluated children nobody asks for.
const untracked = -1

// check reports whether the value at node i satisfies r. marks says where in v.marks the children that r evaluates
// are noted.
func (v *Validator) check(r *rule, i uint32, marks int) bool {
	n := &v.d.Nodes[i]
	if r.kinds&(1<<n.Kind) == 0 || r.integral && n.Kind == document.Number && !document.Integral(v.d.Text(i)) {
		return false
	}
	if r.fallback != nil {
		return judge(r.fallback, decode(v.d, i)) == nil
	}
	if v.collect && r.strategy != nil {
		v.notes = append(v.notes, note{i, r.strategy})
	}
	if n.Kind == document.Object && r.unevaluatedMembers != nil || n.Kind == document.Array && r.unevaluatedElements != nil {
		return v.checkUnevaluated(r, i, marks)
	}
	return v.checkKeywords(r, i, marks)
}

// checkKeywords checks all keywords but `type` and the unevaluated ones.
func (v *Validator) checkKeywords(r *rule, i uint32, marks int) bool {
	if (r.constant != nil || r.enum != nil) && !v.checkValues(r, i) {
		return false
	}
	switch v.d.Nodes[i].Kind {
	case document.Object:
		if r.members != nil && !v.checkMembers(r.members, i, marks) {
			return false
		}
	case document.Array:
		if r.elements != nil && !v.checkElements(r.elements, i, marks) {
			return false
		}
	case document.String:
		if (r.text != nil || r.format != nil) && !v.checkText(r, i) {
			return false
		}
	case document.Integer, document.Number:
		if r.number != nil && !r.number.valid(v.d.Text(i)) {
			return false
		}
	}
	return r.inPlace == nil || v.checkInPlace(r.inPlace, i, marks)
}

// text returns the string at node i with its escapes resolved, until the next call.
func (v *Validator) text(i uint32) []byte {
	if v.d.Nodes[i].Flags&document.Escaped == 0 {
		return v.d.Text(i)
	}
	v.scratch = v.d.AppendString(v.scratch[:0], i)
	return v.scratch
}

func (v *Validator) checkValues(r *rule, i uint32) bool {
	if v.d.Nodes[i].Kind == document.String {
		text := v.text(i)
		return (r.constant == nil || r.constant.hasText(text)) && (r.enum == nil || r.enum.hasText(text))
	}
	return (r.constant == nil || r.constant.has(v.d, i)) && (r.enum == nil || r.enum.has(v.d, i))
}

func (v *Validator) checkText(r *rule, i uint32) bool {
	text := v.text(i)
	if t := r.text; t != nil {
		// A character takes one to four bytes, so most lengths need no counting.
		if t.max >= 0 && len(text) > t.max && utf8.RuneCount(text) > t.max {
			return false
		}
		if t.min > 0 && len(text) < t.min*utf8.UTFMax && utf8.RuneCount(text) < t.min {
			return false
		}
		if t.pattern != nil && !t.pattern.match(text) {
			return false
		}
	}
	return r.format == nil || r.format.valid(text)
}

func (v *Validator) checkMembers(m *memberRule, i uint32, marks int) bool {
	nodes := v.d.Nodes
	n := &nodes[i]
	if m.max >= 0 && int(n.N) > m.max || int(n.N) < m.min {
		return false
	}
	missing := m.required
	last := 0 // the hint's place: 0 before the first property, else one more than the property's index
	simple := len(m.patterns) == 0 && m.additional == nil && m.names == nil && !m.regexNames
	for k, at := i+1, marks; k < n.Next; k = nodes[k+1].Next {
		found := -1
		if len(m.properties) > 0 {
			if found = v.property(m, k, last); found >= 0 {
				last = found + 1
				missing &^= m.properties[found].bit
			}
		}
		declared := found >= 0 && m.properties[found].rule != nil
		switch {
		case declared && !v.check(m.properties[found].rule, k+1, untracked):
			return false
		case simple:
			if m.closed && !declared {
				return false
			}
		case !v.checkOther(m, k, &declared):
			return false
		}
		if marks != untracked {
			v.marks[at] = v.marks[at] || declared || m.covers
			at++
		}
	}
	if missing != 0 {
		return false
	}
	for _, name := range m.rest {
		if _, ok := v.d.Get(i, name); !ok {
			return false
		}
	}
	return len(m.needs) == 0 || v.checkNeeds(m.needs, i)
}

// property finds the name at node k among the declared ones. Documents of one origin write their members in one
// order, so the property that followed the last one in the document before is tried first.
func (v *Validator) property(m *memberRule, k uint32, last int) int {
	name := v.d.Text(k)
	if v.d.Nodes[k].Flags&document.Escaped != 0 {
		name = v.text(k)
	}
	hint := &v.hints[m.hint+last]
	if guess := int(*hint); m.properties[guess].name == string(name) {
		return guess
	}
	found, ok := m.index[string(name)]
	if !ok {
		return -1
	}
	*hint = uint16(found)
	return found
}

// checkOther checks what applies to a member beside its own property: patterns, the rest, and its name.
func (v *Validator) checkOther(m *memberRule, k uint32, declared *bool) bool {
	for _, p := range m.patterns {
		if p.pattern.match(v.text(k)) {
			*declared = true
			if !v.check(p.rule, k+1, untracked) {
				return false
			}
		}
	}
	if !*declared && (m.closed || m.additional != nil && !v.check(m.additional, k+1, untracked)) {
		return false
	}
	if m.names != nil && !v.check(m.names, k, untracked) {
		return false
	}
	return !m.regexNames || isRegex(v.d.String(k))
}

func (v *Validator) checkNeeds(needs []dependency, i uint32) bool {
	for _, need := range needs {
		if _, ok := v.d.Get(i, need.name); !ok {
			continue
		}
		for _, name := range need.names {
			if _, ok := v.d.Get(i, name); !ok {
				return false
			}
		}
	}
	return true
}

func (v *Validator) checkElements(e *elementRule, i uint32, marks int) bool {
	nodes := v.d.Nodes
	n := &nodes[i]
	count := int(n.N)
	if e.max >= 0 && count > e.max || count < e.min || e.closed && count > len(e.prefix) {
		return false
	}
	for at, k := 0, i+1; k < n.Next; at, k = at+1, nodes[k].Next {
		sub := e.rest
		if at < len(e.prefix) {
			sub = e.prefix[at]
		}
		if sub == nil {
			break
		}
		if !v.check(sub, k, untracked) {
			return false
		}
		if marks != untracked {
			v.marks[marks+at] = true
		}
	}
	if marks != untracked && e.covers {
		v.markAll(marks, n.N)
	}
	if e.contains != nil && !v.checkContains(e, i, marks) {
		return false
	}
	return !e.unique || count < 2 || v.checkUnique(i)
}

func (v *Validator) checkContains(e *elementRule, i uint32, marks int) bool {
	nodes := v.d.Nodes
	matched := 0
	for at, k := 0, i+1; k < nodes[i].Next; at, k = at+1, nodes[k].Next {
		if !v.branch(e.contains, k, untracked) {
			continue
		}
		matched++
		if marks != untracked && e.counts {
			v.marks[marks+at] = true
		}
	}
	return matched >= e.least && (e.most == -1 || matched <= e.most)
}

// fewElements is up to how many elements comparing each with each is quicker than sorting.
const fewElements = 12

func (v *Validator) checkUnique(i uint32) bool {
	start := len(v.order)
	defer func() { v.order = v.order[:start] }()
	for k := i + 1; k < v.d.Nodes[i].Next; k = v.d.Nodes[k].Next {
		v.order = append(v.order, k)
	}
	order := v.order[start:]
	if len(order) <= fewElements {
		for j := range order {
			for _, k := range order[:j] {
				if document.Equal(v.d, order[j], v.d, k) {
					return false
				}
			}
		}
		return true
	}
	d := v.d
	slices.SortFunc(order, func(a, b uint32) int { return document.Compare(d, a, d, b) })
	for j := 1; j < len(order); j++ {
		if document.Equal(d, order[j-1], d, order[j]) {
			return false
		}
	}
	return true
}
