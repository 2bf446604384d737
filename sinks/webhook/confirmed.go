package webhook

import "sync"

// confirmed are the keys of the requests of an open transaction that the endpoint
// has confirmed. They outlast the session: when another part of the transaction
// fails, and it begins again, these requests are not sent a second time for as
// long as the process lives, however long the endpoint refuses the rest.
type confirmed struct {
	mu   sync.Mutex
	keys map[string]bool
}

func (c *confirmed) has(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[key]
}

func (c *confirmed) add(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string]bool{}
	}
	c.keys[key] = true
}

// clear is called when the transaction is whole: what comes again from then on is
// meant to be sent again.
func (c *confirmed) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = nil
}
