package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"weir/fault"
)

// An Operation is one row of the table.
type Operation struct {
	Name    string // verb of the NATS endpoint, and first part of the path
	Method  string // GET reads, POST changes something
	Path    string // below Root; wildcards are members of the request
	Doc     string
	request reflect.Type
	answer  reflect.Type
	timeout time.Duration
	call    func(ctx context.Context, s *Service, request []byte) (any, error)
}

// Root is where the operations are served over HTTP.
const Root = "/api/v1/"

// What operations may take.
const (
	callTimeout  = 30 * time.Second
	draftTimeout = 5 * time.Minute // of those that ask endpoints, and build modules
	applyTimeout = 5 * time.Minute // of a publication, once it has begun
)

// nothing is the request of operations that need none.
type nothing struct{}

// operation makes a row. The request's JSON must hold its members and no others.
func operation[Request, Answer any](method, path, doc string, do func(s *Service, ctx context.Context, r Request) (Answer, error)) Operation {
	name, _, _ := strings.Cut(path, "/")
	return Operation{
		Name: name, Method: method, Path: path, Doc: doc, timeout: callTimeout, request: reflect.TypeFor[Request](), answer: reflect.TypeFor[Answer](),
		call: func(ctx context.Context, s *Service, text []byte) (any, error) {
			var r Request
			if err := decode(text, &r); err != nil {
				return nil, err
			}
			return do(s, ctx, r)
		},
	}
}

// drafts makes it an operation that takes its time.
func (o Operation) drafts() Operation {
	o.timeout = draftTimeout
	return o
}

// named gives the operation another name than its path begins with.
func (o Operation) named(name string) Operation {
	o.Name = name
	return o
}

// carryOut answers a request.
func (o Operation) carryOut(ctx context.Context, s *Service, request []byte) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return o.call(ctx, s, request)
}

// decode reads a request. No text at all is an empty one.
func decode(text []byte, into any) error {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the JSON object")
		}
	}
	if err != nil {
		return invalid("the request cannot be read: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// An Error is what an operation answers when it fails.
type Error struct {
	Code    fault.Code `json:"code" doc:"one of [a list](errors.md); it stays the same, the message may change"`
	Message string     `json:"message"`
	Place   string     `json:"place,omitempty" doc:"file, line and column of the first fault"`
	Fix     string     `json:"fix,omitempty" doc:"what to do"`
	Faults  []Fault    `json:"faults,omitempty" doc:"every fault of a catalog"`
}

// Fault is one fault of a catalog.
type Fault struct {
	Code    fault.Code `json:"code"`
	File    string     `json:"file"`
	Line    int        `json:"line" doc:"from 1"`
	Column  int        `json:"column" doc:"from 1, in characters"`
	Path    string     `json:"path,omitempty" doc:"JSON pointer into the file"`
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty" doc:"what would be right"`
}

func (e *Error) Error() string { return e.Message }

// statuses are those of HTTP, by code; others are the server's fault.
var statuses = map[fault.Code]int{
	fault.InvalidRequest:   http.StatusBadRequest,
	fault.NotFound:         http.StatusNotFound,
	fault.MethodNotAllowed: http.StatusMethodNotAllowed,
	fault.Timeout:          http.StatusGatewayTimeout,
	fault.Conflict:         http.StatusConflict,
	fault.Dependents:       http.StatusConflict,
	fault.TooLarge:         http.StatusRequestEntityTooLarge,
	fault.BatchTooLarge:    http.StatusRequestEntityTooLarge,
	fault.Catalog:          http.StatusUnprocessableEntity,
	fault.NatsAway:         http.StatusServiceUnavailable,
}

// Status is the status of an HTTP answer.
func (e *Error) Status() int {
	if status, ok := statuses[e.Code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

func invalid(message string) *Error {
	return &Error{Code: fault.InvalidRequest, Message: message, Fix: "compare it with " + Root + "openapi.json or docs/reference/api.md"}
}

func notFound(what, name string, known []string) *Error {
	e := &Error{Code: fault.NotFound, Message: "there is no " + what + " " + name, Fix: "nothing of the kind is published: publish a catalog first"}
	if len(known) > 0 {
		e.Fix = "these are there: " + strings.Join(known[:min(len(known), 10)], ", ")
	}
	return e
}
