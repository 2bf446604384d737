package sources

import (
	"context"
	"encoding/json"
	"errors"

	"go.uber.org/zap"

	"weir/collection"
	"weir/document"
)

// ErrTransient marks trouble that passes by itself: an unreachable server, a
// rate limit. The caller closes the session and opens it again after a pause,
// for as long as it takes. Every other error counts as a failed attempt.
var ErrTransient = errors.New("transient")

// Transient marks err as one that ErrTransient describes and leaves its text
// as it is.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return transient{err}
}

type transient struct{ error }

func (t transient) Unwrap() error        { return t.error }
func (t transient) Is(target error) bool { return target == ErrTransient }

// Source is a kind of system that documents are captured from. A Source holds
// no state of a task: its methods may be called from any goroutine, several at
// a time, and for many tasks. Requests belong to the callee; what they point
// to must not be changed.
type Source interface {
	// Spec describes configuration and resources. It is asked by whoever
	// checks catalogs, any number of times, and gives the same answer always.
	Spec() Spec

	// Validate checks a configuration and its bindings and names the resource
	// of each. It is called when a catalog is published and each time a task
	// starts, before Apply; it changes nothing at the endpoint. Any error is
	// the user's to solve and refuses the publication, unless it is
	// ErrTransient.
	Validate(ctx context.Context, r ValidateRequest) (Validated, error)

	// Apply prepares the endpoint: a replication slot, say. It is called after
	// Validate and before Open, by one owner of the task at a time as far as
	// leases can promise that, and again at each start: what is there already
	// is left alone.
	Apply(ctx context.Context, r ApplyRequest) (Applied, error)

	// Open begins a session of one shard behind the documents that r.State
	// covers. It is called once per start of a shard. The context covers the
	// opening alone. On an error there is no session to close.
	Open(ctx context.Context, r OpenRequest) (Session, error)
}

// Discoverer is a Source that can list what it could capture.
type Discoverer interface {
	// Discover lists the resources of an endpoint. It is called when a user
	// asks for it, on no particular occasion, and changes nothing.
	Discover(ctx context.Context, r DiscoverRequest) (Discovered, error)
}

// Session reads documents for one shard.
type Session interface {
	// Pull waits for documents and returns them with the state that covers
	// them. The shard's loop calls it again and again, one call at a time;
	// Acknowledge may be called while it waits. The batch and its bytes belong
	// to the caller. It returns what is there instead of waiting for more, and
	// keeps a batch to a few megabytes. A batch may hold a state and no
	// documents.
	//
	// io.EOF: there is no more now; the caller closes the session once what it
	// holds is durable, and opens another when the capture's interval has
	// passed. The context's error: nothing was lost, and Pull may be called
	// again. Any other error ends the session: the caller drops what is not
	// durable yet, closes, and opens again from the last durable state.
	Pull(ctx context.Context) (Batch, error)

	// Acknowledge says that the states of the next n batches, in the order in
	// which Pull returned them, are durable with their documents: the source
	// may forget what they cover. It is called after each commit, possibly
	// while a Pull waits, never by two goroutines at a time. After an error
	// the session is good for Close only; what was to be acknowledged is
	// durable all the same.
	Acknowledge(ctx context.Context, n int) error

	// Close ends the session and makes a waiting Pull return. It may be called
	// twice, and is called after every error.
	Close() error
}

// Batch is what one Pull gives: documents, and the state after them. A batch
// is never torn: its documents, its state and its records become durable in
// one step.
type Batch struct {
	Documents []Document
	State     json.RawMessage
	Merge     bool // State is an RFC 7396 patch of the state before it
	Records   []Record

	// Origin says where a document was, in the endpoint's words: a file and a
	// line, say. It is asked about documents that are refused; nil: there is
	// nothing to say.
	Origin func(document int) string
}

// Document is one captured document.
type Document struct {
	Binding int    // index in OpenRequest.Bindings
	Data    []byte // JSON text

	// Problem says why Data is no document, but a text of the endpoint's that
	// none could be made of. It is then treated as any invalid document is.
	Problem string

	// Placed says that the source has checked the document itself, because it
	// has somebody to tell what is wrong with it; nil: the worker checks it.
	Placed *Placed
}

// Placed is a document that its source has checked: it is stored as it is, in
// a message of its own, so that no other document's fault can be its own.
type Placed struct {
	Doc     document.Doc // Data, parsed
	Subject string       // as the [collection.Checker] of Collection.Writes gives it
}

// Record is a change of one of the records that a source keeps beside its
// state: what it must know of many things, of which a batch changes a few.
// They are there again when a session opens. Spec.Records asks for them.
type Record struct {
	Key   []byte
	Value json.RawMessage // nil removes the record
}

// Spec describes a source to whoever writes and checks catalogs.
type Spec struct {
	ConfigSchema   json.RawMessage `json:"configSchema"`         // JSON schema of the endpoint's configuration
	ResourceSchema json.RawMessage `json:"resourceConfigSchema"` // JSON schema of a binding's resource
	Documentation  string          `json:"documentationUrl,omitempty"`
	Records        bool            `json:"-"` // its batches have Records
}

// Binding is one resource going to one collection.
type Binding struct {
	Resource   json.RawMessage `json:"resourceConfig"`
	Collection Collection      `json:"collection"`
	StateKey   string          `json:"stateKey,omitempty"` // names the binding within State; changes with its backfill counter
}

// Collection is what a source knows of the collection behind a binding.
type Collection struct {
	Name   string          `json:"name"`
	Key    []string        `json:"key"`         // JSON pointers
	Schema json.RawMessage `json:"writeSchema"` // self-contained

	// Writes is the collection as its writers see it. It is known when a session
	// opens.
	Writes *collection.Collection `json:"-"`
}

// DiscoverRequest asks what an endpoint has.
type DiscoverRequest struct {
	Config  json.RawMessage
	DataDir string      // relative paths of a configuration are relative to it
	Log     *zap.Logger // for what a connector has to tell beside its errors; nil: nobody listens
}

// Discovered answers a DiscoverRequest.
type Discovered struct {
	Bindings []DiscoveredBinding `json:"bindings"`
}

// DiscoveredBinding is one resource that could be captured.
type DiscoveredBinding struct {
	Name         string          `json:"recommendedName"`
	Resource     json.RawMessage `json:"resourceConfig"`
	Schema       json.RawMessage `json:"documentSchema"`
	Key          []string        `json:"key"`
	ResourcePath []string        `json:"resourcePath"`
	Disable      bool            `json:"disable,omitempty"` // not captured unless the user says so
}

// ValidateRequest asks whether a source can serve bindings as configured.
type ValidateRequest struct {
	Task     string // the capture's catalog name
	Config   json.RawMessage
	DataDir  string
	Bindings []Binding
	Log      *zap.Logger

	// Starts says that a published task starts: a publication has validated the
	// same before, so what fails now may pass by itself.
	Starts bool
}

// Validated answers a ValidateRequest, in the request's order.
type Validated struct {
	Bindings []ValidatedBinding `json:"bindings"`
}

// ValidatedBinding names the resource of a binding within its endpoint;
// the paths of a task's bindings differ.
type ValidatedBinding struct {
	ResourcePath []string `json:"resourcePath"`
}

// ApplyRequest asks a source to prepare its endpoint.
type ApplyRequest struct {
	Task     string
	Config   json.RawMessage
	DataDir  string
	Bindings []Binding
	Log      *zap.Logger
}

// Applied says in one line for people what Apply did; empty when there was
// nothing to do.
type Applied struct {
	Action string `json:"actionDescription,omitempty"`
}

// OpenRequest opens one shard of a task.
type OpenRequest struct {
	Task     string
	Shard    string // the shard's token, unique within the task
	Config   json.RawMessage
	DataDir  string
	Bindings []Binding
	State    json.RawMessage // of the last durable batch; nil at the first start
	Log      *zap.Logger

	Records map[string]json.RawMessage // by key, as of the last durable batch
	Limits  Limits
}

// Limits are what a batch may hold; 0: nobody said.
type Limits struct {
	Documents     int // in one batch
	DocumentBytes int // of one document's text
}
