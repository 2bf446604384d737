package files

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"weir/internal/objects"
	"weir/sources"
)

const (
	// batchDocuments and batchBytes bound a batch: it has to fit into one
	// transaction, and a transaction takes several.
	batchDocuments = 500
	batchBytes     = 1 << 20
)

// errClosed is what a closed session gives.
var errClosed = errors.New("files: the session is closed")

// session reads the files of one capture, the oldest first.
type session struct {
	store    *objects.Store
	bindings []*binding
	interval time.Duration
	settle   time.Duration
	now      func() time.Time
	log      *zap.Logger

	ctx   context.Context // of the session: files stay open between pulls
	end   context.CancelFunc
	close sync.Once

	// Of Pull, which is never called twice at a time.
	queue   []candidate     // found by a look, oldest first
	open    *file           // nil: the first of the queue is next
	reading context.Context // of the open file; a pull whose context ends ends it
	cancel  context.CancelFunc
	looked  time.Time       // when the last look began
	change  change          // not given to anybody yet
	failed  error           // to be returned once what was read before it is given
	denied  map[string]bool // folders that may not be read and were told of
}

// Pull gives what is there, and waits for the next look when nothing is.
func (s *session) Pull(ctx context.Context) (sources.Batch, error) {
	for {
		if err := cmpErr(ctx.Err(), s.ctx.Err()); err != nil {
			return sources.Batch{}, err
		}
		if err := s.failed; err != nil {
			return sources.Batch{}, err
		}
		b, err := s.read(ctx)
		if err != nil || len(b.Documents) > 0 || b.State != nil {
			return b, err
		}
		if err := s.wait(ctx); err != nil {
			return sources.Batch{}, err
		}
		if err := s.lookAll(ctx); err != nil {
			return sources.Batch{}, err
		}
	}
}

// cmpErr is the caller's context's error, or that the session is closed.
func cmpErr(caller, session error) error {
	if caller == nil && session != nil {
		return errClosed
	}
	return caller
}

// wait waits until it is time to look.
func (s *session) wait(ctx context.Context) error {
	if s.looked.IsZero() {
		return nil
	}
	timer := time.NewTimer(time.Until(s.looked.Add(s.interval)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return errClosed
	case <-timer.C:
		return nil
	}
}

func (s *session) lookAll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	s.looked = time.Now()
	var found candidates
	for _, b := range s.bindings {
		b.floor = math.MaxInt64
	}
	for _, b := range s.bindings {
		if err := s.look(ctx, b, &found); err != nil {
			if closed := cmpErr(ctx.Err(), s.ctx.Err()); closed != nil {
				return closed
			}
			return explain(s.store.String(), err)
		}
	}
	s.queue = found
	slices.SortFunc(s.queue, func(a, b candidate) int { return a.compare(&b) })
	return nil
}

// read fills a batch from the files of the queue.
func (s *session) read(ctx context.Context) (sources.Batch, error) {
	b := batch{}
	for len(s.queue) > 0 && !b.full() {
		done, err := s.readFile(ctx, &b)
		if err != nil && ctx.Err() == nil && s.ctx.Err() == nil {
			s.failed = s.explain("", s.queue[0].describe(s.store, err))
		}
		if err != nil {
			s.closeFile()
			break
		}
		if done {
			s.queue = s.queue[1:]
		}
	}
	s.fold()
	if !s.change.empty() {
		patch, err := s.change.patch()
		if err != nil {
			return sources.Batch{}, err
		}
		b.out.State, b.out.Merge = patch, true
		s.change = change{}
	}
	if len(b.out.Documents) == 0 && b.out.State == nil {
		return sources.Batch{}, firstError(s.failed, cmpErr(ctx.Err(), s.ctx.Err()))
	}
	b.out.Origin = b.origin
	return b.out, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readFile reads of the file that is next until the batch is full or the file
// ends.
func (s *session) readFile(ctx context.Context, b *batch) (done bool, err error) {
	if gone, err := s.openNext(); err != nil || gone {
		return gone, err
	}
	defer context.AfterFunc(ctx, s.cancel)()
	f := s.open
	for !b.full() && err == nil {
		err = b.add(f)
	}
	if errors.Is(err, io.EOF) {
		done, err = true, f.end(s.ctx, s.store)
	} else {
		err = firstError(err, f.keepHead(s.ctx, s.store))
	}
	s.note(f)
	if done && err == nil {
		s.closeFile()
	}
	return done, err
}

// openNext opens the file that is next, unless it is open already. gone says
// that the file that was there when we looked is there no more.
func (s *session) openNext() (gone bool, err error) {
	if s.open != nil && s.reading.Err() == nil {
		return false, nil
	}
	s.closeFile()
	next := s.queue[0]
	s.reading, s.cancel = context.WithCancel(s.ctx)
	s.open, err = openFile(s.reading, s.store, s.bindings[next.binding], next)
	if err != nil {
		s.open = nil
		s.cancel()
		if later(err) {
			s.bindings[next.binding].leave(&next)
			return true, nil
		}
		return false, err
	}
	return false, nil
}

// note takes a file's record over, if it says something new.
func (s *session) note(f *file) {
	files := f.binding.progress.Files
	if was := files[f.object.Key]; was != nil && *was == f.record {
		return
	}
	r := f.record
	files[f.object.Key] = &r
	s.change.set(f.binding.stateKey, f.object.Key, &r)
}

func (s *session) closeFile() {
	if s.open != nil {
		s.open.close()
		s.cancel()
		s.open = nil
	}
}

// fold keeps the state small.
func (s *session) fold() {
	for _, b := range s.bindings {
		floor := b.floor
		for i := range s.queue { // sorted: the first is the oldest
			if c := &s.queue[i]; c.binding == b.index && b.progress.Files[c.object.Key] == nil {
				floor = min(floor, c.object.Changed.UnixNano())
				break
			}
		}
		for _, name := range b.progress.fold(s.now(), floor) {
			s.change.set(b.stateKey, name, nil)
			s.change.mark(b.stateKey, b.progress.Mark)
		}
	}
}

// explain marks trouble that passes by itself.
func (s *session) explain(place string, err error) error {
	return explain(place, err)
}

// Acknowledge has nothing to do: files stay where they are.
func (s *session) Acknowledge(ctx context.Context, _ int) error { return ctx.Err() }

// Close ends the session.
func (s *session) Close() error {
	var err error
	s.close.Do(func() {
		s.end()
		err = s.store.Close()
	})
	return err
}

// batch is a batch that is being filled.
type batch struct {
	out    sources.Batch
	chunk  []byte // documents are laid into it, one behind the other
	bytes  int
	places []place
}

// place is where a document was.
type place struct {
	file string
	line int64
}

func (b *batch) full() bool {
	return len(b.out.Documents) >= batchDocuments || b.bytes >= batchBytes
}

// chunkSize is what documents are laid into.
const chunkSize = 128 << 10

// add takes the next document of a file.
func (b *batch) add(f *file) error {
	if cap(b.chunk)-len(b.chunk) < chunkSize/16 {
		b.chunk = make([]byte, 0, chunkSize)
	}
	start := len(b.chunk)
	out, t, problem, err := f.next(b.chunk)
	if err != nil {
		return err
	}
	b.chunk = out
	doc := out[start:len(out):len(out)]
	b.bytes += len(doc)
	b.out.Documents = append(b.out.Documents, sources.Document{Binding: f.binding.index, Data: doc, Problem: problem})
	b.places = append(b.places, place{f.object.Key, t.line})
	return nil
}
