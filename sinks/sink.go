package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"weir/collection"
	"weir/document"
)

var (
	// ErrFenced is returned by a Session whose shard was opened again by
	// somebody else. Nothing of the refused transaction was written. The
	// caller stops the shard; retrying cannot help.
	ErrFenced = errors.New("another owner has opened this shard since")

	// ErrTransient marks trouble that passes by itself: a locked database, a
	// refused connection, a full disk. The caller closes the session and opens
	// it again after a pause, for as long as it takes. Every other error of a
	// session counts as a failed attempt of the task.
	ErrTransient = errors.New("transient")
)

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

// Sink is a kind of destination. A Sink holds no state of a task: all four
// methods may be called from any goroutine, several at a time, and for many
// tasks. Requests belong to the callee; what they point to must not be
// changed.
type Sink interface {
	// Spec describes configuration and resources. It is asked by whoever
	// checks catalogs, any number of times, and gives the same answer always.
	Spec() Spec

	// Validate checks a configuration and its bindings against each other and,
	// where it can, against the endpoint, and says which fields each binding
	// may or must have. It is called when a catalog is published and each time
	// a task starts, before Apply; it changes nothing at the endpoint. Any
	// error is the user's to solve and refuses the publication, unless it is
	// ErrTransient.
	Validate(ctx context.Context, r ValidateRequest) (Validated, error)

	// Apply makes the resources of the bindings: tables and columns, say. It
	// is called after Validate and before Open, by one owner of the task at a
	// time as far as leases can promise that, and again at each start: what is
	// there already is left alone. It completes or leaves the endpoint as it
	// was, where the endpoint allows that. A resource that cannot be changed
	// into what its binding needs is made anew if the binding says Rebuild, and
	// its state key changes in the same step; if any does not, the error is an
	// *IncompatibleError that names all of these, and nothing was changed.
	// A dry run, which publications do, changes nothing and gives the same error.
	Apply(ctx context.Context, r ApplyRequest) (Applied, error)

	// Open begins a session of one shard and fences every session of that
	// shard that was opened before: from here on their commits give ErrFenced.
	// It is called once per start of a shard, after Apply. The context covers
	// the opening alone. On an error there is no session to close.
	Open(ctx context.Context, r OpenRequest) (Session, Opened, error)
}

// Session carries one shard's transactions, one after the other:
//
//	Load* -> Store* -> Commit, or Rollback at any point before Commit
//
// Its methods are called one at a time, though not always from the same
// goroutine: a Commit may run while its owner reads on elsewhere. After any
// error, a context's own included, the session is good for Close only, and the
// caller opens the shard again; ErrFenced and ErrTransient say how. The one
// exception is a document that Store refuses, see there. Callers wrap errors
// with the step's name, sessions do not.
type Session interface {
	// Load looks up documents by packed key. The owner calls it for bindings
	// in standard mode, in batches, with each key at most once in a
	// transaction, and never after the transaction's first Store. loaded is
	// called, on the calling goroutine and in any order, once for each key
	// that the endpoint holds, with the key's index; unknown keys are left
	// out. The document passed to loaded is the receiver's to keep; keys
	// remain the caller's after Load returns. A Session that is a Flusher may
	// call loaded later. An error of loaded ends the
	// Load and is returned.
	Load(ctx context.Context, binding int, keys [][]byte, loaded func(i int, doc []byte) error) error

	// Store hands over rows of the open transaction, in batches, each key at
	// most once in a transaction (any number of times when the binding is in
	// delta mode). Rows and all that they point to are the caller's again when
	// Store returns: a sink copies what it needs later. An error naming a
	// document means that the endpoint cannot take it. If it is that of Refuse,
	// the session goes on after a Rollback: whoever stored that document alone
	// may put it aside.
	Store(ctx context.Context, binding int, rows []Row) error

	// Commit makes the rows stored since the last Commit durable, and the
	// checkpoint with them, in one step if Opened.Exactly was true: fenced by
	// the epoch drawn at Open. Otherwise the rows are durable when it returns
	// nil and the checkpoint is ignored. It is called once a transaction, also
	// for one without rows. ErrFenced: nothing was written. Any other error:
	// all or nothing was written, and only opening the shard again tells.
	Commit(ctx context.Context, checkpoint []byte) error

	// Rollback drops what was stored since the last Commit. The session then
	// stands where it stood after that Commit. Without stored rows it does
	// nothing.
	Rollback(ctx context.Context) error

	// Close ends the session without committing and frees what it holds. It
	// may be called twice, and is called after every error.
	Close() error
}

// A Flusher is a Session whose Load only asks: what the endpoint holds comes
// until Flush returns.
type Flusher interface {
	// Flush is called by the owner once a transaction, behind its Loads and
	// before its first Store, unless nothing was loaded. The loaded functions of
	// these Loads are called until it returns, on the calling goroutine.
	Flush(ctx context.Context) error
}

// Spec describes a sink to whoever writes and checks catalogs.
type Spec struct {
	ConfigSchema   json.RawMessage `json:"configSchema"`         // JSON schema of the endpoint's configuration
	ResourceSchema json.RawMessage `json:"resourceConfigSchema"` // JSON schema of a binding's resource
	Documentation  string          `json:"documentationUrl,omitempty"`
	ExactlyOnce    bool            `json:"exactlyOnce,omitempty"` // each session opens with Opened.Exactly
}

// Collection is what a sink knows of the collection behind a binding.
type Collection struct {
	Name        string       `json:"name"`
	Key         []string     `json:"key"`         // JSON pointers
	Projections []Projection `json:"projections"` // sorted by field, each field once

	Schema json.RawMessage `json:"-"` // of documents that are read, self-contained
}

// Projection finds the projection of a field.
func (c *Collection) Projection(field string) (Projection, bool) {
	for _, p := range c.Projections {
		if p.Field == field {
			return p, true
		}
	}
	return Projection{}, false
}

// Binding is one collection going to one resource. Fields, Delta and StateKey
// are known only after validation: Validate is asked without them.
type Binding struct {
	Resource    json.RawMessage            `json:"resourceConfig"`
	Collection  Collection                 `json:"collection"`
	GroupBy     []string                   `json:"groupBy,omitempty"`     // fields that are the key in place of the collection's
	Rebuild     bool                       `json:"rebuild,omitempty"`     // make what cannot be changed anew, and start it empty
	FieldConfig map[string]json.RawMessage `json:"fieldConfig,omitempty"` // what the user gave for required fields: the sink refuses what it does not know
	Fields      Selection                  `json:"fieldSelection"`
	Delta       bool                       `json:"deltaUpdates,omitempty"`
	StateKey    string                     `json:"stateKey,omitempty"`

	// Incompatible says what validation found at the endpoint that does not fit
	// the selected fields: whoever goes on has the resource made anew.
	Incompatible []string `json:"-"`
}

// Selection names the fields that a binding materializes.
type Selection struct {
	Keys     []string `json:"keys"`               // Binding.GroupBy, or one for each key pointer, in order
	Values   []string `json:"values"`             // sorted
	Document string   `json:"document,omitempty"` // the field of the whole document; empty: not materialized
}

// ValidateRequest asks whether a sink can serve bindings as configured.
type ValidateRequest struct {
	Task     string // the materialization's catalog name
	Config   json.RawMessage
	DataDir  string // relative paths of a configuration are relative to it
	Bindings []Binding
	Log      *zap.Logger // of the task, for what a connector has to tell beside its errors; nil: nobody listens

	// Starts says that a published task starts: a publication has validated the
	// same before, so what fails now may pass by itself.
	Starts bool
}

// Validated answers a ValidateRequest, in the request's order.
type Validated struct {
	Bindings []ValidatedBinding `json:"bindings"`
}

// ValidatedBinding says what a sink makes of a binding.
type ValidatedBinding struct {
	ResourcePath []string              `json:"resourcePath"` // names the resource within the endpoint; unique among bindings
	Delta        bool                  `json:"deltaUpdates,omitempty"`
	Constraints  map[string]Constraint `json:"constraints"` // by field; a field that is missing here is forbidden
}

// ApplyRequest asks for the resources of a task's bindings, complete with
// their fields.
type ApplyRequest struct {
	Task     string
	Config   json.RawMessage
	DataDir  string
	Bindings []Binding
	Log      *zap.Logger // of the task, for what a connector has to tell beside its errors; nil: nobody listens
	DryRun   bool        // only say what would be done, as far as the endpoint can be looked at

	// State and Keep are those of an OpenRequest; nil in a dry run.
	State json.RawMessage
	Keep  func(ctx context.Context, checkpoint []byte, state json.RawMessage) error
}

// Applied says what Apply did.
type Applied struct {
	Action    string   `json:"actionDescription,omitempty"` // in one line for people; empty when there was nothing to do
	StateKeys []string `json:"stateKeys,omitempty"`         // of the bindings, in their order; nil: as they were asked for
}

// IncompatibleError is what exists at an endpoint and cannot be changed into
// what bindings need.
type IncompatibleError struct {
	Reasons map[int][]string // by the binding's index
}

func (e *IncompatibleError) Error() string {
	var all []string
	for _, i := range slices.Sorted(maps.Keys(e.Reasons)) {
		all = append(all, e.Reasons[i]...)
	}
	return strings.Join(all, "; ")
}

// OpenRequest opens one shard of a task.
type OpenRequest struct {
	Task     string
	Shard    string // the shard's token, unique within the task
	Config   json.RawMessage
	DataDir  string
	Bindings []Binding // Session methods name a binding by its index here
	Log      *zap.Logger

	// State and Keep are for sinks that keep a state of their own, and only
	// where the spec does not say ExactlyOnce. State is what Keep was given last;
	// nil at the first start. Keep makes a state durable, and a checkpoint in the
	// same step unless that is nil: a sink may call it in Commit, with the
	// checkpoint of that, before it lets the rows take effect. It returns an
	// error that is ErrFenced when somebody else has opened the shard. The owner
	// keeps the checkpoint itself of whoever does not.
	State json.RawMessage
	Keep  func(ctx context.Context, checkpoint []byte, state json.RawMessage) error
}

// Opened is what the endpoint knows of a shard.
type Opened struct {
	Checkpoint []byte // of the last Commit of this shard; nil when there was none
	Exactly    bool   // Commit makes rows and checkpoint durable in one step

	// Pace is for endpoints that are better served by few large transactions.
	Pace Pace

	// Loads says that rows of bindings in standard mode have to tell whether
	// their keys exist: the owner loads every key before it stores a row of it.
	Loads bool

	// MaxRows bounds the rows of one transaction over all bindings, for endpoints
	// whose transactions are bounded. 0: there is no bound.
	MaxRows int
}

// Pace says how long and how much a session's owner gathers before it stores
// and commits. The zero value: no longer than it has to. An owner that stops
// commits what it has.
type Pace struct {
	Every time.Duration // from a transaction's first document to its commit
	Bytes int           // of documents, which end the wait; 0: the owner's own limit
}

// Row is one document to store.
type Row struct {
	Key       []byte        // packed
	Doc       *document.Doc // reduced; its root is node 0
	Raw       []byte        // the document's JSON text
	Published time.Time     // of the newest source document in it
	Exists    bool          // Load found this key in this transaction

	// Delete says that reduction deleted the document: a binding in standard
	// mode removes the row of its key, if Exists says that there is one, and
	// loads it no more; one in delta mode stores the document as any other.
	Delete bool
}

// Refuse is the error of a document that an endpoint cannot hold, for what
// stands at a pointer in it. source is its collection's name.
func Refuse(source, pointer string, raw []byte, message string) error {
	return &collection.Invalid{Collection: source, Pointer: pointer, Rule: collection.RuleEndpoint, Message: message, Document: collection.Excerpt(raw)}
}

// IsRefused says whether an error is one of Refuse.
func IsRefused(err error) bool {
	var refused *collection.Invalid
	return errors.As(err, &refused)
}

// RebuiltKey is the state key of a resource that its sink made anew n times on
// its own account. No two of these are alike, so what was read for a former one
// never counts for a later one.
func RebuiltKey(stateKey string, n int64) string {
	if n == 0 {
		return stateKey
	}
	return stateKey + "." + strconv.FormatInt(n, 10)
}

// StateKey names the state of a binding: it changes with the resource and with
// the backfill counter, so that a raised counter starts the binding anew.
func StateKey(resourcePath []string, backfill int) string {
	escape := strings.NewReplacer("%", "%25", "/", "%2F", ".", "%2E", " ", "%20")
	parts := make([]string, len(resourcePath))
	for i, p := range resourcePath {
		parts[i] = escape.Replace(p)
	}
	return strings.Join(parts, "/") + ".v" + strconv.Itoa(backfill)
}
