package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func newBucket(t testing.TB, c *Conn) *Bucket {
	t.Helper()
	b, err := c.EnsureBucket(testContext(t), BucketConfig{Name: "b", Description: "for tests", Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBucketCompareAndSet(t *testing.T) {
	c := setUp(t)
	b, ctx := newBucket(t, c), testContext(t)
	if _, err := b.Get(ctx, "k"); !errors.Is(err, ErrNoKey) {
		t.Fatalf("got %v", err)
	}
	first, err := b.Update(ctx, "k", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(ctx, "k", []byte("1"), 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("the same value again: %v", err)
	}
	second, err := b.Update(ctx, "k", []byte("2"), first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(ctx, "k", []byte("3"), first); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	e, err := b.Get(ctx, "k")
	if err != nil || string(e.Value) != "2" || e.Revision != second || e.Created.IsZero() {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := b.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	e, err = b.Get(ctx, "k")
	if !errors.Is(err, ErrNoKey) || !e.Deleted || e.Revision <= second {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := b.Update(ctx, "k", nil, e.Revision); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a b", "a>", "*", "a..b", "ä"} {
		if _, err := b.Put(ctx, bad, nil); err == nil {
			t.Errorf("key %q is taken", bad)
		}
	}
}

// TestBucketErase leaves nothing of a key, whether the server overwrites single
// values of the bucket or not, but of a newer value than it was told.
func TestBucketErase(t *testing.T) {
	c := setUp(t)
	for _, erasable := range []bool{true, false} {
		ctx := testContext(t)
		b, err := c.EnsureBucket(ctx, BucketConfig{Name: fmt.Sprint("erasable-", erasable), Memory: true, Erasable: erasable})
		if err != nil {
			t.Fatal(err)
		}
		if b.Overwrites() != erasable {
			t.Errorf("erasable %v: overwrites %v", erasable, b.Overwrites())
		}
		revision, err := b.Put(ctx, "k", []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		erase := func(through uint64) {
			t.Helper()
			if err := b.Erase(ctx, "k", through); err != nil {
				t.Fatal(err)
			}
		}
		erase(revision - 1)
		if e, err := b.Get(ctx, "k"); err != nil || string(e.Value) != "1" {
			t.Errorf("erasable %v: a newer value: %+v, %v", erasable, e, err)
		}
		for _, deleted := range []bool{false, true} {
			if deleted {
				if err := b.Delete(ctx, "k"); err != nil {
					t.Fatal(err)
				}
			}
			erase(revision + 1)
			erase(revision + 1)
			if e, err := b.Get(ctx, "k"); !errors.Is(err, ErrNoKey) || e.Revision != 0 {
				t.Errorf("erasable %v, deleted %v: %+v, %v", erasable, deleted, e, err)
			}
		}
		if again, err := c.EnsureBucket(ctx, BucketConfig{Name: b.Name(), Memory: true, Erasable: true}); err != nil || again.Overwrites() != erasable {
			t.Errorf("erasable %v: opened again: %v", erasable, err)
		}
	}
}

func TestBucketAppliesAllOrNothing(t *testing.T) {
	c := setUp(t)
	b, ctx := newBucket(t, c), testContext(t)
	rev, err := b.Apply(ctx, []Change{{Key: "r.a", Value: []byte("1")}, {Key: "r.b", Value: []byte("2")}, {Key: "checkpoint", Value: []byte("c1"), Expect: seq(0)}})
	if err != nil || rev != 3 {
		t.Fatalf("%d, %v", rev, err)
	}
	stale := []Change{{Key: "r.a", Value: []byte("9")}, {Key: "r.b"}, {Key: "checkpoint", Value: []byte("c2"), Expect: seq(0)}}
	if _, err := b.Apply(ctx, stale); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	early := []Change{{Key: "r.a", Value: []byte("9"), Expect: seq(77)}, {Key: "r.b", Value: []byte("2")}}
	if _, err := b.Apply(ctx, early); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	if got := scan(t, b, ""); got != "checkpoint=c1 r.a=1 r.b=2" {
		t.Fatalf("got %s", got)
	}
	stale[2].Expect = &rev
	if _, err := b.Apply(ctx, stale); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, b, ""); got != "checkpoint=c2 r.a=9" {
		t.Fatalf("got %s", got)
	}
	if got := scan(t, b, "r"); got != "r.a=9" {
		t.Fatalf("got %s", got)
	}
	if got := scan(t, b, "none"); got != "" {
		t.Fatalf("got %s", got)
	}
}

func TestApplyWhoseAnswerIsLost(t *testing.T) {
	c := setUp(t)
	b := newBucket(t, c)
	dropped := false
	c.dropReply = func(m *nats.Msg) bool {
		drop := !dropped && strings.Contains(string(m.Data), `"batch"`)
		if drop {
			dropped = true
			c.lost()
		}
		return drop
	}
	rev, err := b.Apply(testContext(t), []Change{{Key: "a", Value: []byte("1")}, {Key: "b", Expect: seq(0)}})
	if err != nil || rev != 2 || !dropped {
		t.Fatalf("%d, %v", rev, err)
	}
}

// scan gives a bucket's entries as text, by key.
func scan(t testing.TB, b *Bucket, prefix string) string {
	t.Helper()
	var got []string
	err := b.Scan(testContext(t), prefix, func(e Entry) error {
		got = append(got, e.Key+"="+string(e.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

func TestScanOfManyKeys(t *testing.T) {
	c := setUp(t)
	b := newBucket(t, c)
	const keys = 10000
	var changes []Change
	for i := range keys {
		changes = append(changes, Change{Key: fmt.Sprint("r.", i), Value: []byte("v")})
		if len(changes) == 2000 {
			for range 2 {
				if _, err := b.Apply(testContext(t), changes); err != nil {
					t.Fatal(err)
				}
			}
			changes = changes[:0]
		}
	}
	seen := map[string]bool{}
	if err := b.Scan(testContext(t), "r", func(e Entry) error { seen[e.Key] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != keys {
		t.Fatalf("%d keys", len(seen))
	}
}

// An ordinary KV client must see what this package writes, and the other way round.
func TestBucketIsAnOrdinaryOne(t *testing.T) {
	c := setUp(t)
	b, ctx := newBucket(t, c), testContext(t)
	if _, err := b.Apply(ctx, []Change{{Key: "a.x", Value: []byte("1")}, {Key: "b", Value: []byte("2")}, {Key: "c"}}); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(ctx, "a.x")
	if err != nil || string(e.Value()) != "1" || e.Revision() != 1 {
		t.Fatalf("%v, %v", e, err)
	}
	if _, err := kv.Get(ctx, "c"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Fatalf("got %v", err)
	}
	keys, err := kv.Keys(ctx)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v, %v", keys, err)
	}
	if _, err := kv.Update(ctx, "b", []byte("3"), e.Revision()+1); err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(ctx, "a.x"); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, b, ""); got != "b=3" {
		t.Fatalf("got %s", got)
	}
}

// TestHistory keeps some values of a key, as any KV client sees them too.
func TestHistory(t *testing.T) {
	c, ctx := setUp(t), testContext(t)
	b, err := c.EnsureBucket(ctx, BucketConfig{Name: "versions", History: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"1", "2", "3", "4"} {
		if _, err := b.Put(ctx, "a.b", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Put(ctx, "a.c", []byte("other")); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(ctx, "a.b"); err != nil {
		t.Fatal(err)
	}
	entries, err := b.History(ctx, "a.b")
	if err != nil || len(entries) != 3 || string(entries[0].Value) != "3" || string(entries[1].Value) != "4" || !entries[2].Deleted || entries[0].Revision >= entries[1].Revision {
		t.Errorf("history: %+v, %v", entries, err)
	}
	if entries, err := b.History(ctx, "none"); err != nil || len(entries) != 0 {
		t.Errorf("of a key that never was: %+v, %v", entries, err)
	}
	if _, err := b.History(ctx, "no key"); err == nil {
		t.Error("of what cannot be a key")
	}
	seen := 0
	err = b.Scan(ctx, "", func(e Entry) error { seen++; return nil })
	if err != nil || seen != 1 {
		t.Errorf("a scan sees %d keys, %v", seen, err)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	c := setUp(t)
	b := newBucket(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	all := 0
	if err := b.Watch(ctx, "", func(e Entry) {
		if e.Key == "" {
			all++
			cancel()
		}
	}); err != nil || all != 1 {
		t.Fatalf("%d, %v", all, err)
	}
	if err := b.Watch(ctx, "", func(Entry) {}); err != nil {
		t.Fatal(err)
	}
}

func TestEnsureBucket(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	newBucket(t, c)
	newBucket(t, c)
	if _, err := c.EnsureBucket(ctx, BucketConfig{Name: "no.dots"}); err == nil {
		t.Fatal("a name with a dot is taken")
	}
	js, err := jetstream.New(c.nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "foreign"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnsureBucket(ctx, BucketConfig{Name: "foreign"}); !errors.Is(err, ErrForeignStream) {
		t.Fatalf("got %v", err)
	}
	if err := c.DeleteBucket(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteBucket(ctx, "b"); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}
