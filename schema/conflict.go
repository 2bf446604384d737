package schema

import (
	"encoding/binary"
	"slices"
	"strings"
)

// maxConflictSets bounds how many combinations of rules a search for conflicts looks at. What it does not come to is
// found when documents are reduced.
const maxConflictSets = 1 << 14

// conflictSearch looks for locations where two strategies are sure to be active together: of everything that applies
// there for certain, with one branch at a time of those that a document may take.
type conflictSearch struct {
	seen  map[string]bool
	found [][2]*rule // each pair once
}

// findConflicts returns pairs of rules whose strategies differ and are active together.
func findConflicts(root *rule) [][2]*rule {
	c := conflictSearch{seen: map[string]bool{}}
	c.visit([]*rule{root})
	return c.found
}

// visit looks at a location where rules apply.
func (c *conflictSearch) visit(rules []*rule) { c.branch(nil, rules) }

// branch looks at a location where a branch applies beside decided rules, whose own branches are not its business.
func (c *conflictSearch) branch(decided, taken []*rule) {
	all := closure(slices.Concat(decided, taken))
	if len(all) == 0 || len(c.seen) >= maxConflictSets {
		return
	}
	var key []byte
	for _, r := range all {
		key = binary.AppendUvarint(key, uint64(r.id))
	}
	key = binary.AppendUvarint(key, uint64(len(decided)))
	for _, r := range decided {
		key = binary.AppendUvarint(key, uint64(r.id))
	}
	if c.seen[string(key)] {
		return
	}
	c.seen[string(key)] = true
	c.compare(all)
	c.children(all)
	for _, r := range all {
		if r.inPlace == nil || slices.Contains(decided, r) {
			continue
		}
		for _, more := range r.inPlace.alternatives() {
			c.branch(all, more)
		}
	}
}

func (c *conflictSearch) compare(all []*rule) {
	var first *rule
	for _, r := range all {
		switch {
		case r.strategy == nil:
		case first == nil:
			first = r
		case first.strategy != r.strategy:
			if pair := [2]*rule{first, r}; !slices.Contains(c.found, pair) {
				c.found = append(c.found, pair)
			}
		}
	}
}

// children visits the members and elements that rules tell apart by name or index.
func (c *conflictSearch) children(all []*rule) {
	longest := 0
	for _, r := range all {
		if r.elements != nil {
			longest = max(longest, len(r.elements.prefix))
		}
		if r.members == nil {
			continue
		}
		for _, p := range r.members.properties {
			c.visit(memberRules(all, []byte(p.name)))
		}
		for _, p := range r.members.patterns {
			c.visit([]*rule{p.rule})
		}
	}
	c.visit(memberRules(all, nil))
	for i := range longest + 1 {
		c.visit(elementRules(all, i))
	}
}

// alternatives lists what may apply to the value beside p.all: of each list, all together.
func (p *inPlaceRule) alternatives() [][]*rule {
	var out [][]*rule
	for _, r := range slices.Concat(p.any, p.one) {
		out = append(out, []*rule{r})
	}
	if p.cond != nil {
		out = append(out, []*rule{p.cond, p.then}, []*rule{p.alts})
	}
	for _, need := range p.needs {
		if need.rule != nil {
			out = append(out, []*rule{need.rule})
		}
	}
	return out
}

// refuseConflicts refuses schemas with locations that never reduce.
func (l *lowering) refuseConflicts(root *rule) {
	if len(l.strategies) < 2 {
		return
	}
	for _, pair := range findConflicts(root) {
		l.refuseConflict(pair[0], pair[1])
	}
}

func (l *lowering) refuseConflict(a, b *rule) {
	// The one that stands deeper is where the user can tell the two apart.
	if strings.Count(a.location, "/") > strings.Count(b.location, "/") {
		a, b = b, a
	}
	var here, other CompileError
	l.res.place(&here, b.location)
	l.res.place(&other, a.location)
	at := other.Pointer + "/" + reduceKeyword
	if other.URL != here.URL {
		at = other.URL + "#" + at
	}
	l.note(b.location+"/"+reduceKeyword, "%s is active together with %s, which stands at %s: a location has one strategy, so keep one, or put them into different branches (if/then/else, oneOf)",
		b.strategy, a.strategy, at)
}
