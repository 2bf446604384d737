package schema

import "weir/document"

// checkInPlace checks the schemas that apply to the same value. While annotations are collected, or evaluated
// children are tracked, each of anyOf's branches is visited, since each that validates has its say.
func (v *Validator) checkInPlace(p *inPlaceRule, i uint32, marks int) bool {
	for _, r := range p.all {
		if !v.check(r, i, marks) {
			return false
		}
	}
	if p.not != nil && v.rejects(p.not, i) {
		return false
	}
	if !p.branches {
		return true
	}
	return v.checkAny(p.any, i, marks) && v.checkOne(p.one, i, marks) && v.checkCondition(p, i, marks) &&
		v.checkDependents(p.needs, i, marks)
}

// rejects reports whether a value satisfies a schema under `not`, whose annotations never count.
func (v *Validator) rejects(r *rule, i uint32) bool {
	collect := v.collect
	v.collect = false
	ok := v.check(r, i, untracked)
	v.collect = collect
	return ok
}

func (v *Validator) checkAny(any []*rule, i uint32, marks int) bool {
	matched := len(any) == 0
	for _, r := range any {
		if v.branch(r, i, marks) {
			matched = true
			if marks == untracked && !v.collect {
				break
			}
		}
	}
	return matched
}

func (v *Validator) checkOne(one []*rule, i uint32, marks int) bool {
	matched := 0
	for _, r := range one {
		if v.branch(r, i, marks) {
			if matched++; matched > 1 {
				return false
			}
		}
	}
	return matched == 1 || len(one) == 0
}

func (v *Validator) checkCondition(p *inPlaceRule, i uint32, marks int) bool {
	if p.cond == nil {
		return true
	}
	then := p.alts
	if v.branch(p.cond, i, marks) {
		then = p.then
	}
	return then == nil || v.check(then, i, marks)
}

func (v *Validator) checkDependents(needs []dependency, i uint32, marks int) bool {
	if v.d.Nodes[i].Kind != document.Object {
		return true
	}
	for _, need := range needs {
		if _, ok := v.d.Get(i, need.name); ok && !v.check(need.rule, i, marks) {
			return false
		}
	}
	return true
}

// branch checks a schema that may fail without the value being invalid: then nothing of what it noted stays.
func (v *Validator) branch(r *rule, i uint32, marks int) bool {
	notes := len(v.notes)
	own := marks
	if marks != untracked {
		own = v.track(i)
	}
	ok := v.check(r, i, own)
	if !ok {
		v.notes = v.notes[:notes]
	}
	if marks != untracked {
		v.settle(own, marks, ok)
	}
	return ok
}

// track opens a place in marks for the children of node i.
func (v *Validator) track(i uint32) int {
	own := len(v.marks)
	for range v.d.Nodes[i].N {
		v.marks = append(v.marks, false)
	}
	return own
}

// settle closes the place that track opened last, and keeps its marks at another one.
func (v *Validator) settle(own, marks int, keep bool) {
	if keep && marks != untracked {
		for k, marked := range v.marks[own:] {
			v.marks[marks+k] = v.marks[marks+k] || marked
		}
	}
	v.marks = v.marks[:own]
}

func (v *Validator) markAll(marks int, n uint32) {
	for k := range int(n) {
		v.marks[marks+k] = true
	}
}

// checkUnevaluated checks a rule with unevaluatedProperties, at an object, or unevaluatedItems, at an array: it
// applies to the children that none of the rule's other keywords evaluated.
func (v *Validator) checkUnevaluated(r *rule, i uint32, marks int) bool {
	own := v.track(i)
	ok := v.checkKeywords(r, i, own) && v.checkRest(r, i, own)
	n := v.d.Nodes[i].N
	v.settle(own, untracked, false)
	if ok && marks != untracked {
		v.markAll(marks, n)
	}
	return ok
}

func (v *Validator) checkRest(r *rule, i uint32, own int) bool {
	nodes := v.d.Nodes
	step, sub := uint32(0), r.unevaluatedElements
	if nodes[i].Kind == document.Object {
		step, sub = 1, r.unevaluatedMembers
	}
	for at, k := own, i+1; k < nodes[i].Next; at, k = at+1, nodes[k+step].Next {
		if !v.marks[at] && !v.check(sub, k+step, untracked) {
			return false
		}
	}
	return true
}
