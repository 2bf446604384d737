package http

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"weir/collection"
)

// maxKeyLength bounds an idempotency key, in bytes.
const maxKeyLength = 512

// ServeHTTP answers one request.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := l.table.Load()
	at := t.find(r.URL.Path)
	switch {
	case at == nil:
		send(w, notFound(t, r))
	case at.session == nil:
		send(w, notRunning())
	default:
		at.session.serve(w, r, at.binding)
	}
}

// serve answers a request to a path of the session.
func (s *session) serve(w http.ResponseWriter, r *http.Request, index int) {
	if s.allowOrigin(w, r) {
		return
	}
	h := &hold{budget: &s.budget}
	p, refused := s.receive(r, index, h)
	if refused != nil {
		h.release()
		send(w, refused)
		return
	}
	s.answer(w, r, p)
}

// answer waits until a request is durable, and says so.
func (s *session) answer(w http.ResponseWriter, r *http.Request, p *pending) {
	if p.count == 0 {
		p.intake.hold.release()
		send(w, stored(known{}, false))
		return
	}
	earlier, wait, err := s.submit(p)
	if wait != p {
		p.intake.hold.release()
	}
	switch {
	case errors.Is(err, errOtherBody):
		send(w, otherBody(s.settings.keyHeader))
		return
	case err != nil:
		send(w, notRunning())
		return
	case wait == nil:
		send(w, stored(earlier, true))
		return
	}
	defer s.answers.Done()
	// The body is read: the time for that must not end the wait.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{})
	timer := time.NewTimer(s.settings.timeout)
	defer timer.Stop()
	select {
	case <-r.Context().Done(): // nobody reads an answer
		return
	case <-timer.C:
		send(w, tooSlow(s.settings.timeout))
		return
	case <-wait.done:
	}
	said := stored(known{documents: wait.count}, wait != p)
	if !wait.durable {
		said = interrupted()
	}
	// Close waits until this answer is on its way, but not for a client that
	// reads nothing.
	_ = c.SetWriteDeadline(time.Now().Add(farewell))
	send(w, said)
	_ = c.Flush()
}

// receive reads a request and checks its documents.
func (s *session) receive(r *http.Request, index int, h *hold) (*pending, *reply) {
	form, refused := s.admit(r)
	if refused != nil {
		return nil, refused
	}
	body, refused := s.body(r, h)
	if refused != nil {
		return nil, refused
	}
	b := &s.bindings[index]
	now := s.now()
	p := &pending{binding: index, done: make(chan struct{})}
	key, refused := s.recognize(r, p, body, now)
	if refused != nil {
		return nil, refused
	}
	checker, _ := b.checkers.Get().(*collection.Checker)
	defer b.checkers.Put(checker)
	in := &intake{checker: checker, limits: s.limits, hold: h, meta: newMetadata(&b.resource.Meta, b.collection.Name, r, &b.pattern, key, now)}
	var err error
	if form == formLines {
		err = in.lines(body)
	} else {
		err = in.document(body)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	if in.invalid > 0 {
		return nil, invalid(in)
	}
	in.checker, in.free = nil, nil
	p.intake, p.count = in, len(in.placed)
	p.known.documents = p.count
	return p, nil
}

// recognize notes the request's idempotency key, if it has one, and answers a
// request that was written before.
func (s *session) recognize(r *http.Request, p *pending, body []byte, now time.Time) (key string, answer *reply) {
	key = r.Header.Get(s.settings.keyHeader)
	if key == "" {
		return "", nil
	}
	if len(key) > maxKeyLength {
		return "", failure(http.StatusBadRequest, "idempotency-key", fmt.Sprintf("the header %s has %d bytes, at most %d are allowed", s.settings.keyHeader, len(key), maxKeyLength))
	}
	p.keyed, p.known = true, known{key: hashKey(s.bindings[p.binding].stateKey, r.URL.Path, key), body: hashBody(body), at: now.Unix()}
	earlier, ok := s.lookup(p.known.key)
	switch {
	case ok && earlier.differs(p.known):
		return "", otherBody(s.settings.keyHeader)
	case ok:
		return "", stored(earlier, true)
	}
	return key, nil
}

// body reads the request's body, checks its signature, and unpacks it.
func (s *session) body(r *http.Request, h *hold) ([]byte, *reply) {
	body, err := h.read(r.Body, r.ContentLength, s.settings.requestBytes)
	if err != nil {
		return nil, s.unread(err)
	}
	if s.settings.signature != nil {
		if err := s.settings.signature.verify(r.Header, body, s.now()); err != nil {
			return nil, unauthorized(err.Error(), false)
		}
	}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = h.unzip(&s.zipped, body, s.settings.requestBytes)
		if err != nil {
			return nil, s.unread(err)
		}
	default:
		return nil, failure(http.StatusUnsupportedMediaType, "content-encoding", "the Content-Encoding must be gzip, or be left out")
	}
	if bytes.HasPrefix(body, bom) {
		copy(body, "   ") // so that offsets in errors stay those of the body
	}
	return body, nil
}

// bom begins some texts in UTF-8.
var bom = []byte("\xef\xbb\xbf")

// unread says why a body was not read.
func (s *session) unread(err error) *reply {
	var much *tooMuch
	switch {
	case errors.As(err, &much):
		return unreadable(err)
	case errors.Is(err, errTooLarge):
		return s.tooLarge()
	case errors.Is(err, errBusy):
		return busy()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return failure(http.StatusRequestTimeout, "body", fmt.Sprintf("the body did not come within %s", bodyTimeout))
	}
	return failure(http.StatusBadRequest, "body", "the body could not be read: "+err.Error())
}

func (s *session) tooLarge() *reply {
	return failure(http.StatusRequestEntityTooLarge, "request-too-large", fmt.Sprintf("the body has more than %d bytes: send several requests, or raise maxRequestBytes of the endpoint", s.settings.requestBytes))
}
