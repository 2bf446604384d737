package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"weir/fault"
)

// maxRequest is the largest body of a request in bytes.
const maxRequest = 8 << 20

var wildcard = regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)

// Mount adds the operations to a listener: handle mounts a pattern of
// http.ServeMux.
func (s *Service) Mount(handle func(pattern string, h http.Handler)) {
	known := http.NewServeMux()
	for _, o := range Operations() {
		handle(o.Method+" "+Root+o.Path, s.serve(o))
		known.Handle(o.Method+" "+Root+o.Path, http.NotFoundHandler())
	}
	handle("GET "+Root+"openapi.json", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, OpenAPI(s.version))
	}))
	handle(Root, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if _, pattern := known.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); pattern != "" {
				w.Header().Set("Allow", method)
				writeError(w, &Error{Code: fault.MethodNotAllowed, Message: r.URL.Path + " takes no " + r.Method, Fix: "send " + method})
				return
			}
		}
		writeError(w, &Error{Code: fault.NotFound, Message: "there is no operation " + r.Method + " " + r.URL.Path, Fix: "they are listed at " + Root + "openapi.json"})
	}))
}

func (s *Service) serve(o Operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := o.requestOf(w, r)
		if err != nil {
			writeError(w, s.explain(err))
			return
		}
		o.takeTime(w)
		answer, err := o.carryOut(r.Context(), s, request)
		if err != nil {
			writeError(w, s.explain(err))
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// takeTime moves the listener's deadlines to where this operation's are. That of
// the request, which is read, would end the operation.
func (o Operation) takeTime(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // a writer without deadlines needs none
	_ = c.SetWriteDeadline(time.Now().Add(o.timeout + applyTimeout + callTimeout))
}

// requestOf gives the JSON of a request: members of the body, of the path and
// of the query.
func (o Operation) requestOf(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if o.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		var long *http.MaxBytesError
		switch {
		case errors.As(err, &long):
			return nil, &Error{Code: fault.TooLarge, Message: "the request is longer than " + strconv.Itoa(maxRequest) + " bytes", Fix: "send it in parts; a catalog of that size can be published with `weir publish`"}
		case err != nil:
			return nil, invalid("the request's body cannot be read: " + err.Error())
		}
		if len(strings.TrimSpace(string(body))) > 0 {
			if err := json.Unmarshal(body, &members); err != nil {
				return nil, invalid("the request's body is no JSON object: " + err.Error())
			}
			if members == nil {
				return nil, invalid("the request's body is no JSON object: it is null")
			}
		}
	}
	for _, m := range wildcard.FindAllStringSubmatch(o.Path, -1) {
		members[m[1]] = o.member(m[1], r.PathValue(m[1]))
	}
	for name, values := range r.URL.Query() {
		members[name] = o.member(name, values...)
	}
	return json.Marshal(members)
}

// member gives the JSON of a parameter: as its type in the request wants it, so
// that what is wrong is told by the one who reads the request.
func (o Operation) member(name string, values ...string) json.RawMessage {
	value := values[len(values)-1]
	text, _ := json.Marshal(value) // a string always can be
	for _, f := range reflect.VisibleFields(o.request) {
		if jsonName(f) != name || f.Type == reflect.TypeFor[time.Time]() {
			continue
		}
		switch f.Type.Kind() {
		case reflect.String:
			return text
		case reflect.Slice:
			if f.Type.Elem().Kind() == reflect.String {
				text, _ = json.Marshal(values) // as above
				return text
			}
		}
		if json.Valid([]byte(value)) {
			return json.RawMessage(value)
		}
	}
	return text
}

// jsonName is a member's name in JSON, empty when it has none.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := encode(value)
	if err != nil {
		writeError(w, &Error{Code: fault.Failed, Message: "the answer cannot be encoded: " + err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who went away is told nothing
}

func writeError(w http.ResponseWriter, e *Error) {
	writeJSON(w, e.Status(), map[string]*Error{"error": e})
}

// encode gives the JSON of an answer, documents in it as they are.
func encode(value any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}
