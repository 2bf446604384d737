package derive

// register is the state of one shuffle key, as JSON text: one copy, exact numbers, a known size. It is parsed when a
// function asks for it. docs/decisions/20261124-registers-as-text.md says why it is no value of the engine.
type register struct {
	key     string
	text    string
	there   bool // false: deleted, or never set
	changed bool // listed in registers.changed, and kept in memory until it is handed out
	dirty   bool // newer than what the disk holds
	used    bool // since the hand came by
	slot    int  // in the ring
}

// registerOverhead is what a register takes in memory beside its key and text: its record, its place in the map and in
// the ring, and what allocations are rounded up by.
const registerOverhead = 128

func (e *register) size() int { return len(e.key) + len(e.text) + registerOverhead }

// registerCache holds the registers of a shard: in memory up to a limit, and from then on also in a store on disk, which
// gets those that were not used of late. What the open transaction changed stays in memory. Between two calls it
// makes room; within a call it only grows, by one register.
type registerCache struct {
	limit  int
	dir    string // where a store is made
	all    map[string]*register
	ring   []*register // the same; the hand goes round
	hand   int
	bytes  int   // of all
	pinned int   // of those that are changed
	disk   *disk // nil until memory is not enough
	err    error // of the disk: from then on nothing is to be trusted
}

// find gives the register of a key, nil when there is none.
func (c *registerCache) find(packed []byte) *register {
	if e := c.all[string(packed)]; e != nil {
		e.used = true
		return e
	}
	if c.disk == nil || c.err != nil {
		return nil
	}
	text, ok, err := c.disk.get(packed)
	if err != nil {
		c.err = err
	}
	if !ok {
		return nil
	}
	e := c.add(packed)
	e.text, e.there = text, true
	c.bytes += len(text)
	return e
}

// add makes a register that was not found.
func (c *registerCache) add(packed []byte) *register {
	e := &register{key: string(packed), slot: len(c.ring)}
	c.all[e.key] = e
	c.ring = append(c.ring, e)
	c.bytes += e.size()
	return e
}

// set gives a register another value.
func (c *registerCache) set(e *register, text string, there bool) {
	grown := len(text) - len(e.text)
	c.bytes += grown
	if e.changed {
		c.pinned += grown
	}
	e.text, e.there, e.dirty = text, there, true
}

// pin keeps a register in memory until release.
func (c *registerCache) pin(e *register) {
	e.changed = true
	c.pinned += e.size()
}

// release ends the pinning of e.
func (c *registerCache) release(e *register) {
	e.changed = false
	c.pinned -= e.size()
}

// trim makes room when there is too much in memory: it goes round and takes out what was not used since it came by
// the last time. It does so for many at once, so that the disk is written to in large steps.
func (c *registerCache) trim() {
	if c.bytes-c.pinned <= c.limit || c.err != nil {
		return
	}
	if c.disk == nil {
		if c.disk, c.err = openDisk(c.dir); c.err != nil {
			return
		}
	}
	for c.err == nil && c.bytes-c.pinned > c.limit-c.limit/64 {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		switch e := c.ring[c.hand]; {
		case e.changed:
			c.hand++
		case e.used:
			e.used = false
			c.hand++
		default:
			c.evict(e)
		}
	}
	if err := c.disk.flush(); c.err == nil {
		c.err = err
	}
}

// evict moves a register to the disk.
func (c *registerCache) evict(e *register) {
	if e.dirty {
		c.err = c.disk.put(e)
	}
	c.remove(e)
}

// settle forgets a deleted register, unless the disk may hold an older value of it.
func (c *registerCache) settle(e *register) {
	if !e.there && !e.changed && (c.disk == nil || !c.disk.filter.mayHold([]byte(e.key))) {
		c.remove(e)
	}
}

func (c *registerCache) remove(e *register) {
	last := len(c.ring) - 1
	c.ring[e.slot], c.ring[last].slot = c.ring[last], e.slot
	c.ring[last] = nil
	c.ring = c.ring[:last]
	c.bytes -= e.size()
	delete(c.all, e.key)
}

func (c *registerCache) close() {
	if c.disk != nil {
		c.disk.close()
		c.disk = nil
	}
}
