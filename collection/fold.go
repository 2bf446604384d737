package collection

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"weir/document"
	"weir/schema"
)

// group returns the group of a packed key, which is made when it is new.
func (m *Combiner) group(packed []byte) *group {
	g, hash := m.groups.find(packed)
	if g != nil {
		return g
	}
	return m.groups.add(m.keep(packed), hash)
}

// keep copies a key to the slab.
func (m *Combiner) keep(packed []byte) []byte {
	key := m.text.alloc(len(packed))
	copy(key, packed)
	m.live += len(key)
	return key
}

// put adds a copy of d to its group, or replaces the group's document where only
// the newest counts, and folds a group that got long.
func (m *Combiner) put(g *group, d *document.Doc) {
	if m.replaces && g.count > 0 {
		m.store(&m.entries[g.first].doc, d)
		return
	}
	i := m.newEntry()
	m.store(&m.entries[i].doc, d)
	m.link(g, i)
	if g.count >= g.pause && g.fresh >= g.folded {
		m.shorten(g)
	}
}

// setBase gives a group the document that the destination holds. Where only the
// newest document counts, that there is one is all that is kept.
func (m *Combiner) setBase(g *group, d *document.Doc) {
	g.exists = true
	if m.replaces && g.count > 0 {
		return
	}
	if g.base == none {
		g.base = m.newEntry()
	}
	m.store(&m.entries[g.base].doc, d)
}

func (m *Combiner) link(g *group, i int32) {
	e := &m.entries[i]
	e.next = none
	if g.first == none {
		g.first = i
	} else {
		m.entries[g.last].next = i
	}
	g.last = i
	g.count++
	g.fresh += len(e.doc.Src)
}

func (m *Combiner) newEntry() int32 {
	if i := m.free; i != none {
		m.free = m.entries[i].next
		return i
	}
	m.entries = append(m.entries, entry{})
	return int32(len(m.entries) - 1)
}

// release gives an entry back. It keeps its part of the slabs for the next document
// that uses it, so that folding as fast as documents come needs no more memory.
func (m *Combiner) release(i int32) {
	e := &m.entries[i]
	m.live -= size(&e.doc)
	e.doc.Src, e.doc.Nodes = e.doc.Src[:0], e.doc.Nodes[:0]
	e.next, m.free = m.free, i
}

func size(d *document.Doc) int { return len(d.Src) + len(d.Nodes)*nodeSize }

// store makes dst a copy of d, in dst's own memory when it has enough: a key that is
// written again and again takes no more of the slabs.
func (m *Combiner) store(dst, d *document.Doc) {
	m.live += size(d) - size(dst)
	src, nodes := dst.Src[:0], dst.Nodes[:0]
	if cap(src) < len(d.Src) {
		src = m.text.alloc(grown(len(d.Src), cap(src)))
	}
	if cap(nodes) < len(d.Nodes) {
		nodes = m.nodes.alloc(grown(len(d.Nodes), cap(nodes)))
	}
	*dst = *d
	dst.Src = append(src[:0], d.Src...)
	dst.Nodes = append(nodes[:0], d.Nodes...)
}

// grown is how much to allocate for n where had was not enough: with some room, so
// that a document that grows slowly leaves little garbage.
func grown(n, had int) int {
	if had == 0 {
		return n
	}
	return n + n/4
}

// shorten folds a group's documents into one before its time. That only saves work
// and memory, so a group that does not fold, or folds to something invalid, stays as
// it is: with the documents still to come it may reduce well, and if not, reduce
// will say so.
func (m *Combiner) shorten(g *group) {
	m.listDocs(g)
	switch err := m.fold(g, false); {
	case err == nil:
		m.adopt(g, g.first, none)
		g.pause, g.folded, g.fresh = foldCount, len(m.folded.Src), 0
		return
	case errors.Is(err, errApart):
		_ = m.reduceApart(g) // what does not fold stays, whatever the error
		g.pause = max(2*g.count, foldCount)
	default:
		g.pause = 2 * g.count
	}
}

// reduce leaves in the group what Drain gives: one document, or more where the
// schema's strategies cannot combine them before a full reduction.
func (m *Combiner) reduce(g *group) error {
	if g.count == 0 {
		return m.unasked(g.key)
	}
	full := m.options.Full && !m.replaces
	if g.count == 1 && !full {
		return nil
	}
	m.listDocs(g)
	if g.base != none {
		m.docs = slices.Insert(m.docs, 0, &m.entries[g.base].doc)
	}
	err := m.fold(g, full)
	switch {
	case err == nil:
		g.deleted = m.reducer.Deleted()
		m.adopt(g, g.first, none)
	case !full && m.keptApart(err):
		return m.reduceApart(g)
	}
	return err
}

// reduceApart folds neighbours where they do fold, and leaves the others apart. What
// came of one fold may be what the document before it folds with: a deletion does not
// with what is written after it, but with the deletion of that.
func (m *Combiner) reduceApart(g *group) error {
	for count := g.count + 1; g.count < count; {
		count = g.count
		if err := m.foldNeighbours(g); err != nil {
			return err
		}
	}
	return nil
}

func (m *Combiner) foldNeighbours(g *group) error {
	for i := g.first; m.entries[i].next != none; {
		next := m.entries[i].next
		m.docs = append(m.docs[:0], &m.entries[i].doc, &m.entries[next].doc)
		switch err := m.fold(g, false); {
		case err == nil:
			m.adopt(g, i, m.entries[next].next)
		case m.keptApart(err):
			i = next
		default:
			return err
		}
	}
	return nil
}

// listDocs lists a group's documents, oldest first.
func (m *Combiner) listDocs(g *group) {
	m.docs = m.docs[:0]
	for i := g.first; i != none; i = m.entries[i].next {
		m.docs = append(m.docs, &m.entries[i].doc)
	}
}

// errApart says that documents have to be kept apart until a full reduction.
var errApart = errors.New("documents do not combine before a full reduction")

// keptApart says whether documents that a fold refused can stay as they are.
func (m *Combiner) keptApart(err error) bool {
	var invalid *Invalid
	return errors.Is(err, errApart) || m.options.Lenient && errors.As(err, &invalid)
}

// fold reduces the documents listed into m.folded and proves that the result is a
// document of this collection and of this key.
func (m *Combiner) fold(g *group, full bool) error {
	c := m.collection
	newest := m.docs[len(m.docs)-1]
	var err error
	if m.buffer, err = m.reducer.Reduce(m.buffer[:0], m.docs, full); err != nil {
		var reduce *schema.ReduceError
		if errors.As(err, &reduce) && reduce.NotAssociative && !full {
			return errApart
		}
		return c.badReduction(newest.Src, err)
	}
	if err := m.folded.Parse(m.buffer); err != nil {
		return fmt.Errorf("reduce documents of collection %s: result: %w", c.Name, err)
	}
	if !m.validator.Valid(&m.folded, 0) {
		invalid := c.breaksSchema(m.buffer)
		invalid.Message += fmt.Sprintf(" (reduced from %d documents of one key)", len(m.docs))
		return invalid
	}
	if m.packed, err = c.Key.AppendPacked(m.packed[:0], &m.folded, 0); err != nil {
		return c.badKey(m.buffer, err)
	}
	if !bytes.Equal(m.packed, g.key) {
		return &Invalid{Collection: c.Name, Rule: RuleReduce, Document: Excerpt(m.buffer),
			Message: "reduction changed the document's key: leave key locations without a reduce annotation"}
	}
	return nil
}

// adopt puts what fold made in the place of the documents that it was made of: those
// from entry i up to entry end of a group.
func (m *Combiner) adopt(g *group, i, end int32) {
	for j := m.entries[i].next; j != end; {
		next := m.entries[j].next
		g.count--
		m.release(j)
		j = next
	}
	e := &m.entries[i]
	m.store(&e.doc, &m.folded)
	e.next = end
	if end == none {
		g.last = i
	}
}

// relieve makes room when memory runs over: it folds what can be folded, then either
// drops the garbage, if that is most of it, or spills.
func (m *Combiner) relieve() error {
	if m.Bytes() <= m.options.Limit {
		return nil
	}
	for i := range m.groups.list {
		if g := &m.groups.list[i]; g.count > 1 {
			m.shorten(g)
		}
	}
	if m.live+m.overhead() <= m.options.Limit/2 {
		m.compact()
		return nil
	}
	return m.spillMemory()
}

// compact moves what is alive to new slabs.
func (m *Combiner) compact() {
	m.newSlabs()
	m.live = 0
	for i := range m.groups.list {
		g := &m.groups.list[i]
		g.key = m.keep(g.key)
	}
	for i := range m.entries {
		d := m.entries[i].doc
		m.entries[i].doc = document.Doc{}
		if len(d.Nodes) > 0 { // else it is free
			m.store(&m.entries[i].doc, &d)
		}
	}
}
