package journal

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"weir/journal/server"
)

// startServer runs a throw-away server.
func startServer(t testing.TB) *server.Server {
	t.Helper()
	s, err := server.Start(server.Options{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// dialServer connects to a server, by a socket.
func dialServer(t testing.TB, s *server.Server) *Conn {
	t.Helper()
	c, err := Connect(testContext(t), Options{URL: s.URL(), Plain: true, MaxBatch: server.MaxBatch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// testContext ends long before the test's own timeout.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// newStream makes the stream "s" with documents under d and markers under t.
func newStream(t testing.TB, c *Conn, memory bool) {
	t.Helper()
	created, err := c.EnsureStream(testContext(t), StreamConfig{
		Name: "s", Subjects: []string{"d.>", "t.>"}, Memory: memory,
		Metadata: map[string]string{MetadataKind: "test"},
	})
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
}

// setUp gives a connection to a new server with the stream "s" in memory.
func setUp(t testing.TB) *Conn {
	t.Helper()
	c := dialServer(t, startServer(t))
	newStream(t, c, true)
	return c
}

func seq(n uint64) *uint64 { return &n }

func isCommit(text string) func(*Message) bool {
	return func(m *Message) bool { return string(m.Data) == text }
}

// appendN appends n documents and a marker with the given text.
func appendN(t testing.TB, c *Conn, n int, expect *uint64, marker string) (Ack, error) {
	t.Helper()
	b := c.NewBatch("s")
	for i := range n {
		if err := b.Add(Outgoing{Subject: "d." + strconv.Itoa(i%16), Data: []byte(fmt.Sprintf("%s-%d", marker, i))}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Commit(testContext(t), Outgoing{Subject: "t.0", Data: []byte(marker), Expect: expect}, isCommit(marker))
}

func mustAppend(t testing.TB, c *Conn, n int, expect *uint64, marker string) Ack {
	t.Helper()
	ack, err := appendN(t, c, n, expect, marker)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

// stored is how many messages the stream "s" holds.
func stored(t testing.TB, c *Conn) uint64 {
	t.Helper()
	info, err := c.StreamInfo(testContext(t), "s")
	if err != nil {
		t.Fatal(err)
	}
	return info.Messages
}

func read(t testing.TB, r *Reader) Message {
	t.Helper()
	m, ok, err := r.TryNext()
	if !ok && err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		m, err = r.Next(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newReader(t testing.TB, c *Conn, cfg ReaderConfig) *Reader {
	t.Helper()
	cfg.Stream = "s"
	r, err := c.NewReader(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// freePort gives a port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("waited in vain: " + what)
		case <-tick.C:
		}
	}
}
