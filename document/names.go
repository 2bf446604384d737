package document

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// nameCheck finds duplicate names while an object is read. Each name sets a bit that its length and ends choose;
// only a name whose bit is set already is compared with the ones before it.
type nameCheck struct {
	object uint32
	count  uint32
	seen   uint64
	late   bool // names with escapes, or too many: a hash set decides when the object is complete
}

// unique counts the name just read and refuses it when the same bytes named a member before.
func (p *parser) unique(check *nameCheck, name uint32) bool {
	check.count++
	n := &p.nodes[name]
	if check.late || check.count > manyMembers || n.Flags&Escaped != 0 {
		check.late = true
		return true
	}
	text := p.src[n.Off:n.End]
	bit := fingerprint(text)
	if check.seen&bit == 0 {
		check.seen |= bit
		return true
	}
	for k := check.object + 1; k < name; k = p.nodes[k+1].Next {
		if bytes.Equal(p.src[p.nodes[k].Off:p.nodes[k].End], text) {
			p.failDuplicate(name)
			return false
		}
	}
	return true
}

func fingerprint(text []byte) uint64 {
	if len(text) == 0 {
		return 1
	}
	const golden = 0x9e3779b97f4a7c15
	h := uint64(len(text)) | uint64(text[0])<<8 | uint64(text[len(text)-1])<<16
	return 1 << (h * golden >> 58)
}

// nameSet is a hash set of the names of one object. Its memory is kept from one object to the next.
type nameSet struct {
	slots   []uint32 // node of a name, or 0 (no name is node 0)
	decoded []byte
	seed    maphash.Seed
}

// maxKeptSlots bounds the memory that a rare huge object leaves behind in a pooled Doc.
const maxKeptSlots = 1 << 16

// distinct checks all names of a completed object, with their escapes resolved.
func (p *parser) distinct(object uint32) bool {
	set := p.names
	slots := set.reset(int(p.nodes[object].N))
	mask := uint64(len(slots) - 1)
	d := Doc{Src: p.src, Nodes: p.nodes}
	for k := object + 1; k < p.nodes[object].Next; k = p.nodes[k+1].Next {
		h := set.hash(&d, k) & mask
		for slots[h] != 0 {
			if compareText(&d, slots[h], &d, k) == 0 {
				p.failDuplicate(k)
				return false
			}
			h = (h + 1) & mask
		}
		slots[h] = k
	}
	return true
}

// reset returns empty slots, a power of two and at least twice as many as names.
func (s *nameSet) reset(names int) []uint32 {
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	size := 1 << bits.Len(uint(2*names))
	if size > maxKeptSlots {
		return make([]uint32, size)
	}
	if size > len(s.slots) {
		s.slots = make([]uint32, size)
		return s.slots
	}
	clear(s.slots[:size])
	return s.slots[:size]
}

func (s *nameSet) hash(d *Doc, name uint32) uint64 {
	if d.Nodes[name].Flags&Escaped == 0 {
		return maphash.Bytes(s.seed, d.Text(name))
	}
	s.decoded = d.AppendString(s.decoded[:0], name)
	return maphash.Bytes(s.seed, s.decoded)
}
