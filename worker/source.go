package worker

import (
	"fmt"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// source is one collection as a transform or binding reads it.
type source struct {
	key        string // of its position; a part of the collection adds which
	collection *collection.Collection
	filter     string // of what is no document, as an inbox reads; empty: documents, by selection
	selection  collection.Selection
	priority   int
	delay      time.Duration // after a message's time, before it is ready
	spec       catalog.Source
	index      int    // of the transform or binding in the task's spec
	name       string // of the transform, or of the binding's resource
	read       *flow  // counts what comes in
	noted      uint64 // round of ages in which the first input was noted; the loop's
}

// newSource describes how a source of the catalog is read.
func newSource(key string, spec catalog.Source, c *collection.Collection) (*source, error) {
	selection, err := c.Select(spec.Partitions)
	if err != nil {
		return nil, err
	}
	return &source{
		key: key, collection: c, selection: selection, spec: spec,
	}, nil
}

// feed is one reader of a source, with the message at its head. A source that
// selects logical partitions has a feed for each combination of their values:
// one consumer with several filters would be a hundred times slower.
type feed struct {
	*source
	of        int    // index of the source
	key       string // of the feed's own position
	filter    string
	selection collection.Selection
	after     uint64
	done      []progress // of earlier selections, beyond after

	reader *journal.Reader
	head   journal.Message
	filled bool
	clock  time.Time // running maximum of message times: a new leader's clock may step back
}

// progress is a position: of a selection, everything through a sequence is
// processed.
type progress struct {
	of      collection.Selection
	through uint64
}

// maxFeeds is how many readers a source has at most: a longer list of values is
// read as a whole, and what is not wanted of it is passed over.
const maxFeeds = 32

// feeds gives the readers of a source, each at its position.
func (s *source) feeds(of int, at positions) ([]*feed, error) {
	if s.filter != "" {
		return []*feed{{source: s, of: of, key: s.key, filter: s.filter, after: at[s.key]}}, nil
	}
	known, err := s.progress(at)
	if err != nil {
		return nil, err
	}
	var out []*feed
	for _, part := range s.selection.Split(maxFeeds) {
		f := &feed{source: s, of: of, key: s.positionKey(part), filter: part.Filter(), selection: part}
		for _, p := range known {
			if part.Within(p.of) {
				f.after = max(f.after, p.through)
			}
		}
		for _, p := range known {
			if p.through > f.after {
				f.done = append(f.done, p)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// positionKey names the position of a part of the source.
func (s *source) positionKey(part collection.Selection) string {
	if part.All() {
		return s.key
	}
	return s.key + partMark + part.String()
}

// partMark stands between a source's position key and the part that a position
// is of. No name holds it.
const partMark = "?"

// progress gives what was processed of the source, by whatever selections it
// had. A selection changes by publication; a document takes effect once, when
// the first selection that holds it is read.
func (s *source) progress(at positions) ([]progress, error) {
	var out []progress
	for key, through := range at {
		rest, ours := strings.CutPrefix(key, s.key)
		switch {
		case !ours:
		case rest == "":
			everything, err := s.collection.Select(nil)
			if err != nil {
				return nil, err
			}
			out = append(out, progress{everything, through})
		case strings.HasPrefix(rest, partMark):
			part, err := s.collection.ParseSelection(rest[len(partMark):])
			if err != nil {
				return nil, fmt.Errorf("position %s: %w", key, err)
			}
			out = append(out, progress{part, through})
		}
	}
	return out, nil
}

// due is when the message at the head is ready, by the clock of the sources.
// While there is none, it is the earliest that the next one can be ready.
func (f *feed) due() time.Time { return f.clock.Add(f.delay) }

// passesOver says whether the message at the head is not for this source, or
// was processed under an earlier selection.
func (f *feed) passesOver() bool {
	m := &f.head
	if !f.spec.Admits(m.Time) || !f.selection.Has(m.Subject) {
		return true
	}
	pending := false
	for _, p := range f.done {
		if m.Seq <= p.through {
			if p.of.Has(m.Subject) {
				return true
			}
			pending = true
		}
	}
	if !pending {
		f.done = nil
	}
	return false
}

func (f *feed) goesBefore(o *feed) bool {
	if f.priority != o.priority {
		return f.priority > o.priority
	}
	if a, b := f.due(), o.due(); !a.Equal(b) {
		return a.Before(b)
	}
	return f.head.Seq < o.head.Seq
}

// Read is one reader of a transform: the position that it moves, through
// documents that match Filter.
type Read struct {
	Position string // a key of Status.Positions and Status.Waits
	Filter   string // of subjects in the source's stream
}

// Reads gives the readers of a transform, whose source is c.
func Reads(t *catalog.Transform, c *collection.Collection) ([]Read, error) {
	s, err := newSource(positionKey(t.Name, t.Backfill, wholeTask, c.Name), t.Source, c)
	if err != nil {
		return nil, err
	}
	feeds, err := s.feeds(0, nil)
	out := make([]Read, len(feeds))
	for i, f := range feeds {
		out[i] = Read{f.key, f.filter}
	}
	return out, err
}
