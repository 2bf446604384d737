package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane/documents"
	"weir/document"
	"weir/journal"
)

// documentFlags say which document `weir wait --for document` is about.
type documentFlags struct {
	key   []string
	where string
}

func (f *documentFlags) check(what string, names []string) error {
	switch {
	case what != forDocument && (len(f.key) > 0 || f.where != ""):
		return wrongUsage("add --for document", "--key and --where say which document: they do not go with --for %s", what)
	case what == forDocument && len(names) == 0:
		return wrongUsage("write as in `weir wait acmeCo/orders --for document`", "--for document takes the names of collections")
	case len(f.key) > 0 && len(names) > 1:
		return wrongUsage("name one collection", "--key is of one collection")
	case f.where != "" && len(f.key) == 0:
		return wrongUsage("give --key as well", "--where is about the document of a key")
	}
	return nil
}

// awaitDocument waits until a collection holds a document, or the one that is meant
// as it is meant. missing says what is not so when the time runs out.
func (f *documentFlags) awaitDocument(ctx context.Context, conn *journal.Conn, r catalog.Record) (missing string, err error) {
	if r.Collection == nil {
		return "", wrongUsage("name a collection", "%s is a %s: --for document takes collections", r.Name(), r.Kind())
	}
	if len(f.key) == 0 {
		return r.Name() + " holds none", firstDocument(ctx, conn, r.Name())
	}
	c, err := publishedCollection(ctx, conn, r.Name())
	if err != nil {
		return "", err
	}
	w, err := f.watch(c)
	if err != nil {
		return "", err
	}
	defer w.combiner.Close()
	err = w.run(ctx, conn)
	if errors.Is(err, errEnough) {
		return "", nil
	}
	return w.missing(), err
}

// firstDocument waits until a collection holds a document.
func firstDocument(ctx context.Context, conn *journal.Conn, name string) error {
	reader, err := conn.NewReader(ctx, journal.ReaderConfig{Stream: collection.StreamName(name), Filter: collection.DocFilter(name), Name: "weir_wait"})
	if err != nil {
		return err
	}
	defer reader.Close()
	_, err = reader.Next(ctx)
	return err
}

// keyWatch follows the document of one key as its stored documents reduce: first
// all that are there, then one after the other.
type keyWatch struct {
	*documentFlags
	query    *documents.Query
	pointer  document.Pointer
	wanted   []*document.Doc // values of the member; nil: any document will do
	combiner *collection.Combiner
	live     bool
	fresh    bool   // documents were added since the last look
	base     []byte // the document as it reduces; nil: there is none
}

func (f *documentFlags) watch(c *collection.Collection) (*keyWatch, error) {
	w := &keyWatch{documentFlags: f}
	var err error
	if w.query, err = documents.NewQuery(c, f.key, nil); err != nil {
		return nil, &usageError{err}
	}
	if f.where != "" {
		if err := w.condition(); err != nil {
			return nil, err
		}
	}
	w.combiner = c.ForReading().NewCombiner(collection.CombinerOptions{Full: true})
	return w, nil
}

// condition reads --where. A value is JSON, or a text: 17 may be either.
func (w *keyWatch) condition() (err error) {
	at, value, ok := strings.Cut(w.where, "=")
	if !ok {
		return wrongUsage("write /pointer=value, as in --where /status=paid", "--where %s has no value", w.where)
	}
	if w.pointer, err = document.ParsePointer(at); err != nil {
		return wrongUsage("write /pointer=value, as in --where /status=paid", "--where %s: %w", w.where, err)
	}
	for _, text := range [][]byte{[]byte(value), document.AppendQuoted(nil, value)} {
		if !json.Valid(text) {
			continue
		}
		d := &document.Doc{}
		if err := d.Parse(text); err != nil {
			return wrongUsage("write /pointer=value, as in --where /status=paid", "--where %s: %w", w.where, err)
		}
		w.wanted = append(w.wanted, d)
	}
	return nil
}

// run looks when all that is there was taken, and then at each document that
// comes, so that no state of it is missed.
func (w *keyWatch) run(ctx context.Context, conn *journal.Conn) error {
	if err := w.query.Read(ctx, conn, w.take); err != nil {
		return err
	}
	if err := w.look(); err != nil {
		return err
	}
	w.live = true
	return w.query.Follow(ctx, conn, func() error { return nil }, w.take)
}

func (w *keyWatch) take(d documents.Document) error {
	w.query.After = d.Seq
	if err := w.combiner.Add(d.Data); err != nil {
		return fmt.Errorf("sequence %d: %w", d.Seq, err)
	}
	w.fresh = true
	if w.live {
		return w.look()
	}
	return nil
}

// look gives errEnough when the document is as it is wanted.
func (w *keyWatch) look() error {
	if !w.fresh {
		return nil
	}
	if w.base != nil {
		if err := w.combiner.AddBase(w.query.Key, w.base); err != nil {
			return err
		}
	}
	w.base, w.fresh = nil, false
	met := false
	err := w.combiner.Drain(func(c collection.Combined) error {
		if !c.Deleted {
			w.base, met = append([]byte(nil), c.Raw...), w.meets(c.Doc)
		}
		return nil
	})
	w.combiner.Reset()
	if err == nil && met {
		return errEnough
	}
	return err
}

func (w *keyWatch) meets(d *document.Doc) bool {
	if w.wanted == nil {
		return true
	}
	at, ok := w.pointer.Find(d, 0)
	for _, value := range w.wanted {
		if ok && document.Equal(d, at, value, 0) {
			return true
		}
	}
	return false
}

func (w *keyWatch) missing() string {
	name, key := w.query.Collection.Name, strings.Join(w.key, ", ")
	var d document.Doc
	if w.base == nil || d.Parse(w.base) != nil {
		return fmt.Sprintf("%s holds none of key %s", name, key)
	}
	at, ok := w.pointer.Find(&d, 0)
	if !ok {
		return fmt.Sprintf("the one of key %s in %s has no %s", key, name, w.pointer)
	}
	return fmt.Sprintf("%s of key %s in %s is %s", w.pointer, key, name, d.Raw(at))
}
