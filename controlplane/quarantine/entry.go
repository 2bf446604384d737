package quarantine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"weir/collection"
	"weir/journal"
)

// ErrNoEntry says that quarantine holds no document of an ID.
var ErrNoEntry = errors.New("quarantine holds no such document")

// How a document came into quarantine.
const (
	ByInbox   = "inbox"   // it was published to the collection, and did not enter
	ByReader  = "reader"  // it lies in the collection, and a task passed over it
	ByOutput  = "output"  // a derivation gave it, and it did not enter
	ByCapture = "capture" // a source gave it, and it did not enter
)

// Entry is a quarantined document, without its bytes.
type Entry struct {
	ID         uint64    `json:"id"`
	Time       time.Time `json:"time"`
	Collection string    `json:"collection"`
	Task       string    `json:"task"`
	By         string    `json:"by"`
	Rule       string    `json:"rule"`
	Pointer    string    `json:"pointer,omitempty"`
	Reason     string    `json:"reason"`
	Origin     string    `json:"origin,omitempty"`
	Sequence   uint64    `json:"sequence,omitempty"` // in the stream that it was read from
	Size       int       `json:"size"`               // of its first part, if it has several
	Parts      int       `json:"parts,omitempty"`
	Excerpt    string    `json:"excerpt"`
	Fix        string    `json:"fix"`

	subject string
}

// Document is a quarantined document with its bytes.
type Document struct {
	Entry
	JSON json.RawMessage `json:"document,omitempty"` // nil when it is no JSON
	Text string          `json:"text,omitempty"`     // of what is no JSON
	Data []byte          `json:"-"`
}

// Group counts the documents that a task put aside in one collection for one
// rule.
type Group struct {
	Collection string    `json:"collection"`
	Task       string    `json:"task"`
	By         string    `json:"by"`
	Rule       string    `json:"rule"`
	Count      int       `json:"count"`
	Newest     time.Time `json:"newest"`
}

// Filter selects documents; what is empty selects all.
type Filter struct {
	Collection string
	Task       string
	Rule       string
	After      uint64 // only those with a greater ID
}

func (f Filter) subject() string {
	if f.Collection == "" {
		return collection.BadSubjects
	}
	return collection.BadFilter(f.Collection)
}

func (f Filter) admits(e *Entry) bool {
	return (f.Task == "" || f.Task == e.Task) && (f.Rule == "" || f.Rule == e.Rule)
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// Each calls fn with every document of a filter, oldest first. fn's error ends
// it.
func Each(ctx context.Context, conn *journal.Conn, f Filter, fn func(Entry) error) error {
	err := conn.ReadAll(ctx, collection.BadStream, f.subject(), f.After, func(m journal.Message) error {
		if e, err := entryOf(&m); err == nil && f.admits(&e) { // else a part, or nothing of ours
			return fn(e)
		}
		return nil
	})
	if errors.Is(err, journal.ErrNoStream) || errors.Is(err, journal.ErrPositionBeyondEnd) {
		return nil
	}
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("quarantine: %w", err)
	}
	return err
}

// List gives the oldest documents of a filter, so many at most, and says
// whether there are more. A limit of 0 is none.
func List(ctx context.Context, conn *journal.Conn, f Filter, limit int) (entries []Entry, more bool, err error) {
	entries = []Entry{}
	err = Each(ctx, conn, f, func(e Entry) error {
		if limit > 0 && len(entries) == limit {
			more = true
			return errEnough
		}
		entries = append(entries, e)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return entries, more, err
}

// Groups counts the documents of a filter.
func Groups(ctx context.Context, conn *journal.Conn, f Filter) ([]Group, error) {
	counts := map[Group]*Group{}
	err := Each(ctx, conn, f, func(e Entry) error {
		name := Group{Collection: e.Collection, Task: e.Task, By: e.By, Rule: e.Rule}
		if counts[name] == nil {
			one := name
			counts[name] = &one
		}
		counts[name].Count++
		counts[name].Newest = e.Time
		return nil
	})
	groups := make([]Group, 0, len(counts))
	for _, g := range counts {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return strings.Compare(a.Collection+"\x00"+a.Task+"\x00"+a.By+"\x00"+a.Rule, b.Collection+"\x00"+b.Task+"\x00"+b.By+"\x00"+b.Rule)
	})
	return groups, err
}

// Count gives how many documents there are, without reading them: one in parts
// counts as its parts do.
func Count(ctx context.Context, conn *journal.Conn) (uint64, error) {
	info, err := conn.StreamInfo(ctx, collection.BadStream)
	if errors.Is(err, journal.ErrNoStream) {
		return 0, nil
	}
	return info.Messages, err
}

// Get gives one document. ErrNoEntry when it is not there.
func Get(ctx context.Context, conn *journal.Conn, id uint64) (Document, error) {
	m, err := conn.Get(ctx, collection.BadStream, id)
	if errors.Is(err, journal.ErrNoMessage) || errors.Is(err, journal.ErrNoStream) {
		return Document{}, fmt.Errorf("%w: %d", ErrNoEntry, id)
	}
	if err != nil {
		return Document{}, fmt.Errorf("quarantine: %w", err)
	}
	e, err := entryOf(m)
	if err != nil {
		return Document{}, fmt.Errorf("%w: %d: %w", ErrNoEntry, id, err)
	}
	d := Document{Entry: e, Data: m.Data}
	for part := 2; part <= e.Parts; part++ {
		next, err := conn.Last(ctx, collection.BadStream, collection.BadPart(e.subject, part))
		if err != nil {
			return d, fmt.Errorf("quarantined document %d: part %d of %d: %w; what is left of it can only be dropped", id, part, e.Parts, err)
		}
		d.Data = append(d.Data, next.Data...)
	}
	switch {
	case json.Valid(d.Data):
		d.JSON = d.Data
	default:
		d.Text = strings.ToValidUTF8(string(d.Data), "\uFFFD")
	}
	return d, nil
}

// entryOf reads the first part of a quarantined document.
func entryOf(m *journal.Message) (Entry, error) {
	name, err := collection.ParseBadSubject(m.Subject)
	if err != nil {
		return Entry{}, err
	}
	if name.Part > 1 {
		return Entry{}, fmt.Errorf("it is part %d of another document", name.Part)
	}
	r := collection.ParseRejection(m.Header)
	e := Entry{
		ID: m.Seq, Time: m.Time, Collection: name.Collection, Task: r.Task, Rule: r.Rule, Pointer: r.Pointer, Reason: r.Reason,
		Origin: r.Origin, Sequence: name.Sequence, Size: len(m.Data), Parts: r.Parts, Excerpt: excerpt(m.Data), subject: m.Subject,
	}
	task, _, more := strings.Cut(name.By, "~")
	if e.Task == "" {
		e.Task = task
	}
	switch fromCollection := strings.HasPrefix(r.Origin, "weir."); {
	case more && fromCollection, more && r.Origin == "": // outputs that no message holds have no origin
		e.By = ByOutput
	case more:
		e.By = ByCapture
	case collection.IsPublished(r.Origin):
		e.By = ByInbox
	default:
		e.By = ByReader
	}
	e.Fix = fix(e.Rule, e.ID)
	return e, nil
}

// fix says what to do about a document, by the rule that it breaks.
func fix(rule string, id uint64) string {
	fixes := map[string]string{
		collection.RuleJSON:     "write it anew with `weir quarantine edit %[1]d`, or drop it",
		collection.RuleKey:      "give it a key with `weir quarantine edit %[1]d`, or drop it",
		collection.RuleSubject:  "`weir quarantine retry %[1]d` publishes it under its own key",
		collection.RuleReduce:   "mend it with `weir quarantine edit %[1]d`, or publish a schema whose reductions take it and retry it",
		collection.RuleEndpoint: "mend it with `weir quarantine edit %[1]d`, or let the destination take it and run `weir quarantine retry %[1]d`",
		collection.RuleSize:     "raise the server's max_payload and retry it, or make it smaller with `weir quarantine edit %[1]d`",
	}
	text, ok := fixes[rule]
	if !ok {
		text = "publish a schema that takes it and run `weir quarantine retry %[1]d`, or mend it with `weir quarantine edit %[1]d`"
	}
	return fmt.Sprintf(text, id)
}

// excerpt is the beginning of a document, on one line.
func excerpt(data []byte) string {
	const most = 200
	cut := data[:min(len(data), most)]
	for len(cut) < len(data) && len(cut) > 0 && !utf8.RuneStart(data[len(cut)]) {
		cut = cut[:len(cut)-1]
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(cut), "\uFFFD"))
	if len(cut) < len(data) {
		text += "..."
	}
	return text
}

// Drop removes a document from quarantine for good. What lies in a collection
// stays there: only the note that a task passed over it is gone.
func Drop(ctx context.Context, conn *journal.Conn, e Entry) error {
	for part := max(e.Parts, 1); part > 0; part-- { // the first one goes last: it names the others
		subject := collection.BadPart(e.subject, part)
		m, err := conn.Last(ctx, collection.BadStream, subject)
		if errors.Is(err, journal.ErrNoMessage) {
			continue
		}
		if err == nil {
			err = conn.Erase(ctx, collection.BadStream, m.Seq)
		}
		if err != nil {
			return fmt.Errorf("drop quarantined document %d: %w", e.ID, err)
		}
	}
	return nil
}

// sortedNames gives the names of a set.
func sortedNames(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
