package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/collection"
	"weir/document"
	"weir/journal"
)

// inbox moves what was published to a collection without a key, or with a
// wrong number of key tokens, to the subjects of the documents' own keys. One
// atomic batch holds the moved documents and the marker; then the messages
// that were moved are purged. What is invalid goes to quarantine: nobody can
// stop an inbox. Documents are moved one by one, never combined.
type inbox struct {
	env    *env
	target *collection.Collection
	shard  *shard
	source *source
	wrote  *flow

	doc      document.Doc
	checker  *collection.Checker
	observer *observer      // of what is moved
	batch    *journal.Batch // of the open transaction, sent as it grows
	at       positions
	bytes    int
}

// runInbox is one start of a collection's inbox.
func runInbox(ctx context.Context, stop <-chan struct{}, e *env, known collections) error {
	target, err := known.get(e.task)
	if err != nil {
		return err
	}
	b := &inbox{env: e, target: target, checker: target.Checker(), observer: newObserver(target)}
	if b.shard, err = openShard(ctx, e, "inbox."+collection.KVKey(e.task), target.Name, ""); err != nil {
		return err
	}
	b.shard.subject = collection.TxnSubject(target.Name, inboxTask, e.token)
	if err := b.shard.claim(ctx, nil); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	b.source = &source{key: positionKey(inboxTask, 0, e.token, target.Name), collection: target, filter: collection.PubFilter(), read: e.counters.read("", target.Name)}
	b.wrote = e.counters.wrote("", target.Name)
	b.at = b.shard.positions.clone()
	e.txn.Store(b.shard.txn)
	if err := b.purge(ctx, b.at[b.source.key]); err != nil { // a start may have ended between commit and purge
		return err
	}
	if err := tidyEntrances(ctx, e.conn, target, time.Now()); err != nil {
		return err
	}
	in, err := openMerge(ctx, e, inboxTask+"/"+e.task, []*source{b.source}, b.at)
	if err != nil {
		return err
	}
	defer in.close()
	e.started(b.shard.positions, in)
	l := loop[input]{env: e, in: in, out: b, maxAge: e.limits.TxnAge, rest: e.limits.Rest}
	err = l.run(ctx, stop)
	if b.batch != nil {
		b.batch.Abandon()
	}
	return err
}

// inboxTask stands for the task in an inbox's subjects and positions. No
// catalog name holds a tilde.
const inboxTask = "~inbox"

// add checks one message and sends its document on under its own key.
func (b *inbox) add(ctx context.Context, in input) (verdict, error) {
	m := &in.message
	b.env.ages.take(b.source, m.Time)
	b.source.read.add(len(m.Data))
	if b.batch == nil {
		b.batch = b.env.conn.NewBatch(b.shard.stream)
	}
	if err := b.move(m); err != nil {
		var invalid *collection.Invalid
		if !errors.As(err, &invalid) {
			return more, err
		}
		invalid.Subject, invalid.Seq = m.Subject, m.Seq
		if err := b.env.quarantine(ctx, b.target.Name, b.env.task, m, 0, invalid); err != nil {
			return more, err
		}
	}
	b.at[b.source.key] = m.Seq
	b.bytes += len(m.Data)
	if b.batch.Len() >= b.env.conn.MaxBatch()-markerRoom || b.bytes >= b.env.limits.BatchBytes {
		return full, nil
	}
	return more, nil
}

func (b *inbox) move(m *journal.Message) error {
	if err := b.doc.Parse(m.Data); err != nil {
		return collection.NotJSON(b.target.Name, m.Data, err)
	}
	subject, err := b.checker.Place(&b.doc)
	if err != nil {
		return err
	}
	err = b.batch.Add(journal.Outgoing{Subject: string(subject), Data: m.Data})
	var size *journal.SizeError
	if errors.As(err, &size) { // it fitted without the batch's headers
		return tooLarge(b.target, m.Data, size)
	}
	if err == nil {
		b.wrote.add(len(m.Data))
		b.observer.add(&b.doc)
	}
	return err
}

// stage closes the open transaction: its documents were sent already.
func (b *inbox) stage(context.Context) (func(context.Context) error, error) {
	t := transaction{batch: b.batch, positions: b.at.clone(), seen: b.observer.news()}
	b.batch, b.bytes = nil, 0
	if err := b.env.cut("stage.after"); err != nil {
		return nil, err
	}
	through := t.positions[b.source.key]
	return func(ctx context.Context) error {
		if err := b.env.keepSeen(ctx, b.target, t); err != nil {
			return err
		}
		if err := b.shard.commit(ctx, t); err != nil {
			return err
		}
		if err := b.purge(ctx, through); err != nil {
			return err
		}
		if err := b.env.cut("acknowledge.after"); err != nil {
			return err
		}
		b.env.txn.Store(b.shard.txn)
		b.env.committed(b.shard.positions)
		return b.shard.flushIfDue(ctx)
	}, nil
}

// purge removes the messages that were moved (step 3).
func (b *inbox) purge(ctx context.Context, through uint64) error {
	if through == 0 {
		return nil
	}
	if err := b.env.conn.Purge(ctx, b.shard.stream, collection.PubFilter(), through); err != nil {
		return fmt.Errorf("purge moved messages: %w", err)
	}
	return nil
}

func (b *inbox) idle(ctx context.Context) (more bool, err error) { return b.shard.rest(ctx) }
