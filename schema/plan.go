package schema

import (
	"encoding/binary"
	"slices"
)

// surveyReductions walks what applies to a document. It reports whether there is a strategy that says more than that
// the last write wins, and whether all annotations apply to every document that has their location.
func surveyReductions(root *rule) (reduces, static bool) {
	type visit struct {
		rule        *rule
		conditional bool
	}
	static = true
	seen := map[visit]bool{}
	var walk func(r *rule, conditional bool)
	walk = func(r *rule, conditional bool) {
		if r == nil || seen[visit{r, conditional}] {
			return
		}
		seen[visit{r, conditional}] = true
		if r.strategy != nil {
			reduces = reduces || r.strategy.core != nil || r.strategy.remove
			static = static && !conditional
		}
		always, sometimes := r.annotating()
		for _, sub := range always {
			walk(sub, conditional)
		}
		for _, sub := range sometimes {
			walk(sub, true)
		}
	}
	walk(root, false)
	return reduces, static
}

// annotating lists the subschemas whose annotations count: those that apply for certain wherever their location
// exists, and those whose part depends on the document. Schemas under `not` and `propertyNames` annotate nothing.
func (r *rule) annotating() (always, sometimes []*rule) {
	if m := r.members; m != nil {
		for _, p := range m.properties {
			always = append(always, p.rule)
		}
		for _, p := range m.patterns {
			always = append(always, p.rule)
		}
		always = append(always, m.additional)
	}
	if e := r.elements; e != nil {
		always = append(append(always, e.prefix...), e.rest)
		sometimes = append(sometimes, e.contains)
	}
	if p := r.inPlace; p != nil {
		always = append(always, p.all...)
		sometimes = slices.Concat(sometimes, p.any, p.one, []*rule{p.cond, p.then, p.alts})
		for _, need := range p.needs {
			sometimes = append(sometimes, need.rule)
		}
	}
	return always, append(sometimes, r.unevaluatedMembers, r.unevaluatedElements)
}

// plan says how to reduce one location, when that follows from names alone. A nil plan is one without annotations
// at or below its location.
type plan struct {
	rules    []*rule // all that apply there, references resolved
	strategy *strategy
	conflict *conflict
	named    map[string]*plan // declared members met so far
	other    *plan            // members that no rule declares, unless there are patterns
	patterns bool
	prefix   []*plan
	rest     *plan
}

// planner makes the plans of a Reducer, each when it is first needed.
type planner struct {
	plans map[string]*plan // by the rules that apply
}

// of returns the plan of a location where rules apply.
func (pl *planner) of(rules []*rule) *plan {
	all := closure(rules)
	if len(all) == 0 {
		return nil
	}
	var key []byte
	for _, r := range all {
		key = binary.AppendUvarint(key, uint64(r.id))
	}
	if p, ok := pl.plans[string(key)]; ok {
		return p
	}
	p := &plan{rules: all, named: map[string]*plan{}}
	pl.plans[string(key)] = p
	longest := 0
	for _, r := range all {
		p.add(r.strategy)
		if r.members != nil {
			p.patterns = p.patterns || len(r.members.patterns) > 0
		}
		if r.elements != nil {
			longest = max(longest, len(r.elements.prefix))
		}
	}
	for i := range longest {
		p.prefix = append(p.prefix, pl.of(elementRules(all, i)))
	}
	p.rest = pl.of(elementRules(all, longest))
	if !p.patterns {
		p.other = pl.of(memberRules(all, nil))
	}
	return p
}

func (p *plan) add(s *strategy) {
	switch {
	case s == nil || s == p.strategy:
	case p.strategy == nil:
		p.strategy = s
	default:
		p.conflict = &conflict{p.strategy, s}
	}
}

// closure adds the rules that apply to the same value for certain, and sorts.
func closure(rules []*rule) []*rule {
	var all []*rule
	seen := map[*rule]bool{}
	var add func(r *rule)
	add = func(r *rule) {
		if r == nil || seen[r] {
			return
		}
		seen[r] = true
		all = append(all, r)
		if r.inPlace != nil {
			for _, sub := range r.inPlace.all {
				add(sub)
			}
		}
	}
	for _, r := range rules {
		add(r)
	}
	slices.SortFunc(all, func(a, b *rule) int { return a.id - b.id })
	return all
}

func elementRules(rules []*rule, i int) []*rule {
	var out []*rule
	for _, r := range rules {
		switch e := r.elements; {
		case e == nil:
		case i < len(e.prefix):
			out = append(out, e.prefix[i])
		default:
			out = append(out, e.rest)
		}
	}
	return out
}

// memberRules lists what applies to a member; a nil name is one that nobody declares.
func memberRules(rules []*rule, name []byte) []*rule {
	var out []*rule
	for _, r := range rules {
		if r.members != nil {
			out = r.members.append(out, name)
		}
	}
	return out
}

func (m *memberRule) append(out []*rule, name []byte) []*rule {
	declared := false
	if i, ok := m.index[string(name)]; ok && name != nil && m.properties[i].rule != nil {
		declared = true
		out = append(out, m.properties[i].rule)
	}
	for _, p := range m.patterns {
		if name != nil && p.pattern.match(name) {
			declared = true
			out = append(out, p.rule)
		}
	}
	if !declared {
		out = append(out, m.additional)
	}
	return out
}

func (pl *planner) member(p *plan, name []byte) *plan {
	if p == nil {
		return nil
	}
	if sub, ok := p.named[string(name)]; ok {
		return sub
	}
	declared := slices.ContainsFunc(p.rules, func(r *rule) bool {
		if r.members == nil {
			return false
		}
		_, ok := r.members.index[string(name)]
		return ok
	})
	if !declared && !p.patterns {
		return p.other
	}
	sub := pl.of(memberRules(p.rules, name))
	if declared {
		p.named[string(name)] = sub
	}
	return sub
}

func (p *plan) element(i int) *plan {
	switch {
	case p == nil:
		return nil
	case i < len(p.prefix):
		return p.prefix[i]
	}
	return p.rest
}
