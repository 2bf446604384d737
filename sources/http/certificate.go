package http

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// certificate is read from its files, and again when they change, as they do
// when it is renewed.
type certificate struct {
	files tlsFiles

	mu      sync.Mutex
	looked  time.Time
	changed time.Time // the newer of both files' times
	now     *tls.Certificate
}

// lookAgain is how long the files are believed not to have changed.
const lookAgain = 5 * time.Second

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && time.Since(c.looked) < lookAgain {
		return c.now, nil
	}
	c.looked = time.Now()
	changed := newest(c.files.Certificate, c.files.Key)
	if c.now != nil && changed.Equal(c.changed) {
		return c.now, nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	if err != nil && c.now == nil {
		return nil, err
	}
	if err == nil { // else they are being written: the former one serves on
		c.now, c.changed = &pair, changed
	}
	return c.now, nil
}

func newest(names ...string) (t time.Time) {
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(t) {
			t = info.ModTime()
		}
	}
	return t
}
