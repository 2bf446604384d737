package weirtest

import (
	"context"
	"testing"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/journal"
	"weir/worker"
)

// Ingest stores documents in a collection, in one or more batches.
func Ingest(t testing.TB, conn *journal.Conn, spec *catalog.Collection, documents ...string) {
	t.Helper()
	if err := Pour(Context(t), conn, spec, documents); err != nil {
		t.Fatal(err)
	}
}

// Pour is Ingest for documents whose way may be cut off.
func Pour(ctx context.Context, conn *journal.Conn, spec *catalog.Collection, documents []string) error {
	c, err := collection.New(spec)
	if err != nil {
		return err
	}
	in := worker.NewEntrance(conn, c)
	for _, d := range documents {
		if err := in.Add([]byte(d)); err != nil {
			return err
		}
		if in.Full() {
			if _, err := in.Flush(ctx); err != nil {
				return err
			}
		}
	}
	if _, err := in.Flush(ctx); err != nil {
		return err
	}
	return in.Close(ctx)
}

// Send publishes messages as any NATS client would.
func Send(t testing.TB, conn *journal.Conn, subject string, documents ...string) {
	t.Helper()
	for _, d := range documents {
		if _, err := conn.Publish(Context(t), journal.Outgoing{Subject: subject, Data: []byte(d)}); err != nil {
			t.Fatal(err)
		}
	}
}

func keyText(t testing.TB, packed []byte) string {
	t.Helper()
	text, err := document.AppendKeyJSON(nil, packed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
