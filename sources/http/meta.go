package http

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/collection"
	"weir/document"
)

// metadata is what documents of one request take over from it.
type metadata struct {
	id     string // empty: not wanted
	many   bool   // the id is followed by the document's number
	rest   []byte // the other members, each with a comma before it
	names  map[string]bool
	target string // collection, for errors
}

// newMetadata gathers what a binding wants of a request. Nil: nothing.
func newMetadata(m *meta, target string, r *http.Request, p *pattern, key string, received time.Time) *metadata {
	if !m.any() {
		return nil
	}
	d := &metadata{names: map[string]bool{}, target: target}
	if m.WebhookID {
		d.names["webhookId"] = true
		if d.id = key; key == "" {
			d.id = newID()
		}
	}
	if m.ReceivedAt {
		d.member("receivedAt", received.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	}
	if m.Path {
		d.member("path", r.URL.Path)
		d.object("pathParams", p.params(r.URL.Path))
	}
	if len(m.Headers) > 0 {
		d.object("headers", chosen(m.Headers, strings.ToLower, func(name string) (string, bool) {
			values := r.Header.Values(name)
			return strings.Join(values, ", "), len(values) > 0
		}))
	}
	if len(m.Query) > 0 {
		query := r.URL.Query()
		same := func(name string) string { return name }
		d.object("query", chosen(m.Query, same, func(name string) (string, bool) { return query.Get(name), query.Has(name) }))
	}
	return d
}

// several says that the request holds more than one document.
func (m *metadata) several() {
	if m != nil {
		m.many = true
	}
}

// chosen gives the names that a request has, each once, with their values.
func chosen(names []string, call func(string) string, value func(string) (string, bool)) (out [][2]string) {
	seen := map[string]bool{}
	for _, name := range names {
		as := call(name)
		if v, ok := value(name); ok && !seen[as] {
			seen[as] = true
			out = append(out, [2]string{as, v})
		}
	}
	return out
}

func (m *metadata) name(name string) {
	m.names[name] = true
	m.rest = append(m.rest, ',')
	m.rest = append(document.AppendQuoted(m.rest, name), ':')
}

func (m *metadata) member(name, value string) {
	m.name(name)
	m.rest = document.AppendQuoted(m.rest, strings.ToValidUTF8(value, "\uFFFD"))
}

func (m *metadata) object(name string, members [][2]string) {
	m.name(name)
	m.rest = append(m.rest, '{')
	for i, member := range members {
		if i > 0 {
			m.rest = append(m.rest, ',')
		}
		m.rest = append(document.AppendQuoted(m.rest, strings.ToValidUTF8(member[0], "\uFFFD")), ':')
		m.rest = document.AppendQuoted(m.rest, strings.ToValidUTF8(member[1], "\uFFFD"))
	}
	m.rest = append(m.rest, '}')
}

// append gives the members for a document of the request, without braces.
func (m *metadata) append(dst []byte, index int) []byte {
	if !m.names["webhookId"] {
		return append(dst, m.rest[1:]...) // there is at least one
	}
	id := m.id
	if m.many {
		id += "/" + strconv.Itoa(index)
	}
	dst = append(dst, `"webhookId":`...)
	dst = document.AppendQuoted(dst, strings.ToValidUTF8(id, "\uFFFD"))
	return append(dst, m.rest...)
}

// into gives a document's text with the request's members in its _meta. What
// the sender wrote there under the same names is replaced.
func (m *metadata) into(d *document.Doc, index int) ([]byte, error) {
	root := &d.Nodes[0]
	if root.Kind != document.Object {
		return nil, m.refuse(d, "", "is "+root.Kind.String()+", but must be an object to take _meta")
	}
	out := make([]byte, 0, int(root.End-root.Off)+len(m.rest)+len(m.id)+48)
	own, there := d.Get(0, "_meta")
	if !there {
		out = append(out, `{"_meta":{`...)
		out = append(m.append(out, index), '}')
		if root.N > 0 {
			out = append(out, ',')
		}
		return append(out, d.Src[root.Off+1:root.End]...), nil
	}
	node := &d.Nodes[own]
	if node.Kind != document.Object {
		return nil, m.refuse(d, "/_meta", "is "+node.Kind.String()+", but must be an object")
	}
	out = append(append(out, d.Src[root.Off:node.Off]...), '{')
	out = m.append(out, index)
	for k := own + 1; k < node.Next; k = d.Nodes[k+1].Next {
		if !m.names[d.String(k)] {
			out = append(append(append(out, ','), d.Raw(k)...), ':')
			out = append(out, d.Raw(k+1)...)
		}
	}
	return append(append(out, '}'), d.Src[node.End:root.End]...), nil
}

func (m *metadata) refuse(d *document.Doc, pointer, message string) error {
	return &collection.Invalid{Collection: m.target, Pointer: pointer, Rule: "type", Message: message, Document: collection.Excerpt(d.Raw(0))}
}

// newID draws a UUID of version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
