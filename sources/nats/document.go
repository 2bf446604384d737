package nats

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"weir/document"
)

// message is a message of either kind.
type message struct {
	stream  string // empty for a core subject
	subject string
	seq     uint64
	time    time.Time
	header  nats.Header
	data    []byte
}

func (m *message) String() string {
	if m.stream == "" {
		return "a message on " + m.subject
	}
	return fmt.Sprintf("message %d of stream %s, on %s,", m.seq, m.stream, m.subject)
}

// field is a member that documents get from the tokens of their subject.
type field struct {
	name  string
	parts []part
}

// part is a text, or the token at an index.
type part struct {
	text  string
	token int // -1: text
}

var wildcard = regexp.MustCompile(`\{\{\s*wildcard\(\s*(\d+)\s*\)\s*\}\}`)

// parseFields reads templates over the wildcards of a subject.
func parseFields(given map[string]string, pattern string) ([]field, error) {
	var stars []int // indices of tokens
	for i, token := range strings.Split(pattern, ".") {
		if token == "*" {
			stars = append(stars, i)
		}
	}
	var out []field
	for _, name := range slices.Sorted(maps.Keys(given)) {
		template, f, at := given[name], field{name: name}, 0
		for _, m := range wildcard.FindAllStringSubmatchIndex(template, -1) {
			n, err := strconv.Atoi(template[m[2]:m[3]])
			if err != nil || n < 1 || n > len(stars) {
				return nil, fmt.Errorf("fields.%s: %s: the subject %q has %d wildcards *", name, template[m[0]:m[1]], pattern, len(stars))
			}
			f.parts = append(f.parts, part{template[at:m[0]], -1}, part{"", stars[n-1]})
			at = m[1]
		}
		if strings.Contains(template[at:], "{{") {
			return nil, fmt.Errorf("fields.%s: %q: only {{wildcard(n)}} is known", name, template)
		}
		f.parts = append(f.parts, part{template[at:], -1})
		out = append(out, f)
	}
	return out, nil
}

func (f *field) value(tokens []string) string {
	var b strings.Builder
	for _, p := range f.parts {
		switch {
		case p.token < 0:
			b.WriteString(p.text)
		case p.token < len(tokens):
			b.WriteString(tokens[p.token])
		}
	}
	return b.String()
}

// deletes says whether a message is the mark of a deletion: of a KV bucket, or
// of Weir's own sink.
func (m *message) deletes() bool {
	if len(m.data) > 0 {
		return false
	}
	op := m.header.Get("KV-Operation")
	return op == "DEL" || op == "PURGE" || m.header.Get("Weir-Operation") == "DEL" || m.header.Get("Nats-Marker-Reason") != ""
}

// document makes a document of a message: its JSON text, and what the binding
// adds where the text has no member of that name. doc is scratch.
func (b *binding) document(m *message, doc *document.Doc) ([]byte, error) {
	data, op := m.data, "u"
	if m.deletes() {
		data, op = []byte("{}"), "d"
	}
	err := doc.Parse(data)
	if err == nil && doc.Nodes[0].Kind != document.Object {
		err = fmt.Errorf("it is a JSON %s", doc.Nodes[0].Kind)
	}
	if err != nil && b.OnNotJSON != wrap {
		return nil, b.notJSON(m, err)
	}
	if err != nil {
		data = append(base64.StdEncoding.AppendEncode([]byte(`{"data":"`), m.data), `"}`...)
		if err := doc.Parse(data); err != nil {
			return nil, fmt.Errorf("%s wrapped: %w", m, err)
		}
	}
	var more additions
	tokens := strings.Split(m.subject, ".")
	for i := range b.fields {
		if _, has := doc.Get(0, b.fields[i].name); !has {
			more.string(b.fields[i].name, b.fields[i].value(tokens))
		}
	}
	var meta additions
	if *b.Metadata || b.Headers {
		b.metadata(&meta, m, op)
	}
	return splice(doc, more, meta)
}

func (b *binding) notJSON(m *message, err error) error {
	if m.stream == "" {
		return fmt.Errorf("%s is no JSON object: %w; `onNotJSON: wrap` captures such messages as { data: base64 }", m, err)
	}
	return fmt.Errorf("%s is no JSON object: %w; `onNotJSON: wrap` captures such messages as { data: base64 }, `nats stream rmm %s %d` removes this one", m, err, m.stream, m.seq)
}

// metadata is what stands in /_meta.
func (b *binding) metadata(to *additions, m *message, op string) {
	if *b.Metadata {
		to.string("op", op)
		to.string("subject", m.subject)
		if m.stream != "" {
			to.string("stream", m.stream)
			to.raw("seq", strconv.AppendUint(nil, m.seq, 10))
			to.string("ts", m.time.UTC().Format(time.RFC3339Nano))
		}
	}
	if !b.Headers {
		return
	}
	var headers additions
	for _, name := range slices.Sorted(maps.Keys(m.header)) {
		values := m.header[name]
		if len(values) == 1 {
			headers.string(name, values[0])
			continue
		}
		list := []byte{'['}
		for i, v := range values {
			if i > 0 {
				list = append(list, ',')
			}
			list = appendText(list, v)
		}
		headers.raw(name, append(list, ']'))
	}
	to.raw("headers", headers.object())
}

// additions are members to be added to an object, in order.
type additions struct {
	names  []string
	values [][]byte
}

func (a *additions) raw(name string, value []byte) {
	a.names, a.values = append(a.names, name), append(a.values, value)
}

func (a *additions) string(name, value string) { a.raw(name, appendText(nil, value)) }

// appendText appends a JSON string; what is no UTF-8 in it is replaced.
func appendText(dst []byte, text string) []byte {
	return document.AppendQuoted(dst, strings.ToValidUTF8(text, "\uFFFD"))
}

// members appends those that an object does not have.
func (a *additions) members(dst []byte, doc *document.Doc, object uint32, empty bool) []byte {
	for i, name := range a.names {
		if doc != nil {
			if _, has := doc.Get(object, name); has {
				continue
			}
		}
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
		dst = append(document.AppendQuoted(dst, name), ':')
		dst = append(dst, a.values[i]...)
	}
	return dst
}

func (a *additions) object() []byte {
	return append(a.members([]byte{'{'}, nil, 0, true), '}')
}

var errMeta = errors.New("its member _meta is no object, so nothing can be added to it: set `metadata: false`")

// splice gives a document with members added to it and to its _meta. What it
// has keeps its text.
func splice(doc *document.Doc, more, meta additions) ([]byte, error) {
	src := doc.Src
	root := doc.Nodes[0]
	at, has := doc.Get(0, "_meta")
	switch {
	case len(meta.names) == 0 && len(more.names) == 0:
		return src, nil
	case len(meta.names) == 0:
	case has && doc.Nodes[at].Kind != document.Object:
		return nil, errMeta
	case !has:
		more.raw("_meta", meta.object())
	}
	size := len(src) + 64
	for i := range more.names {
		size += len(more.names[i]) + len(more.values[i]) + 4
	}
	out := make([]byte, 0, size)
	from := uint32(0)
	if has && len(meta.names) > 0 {
		own := doc.Nodes[at]
		out = append(out, src[:own.End-1]...)
		out = meta.members(out, doc, at, own.N == 0)
		from = own.End - 1
	}
	out = append(out, src[from:root.End-1]...)
	out = more.members(out, nil, 0, root.N == 0)
	return append(out, src[root.End-1:]...), nil
}
