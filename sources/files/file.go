package files

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"weir/internal/objects"
)

// headSize is how much of the beginning of a file that may grow is compared
// with what it was.
const headSize = 1 << 10

// candidate is a file that has something to read, as far as a look could tell.
type candidate struct {
	binding int
	object  objects.Object
	settled bool // it was left alone for so long that its last line counts
}

// file is one that is open.
type file struct {
	candidate
	binding     *binding
	format      format
	compression objects.Compression
	record      record // after the last document that was taken
	texts       *texts
	decode      decoder // nil: texts are documents
	scratch     []byte  // what decode gave
	close       func()
}

// decoder makes documents of texts that are not JSON.
type decoder interface {
	append(dst, text []byte) ([]byte, error)
}

// openFile opens a candidate behind what its record says was read.
func openFile(ctx context.Context, store *objects.Store, b *binding, c candidate) (f *file, err error) {
	f = &file{candidate: c, binding: b, close: func() {}}
	if f.format, err = b.resource.formatOf(c.object.Key); err != nil {
		return nil, err
	}
	if f.compression, err = b.compression(ctx, store, c.object.Key); err != nil {
		return nil, err
	}
	if !f.grows() && !f.settled {
		return nil, errUnsettled
	}
	if err := f.resume(ctx, store, b.progress.Files[c.object.Key]); err != nil {
		return nil, err
	}
	f.record.size, f.record.changed, f.record.version, f.record.done = c.object.Size, c.object.Changed.UnixNano(), c.object.Version, false
	err = f.open(ctx, store)
	if err == nil && !f.grows() && store.Replaced(c.object) {
		err = errReplaced
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// errReplaced is a file that is another one than when it was listed: read now,
// it would be read again as soon as the next look sees that it is new.
var errReplaced = errors.New("the file was replaced")

// errUnsettled is a file that somebody may be writing, and that has to be
// complete.
var errUnsettled = errors.New("the file may be incomplete")

// later says whether an error of openFile leaves the file to the next look.
func later(err error) bool {
	return objects.Missing(err) || errors.Is(err, errReplaced) || errors.Is(err, errUnsettled)
}

// resume decides where to begin: behind what was read, if that still is the
// beginning of what is there.
func (f *file) resume(ctx context.Context, store *objects.Store, was *record) error {
	if was == nil {
		return nil
	}
	var same bool
	switch {
	case f.grows():
		same = f.object.Size >= was.offset
	case was.version == f.object.Version && was.size == f.object.Size:
		f.record = *was
		return nil
	default: // it may have been incomplete
		same = !was.done && was.headLen > 0
	}
	if !same {
		return nil
	}
	head, err := f.hashHead(ctx, store, was.headLen)
	if err != nil {
		return err
	}
	if head == was.head {
		f.record = *was
	}
	return nil
}

// hashHead hashes the first n bytes of a file's content.
func (f *file) hashHead(ctx context.Context, store *objects.Store, n int64) (string, error) {
	if n == 0 {
		return "", nil
	}
	r, closing, err := content(ctx, store, f.object.Key, f.compression, 0)
	if err != nil {
		return "", err
	}
	defer closing()
	h := sha256.New()
	if _, err := io.CopyN(h, r, n); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return short(h), nil
}

// short is as much of a hash as a record keeps.
func short(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

func (f *file) open(ctx context.Context, store *objects.Store) error {
	from := int64(0)
	if f.grows() {
		from = f.record.offset
	}
	r, closing, err := content(ctx, store, f.object.Key, f.compression, from)
	if err != nil {
		return err
	}
	f.close = closing
	in := bufio.NewReaderSize(r, firstRead)
	f.texts = &texts{in: in, split: f.binding.resource.splitter(f.format), offset: from, line: f.record.line}
	if !f.grows() {
		f.texts.taken = sha256.New()
	}
	switch {
	case f.record.offset == 0:
		if f.texts.offset = skipBOM(in); f.texts.offset > 0 && f.texts.taken != nil {
			f.texts.taken.Write(bom)
		}
	case !f.grows():
		if err := f.pass(in); err != nil {
			return err
		}
	}
	switch f.format {
	case formatCSV, formatTSV:
		return f.openRows(ctx, store)
	case formatControl:
		f.decode = newParagraphs(f.binding.kinds)
	}
	return nil
}

// openRows learns the columns: from the binding, or from the file's first row.
func (f *file) openRows(ctx context.Context, store *objects.Store) error {
	r := &f.binding.resource
	names, delimiter := r.Columns, r.delimiter(f.format)
	if len(names) == 0 {
		head := f.texts
		if f.record.offset > 0 {
			in, closing, err := content(ctx, store, f.object.Key, f.compression, 0)
			if err != nil {
				return err
			}
			defer closing()
			buffered := bufio.NewReaderSize(in, firstRead)
			skipBOM(buffered)
			head = &texts{in: buffered, split: r.splitter(f.format)}
		}
		first, err := head.next()
		if errors.Is(err, io.EOF) || err == nil && first.open && !f.settled {
			return nil // an empty file, or a header that is being written
		}
		if err != nil {
			return err
		}
		if names, err = header(first.data, delimiter); err != nil {
			return &placed{first.line, err}
		}
	}
	f.decode = newRows(delimiter, names, f.binding.kinds)
	return nil
}

// pass passes over what was captured already of a file that is read as a whole.
func (f *file) pass(in *bufio.Reader) error {
	t := f.texts
	if f.format != formatJSON {
		n, err := io.CopyN(t.taken, in, f.record.offset)
		t.offset = n
		return unlessEOF(err)
	}
	// What is before says whether we are in an array.
	t.line = 0
	if t.offset = skipBOM(in); t.offset > 0 {
		t.taken.Write(bom)
	}
	for t.offset < f.record.offset {
		if _, err := t.next(); err != nil {
			return unlessEOF(err)
		}
	}
	return nil
}

// unlessEOF passes on an error other than the end of a file: one that became
// shorter just now is found by the next look.
func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// next appends the next document to dst. problem says why there is none in the
// text. io.EOF: there is no more now.
func (f *file) next(dst []byte) (out []byte, t text, problem string, err error) {
	if f.waitsForColumns() {
		return dst, t, "", io.EOF
	}
	t, err = f.texts.next()
	if err == nil && t.open && !f.settled {
		err = io.EOF
	}
	if err != nil {
		return dst, t, "", err
	}
	f.record.offset, f.record.line = t.end, t.lines
	doc := t.data
	if f.decode != nil {
		if f.scratch, err = f.decode.append(f.scratch[:0], doc); err != nil {
			return append(dst, doc...), t, err.Error(), nil //nolint:nilerr // a text that is no document is nobody's failure
		}
		doc = f.scratch
	}
	if f.binding.meta {
		return appendWithMeta(dst, doc, f.object.Key, t.offset), t, "", nil
	}
	return append(dst, doc...), t, "", nil
}

// end completes the record of a file that was read to its end.
func (f *file) end(ctx context.Context, store *objects.Store) error {
	switch {
	case !f.grows():
		f.record.done = !store.Replaced(f.object) // else it was read while somebody wrote it
	case f.waitsForColumns():
		f.record.done = f.object.Size == 0
	default:
		f.record.done = f.record.offset >= f.object.Size || f.texts.blankRest()
	}
	return f.keepHead(ctx, store)
}

// grows says whether the file can be read on where it was left.
func (f *file) grows() bool { return f.compression == objects.None && f.format.grows() }

// waitsForColumns says whether the header is still to come.
func (f *file) waitsForColumns() bool {
	return f.decode == nil && (f.format == formatCSV || f.format == formatTSV)
}

// keepHead hashes the beginning of a file that grows as soon as there is enough
// of it; and of one that is read as a whole all that was read, until it is done.
func (f *file) keepHead(ctx context.Context, store *objects.Store) error {
	if !f.grows() {
		f.record.head, f.record.headLen = "", 0
		if !f.record.done {
			f.record.head, f.record.headLen = short(f.texts.taken), f.texts.offset
		}
		return nil
	}
	n := min(f.record.offset, headSize)
	if f.record.headLen == n {
		return nil
	}
	head, err := f.hashHead(ctx, store, n)
	if err != nil {
		return err
	}
	f.record.head, f.record.headLen = head, n
	return nil
}

// blankRest says whether nothing but blanks follows the last text.
func (t *texts) blankRest() bool {
	if !t.eof {
		return false
	}
	for _, c := range t.buf[t.at:] {
		if !isBlank(c) {
			return false
		}
	}
	return true
}

// incomplete says whether an error means that the rest of a file is missing.
func incomplete(err error) bool {
	var store *storeError
	return !errors.As(err, &store) && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errCutOff))
}

// describe places an error in its file.
func (f *candidate) describe(store *objects.Store, err error) error {
	name := store.Name(f.object.Key)
	if incomplete(err) {
		err = fmt.Errorf("%w: the file is incomplete. It is read on when the rest is there; if nothing comes, mend it or move it away", err)
	}
	var at *placed
	if errors.As(err, &at) {
		return fmt.Errorf("%s:%d: %w", name, at.line, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
