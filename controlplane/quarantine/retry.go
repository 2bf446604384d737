package quarantine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/document"
	"weir/journal"
)

// retryTask stands for the task in the subjects of retries' markers. No catalog
// name holds a tilde.
const retryTask = "~retry"

// markerKept is how old a marker must be to be removed: nobody retries what he
// looked up so long ago.
const markerKept = time.Hour

// markerVersion is the format version of retries' markers.
const markerVersion = 1

// Retrier brings documents back by what was published when it was made. It
// belongs to one goroutine.
type Retrier struct {
	conn        *journal.Conn
	records     []catalog.Record
	collections map[string]*collection.Collection // compiled when they are asked for
	tidied      map[string]bool
	cut         func(point string) error // ends a retry between its steps, in tests
}

// NewRetrier reads what is published.
func NewRetrier(ctx context.Context, conn *journal.Conn) (*Retrier, error) {
	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &Retrier{conn: conn, records: records, collections: map[string]*collection.Collection{}, tidied: map[string]bool{}, cut: func(string) error { return nil }}, nil
}

// Options say how a document is retried.
type Options struct {
	Document []byte // in place of what is kept; nil: as it is
	Again    bool   // also if a task has read it already, and will read it a second time
	DryRun   bool   // only say what would happen
}

// Outcome is what became of a retry.
type Outcome struct {
	ID         uint64   `json:"id"`
	Collection string   `json:"collection"`
	Done       bool     `json:"done"`              // it is out of quarantine, or would be
	Action     string   `json:"action"`            // in words
	Reason     string   `json:"reason,omitempty"`  // why it stays
	Pointer    string   `json:"pointer,omitempty"` // where in the document
	Rule       string   `json:"rule,omitempty"`
	Subject    string   `json:"subject,omitempty"`  // where it is stored now
	Sequence   uint64   `json:"sequence,omitempty"` // its new one
	Also       []uint64 `json:"also,omitempty"`     // what other tasks had put aside of the same document
}

// attempt is one document on its way back.
type attempt struct {
	Document
	data     []byte
	target   *collection.Collection
	subject  string
	original *journal.Message // that lies in the collection; nil when there is none
	siblings []Entry          // entries of other tasks for it
}

// Retry checks a document by the schema that is published now and gives it back
// to its collection. A document that is refused stays in quarantine, and the
// outcome says why; the error is trouble on the way, after which the same retry
// may be made again.
func (r *Retrier) Retry(ctx context.Context, id uint64, o Options) (Outcome, error) {
	d, err := Get(ctx, r.conn, id)
	if err != nil {
		return Outcome{ID: id}, err
	}
	a := attempt{Document: d, data: d.Data}
	if o.Document != nil {
		a.data = o.Document
	}
	out := Outcome{ID: id, Collection: d.Collection}
	if refused, err := r.prepare(ctx, &a, o); err != nil || refused != nil {
		out.refuse(refused)
		return out, err
	}
	out.Done, out.Subject = true, a.subject
	for _, s := range a.siblings {
		out.Also = append(out.Also, s.ID)
	}
	out.Action = "published to " + d.Collection
	if d.By == ByReader {
		out.Action = "moved to the end of " + d.Collection
	}
	if o.DryRun {
		out.Action = "would be " + out.Action
		return out, nil
	}
	return out, r.commit(ctx, &a, &out)
}

// refusal is why a document stays.
type refusal struct {
	invalid *collection.Invalid
	reason  string
}

func (o *Outcome) refuse(why *refusal) {
	o.Action = "stays in quarantine"
	switch {
	case why == nil:
	case why.invalid != nil:
		o.Reason, o.Pointer, o.Rule = why.invalid.Message, why.invalid.Pointer, why.invalid.Rule
	default:
		o.Reason = why.reason
	}
}

// prepare finds out where the document goes and whether it may.
func (r *Retrier) prepare(ctx context.Context, a *attempt, o Options) (*refusal, error) {
	var why *refusal
	if a.target, why = r.collection(a.Collection); why == nil {
		why = a.place()
	}
	if why != nil {
		return why, nil
	}
	if len(a.data)+1024 > r.conn.MaxPayload() { // with a batch's headers
		return &refusal{reason: fmt.Sprintf("it takes %d bytes, and the server takes messages of %d: raise max_payload in the server's configuration, or make it smaller", len(a.data), r.conn.MaxPayload())}, nil
	}
	if a.By != ByReader {
		return nil, nil
	}
	if err := r.findOriginal(ctx, a); err != nil {
		return nil, err
	}
	read := r.readBy(a)
	if len(read) == 0 || o.Again {
		return nil, nil
	}
	return &refusal{reason: fmt.Sprintf("%s reads %s too and did not put it aside: it has read it, or will, and would read it twice; allow that with --again, or drop it", strings.Join(read, ", "), a.Collection)}, nil
}

// collection compiles a collection as it is published now.
func (r *Retrier) collection(name string) (*collection.Collection, *refusal) {
	if c, ok := r.collections[name]; ok {
		return c, nil
	}
	for _, record := range r.records {
		if record.Collection == nil || record.Collection.Name != name {
			continue
		}
		c, err := collection.New(record.Collection)
		if err != nil {
			return nil, &refusal{reason: err.Error()}
		}
		r.collections[name] = c
		return c, nil
	}
	return nil, &refusal{reason: fmt.Sprintf("collection %s is not published any more: publish it again, or drop the document", name)}
}

// place checks the document as its writers and its readers would.
func (a *attempt) place() *refusal {
	var doc document.Doc
	if err := doc.Parse(a.data); err != nil {
		return &refusal{invalid: collection.NotJSON(a.Collection, a.data, err)}
	}
	views := []*collection.Collection{a.target}
	if reading := a.target.ForReading(); reading != a.target && !reading.Infers() {
		views = append(views, reading)
	}
	for _, view := range views {
		subject, err := view.Checker().Place(&doc)
		var invalid *collection.Invalid
		if errors.As(err, &invalid) {
			return &refusal{invalid: invalid}
		}
		a.subject = string(subject)
	}
	return nil
}

// findOriginal looks for the document in its collection and for what others
// have put aside of it.
func (r *Retrier) findOriginal(ctx context.Context, a *attempt) error {
	m, err := r.conn.Get(ctx, a.target.StreamName(), a.Sequence)
	switch {
	case err == nil && bytes.Equal(m.Data, a.Data):
		a.original = m
	case err != nil && !errors.Is(err, journal.ErrNoMessage):
		return fmt.Errorf("the quarantined document in its collection: %w", err)
	}
	return r.conn.ReadAll(ctx, collection.BadStream, collection.BadSiblings(a.Collection, a.Sequence), 0, func(m journal.Message) error {
		if e, err := entryOf(&m); err == nil && e.By == ByReader && e.ID != a.ID {
			a.siblings = append(a.siblings, e)
		}
		return nil
	})
}

// readBy names the tasks that read the document and did not put it aside.
func (r *Retrier) readBy(a *attempt) []string {
	if a.original == nil {
		return nil // whoever has not read it never will
	}
	readers := map[string]bool{}
	for i := range r.records {
		if name, reads := reader(&r.records[i], a); reads {
			readers[name] = true
		}
	}
	delete(readers, a.Task)
	for _, s := range a.siblings {
		delete(readers, s.Task)
	}
	return sortedNames(readers)
}

// reader says whether a task reads the document where it lies.
func reader(record *catalog.Record, a *attempt) (name string, reads bool) {
	var sources []catalog.Source
	switch {
	case record.Collection != nil && record.Collection.Derive != nil && !record.Collection.Derive.Disable:
		name = record.Collection.Name
		for _, t := range record.Collection.Derive.Transforms {
			if !t.Disable {
				sources = append(sources, t.Source)
			}
		}
	case record.Materialization != nil && !record.Materialization.Disable:
		name = record.Materialization.Name
		for _, b := range record.Materialization.Bindings {
			if !b.Disable {
				sources = append(sources, b.Source)
			}
		}
	}
	for _, s := range sources {
		if s.Name != a.Collection || !s.Admits(a.original.Time) {
			continue
		}
		if selection, err := a.target.Select(s.Partitions); err != nil || selection.Has(a.original.Subject) {
			return name, true
		}
	}
	return name, false
}

// commit publishes the document and then removes it from quarantine:
//
//  1. the document and a marker, which must be the first of its subject, become
//     durable in one atomic batch;
//  2. where a reader had passed over it, the original is erased;
//  3. the entries of quarantine are removed.
//
// Whoever does this again after it was ended finds the marker and goes on with
// step 2. Markers are removed when they are old.
func (r *Retrier) commit(ctx context.Context, a *attempt, out *Outcome) error {
	if err := r.tidy(ctx, a.target); err != nil {
		return err
	}
	seq, err := r.publish(ctx, a)
	if err != nil {
		return fmt.Errorf("retry quarantined document %d: %w", a.ID, err)
	}
	out.Sequence = seq
	if err := r.cut("published"); err != nil {
		return err
	}
	if a.original != nil {
		if err := r.conn.Erase(ctx, a.target.StreamName(), a.original.Seq); err != nil {
			return fmt.Errorf("retry quarantined document %d: it is published, and still where it was: %w", a.ID, err)
		}
	}
	if err := r.cut("erased"); err != nil {
		return err
	}
	for _, e := range append(a.siblings, a.Entry) {
		if err := Drop(ctx, r.conn, e); err != nil {
			return fmt.Errorf("it is published: %w", err)
		}
	}
	return nil
}

// publish is step 1. It gives the sequence of the document.
func (r *Retrier) publish(ctx context.Context, a *attempt) (uint64, error) {
	name := fmt.Sprintf("b%d", a.ID)
	if a.By == ByReader { // whichever task's entry of it is retried
		name = fmt.Sprintf("r%d", a.Sequence)
	}
	text, err := json.Marshal(map[string]any{"v": markerVersion, "entry": a.ID, "at": time.Now().UTC()})
	if err != nil {
		return 0, err
	}
	b := r.conn.NewBatch(a.target.StreamName())
	if err := b.Add(journal.Outgoing{Subject: a.subject, Data: a.data}); err != nil {
		b.Abandon()
		return 0, err
	}
	marker := journal.Outgoing{Subject: collection.TxnSubject(a.Collection, retryTask, name), Data: text, Expect: new(uint64)}
	ack, err := b.Commit(ctx, marker, func(m *journal.Message) bool { return bytes.Equal(m.Data, text) })
	var fenced *journal.FencedError
	if errors.As(err, &fenced) && fenced.Last != nil { // it was published, and the retry ended before it was removed
		b.Abandon()
		return fenced.Last.Seq - 1, nil
	}
	if err != nil {
		b.Abandon()
		return 0, err
	}
	return ack.First, nil
}

// tidy removes the markers of retries that are over.
func (r *Retrier) tidy(ctx context.Context, c *collection.Collection) error {
	if r.tidied[c.Name] {
		return nil
	}
	r.tidied[c.Name] = true
	var old []journal.Message
	err := r.conn.ReadAll(ctx, c.StreamName(), collection.TxnFilter(c.Name, retryTask), 0, func(m journal.Message) error {
		if time.Since(m.Time) > markerKept {
			old = append(old, m)
		}
		return nil
	})
	for _, m := range old {
		if err == nil {
			err = r.conn.Purge(ctx, c.StreamName(), m.Subject, m.Seq)
		}
	}
	if err != nil {
		return fmt.Errorf("markers of retries: %w", err)
	}
	return nil
}
