package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"weir/catalog"
	"weir/controlplane"
	"weir/controlplane/quarantine"
	"weir/fault"
	"weir/journal"
)

// Options of the service.
type Options struct {
	Conn    *journal.Conn
	Server  string // the NATS server's URL, as people know it
	Version string
	// Connectors check catalogs that are published, and say which members of
	// configurations are secret.
	Connectors controlplane.Connectors
	// Status gives what tasks do, by the records of their workers: those parts of
	// tasks that do not stand in the catalog. Workers' records are theirs, so
	// whoever knows workers hands the function over.
	Status func(ctx context.Context) ([]Task, error)
}

// Service answers what is asked of it. It keeps nothing.
type Service struct {
	conn       *journal.Conn
	server     string
	version    string
	connectors controlplane.Connectors
	status     func(ctx context.Context) ([]Task, error)
}

// New makes the service.
func New(o Options) *Service {
	return &Service{conn: o.Conn, server: o.Server, version: o.Version, connectors: o.Connectors, status: o.Status}
}

// Operations is the table of all that can be asked.
func Operations() []Operation {
	return []Operation{
		operation(http.MethodGet, "status", "lists the tasks with what they do and why one stands still", (*Service).Status),
		operation(http.MethodGet, "describe/{kind}/{name...}", "gives a task with its spec and its bindings", (*Service).Describe),
		operation(http.MethodGet, "collections", "lists the collections with what their streams hold", (*Service).Collections),
		operation(http.MethodGet, "collection/{collection...}", "gives a collection with its schema and its fields", (*Service).Collection),
		operation(http.MethodGet, "read/{collection...}", "reads documents by position, time or key", (*Service).Read),
		operation(http.MethodGet, "logs", "gives lines of tasks' logs", (*Service).Logs),
		operation(http.MethodGet, "document/{seq}/{collection...}", "gives one stored document", (*Service).Document),
		operation(http.MethodPost, "pause/{name...}", "lets tasks stand still until they are resumed; their places are kept", (*Service).Pause),
		operation(http.MethodPost, "resume/{name...}", "lets paused tasks go on where they stopped, and failed ones try again", (*Service).Resume),
		operation(http.MethodGet, "publications", "lists what was published, newest first", (*Service).Publications),
		operation(http.MethodGet, "publication/{id}", "gives a publication with what differs, in words", (*Service).Publication),
		operation(http.MethodPost, "plan", "says in words what publishing a catalog would do; its files are in the request", (*Service).Plan).drafts(),
		operation(http.MethodPost, "publish", "publishes a catalog; its files are in the request", (*Service).Publish).drafts(),
		operation(http.MethodGet, "plan/{id}", "says in words what reverting to a publication would do", (*Service).PlanRevert).named("plan-revert").drafts(),
		operation(http.MethodPost, "revert/{id}", "brings the catalog of a publication back to what it was then", (*Service).Revert).drafts(),
		operation(http.MethodGet, "quarantine", "lists documents that tasks put aside", (*Service).Quarantine),
		operation(http.MethodGet, "quarantined/{id}", "gives a quarantined document", (*Service).Quarantined),
		operation(http.MethodPost, "retry/{id}", "brings a quarantined document back to its collection, mended if one is given", (*Service).Retry),
		operation(http.MethodPost, "drop/{id}", "removes a quarantined document for good", (*Service).Drop),
	}
}

// explain makes an answer of an error.
func (s *Service) explain(err error) *Error {
	e := Explain(err)
	if e.Code == fault.Failed && !s.conn.Connected() {
		e.Code = fault.NatsAway
	}
	switch {
	case e.Code == fault.NatsAway && s.conn.Connected() && errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Message, e.Fix = fault.Timeout, "not done within its time: "+err.Error(), "ask for less at a time, or look with `weir doctor` whether the NATS server is busy"
	case e.Code == fault.NatsAway:
		e.Fix = "try again when the NATS server at " + s.server + " answers"
	}
	return e
}

// Explain gives an error its code, and says what to do about it.
func Explain(err error) *Error {
	var (
		own     *Error
		faults  catalog.Errors
		unknown *controlplane.NameError
		depends *controlplane.DependentsError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &faults):
		e := &Error{Code: fault.Catalog, Message: err.Error(), Fix: fault.Catalog.Fix()}
		for i, f := range faults {
			if i == 0 {
				e.Place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
			}
			e.Faults = append(e.Faults, Fault(f))
		}
		return e
	case errors.As(err, &unknown):
		return &Error{Code: fault.NotFound, Message: err.Error(), Fix: unknown.Fix()}
	case errors.As(err, &depends):
		return &Error{Code: fault.Dependents, Message: err.Error(), Fix: fault.Dependents.Fix()}
	case errors.Is(err, quarantine.ErrNoEntry):
		return &Error{Code: fault.NotFound, Message: err.Error(), Fix: "it may have been retried or dropped: `weir quarantine list` shows what is there"}
	case errors.Is(err, controlplane.ErrConcurrent):
		return &Error{Code: fault.Conflict, Message: err.Error(), Fix: "look at what they changed (`weir history`), then do it again"}
	case errors.Is(err, journal.ErrConflict):
		return &Error{Code: fault.Conflict, Message: err.Error(), Fix: "look at what was changed, then try again"}
	}
	if code, fix, ok := fault.What(err); ok {
		return &Error{Code: code, Message: err.Error(), Fix: fix}
	}
	if code := journal.Code(err); code != "" {
		return &Error{Code: code, Message: err.Error(), Fix: code.Fix()}
	}
	return &Error{Code: fault.Failed, Message: err.Error(), Fix: fault.Failed.Fix()}
}
