package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
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
	Raw    string // path of the whole document
	Anchor string
}

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
	return u.show(v, "collections", frame{Title: "Collections", Section: "collections", Page: all})
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
// them.
func keyOf(value string) []string {
	var list []json.RawMessage
	if json.Unmarshal([]byte(value), &list) != nil {
		return []string{value}
	}
	components := make([]string, len(list))
	for i, of := range list {
		components[i] = string(of)
		var text string
		if json.Unmarshal(of, &text) == nil {
			components[i] = text
		}
	}
	return components
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
	c.last = max(a.Next, 1) - 1
	if a.More {
		c.Next = c.Path + seekQuery("seq", count64(a.Next))
	}
	return nil
}

func rowOf(name string, d api.Document) docRow {
	return docRow{
		Seq: d.Seq, Time: d.Time, Key: keyText(d.Subject), Shown: showDocument(d.Raw(), ""),
		Raw: "/raw/" + count64(d.Seq) + entityPath("", name)[1:], Anchor: "d" + count64(d.Seq),
	}
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
