package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"weir/document"
	"weir/sinks"
)

const (
	firstPause  = 500 * time.Millisecond
	longPause   = 30 * time.Second
	mostPatient = 5 * time.Minute // of one wait, whatever Retry-After asks for
	readAnswer  = 64 << 10        // bytes of an answer that are read, so that its connection can be used again
	showAnswer  = 300             // bytes of an answer that an error shows
)

// refusal is an answer that will be the same the next time.
type refusal struct {
	status int
	answer string // its beginning
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("status %d %s", r.status, http.StatusText(r.status))
	if r.answer != "" {
		text += ": " + strconv.Quote(r.answer)
	}
	switch {
	case r.status >= 300 && r.status < 400:
		return text + "; redirects are not followed: give the URL that it names, if that is meant"
	case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
		return text + "; look at the headers and secrets of the endpoint's configuration"
	}
	return text
}

// content says that the refusal may lie with some of the documents.
func (r *refusal) content() bool {
	return r.status == http.StatusBadRequest || r.status == http.StatusRequestEntityTooLarge || r.status == http.StatusUnprocessableEntity
}

// trouble is what may be over the next time.
type trouble struct {
	err   error
	after time.Duration // that the endpoint asks to wait; 0: it says nothing
}

func (t *trouble) Error() string { return t.err.Error() }

// send sends one request until it is answered for good, as often as is
// configured.
func (s *session) send(ctx context.Context, b *batch) error {
	body, key := b.body(s.settings.format), s.key(b)
	if s.confirmed.has(key) {
		return nil
	}
	for attempt := 0; ; attempt++ {
		err := s.try(ctx, b.target, body, key)
		if err == nil {
			s.confirmed.add(key)
			return nil
		}
		var passing *trouble
		if !errors.As(err, &passing) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if attempt >= s.settings.retries {
			return sinks.Transient(fmt.Errorf("webhook: %s: %w; after %d attempts", s.targets[b.target].shown, passing, attempt+1))
		}
		wait := backoff(attempt, min(passing.after, mostPatient))
		if wait > longPause {
			s.log.Warn("the endpoint asks to wait", zap.String("url", s.targets[b.target].shown), zap.Duration("asked", passing.after), zap.Duration("wait", wait), zap.Error(passing))
		}
		if err := s.pause(ctx, wait); err != nil {
			return context.Cause(ctx)
		}
	}
}

// backoff doubles the pause, with jitter, and heeds what the endpoint asks for.
func backoff(attempt int, asked time.Duration) time.Duration {
	d := min(firstPause<<min(attempt, 10), longPause)
	return max(d/2+rand.N(d/2+1), asked)
}

// try sends a request once.
func (s *session) try(ctx context.Context, binding int, body []byte, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.settings.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, s.settings.method, s.targets[binding].url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: request: %w", s.clean(err))
	}
	s.describe(req.Header, body, key)
	res, err := s.client.Do(req)
	if err != nil {
		if errors.Is(err, errLinkLocal) {
			return fmt.Errorf("webhook: %s: %w", s.targets[binding].shown, errLinkLocal)
		}
		return &trouble{err: s.clean(err)}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, readAnswer))
	switch status := res.StatusCode; {
	case status >= 200 && status < 300:
		return nil // whether the rest of the answer comes does not matter
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests:
		r := &refusal{status: status, answer: s.excerpt(answer)}
		return &trouble{err: r, after: retryAfter(res.Header.Get("Retry-After"), s.now())}
	case err != nil:
		return &trouble{err: s.clean(err)}
	default:
		return &refusal{status: status, answer: s.excerpt(answer)}
	}
}

// describe sets the headers of a request.
func (s *session) describe(h http.Header, body []byte, key string) {
	h.Set("Content-Type", "application/json")
	if s.settings.format == formatLines {
		h.Set("Content-Type", "application/x-ndjson")
	}
	h.Set("User-Agent", "weir")
	h.Set(s.settings.keyHeader, key)
	for name, value := range s.settings.headers {
		h.Set(name, value)
	}
	if len(s.settings.secrets) == 0 {
		return
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	signatures := make([]string, len(s.settings.secrets))
	for i, secret := range s.settings.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(key + "." + at + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set("webhook-id", key)
	h.Set("webhook-timestamp", at)
	h.Set("webhook-signature", strings.Join(signatures, " "))
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// clean takes the URL out of an error of the client, which may hold secrets.
func (s *session) clean(err error) error {
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	return s.settings.hidden.Error(err)
}

// excerpt shows the beginning of an answer on one line.
func (s *session) excerpt(answer []byte) string {
	text := s.settings.hidden.Text(strings.ToValidUTF8(string(answer), "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > showAnswer {
		text = strings.ToValidUTF8(text[:showAnswer], "") + "..."
	}
	return text
}

func keyText(packed []byte) string {
	text, err := document.AppendKeyJSON(nil, packed)
	if err != nil { // keys are packed by the worker
		return fmt.Sprintf("%x", packed)
	}
	return string(text)
}
