package journal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"weir/journal/server"
)

// restartable is a server on disk that can be stopped and started again at the
// same address.
type restartable struct {
	t testing.TB
	o server.Options
	s *server.Server
}

func startRestartable(t testing.TB) *restartable {
	t.Helper()
	r := &restartable{t: t, o: server.Options{StoreDir: t.TempDir(), Port: freePort(t)}}
	r.start()
	t.Cleanup(func() { r.s.Stop() })
	return r
}

func (r *restartable) start() {
	r.t.Helper()
	s, err := server.Start(r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s = s
}

func TestWriterAndReaderGoOnAfterARestart(t *testing.T) {
	s := startRestartable(t)
	c := dialServer(t, s.s)
	newStream(t, c, false)
	r := newReader(t, c, ReaderConfig{Filter: "d.>"})

	const batches, documents = 60, 20
	written := make(chan error, 1)
	progress := make(chan int, batches)
	go func() {
		defer close(progress)
		var last uint64
		for i := range batches {
			b := c.NewBatch("s")
			for j := range documents {
				if err := b.Add(Outgoing{Subject: "d.1", Data: []byte(fmt.Sprint(i*documents + j))}); err != nil {
					written <- err
					return
				}
			}
			text := fmt.Sprint("batch ", i)
			expect := last
			ack, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Data: []byte(text), Expect: &expect}, isCommit(text))
			if err != nil {
				written <- err
				return
			}
			last = ack.Last
			progress <- i
		}
		written <- nil
	}()
	for _, at := range []int{10, 30} {
		for i := range progress {
			if i == at {
				break
			}
		}
		s.s.Stop()
		eventually(t, "the loss of the connection", func() bool { return !c.Connected() })
		s.start()
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	for i := range batches * documents {
		if m := read(t, r); string(m.Data) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q at %d", i, m.Data, m.Seq)
		}
	}
	eventually(t, "the end", r.CaughtUp)
	if n := stored(t, c); n != batches*(documents+1) {
		t.Fatalf("%d messages stored", n)
	}
	if n := r.Stats().Consumers; n < 2 {
		t.Fatalf("%d consumers", n)
	}
}

func TestAddWhileDisconnectedIsSentByCommit(t *testing.T) {
	s := startRestartable(t)
	c := dialServer(t, s.s)
	newStream(t, c, false)
	b := c.NewBatch("s")
	add := func(text string) {
		if err := b.Add(Outgoing{Subject: "d.1", Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	add("before")
	s.s.Stop()
	eventually(t, "the loss of the connection", func() bool { return !c.Connected() })
	add("meanwhile")
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.StreamInfo(short, "s"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errNotSent) {
		t.Fatalf("got %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Expect: seq(0)}, isCommit(""))
		done <- err
	}()
	s.start()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := stored(t, c); n != 3 {
		t.Fatalf("%d messages stored", n)
	}
}

func TestWatchAcrossARestart(t *testing.T) {
	s := startRestartable(t)
	c := dialServer(t, s.s)
	b, err := c.EnsureBucket(testContext(t), BucketConfig{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, value string) {
		t.Helper()
		if _, err := b.Put(testContext(t), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	put("a.x", "1")
	put("b.y", "2")
	ctx, stop := context.WithCancel(context.Background())
	seen := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		done <- b.Watch(ctx, "a", func(e Entry) { seen <- e.Key + "=" + string(e.Value) })
	}()
	before := ""
	expect := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-seen:
				if got == before { // a put whose answer was lost is made twice
					continue
				}
				if got != want {
					t.Fatalf("saw %q, want %q", got, want)
				}
				before = want
			case <-testContext(t).Done():
				t.Fatalf("waited in vain for %q", want)
			}
			return
		}
	}
	expect("a.x=1")
	expect("=")
	put("a.z", "3")
	expect("a.z=3")
	s.s.Stop()
	s.start()
	put("a.x", "4")
	expect("a.x=4")
	if err := b.Delete(testContext(t), "a.x"); err != nil {
		t.Fatal(err)
	}
	expect("a.x=")
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
