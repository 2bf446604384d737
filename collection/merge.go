package collection

import (
	"bufio"
	"bytes"
	"container/heap"
	"io"

	"weir/document"
)

// spillMemory writes the documents in memory as a run and drops them.
func (m *Combiner) spillMemory() error {
	m.order = m.order[:0]
	for i := range m.groups.list {
		m.order = append(m.order, int32(i))
	}
	m.sortByKey()
	err := m.runs.write(len(m.order), func(put func(record) error) error {
		for _, i := range m.order {
			if err := m.spillGroup(&m.groups.list[i], put); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.clearMemory(true)
	return nil
}

func (m *Combiner) spillGroup(g *group, put func(record) error) error {
	if g.base != none {
		if err := put(record{key: g.key, raw: m.entries[g.base].doc.Src, base: true, published: noTime}); err != nil {
			return err
		}
	}
	for i := g.first; i != none; i = m.entries[i].next {
		if err := put(record{key: g.key, raw: m.entries[i].doc.Src, published: g.published}); err != nil {
			return err
		}
	}
	return nil
}

// A merge reads all runs at once, in the order of keys, runs and records.
type merge struct{ cursors []*cursor }

func (h *merge) Len() int { return len(h.cursors) }
func (h *merge) Less(i, j int) bool {
	a, b := h.cursors[i], h.cursors[j]
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	return a.run < b.run
}
func (h *merge) Swap(i, j int) { h.cursors[i], h.cursors[j] = h.cursors[j], h.cursors[i] }
func (h *merge) Push(x any)    { h.cursors = append(h.cursors, x.(*cursor)) }
func (h *merge) Pop() any {
	last := h.cursors[len(h.cursors)-1]
	h.cursors = h.cursors[:len(h.cursors)-1]
	return last
}

// Bounds of the buffer that reads a run, in bytes.
const (
	leastReadBuffer = 4 << 10
	mostReadBuffer  = 256 << 10
)

// startMerge spills what is left in memory, so that all documents are in runs and
// memory is free, and opens the runs.
func (m *Combiner) startMerge() (*merge, error) {
	if len(m.groups.list) > 0 {
		if err := m.spillMemory(); err != nil {
			return nil, err
		}
	}
	h := &merge{}
	size := min(max(m.options.Limit/(4*len(m.runs.runs)), leastReadBuffer), mostReadBuffer)
	for i, r := range m.runs.runs {
		section := io.NewSectionReader(m.runs.file, r.begin, r.end-r.begin)
		c := &cursor{in: bufio.NewReaderSize(section, size), run: i}
		more, err := c.next()
		if err != nil {
			return nil, err
		}
		if more {
			h.cursors = append(h.cursors, c)
		}
	}
	heap.Init(h)
	return h, nil
}

// advance moves the foremost cursor on.
func (h *merge) advance() error {
	more, err := h.cursors[0].next()
	if err != nil {
		return err
	}
	if more {
		heap.Fix(h, 0)
	} else {
		heap.Pop(h)
	}
	return nil
}

func (m *Combiner) eachSpilledKey(fn func(packed []byte) error) error {
	h, err := m.startMerge()
	if err != nil {
		return err
	}
	for h.Len() > 0 {
		key := bytes.Clone(h.cursors[0].key)
		for h.Len() > 0 && bytes.Equal(h.cursors[0].key, key) {
			if err := h.advance(); err != nil {
				return err
			}
		}
		if err := fn(key); err != nil {
			return err
		}
	}
	return nil
}

// drainSpilled merges the runs. What it gives stands in memory of its own, which the
// garbage collector frees: the caller may keep it, and need not pay for what it lets go.
func (m *Combiner) drainSpilled(fn func(Combined) error) error {
	h, err := m.startMerge()
	if err != nil {
		return err
	}
	m.drained = true
	var out results
	for h.Len() > 0 {
		m.clearMemory(false)
		g, err := m.gather(h)
		if err != nil {
			return err
		}
		if err := m.reduce(g); err != nil {
			return err
		}
		for i := g.first; i != none; i = m.entries[i].next {
			if err := fn(out.keep(g, &m.entries[i].doc)); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather reads the documents of the foremost key into a group, the only one in memory.
func (m *Combiner) gather(h *merge) (*group, error) {
	m.groups.list = append(m.groups.list, newGroup(m.keep(h.cursors[0].key), 0))
	g := &m.groups.list[0]
	for h.Len() > 0 && bytes.Equal(h.cursors[0].key, g.key) {
		c := h.cursors[0]
		raw, err := c.read()
		if err != nil {
			return nil, err
		}
		if err := m.scratch.Parse(raw); err != nil {
			return nil, unexpected(err)
		}
		if c.base {
			m.setBase(g, &m.scratch)
		} else {
			g.published = c.published
			m.put(g, &m.scratch)
		}
		if err := h.advance(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// results is memory for what outlives the merge of a key.
type results struct {
	text  slab[byte]
	nodes slab[document.Node]
}

// resultBlock is the size of a block of results, in bytes: small, as one document in
// use holds all of its block.
const resultBlock = 32 << 10

func (r *results) keep(g *group, d *document.Doc) Combined {
	if r.text.least == 0 {
		r.text = slab[byte]{least: resultBlock, most: resultBlock}
		r.nodes = slab[document.Node]{least: resultBlock / nodeSize, most: resultBlock / nodeSize}
	}
	kept := *d
	kept.Src = append(r.text.alloc(len(d.Src))[:0], d.Src...)
	kept.Nodes = append(r.nodes.alloc(len(d.Nodes))[:0], d.Nodes...)
	c := g.combined(&kept)
	c.Packed = append(r.text.alloc(len(g.key))[:0], g.key...)
	r.text.forget()
	r.nodes.forget()
	return c
}
