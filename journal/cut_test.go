package journal

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
)

// cutter passes connections on to a server and cuts each of them after a random
// number of bytes in one of the directions, until its cuts are used up.
type cutter struct {
	to     string
	listen net.Listener
	wait   sync.WaitGroup

	mu    sync.Mutex
	rand  *rand.Rand
	cuts  int
	conns []net.Conn
}

func startCutter(t *testing.T, to string, cuts int, seed uint64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{to: strings.TrimPrefix(to, "nats://"), listen: l, cuts: cuts, rand: rand.New(rand.NewPCG(seed, 1))}
	c.wait.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			conn.Close()
		}
		c.mu.Unlock()
		c.wait.Wait()
	})
	return c
}

func (c *cutter) accept() {
	for {
		in, err := c.listen.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			in.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, in, out)
		limits := [2]int64{1 << 60, 1 << 60}
		if c.cuts > 0 {
			c.cuts--
			limits[c.rand.IntN(2)] = 2000 + c.rand.Int64N(20_000)
		}
		c.mu.Unlock()
		c.wait.Go(func() { pass(out, in, limits[0]) })
		c.wait.Go(func() { pass(in, out, limits[1]) })
	}
}

// pass copies until the limit and then closes both ends.
func pass(to, from net.Conn, limit int64) {
	_, _ = io.CopyN(to, from, limit) // whatever ends it ends the connection
	to.Close()
	from.Close()
}

// Whatever is lost when a connection breaks (messages of a staging, a commit,
// its answer, what a reader was sent), each batch is stored once and whole, and
// a reader sees everything once and in order.
func TestCutConnections(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := startServer(t)
	direct := dialServer(t, s)
	newStream(t, direct, true)
	cut := startCutter(t, s.URL(), 25, seed)
	c, err := connectPatiently(t, "nats://"+cut.listen.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := newReader(t, c, ReaderConfig{Filter: "d.>", Buffer: 20_000})

	const batches, documents = 120, 7
	var last uint64
	for i := range batches {
		b := c.NewBatch("s")
		for j := range documents {
			if err := b.Add(Outgoing{Subject: "d.1", Data: fmt.Appendf(nil, "%d-%0100d", i*documents+j, 0)}); err != nil {
				t.Fatal(err)
			}
		}
		marker := fmt.Sprint("batch ", i)
		ack, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Data: []byte(marker), Expect: &last}, isCommit(marker))
		if err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		if ack.First != uint64(i*(documents+1)+1) || ack.Last != ack.First+documents {
			t.Fatalf("batch %d at %+v", i, ack)
		}
		last = ack.Last
	}
	for i := range batches * documents {
		m := read(t, r)
		if got, _, _ := strings.Cut(string(m.Data), "-"); got != fmt.Sprint(i) {
			t.Fatalf("document %d is %s", i, got)
		}
	}
	if n := stored(t, direct); n != batches*(documents+1) {
		t.Fatalf("%d messages stored", n)
	}
	t.Logf("%d consumers", r.Stats().Consumers)
}

// connectPatiently goes on where the first connections are cut too early.
func connectPatiently(t *testing.T, url string) (c *Conn, err error) {
	for range 10 {
		if c, err = Connect(testContext(t), Options{URL: url, Plain: true}); err == nil {
			return c, nil
		}
	}
	return nil, err
}
