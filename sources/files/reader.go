package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"weir/document"
	"weir/internal/objects"
)

const (
	firstRead = 64 << 10
	// maxText is how long a line, row, paragraph or value may be.
	maxText = document.MaxSize
)

// texts reads the texts of an open file.
type texts struct {
	in     io.Reader
	split  splitter
	buf    []byte
	at     int   // in buf: what was not given yet
	offset int64 // of buf[at], in the content
	line   int64 // lines before it
	eof    bool
	taken  hash.Hash // of the content before offset; nil: nobody asks
}

// text is what texts gives: its bytes are good until the next one.
type text struct {
	data   []byte
	offset int64 // where it begins
	line   int64 // the number of its first line
	end    int64 // behind it and what ends it
	lines  int64 // lines before end
	open   bool  // only the end of the file ends it
}

// next gives the next text that is not blank, or io.EOF.
func (t *texts) next() (text, error) {
	for {
		found, err := t.split.split(t.buf[t.at:], t.eof)
		switch {
		case err == nil:
			if out, ok := t.take(found); ok {
				return out, nil
			}
		case !errors.Is(err, errMore):
			return text{}, t.place(err)
		case t.eof:
			return text{}, io.EOF
		default:
			if err := t.more(); err != nil {
				return text{}, err
			}
		}
	}
}

// place says on which line a splitter gave up.
func (t *texts) place(err error) error {
	line := t.line + 1
	var at *splitError
	if errors.As(err, &at) {
		line += int64(bytes.Count(t.buf[t.at:t.at+at.at], newline))
	}
	return &placed{line, err}
}

// take moves on behind a text.
func (t *texts) take(found span) (out text, ok bool) {
	data := t.buf[t.at:]
	out = text{data: data[found.begin:found.end], offset: t.offset + int64(found.begin), open: found.open}
	out.line = t.line + int64(bytes.Count(data[:found.begin], newline)) + 1
	t.line += int64(bytes.Count(data[:found.next], newline))
	if t.taken != nil {
		t.taken.Write(data[:found.next])
	}
	t.offset += int64(found.next)
	t.at += found.next
	out.end, out.lines = t.offset, t.line
	return out, len(out.data) > 0
}

var newline = []byte("\n")

// more reads on.
func (t *texts) more() error {
	if t.at > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[t.at:])]
		t.at = 0
	}
	if len(t.buf) > maxText {
		return &placed{t.line + 1, fmt.Errorf("a text here is longer than %d MiB: is it the right format?", maxText>>20)}
	}
	if len(t.buf) == cap(t.buf) {
		t.buf = append(make([]byte, 0, max(firstRead, 2*cap(t.buf))), t.buf...)
	}
	n, err := t.in.Read(t.buf[len(t.buf):cap(t.buf)])
	t.buf = t.buf[:len(t.buf)+n]
	if errors.Is(err, io.EOF) {
		t.eof = true
		return nil
	}
	return err
}

// placed is an error at a line of a file.
type placed struct {
	line int64
	err  error
}

func (e *placed) Error() string { return e.err.Error() }
func (e *placed) Unwrap() error { return e.err }

// content opens a file and takes its compression off. A file that is not
// compressed is opened at an offset.
func content(ctx context.Context, store *objects.Store, key string, c objects.Compression, from int64) (io.Reader, func(), error) {
	raw, err := store.Read(ctx, key, from)
	if err != nil {
		return nil, nil, &storeError{err}
	}
	plain, err := objects.Decompress(bufio.NewReaderSize(storeReader{raw}, firstRead), c)
	if err != nil {
		raw.Close()
		if errors.Is(err, io.EOF) { // an empty file
			return bytes.NewReader(nil), func() {}, nil
		}
		return nil, nil, err
	}
	finish := func() {
		plain.Close()
		raw.Close()
	}
	return plain, finish, nil
}

// bom begins some files of UTF-8.
var bom = []byte("\xef\xbb\xbf")

// skipBOM passes over a byte order mark, and says how long it was.
func skipBOM(r *bufio.Reader) int64 {
	if head, _ := r.Peek(len(bom)); bytes.Equal(head, bom) { // what cannot be read fails again later
		n, _ := r.Discard(len(bom))
		return int64(n)
	}
	return 0
}

// storeError is trouble with the place where a file is, not with its content.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// storeReader marks what a store's reader says.
type storeReader struct{ io.Reader }

func (r storeReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it bare
		err = &storeError{err}
	}
	return n, err
}
