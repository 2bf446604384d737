package http

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"weir/collection"
	"weir/document"
	"weir/sources"
)

const (
	// leastBuffer is what a body of unknown length is read into first, and
	// mostAtOnce what is set aside before any of it has come: a client that
	// announces much and sends nothing holds no more than that.
	leastBuffer = 4 << 10
	mostAtOnce  = 256 << 10
	nodeBytes   = 20 // that a parsed value takes, beside its text
	maxFaults   = 50 // invalid documents that an answer names
)

var (
	errBusy     = errors.New("no memory left for more requests")
	errTooLarge = errors.New("the body is larger than allowed")
)

// tooMuch is a request that takes more memory than all together may.
type tooMuch struct{ limit int64 }

func (e *tooMuch) Error() string {
	return fmt.Sprintf("the request takes more than %d bytes of memory once it is parsed: send several requests, or raise maxPendingBytes of the endpoint", e.limit)
}

// budget bounds what the unanswered requests of a capture take in memory.
type budget struct {
	limit int64
	used  atomic.Int64
}

// hold is the part of a budget that one request has.
type hold struct {
	budget *budget
	bytes  int64
}

func (h *hold) grow(n int) error {
	if h.bytes+int64(n) > h.budget.limit {
		return &tooMuch{h.budget.limit}
	}
	if h.budget.used.Add(int64(n)) > h.budget.limit {
		h.budget.used.Add(-int64(n))
		return errBusy
	}
	h.bytes += int64(n)
	return nil
}

func (h *hold) release() {
	h.budget.used.Add(-h.bytes)
	h.bytes = 0
}

// read reads all of r, at most limit bytes, of which size are announced; -1:
// nobody said.
func (h *hold) read(r io.Reader, size int64, limit int) ([]byte, error) {
	if size > int64(limit) {
		return nil, errTooLarge
	}
	room := leastBuffer
	if size >= 0 {
		room = int(min(size, mostAtOnce)) + 1 // one more, to see the end
	}
	if err := h.grow(room); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, room)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		more := min(2*cap(buf), limit+1)
		if err := h.grow(more - cap(buf)); err != nil {
			return nil, err
		}
		buf = append(make([]byte, 0, more), buf...)
	}
}

// unzip unpacks a body, at most limit bytes of it.
func (h *hold) unzip(pool *sync.Pool, packed []byte, limit int) ([]byte, error) {
	in := bytes.NewReader(packed)
	z, ok := pool.Get().(*gzip.Reader)
	var err error
	if ok {
		err = z.Reset(in)
	} else {
		z, err = gzip.NewReader(in)
	}
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	defer pool.Put(z)
	body, err := h.read(z, -1, limit)
	var much *tooMuch
	if err != nil && !errors.Is(err, errBusy) && !errors.Is(err, errTooLarge) && !errors.As(err, &much) {
		err = fmt.Errorf("gzip: %w", err)
	}
	return body, err
}

// syntaxError says where a body is no JSON.
type syntaxError struct {
	Index  int // of the document
	Offset int // in the body, in bytes from 0
	Line   int // from 1
	Column int // from 1, in characters
	Reason string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("document %d is no JSON: line %d, column %d (byte %d): %s", e.Index, e.Line, e.Column, e.Offset, e.Reason)
}

// tooMany and tooBig are requests that no transaction or no message holds.
type tooMany struct{ limit int }

func (e *tooMany) Error() string {
	return fmt.Sprintf("a request may hold at most %d documents: send several", e.limit)
}

type tooBig struct{ index, size, limit int }

func (e *tooBig) Error() string {
	return fmt.Sprintf("document %d has %d bytes, but one document may have at most %d: divide it, or raise the NATS server's max_payload", e.index, e.size, e.limit)
}

// fault is an invalid document of a request.
type fault struct {
	Index   int    `json:"index"`          // of the document in the request, from 0
	Line    int    `json:"line,omitempty"` // from 1, of a body of lines
	Pointer string `json:"pointer"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// intake turns the body of one request into checked documents.
type intake struct {
	checker *collection.Checker
	limits  sources.Limits
	hold    *hold
	meta    *metadata // nil: documents stay as they came

	doc     document.Doc // that was parsed last
	placed  []sources.Placed
	free    []document.Node // room for the nodes of documents to come
	bytes   int             // of documents' texts
	faults  []fault
	invalid int
}

// document takes a body that is one document, or an array of them.
func (in *intake) document(body []byte) error {
	rest := bytes.TrimLeft(body, " \t\r\n")
	if len(rest) > 0 && rest[0] == '[' {
		return in.array(body, len(body)-len(rest)+1)
	}
	in.placed = make([]sources.Placed, 0, 1)
	if _, err := in.parse(body, false); err != nil {
		return in.syntax(body, 0, err)
	}
	return in.add(0)
}

// array takes the elements of the array whose bracket is before at.
func (in *intake) array(body []byte, at int) error {
	in.meta.several()
	at += space(body[at:])
	if at < len(body) && body[at] == ']' {
		return in.end(body, at+1)
	}
	for {
		end, err := in.parse(body[at:], true)
		if err != nil {
			return in.syntax(body, at, err)
		}
		if err := in.add(0); err != nil {
			return err
		}
		at += end
		at += space(body[at:])
		switch {
		case at < len(body) && body[at] == ',':
			at++
		case at < len(body) && body[at] == ']':
			return in.end(body, at+1)
		default:
			return in.misplaced(body, at, "expected ',' or ']' after an element of the array")
		}
	}
}

func (in *intake) end(body []byte, at int) error {
	if at += space(body[at:]); at < len(body) {
		return in.misplaced(body, at, "expected nothing after the array")
	}
	return nil
}

// lines takes a document from each line that is not blank.
func (in *intake) lines(body []byte) error {
	in.meta.several()
	in.placed = make([]sources.Placed, 0, min(bytes.Count(body, []byte{'\n'})+1, in.limits.Documents))
	for at, number := 0, 1; at < len(body); number++ {
		line := body[at:]
		next := len(body)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line, next = line[:end], at+end+1
		}
		begin := space(line)
		if line = bytes.TrimRight(line[begin:], " \t\r"); len(line) > 0 {
			if _, err := in.parse(line, false); err != nil {
				return in.syntax(body, at+begin, err)
			}
			if err := in.add(number); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

func space(b []byte) int { return len(b) - len(bytes.TrimLeft(b, " \t\r\n")) }

// parse parses a text, or the value that it begins with, into doc. Nodes go
// where there is room, so that a request of many documents makes few
// allocations.
func (in *intake) parse(text []byte, prefix bool) (end int, err error) {
	if cap(in.free) == 0 {
		in.free = make([]document.Node, 0, min(max(len(text)/6+8, 16), 4096))
	}
	d := &in.doc
	d.Nodes = in.free
	if prefix {
		end, err = d.ParsePrefix(text)
	} else {
		err = d.Parse(text)
	}
	if err != nil {
		return 0, err
	}
	n := len(d.Nodes)
	if cap(d.Nodes) == cap(in.free) {
		in.free = d.Nodes[n:n:cap(d.Nodes)]
	} else {
		in.free = nil // it had to grow, into memory of its own
	}
	d.Nodes = d.Nodes[:n:n]
	return end, in.hold.grow(n * nodeBytes)
}

// add checks the document that was parsed last. Its fault is kept, and the
// others are checked too.
func (in *intake) add(line int) error {
	index := len(in.placed) + in.invalid
	if index >= in.limits.Documents {
		return &tooMany{in.limits.Documents}
	}
	var err error
	if in.meta != nil {
		err = in.describe(index)
	}
	if size := len(in.doc.Raw(0)); err == nil && size > in.limits.DocumentBytes {
		return &tooBig{index, size, in.limits.DocumentBytes}
	}
	var subject []byte
	if err == nil {
		subject, err = in.checker.Place(&in.doc)
	}
	var invalid *collection.Invalid
	switch {
	case errors.As(err, &invalid):
		if in.invalid++; len(in.faults) < maxFaults {
			in.faults = append(in.faults, fault{Index: index, Line: line, Pointer: invalid.Pointer, Rule: invalid.Rule, Message: invalid.Message})
		}
		return nil
	case err != nil:
		return err
	}
	in.bytes += len(in.doc.Raw(0))
	in.placed = append(in.placed, sources.Placed{Doc: in.doc, Subject: string(subject)})
	return nil
}

// describe puts what is wanted of the request into the document.
func (in *intake) describe(index int) error {
	text, err := in.meta.into(&in.doc, index)
	if err != nil {
		return err
	}
	if err := in.hold.grow(len(text)); err != nil {
		return err
	}
	_, err = in.parse(text, false)
	return err
}

// syntax places a parser's error in the whole body.
func (in *intake) syntax(body []byte, at int, err error) error {
	var syntax *document.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	return in.misplaced(body, at+syntax.Offset, syntax.Reason)
}

func (in *intake) misplaced(body []byte, at int, reason string) error {
	before := body[:at]
	line := bytes.LastIndexByte(before, '\n') + 1
	return &syntaxError{
		Index: len(in.placed) + in.invalid, Offset: at, Line: bytes.Count(before, []byte{'\n'}) + 1,
		Column: utf8.RuneCount(before[line:]) + 1, Reason: reason,
	}
}
