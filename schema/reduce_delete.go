package schema

import "weir/document"

// A strategy with delete makes a value a tombstone: a full reduction removes its location, and what is newer reduces
// into nothing. In a partial reduction tombstones stay, since what they remove may be older than all documents at
// hand. Nothing that would look at its left-hand side is then reduced onto one: the documents are kept apart.

// strategyOf is the strategy of a value's own annotation; nil when there is none.
func (r *Reducer) strategyOf(c cell, p *plan) *strategy {
	switch {
	case r.schema.static && p != nil:
		return p.strategy
	case r.schema.static || r.active[c.doc] == nil || r.active[c.doc][c.node] == nil:
		return nil
	}
	return r.active[c.doc][c.node].strategy
}

func (r *Reducer) isTombstone(c cell, p *plan) bool {
	s := r.strategyOf(c, p)
	return s != nil && s.remove
}

// applyDeletes leaves of a location's values those that a tombstone does not remove, and reports whether the newest
// is a tombstone itself.
func (r *Reducer) applyDeletes(l list, p *plan) (rest list, gone bool) {
	for at := l.first; at >= 0; {
		c := r.cells[at]
		stays := r.full && l.plain && at == l.first // it has been reduced already
		at = c.next
		switch {
		case stays || !r.isTombstone(c, p):
		case !r.full && at >= 0:
			if s := r.strategyOf(r.cells[at], p); s != nil && s.core != nil && !s.remove {
				r.failDeleted(r.cells[at], s)
				return l, false
			}
		case r.full && at < 0:
			return l, true
		case r.full:
			l = list{first: at, last: l.last, n: r.count(at)}
		}
	}
	return l, false
}

// count is the length of a list from a cell on.
func (r *Reducer) count(at int32) (n int32) {
	for ; at >= 0; at = r.cells[at].next {
		n++
	}
	return n
}

// closeGaps reduces arrays fully that hold tombstones, and what is older, before newer ones are merged with them by
// index: what stands behind a removed element moves up.
func (r *Reducer) closeGaps(s *strategy, l list, p *plan) list {
	last := int32(-1)
	for at := l.first; at != l.last; at = r.cells[at].next {
		if r.full && l.plain && at == l.first || !r.hasTombstone(r.cells[at], p) {
			continue
		}
		if !r.full {
			r.failDeleted(r.cells[r.cells[at].next], s)
			return l
		}
		last = at
	}
	if last < 0 {
		return l
	}
	older := list{plain: l.plain}
	for at := l.first; ; at = r.cells[at].next {
		r.push(&older, r.cells[at].doc, r.cells[at].node)
		if at == last {
			break
		}
	}
	closed := list{plain: true}
	if r.pushText(&closed, s, r.mergeArrays(nil, s, older, p)); r.failed != nil {
		return l
	}
	for at := r.cells[last].next; at >= 0; at = r.cells[at].next {
		r.push(&closed, r.cells[at].doc, r.cells[at].node)
	}
	return closed
}

// hasTombstone reports whether an element of an array is a tombstone.
func (r *Reducer) hasTombstone(c cell, p *plan) bool {
	nodes := r.docs[c.doc].Nodes
	for k, i := c.node+1, 0; k < nodes[c.node].Next; k, i = nodes[k].Next, i+1 {
		if r.isTombstone(cell{doc: c.doc, node: k}, p.element(i)) {
			return true
		}
	}
	return false
}

// holdsDeletes reports whether a tombstone is at or below one of the values, whose annotations are known.
func (r *Reducer) holdsDeletes(l list) bool {
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		if r.active[c.doc] == nil {
			continue
		}
		for k := c.node; k < r.docs[c.doc].Nodes[c.node].Next; k++ {
			if a := r.active[c.doc][k]; a != nil && a.strategy.remove {
				return true
			}
		}
	}
	return false
}

func (r *Reducer) failDeleted(c cell, s *strategy) {
	r.failApart(c, s, "what is older is deleted, which only a full reduction can do")
}

// proveAlike fails when a partial reduction would lose one of different values.
func (r *Reducer) proveAlike(s *strategy, l list) {
	first := r.cells[l.first]
	for at := first.next; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		if !document.Equal(r.docs[first.doc], first.node, r.docs[c.doc], c.node) {
			r.failApart(c, s, "with associative: false, another value replaces one in a full reduction only")
			return
		}
	}
}
