package collection

// A slab hands out memory in parts of a few large blocks, which it keeps for reuse.
// Parts never move.
type slab[T any] struct {
	blocks [][]T
	at     int // the block that is being filled
	off    int // elements of it that are in use
	full   int // elements of the blocks before it
	least  int // elements of the first block; later ones double
	most   int // elements at which doubling ends
	need   highWater
}

// alloc returns n elements of undefined content.
func (s *slab[T]) alloc(n int) []T {
	if len(s.blocks) == 0 || len(s.blocks[s.at])-s.off < n {
		s.advance(n)
	}
	part := s.blocks[s.at][s.off : s.off+n : s.off+n]
	s.off += n
	return part
}

// advance moves on to a block with room for n elements.
func (s *slab[T]) advance(n int) {
	size := s.least
	if len(s.blocks) > 0 {
		size = min(2*len(s.blocks[s.at]), s.most)
		s.full += len(s.blocks[s.at])
		s.at++
		s.off = 0
	}
	switch {
	case s.at == len(s.blocks):
		s.blocks = append(s.blocks, make([]T, max(size, n)))
	case len(s.blocks[s.at]) < n:
		s.blocks[s.at] = make([]T, n)
	}
}

// used counts the elements in use, with what was left over at the end of blocks.
func (s *slab[T]) used() int { return s.full + s.off }

// rewind takes everything back but keeps all blocks.
func (s *slab[T]) rewind() { s.at, s.off, s.full = 0, 0, 0 }

// reset takes everything back and keeps as many blocks as were needed lately.
func (s *slab[T]) reset() {
	need := s.need.note(s.used())
	kept, total := s.blocks[:0], 0
	for _, block := range s.blocks {
		if total < need && len(block) <= 2*max(need, s.least) {
			kept = append(kept, block)
			total += len(block)
		}
	}
	clear(s.blocks[len(kept):])
	s.blocks = kept
	s.rewind()
}

// forget lets go of the full blocks: the garbage collector takes them once nobody
// uses their parts.
func (s *slab[T]) forget() {
	if s.at == 0 {
		return
	}
	s.blocks[0] = s.blocks[s.at]
	clear(s.blocks[1:])
	s.blocks = s.blocks[:1]
	s.at, s.full = 0, 0
}

// highWater remembers the most that was needed, fading over some tens of uses.
type highWater int

func (h *highWater) note(n int) int {
	*h = max(highWater(n), *h-*h/8)
	return int(*h)
}

// emptied empties a list for reuse, or lets go of it when it has become much
// larger than what is needed.
func emptied[T any](list []T, need *highWater) []T {
	if n := need.note(len(list)); cap(list) > 4*n+64 {
		return nil
	}
	clear(list) // elements beyond the length must not keep blocks alive
	return list[:0]
}
