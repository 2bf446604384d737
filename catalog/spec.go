package catalog

import (
	"encoding/json"
	"time"

	"weir/schema"
)

// Catalog is a checked catalog: every entity by its name.
type Catalog struct {
	Collections      map[string]*Collection      `json:"collections,omitempty"`
	Captures         map[string]*Capture         `json:"captures,omitempty"`
	Materializations map[string]*Materialization `json:"materializations,omitempty"`
	Tests            map[string]*Test            `json:"tests,omitempty"`

	files map[string]*file // that it was read from, by the name that origins have
}

// Origin says where an entity or a test step was written.
type Origin struct {
	File string `json:"file"` // relative to the catalog's root, with slashes
	Line int    `json:"line"`
}

// What a collection does with a document that fails its schema.
const (
	OnInvalidStop       = "stop"
	OnInvalidQuarantine = "quarantine"
)

// Collection is a set of documents that share a key and a schema. A collection
// with a Derivation is also a task.
type Collection struct {
	Name        string                `json:"name"`
	Key         []string              `json:"key"`                   // JSON pointers, in key order
	Schema      schema.Source         `json:"schema"`                // of documents that are written
	ReadSchema  *schema.Source        `json:"readSchema,omitempty"`  // of documents that are read; nil: Schema
	Projections map[string]Projection `json:"projections,omitempty"` // by field name
	Partitions  int                   `json:"partitions"`            // a power of two, 1 to 1024
	OnInvalid   string                `json:"onInvalid"`             // OnInvalidStop or OnInvalidQuarantine
	Derive      *Derivation           `json:"derive,omitempty"`
	Origin      Origin                `json:"origin"`
}

// Projection gives a location of the documents a field name of its own.
type Projection struct {
	Location  string `json:"location"`            // JSON pointer
	Partition bool   `json:"partition,omitempty"` // the field is a logical partition
}

// Derivation computes its collection from others.
type Derivation struct {
	Using      Using       `json:"using"`
	Register   *Register   `json:"register,omitempty"`
	Transforms []Transform `json:"transforms"`
	// ShuffleKeyTypes has one entry a component of the transforms' shuffle keys:
	// the types of its values, sorted and joined by "|" ("string",
	// "integer|string"). It is nil when no transform has a shuffle key or when the
	// transforms' keys differ, which only a derivation without register may have.
	ShuffleKeyTypes []string `json:"shuffleKeyTypes,omitempty"`
	Disable         bool     `json:"disable,omitempty"`
}

// Using is what computes a derivation: exactly one field is set.
type Using struct {
	JavaScript *Module `json:"javascript,omitempty"`
	TypeScript *Module `json:"typescript,omitempty"`
	SQLite     *SQLite `json:"sqlite,omitempty"`
	Copy       *Copy   `json:"copy,omitempty"`
}

// SQLite is a database of the derivation's own, whose lambdas are SQL.
type SQLite struct {
	Migrations []SQL `json:"migrations,omitempty"` // applied once each, in order
}

// SQL is statements and where they were written.
type SQL struct {
	Text string `json:"text"`
	File string `json:"file,omitempty"` // relative to the catalog's root
	Line int    `json:"line,omitempty"` // of the text's first line in it
}

// Copy passes each source document on as it is.
type Copy struct{}

// What Date and Math.random mean inside a module.
const (
	ClockDocument = "document" // the source document's time and position
	ClockWall     = "wall"     // the machine's
)

// Module is the code of a derivation: a file, or text inside the catalog.
type Module struct {
	// Path is the module's absolute file, "" when inline. Only the process that
	// loaded the catalog knows it; it is not part of the spec's JSON.
	Path string `json:"-"`
	// Sent are the texts of the catalog's files by their absolute paths, of a
	// catalog that LoadFiles loaded: its modules import these and no others.
	Sent   map[string]string `json:"-"`
	File   string            `json:"file,omitempty"`   // Path relative to the catalog's root, for messages
	Inline string            `json:"inline,omitempty"` // the module's text, "" when it is a file
	Clock  string            `json:"clock"`            // ClockDocument or ClockWall
	Bundle string            `json:"bundle,omitempty"` // the bundled code, set at publication
}

// BundleVariable is the variable that holds the exports of a module in its
// bundle.
const BundleVariable = "weirModule"

// Register is the state that a derivation keeps for each shuffle key.
type Register struct {
	Schema  schema.Source   `json:"schema"`
	Initial json.RawMessage `json:"initial,omitempty"` // nil when there is none
}

// Source names a collection that is read, and says what of it.
type Source struct {
	Name       string     `json:"name"`
	Partitions *Selector  `json:"partitions,omitempty"` // nil: all
	NotBefore  *time.Time `json:"notBefore,omitempty"`  // of the documents' times; nil: no bound
	NotAfter   *time.Time `json:"notAfter,omitempty"`
}

// Selector selects logical partitions: documents that have one of the values of
// every field of Include, and none of those of Exclude. Values are JSON
// scalars, by partition field.
type Selector struct {
	Include map[string][]json.RawMessage `json:"include,omitempty"`
	Exclude map[string][]json.RawMessage `json:"exclude,omitempty"`
}

// Transform is one source of a derivation and the function that handles it.
type Transform struct {
	Name     string  `json:"name"`
	Source   Source  `json:"source"`
	Shuffle  Shuffle `json:"shuffle"`
	Backfill int     `json:"backfill,omitempty"`
	Disable  bool    `json:"disable,omitempty"`
	Priority int     `json:"priority,omitempty"` // higher first
	// ReadDelay is how long after its time a document is ready; see ParseDelay.
	ReadDelay string `json:"readDelay,omitempty"`
	Lambda    *SQL   `json:"lambda,omitempty"` // for SQLite; nil: the documents change nothing
}

// Shuffle says which documents of a transform meet in one place: those of the
// same key, or any.
type Shuffle struct {
	Any bool     `json:"any,omitempty"`
	Key []string `json:"key,omitempty"` // JSON pointers into the source document
}

// Endpoint is an outside system: the kind of connector and its configuration.
// Whether the kind exists, and whether it takes this configuration, only the
// registry of connectors knows.
type Endpoint struct {
	Kind   string          `json:"kind"`
	Config json.RawMessage `json:"config"` // a JSON object
}

// LocalEndpoint is the kind of endpoints whose connector is a program. Their
// configuration has an absolute directory, `dir`, which the program is started
// in: that of the file where it was written, unless it says another.
const LocalEndpoint = "local"

// Capture brings documents from an endpoint into collections.
type Capture struct {
	Name     string           `json:"name"`
	Endpoint Endpoint         `json:"endpoint"`
	Bindings []CaptureBinding `json:"bindings"`
	Interval string           `json:"interval"` // between starts; see ParseInterval
	Disable  bool             `json:"disable,omitempty"`
	Origin   Origin           `json:"origin"`
}

// CaptureBinding sends one resource of the endpoint to one collection.
type CaptureBinding struct {
	Resource json.RawMessage `json:"resource"` // a JSON object
	Target   string          `json:"target"`
	Disable  bool            `json:"disable,omitempty"`
	Backfill int             `json:"backfill,omitempty"`
}

// Materialization keeps resources of an endpoint up to date with collections.
type Materialization struct {
	Name     string                   `json:"name"`
	Endpoint Endpoint                 `json:"endpoint"`
	Bindings []MaterializationBinding `json:"bindings"`
	Disable  bool                     `json:"disable,omitempty"`
	Origin   Origin                   `json:"origin"`
}

// MaterializationBinding keeps one resource up to date with one collection.
type MaterializationBinding struct {
	Source   Source          `json:"source"`
	Resource json.RawMessage `json:"resource"`         // a JSON object
	Fields   *Fields         `json:"fields,omitempty"` // nil: the same as DefaultDepth and nothing else
	Disable  bool            `json:"disable,omitempty"`
	Backfill int             `json:"backfill,omitempty"`
	Priority int             `json:"priority,omitempty"` // higher first
	// OnIncompatible says what happens when what exists at the endpoint cannot be
	// changed into what is needed; "" is OnIncompatibleBackfill.
	OnIncompatible string `json:"onIncompatibleSchemaChange,omitempty"`
	// Origin is where the binding's fields are selected. Only the process that
	// loaded the catalog knows it; it is not part of the spec's JSON.
	Origin Origin `json:"-"`
}

// What a binding does when what exists at the endpoint cannot be changed into
// what it needs.
const (
	OnIncompatibleAbort          = "abort"          // refuses, and leaves all as it is
	OnIncompatibleBackfill       = "backfill"       // makes the resource anew and fills it from the collection
	OnIncompatibleDisableBinding = "disableBinding" // leaves the binding out until that is solved
	OnIncompatibleDisableTask    = "disableTask"    // stops the whole task until that is solved
)

// Depths of Fields.Recommended.
const (
	DefaultDepth = 1  // the top level
	AnyDepth     = -1 // every location, however deep
)

// Fields selects the fields of a binding.
type Fields struct {
	Recommended int                        `json:"recommended"` // levels that are selected unasked: 0 none, or AnyDepth
	Require     map[string]json.RawMessage `json:"require,omitempty"`
	Exclude     []string                   `json:"exclude,omitempty"`
	GroupBy     []string                   `json:"groupBy,omitempty"` // in place of the collection's key
}

// Test publishes documents and says what collections must hold afterwards.
type Test struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Steps       []Step `json:"steps"`
	Origin      Origin `json:"origin"`
}

// Step is one step of a test: exactly one of Ingest and Verify is set.
type Step struct {
	Ingest *Ingest `json:"ingest,omitempty"`
	Verify *Verify `json:"verify,omitempty"`
	Origin Origin  `json:"origin"`
}

// Ingest publishes documents, all valid by the collection's schema, in one
// transaction.
type Ingest struct {
	Description string            `json:"description,omitempty"`
	Collection  string            `json:"collection"`
	Documents   []json.RawMessage `json:"documents"`
	At          Place             `json:"-"` // of the list of documents
}

// Verify compares what a collection holds since the test began, reduced by key
// and in key order, with Documents: each actual document must contain the
// expected one.
type Verify struct {
	Description string            `json:"description,omitempty"`
	Collection  Source            `json:"collection"`
	Documents   []json.RawMessage `json:"documents"`
	At          Place             `json:"-"` // of the list of documents
}
