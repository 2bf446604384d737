package sqlite

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	lib "modernc.org/sqlite/lib"

	"weir/document"
	"weir/sinks"
)

// kind is a type of SQLite's.
type kind uint8

const (
	kindNull kind = iota
	kindInteger
	kindReal
	kindText
	kindBlob
)

// static tells SQLite that a text or blob stays where it is while it is bound.
const static = 0

// value is what a parameter is bound to.
type value struct {
	kind    kind
	integer int64
	real    float64
	from    int // and to: of a text or blob, within the call's buffer
	to      int
	text    []byte // of a default that is a text or blob
}

// value converts a node of a document. Texts and blobs are appended to buf.
func (f *field) value(buf []byte, d *document.Doc, i uint32) (value, []byte) {
	from := len(buf)
	text := func(k kind) (value, []byte) { return value{kind: k, from: from, to: len(buf)}, buf }
	switch d.Nodes[i].Kind {
	case document.Null:
		return value{}, buf
	case document.False, document.True:
		return value{kind: kindInteger, integer: int64(d.Nodes[i].Kind - document.False)}, buf
	case document.Integer, document.Number:
		if v, ok := number(peek(d.Text(i))); ok {
			return v, buf
		}
		buf = append(buf, d.Text(i)...) // beyond SQLite's numbers: its digits are kept
		return text(kindText)
	case document.String:
		buf = d.AppendString(buf, i)
		if f.numeric != "" {
			if v, ok := formatted(peek(buf[from:]), f.numeric); ok {
				return v, buf[:from]
			}
		}
		if f.base64 {
			if blob, err := base64.StdEncoding.AppendDecode(nil, buf[from:]); err == nil {
				buf = append(buf[:from], blob...)
				return text(kindBlob)
			}
		}
		return text(kindText)
	default:
		buf = append(buf, d.Raw(i)...)
		return text(kindText)
	}
}

// number converts a JSON number: integers stay integers.
func number(text string) (value, bool) {
	if !strings.ContainsAny(text, ".eE") {
		n, err := strconv.ParseInt(text, 10, 64)
		return value{kind: kindInteger, integer: n}, err == nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return value{kind: kindReal, real: f}, err == nil && !math.IsInf(f, 0)
}

// formatted converts a string of the format integer or number.
func formatted(text, format string) (value, bool) {
	if strings.Trim(text, "+-.0123456789eE") != "" || text == "" {
		return value{}, false // what only Go takes for a number, and what is infinite
	}
	if !strings.ContainsAny(text, ".eE") {
		n, err := strconv.ParseInt(text, 10, 64)
		return value{kind: kindInteger, integer: n}, err == nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return value{kind: kindReal, real: f}, err == nil && format == "number" && !math.IsInf(f, 0)
}

// load converts the fields of a document that a transform uses.
func (t *transform) load(db *DB, d *document.Doc, published time.Time) error {
	buf := db.buf[:0]
	for i := range t.fields {
		f := &t.fields[i]
		v := &t.values[i]
		if f.Ptr == sinks.PublishedPointer {
			*v = value{kind: kindText, from: len(buf)}
			buf = published.UTC().AppendFormat(buf, sinks.TimeLayout)
			v.to = len(buf)
			continue
		}
		node, ok := f.pointer.Find(d, 0)
		if !ok {
			*v = f.fallback
			v.from = len(buf)
			buf = append(buf, f.fallback.text...)
			v.to = len(buf)
			continue
		}
		*v, buf = f.value(buf, d, node)
	}
	db.buf = buf
	var err error
	t.memory, err = db.memory.set(buf)
	return err
}

// bind binds a statement's parameters to the values of the document. Texts
// stay where they are until the next document.
func (t *transform) bind(c *conn, s *lambdaStatement) error {
	for i, n := range s.fields {
		v, at := &t.values[n], int32(i+1)
		var rc int32
		switch v.kind {
		case kindNull:
			rc = lib.Xsqlite3_bind_null(c.tls, s.handle, at)
		case kindInteger:
			rc = lib.Xsqlite3_bind_int64(c.tls, s.handle, at, v.integer)
		case kindReal:
			rc = lib.Xsqlite3_bind_double(c.tls, s.handle, at, v.real)
		case kindText:
			rc = lib.Xsqlite3_bind_text(c.tls, s.handle, at, t.memory+uintptr(v.from), int32(v.to-v.from), static)
		case kindBlob:
			rc = lib.Xsqlite3_bind_blob(c.tls, s.handle, at, t.memory+uintptr(v.from), int32(v.to-v.from), static)
		}
		if rc != lib.SQLITE_OK {
			return c.fail(rc)
		}
	}
	return nil
}
