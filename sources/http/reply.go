package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"weir/document"
)

const (
	// replayedHeader marks the answer to a request that was written before.
	replayedHeader = "Idempotency-Replayed"

	retrySoon = "1" // seconds, when memory is short
	retryLate = "5" // seconds, when the task does not run
)

// reply is an answer.
type reply struct {
	status     int
	retryAfter string // seconds
	challenge  bool   // a bearer token is asked for
	allow      bool   // say which methods there are
	replayed   bool
	body       []byte
}

func send(w http.ResponseWriter, r *reply) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	if r.retryAfter != "" {
		h.Set("Retry-After", r.retryAfter)
	}
	if r.challenge {
		h.Set("WWW-Authenticate", `Bearer realm="weir"`)
	}
	if r.allow {
		h.Set("Allow", http.MethodPost)
	}
	if r.replayed {
		h.Set(replayedHeader, "true")
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) //nolint:gosec // it is JSON, and says so; the client may be gone
}

// stored says how many documents are durable.
func stored(k known, replayed bool) *reply {
	return &reply{status: http.StatusOK, replayed: replayed, body: fmt.Appendf(nil, "{\"documents\":%d}\n", k.documents)}
}

// problem is the body of an answer that refuses.
type problem struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Index     *int     `json:"index,omitempty"` // of the document, from 0
	Line      int      `json:"line,omitempty"`
	Column    int      `json:"column,omitempty"`
	Offset    *int     `json:"offset,omitempty"` // in the body, in bytes
	Invalid   int      `json:"invalid,omitempty"`
	Documents []fault  `json:"documents,omitempty"`
	Paths     []string `json:"paths,omitempty"`
}

func failure(status int, code, message string) *reply {
	return refuse(status, problem{Code: code, Message: message})
}

func refuse(status int, p problem) *reply {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)                                           // messages are read by people, and this is no HTML
	if err := e.Encode(map[string]problem{"error": p}); err != nil { // there is nothing in it that could fail
		panic(err)
	}
	return &reply{status: status, body: body.Bytes()}
}

func busy() *reply {
	r := failure(http.StatusTooManyRequests, "busy", "too many requests are waiting to be stored: send this one again a little later")
	r.retryAfter = retrySoon
	return r
}

// otherBody refuses a key that names another request already.
func otherBody(header string) *reply {
	return failure(http.StatusUnprocessableEntity, "idempotency-key", fmt.Sprintf("a request with another body came with this %s before, so nothing was stored: give different documents different keys, and a request that is sent again the body that it had", header))
}

func notRunning() *reply {
	r := failure(http.StatusServiceUnavailable, "not-running", "the capture of this path does not run at the moment, nothing was stored: send the request again later")
	r.retryAfter = retryLate
	return r
}

func interrupted() *reply {
	r := failure(http.StatusServiceUnavailable, "interrupted", "the capture was interrupted, so the documents may be stored or not: send the request again, with the same idempotency key if it must not be stored twice")
	r.retryAfter = retryLate
	return r
}

func tooSlow(after time.Duration) *reply {
	r := failure(http.StatusServiceUnavailable, "timeout", fmt.Sprintf("the documents are not stored after %s, and may be yet: send the request again, with the same idempotency key if it must not be stored twice", after))
	r.retryAfter = retryLate
	return r
}

func notAllowed() *reply {
	r := failure(http.StatusMethodNotAllowed, "method", "documents are posted here: use POST")
	r.allow = true
	return r
}

func unauthorized(message string, token bool) *reply {
	r := failure(http.StatusUnauthorized, "unauthorized", message)
	r.challenge = token
	return r
}

// notFound lists the paths that the request could post to: of captures that
// anybody may post to, and of those whose token it has.
func notFound(t *table, r *http.Request) *reply {
	p := problem{Code: "not-found", Message: "nothing is posted to this path"}
	for _, at := range t.all() {
		if s := at.session; s != nil && s.settings.signature == nil && s.authorized(r) {
			p.Paths = append(p.Paths, at.pattern.text)
		}
	}
	return refuse(http.StatusNotFound, p)
}

// unreadable says why the documents of a body cannot be stored.
func unreadable(err error) *reply {
	var (
		syntax *syntaxError
		many   *tooMany
		big    *tooBig
		much   *tooMuch
		inside *document.SyntaxError
	)
	switch {
	case errors.As(err, &syntax):
		return refuse(http.StatusBadRequest, problem{Code: "json", Message: err.Error(), Index: &syntax.Index, Line: syntax.Line, Column: syntax.Column, Offset: &syntax.Offset})
	case errors.As(err, &many):
		return failure(http.StatusRequestEntityTooLarge, "too-many-documents", err.Error())
	case errors.As(err, &big):
		return refuse(http.StatusRequestEntityTooLarge, problem{Code: "document-too-large", Message: err.Error(), Index: &big.index})
	case errors.As(err, &much):
		return failure(http.StatusRequestEntityTooLarge, "request-too-large", err.Error())
	case errors.Is(err, errBusy):
		return busy()
	case errors.As(err, &inside):
		return failure(http.StatusBadRequest, "json", err.Error())
	}
	return failure(http.StatusInternalServerError, "internal", "the documents could not be checked")
}

// invalid names the documents that the collection does not take.
func invalid(in *intake) *reply {
	total := in.invalid + len(in.placed)
	message := fmt.Sprintf("%d of %d documents are invalid, so none is stored", in.invalid, total)
	if total == 1 {
		message = "the document is invalid"
	}
	return refuse(http.StatusUnprocessableEntity, problem{Code: "invalid-documents", Message: message, Invalid: in.invalid, Documents: in.faults})
}
