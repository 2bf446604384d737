package catalog

// catalogFile is a whole file.
type catalogFile struct {
	located
	Schema           string                         `flow:"$schema" ignored:"names a JSON Schema for editors"`
	Import           []string                       `flow:"import" doc:"Files whose entities belong to this catalog too, relative to this file. Files may import each other."`
	Collections      map[string]collectionFile      `flow:"collections" names:"catalog" doc:"Collections by name."`
	Captures         map[string]captureFile         `flow:"captures" names:"catalog" doc:"Captures by name."`
	Materializations map[string]materializationFile `flow:"materializations" names:"catalog" doc:"Materializations by name."`
	Tests            map[string]testFile            `flow:"tests" names:"catalog" doc:"Tests by name."`
	StorageMappings  struct{}                       `flow:"storageMappings" later:"collections live in JetStream alone for now"`
}

// collectionFile is one entry of collections.
type collectionFile struct {
	located
	Key         []string              `flow:"key,required" hint:"as in: key: [/id]" format:"pointer" doc:"JSON pointers to the values that together identify a document, in order. Documents of one key are reduced into one. Each must be a boolean, integer or string (or null, beside one of these) by the schema, or by both, and required or have a default."`
	Schema      schemaRef             `flow:"schema" doc:"The JSON schema of the documents, when they are written and when they are read. It is needed, unless there are writeSchema and readSchema."`
	WriteSchema schemaRef             `flow:"writeSchema" doc:"The JSON schema of documents that are written: what captures, derivations and publishers may bring. It goes with readSchema."`
	ReadSchema  schemaRef             `flow:"readSchema" doc:"The JSON schema of documents that are read: what derivations, destinations and weir read meet. It may refer to flow://write-schema, to flow://relaxed-write-schema (the same without type, required and format), and to flow://inferred-schema (which Weir makes of the documents that it sees). It goes with writeSchema."`
	Projections map[string]projection `flow:"projections" doc:"Names of your own for locations of the documents, by field name. Destinations use them as names of columns."`
	Partitions  *int                  `flow:"partitions" min:"1" max:"1024" default:"16" doc:"Number of partitions, a power of two. It bounds into how many shards a reader can be split, and cannot be changed later."`
	OnInvalid   string                `flow:"onInvalid" enum:"stop|quarantine" default:"stop" doc:"What happens to a document that fails the schema: stop the task that meets it, or put the document into quarantine and go on."`
	Derive      *deriveFile           `flow:"derive" doc:"Computes the collection from others. Without it, documents are captured or published into the collection."`
	ExpectPubID string                `flow:"expectPubId" ignored:"a field of Flow's control plane"`
	Delete      offFlag               `flow:"delete" doc:"Only false: what is no longer in the catalog stops."`
	Reset       offFlag               `flow:"reset" doc:"Only false."`
	Journals    struct{}              `flow:"journals" later:"collections live in JetStream alone for now"`
	Layout      struct{}              `flow:"layout" later:"one document a message, its key in the subject, is the only layout for now"`
	Retention   struct{}              `flow:"retention" later:"collections keep all documents for now"`
	Derivation  struct{}              `flow:"derivation" later:"it is Flow's former spelling: write derive, with using and transforms"`
}

// deriveFile is a collection's derive.
type deriveFile struct {
	located
	Using           usingFile       `flow:"using,required" hint:"as in: using: { javascript: { module: orders.js } }" doc:"What computes the documents."`
	Register        *registerFile   `flow:"register" doc:"State that is kept for each shuffle key, shared by all transforms."`
	Transforms      []transformFile `flow:"transforms,required" hint:"a list of { name, source, shuffle }" doc:"The collections that are read, and how."`
	ShuffleKeyTypes []string        `flow:"shuffleKeyTypes" enum:"boolean|integer|string" doc:"Types of the shuffle keys' components, which all transforms then share. They follow from the sources' schemas; what is written is compared with them."`
	Shards          shardsFile      `flow:"shards" doc:"How the task runs."`
	RedactSalt      struct{}        `flow:"redactSalt" later:"redaction is not done yet"`
}

// usingFile is what computes a derivation.
type usingFile struct {
	located
	JavaScript *moduleFile `flow:"javascript" doc:"A JavaScript module that exports a function for each transform, named as the transform."`
	TypeScript *moduleFile `flow:"typescript" doc:"The same in TypeScript."`
	Copy       *copyFile   `flow:"copy" doc:"Passes each source document on as it is. Takes no options: copy: {}"`
	SQLite     *sqliteFile `flow:"sqlite" doc:"SQL: each transform has a lambda, whose rows are the documents. The derivation has a SQLite database of its own to keep state in."`
	Python     struct{}    `flow:"python" later:"use javascript, typescript, sqlite or copy"`
	Connector  struct{}    `flow:"connector" later:"use javascript, typescript, sqlite or copy"`
	Local      struct{}    `flow:"local" later:"use javascript, typescript, sqlite or copy"`
}

// sqliteFile is the database of a derivation.
type sqliteFile struct {
	located
	Migrations []sqlText `flow:"migrations" doc:"SQL that makes and changes the tables, each applied once and in this order. Those that were published must stay as they are: append new ones. An entry that ends in .sql names a file."`
}

type copyFile struct{ located }

// moduleFile is the code of a derivation.
type moduleFile struct {
	located
	Module string   `flow:"module,required" hint:"the file of the module, relative to this file" doc:"The module's file, relative to this file, or its text: what has a line break or a brace is taken as text."`
	Clock  string   `flow:"clock" enum:"document|wall" default:"document" doc:"What Date and Math.random mean inside the module: the source document's time and position, so that a replay gives the same result, or the real ones."`
	Files  struct{} `flow:"files" later:"name the main file as module; it may import the others"`
	Config struct{} `flow:"config" later:"put constants into the module"`
	Spec   struct{} `flow:"spec" later:"put constants into the module"`
}

// registerFile is a derivation's state.
type registerFile struct {
	located
	Schema  schemaRef  `flow:"schema,required" hint:"a JSON schema, inline or the name of its file" doc:"The JSON schema of a register's value. Its reduce annotations say what register.reduce does."`
	Initial *jsonValue `flow:"initial" doc:"The value of a register that was never set. It must be valid by the schema."`
}

// transformFile is one source of a derivation.
type transformFile struct {
	located
	Name      string    `flow:"name,required" hint:"the function of the module that handles the documents" doc:"Name of the transform and of the module's function. A transform that is renamed reads its source again from the start."`
	Source    sourceRef `flow:"source,required" hint:"the name of a collection" doc:"The collection that is read."`
	Shuffle   shuffle   `flow:"shuffle,required" hint:"any, or as in: shuffle: { key: [/customer] }" doc:"Which documents must meet in one place."`
	Backfill  int       `flow:"backfill" min:"0" default:"0" doc:"Raise it to read the source again from the start."`
	Disable   bool      `flow:"disable" default:"false" doc:"Leaves the transform out for now."`
	Priority  int       `flow:"priority" min:"0" default:"0" doc:"Ready documents of a higher priority are processed first."`
	ReadDelay string    `flow:"readDelay" pattern:"^[0-9]+(s|m|h|d)$" doc:"How long after it was stored a document is ready to be processed, as in 15m or 2d: none when left out. Also the order of a replay is that of the documents' times with this added."`
	Lambda    *sqlText  `flow:"lambda" doc:"SQL that is run for each document, for derivations that use sqlite; or the name of its file, which ends in .sql. $field is a field of the document, $flow_document all of it; each row is a document."`
}

// captureFile is one entry of captures.
type captureFile struct {
	located
	Endpoint     endpointFile         `flow:"endpoint,required" hint:"one kind of connector and its configuration" doc:"Where documents come from."`
	Bindings     []captureBindingFile `flow:"bindings,required" hint:"a list of { resource, target }" doc:"What is captured, and into which collections."`
	Interval     string               `flow:"interval" default:"5m" pattern:"^[0-9]+(s|m|h|d)$" doc:"Time between the starts of a source that ends by itself."`
	Shards       shardsFile           `flow:"shards" doc:"How the task runs."`
	AutoDiscover nullOnly             `flow:"autoDiscover" doc:"Only null: bindings are written by hand."`
	ExpectPubID  string               `flow:"expectPubId" ignored:"a field of Flow's control plane"`
	Delete       offFlag              `flow:"delete" doc:"Only false: what is no longer in the catalog stops."`
	Reset        offFlag              `flow:"reset" doc:"Only false."`
	Secrets      struct{}             `flow:"secrets" later:"put the values into the endpoint's configuration"`
	RedactSalt   struct{}             `flow:"redactSalt" later:"redaction is not done yet"`
}

// captureBindingFile is one resource of a capture.
type captureBindingFile struct {
	located
	Resource jsonObject `flow:"resource,required" hint:"an object, as the connector wants it" doc:"The resource, as the connector wants it, or the name of a file that holds it."`
	Target   string     `flow:"target,required" hint:"the name of a collection" doc:"The collection that the documents go to."`
	Disable  bool       `flow:"disable" default:"false" doc:"Leaves the binding out for now."`
	Backfill int        `flow:"backfill" min:"0" default:"0" doc:"Raise it to capture the resource again from the start."`
}

// materializationFile is one entry of materializations.
type materializationFile struct {
	located
	Endpoint                   endpointFile                 `flow:"endpoint,required" hint:"one kind of connector and its configuration" doc:"Where documents go to."`
	Bindings                   []materializationBindingFile `flow:"bindings,required" hint:"a list of { source, resource }" doc:"The collections, and what they become."`
	Shards                     shardsFile                   `flow:"shards" doc:"How the task runs."`
	ExpectPubID                string                       `flow:"expectPubId" ignored:"a field of Flow's control plane"`
	Delete                     offFlag                      `flow:"delete" doc:"Only false: what is no longer in the catalog stops."`
	Reset                      offFlag                      `flow:"reset" doc:"Only false."`
	Source                     struct{}                     `flow:"source,alias=sourceCapture" later:"write a binding for each collection"`
	OnIncompatibleSchemaChange string                       `flow:"onIncompatibleSchemaChange" enum:"abort|backfill|disableBinding|disableTask" default:"backfill" doc:"What happens when what exists at the endpoint cannot be changed into what a binding needs. Each binding may say something else."`
	Triggers                   struct{}                     `flow:"triggers" later:"leave it out"`
	Secrets                    struct{}                     `flow:"secrets" later:"put the values into the endpoint's configuration"`
}

// materializationBindingFile is one collection of a materialization.
type materializationBindingFile struct {
	located
	Source                     sourceRef   `flow:"source,required" hint:"the name of a collection" doc:"The collection that is materialized."`
	Resource                   jsonObject  `flow:"resource,required" hint:"an object, as the connector wants it" doc:"The resource, as the connector wants it, or the name of a file that holds it."`
	Fields                     *fieldsFile `flow:"fields" doc:"Which fields are materialized: without it those of the top level."`
	Disable                    bool        `flow:"disable" default:"false" doc:"Leaves the binding out for now."`
	Backfill                   int         `flow:"backfill" min:"0" default:"0" doc:"Raise it to fill the resource again from the start."`
	Priority                   int         `flow:"priority" min:"0" default:"0" doc:"Ready documents of a higher priority are processed first."`
	OnIncompatibleSchemaChange string      `flow:"onIncompatibleSchemaChange" enum:"abort|backfill|disableBinding|disableTask" doc:"What happens when the table that exists cannot be changed into what is needed now: abort refuses and leaves all as it is, backfill makes the table anew and fills it from the collection, disableBinding leaves this binding out until that is solved, disableTask stops the whole materialization. Without it the materialization's word counts."`
}

// fieldsFile selects fields.
type fieldsFile struct {
	located
	Recommended *depth               `flow:"recommended" default:"1" doc:"How many levels of the documents are selected unasked: false or 0 for none, true for all."`
	Require     map[string]jsonValue `flow:"require,alias=include" doc:"Fields that must be there, each with a configuration for the connector ({} for none)."`
	Exclude     []string             `flow:"exclude" doc:"Fields that are left out."`
	GroupBy     []string             `flow:"groupBy" doc:"Fields of booleans, integers or strings that are the key of the table, in order, in place of the collection's key: documents that agree in them are reduced into one row."`
}

// shardsFile says how a task runs.
type shardsFile struct {
	located
	Disable         bool     `flow:"disable" default:"false" doc:"Stops the task and keeps its state."`
	LogLevel        string   `flow:"logLevel" ignored:"the level is set where Weir is started"`
	RingBufferSize  int      `flow:"ringBufferSize" ignored:"tuning of another runtime"`
	ReadChannelSize int      `flow:"readChannelSize" ignored:"tuning of another runtime"`
	Flags           struct{} `flow:"flags" ignored:"tuning of another runtime"`
	MinTxnDuration  struct{} `flow:"minTxnDuration" later:"a transaction closes when a batch is full or there is nothing more to read"`
	MaxTxnDuration  struct{} `flow:"maxTxnDuration" later:"a transaction closes when a batch is full or there is nothing more to read"`
	HotStandbys     struct{} `flow:"hotStandbys" later:"leave it out"`
	Min             struct{} `flow:"min" later:"a task has one shard for now"`
	Max             struct{} `flow:"max" later:"a task has one shard for now"`
}

// testBody is a test in its long form.
type testBody struct {
	located
	Description string     `flow:"description" doc:"What the test shows."`
	Steps       []stepFile `flow:"steps,required" hint:"a list of { ingest: ... } and { verify: ... }" doc:"Ingest and verify steps, in order."`
	ExpectPubID string     `flow:"expectPubId" ignored:"a field of Flow's control plane"`
	Delete      offFlag    `flow:"delete" doc:"Only false."`
}

// stepFile is one step of a test.
type stepFile struct {
	located
	Ingest *ingestFile `flow:"ingest" doc:"Publishes documents."`
	Verify *verifyFile `flow:"verify" doc:"Compares what a collection holds with what it should."`
}

// ingestFile publishes documents.
type ingestFile struct {
	located
	Description string    `flow:"description" doc:"What the step is for."`
	Collection  string    `flow:"collection,required" hint:"the name of a collection" doc:"The collection that the documents go to."`
	Documents   documents `flow:"documents,required" hint:"a list of documents, or the name of a file that holds one" doc:"The documents, valid by the collection's schema, or the name of a file that holds the list."`
}

// verifyFile compares documents.
type verifyFile struct {
	located
	Description string    `flow:"description" doc:"What the step shows."`
	Collection  sourceRef `flow:"collection,required" hint:"the name of a collection" doc:"The collection that is read."`
	Documents   documents `flow:"documents,required" hint:"a list of documents, or the name of a file that holds one" doc:"The documents that the collection must hold since the test began, one a key and in the order of keys. Each may leave members out that it does not care for."`
}
