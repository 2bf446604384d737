package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/controlplane/quarantine"
	"weir/document"
	"weir/fault"
	"weir/journal"
)

// tellEvery is the pause between two words of progress.
const tellEvery = 5 * time.Second

// Request says what is to be erased.
type Request struct {
	Collection string
	Key        []string // one text a component, as people write keys
	// Deletion is a document of that key which the schema reduces to a deletion:
	// it is published once the key is erased, for destinations to remove their
	// rows. Nil: none.
	Deletion []byte
	DryRun   bool
	// Wait is how long tasks may take to erase registers; what takes longer is
	// done all the same, and the report says that it waits.
	Wait     time.Duration
	Progress func(text string) // told what is waited for; nil: nobody
}

// Report says what was erased, or would be, and what is left to do.
type Report struct {
	Collection string          `json:"collection"`
	Key        json.RawMessage `json:"key"`
	Erased     bool            `json:"erased"` // false: it was a dry run
	Places     []Place         `json:"places"`
	Remains    []Remain        `json:"remains"`
}

// Place is where Weir kept the key.
type Place struct {
	Name      string `json:"name"`
	Documents int    `json:"documents"`
	Bytes     int    `json:"bytes"`
}

// Remain is what erasing does not reach.
type Remain struct {
	What string `json:"what"`
	Do   string `json:"do"` // what to do about it
}

// erasing is one request on its way.
type erasing struct {
	conn     *journal.Conn
	records  []catalog.Record
	target   *collection.Collection
	packed   []byte
	id       string // of what is asked of tasks
	holders  []*holder
	found    map[uint64]bool // messages of the collection's stream, by sequence
	garbled  []uint64        // messages of the collection's documents that are no JSON
	unread   int             // quarantined documents that are no JSON
	traces   *traces
	logged   logged
	tellers  []teller // erased status records, whose tasks start anew
	dry      bool
	wait     time.Duration
	progress func(text string)
	report   *Report
}

// Erase removes a key by what is published. It goes on after an error where it
// stood when it is asked again.
func Erase(ctx context.Context, conn *journal.Conn, records []catalog.Record, r Request) (*Report, error) {
	e := &erasing{
		conn: conn, records: records, found: map[uint64]bool{}, dry: r.DryRun, wait: r.Wait, progress: r.Progress,
		report: &Report{Collection: r.Collection, Remains: []Remain{}},
	}
	if err := e.find(r); err != nil {
		return nil, err
	}
	deletion, err := e.deletion(r.Deletion)
	if err != nil {
		return nil, err
	}
	// Logs are read before the documents go, whose sequences tell which lines are
	// about them, and again for what tasks said meanwhile.
	for _, step := range []func(context.Context) error{
		e.findHolders, e.documents, e.inbox, e.note, e.logs, e.overwrite, e.quarantine, e.statuses, e.registers, e.awaitStatuses, e.logs,
	} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("erase a key of %s: %w; what was erased is gone: erase it again for the rest", r.Collection, err)
		}
	}
	e.report.Erased = !r.DryRun
	if err := e.remains(ctx, r.Deletion != nil); err != nil {
		return e.report, err
	}
	if deletion != nil && !r.DryRun {
		if _, err := conn.Publish(ctx, *deletion); err != nil {
			return e.report, fmt.Errorf("the key is erased, but the deletion was not published: %w", err)
		}
	}
	return e.report, nil
}

// find compiles the collection and packs the key.
func (e *erasing) find(r Request) error {
	var known []string
	for i := range e.records {
		spec := e.records[i].Collection
		if spec == nil {
			continue
		}
		known = append(known, spec.Name)
		if spec.Name == r.Collection {
			var err error
			if e.target, err = collection.New(spec); err != nil {
				return err
			}
		}
	}
	if e.target == nil {
		slices.Sort(known)
		return &controlplane.NameError{Name: r.Collection, Known: known}
	}
	var err error
	if e.packed, err = e.target.ParseKey(r.Key); err != nil {
		return err
	}
	e.id = requestID(e.target.Name, e.packed)
	if e.report.Key, err = document.AppendKeyJSON(nil, e.packed); err != nil {
		return err
	}
	e.traces, err = e.newTraces()
	return err
}

// deletion checks the document that deletes the key downstream.
func (e *erasing) deletion(text []byte) (*journal.Outgoing, error) {
	if text == nil {
		return nil, nil
	}
	if e.target.Spec.Derive != nil {
		return nil, fault.New(fault.DerivedCollection, "publish the deletion to the collections that it is derived from", "%s is derived: only its derivation writes it", e.target.Name)
	}
	var d document.Doc
	if err := d.Parse(text); err != nil {
		return nil, fmt.Errorf("deletion: %w", err)
	}
	subject, err := e.target.Checker().Place(&d)
	if err != nil {
		return nil, fmt.Errorf("deletion: %w", err)
	}
	if !e.target.HasKey(&d, e.packed) {
		return nil, fault.New(fault.InvalidDocument, "give the deletion the key that is erased", "deletion: its key is not %s", e.report.Key)
	}
	m := e.target.ForReading().NewCombiner(collection.CombinerOptions{Full: true})
	defer m.Close()
	if err := m.Add(text); err != nil {
		return nil, fmt.Errorf("deletion: %w", err)
	}
	deletes := false
	err = m.Drain(func(c collection.Combined) error {
		deletes = c.Deleted
		return nil
	})
	if err == nil && !deletes {
		err = fault.New(fault.InvalidDocument, "write `reduce: { delete: true }` into the schema where it applies", "the schema does not reduce it to a deletion")
	}
	if err != nil {
		return nil, fmt.Errorf("deletion: %w", err)
	}
	return &journal.Outgoing{Subject: string(subject), Data: text}, nil
}

// documents finds what the collection's stream holds of the key. All documents
// are read: one that was published under a subject that is not its key's own
// lies anywhere.
func (e *erasing) documents(ctx context.Context) error {
	return e.messages(ctx, "documents of "+e.target.Name, collection.DocFilter(e.target.Name))
}

// inbox finds what was published without a key and was not moved yet.
func (e *erasing) inbox(ctx context.Context) error {
	if e.target.Spec.Derive != nil {
		return nil
	}
	return e.messages(ctx, "documents that wait for the inbox of "+e.target.Name, collection.PubFilter())
}

// messages finds the messages of the collection's stream that match a filter
// and have the key.
func (e *erasing) messages(ctx context.Context, name, filter string) error {
	place := Place{Name: name}
	var d document.Doc
	read, told := 0, time.Now()
	err := e.conn.ReadAll(ctx, e.target.StreamName(), filter, 0, func(m journal.Message) error {
		if read++; time.Since(told) > tellEvery && e.progress != nil {
			e.progress(fmt.Sprintf("looking through %s: %d so far", name, read))
			told = time.Now()
		}
		switch {
		case d.Parse(m.Data) != nil:
			e.garbled = append(e.garbled, m.Seq)
		case e.target.HasKey(&d, e.packed):
			e.found[m.Seq] = true
			place.Documents++
			place.Bytes += len(m.Data)
			e.shuffles(&d)
		}
		return nil
	})
	e.report.Places = append(e.report.Places, place)
	return err
}

// overwrite erases the messages that were found.
func (e *erasing) overwrite(ctx context.Context) error {
	for _, seq := range slices.Sorted(maps.Keys(e.found)) {
		if e.dry {
			break
		}
		if err := e.conn.Erase(ctx, e.target.StreamName(), seq); err != nil {
			return err
		}
	}
	return nil
}

// quarantine erases what was put aside of the key.
func (e *erasing) quarantine(ctx context.Context) error {
	place := Place{Name: "quarantined documents of " + e.target.Name}
	var d document.Doc
	entries, _, err := quarantine.List(ctx, e.conn, quarantine.Filter{Collection: e.target.Name}, 0)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		full, err := quarantine.Get(ctx, e.conn, entry.ID)
		switch {
		case errors.Is(err, quarantine.ErrNoEntry):
			continue
		case err != nil:
			return err
		case d.Parse(full.Data) != nil:
			e.unread++
			continue
		case !e.target.HasKey(&d, e.packed):
			continue
		}
		place.Documents++
		place.Bytes += len(full.Data)
		if e.dry {
			continue
		}
		if err := quarantine.Drop(ctx, e.conn, entry); err != nil {
			return err
		}
	}
	e.report.Places = append(e.report.Places, place)
	return nil
}
