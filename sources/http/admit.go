package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// form is how documents stand in a body.
type form int

const (
	formJSON form = iota
	formLines
)

// admit refuses what can be refused before a body is read.
func (s *session) admit(r *http.Request) (form, *reply) {
	if r.Method != http.MethodPost {
		return 0, notAllowed()
	}
	if !s.authorized(r) {
		return 0, unauthorized("the request has no known token", len(s.settings.tokens) > 0)
	}
	form, ok := contentType(r.Header.Get("Content-Type"))
	if !ok {
		return 0, failure(http.StatusUnsupportedMediaType, "content-type", "the Content-Type must be application/json for one document or an array, or application/x-ndjson for a document a line; text is UTF-8")
	}
	if r.ContentLength > int64(s.settings.requestBytes) {
		return 0, s.tooLarge()
	}
	return form, nil
}

// authorized compares in constant time, whichever token it is.
func (s *session) authorized(r *http.Request) bool {
	if len(s.settings.tokens) == 0 {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := sha256.Sum256([]byte(strings.TrimSpace(token)))
	good := 0
	for _, known := range s.settings.tokens {
		sum := sha256.Sum256([]byte(known))
		good |= subtle.ConstantTimeCompare(given[:], sum[:])
	}
	return good == 1 && strings.EqualFold(scheme, "Bearer")
}

// contentType says how documents stand in a body.
func contentType(header string) (form, bool) {
	if header == "application/json" {
		return formJSON, true
	}
	media, parameters, err := mime.ParseMediaType(header)
	if err != nil || parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8") {
		return 0, false
	}
	switch {
	case media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"):
		return formJSON, true
	case slices.Contains([]string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines"}, media):
		return formLines, true
	}
	return 0, false
}

// allowOrigin lets web pages of allowed origins read the answer, and answers
// the question whether they may post.
func (s *session) allowOrigin(w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || len(s.settings.origins) == 0 {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	if !slices.Contains(s.settings.origins, origin) && !slices.Contains(s.settings.origins, "*") {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After, "+replayedHeader)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", http.MethodPost)
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
	}
	header.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
