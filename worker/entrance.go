package worker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"weir/collection"
	"weir/document"
	"weir/journal"
)

// Entrance is a way into a collection for documents that come from outside of
// any task: they are checked, keyed and gathered into atomic batches. Each
// entrance has markers of its own, so that a batch whose answer was lost is
// not stored twice. It belongs to one goroutine.
type Entrance struct {
	conn     *journal.Conn
	target   *collection.Collection
	checker  *collection.Checker
	observer *observer // of what was added
	doc      document.Doc
	batch    *journal.Batch
	shard    shard
	bytes    int
	flushed  time.Time // when the newest marker was written
	now      func() time.Time
}

// entranceTask stands for the task in the subjects of entrances' markers. No
// catalog name holds a tilde.
const entranceTask = "~entrance"

const (
	// entranceRest is how old an entrance's newest marker may be for its next
	// one to follow it; after a longer rest it starts with another subject.
	entranceRest = 10 * time.Minute
	// entranceKept is how old the newest marker of an entrance must be to be
	// removed by others: nothing will follow it.
	entranceKept = time.Hour
)

// NewEntrance opens a way into a collection.
func NewEntrance(conn *journal.Conn, target *collection.Collection) *Entrance {
	return &Entrance{conn: conn, target: target, checker: target.Checker(), observer: newObserver(target), shard: entranceShard(conn, target), now: time.Now}
}

// entranceShard has markers that nobody else's follow.
func entranceShard(conn *journal.Conn, target *collection.Collection) shard {
	return shard{
		conn: conn, stream: target.StreamName(), writer: nonce(),
		subject: collection.TxnSubject(target.Name, entranceTask, nonce()),
		cut:     func(string) error { return nil },
	}
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
	if err := e.batch.Add(journal.Outgoing{Subject: string(subject), Data: raw}); err != nil {
		return err
	}
	e.observer.add(&e.doc)
	return nil
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
	if e.now().Sub(e.flushed) > entranceRest {
		if err := e.removeMarkers(ctx); err != nil {
			return 0, err
		}
		e.shard = entranceShard(e.conn, e.target)
	}
	if seen := e.observer.news(); len(seen) > 0 {
		if _, err := keepInferred(ctx, e.conn, e.target.Name, seen); err != nil {
			e.observer.wider = true // the batch can be flushed again
			return 0, err
		}
	}
	err := e.shard.append(ctx, transaction{batch: e.batch})
	e.batch, e.bytes, e.flushed = nil, 0, e.now()
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
	return e.removeMarkers(ctx)
}

func (e *Entrance) removeMarkers(ctx context.Context) error {
	return e.conn.Purge(ctx, e.shard.stream, e.shard.subject, e.shard.seq)
}

// tidyEntrances removes the markers of entrances that ended without removing
// them: of a process that was killed.
func tidyEntrances(ctx context.Context, conn *journal.Conn, target *collection.Collection, now time.Time) error {
	newest := map[string]journal.Message{} // by subject
	err := conn.ReadAll(ctx, target.StreamName(), collection.TxnFilter(target.Name, entranceTask), 0, func(m journal.Message) error {
		newest[m.Subject] = journal.Message{Seq: m.Seq, Time: m.Time}
		return nil
	})
	for subject, m := range newest {
		if err == nil && now.Sub(m.Time) > entranceKept {
			err = conn.Purge(ctx, target.StreamName(), subject, m.Seq)
		}
	}
	if err != nil {
		return fmt.Errorf("markers of entrances: %w", err)
	}
	return nil
}
