package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/journal"
	"weir/schema"
)

// inferredHistory is how many versions of a collection's inferred schema are kept.
const inferredHistory = 64

// errWidened is a reader that met a document of a new shape and needs to be set up anew for
// it. The shape is known by then, so that the next start takes the document.
var errWidened = errors.New("the inferred schema became wider")

// observer sees the documents that a task writes to a collection whose schema is inferred. It
// belongs to the goroutine that stages transactions; a nil one sees nothing.
//
// It begins with nothing seen: what is known already costs one look at the record at the first
// documents of a start.
type observer struct {
	seen  *schema.Observed
	wider bool // than when it was last told
}

func newObserver(target *collection.Collection) *observer {
	if !target.Infers() {
		return nil
	}
	return &observer{seen: schema.NewObserved()}
}

// add sees a document that is about to be written.
func (o *observer) add(d *document.Doc) {
	if o != nil && o.seen.Add(d) {
		o.wider = true
	}
}

// news gives what was seen if that is more than it was at the last call, else nothing.
func (o *observer) news() json.RawMessage {
	if o == nil || !o.wider {
		return nil
	}
	o.wider = false
	return o.seen.Schema()
}

// keepInferred widens the inferred schema of a collection to take what was seen, and gives it.
// It is done before the documents are committed, so that who reads them finds it: a
// transaction that fails afterwards leaves a schema that is wider than need be.
func keepInferred(ctx context.Context, conn *journal.Conn, name string, seen json.RawMessage) (json.RawMessage, error) {
	bucket, err := conn.EnsureBucket(ctx, journal.BucketConfig{Name: catalog.InferredBucket, Description: "schemas of documents that were seen", History: inferredHistory})
	if err != nil {
		return nil, fmt.Errorf("bucket of inferred schemas: %w", err)
	}
	mine, err := schema.ParseObserved(seen)
	if err != nil {
		return nil, err
	}
	for {
		was, revision, err := readInferred(ctx, bucket, name)
		if err != nil {
			return nil, err
		}
		all, err := schema.ParseObserved(was.Schema)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if !all.Merge(mine) {
			return was.Schema, nil
		}
		next := catalog.Inferred{V: catalog.InferredVersion, Collection: name, Version: was.Version + 1, Time: time.Now().UTC(), Schema: all.Schema()}
		text, err := json.Marshal(next)
		if err != nil {
			return nil, fmt.Errorf("encode the inferred schema: %w", err)
		}
		_, err = bucket.Update(ctx, collection.KVKey(name), text, revision)
		if errors.Is(err, journal.ErrConflict) {
			continue // somebody else widened it
		}
		if err != nil {
			return nil, fmt.Errorf("keep the inferred schema: %w", err)
		}
		return next.Schema, nil
	}
}

// keepSeen tells of what the documents of a transaction look like, if that is news.
func (e *env) keepSeen(ctx context.Context, target *collection.Collection, t transaction) error {
	if len(t.seen) == 0 {
		return nil
	}
	if _, err := keepInferred(ctx, e.conn, target.Name, t.seen); err != nil {
		return err
	}
	return e.cut("infer.after")
}

// readInferred reads a collection's record and its revision; the zero record when there is none.
func readInferred(ctx context.Context, bucket *journal.Bucket, name string) (catalog.Inferred, uint64, error) {
	entry, err := bucket.Get(ctx, collection.KVKey(name))
	if errors.Is(err, journal.ErrNoKey) {
		return catalog.Inferred{}, entry.Revision, nil
	}
	if err != nil {
		return catalog.Inferred{}, 0, fmt.Errorf("read the inferred schema: %w", err)
	}
	r, err := catalog.DecodeInferred(entry.Value)
	return r, entry.Revision, err
}

// inferred gives the inferred schema of a collection, nothing when no document was seen.
func inferred(ctx context.Context, conn *journal.Conn, name string) (json.RawMessage, error) {
	bucket, err := conn.Bucket(ctx, catalog.InferredBucket)
	if errors.Is(err, journal.ErrNoStream) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket of inferred schemas: %w", err)
	}
	r, _, err := readInferred(ctx, bucket, name)
	return r.Schema, err
}

// InferredHistory gives the inferred schemas that a collection had, as far back as they are
// kept, the newest last; none when no document was seen.
func InferredHistory(ctx context.Context, conn *journal.Conn, name string) ([]catalog.Inferred, error) {
	bucket, err := conn.Bucket(ctx, catalog.InferredBucket)
	if errors.Is(err, journal.ErrNoStream) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket of inferred schemas: %w", err)
	}
	entries, err := bucket.History(ctx, collection.KVKey(name))
	if err != nil {
		return nil, err
	}
	var out []catalog.Inferred
	for _, e := range entries {
		if e.Deleted {
			out = nil
			continue
		}
		r, err := catalog.DecodeInferred(e.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// reading looks collections up as their readers see them, by what was seen so far. A
// collection stays the same from one look to the next: what was made ready for it fits its
// documents.
func (k collections) reading(ctx context.Context, conn *journal.Conn) func(name string) (*collection.Collection, error) {
	known := map[string]*collection.Collection{}
	return func(name string) (*collection.Collection, error) {
		if c, ok := known[name]; ok {
			return c, nil
		}
		c, err := k.get(name)
		if err == nil {
			c = c.ForReading()
			if c.Infers() {
				c, err = seenNow(ctx, conn, c)
			}
		}
		if err != nil {
			return nil, err
		}
		known[name] = c
		return c, nil
	}
}

func seenNow(ctx context.Context, conn *journal.Conn, c *collection.Collection) (*collection.Collection, error) {
	seen, err := inferred(ctx, conn, c.Name)
	if err != nil {
		return nil, err
	}
	return seenAs(c, seen)
}

func seenAs(c *collection.Collection, seen json.RawMessage) (*collection.Collection, error) {
	reading, err := c.ForReadingSeen(seen)
	if err != nil {
		return nil, &brokenError{name: c.Name, err: err}
	}
	return reading, nil
}

// learn takes up the document at a sequence, which readers do not take because none like it was
// seen. Its writer has told of it; if nobody has, since it was published past Weir's entrances,
// the reader does.
func (d *decoder) learn(ctx context.Context, seq uint64) error {
	reading, err := seenNow(ctx, d.conn, d.collection)
	if err != nil {
		return err
	}
	if reading.Unseen(&d.doc) {
		own, err := d.lookAhead(ctx, seq)
		if err != nil {
			return err
		}
		seen, err := keepInferred(ctx, d.conn, d.collection.Name, own.Schema())
		if err != nil {
			return err
		}
		if reading, err = seenAs(d.collection, seen); err != nil {
			return err
		}
	}
	d.collection, d.checker, d.learned = reading, reading.Checker(), true
	return nil
}

// lookAheadBytes is how much is looked at behind a document that nobody told of.
const lookAheadBytes = 4 << 20

var errSeenEnough = errors.New("seen enough")

// lookAhead sees the document at a sequence, and those behind it that writers may write: what one
// client publishes past Weir's entrances is often of many shapes that are new, and each would
// cost a compilation and a new start by itself.
func (d *decoder) lookAhead(ctx context.Context, seq uint64) (*schema.Observed, error) {
	seen := schema.NewObserved()
	seen.Add(&d.doc)
	writable, bytes := d.collection.ForWriting().Schema.Validator(), 0
	var doc document.Doc
	err := d.conn.ReadAll(ctx, d.collection.StreamName(), collection.DocFilter(d.collection.Name), seq, func(m journal.Message) error {
		if doc.Parse(m.Data) == nil && writable.Valid(&doc, 0) {
			seen.Add(&doc)
		}
		if bytes += len(m.Data); bytes > lookAheadBytes {
			return errSeenEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSeenEnough) {
		return nil, fmt.Errorf("look ahead in %s: %w", d.collection.Name, err)
	}
	return seen, nil
}
