package collection

import (
	"bytes"
	"errors"
	"hash/maphash"
	"math"
	"slices"
	"time"

	"weir/document"
	"weir/schema"
)

const (
	// DefaultLimit is the memory of a Combiner whose options do not say, in bytes.
	DefaultLimit = 32 << 20
	// leastLimit keeps spilled runs from becoming absurdly small.
	leastLimit = 16 << 10
	// foldCount is how many documents of a key are gathered before they are folded
	// into one early: enough that a fold's fixed costs vanish.
	foldCount = 64
	// noTime stands for a document whose time of publication is not known.
	noTime = math.MinInt64
)

// CombinerOptions say how a Combiner combines.
type CombinerOptions struct {
	// Limit is how much memory documents, their nodes and the table of keys may
	// take, in bytes; 0 is DefaultLimit. What exceeds it goes to a temporary file.
	Limit int
	// Dir is where that file is made; "" is the system's directory for such files.
	Dir string
	// Full reduces completely, against the documents given to [Combiner.AddBase] or
	// against nothing, as a destination needs that holds one document for each key.
	// Otherwise reduction is partial: the result is yet to be reduced with others.
	Full bool
	// Lenient keeps documents that do not reduce, or reduce to what the schema refuses,
	// one after the other, unless Full is set: each is valid by itself, and whoever
	// reduces them fully finds the fault.
	Lenient bool
	// Sorted drains in the order of packed keys, else keys come as they were seen
	// first. What was spilled always comes sorted.
	Sorted bool
	// Checked says that all documents passed this collection's [Checker], so that
	// only what reduction made is validated.
	Checked bool
}

// A Combiner gathers documents of a transaction and gives one for each key, reduced.
// It belongs to one goroutine. After Drain, or an error of Drain, it takes no more
// documents until Reset.
type Combiner struct {
	collection *Collection
	options    CombinerOptions
	validator  *schema.Validator
	reducer    *schema.Reducer
	replaces   bool // of a key only the newest document counts

	groups  groups
	entries []entry
	free    int32 // list of entries that may be used again
	text    slab[byte]
	nodes   slab[document.Node]
	live    int // bytes of text and nodes that are not garbage
	need    highWater
	runs    spill
	drained bool

	packed  []byte
	scratch document.Doc // what Add parses
	folded  document.Doc // what fold made, in buffer
	buffer  []byte
	docs    []*document.Doc
	order   []int32
}

// Combined is the reduced document of a key. Its memory is valid until [Combiner.Reset],
// or longer when the Combiner spilled.
type Combined struct {
	Packed    []byte
	Doc       *document.Doc // for reading, not for Parse
	Raw       []byte        // the text of Doc
	Published time.Time     // of the newest document that went in; zero when unknown
	Exists    bool          // the destination holds a document of this key
	Deleted   bool          // a full reduction deleted the document; Doc is what it was then
}

// NewCombiner makes a Combiner. Close lets go of its memory and file.
func (c *Collection) NewCombiner(o CombinerOptions) *Combiner {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	o.Limit = max(o.Limit, leastLimit)
	c = c.forResults()
	m := &Combiner{
		collection: c, options: o, free: none,
		validator: c.Schema.Validator(), reducer: c.Schema.Reducer(), replaces: !c.Schema.Reduces(),
		groups: groups{seed: maphash.MakeSeed()}, runs: spill{dir: o.Dir},
	}
	m.newSlabs()
	return m
}

// newSlabs starts with little, as most tasks are small, and lets blocks grow to a
// fraction of the limit, so that what a block has left over does not matter.
func (m *Combiner) newSlabs() {
	most := min(max(m.options.Limit/16, 2<<10), 512<<10)
	m.text = slab[byte]{least: min(16<<10, most), most: most}
	m.nodes = slab[document.Node]{least: min(16<<10, most) / nodeSize, most: most / nodeSize}
}

var errDrained = errors.New("combine: documents were added after draining and before a reset")

// Add parses, validates and adds a document, of which it makes a copy. The error is
// an [*Invalid] when the document is at fault, which then is not added.
func (m *Combiner) Add(raw []byte) error {
	if err := m.scratch.Parse(raw); err != nil {
		return NotJSON(m.collection.Name, raw, err)
	}
	return m.add(&m.scratch, noTime)
}

// AddDoc is Add of a document that was parsed already; it makes a copy too.
func (m *Combiner) AddDoc(d *document.Doc) error { return m.add(d, noTime) }

// AddAt is AddDoc of a document that was published at the given time.
func (m *Combiner) AddAt(d *document.Doc, published time.Time) error {
	return m.add(d, published.UnixNano())
}

func (m *Combiner) add(d *document.Doc, published int64) error {
	c := m.collection
	if m.drained {
		return errDrained
	}
	if !m.options.Checked && !m.validator.Valid(d, 0) {
		return c.breaksSchema(d.Src)
	}
	var err error
	if m.packed, err = c.Key.AppendPacked(m.packed[:0], d, 0); err != nil {
		return c.badKey(d.Src, err)
	}
	g := m.group(m.packed)
	g.published = published
	m.put(g, d)
	return m.relieve()
}

// AddBase adds what the destination holds for a key: the text of a document, older
// than all others of its key, at most one for each. It is not validated, for the
// schema may have changed since; what comes of it is.
func (m *Combiner) AddBase(packed, raw []byte) error {
	if m.drained {
		return errDrained
	}
	if g, _ := m.groups.find(packed); g == nil && !m.Spilled() {
		return m.unasked(packed)
	}
	if err := m.scratch.Parse(raw); err != nil {
		return NotJSON(m.collection.Name, raw, err)
	}
	m.setBase(m.group(packed), &m.scratch)
	return m.relieve()
}

// unasked is the fault of a destination, not of a document.
func (m *Combiner) unasked(packed []byte) error {
	key, err := document.AppendKeyJSON(nil, packed)
	if err != nil {
		return err
	}
	return errors.New("combine " + m.collection.Name + ": the destination gave a document for key " + string(key) + ", which was not asked for")
}

// Keys is how many keys Drain will give documents of; once spilled, it is an upper bound.
func (m *Combiner) Keys() int { return m.runs.keys + len(m.groups.list) }

// Bytes is the memory in use for documents, their nodes and the table of keys.
func (m *Combiner) Bytes() int { return m.text.used() + m.nodes.used()*nodeSize + m.overhead() }

func (m *Combiner) overhead() int { return m.groups.bytes() + len(m.entries)*entrySize }

// Spilled says whether documents went to the temporary file since the last Reset.
func (m *Combiner) Spilled() bool { return len(m.runs.runs) > 0 }

// EachKey calls fn with each packed key, in the order in which Drain will. A key is
// valid until Reset. Documents may be added afterwards, but not by fn.
func (m *Combiner) EachKey(fn func(packed []byte) error) error {
	if m.Spilled() {
		return m.eachSpilledKey(fn)
	}
	for _, i := range m.sequence() {
		if err := fn(m.groups.list[i].key); err != nil {
			return err
		}
	}
	return nil
}

// Drain calls fn with the reduced document of each key. There is one for each key,
// but where the schema's strategies cannot combine documents before a full reduction,
// and Full is not set: those come one after the other, oldest first. What a full
// reduction deletes comes, too, and says so. The error is
// fn's, an [*Invalid] when documents do not reduce or reduce to what the schema
// refuses, or one of the temporary file.
func (m *Combiner) Drain(fn func(Combined) error) error {
	if m.Spilled() {
		return m.drainSpilled(fn)
	}
	m.drained = true
	for _, i := range m.sequence() {
		g := &m.groups.list[i]
		if err := m.reduce(g); err != nil {
			return err
		}
		for j := g.first; j != none; j = m.entries[j].next {
			if err := fn(g.combined(&m.entries[j].doc)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *group) combined(d *document.Doc) Combined {
	c := Combined{Packed: g.key, Doc: d, Raw: d.Raw(0), Exists: g.exists, Deleted: g.deleted}
	if g.published != noTime {
		c.Published = time.Unix(0, g.published).UTC()
	}
	return c
}

// sequence lists the groups in the order of draining.
func (m *Combiner) sequence() []int32 {
	m.order = m.order[:0]
	for i := range m.groups.list {
		m.order = append(m.order, int32(i))
	}
	if m.options.Sorted {
		m.sortByKey()
	}
	return m.order
}

func (m *Combiner) sortByKey() {
	slices.SortFunc(m.order, func(a, b int32) int {
		return bytes.Compare(m.groups.list[a].key, m.groups.list[b].key)
	})
}

// Reset drops all documents. Memory is kept for the next transaction, as much as
// the last ones needed; the temporary file is given back.
func (m *Combiner) Reset() {
	m.clearMemory(true)
	m.runs.reset()
	m.drained = false
}

// clearMemory drops the documents in memory. Between two keys of a merge it keeps
// what it has; otherwise memory that is much larger than needed is given back.
func (m *Combiner) clearMemory(trim bool) {
	m.free, m.live = none, 0
	if !trim {
		clear(m.entries)
		m.entries, m.groups.list = m.entries[:0], m.groups.list[:0]
		m.text.rewind()
		m.nodes.rewind()
		return
	}
	m.entries = emptied(m.entries, &m.need)
	m.groups.reset()
	m.text.reset()
	m.nodes.reset()
	if cap(m.buffer) > maxKeptScratch {
		m.buffer, m.folded = nil, document.Doc{}
	}
	if cap(m.scratch.Nodes) > maxKeptScratch/nodeSize {
		m.scratch = document.Doc{}
	}
	m.scratch.Src = nil
	if cap(m.order) > 4*cap(m.groups.list)+64 {
		m.order = nil
	}
	clear(m.docs[:cap(m.docs)]) // they point into entries
}

// maxKeptScratch bounds what one large document leaves behind, in bytes.
const maxKeptScratch = 1 << 20

// Close gives back memory and file. The Combiner may be used again after Reset.
func (m *Combiner) Close() {
	m.Reset()
	m.groups.list, m.groups.slots, m.entries, m.order = nil, nil, nil, nil
	m.scratch, m.folded, m.buffer, m.docs = document.Doc{}, document.Doc{}, nil, nil
	m.newSlabs()
}
