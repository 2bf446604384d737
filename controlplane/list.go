package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// Listed is one published spec, with what is known of it without its worker.
type Listed struct {
	Kind        catalog.Kind `json:"kind"` // collection, capture or materialization
	Name        string       `json:"name"`
	Task        catalog.Kind `json:"task"` // kind of its task: an inbox, where a collection is not derived
	Catalog     string       `json:"catalog"`
	Publication string       `json:"publication"`
	Published   time.Time    `json:"published"`
	Disabled    bool         `json:"disabled,omitempty"`
	Reads       []string     `json:"reads,omitempty"`  // collections
	Writes      []string     `json:"writes,omitempty"` // collections, of a capture
	ReadBy      []Task       `json:"readBy,omitempty"` // of a collection
	WrittenBy   []Task       `json:"writtenBy,omitempty"`
	Stream      *StreamStats `json:"stream,omitempty"` // of a collection; none: it is gone
}

// StreamStats are figures of a collection's stream.
type StreamStats struct {
	Name      string    `json:"name"`
	Documents uint64    `json:"documents"` // messages but for those of transactions
	Bytes     uint64    `json:"bytes"`
	First     uint64    `json:"first"` // sequence
	Last      uint64    `json:"last"`
	Created   time.Time `json:"created"`
}

// List gives all that is published, sorted by name.
func List(ctx context.Context, conn *journal.Conn) ([]Listed, error) {
	records, err := Records(ctx, conn)
	if err != nil {
		return nil, err
	}
	streams, err := conn.Streams(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]journal.StreamInfo{}
	for _, s := range streams {
		byName[s.Name] = s
	}
	out := listed(records)
	for i := range out {
		if out[i].Kind != catalog.KindCollection {
			continue
		}
		info, ok := byName[collection.StreamName(out[i].Name)]
		if !ok {
			continue
		}
		if out[i].Stream, err = streamStats(ctx, conn, out[i].Name, info); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Described is one published spec with all that is known of it.
type Described struct {
	Listed
	Record  catalog.Record       `json:"record"`
	Control *catalog.Control     `json:"control,omitempty"` // what was said of its task last
	Last    *catalog.Publication `json:"last,omitempty"`    // the publication that wrote it, where it is kept
}

// Describe gives what is published under a name: a name may be that of a
// collection in one catalog and of a task in another.
func Describe(ctx context.Context, conn *journal.Conn, name string) ([]Described, error) {
	bucket, now, err := openPublished(ctx, conn)
	if err != nil {
		return nil, err
	}
	keys := keysOf(now.records, name)
	if len(keys) == 0 {
		return nil, unknownName(now.records, name)
	}
	slices.Sort(keys)
	chain, err := readChain(ctx, conn)
	if err != nil {
		return nil, err
	}
	all := listed(slices.Collect(maps.Values(now.records)))
	var out []Described
	for _, key := range keys {
		r := now.records[key]
		d := Described{Record: r}
		for _, l := range all {
			if l.Kind == r.Kind() && l.Name == name {
				d.Listed = l
			}
		}
		if d.Control, err = readControl(ctx, bucket, Task{d.Task, name}); err != nil {
			return nil, err
		}
		for _, e := range chain {
			if e.ID == r.Publication {
				d.Last = &e.Publication
			}
		}
		if r.Kind() == catalog.KindCollection {
			info, err := conn.StreamInfo(ctx, collection.StreamName(name))
			if err == nil {
				d.Stream, err = streamStats(ctx, conn, name, info)
			}
			if err != nil && !errors.Is(err, journal.ErrNoStream) {
				return nil, err
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// listed gives the specs with what they say of each other.
func listed(records []catalog.Record) []Listed {
	readBy, writtenBy := map[string][]Task{}, map[string][]Task{}
	for _, r := range records {
		t := Task{r.TaskKind(), r.Name()}
		for _, name := range r.Reads() {
			readBy[name] = append(readBy[name], t)
		}
		for _, name := range r.Writes() {
			if t.Kind != catalog.KindInbox {
				writtenBy[name] = append(writtenBy[name], t)
			}
		}
	}
	var out []Listed
	for _, r := range records {
		l := Listed{
			Kind: r.Kind(), Name: r.Name(), Task: r.TaskKind(), Catalog: r.Catalog, Publication: r.Publication,
			Published: publishedAt(r.Publication), Disabled: r.Disabled(), Reads: r.Reads(),
		}
		switch l.Kind {
		case catalog.KindCollection:
			l.ReadBy, l.WrittenBy = sorted(readBy[l.Name]), sorted(writtenBy[l.Name])
		case catalog.KindCapture:
			l.Writes = r.Writes()
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Listed) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind)) })
	return out
}

func sorted(tasks []Task) []Task {
	slices.SortFunc(tasks, func(a, b Task) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind)) })
	return tasks
}

// publishedAt reads the time that a publication's identifier begins with; the
// zero time where it has none.
func publishedAt(id string) time.Time {
	const layout = "20060102T150405.000Z"
	if len(id) < len(layout) {
		return time.Time{}
	}
	at, err := time.Parse(layout, id[:len(layout)])
	if err != nil {
		return time.Time{}
	}
	return at
}

// streamStats counts what is in a stream: its messages without the markers.
func streamStats(ctx context.Context, conn *journal.Conn, name string, info journal.StreamInfo) (*StreamStats, error) {
	subjects, err := conn.Subjects(ctx, info.Name, collection.MarkersFilter(name))
	if err != nil {
		return nil, fmt.Errorf("markers of %s: %w", name, err)
	}
	var markers uint64
	for _, n := range subjects {
		markers += n
	}
	s := &StreamStats{Name: info.Name, Bytes: info.Bytes, First: info.First, Last: info.Last, Created: info.Created}
	if info.Messages > markers {
		s.Documents = info.Messages - markers
	}
	return s, nil
}
