package derive

import "hash/maphash"

// keyFilter says of most keys that were never added that they were not, without a look at the disk: Bloom filters, the
// next one twice as large as the one before. It takes about two bytes for each key that was added, and nothing is ever
// taken out: a key that was deleted costs a look at the disk.
type keyFilter struct {
	seed  maphash.Seed
	parts []filterPart
}

type filterPart struct {
	words []uint64 // a power of two of them
	room  int      // keys that it takes yet
}

const (
	filterFirst  = 1 << 13 // words of the first part: half a million bits
	filterBits   = 12      // for each key of a part that is full: with 6 probes 0.3 % of other keys pass
	filterProbes = 6
)

func newKeyFilter() *keyFilter { return &keyFilter{seed: maphash.MakeSeed()} }

func (f *keyFilter) add(key []byte) {
	h := maphash.Bytes(f.seed, key)
	if f.has(h) {
		return
	}
	last := len(f.parts) - 1
	if last < 0 || f.parts[last].room == 0 {
		words := filterFirst << len(f.parts)
		f.parts = append(f.parts, filterPart{words: make([]uint64, words), room: words * 64 / filterBits})
		last++
	}
	p := &f.parts[last]
	p.room--
	step := h>>32 | 1
	for range filterProbes {
		h += step
		p.words[h>>6&uint64(len(p.words)-1)] |= 1 << (h & 63)
	}
}

// mayHold is false only for keys that were never added.
func (f *keyFilter) mayHold(key []byte) bool { return f.has(maphash.Bytes(f.seed, key)) }

func (f *keyFilter) has(hash uint64) bool {
	for i := range f.parts {
		if f.parts[i].has(hash) {
			return true
		}
	}
	return false
}

func (p *filterPart) has(h uint64) bool {
	step := h>>32 | 1
	for range filterProbes {
		h += step
		if p.words[h>>6&uint64(len(p.words)-1)]&(1<<(h&63)) == 0 {
			return false
		}
	}
	return true
}
