package worker

import (
	"context"
	"errors"
	"fmt"

	"weir/collection"
	"weir/derive"
	"weir/fault"
	"weir/journal"
	"weir/sinks"
	"weir/sources"
)

// suspects are inputs that a failed transaction named: the next attempt
// processes each of them in a transaction of its own, so that what comes
// before is committed, and so that a transaction that failed as a whole shows
// which document it was.
type suspects map[string]span // by position key

// span is a range of sequences, both inclusive.
type span struct{ from, through uint64 }

func (s suspects) has(key string, seq uint64) bool {
	at, ok := s[key]
	return ok && at.from <= seq && seq <= at.through
}

// add takes an input in, behind the others of its position.
func (s suspects) add(key string, seq uint64) {
	at, ok := s[key]
	if !ok {
		at.from = seq
	}
	at.through = seq
	s[key] = at
}

// inputError is a failure that one input, or the open transaction as a whole,
// is to blame for.
type inputError struct {
	suspects   suspects
	collection string // and seq: of the one input, when it is known
	seq        uint64
	err        error
}

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// OutputError is a source document whose outputs are more than one atomic
// batch holds, or such a checkpoint of a capture's connector.
type OutputError struct {
	Checkpoint bool   // of a capture
	Collection string // that was read, or is captured into
	Seq        uint64
	Outputs    int
	Limit      int
}

func (e *OutputError) Error() string {
	if e.Checkpoint {
		return fmt.Sprintf("one checkpoint of the connector has %d documents for %s, but one transaction holds at most %d: the connector has to send checkpoints more often", e.Outputs, e.Collection, e.Limit)
	}
	return fmt.Sprintf("the document at sequence %d of %s gives %d outputs, but one transaction holds at most %d: split the source document, or return fewer documents for it", e.Seq, e.Collection, e.Outputs, e.Limit)
}

// StateError is a state of a derivation's class that no marker has room for.
type StateError struct{ Size, Limit int }

func (e *StateError) Error() string {
	return fmt.Sprintf("the class's state takes %d bytes, but a transaction has room for %d: keep in registers what belongs to a key", e.Size, e.Limit)
}

// LostError is a part of a task's durable state that is gone, or behind
// another part: something around Weir removed it.
type LostError struct{ what string }

func (e *LostError) Error() string { return e.what }

// errOverflow is a transaction that grew past a batch by its last input. The
// shard starts again at once, and closes its transactions earlier.
var errOverflow = errors.New("the transaction outgrew a batch")

func asInvalid(err error, target **collection.Invalid) bool { return errors.As(err, target) }

// lasting says whether an error stays until somebody changes something: the
// same documents and the same catalog would fail again.
func lasting(err error) bool {
	if databaseLasts(err) || isSecret(err) {
		return true
	}
	var (
		invalid *collection.Invalid
		size    *journal.SizeError
		output  *OutputError
		state   *StateError
		module  *derive.ModuleError
		broken  *brokenError
		lost    *LostError
		unfit   *sinks.IncompatibleError
		newer   *formatError
	)
	return errors.As(err, &newer) || errors.As(err, &unfit) || errors.As(err, &invalid) || errors.As(err, &broken) || errors.As(err, &lost) || errors.Is(err, journal.ErrBatchFull) || errors.Is(err, journal.ErrBatchTooLarge) || errors.As(err, &size) || errors.As(err, &output) || errors.As(err, &state) || errors.As(err, &module) ||
		takenOver(err) || errors.Is(err, journal.ErrPositionBeyondEnd)
}

// tooLarge is a document that the server takes no message for.
func tooLarge(c *collection.Collection, raw []byte, size *journal.SizeError) *collection.Invalid {
	return &collection.Invalid{Collection: c.Name, Rule: collection.RuleSize, Message: size.Error(), Document: collection.Excerpt(raw)}
}

// takenOver says whether another start of the shard has claimed it.
func takenOver(err error) bool {
	return errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrConflict) || errors.Is(err, sinks.ErrFenced)
}

// patient says whether an error is trouble that passes by itself, which is
// retried for ever.
func patient(err error) bool {
	var (
		call      *derive.CallError
		connector *connectorError
	)
	if errors.As(err, &connector) && !errors.Is(err, sinks.ErrTransient) && !errors.Is(err, sources.ErrTransient) {
		return false
	}
	return !errors.As(err, &call) && !lasting(err) && !errors.Is(err, context.Canceled)
}

// connectorError is an error of a sink or source: it passes by itself only if
// the connector says so.
type connectorError struct {
	step string
	err  error
}

func (e *connectorError) Error() string { return e.step + ": " + e.err.Error() }
func (e *connectorError) Unwrap() error { return e.err }

// fromConnector wraps an error of a connector with the name of the step. The
// end of the context is nobody's fault.
func fromConnector(step string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &connectorError{step, err}
}

// Why explains a task's state to a person.
type Why struct {
	Code       fault.Code `json:"code"`
	Message    string     `json:"message"`
	Collection string     `json:"collection,omitempty"`
	Subject    string     `json:"subject,omitempty"`
	Seq        uint64     `json:"seq,omitempty"`
	Pointer    string     `json:"pointer,omitempty"` // in the document
	Rule       string     `json:"rule,omitempty"`    // the schema's keyword
	File       string     `json:"file,omitempty"`    // of the author's module
	Line       int        `json:"line,omitempty"`
	Document   string     `json:"document,omitempty"` // its beginning
	Fix        string     `json:"fix,omitempty"`      // what to do about it
}

// explain gives the reason of a failure with its place and its document.
func explain(err error) *Why {
	w := &Why{Code: codeOf(err), Message: err.Error()}
	var (
		invalid *collection.Invalid
		call    *derive.CallError
		module  *derive.ModuleError
		size    *journal.SizeError
		output  *OutputError
		state   *StateError
		blamed  *inputError
		broken  *brokenError
		lost    *LostError
		unfit   *sinks.IncompatibleError
		newer   *formatError

		disk      *derive.DiskError
		connector *connectorError
	)
	if errors.As(err, &blamed) {
		w.Message, w.Collection, w.Seq = blamed.err.Error(), blamed.collection, blamed.seq
	}
	switch {
	case errors.As(err, &call):
		w.Code, w.File, w.Line, w.Document = fault.Module, call.File, call.Line, string(call.Document)
	case errors.As(err, &invalid):
		w.Code, w.Collection, w.Subject, w.Seq = fault.InvalidDocument, invalid.Collection, invalid.Subject, invalid.Seq
		w.Pointer, w.Rule, w.Document = invalid.Pointer, invalid.Rule, string(invalid.Document)
	case isSecret(err):
		w.Code = fault.Secret
	case errors.As(err, &broken):
		w.Code = fault.Catalog
	case errors.As(err, &lost):
		w.Code = fault.StateLost
	case errors.As(err, &disk):
		w.Code = fault.Disk
	case errors.As(err, &unfit):
		w.Code = fault.Incompatible
	case errors.As(err, &connector):
		w.Code = codeOfConnector(err)
	case errors.As(err, &module):
		w.Code, w.File, w.Line = fault.Module, module.File, module.Line
	case errors.As(err, &size):
		w.Code = fault.TooLarge
	case errors.As(err, &state):
		w.Code = fault.StateTooLarge
	case errors.As(err, &output):
		w.Code, w.Collection, w.Seq = fault.TooManyOutputs, output.Collection, output.Seq
	case errors.As(err, &newer):
		w.Code = fault.NewerFormat
	}
	if w.Code == fault.TakenOver {
		w.Message = "another worker has taken this task over: " + w.Message
	}
	w.ofDatabase(err)
	w.Fix = w.Code.Fix()
	return w
}
