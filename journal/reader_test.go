package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// fill appends n documents of the given size in batches.
func fill(t testing.TB, c *Conn, n, size int) {
	t.Helper()
	data := make([]byte, size)
	for done := 0; done < n; {
		b := c.NewBatch("s")
		for done < n-1 && b.Len() < 999 {
			if err := b.Add(Outgoing{Subject: "d." + strconv.Itoa(done%16), Data: data}); err != nil {
				t.Fatal(err)
			}
			done++
		}
		if _, err := b.Commit(testContext(t), Outgoing{Subject: "d.0", Data: data}, nil); err != nil {
			t.Fatal(err)
		}
		done++
	}
}

func TestReaderFromAPosition(t *testing.T) {
	c := setUp(t)
	fill(t, c, 20000, 20)
	r := newReader(t, c, ReaderConfig{Filter: "d.>", After: 1000})
	if r.CaughtUp() || r.Pending() != 19000 {
		t.Fatalf("pending %d", r.Pending())
	}
	for want := uint64(1001); want <= 20000; want++ {
		m := read(t, r)
		if m.Seq != want || r.Pending() != 20000-want {
			t.Fatalf("sequence %d, pending %d, want %d", m.Seq, r.Pending(), want)
		}
	}
	if _, ok, err := r.TryNext(); ok || err != nil || !r.CaughtUp() {
		t.Fatalf("%v, %v at the end", ok, err)
	}
	fill(t, c, 1, 20)
	if m := read(t, r); m.Seq != 20001 {
		t.Fatalf("live message at %d", m.Seq)
	}
	if n := r.Stats().Consumers; n != 1 {
		t.Fatalf("%d consumers", n)
	}
}

func TestReaderFilters(t *testing.T) {
	c := setUp(t)
	fill(t, c, 1600, 1)
	a, b := newReader(t, c, ReaderConfig{Filter: "d.3", Name: "x/y.z"}), newReader(t, c, ReaderConfig{Filter: "d.4", Name: "x/y.z"})
	for i := range 99 {
		if m := read(t, a); m.Seq != uint64(16*i+4) || m.Subject != "d.3" {
			t.Fatalf("a reads %+v", m)
		}
		if m := read(t, b); m.Seq != uint64(16*i+5) || m.Subject != "d.4" {
			t.Fatalf("b reads %+v", m)
		}
	}
}

func TestReaderBeyondTheEnd(t *testing.T) {
	c := setUp(t)
	fill(t, c, 10, 1)
	ctx := testContext(t)
	if _, err := c.NewReader(ctx, ReaderConfig{Stream: "s", After: 11}); !errors.Is(err, ErrPositionBeyondEnd) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.NewReader(ctx, ReaderConfig{Stream: "none"}); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
	if err := c.Purge(ctx, "s", "d.>", 10); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, c, ReaderConfig{After: 10})
	if !r.CaughtUp() {
		t.Fatal("a purged stream has something to read")
	}
	fill(t, c, 1, 1)
	if m := read(t, r); m.Seq != 11 {
		t.Fatalf("read %d", m.Seq)
	}
}

func TestReadAheadIsBoundedInBytes(t *testing.T) {
	c := setUp(t)
	fill(t, c, 5000, 1000)
	const buffer = 200_000
	r := newReader(t, c, ReaderConfig{Buffer: buffer})
	held := func() int { return int(r.receivedBytes.Load() - r.handedBytes.Load()) }
	for want := uint64(1); want <= 5000; want++ {
		if want%500 == 1 {
			eventually(t, "a filled buffer", func() bool { return held() > buffer/2 || want > 4800 })
		}
		if held() > buffer {
			t.Fatalf("%d bytes are held", held())
		}
		if m := read(t, r); m.Seq != want {
			t.Fatalf("read %d, want %d", m.Seq, want)
		}
	}
}

func TestMessagesLargerThanTheBuffer(t *testing.T) {
	c := setUp(t)
	for i := range 20 {
		size := 10
		if i%3 == 0 {
			size = 100_000
		}
		fill(t, c, 1, size)
	}
	r := newReader(t, c, ReaderConfig{Buffer: 1000})
	for want := uint64(1); want <= 20; want++ {
		if m := read(t, r); m.Seq != want {
			t.Fatalf("read %d, want %d", m.Seq, want)
		}
	}
	fill(t, c, 1, 50_000)
	if m := read(t, r); m.Seq != 21 {
		t.Fatalf("read %d", m.Seq)
	}
	if n := r.Stats().Consumers; n != 1 {
		t.Fatalf("%d consumers", n)
	}
}

func TestReaderSurvivesTheLossOfItsConsumer(t *testing.T) {
	c := setUp(t)
	fill(t, c, 100, 10)
	r := newReader(t, c, ReaderConfig{})
	for want := uint64(1); want <= 100; want++ {
		if m := read(t, r); m.Seq != want {
			t.Fatalf("read %d, want %d", m.Seq, want)
		}
	}
	deleteConsumers(t, c)
	fill(t, c, 100, 10)
	for want := uint64(101); want <= 200; want++ {
		if m := read(t, r); m.Seq != want {
			t.Fatalf("read %d, want %d", m.Seq, want)
		}
	}
	if n := r.Stats().Consumers; n < 2 {
		t.Fatalf("%d consumers", n)
	}
}

func consumers(t testing.TB, c *Conn) []string {
	t.Helper()
	var names struct {
		Consumers []string `json:"consumers"`
	}
	if err := c.call(testContext(t), "CONSUMER.NAMES.s", nil, &names); err != nil {
		t.Fatal(err)
	}
	return names.Consumers
}

func deleteConsumers(t testing.TB, c *Conn) {
	t.Helper()
	for _, name := range consumers(t, c) {
		if err := c.call(testContext(t), "CONSUMER.DELETE.s."+name, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReaderNoticesMissingHeartbeats(t *testing.T) {
	c := setUp(t)
	var lost atomic.Int32
	c.dropSend = func(m *nats.Msg) bool { // the first requests for messages get lost
		return strings.Contains(m.Subject, ".MSG.NEXT.") && lost.Add(1) <= 2
	}
	r := newReader(t, c, ReaderConfig{heartbeat: 50 * time.Millisecond})
	fill(t, c, 10, 1)
	for want := uint64(1); want <= 10; want++ {
		if m := read(t, r); m.Seq != want {
			t.Fatalf("read %d, want %d", m.Seq, want)
		}
	}
	made := r.Stats().Consumers
	if made < 2 {
		t.Fatalf("%d consumers", made)
	}
	// While heartbeats come, the consumer stays.
	quiet := time.NewTimer(400 * time.Millisecond)
	<-quiet.C
	if n := r.Stats().Consumers; n != made {
		t.Fatalf("%d consumers after %d", n, made)
	}
}

func TestClosedReaderLeavesNoConsumer(t *testing.T) {
	c := setUp(t)
	wake := make(chan struct{}, 1)
	r := newReader(t, c, ReaderConfig{Wake: wake})
	if n := len(consumers(t, c)); n != 1 {
		t.Fatalf("%d consumers", n)
	}
	fill(t, c, 1, 1)
	select {
	case <-wake:
	case <-testContext(t).Done():
		t.Fatal("not woken")
	}
	r.Close()
	r.Close()
	eventually(t, "the consumer's end", func() bool { return len(consumers(t, c)) == 0 })
}

func TestReaderFindsAGap(t *testing.T) {
	c := setUp(t)
	fill(t, c, 10, 1)
	r := newReader(t, c, ReaderConfig{})
	r.Close()
	p := &pump{r: r, half: 1000}
	deliver := func(consumer, stream uint64) error {
		return p.accept(&nats.Msg{Subject: "d.1", Reply: fmt.Sprintf("$JS.ACK.s.c.1.%d.%d.1700000000000000000.5", stream, consumer)})
	}
	if err := deliver(1, 5); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][2]uint64{{3, 7}, {2, 5}, {2, 4}, {1, 6}} {
		if err := deliver(bad[0], bad[1]); !errors.Is(err, errGap) {
			t.Fatalf("%v: %v", bad, err)
		}
	}
	if err := deliver(2, 9); err != nil || p.pos != 9 {
		t.Fatalf("%v, at %d", err, p.pos)
	}
}

// A reader that was told of messages which were purged before they came must
// not wait for them.
func TestPurgedMessagesAreNotWaitedFor(t *testing.T) {
	c := setUp(t)
	fill(t, c, 10, 1000)
	r := newReader(t, c, ReaderConfig{Buffer: 2500}) // one message fits into half
	read(t, r)
	eventually(t, "a full buffer", func() bool { return r.receivedMsgs.Load() == 3 || r.receivedMsgs.Load() == 2 })
	if err := c.Purge(testContext(t), "s", ">", 10); err != nil {
		t.Fatal(err)
	}
	for !r.CaughtUp() {
		if _, ok, err := r.TryNext(); err != nil {
			t.Fatal(err)
		} else if !ok {
			select {
			case <-r.notify:
			case <-testContext(t).Done():
				t.Fatalf("pending %d for ever", r.Pending())
			}
		}
	}
}

func TestReaderOfADeletedStreamEnds(t *testing.T) {
	c := setUp(t)
	r := newReader(t, c, ReaderConfig{})
	if err := c.DeleteStream(testContext(t), "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(testContext(t)); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
	if err := c.DeleteStream(testContext(t), "s"); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}

func TestReadAll(t *testing.T) {
	c := setUp(t)
	fill(t, c, 30, 1)
	mustAppend(t, c, 0, nil, "m1")
	fill(t, c, 3, 1)
	mustAppend(t, c, 0, nil, "m2")
	count := func(filter string, after uint64) (got []string) {
		err := c.ReadAll(testContext(t), "s", filter, after, func(m Message) error {
			got = append(got, string(m.Data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := strings.Join(count("t.>", 0), " "); got != "m1 m2" {
		t.Fatalf("got %s", got)
	}
	if got := strings.Join(count("t.>", 31), " "); got != "m2" {
		t.Fatalf("got %s", got)
	}
	if got := len(count("", 0)); got != 35 {
		t.Fatalf("got %d", got)
	}
	if count("none", 0) != nil || count("", 35) != nil {
		t.Fatal("something out of nothing")
	}
	stop := errors.New("enough")
	if err := c.ReadAll(testContext(t), "s", "", 0, func(Message) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	c := setUp(t)
	r := newReader(t, c, ReaderConfig{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestParseDelivery(t *testing.T) {
	for reply, want := range map[string]delivery{
		"$JS.ACK.s.c.1.12.34.1700000000000000001.56":             {12, 34, 1700000000000000001, 56},
		"$JS.ACK.hub.ACCHASH.s.c.1.12.34.1700000000000000001.56": {12, 34, 1700000000000000001, 56},
		"$JS.ACK._.A.s.c.1.12.34.1700000000000000001.56.token":   {12, 34, 1700000000000000001, 56},
	} {
		if got, ok := parseDelivery(reply); !ok || got != want {
			t.Errorf("%s: %+v, %v", reply, got, ok)
		}
	}
	for _, reply := range []string{"", "$JS.ACK.", "$JS.ACK.s.c.1.12.34.17", "$JS.ACK.s.c.1.x.34.17.5", "$JS.ACK.s.c.1..34.17.5", "$JS.ACK.a.s.c.1.2.3.4.5", "$JS.FC.s.c.1.12.34.17.5", "$JS.ACK.s.c.1.99999999999999999999.34.17.5"} {
		if got, ok := parseDelivery(reply); ok {
			t.Errorf("%s: %+v", reply, got)
		}
	}
}

func FuzzParseDelivery(f *testing.F) {
	f.Add("$JS.ACK.s.c.1.12.34.1700000000000000001.56")
	f.Add("$JS.ACK._.A.s.c.1.12.34.1700000000000000001.56.token")
	f.Add("$JS.ACK.s.c.1.18446744073709551615.0.9223372036854775808.5")
	f.Add("$JS.ACK......")
	f.Fuzz(func(t *testing.T, reply string) {
		d, ok := parseDelivery(reply)
		if !ok {
			return
		}
		want, err := (&nats.Msg{Reply: reply, Sub: &nats.Subscription{}}).Metadata()
		if err != nil {
			return // that parser looks at more tokens
		}
		if d.stream != want.Sequence.Stream || d.consumer != want.Sequence.Consumer || d.pending != want.NumPending {
			t.Fatalf("%q: %+v, want %+v", reply, d, want)
		}
	})
}
