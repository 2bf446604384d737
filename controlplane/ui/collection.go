package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/controlplane/api"
)

const shownDocuments = 50 // of a collection, on one page

// docRow is a stored document in the list.
type docRow struct {
	Seq    uint64
	Time   time.Time
	Key    string // what the subject says of it
	Shown  shownDocument
	Line   string // its beginning, on one line
	Raw    string // path of the whole document
	Anchor string
	Open   bool // all of it is shown
}

// seekBy is a way to seek documents.
type seekBy struct{ By, Words, Example string }

// collectionView is the page of a collection.
type collectionView struct {
	api.CollectionDetails
	Tree     []schemaRow
	ReadTree []schemaRow
	Rows     []docRow
	Live     bool   // the newest documents, and then those that come
	By       string // how it was looked for: seq, time or key
	Value    string
	Next     string // path of the documents after these
	Problem  string // with what was looked for
	End      uint64 // the stream's last sequence
	last     uint64 // sequence of the newest row
	Path     string
}

func (u *UI) collections(v *visit) error {
	all, err := u.o.Reads.Collections(v.r.Context())
	if err != nil {
		return err
	}
	return u.show(v, "collections", frame{Title: "Collections", Section: "collections", Events: "/events/collections", Page: all})
}

func (u *UI) collectionsEvents(v *visit, s *stream) error {
	return u.listed(v, s, "collections", func(v *visit) (any, error) { return u.o.Reads.Collections(v.r.Context()) })
}

func (u *UI) collection(v *visit) error {
	name := v.r.PathValue("name")
	d, err := u.o.Reads.Collection(v.r.Context(), name)
	if err != nil {
		return err
	}
	c := &collectionView{CollectionDetails: d, Path: entityPath("collections", name), Tree: schemaTree(d.Schema), ReadTree: schemaTree(d.ReadSchema), End: d.Last}
	q := v.r.URL.Query()
	c.By, c.Value = q.Get("by"), strings.TrimSpace(q.Get("value"))
	request := seek(name, c.By, c.Value)
	c.Live = request.Newest
	var wrong *api.Error
	switch err := u.fill(v.r.Context(), c, request); {
	case errors.As(err, &wrong) && !c.Live:
		c.Problem = wrong.Message
	case err != nil:
		return err
	}
	f := frame{Title: name, Section: "collections", Page: c}
	if c.Live {
		f.Events = eventsAfter(c.Path, c.last)
	}
	return u.show(v, "collection", f)
}

// seek makes a request of what was looked for; nothing is the newest documents.
func seek(name, by, value string) api.ReadRequest {
	r := api.ReadRequest{Collection: name, Limit: shownDocuments}
	switch {
	case value == "":
		r.Newest = true
	case by == "seq" || by == "time":
		r.From = value
	default:
		r.Key = keyOf(value)
	}
	return r
}

// keyOf reads a key as people write one: its only component, or a JSON list of
// them. A list of none is such a component, too: it must not mean any key.
func keyOf(value string) []string {
	var list []json.RawMessage
	if json.Unmarshal([]byte(value), &list) != nil || len(list) == 0 {
		return []string{value}
	}
	components := make([]string, len(list))
	for i, of := range list {
		components[i] = string(of)
	}
	return components
}

// Seeks are the ways to seek documents of this collection.
func (c *collectionView) Seeks() []seekBy {
	key := "a value of " + strings.Join(c.Key, "")
	if len(c.Key) > 1 {
		parts := make([]string, len(c.Key))
		for i, pointer := range c.Key {
			parts[i] = strconv.Quote(pointer[strings.LastIndexByte(pointer, '/')+1:])
		}
		key = "[" + strings.Join(parts, ", ") + "]"
	}
	return []seekBy{{"key", "key", key}, {"time", "time", "15m, 2h, 3d or 2026-11-26T08:30:00Z"}, {"seq", "sequence", count64(c.First) + " to " + count64(c.End)}}
}

// Example is how the way that is chosen is written.
func (c *collectionView) Example() string {
	all := c.Seeks()
	return all[max(slices.IndexFunc(all, func(s seekBy) bool { return s.By == c.By }), 0)].Example
}

// fill reads the documents of the page. The newest stand first when it lives.
func (u *UI) fill(ctx context.Context, c *collectionView, r api.ReadRequest) error {
	a, err := u.o.Reads.Documents(ctx, r)
	if err != nil {
		return err
	}
	for _, d := range a.Documents {
		row := rowOf(c.Name, d)
		if c.Live {
			c.Rows = append([]docRow{row}, c.Rows...)
		} else {
			c.Rows = append(c.Rows, row)
		}
	}
	if !c.Live && len(c.Rows) > 0 {
		c.Rows[0].Open = c.By == "seq" || len(c.Rows) == 1 // what was meant
	}
	c.last = max(a.Next, 1) - 1
	if a.More {
		c.Next = c.Path + seekQuery("seq", count64(a.Next))
	}
	return nil
}

func rowOf(name string, d api.Document) docRow {
	return docRow{
		Seq: d.Seq, Time: d.Time, Key: keyText(d.Subject), Shown: showDocument(d.Raw(), ""), Line: lineOf(d.Raw()),
		Raw: "/raw/" + count64(d.Seq) + entityPath("", name)[1:], Anchor: "d" + count64(d.Seq),
	}
}

// lineOf is the beginning of a document on one line.
func lineOf(raw []byte) string {
	const most = 300
	var b bytes.Buffer
	if len(raw) > maxShown || json.Compact(&b, raw) != nil {
		b.Reset()
		b.Write(raw[:min(len(raw), maxShown)])
	}
	return short(spelled(strings.ToValidUTF8(b.String(), "\uFFFD")), most)
}

// keyText is what a document's subject says behind the collection and its
// partition.
func keyText(subject string) string {
	parts := strings.SplitN(strings.TrimPrefix(subject, "weir.doc."), ".", 3)
	if len(parts) < 3 {
		return subject
	}
	if text, err := url.PathUnescape(parts[2]); err == nil {
		return text
	}
	return parts[2]
}

func count64(n uint64) string { return strconv.FormatUint(n, 10) }

func seekQuery(by, value string) string {
	return "?" + url.Values{"by": {by}, "value": {value}}.Encode()
}

// eventsAfter is the path of a page's events behind the last row that it has.
func eventsAfter(page string, seq uint64) string {
	return "/events" + page + "?after=" + count64(seq)
}

// after is the sequence behind which a browser wants to go on: that of the last
// event it had, or the one that the page told it.
func (s *stream) after(v *visit) uint64 {
	if s.last > 0 {
		return s.last
	}
	after, _ := strconv.ParseUint(v.r.URL.Query().Get("after"), 10, 64) // 0: from the beginning
	return after
}

// raw gives a stored document as it is, not as part of a page.
func (u *UI) raw(v *visit) error {
	seq, err := strconv.ParseUint(v.r.PathValue("seq"), 10, 64)
	if err != nil {
		return &missing{"A document's sequence is a whole number.", "Go back to the collection."}
	}
	d, err := u.o.Reads.Document(v.r.Context(), api.DocumentRequest{Collection: v.r.PathValue("name"), Seq: seq})
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	if d.Document == nil {
		v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(d.Raw()) // who went away is told nothing
	return nil
}
