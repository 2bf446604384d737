package schema

import (
	"weir/document"
)

// Reducer reduces documents. It keeps scratch memory, and so belongs to one goroutine; it holds on to no document
// after a call.
type Reducer struct {
	schema  *Schema
	planner planner
	root    *plan
	check   *Validator      // finds the active annotations, when there is no static plan
	active  [][]*annotation // of each document, by node; nil for one that is never to the right
	tables  [][]*annotation // memory for active

	full    bool
	prune   bool // something may have to be left out of a value that has nothing to its left
	deleted bool // the last full reduction deleted the document
	docs    []*document.Doc
	cells   []cell
	slots   []slot
	indexes []map[string]int32 // free ones
	failed  error
}

// annotation is what is active at a node.
type annotation struct {
	strategy *strategy
	conflict *conflict
}

// cell is a value to be reduced: a node of a document, and the next newer value of the same location.
type cell struct {
	doc  uint32 // index into Reducer.docs
	node uint32
	next int32
}

// list holds the values of one location, oldest first. Plain tells that the oldest is the left-hand side as it is:
// it is not itself reduced by the annotations that are active at it.
type list struct {
	first, last int32 // indices into Reducer.cells
	n           int32
	plain       bool
}

// slot is a child of values that are being merged.
type slot struct {
	doc, name uint32 // where a member's name stands
	at        int    // an element's index in its array
	values    list
	plan      *plan
}

// temporary is a document for a value that no document holds: the result of one strategy, to the left of another.
type temporary struct {
	doc  document.Doc
	text []byte
}

// Reducer returns a new reducer.
func (s *Schema) Reducer() *Reducer {
	r := &Reducer{schema: s, planner: planner{map[string]*plan{}}}
	if s.static {
		r.root = r.planner.of([]*rule{s.root})
	} else {
		r.check = s.Validator()
		r.check.collect = true
	}
	return r
}

// Reduce reduces documents, oldest first, all of them valid, and appends the result to dst. In a full reduction the
// first document is the root-most one, with nothing before it: what only matters to older documents, such as the
// members that a set removes, is dropped, and locations whose strategy says delete are removed. Otherwise the result
// can be reduced further, to either side.
// The error is a *ReduceError; dst is then returned as it was.
func (r *Reducer) Reduce(dst []byte, docs []*document.Doc, full bool) ([]byte, error) {
	if len(docs) == 0 {
		return dst, nil
	}
	r.full, r.prune, r.deleted = full, full && r.schema.prunes, false
	r.docs = append(r.docs[:0], docs...)
	r.cells, r.slots, r.failed = r.cells[:0], r.slots[:0], nil
	defer r.release()
	r.active = r.active[:0]
	if !r.schema.static {
		r.annotate()
	}
	l := list{plain: !full}
	for j := range docs {
		r.push(&l, uint32(j), 0)
	}
	if r.schema.deletes {
		l, r.deleted = r.applyDeletes(l, r.root)
	}
	start := len(dst)
	out := r.foldValues(dst, l, r.root)
	if r.failed != nil {
		r.deleted = false
		return dst[:start], r.failed
	}
	return out, nil
}

// Deleted reports whether the last call of Reduce, a full one, deleted the document: its result is then what the
// newest document made of it.
func (r *Reducer) Deleted() bool { return r.deleted }

func (r *Reducer) release() {
	clear(r.docs)
	r.docs = r.docs[:0]
}

// annotate collects what is active in each document that may be to the right of another, and in the others what says
// delete.
func (r *Reducer) annotate() {
	for j, d := range r.docs {
		if j == 0 && !r.full && !r.schema.deletes {
			r.active = append(r.active, nil)
			continue
		}
		r.check.Valid(d, 0)
		notes := r.table(j, len(d.Nodes))
		for _, n := range r.check.notes {
			switch a := notes[n.node]; {
			case a == nil:
				notes[n.node] = r.schema.annotations[n.strategy]
			case a.strategy != n.strategy && a.conflict == nil:
				notes[n.node] = &annotation{a.strategy, &conflict{a.strategy, n.strategy}}
			}
		}
		r.active = append(r.active, notes)
	}
}

// table returns cleared memory for the annotations of the document at j.
func (r *Reducer) table(j, nodes int) []*annotation {
	for len(r.tables) <= j {
		r.tables = append(r.tables, nil)
	}
	if cap(r.tables[j]) < nodes {
		r.tables[j] = make([]*annotation, nodes)
	}
	table := r.tables[j][:nodes]
	clear(table)
	return table
}

func (r *Reducer) push(l *list, doc, node uint32) {
	at := int32(len(r.cells))
	r.cells = append(r.cells, cell{doc, node, -1})
	if l.n == 0 {
		l.first = at
	} else {
		r.cells[l.last].next = at
	}
	l.last = at
	l.n++
}

func (r *Reducer) kind(c cell) document.Kind { return r.docs[c.doc].Nodes[c.node].Kind }

// copy appends a value as it is.
func (r *Reducer) copy(dst []byte, c cell) []byte {
	d := r.docs[c.doc]
	if d.Compact() {
		return append(dst, d.Raw(c.node)...)
	}
	return d.Append(dst, c.node)
}

// fold appends what the values of a location reduce to, or nothing when it reports that the location is removed.
func (r *Reducer) fold(dst []byte, l list, p *plan) (out []byte, gone bool) {
	if r.schema.deletes {
		if l, gone = r.applyDeletes(l, p); gone {
			return dst, true
		}
	}
	return r.foldValues(dst, l, p), false
}

func (r *Reducer) foldValues(dst []byte, l list, p *plan) []byte {
	if r.failed != nil {
		return dst
	}
	if !r.schema.static {
		return r.foldMixed(dst, l)
	}
	if p == nil || l.n == 1 && l.plain {
		return r.copy(dst, r.cells[l.last])
	}
	if p.conflict != nil {
		r.failConflict(r.cells[l.last], p.conflict)
		return dst
	}
	return r.foldRun(dst, p.strategy, l, p)
}

func (r *Reducer) failConflict(c cell, both *conflict) {
	r.fail(c, both.a, "strategy %s is active there, too", both.b.name)
}

// foldRun reduces values by one strategy.
func (r *Reducer) foldRun(dst []byte, s *strategy, l list, p *plan) []byte {
	if s == nil || s.method == lastWriteWins {
		if s != nil && s.apart && !r.full {
			r.proveAlike(s, l)
		}
		return r.copy(dst, r.cells[l.last])
	}
	if s.method == firstWriteWins {
		return r.copy(dst, r.cells[l.first])
	}
	if !l.plain && !r.accepts(s, r.cells[l.first]) {
		return dst
	}
	l.plain = l.plain || !r.prune
	if l.n == 1 && l.plain {
		return r.copy(dst, r.cells[l.first])
	}
	switch s.method {
	case sum:
		return r.foldSum(dst, s, l)
	case minimize, maximize:
		return r.foldExtreme(dst, s, l, p)
	case appendItems:
		return r.foldAppend(dst, s, l)
	case merge:
		return r.foldMerge(dst, s, l, p)
	case mergeSchemas:
		return r.foldSchemas(dst, s, l)
	default:
		return r.foldSet(dst, s, l, p)
	}
}

// accepts checks a value without one to its left.
func (r *Reducer) accepts(s *strategy, c cell) bool {
	switch kind := r.kind(c); s.method {
	case sum:
		if _, _, ok := r.number(s, c); !ok {
			return false
		}
	case appendItems:
		if kind != document.Array {
			r.fail(c, s, "needs an array, but got %s", kind)
			return false
		}
	case merge:
		if kind != document.Object && kind != document.Array {
			r.fail(c, s, "needs an object or an array, but got %s", kind)
			return false
		}
	case mergeSchemas:
		if kind != document.Object && kind != document.True && kind != document.False {
			r.fail(c, s, "needs a JSON schema, but got %s", kind)
			return false
		}
	}
	return true
}

// foldMixed reduces values each by the strategy that is active at it: runs of one strategy are reduced at once.
func (r *Reducer) foldMixed(dst []byte, l list) []byte {
	cells := len(r.cells)
	at, run := l.first, list{}
	if l.plain {
		run.plain = true
		c := r.cells[at]
		r.push(&run, c.doc, c.node)
		at = c.next
	}
	for at >= 0 && r.failed == nil {
		s, ok := r.strategyAt(r.cells[at])
		if !ok {
			return dst
		}
		for at >= 0 {
			c := r.cells[at]
			if t, ok := r.strategyAt(c); !ok || t != s {
				break
			}
			r.push(&run, c.doc, c.node)
			at = c.next
		}
		if at < 0 {
			dst = r.foldRun(dst, s, run, nil)
			r.cells = r.cells[:cells]
			return dst
		}
		run = r.settle(s, run)
	}
	if r.failed == nil {
		dst = r.copy(dst, r.cells[run.last])
	}
	r.cells = r.cells[:cells]
	return dst
}

func (r *Reducer) strategyAt(c cell) (*strategy, bool) {
	a := r.active[c.doc][c.node]
	if a == nil {
		return nil, true
	}
	if a.conflict != nil {
		r.failConflict(c, a.conflict)
		return nil, false
	}
	return a.strategy.core, true
}

// settle makes the result of a run the left-hand side of the next one.
func (r *Reducer) settle(s *strategy, run list) list {
	next := list{plain: true}
	if s == nil {
		c := r.cells[run.last]
		r.push(&next, c.doc, c.node)
		return next
	}
	if r.schema.deletes && !r.full && r.holdsDeletes(run) {
		r.failDeleted(r.cells[run.last], s)
		return run
	}
	text := r.foldRun(nil, s, run, nil)
	if r.failed != nil {
		return run
	}
	r.pushText(&next, s, text)
	return next
}

// pushText adds a value that no document holds, the result of reducing older ones.
func (r *Reducer) pushText(l *list, s *strategy, text []byte) {
	t := temporary{text: text}
	if err := t.doc.Parse(t.text); err != nil {
		r.fail(r.cells[len(r.cells)-1], s, "the result is no document: %v", err)
		return
	}
	r.docs, r.active = append(r.docs, &t.doc), append(r.active, nil)
	r.push(l, uint32(len(r.docs)-1), 0)
}
