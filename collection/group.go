package collection

import (
	"bytes"
	"hash/maphash"

	"weir/document"
)

// none is the index of no entry.
const none = int32(-1)

// An entry is one document that a Combiner holds. Its bytes and nodes are in slabs.
type entry struct {
	doc  document.Doc
	next int32 // the next newer document of the key, or the next free entry
}

// A group is the documents of one key.
type group struct {
	key         []byte
	hash        uint64
	first, last int32 // documents, oldest first
	base        int32 // the document that the destination holds, older than all
	exists      bool  // the destination holds one
	deleted     bool  // the full reduction ended in a deletion
	count       int   // documents, without the base
	folded      int   // bytes of the oldest one, when it came from folding
	fresh       int   // bytes of the others
	pause       int   // count below which folding is not tried
	published   int64 // of the newest document, in nanoseconds; noTime when unknown
}

func newGroup(key []byte, hash uint64) group {
	return group{key: key, hash: hash, first: none, last: none, base: none, pause: foldCount, published: noTime}
}

// Sizes of what a Combiner keeps, for accounting.
const (
	nodeSize  = 20
	entrySize = 120
	groupSize = 88
	slotSize  = 4
)

// groups finds groups by packed key: a hash table with linear probing whose slots
// are group numbers plus one. Known keys cost no allocation, and there is nothing
// in the table for the garbage collector to follow.
type groups struct {
	list  []group // in the order in which keys were seen first
	slots []uint32
	seed  maphash.Seed
	need  highWater
}

const leastSlots = 64

// find returns the group of a packed key, nil when there is none, and the key's hash.
func (t *groups) find(packed []byte) (*group, uint64) {
	hash := maphash.Bytes(t.seed, packed)
	if len(t.slots) == 0 {
		return nil, hash
	}
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; t.slots[i] != 0; i = (i + 1) & mask {
		g := &t.list[t.slots[i]-1]
		if g.hash == hash && bytes.Equal(g.key, packed) {
			return g, hash
		}
	}
	return nil, hash
}

// add appends a group of a key that is not there yet. The table keeps key.
func (t *groups) add(key []byte, hash uint64) *group {
	t.list = append(t.list, newGroup(key, hash))
	if 2*len(t.list) > len(t.slots) {
		t.grow()
	} else {
		t.enter(len(t.list) - 1)
	}
	return &t.list[len(t.list)-1]
}

func (t *groups) enter(number int) {
	mask := uint64(len(t.slots) - 1)
	i := t.list[number].hash & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = uint32(number + 1)
}

func (t *groups) grow() {
	t.slots = make([]uint32, max(leastSlots, 2*len(t.slots)))
	for number := range t.list {
		t.enter(number)
	}
}

func (t *groups) reset() {
	if len(t.slots) > 16*max(len(t.list), leastSlots) {
		t.slots = nil
	}
	clear(t.slots)
	t.list = emptied(t.list, &t.need)
}

// bytes is what the table takes.
func (t *groups) bytes() int { return len(t.list)*groupSize + len(t.slots)*slotSize }
