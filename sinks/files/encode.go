package files

import (
	"bytes"
	"fmt"

	"weir/document"
	"weir/sinks"
)

// encoder writes documents of a binding as lines or rows.
type encoder struct {
	lines   bool
	header  []byte // of a file of rows
	columns []column
	scratch []byte
}

// column is where a column's value is.
type column struct {
	pointer   document.Pointer
	published bool // the time of publication, which no document holds
}

func newEncoder(r *resource, b *sinks.Binding) (*encoder, error) {
	e := &encoder{lines: r.Format == formatJSONL}
	if e.lines {
		return e, nil
	}
	fields := append(append([]string(nil), b.Fields.Keys...), b.Fields.Values...)
	for i, field := range fields {
		p, ok := b.Collection.Projection(field)
		if !ok {
			return nil, fmt.Errorf("collection %s has no field %q", b.Collection.Name, field)
		}
		pointer, err := document.ParsePointer(p.Ptr)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", field, err)
		}
		e.columns = append(e.columns, column{pointer: pointer, published: p.Ptr == sinks.PublishedPointer})
		if i > 0 {
			e.header = append(e.header, ',')
		}
		e.header = appendField(e.header, []byte(field))
	}
	e.header = append(e.header, '\n')
	return e, nil
}

// deletion marks a document that reduction deleted.
var deletion = []byte(`{"_meta":{"op":"d"}}`)

// append appends a document's line or row.
func (e *encoder) append(dst []byte, r *sinks.Row) ([]byte, error) {
	if e.lines {
		return e.appendLine(dst, r)
	}
	for i := range e.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendValue(dst, &e.columns[i], r)
	}
	return append(dst, '\n'), nil
}

func (e *encoder) appendLine(dst []byte, r *sinks.Row) ([]byte, error) {
	if !r.Delete {
		return append(r.Doc.Append(dst, 0), '\n'), nil
	}
	marked, err := document.MergePatch(r.Raw, deletion)
	if err != nil {
		return dst, fmt.Errorf("mark the deleted document %.200s: %w", r.Raw, err)
	}
	return append(append(dst, marked...), '\n'), nil
}

func (e *encoder) appendValue(dst []byte, c *column, r *sinks.Row) []byte {
	if c.published {
		return r.Published.UTC().AppendFormat(dst, sinks.TimeLayout)
	}
	i, ok := c.pointer.Find(r.Doc, 0)
	if !ok {
		return dst
	}
	switch r.Doc.Nodes[i].Kind {
	case document.Null:
		return dst
	case document.String:
		e.scratch = r.Doc.AppendString(e.scratch[:0], i)
		return appendField(dst, e.scratch)
	case document.Array, document.Object:
		e.scratch = r.Doc.Append(e.scratch[:0], i)
		return appendField(dst, e.scratch)
	}
	return append(dst, r.Doc.Text(i)...)
}

// appendField appends a text, in quotes where they are needed. An empty text
// has some: without, it would be no value.
func appendField(dst, text []byte) []byte {
	if len(text) > 0 && !bytes.ContainsAny(text, ",\"\r\n") && text[0] != ' ' && text[len(text)-1] != ' ' {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
}
