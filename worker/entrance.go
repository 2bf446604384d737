package worker

import (
	"context"
	"fmt"
	"slices"

	"weir/collection"
	"weir/document"
	"weir/journal"
)

// Entrance is a way into a collection for documents that come from outside of
// any task: they are checked, keyed and gathered into atomic batches. Each
// entrance has markers of its own, so that a batch whose answer was lost is
// not stored twice. It belongs to one goroutine.
type Entrance struct {
	conn    *journal.Conn
	target  *collection.Collection
	checker *collection.Checker
	doc     document.Doc
	batch   *journal.Batch
	shard   shard
	bytes   int
}

// NewEntrance opens a way into a collection.
func NewEntrance(conn *journal.Conn, target *collection.Collection) *Entrance {
	e := &Entrance{conn: conn, target: target, checker: target.Checker()}
	e.shard = shard{
		conn: conn, stream: target.StreamName(), writer: nonce(),
		subject: collection.TxnSubject(target.Name, "~entrance", nonce()),
		cut:     func(string) error { return nil },
	}
	return e
}

// Add checks a document and puts a copy of it into the open batch. The error
// is a *collection.Invalid when the document is at fault, or a
// *journal.SizeError when the server takes no message as large.
func (e *Entrance) Add(raw []byte) error {
	raw = slices.Clone(raw)
	if err := e.doc.Parse(raw); err != nil {
		return collection.NotJSON(e.target.Name, raw, err)
	}
	subject, err := e.checker.Place(&e.doc)
	if err != nil {
		return err
	}
	if e.batch == nil {
		e.batch = e.conn.NewBatch(e.shard.stream)
	}
	e.bytes += len(raw)
	return e.batch.Add(journal.Outgoing{Subject: string(subject), Data: raw})
}

// Full says that the open batch should be flushed before more is added.
func (e *Entrance) Full() bool {
	return e.batch != nil && (e.batch.Len() >= e.conn.MaxBatch()-markerRoom || e.bytes >= 8<<20)
}

// Flush makes what was added durable, all of it or nothing, and says how many
// documents it was.
func (e *Entrance) Flush(ctx context.Context) (int, error) {
	if e.batch == nil || e.batch.Len() == 0 {
		return 0, nil
	}
	n := e.batch.Len()
	err := e.shard.append(ctx, transaction{batch: e.batch})
	e.batch, e.bytes = nil, 0
	if err != nil {
		return 0, fmt.Errorf("write to %s: %w", e.target.Name, err)
	}
	return n, nil
}

// Close drops what was not flushed and removes the entrance's markers.
func (e *Entrance) Close(ctx context.Context) error {
	if e.batch != nil {
		e.batch.Abandon()
		e.batch = nil
	}
	if e.shard.seq == 0 {
		return nil
	}
	return e.conn.Purge(ctx, e.shard.stream, e.shard.subject, e.shard.seq)
}
