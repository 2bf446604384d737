package worker

import (
	"context"
	"errors"
	"fmt"

	"weir/catalog"
	"weir/collection"
	"weir/derive"
	"weir/document"
	"weir/journal"
)

// markerRoom is what a batch keeps free for the parts of its marker.
const markerRoom = 16

// outlet is the writing side of a shard whose outputs are combined into one
// collection: derivations and captures.
type outlet struct {
	env      *env
	target   *collection.Collection
	shard    *shard
	observer *observer // of what is written
	wrote    *flow

	// Two combiners take turns: a batch that may have to be sent again keeps
	// the documents of one while the next transaction fills the other.
	combiners [2]*collection.Combiner
	turn      int
	fresh     bool           // nothing was added since the turn
	direct    *journal.Batch // documents of the open transaction that are not combined, sent as they come; nil: none yet
	at        positions
	taken     suspects // inputs of the open transaction, should it fail
	inputs    int
	outputs   int  // of the last input
	solo      bool // the open transaction holds a suspect
}

func openOutlet(ctx context.Context, e *env, target *collection.Collection, state string, register func(key, value []byte) error) (*outlet, error) {
	o := &outlet{env: e, target: target, observer: newObserver(target), wrote: e.counters.wrote("", target.Name), fresh: true, taken: suspects{}}
	var err error
	if o.shard, err = openShard(ctx, e, collection.KVKey(e.task), target.Name, state); err != nil {
		return nil, err
	}
	if err := o.shard.claim(ctx, register); err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	o.at = o.shard.positions.clone()
	e.txn.Store(o.shard.txn)
	for i := range o.combiners {
		o.combiners[i] = target.NewCombiner(collection.CombinerOptions{
			Limit: e.limits.CombineMemory, Dir: e.spillDir, Lenient: target.Spec.OnInvalid == catalog.OnInvalidQuarantine,
		})
	}
	return o, nil
}

func (o *outlet) close() {
	if o.direct != nil {
		o.direct.Abandon()
	}
	for _, c := range o.combiners {
		if c != nil {
			c.Close()
		}
	}
}

// limit is how many documents a transaction may write.
func (o *outlet) limit() int { return o.env.conn.MaxBatch() - markerRoom }

// combiner is the open transaction's. Its former documents are dropped at the
// first use: the commit that kept them has ended by then.
func (o *outlet) combiner() *collection.Combiner {
	c := o.combiners[o.turn]
	if o.fresh {
		c.Reset()
		o.fresh = false
	}
	return c
}

// wantsFresh says whether the next input must not join the open transaction.
func (o *outlet) wantsFresh(alone bool) bool {
	return o.inputs > 0 && (alone || o.solo)
}

// took counts an input whose outputs are in, and says whether the transaction
// has room for another.
func (o *outlet) took(s *source, key string, seq uint64, alone bool) (verdict, error) {
	o.inputs++
	o.solo = alone
	if key != "" {
		o.at[key] = seq
		o.taken.add(key, seq)
	}
	e, c, limit := o.env, o.combiner(), o.limit()
	if key != "" { // else the input was asked whether it fits
		e.widest = max(e.widest, o.outputs)
	}
	messages, bytes := c.Keys(), c.Bytes()
	if o.direct != nil {
		messages, bytes = messages+o.direct.Len(), bytes+o.direct.Bytes()
	}
	if messages > limit {
		if o.inputs == 1 {
			return more, &OutputError{Collection: s.collection.Name, Seq: seq, Outputs: o.outputs, Limit: limit}
		}
		return more, errOverflow
	}
	cramped := e.room > 0 && (o.inputs >= e.room || messages >= e.room)
	if alone || cramped || messages+e.widest > limit || bytes >= e.limits.BatchBytes {
		return full, nil
	}
	return more, nil
}

// fits says whether so many more documents surely find room in the open
// transaction.
func (o *outlet) fits(documents int) bool {
	n := documents
	if !o.fresh {
		n += o.combiner().Keys()
	}
	if o.direct != nil {
		n += o.direct.Len()
	}
	return n <= o.limit()
}

// put sends a document on its way that was checked already, uncombined.
func (o *outlet) put(subject string, raw []byte, d *document.Doc) error {
	if o.direct == nil {
		o.direct = o.env.conn.NewBatch(o.shard.stream)
	}
	if err := o.direct.Add(journal.Outgoing{Subject: subject, Data: raw}); err != nil {
		return err
	}
	o.wrote.add(len(raw))
	o.observer.add(d)
	return nil
}

// drain closes the open transaction: its documents are reduced and sent.
func (o *outlet) drain(ctx context.Context) (transaction, error) {
	t := transaction{batch: o.direct, positions: o.at.clone()}
	if o.direct = nil; t.batch == nil {
		t.batch = o.env.conn.NewBatch(o.shard.stream)
	}
	var subject []byte
	rejected := 0
	err := o.combiner().Drain(func(c collection.Combined) (err error) {
		if subject, err = o.target.AppendSubject(subject[:0], c.Doc); err != nil {
			return err
		}
		err = t.batch.Add(journal.Outgoing{Subject: string(subject), Data: c.Raw})
		var size *journal.SizeError
		switch {
		case errors.As(err, &size) && o.inputs == 1 && len(o.taken) == 1:
			rejected++
			return o.rejectLarge(ctx, c.Raw, rejected, size)
		case err != nil:
			return err
		}
		o.wrote.add(len(c.Raw))
		o.observer.add(c.Doc)
		return nil
	})
	if err != nil {
		t.batch.Abandon()
		return t, o.blameTransaction(err)
	}
	t.seen = o.observer.news()
	if err := o.env.cut("stage.after"); err != nil {
		return t, err
	}
	o.turn, o.fresh, o.inputs, o.solo = 1-o.turn, true, 0, false
	clear(o.taken)
	o.env.relax()
	return t, nil
}

// rejectLarge is what becomes of the n-th output of the transaction's only
// input that no message holds: it is quarantined, or stops the task.
func (o *outlet) rejectLarge(ctx context.Context, raw []byte, n int, size *journal.SizeError) error {
	if o.target.Spec.OnInvalid != catalog.OnInvalidQuarantine {
		return size
	}
	for key, at := range o.taken { // the one input
		m := &journal.Message{Seq: at.from, Data: raw}
		return o.env.quarantine(ctx, o.target.Name, o.env.task+"~"+key, m, o.outputs+n, tooLarge(o.target, raw, size))
	}
	return size
}

// relax lets transactions grow again, step by step, after they had to be
// small.
func (e *env) relax() {
	e.widest -= e.widest / 8
	if e.room > 0 {
		e.room += e.room/16 + 1
	}
	if e.room > e.conn.MaxBatch() {
		e.room = 0
	}
}

// commit gives steps 2 to 4 of a drained transaction.
func (o *outlet) commit(t transaction, acknowledge func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := o.env.keepSeen(ctx, o.target, t); err != nil {
			return err
		}
		if err := o.shard.commit(ctx, t); err != nil {
			return err
		}
		if acknowledge != nil {
			if err := acknowledge(ctx); err != nil {
				return err
			}
			if err := o.env.cut("acknowledge.after"); err != nil {
				return err
			}
		}
		o.env.txn.Store(o.shard.txn)
		o.env.committed(o.shard.positions)
		return o.shard.flushIfDue(ctx)
	}
}

func (o *outlet) idle(ctx context.Context) (more bool, err error) { return o.shard.rest(ctx) }

// blameTransaction makes every input of the open transaction a suspect, so
// that the next attempt finds the one that fails. Inputs without a position,
// as a source's, cannot be found again.
func (o *outlet) blameTransaction(err error) error {
	if len(o.taken) == 0 {
		return err
	}
	return &inputError{suspects: o.taken, err: err}
}

// blame makes one input the suspect.
func blame(s *source, key string, seq uint64, err error) error {
	var disk *derive.DiskError
	if errors.Is(err, context.Canceled) || errors.Is(err, errOverflow) || errors.As(err, &disk) {
		return err
	}
	return &inputError{suspects: suspects{key: {seq, seq}}, collection: s.collection.Name, seq: seq, err: err}
}
