package http

import (
	"crypto/tls"
	"net"
	"os"
	"sync"
	"time"
)

// limitedListener bounds how many connections are open.
type limitedListener struct {
	net.Listener
	room   chan struct{} // one for each open connection
	once   sync.Once
	closed chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: c, room: l.room}, nil
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.room })
	return err
}

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
