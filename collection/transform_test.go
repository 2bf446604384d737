package collection

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/journal"
	"weir/journal/server"
)

func startJournal(t *testing.T) (context.Context, *journal.Conn) {
	t.Helper()
	s, err := server.Start(server.Options{Memory: true, Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	conn, err := journal.Connect(ctx, journal.Options{InProcess: s.Raw()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return ctx, conn
}

func makeStream(ctx context.Context, t *testing.T, conn *journal.Conn, c *Collection) {
	t.Helper()
	from, to := c.Transform()
	_, err := conn.EnsureStream(ctx, journal.StreamConfig{
		Name: c.StreamName(), Subjects: c.StreamSubjects(), Transform: &journal.Transform{From: from, To: to},
		Memory: true, Metadata: map[string]string{journal.MetadataKind: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stored publishes under a subject and gives the one that the server stores it under.
func stored(ctx context.Context, t *testing.T, conn *journal.Conn, c *Collection, subject string) string {
	t.Helper()
	seq, err := conn.Publish(ctx, journal.Outgoing{Subject: subject, Data: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	m, err := conn.Get(ctx, c.StreamName(), seq)
	if err != nil {
		t.Fatal(err)
	}
	return m.Subject
}

// TestServerStoresWhereWritersDo publishes under the key, lets a real server transform
// the subject, and compares with the subject that Weir's writers compute.
func TestServerStoresWhereWritersDo(t *testing.T) {
	ctx, conn := startJournal(t)
	for keys := 1; keys <= 4; keys++ {
		for _, partitions := range []int{1, 16, 1024} {
			s := spec(`{}`, []string{"/a", "/b", "/c", "/d"}[:keys]...)
			s.Name, s.Partitions = fmt.Sprintf("acmeCo/größe.%d/of-%d", keys, partitions), partitions
			c, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			makeStream(ctx, t, conn, c)
			for i := range 40 {
				values := []string{fmt.Sprintf("cust-%d", i), strings.Repeat("größe. $1 {{*>", i), "", fmt.Sprint(i * i)}[:keys]
				d := parsed(t, fmt.Sprintf(`{"a":"cust-%d","b":%q,"c":"","d":%d}`, i, strings.Repeat("größe. $1 {{*>", i), i*i))
				got := stored(ctx, t, conn, c, PubSubject(c.Name, values...))
				want, err := c.AppendSubject(nil, d)
				if err != nil || got != string(want) {
					t.Fatalf("the server stores %s, we %s, %v", got, want, err)
				}
			}
		}
	}
}

// With logical partitions their values stand before the key, and do not count
// for the partition.
func TestServerStoresLogicalPartitions(t *testing.T) {
	ctx, conn := startJournal(t)
	s := spec(`{}`, "/a", "/b")
	s.Projections = map[string]catalog.Projection{"zone": {Location: "/zone", Partition: true}, "area": {Location: "/area", Partition: true}}
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	makeStream(ctx, t, conn, c)
	if from, to := c.Transform(); from != "weir.pub.acmeCo/things.*.*.*.*" || to != "weir.doc.acmeCo/things.{{partition(16,3,4)}}.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}.{{wildcard(4)}}" {
		t.Errorf("got %s -> %s", from, to)
	}
	for i := range 40 {
		area, zone, a, b := strings.Repeat("größe. ", i), fmt.Sprint(i%3), fmt.Sprintf("cust-%d", i), strings.Repeat("x>", i)
		d := parsed(t, fmt.Sprintf(`{"area":%q,"zone":%s,"a":%q,"b":%q}`, area, zone, a, b))
		got := stored(ctx, t, conn, c, PubSubject(c.Name, area, zone, a, b))
		want, err := c.AppendSubject(nil, d)
		if err != nil || got != string(want) {
			t.Fatalf("the server stores %s, we %s, %v", got, want, err)
		}
	}
	for _, subject := range []string{PubSubject(c.Name), PubSubject(c.Name, "a", "b"), PubSubject(c.Name, "z", "a", "b"), PubSubject(c.Name, "y", "z", "a", "b", "c")} {
		if got := stored(ctx, t, conn, c, subject); got != subject {
			t.Errorf("%s became %s", subject, got)
		}
	}
}

func TestServerLeavesOtherSubjects(t *testing.T) {
	ctx, conn := startJournal(t)
	c := keyed(t, "/a", "/b")
	makeStream(ctx, t, conn, c)
	if from, to := c.Transform(); from != "weir.pub.acmeCo/things.*.*" || to != "weir.doc.acmeCo/things.{{partition(16,1,2)}}.{{wildcard(1)}}.{{wildcard(2)}}" {
		t.Errorf("got %s -> %s", from, to)
	}
	for _, subject := range []string{PubSubject(c.Name), PubSubject(c.Name, "x"), PubSubject(c.Name, "x", "y", "z")} {
		if got := stored(ctx, t, conn, c, subject); got != subject {
			t.Errorf("%s became %s", subject, got)
		}
	}
}
