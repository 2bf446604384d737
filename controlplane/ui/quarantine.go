package ui

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"weir/controlplane/api"
)

const listedEntries = 100 // quarantined documents on one page

// quarantineView lists quarantined documents.
type quarantineView struct {
	api.QuarantineAnswer
	Collection, Task, Rule string
	Next                   string // path of the documents after these
	Done                   string // what was done just now
}

func (u *UI) quarantine(v *visit) error {
	view, err := u.quarantineNow(v)
	if err != nil {
		return err
	}
	return u.show(v, "quarantine", frame{Title: "Quarantine", Section: "quarantine", Events: "/events" + v.r.URL.RequestURI(), Page: view})
}

func (u *UI) quarantineEvents(v *visit, s *stream) error {
	return u.listed(v, s, "quarantine", func(v *visit) (any, error) { return u.quarantineNow(v) })
}

func (u *UI) quarantineNow(v *visit) (*quarantineView, error) {
	q := v.r.URL.Query()
	after, _ := strconv.ParseUint(q.Get("after"), 10, 64) // 0: from the beginning
	view := &quarantineView{Collection: q.Get("collection"), Task: q.Get("task"), Rule: q.Get("rule"), Done: doneWords[q.Get("done")]}
	var err error
	view.QuarantineAnswer, err = u.o.Reads.Quarantine(v.r.Context(), api.QuarantineRequest{Collection: view.Collection, Task: view.Task, Rule: view.Rule, After: after, Limit: listedEntries})
	if err != nil {
		return nil, err
	}
	if n := len(view.Entries); view.More && n > 0 {
		q.Set("after", count64(view.Entries[n-1].ID))
		q.Del("done")
		view.Next = "/quarantine?" + q.Encode()
	}
	return view, nil
}

// doneWords say what was done, by the word in the address that follows it.
var doneWords = map[string]string{
	"retried": "The document is back in its collection.",
	"dropped": "The document is dropped.",
}

// entryView is a quarantined document.
type entryView struct {
	api.QuarantinedDocument
	Shown   shownDocument
	Text    string           // as it is edited
	Refused *api.RetryAnswer // why it stays
	Problem string           // with what was typed
	Where   string           // page of the collection where it was read
}

func (u *UI) quarantined(v *visit) error {
	e, err := u.entry(v)
	if err != nil {
		return err
	}
	return u.showEntry(v, e)
}

func (u *UI) showEntry(v *visit, e *entryView) error {
	return u.show(v, "quarantined", frame{Title: "Quarantined " + count64(e.ID), Section: "quarantine", Page: e})
}

func (u *UI) entry(v *visit) (*entryView, error) {
	id, err := strconv.ParseUint(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, &missing{"A quarantined document's number is a whole number.", "Look for it in the list."}
	}
	d, err := u.o.Reads.Quarantined(v.r.Context(), api.EntryRequest{ID: id})
	if err != nil {
		return nil, err
	}
	e := &entryView{QuarantinedDocument: d, Shown: showDocument(d.Raw(), d.Pointer), Text: indented(d.Raw())}
	if d.By == "reader" && d.Sequence > 0 {
		e.Where = entityPath("collections", d.Collection) + seekQuery("seq", count64(d.Sequence))
	}
	return e, nil
}

// actOnQuarantined retries a document, as it is or as it was edited, or drops
// it.
func (u *UI) actOnQuarantined(v *visit) error {
	e, err := u.entry(v)
	if err != nil {
		return err
	}
	ctx, r := v.r.Context(), api.RetryRequest{ID: e.ID, Again: v.r.PostFormValue("again") != ""}
	switch v.r.PostFormValue("do") {
	case "drop":
		if _, err := u.o.Acts.Drop(ctx, api.EntryRequest{ID: e.ID}); err != nil {
			return err
		}
		v.redirect("/quarantine?" + url.Values{"done": {"dropped"}}.Encode())
		return nil
	case "edit":
		e.Text = v.r.PostFormValue("document")
		if !json.Valid([]byte(e.Text)) {
			var any json.RawMessage
			e.Problem = "That is no JSON: " + json.Unmarshal([]byte(e.Text), &any).Error()
			v.status = http.StatusUnprocessableEntity
			return u.showEntry(v, e)
		}
		r.Document = json.RawMessage(e.Text)
	case "retry":
	default:
		return &missing{"There is nothing of that kind to do with a quarantined document.", "Use the buttons on its page."}
	}
	answer, err := u.o.Acts.Retry(ctx, r)
	if err != nil {
		return err
	}
	if !answer.Done {
		e.Refused = &answer
		if r.Document != nil {
			e.Shown = showDocument(r.Document, answer.Pointer)
		}
		v.status = http.StatusUnprocessableEntity
		return u.showEntry(v, e)
	}
	v.redirect("/quarantine?" + url.Values{"done": {"retried"}}.Encode())
	return nil
}
