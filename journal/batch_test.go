package journal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"weir/journal/server"
)

func TestBatchIsAppendedInOrder(t *testing.T) {
	c := setUp(t)
	first := mustAppend(t, c, 3, seq(0), "one")
	if first != (Ack{First: 1, Last: 4}) {
		t.Fatalf("first batch at %+v", first)
	}
	second := mustAppend(t, c, 2, &first.Last, "two")
	if second != (Ack{First: 5, Last: 7}) {
		t.Fatalf("second batch at %+v", second)
	}
	r := newReader(t, c, ReaderConfig{})
	for i, want := range []string{"one-0", "one-1", "one-2", "one", "two-0", "two-1", "two"} {
		m := read(t, r)
		if string(m.Data) != want || m.Seq != uint64(i+1) || m.Header != nil || m.Time.IsZero() {
			t.Fatalf("message %d: %+v, want %s", i, m, want)
		}
	}
	if !r.CaughtUp() {
		t.Fatal("not caught up at the end")
	}
}

func TestBatchWithStaleExpectationIsFenced(t *testing.T) {
	c := setUp(t)
	mustAppend(t, c, 1, seq(0), "mine")
	mustAppend(t, c, 1, seq(2), "other")
	_, err := appendN(t, c, 5, seq(2), "stale")
	var fenced *FencedError
	if !errors.Is(err, ErrFenced) || !errors.As(err, &fenced) {
		t.Fatalf("got %v", err)
	}
	if fenced.Expected != 2 || fenced.Last == nil || fenced.Last.Seq != 4 || string(fenced.Last.Data) != "other" {
		t.Fatalf("got %+v", fenced)
	}
	if n := stored(t, c); n != 4 {
		t.Fatalf("%d messages stored", n)
	}
}

func TestBatchOfTheMostMessages(t *testing.T) {
	c := setUp(t)
	ack := mustAppend(t, c, c.MaxBatch()-1, seq(0), "full")
	if ack.Last != uint64(c.MaxBatch()) || ack.First != 1 {
		t.Fatalf("got %+v", ack)
	}
	b := c.NewBatch("s")
	defer b.Abandon()
	for range c.MaxBatch() - 1 {
		if err := b.Add(Outgoing{Subject: "d.1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Add(Outgoing{Subject: "d.1"}); !errors.Is(err, ErrBatchFull) {
		t.Fatalf("got %v", err)
	}
	if b.Len() != c.MaxBatch()-1 {
		t.Fatalf("batch holds %d", b.Len())
	}
}

func TestBatchLargerThanTheServerAllows(t *testing.T) {
	s := startServer(t)
	c, err := Connect(testContext(t), Options{URL: s.URL(), Plain: true, MaxBatch: server.MaxBatch + 10})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	newStream(t, c, true)
	_, err = appendN(t, c, server.MaxBatch+5, seq(0), "large")
	if !errors.Is(err, ErrBatchTooLarge) {
		t.Fatalf("got %v", err)
	}
	if n := stored(t, c); n != 0 {
		t.Fatalf("%d messages stored", n)
	}
}

func TestMessageOverThePayloadLimit(t *testing.T) {
	c := setUp(t)
	b := c.NewBatch("s")
	if err := b.Add(Outgoing{Subject: "d.1", Data: []byte("small")}); err != nil {
		t.Fatal(err)
	}
	var size *SizeError
	large := make([]byte, c.MaxPayload())
	if err := b.Add(Outgoing{Subject: "d.1", Data: large}); !errors.As(err, &size) || size.Limit != c.MaxPayload() {
		t.Fatalf("got %v", err)
	}
	if _, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Data: large}, nil); !errors.As(err, &size) {
		t.Fatalf("got %v", err)
	}
	// The batch is as it was, and a message that just fits goes through.
	fits := large[:c.MaxPayload()-batchHeaders-commitHeader]
	ack, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Data: fits}, nil)
	if err != nil || ack.Last != 2 {
		t.Fatalf("%+v, %v", ack, err)
	}
	if _, err := c.Publish(testContext(t), Outgoing{Subject: "t.0", Data: large}); !errors.As(err, &size) {
		t.Fatalf("got %v", err)
	}
}

func TestAbandonedBatchLeavesNothing(t *testing.T) {
	c := setUp(t)
	for range 1100 { // more than may be open at once
		b := c.NewBatch("s")
		if err := b.Add(Outgoing{Subject: "d.1", Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		b.Abandon()
	}
	if ack := mustAppend(t, c, 1, seq(0), "after"); ack.First != 1 {
		t.Fatalf("got %+v", ack)
	}
}

func TestCommitWhoseAnswerIsLost(t *testing.T) {
	c := setUp(t)
	c.dropReply = func() func(*nats.Msg) bool {
		dropped := false
		return func(m *nats.Msg) bool {
			drop := !dropped && strings.Contains(string(m.Data), `"batch"`)
			if drop {
				dropped = true
				c.lost() // as if the connection had been lost with the answer
			}
			return drop
		}
	}()
	ack := mustAppend(t, c, 3, seq(0), "once")
	if ack != (Ack{First: 1, Last: 4}) {
		t.Fatalf("got %+v", ack)
	}
	if n := stored(t, c); n != 4 {
		t.Fatalf("%d messages stored", n)
	}
}

func TestCommitThatIsLostOnItsWay(t *testing.T) {
	c := setUp(t)
	dropped := false
	c.dropSend = func(m *nats.Msg) bool {
		drop := !dropped && m.Header.Get(headerCommit) != ""
		if drop {
			dropped = true
			c.lost()
		}
		return drop
	}
	if ack := mustAppend(t, c, 3, seq(0), "again"); ack != (Ack{First: 1, Last: 4}) {
		t.Fatalf("got %+v", ack)
	}
}

func TestLostAnswerAndAnotherWriter(t *testing.T) {
	c, other := func() (*Conn, *Conn) {
		s := startServer(t)
		c := dialServer(t, s)
		newStream(t, c, true)
		return c, dialServer(t, s)
	}()
	dropped := false
	c.dropSend = func(m *nats.Msg) bool {
		drop := !dropped && m.Header.Get(headerCommit) != ""
		if drop {
			dropped = true
			mustAppend(t, other, 1, seq(0), "other")
			c.lost()
		}
		return drop
	}
	if _, err := appendN(t, c, 3, seq(0), "late"); !errors.Is(err, ErrFenced) {
		t.Fatalf("got %v", err)
	}
	if n := stored(t, c); n != 2 {
		t.Fatalf("%d messages stored", n)
	}
}

func TestStagingThatLostAMessageIsSentAgain(t *testing.T) {
	c := setUp(t)
	dropped := false
	c.dropSend = func(m *nats.Msg) bool {
		drop := !dropped && m.Header.Get(headerBatchSeq) == "2"
		dropped = dropped || drop
		return drop
	}
	if ack := mustAppend(t, c, 3, seq(0), "whole"); ack != (Ack{First: 1, Last: 4}) {
		t.Fatalf("got %+v", ack)
	}
	r := newReader(t, c, ReaderConfig{})
	for _, want := range []string{"whole-0", "whole-1", "whole-2", "whole"} {
		if m := read(t, r); string(m.Data) != want {
			t.Fatalf("read %q, want %q", m.Data, want)
		}
	}
}

func TestStagingThatGrewOldIsSentAgain(t *testing.T) {
	s := rawServer(t, &natsserver.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		JetStreamLimits: natsserver.JSLimitOpts{MaxBatchTimeout: 20 * time.Millisecond},
	})
	c, err := Connect(testContext(t), Options{URL: s.ClientURL(), Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	newStream(t, c, false)
	abandoned := make(chan *nats.Msg, 10)
	if _, err := c.nc.ChanSubscribe("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.s", abandoned); err != nil {
		t.Fatal(err)
	}
	b := c.NewBatch("s")
	for range 10 {
		if err := b.Add(Outgoing{Subject: "d.1"}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-abandoned:
	case <-testContext(t).Done():
		t.Fatal("the server keeps the staging")
	}
	ack, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Expect: seq(0)}, isCommit(""))
	if err != nil || ack.Last != 11 {
		t.Fatalf("%+v, %v", ack, err)
	}
}

func TestTooManyOpenBatches(t *testing.T) {
	s := startServer(t)
	c := dialServer(t, s)
	newStream(t, c, true)
	var open []*Batch
	for range 1000 {
		b := c.NewBatch("s")
		if err := b.Add(Outgoing{Subject: "d.1"}); err != nil {
			t.Fatal(err)
		}
		open = append(open, b)
	}
	retried := make(chan struct{})
	stages := 0
	c.dropSend = func(m *nats.Msg) bool {
		if m.Header.Get(headerCommit) != "" {
			if stages++; stages == 3 {
				close(retried)
			}
		}
		return false
	}
	done := make(chan error, 1)
	go func() {
		_, err := appendN(t, c, 2, seq(0), "patient")
		done <- err
	}()
	select {
	case <-retried:
	case err := <-done:
		t.Fatalf("not refused: %v", err)
	}
	open[0].c = dialServer(t, s) // its hook is not this goroutine's
	open[0].Abandon()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestCommitEndsWithItsContext(t *testing.T) {
	c := setUp(t)
	c.dropSend = func(m *nats.Msg) bool { return m.Header.Get(headerBatchSeq) == "1" }
	ctx, cancel := context.WithCancel(context.Background())
	b := c.NewBatch("s")
	if err := b.Add(Outgoing{Subject: "d.1"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := b.Commit(ctx, Outgoing{Subject: "t.0", Expect: seq(0)}, isCommit(""))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	c.dropSend = nil
	if _, err := b.Commit(testContext(t), Outgoing{Subject: "t.0", Expect: seq(0)}, isCommit("")); err != nil {
		t.Fatalf("the same batch, later: %v", err)
	}
}

func TestCommitToNoStream(t *testing.T) {
	c := setUp(t)
	b := c.NewBatch("absent")
	if err := b.Add(Outgoing{Subject: "absent.1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(testContext(t), Outgoing{Subject: "absent.2"}, nil); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Publish(testContext(t), Outgoing{Subject: "absent.2"}); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for _, code := range []int{codeInsufficient, codeStorageExceeded, codeStoreFailed} {
		b := Batch{stream: "s"}
		err := b.explain(&APIError{Code: code, Description: "no space left on device"})
		if !errors.Is(err, ErrStorageFull) || !strings.Contains(err.Error(), "no space left") {
			t.Fatalf("code %d: %v", code, err)
		}
	}
}

func TestFullStreamIsAnError(t *testing.T) {
	c := setUp(t)
	limited := StreamConfig{Name: "limited", Subjects: []string{"l.>"}, Memory: true}.config()
	limited.MaxBytes = 1000
	if err := c.call(testContext(t), "STREAM.CREATE.limited", limited, nil); err != nil {
		t.Fatal(err)
	}
	b := c.NewBatch("limited")
	for range 5 {
		if err := b.Add(Outgoing{Subject: "l.1", Data: make([]byte, 500)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Commit(testContext(t), Outgoing{Subject: "l.2"}, nil); !errors.Is(err, ErrStorageFull) {
		t.Fatalf("got %v", err)
	}
	limited.MaxBytes = -1
	if err := c.call(testContext(t), "STREAM.UPDATE.limited", limited, nil); err != nil {
		t.Fatal(err)
	}
	if ack, err := b.Commit(testContext(t), Outgoing{Subject: "l.2"}, nil); err != nil || ack.Last != 6 {
		t.Fatalf("with room: %+v, %v", ack, err)
	}
}

func TestPublishOnce(t *testing.T) {
	c := setUp(t)
	m := Outgoing{Subject: "d.bad", Data: []byte("x"), Header: map[string]string{"Weir-Task": "a"}, Expect: seq(0)}
	n, err := c.Publish(testContext(t), m)
	if err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := c.Publish(testContext(t), m); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	got, err := c.Get(testContext(t), "s", 1)
	if err != nil || got.Header["Weir-Task"] != "a" || len(got.Header) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := c.Get(testContext(t), "s", 2); !errors.Is(err, ErrNoMessage) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Last(testContext(t), "s", "d.none"); !errors.Is(err, ErrNoMessage) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Last(testContext(t), "none", "d.none"); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}
