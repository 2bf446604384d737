// Package sourcestest checks that a source keeps the promises of package
// sources. Each source's test calls Conformance once; a promise that is added
// there is then checked for every source. It is imported by tests only.
package sourcestest

import (
	"context"
	"encoding/json"
	"testing"

	"weir/sources"
)

// BigDocument is the size in bytes of the documents that Harness.Big makes:
// near what a server with ordinary limits takes in one message.
const BigDocument = 4 << 20

// Harness is an endpoint of a source and what it can do. The first five fields
// say what it holds; the zero values of the others are those of a source that
// reads something kept elsewhere, and runs out of documents.
type Harness struct {
	Source   sources.Source
	Config   json.RawMessage
	DataDir  string
	Bindings []sources.Binding // of different resources; an empty StateKey is set as a worker does

	// Documents is what the endpoint holds, in the order in which it is
	// captured, for each binding. Of an endless source it is the beginning, and
	// of one that keeps nothing what the suite brings after each opening, in no
	// particular order.
	Documents [][]string

	// Unacknowledged says what becomes of documents that a session pulled, and
	// that were not acknowledged when it ended. Where it is not Redelivered, the
	// endpoint keeps nothing and Bring is needed.
	Unacknowledged Delivery

	// Endless says that the source has more documents than Documents always.
	Endless bool

	// Bring hands one document to the endpoint. To one that keeps documents it
	// may be called at any time, and returns when the endpoint has it. For a
	// source that answers whoever brings something it is called while a session
	// is open, many at a time, and returns when that is answered: nil once the
	// document is acknowledged. nil: the suite brings nothing.
	Bring func(ctx context.Context, binding int, doc string) error

	// More are documents for Bring, by binding, that come behind Documents.
	More [][]string

	// Big gives a document of the first binding whose JSON text has about size
	// bytes, for Bring. nil: there is no test of big documents.
	Big func(size int) string

	// Bad puts something into the endpoint, behind Documents of the first
	// binding, that is no JSON document, and gives what names it: a file with
	// its line, say. Either Pull's error holds that, or the captured bytes do,
	// for the collection to refuse. nil: the endpoint has no such thing.
	Bad func(t *testing.T) (name string)

	// Secret is a value in Config, and in Unreachable, that no error may show.
	// Unreachable is a configuration of an endpoint that does not answer. Both
	// are optional.
	Secret      string
	Unreachable json.RawMessage
}

// Delivery is what becomes of documents that were not acknowledged.
type Delivery int

const (
	Redelivered Delivery = iota // a session that is opened with the state before gives them again
	Refused                     // who brought them gets an error, and brings them again
	Lost                        // nobody is told: at most once
)

// Conformance runs the suite; fresh is called for each test.
func Conformance(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"captures everything", capturesEverything},
		{"acknowledges one by one", acknowledgesOneByOne},
		{"resumes behind every state", resumesBehindEveryState},
		{"gives again what was not acknowledged", givesAgain},
		{"answers when it is durable", answersWhenDurable},
		{"captures what comes later", capturesWhatComesLater},
		{"backfill starts anew", backfillStartsAnew},
		{"big documents", bigDocuments},
		{"bad documents are named", badDocumentsAreNamed},
		{"contexts end a pull", contextsEndPull},
		{"contexts end steps", contextsEndSteps},
		{"close ends", closeEnds},
		{"close ends a waiting pull", closeEndsWaitingPull},
		{"apply twice", applyTwice},
		{"discovers what it takes", discoversWhatItTakes},
		{"configuration is strict", configurationIsStrict},
		{"secrets stay secret", secretsStaySecret},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newSuite(t, fresh(t))) })
	}
}
