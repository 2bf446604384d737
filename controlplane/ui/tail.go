package ui

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"weir/controlplane/api"
)

const (
	tailPause  = 400 * time.Millisecond // between two events of a collection's tail
	tailBehind = 10 * time.Second       // age of a document from which on reading all between it and now is no use
)

// errBehind ends reading that does not keep up with what comes.
var errBehind = errors.New("what is read came long ago")

// batch is the newest documents of those that came, and how many are left out.
type batch struct {
	Documents []api.Document // oldest first
	Skipped   uint64         // older than those
	About     bool           // fewer may be skipped: markers are counted, too
	From      uint64         // sequence from which on documents are skipped
}

// tail is what a browser has not got yet of a collection that it follows. It
// holds no more than a page shows, however much comes between two events.
type tail struct {
	came chan struct{} // one slot

	mu     sync.Mutex
	batch  batch
	read   uint64 // sequence of the last document
	jumped time.Time
}

// add takes the next document.
func (t *tail) add(d api.Document) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := len(t.batch.Documents) == shownDocuments
	if full && time.Since(d.Time) > tailBehind && time.Since(t.jumped) > tailBehind {
		return errBehind
	}
	if full {
		t.skip(t.batch.Documents[0].Seq, 1)
		t.batch.Documents = append(t.batch.Documents[:0], t.batch.Documents[1:]...)
	}
	t.push(d)
	return nil
}

// jump goes on with the newest documents. Nobody counts those before them: there
// are at most as many as sequences.
func (t *tail) jump(newest []api.Document) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jumped = time.Now()
	if len(newest) == 0 || newest[0].Seq <= t.read+1 {
		return // they are read in a moment
	}
	if held := t.batch.Documents; len(held) > 0 {
		t.skip(held[0].Seq, uint64(len(held)))
	}
	t.skip(t.read+1, newest[0].Seq-t.read-1)
	t.batch.About, t.batch.Documents = true, nil
	for _, d := range newest {
		t.push(d)
	}
}

func (t *tail) skip(from, count uint64) {
	if t.batch.Skipped == 0 {
		t.batch.From = from
	}
	t.batch.Skipped += count
}

func (t *tail) push(d api.Document) {
	t.batch.Documents, t.read = append(t.batch.Documents, d), d.Seq
	select {
	case t.came <- struct{}{}:
	default:
	}
}

func (t *tail) take() batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.batch
	t.batch = batch{}
	return b
}

// collectionEvents follows a collection from behind the newest document that
// the browser has.
func (u *UI) collectionEvents(v *visit, s *stream) error {
	name := v.r.PathValue("name")
	ctx, cancel := context.WithCancel(v.r.Context())
	defer cancel()
	t := &tail{came: make(chan struct{}, 1), read: s.after(v)}
	failed := make(chan error, 2)
	go func() { failed <- u.readTail(ctx, name, t) }()
	go func() { failed <- u.sendTail(ctx, name, t, s) }()
	err := <-failed
	cancel()
	return errors.Join(err, <-failed)
}

// readTail reads what comes; where it is far behind, as after a night, it goes
// on with what is newest.
func (u *UI) readTail(ctx context.Context, name string, t *tail) error {
	for {
		err := u.o.Reads.Follow(ctx, name, t.read, t.add)
		if !errors.Is(err, errBehind) {
			return err
		}
		a, err := u.o.Reads.Documents(ctx, api.ReadRequest{Collection: name, Limit: shownDocuments, Newest: true})
		if err != nil {
			return err
		}
		t.jump(a.Documents)
	}
}

// sendTail sends what came, a few times a second and many documents at once: a
// browser that lays out each of them alone stands still with a busy collection.
func (u *UI) sendTail(ctx context.Context, name string, t *tail, s *stream) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.came:
		}
		b := t.take()
		if n := len(b.Documents); n > 0 {
			html, err := u.tailRows(name, b)
			if err == nil {
				err = s.rows("documents", html, b.Documents[n-1].Seq, uint64(n)+b.Skipped)
			}
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tailPause):
		}
	}
}

// tailRows renders documents, the newest first, and what is left out below
// them.
func (u *UI) tailRows(name string, b batch) (string, error) {
	var rows strings.Builder
	for i := len(b.Documents) - 1; i >= 0; i-- {
		html, err := u.pages.fragment("collection", "document", rowOf(name, b.Documents[i]))
		if err != nil {
			return "", err
		}
		rows.WriteString(html)
	}
	if b.Skipped > 0 {
		html, err := u.pages.fragment("collection", "skipped", b)
		if err != nil {
			return "", err
		}
		rows.WriteString(html)
	}
	return rows.String(), nil
}
