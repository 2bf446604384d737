package process

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"weir/document"
	"weir/sinks"
)

// bound is a binding as rows are made for it.
type bound struct {
	name   string // of its collection
	index  int
	delta  bool
	whole  bool // the document is materialized
	key    *document.Key
	values []location
}

// location is where a field's value comes from.
type location struct {
	pointer   document.Pointer
	published bool // it is the time of publication, which no document holds
}

func bindAll(bindings []sinks.Binding) ([]*bound, error) {
	out := make([]*bound, len(bindings))
	for i := range bindings {
		b, err := bind(&bindings[i], i)
		if err != nil {
			return nil, fmt.Errorf("binding %d (%s): %w", i, bindings[i].Collection.Name, err)
		}
		out[i] = b
	}
	return out, nil
}

func bind(b *sinks.Binding, index int) (*bound, error) {
	out := &bound{name: b.Collection.Name, index: index, delta: b.Delta, whole: b.Fields.Document != ""}
	pointers, err := b.GroupKey()
	if err != nil {
		return nil, err
	}
	if pointers == nil {
		pointers = b.Collection.Key
	}
	if out.key, err = document.NewKey(pointers); err != nil {
		return nil, err
	}
	out.key.Defaults = make([][]byte, len(pointers))
	for i, ptr := range pointers {
		for _, p := range b.Collection.Projections {
			if p.Ptr == ptr && len(p.Inference.Default) > 0 {
				out.key.Defaults[i] = p.Inference.Default
			}
		}
	}
	for _, field := range b.Fields.Values {
		p, ok := b.Collection.Projection(field)
		if !ok {
			return nil, fmt.Errorf("field %s is selected, and the collection has none of that name", field)
		}
		pointer, err := document.ParsePointer(p.Ptr)
		if err != nil {
			return nil, err
		}
		out.values = append(out.values, location{pointer, p.Ptr == sinks.PublishedPointer})
	}
	return out, nil
}

// lines makes requests of loads and stores. Its memory is used again.
type lines struct {
	text   []byte
	packed []byte // values of a row
}

// load appends the request for a key.
func (l *lines) load(b *bound, key []byte) error {
	l.begin("load", b, key)
	return l.end(b, key)
}

// begin appends what loads and stores share.
func (l *lines) begin(what string, b *bound, key []byte) {
	l.text = append(append(append(l.text, `{"`...), what...), `":{"binding":`...)
	l.text = strconv.AppendInt(l.text, int64(b.index), 10)
	l.text = append(l.text, `,"keyPacked":"`...)
	l.text = base64.StdEncoding.AppendEncode(l.text, key)
	l.text = append(l.text, '"')
}

// end appends the key as JSON and closes the request.
func (l *lines) end(_ *bound, key []byte) (err error) {
	l.text = append(l.text, `,"key":`...)
	if l.text, err = document.AppendKeyJSON(l.text, key); err != nil {
		return err
	}
	l.text = append(l.text, "}}\n"...)
	return nil
}

// store appends a row.
func (l *lines) store(b *bound, r *sinks.Row) error {
	l.begin("store", b, r.Key)
	l.text, l.packed = append(l.text, `,"values":[`...), l.packed[:0]
	for i, v := range b.values {
		if i > 0 {
			l.text = append(l.text, ',')
		}
		l.value(v, r)
	}
	l.text = append(l.text, `],"valuesPacked":"`...)
	l.text = base64.StdEncoding.AppendEncode(l.text, l.packed)
	l.text = append(l.text, '"')
	if b.whole {
		l.text = l.appendLine(append(l.text, `,"doc":`...), r.Raw)
	}
	if r.Exists {
		l.text = append(l.text, `,"exists":true`...)
	}
	if r.Delete && !b.delta {
		l.text = append(l.text, `,"delete":true`...)
	}
	return l.end(b, r.Key)
}

func (l *lines) value(v location, r *sinks.Row) {
	if v.published {
		at := r.Published.UTC().Format(sinks.TimeLayout)
		l.text = strconv.AppendQuote(l.text, at)
		l.packed = document.AppendTupleString(l.packed, at)
		return
	}
	i, ok := v.pointer.Find(r.Doc, 0)
	if !ok {
		l.text, l.packed = append(l.text, "null"...), document.AppendTupleNull(l.packed)
		return
	}
	l.text, l.packed = l.appendLine(l.text, r.Doc.Raw(i)), document.AppendTuple(l.packed, r.Doc, i)
}

// appendLine appends JSON without its line breaks: there are none but between
// tokens, where a space is as good.
func (*lines) appendLine(dst, json []byte) []byte {
	start := len(dst)
	dst = append(dst, json...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}
