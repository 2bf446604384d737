package schema

// exactPrunes is how many objects are collapsed one by one, the widest first, before collapsing gets coarser: what a
// single document brings may be far beyond the limit.
const exactPrunes = 64

// prune collapses objects until the locations are within the limit: the widest one, again and again. When no other is
// left, the members of the document itself that came last go together.
func (o *Observed) prune() {
	o.foldRoot()
	for n := 0; o.root.locations() > o.limit; n++ {
		widest := 0
		o.root.eachInner(func(s *seen) { widest = max(widest, s.width()) })
		if widest == 0 {
			if !o.foldRoot() {
				return
			}
			continue
		}
		exact, done := n < exactPrunes, false
		least := widest
		if !exact {
			least = (widest + 1) / 2
		}
		o.root.eachInner(func(s *seen) {
			if !done && s.width() >= least {
				s.collapse(0)
				done = exact
			}
		})
	}
}

// foldRoot gives the document's own members one schema together, from the first on that has no room even if every
// member is one location; or, if all have, the last one. It says whether there was one.
func (o *Observed) foldRoot() bool {
	switch n := len(o.root.members); {
	case n == 0:
		return false
	case n >= o.limit:
		o.root.collapse(o.limit - 2) // itself, and those without a name
	case o.root.locations() > o.limit && !o.collapsible():
		o.root.collapse(n - 1)
	}
	return true
}

func (o *Observed) collapsible() (found bool) {
	o.root.eachInner(func(s *seen) { found = found || s.width() > 0 })
	return found
}

// longName is how many bytes of a name count as much as a location: so the schema's text is bounded, too.
const longName = 64

// locations counts the locations below and including this one.
func (s *seen) locations() int {
	n := 1
	for _, m := range s.members {
		n += m.value.locations() + len(m.name)/longName
	}
	if s.rest != nil {
		n += s.rest.locations()
	}
	if s.items != nil {
		n += s.items.locations()
	}
	return n
}

// eachInner calls fn for every location but this one, parents first.
func (s *seen) eachInner(fn func(*seen)) {
	visit := func(sub *seen) {
		if sub != nil {
			fn(sub)
			sub.eachInner(fn)
		}
	}
	for _, m := range s.members {
		visit(m.value)
	}
	visit(s.rest)
	visit(s.items)
}

// width is how many members collapsing would give one schema; 0 when that would spare nothing.
func (s *seen) width() int {
	n := len(s.members)
	if n == 1 && s.rest == nil && len(s.members[0].name) < longName {
		return 0
	}
	return n
}

// collapse keeps the names of the first members only.
func (s *seen) collapse(keep int) {
	keep = max(keep, 0)
	for _, m := range s.members[keep:] {
		uniteInto(&s.rest, m.value)
		delete(s.index, m.name)
	}
	clear(s.members[keep:])
	s.members = s.members[:keep]
}
