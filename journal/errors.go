package journal

import (
	"context"
	"errors"
	"fmt"

	"weir/fault"
)

// What callers branch on; test with errors.Is.
var (
	// ErrNoStream says that a stream does not exist.
	ErrNoStream = errors.New("no such stream")
	// ErrNoMessage says that a stream holds no message of that subject or sequence.
	ErrNoMessage = errors.New("no such message")
	// ErrNoKey says that a bucket does not hold a key.
	ErrNoKey = errors.New("no such key")
	// ErrFenced says that another writer has written since: a *FencedError.
	ErrFenced = errors.New("another writer has written since")
	// ErrConflict says that a value is no longer the one that the caller knew,
	// or that something is there already: a *ConflictError.
	ErrConflict = errors.New("changed by somebody else")
	// ErrPositionBeyondEnd says that a reader was asked for a position that its
	// stream never reached.
	ErrPositionBeyondEnd = errors.New("position beyond the end of the stream")
	// ErrBatchFull says that a batch holds as many messages as one may.
	ErrBatchFull = errors.New("batch is full")
	// ErrBatchTooLarge says that the server takes only smaller batches.
	ErrBatchTooLarge = errors.New("batch is larger than the server allows")
	// ErrStorageFull says that the server has no room. Nothing was written; the
	// same call may be made again later.
	ErrStorageFull = errors.New("no room on the server")
	// ErrClosed says that the connection was closed by its owner.
	ErrClosed = errors.New("connection to NATS is closed")
	// ErrForeignStream says that a stream of that name belongs to something else.
	ErrForeignStream = errors.New("stream is not Weir's")
)

// Away says whether an error means that the server was not reached, or did not
// answer: the same call may succeed when it is back.
func Away(err error) bool {
	for _, away := range []error{ErrClosed, errNotSent, errNoResponders, errUnanswered, context.DeadlineExceeded} {
		if errors.Is(err, away) {
			return true
		}
	}
	return false
}

// Code gives the code of an error of this package, "" for any other. Who is to
// blame for a write that another one came before depends on who asks: such
// errors have none here.
func Code(err error) fault.Code {
	var (
		size    *SizeError
		refused *APIError
	)
	switch {
	case errors.Is(err, ErrPositionBeyondEnd):
		return fault.PositionBeyondEnd
	case errors.Is(err, ErrBatchFull), errors.Is(err, ErrBatchTooLarge):
		return fault.BatchTooLarge
	case errors.Is(err, ErrStorageFull):
		return fault.StorageFull
	case errors.Is(err, ErrForeignStream):
		return fault.ForeignStream
	case errors.Is(err, ErrNoStream):
		return fault.StreamMissing
	case Away(err):
		return fault.NatsAway
	case errors.As(err, &size):
		return fault.TooLarge
	case errors.As(err, &refused):
		return fault.NatsRefused
	}
	return ""
}

// FencedError is a refused append: the newest message of a subject is neither
// the one that the writer expected nor the writer's own.
type FencedError struct {
	Stream   string
	Subject  string
	Expected uint64
	Last     *Message // the newest message of the subject; nil when there is none
}

func (e *FencedError) Error() string {
	at := "there is none"
	if e.Last != nil {
		at = fmt.Sprintf("it is at %d", e.Last.Seq)
	}
	return fmt.Sprintf("append to stream %s: %v: the newest message of %s should be at sequence %d, %s", e.Stream, ErrFenced, e.Subject, e.Expected, at)
}

// Is makes errors.Is(err, ErrFenced) true.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// ConflictError is a refused single write.
type ConflictError struct {
	Subject  string
	Expected uint64 // the sequence that the newest message should have had
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("write %s: %v: its newest sequence is not %d", e.Subject, ErrConflict, e.Expected)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// SizeError is a message that is larger than the server takes.
type SizeError struct {
	Subject string
	Size    int // bytes, with headers
	Limit   int // the server's max_payload
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("message for %s has %d bytes with its headers, but the server takes at most %d: raise max_payload in the server's configuration, or write smaller documents", e.Subject, e.Size, e.Limit)
}

// StorageError is a write that the server had no room for.
type StorageError struct {
	Stream string
	Reason *APIError
}

func (e *StorageError) Error() string {
	return fmt.Sprintf("write to stream %s: %v: %s; free disk space or raise the limits of JetStream or the account", e.Stream, ErrStorageFull, e.Reason.Description)
}

// Is makes errors.Is(err, ErrStorageFull) true.
func (e *StorageError) Is(target error) bool { return target == ErrStorageFull }

func (e *StorageError) Unwrap() error { return e.Reason }

// APIError is an answer of JetStream that refuses a request.
type APIError struct {
	Status      int    `json:"code"`
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *APIError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.Code) }

// The server's error codes that this package tells apart.
const (
	codeAccountExceeded    = 10002
	codeNotAvailable       = 10008
	codeClusterNoPeers     = 10005
	codeConsumerNotFound   = 10014
	codeInsufficient       = 10023
	codeMemoryExceeded     = 10028
	codeNoMessage          = 10037
	codeNotEnabledAccount  = 10039
	codeStorageExceeded    = 10047
	codeStreamNameInUse    = 10058
	codeStreamNotFound     = 10059
	codeSubjectOverlap     = 10065
	codeWrongSequence      = 10071
	codeNotEnabled         = 10076
	codeStoreFailed        = 10077
	codeStreamOffline      = 10118
	codeConsumerOffline    = 10119
	codeWrongSequenceLater = 10164
	codeTooManyRequests    = 10167
	codeAtomicDisabled     = 10174
	codeBatchIncomplete    = 10176
	codeBatchTooLarge      = 10199
	codeTooManyBatches     = 10210
)

// fenceRefused says whether a write was refused for its expected sequence.
func (e *APIError) fenceRefused() bool {
	return e.Code == codeWrongSequence || e.Code == codeWrongSequenceLater
}

func (e *APIError) storage() bool {
	switch e.Code {
	case codeAccountExceeded, codeInsufficient, codeMemoryExceeded, codeStorageExceeded, codeStoreFailed:
		return true
	}
	return false
}

// passes says whether the same request may succeed a little later.
func (e *APIError) passes() bool {
	switch e.Code {
	case codeNotAvailable, codeClusterNoPeers, codeStreamOffline, codeConsumerOffline, codeTooManyRequests, codeBatchIncomplete, codeTooManyBatches:
		return true
	}
	return false
}
