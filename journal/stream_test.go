package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestEnsureStream(t *testing.T) {
	c := dialServer(t, startServer(t))
	ctx := testContext(t)
	cfg := StreamConfig{
		Name: "acmeCo=orders", Subjects: []string{"weir.doc.acmeCo/orders.>", "weir.pub.acmeCo/orders", "weir.pub.acmeCo/orders.>"},
		Transform: &Transform{From: "weir.pub.acmeCo/orders.*", To: "weir.doc.acmeCo/orders.{{partition(16,1)}}.{{wildcard(1)}}"},
		Metadata:  map[string]string{MetadataKind: "collection", "weir.catalog-name": "acmeCo/orders"},
		FirstSeq:  3 << 40, Memory: true,
	}
	for i, want := range []bool{true, false} {
		if created, err := c.EnsureStream(ctx, cfg); err != nil || created != want {
			t.Fatalf("time %d: created %v, %v", i+1, created, err)
		}
	}
	n, err := c.Publish(ctx, Outgoing{Subject: "weir.pub.acmeCo/orders.cust-42", Data: []byte("{}")})
	if err != nil || n != 3<<40 {
		t.Fatalf("%d, %v", n, err)
	}
	m, err := c.Get(ctx, cfg.Name, n)
	if err != nil || m.Subject != "weir.doc.acmeCo/orders.8.cust-42" && !strings.HasPrefix(m.Subject, "weir.doc.acmeCo/orders.") {
		t.Fatalf("%+v, %v", m, err)
	}
	cfg.Subjects = append(cfg.Subjects, "weir.txn.acmeCo/orders.>")
	cfg.Metadata["weir.build"] = "2"
	if created, err := c.EnsureStream(ctx, cfg); err != nil || created {
		t.Fatalf("change: created %v, %v", created, err)
	}
	info, err := c.StreamInfo(ctx, cfg.Name)
	if err != nil || len(info.Subjects) != 4 || info.Metadata["weir.build"] != "2" || info.First != 3<<40 || info.Last != 3<<40 || info.Messages != 1 || !info.Memory {
		t.Fatalf("%+v, %v", info, err)
	}
	have, err := c.streamInfo(ctx, cfg.Name)
	if err != nil {
		t.Fatal(err)
	}
	s := have.Config
	if s.AllowRollup || !s.AllowAtomicPublish || !s.AllowDirect || s.MaxAge != 0 || s.MaxMsgs != -1 || s.MaxBytes != -1 || s.MaxMsgsPerSubject != -1 {
		t.Fatalf("settings %+v", s)
	}
}

func TestEnsureStreamPutsLimitsRight(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	have, err := c.streamInfo(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	cfg := have.Config
	cfg.MaxMsgs, cfg.AllowRollup = 5, true
	if err := c.call(ctx, "STREAM.UPDATE.s", cfg, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnsureStream(ctx, StreamConfig{Name: "s", Subjects: cfg.Subjects, Memory: true, Metadata: map[string]string{MetadataKind: "test"}}); err != nil {
		t.Fatal(err)
	}
	if have, err = c.streamInfo(ctx, "s"); err != nil || have.Config.MaxMsgs != -1 || have.Config.AllowRollup {
		t.Fatalf("%+v, %v", have, err)
	}
}

func TestEnsureStreamRefuses(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	kind := map[string]string{MetadataKind: "test"}
	foreign := jetstream.StreamConfig{Name: "foreign", Subjects: []string{"f.>"}, Storage: jetstream.MemoryStorage}
	if err := c.call(ctx, "STREAM.CREATE.foreign", foreign, nil); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cfg  StreamConfig
		want string
	}{
		"foreign stream":   {StreamConfig{Name: "foreign", Subjects: []string{"f.>"}, Memory: true, Metadata: kind}, "not Weir's"},
		"overlap":          {StreamConfig{Name: "two", Subjects: []string{"f.1", "d.1"}, Memory: true, Metadata: kind}, "taken by foreign, s"},
		"other storage":    {StreamConfig{Name: "s", Subjects: []string{"d.>"}, Metadata: kind}, "storage"},
		"without metadata": {StreamConfig{Name: "three", Subjects: []string{"x.>"}}, MetadataKind},
	} {
		_, err := c.EnsureStream(ctx, test.cfg)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.StreamInfo(ctx, "two"); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}

func TestStreamsListsOnlyOurs(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	if err := c.call(ctx, "STREAM.CREATE.foreign", jetstream.StreamConfig{Name: "foreign", Subjects: []string{"f.>"}}, nil); err != nil {
		t.Fatal(err)
	}
	newBucket(t, c)
	streams, err := c.Streams(ctx)
	if err != nil || len(streams) != 2 || streams[0].Name != "KV_b" || streams[1].Name != "s" {
		t.Fatalf("%+v, %v", streams, err)
	}
}

func TestPurge(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	fill(t, c, 20, 1)
	mustAppend(t, c, 0, nil, "m")
	for _, step := range []struct {
		subject string
		through uint64
		left    uint64
	}{{"d.>", 0, 21}, {"d.>", 10, 11}, {"t.0", 10, 11}, {"t.0", 21, 10}, {"d.>", 100, 0}} {
		if err := c.Purge(ctx, "s", step.subject, step.through); err != nil {
			t.Fatal(err)
		}
		if n := stored(t, c); n != step.left {
			t.Fatalf("%+v: %d messages left", step, n)
		}
	}
	if err := c.Purge(ctx, "none", ">", 1); !errors.Is(err, ErrNoStream) {
		t.Fatalf("got %v", err)
	}
}

// A mark is added to a stream's metadata, and nothing else changes.
func TestMark(t *testing.T) {
	c := setUp(t)
	ctx := testContext(t)
	before, err := c.streamInfo(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Mark(ctx, "s", "weir.mark", "1"); err != nil {
		t.Fatal(err)
	}
	after, err := c.streamInfo(ctx, "s")
	if err != nil || after.Config.Metadata["weir.mark"] != "1" || after.Config.Metadata[MetadataKind] != "test" {
		t.Fatalf("%+v, %v", after, err)
	}
	delete(after.Config.Metadata, "weir.mark")
	if !sameConfig(before.Config, after.Config) {
		t.Errorf("settings %+v, were %+v", after.Config, before.Config)
	}
	if err := c.Mark(ctx, "none", "weir.mark", "1"); !errors.Is(err, ErrNoStream) {
		t.Errorf("no stream: %v", err)
	}
}
