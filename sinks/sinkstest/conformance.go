package sinkstest

import (
	"encoding/json"
	"testing"

	"weir/sinks"
)

// Harness is an empty endpoint of a sink and what it can do. The zero values
// of what is behind Documents are those of a database with transactions; the
// suite checks that what a harness says is what happens.
type Harness struct {
	Sink    sinks.Sink
	Config  json.RawMessage
	DataDir string

	// Resource gives the resource configuration of a binding.
	Resource func(name string, delta bool) json.RawMessage

	// Documents reads, past the sink, the documents that a resource holds now,
	// in any order.
	Documents func(t *testing.T, name string) []string

	AtLeastOnce bool // sessions open with Opened.Exactly false: a transaction that was broken off may have been written, whole or in part
	DeltaOnly   bool // every binding is in delta mode, whatever its resource says: nothing is loaded, nothing replaced
	NoDelta     bool // no binding is in delta mode
	Appends     bool // a raised backfill counter leaves what a resource holds

	// MaxName is how many bytes a resource's name may have; 0: any number. A
	// longer one is refused, and never cut.
	MaxName int

	// Holds says of a document whether the endpoint can hold it as it is. nil:
	// every one.
	Holds func(doc string) bool

	// Refuse lets the endpoint refuse rows of a resource's document, which is of
	// the schema {id: integer, v: string}. The error names the document by its
	// key. nil: the endpoint takes whatever the sink takes.
	Refuse func(t *testing.T, resource, doc string)

	// Secret is a value in Config, and in Unreachable, that no error may show.
	// Unreachable is a configuration of an endpoint that does not answer. Both
	// are optional.
	Secret      string
	Unreachable json.RawMessage
}

// Conformance runs the suite; fresh is called for each test and gives an
// endpoint that holds nothing.
func Conformance(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"checkpoint resumes", checkpointResumes},
		{"redelivery loses nothing", redeliveryLosesNothing},
		{"open fences", openFences},
		{"shards are apart", shardsAreApart},
		{"commit is atomic", commitIsAtomic},
		{"rollback forgets", rollbackForgets},
		{"load returns what was stored", loadReturnsStored},
		{"delete removes", deleteRemoves},
		{"delta adds", deltaAdds},
		{"delta keeps deletions", deltaKeepsDeletions},
		{"both modes in one transaction", bothModes},
		{"apply twice", applyTwice},
		{"fields may be added", fieldsMayBeAdded},
		{"backfill starts anew", backfillStartsAnew},
		{"incompatible resources", incompatibleResources},
		{"contexts end steps", contextsEndSteps},
		{"caller keeps its memory", callerKeepsMemory},
		{"big documents", bigDocuments},
		{"big transactions", bigTransactions},
		{"odd names", oddNames},
		{"odd values", oddValues},
		{"refused documents are named", refusedDocumentsAreNamed},
		{"configuration is strict", configurationIsStrict},
		{"secrets stay secret", secretsStaySecret},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newSuite(t, fresh(t))) })
	}
}
