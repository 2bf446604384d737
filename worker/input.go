package worker

import (
	"context"
	"fmt"
	"time"

	"weir/collection"
	"weir/document"
	"weir/journal"
)

// input is a message of a collection on its way into a transaction.
type input struct {
	source  int // index of the source that it came from
	message journal.Message
}

// source is one collection as a transform or binding reads it.
type source struct {
	key        string // of its position
	collection *collection.Collection
	filter     string
	priority   int
	index      int // of the transform or binding in the task's spec

	reader *journal.Reader
	head   journal.Message
	filled bool
	clock  time.Time // running maximum of message times: a new leader's clock may step back
}

// merge reads the sources of a task: a higher priority first, then the older
// message, then the lower sequence. While a source has messages that have not
// arrived yet, the others wait for it, so that a replay gives nearly the same
// order.
type merge struct {
	sources []*source
	nudge   chan struct{}
}

// openMerge starts a reader for each source behind its position.
func openMerge(ctx context.Context, conn *journal.Conn, task, token string, sources []*source, at positions, buffer int) (*merge, error) {
	m := &merge{sources: sources, nudge: make(chan struct{}, 1)}
	for _, s := range sources {
		reader, err := conn.NewReader(ctx, journal.ReaderConfig{
			Stream:   collection.StreamName(s.collection.Name),
			Filter:   s.filter,
			After:    at[s.key],
			Name:     collection.ConsumerName(task, token),
			Buffer:   buffer / len(sources),
			Wake:     m.nudge,
			Metadata: map[string]string{"weir.kind": "reader", "weir.catalog-name": task},
		})
		if err != nil {
			m.close()
			return nil, fmt.Errorf("read %s: %w", s.collection.Name, err)
		}
		s.reader, s.filled, s.clock = reader, false, time.Time{}
	}
	return m, nil
}

func (m *merge) close() {
	for _, s := range m.sources {
		if s.reader != nil {
			s.reader.Close()
		}
	}
}

func (m *merge) wake() <-chan struct{} { return m.nudge }

func (m *merge) next() (input, bool, error) {
	best, waiting := -1, false
	for i, s := range m.sources {
		if err := s.fill(); err != nil {
			return input{}, false, err
		}
		if !s.filled {
			waiting = waiting || !s.reader.CaughtUp()
			continue
		}
		if best < 0 || s.goesBefore(m.sources[best]) {
			best = i
		}
	}
	if best < 0 || waiting {
		return input{}, false, nil
	}
	s := m.sources[best]
	s.filled = false
	return input{source: best, message: s.head}, true, nil
}

func (s *source) fill() (err error) {
	if s.filled {
		return nil
	}
	if s.head, s.filled, err = s.reader.TryNext(); err != nil {
		return fmt.Errorf("read %s: %w", s.collection.Name, err)
	}
	if s.filled && s.head.Time.After(s.clock) {
		s.clock = s.head.Time
	}
	return nil
}

func (s *source) goesBefore(o *source) bool {
	if s.priority != o.priority {
		return s.priority > o.priority
	}
	if !s.clock.Equal(o.clock) {
		return s.clock.Before(o.clock)
	}
	return s.head.Seq < o.head.Seq
}

// lag is the number of messages that wait for the task, but for the one of
// each source that is at the head. It may be called from any goroutine.
func (m *merge) lag() uint64 {
	var n uint64
	for _, s := range m.sources {
		n += s.reader.Pending()
	}
	return n
}

// decoder reads messages of one collection into a document and checks them.
type decoder struct {
	collection *collection.Collection
	checker    *collection.Checker
	doc        document.Doc
}

func newDecoder(c *collection.Collection) *decoder {
	return &decoder{collection: c, checker: c.Checker()}
}

// decode gives the message's document, which is valid until the next call.
// The error is a *collection.Invalid when the message is at fault.
func (d *decoder) decode(m *journal.Message) (*document.Doc, error) {
	if err := d.doc.Parse(m.Data); err != nil {
		return nil, d.place(m, collection.NotJSON(d.collection.Name, m.Data, err))
	}
	if err := d.checker.Check(&d.doc, m.Subject); err != nil {
		return nil, d.place(m, err)
	}
	return &d.doc, nil
}

// place adds where the message stands.
func (d *decoder) place(m *journal.Message, err error) error {
	var invalid *collection.Invalid
	if asInvalid(err, &invalid) {
		invalid.Subject, invalid.Seq = m.Subject, m.Seq
	}
	return err
}
