package fault

// Code names a reason. It is stable: programs may compare it. It stands in
// faults of catalogs, in what commands print when they fail, in status records
// and logs of tasks, in metrics and in answers of the API.
type Code string

// Where users meet codes.
const (
	Tasks    = "tasks"
	Catalogs = "catalogs"
	Commands = "commands"
	API      = "the API"
)

// Entry is what there is to say of a code.
type Entry struct {
	Code  Code
	Where []string // of Tasks, Catalogs, Commands and API
	Means string
	Do    string // what to do about it
}

// The codes.
const (
	BatchTooLarge     Code = "batch-too-large"
	CannotChange      Code = "cannot-change"
	Catalog           Code = "catalog"
	Changes           Code = "changes"
	Conflict          Code = "conflict"
	Contradiction     Code = "contradiction"
	CrossSite         Code = "cross-site"
	Declined          Code = "declined"
	Dependents        Code = "dependents"
	DerivedCollection Code = "derived-collection"
	Disk              Code = "disk"
	Duplicate         Code = "duplicate"
	Endpoint          Code = "endpoint"
	EndpointAway      Code = "endpoint-away"
	Failed            Code = "error"
	File              Code = "file"
	Findings          Code = "findings"
	ForeignStream     Code = "foreign-stream"
	HostUnknown       Code = "host-unknown"
	Incompatible      Code = "incompatible"
	Interrupted       Code = "interrupted"
	InvalidDocument   Code = "invalid-document"
	InvalidRequest    Code = "invalid-request"
	InvalidValue      Code = "invalid-value"
	Key               Code = "key"
	KeyType           Code = "key-type"
	MethodNotAllowed  Code = "method-not-allowed"
	Missing           Code = "missing"
	Module            Code = "module"
	Name              Code = "name"
	NatsAway          Code = "nats-away"
	NatsRefused       Code = "nats-refused"
	NewerFormat       Code = "newer-format"
	No                Code = "no"
	NoWorker          Code = "no-worker"
	NotFound          Code = "not-found"
	NotSupported      Code = "not-supported"
	Partition         Code = "partition"
	Paused            Code = "paused"
	PortTaken         Code = "port-taken"
	PositionBeyondEnd Code = "position-beyond-end"
	Schema            Code = "schema"
	SchemaReference   Code = "schema-reference"
	Secret            Code = "secret"
	Shuffle           Code = "shuffle"
	SQL               Code = "sql"
	StateLost         Code = "state-lost"
	StateTooLarge     Code = "state-too-large"
	StorageFull       Code = "storage-full"
	StreamMissing     Code = "stream-missing"
	Syntax            Code = "syntax"
	TakenOver         Code = "taken-over"
	TestsFailed       Code = "tests-failed"
	Timeout           Code = "timeout"
	TooLarge          Code = "too-large"
	TooManyFaults     Code = "too-many-faults"
	TooManyOutputs    Code = "too-many-outputs"
	TooMuchState      Code = "too-much-state"
	TypeCheck         Code = "type-check"
	Unauthorized      Code = "unauthorized"
	UnknownCollection Code = "unknown-collection"
	UnknownLocation   Code = "unknown-location"
	UnknownMember     Code = "unknown-member"
	Usage             Code = "usage"
	Warnings          Code = "warnings"
	WorkerGone        Code = "worker-gone"
	WrongType         Code = "wrong-type"
	WrongValue        Code = "wrong-value"
)

// Fix is what to do about a code, "" for none that there is.
func (c Code) Fix() string {
	for i := range entries {
		if entries[i].Code == c {
			return entries[i].Do
		}
	}
	return ""
}

// Entries lists the codes, sorted by name.
func Entries() []Entry { return entries }

var entries = []Entry{
	{BatchTooLarge, []string{Tasks, Commands, API}, "The server takes only smaller batches than Weir makes.", "start Weir with --max-batch set to what the server allows (jetstream limits batch max_msgs; `weir doctor` finds out)"},
	{CannotChange, []string{Catalogs}, "What is published cannot be changed in this way: what is stored, or how far a task came, depends on it.", "publish it under another name, beside what there is"},
	{Catalog, []string{Tasks, Commands, API}, "The catalog is at fault: it has faults, each with a code of its own, or what is published of a task cannot be run.", "correct the catalog and publish it again"},
	{Changes, []string{Commands}, "Something differs from what was asked about: `weir plan --exit-code` would publish something, or `weir generate --check` write something.", "run the command that does it: `weir publish`, or `weir generate` without --check"},
	{Conflict, []string{Commands, API}, "Somebody else published or changed the same thing meanwhile. Nothing was done.", "look at what was published (`weir history`), then try again"},
	{Contradiction, []string{Catalogs}, "Things stand together of which one leaves no meaning to the other.", "leave one out"},
	{CrossSite, []string{API}, "A page of another site sent the request. Nothing was done.", "send it from Weir's own pages, or from a program with `Authorization: Bearer TOKEN`"},
	{Declined, []string{Commands}, "The question was not answered with yes. Nothing was done.", "answer yes, or say --yes"},
	{Dependents, []string{Commands, API}, "Others depend on what would be removed or changed. Nothing was done.", "change or remove these first, or publish them together with it"},
	{DerivedCollection, []string{Catalogs, Commands}, "Something would write to a collection that only its derivation writes.", "write to the collections that it is derived from, or to one of its own"},
	{Disk, []string{Tasks, Commands}, "The worker's disk has no room for temporary files, or refuses them.", "make room in the worker's directory for temporary files; the task goes on by itself"},
	{Duplicate, []string{Catalogs}, "A name or a location stands where it stood before. Names that differ in case alone are the same.", "rename one, or leave one out"},
	{Endpoint, []string{Tasks, Catalogs, Commands}, "The endpoint refused something: its configuration, what it was asked to prepare, or a document.", "mend the endpoint and let the task try again with `weir resume`; or change its configuration and publish the catalog again"},
	{EndpointAway, []string{Tasks, Commands}, "The endpoint cannot be reached, is busy, or asks to come again later.", "look whether the endpoint runs and can be reached from the worker; the task goes on by itself"},
	{Failed, []string{Tasks, Commands, API}, "Something that has no code of its own.", "read the message; `weir logs` shows what came before it. What is mended outside the catalog needs a `weir resume` of the task, a change of the catalog a publication"},
	{File, []string{Catalogs, Commands}, "A file is not there, cannot be read or written, or is named in a way that leads out of the catalog. Files of catalogs are named relative to the file that names them.", "name a file that is there, and may be read"},
	{Findings, []string{Commands}, "`weir doctor` found failures.", "each finding says what to do about it"},
	{ForeignStream, []string{Tasks, Commands, API}, "A stream or bucket of a name that Weir needs belongs to something else.", "rename or remove that stream and let the task try again with `weir resume`; or publish under another name"},
	{HostUnknown, []string{API}, "The request names a host that is not Weir's.", "use the machine's address or localhost, or name the host with --http-name"},
	{Incompatible, []string{Tasks, Catalogs}, "What exists at the endpoint cannot be changed into what a binding needs.", "raise the binding's backfill counter, or set `onIncompatibleSchemaChange: backfill`, to have the table made anew and filled from the collection; or let the binding's resource name another table"},
	{Interrupted, []string{Commands}, "The command was told to stop before it was done.", "run it again"},
	{InvalidDocument, []string{Tasks, Commands}, "A document fails its collection's schema, is no JSON, lies under a subject that is not its key's, or is none any more after its reduction.", "mend the module or source that made it, or publish a schema that takes it, or set `onInvalid: quarantine` on the collection"},
	{InvalidRequest, []string{Commands, API}, "The request is not what the operation takes.", "compare it with /api/v1/openapi.json or docs/reference/api.md"},
	{InvalidValue, []string{Catalogs}, "A document of a test, or the initial value of a register, is not valid by its schema.", "correct the value, or the schema"},
	{Key, []string{Catalogs}, "The key is not one that every document has.", "name values that are required or have a default"},
	{KeyType, []string{Catalogs}, "A component of a key, a shuffle key, a logical partition or a groupBy can be something else than a boolean, an integer, a string or null.", "give it the type boolean, integer or string in the schema, or name another location"},
	{MethodNotAllowed, []string{API}, "The path takes another method of HTTP.", "send what the answer's header Allow names"},
	{Missing, []string{Catalogs}, "Something is missing that must be there.", "add it; docs/reference/catalog.md shows where it stands"},
	{Module, []string{Tasks, Catalogs}, "A module or a lambda does not load, threw, took too long, or returned what is no document.", "mend the module or the SQL, and publish the catalog again"},
	{Name, []string{Catalogs}, "A name is none that Weir takes.", "use letters, numbers, -, _ and ., in the names of entities also / between parts"},
	{NatsAway, []string{Tasks, Commands, API}, "The NATS server does not answer.", "look whether the server runs and can be reached from here (`weir doctor`); tasks go on by themselves"},
	{NatsRefused, []string{Tasks, Commands, API}, "The NATS server refused a request.", "read the server's reason in the message; `weir doctor` looks at limits and permissions"},
	{NewerFormat, []string{Tasks, Commands, API}, "A record was written by a newer Weir than this one.", "run the newer weir that wrote it"},
	{No, []string{Commands}, "The answer is no: nothing failed, and what was asked for is not so.", "read the message; what it is about has not changed"},
	{NoWorker, []string{Tasks, API}, "No worker has taken this task up.", "start `weir up` or `weir serve`, if none runs"},
	{NotFound, []string{Commands, API}, "There is nothing of this name or number, or not any more.", "`weir list` shows what is published"},
	{NotSupported, []string{Catalogs}, "Weir knows this member of Flow's format, and does not act on it yet.", "leave it out; the message says what to do instead"},
	{Partition, []string{Catalogs}, "A logical partition is not one that every document is in, or is selected by what it never is.", "require the field in the schema, and select by values that it has"},
	{Paused, []string{Tasks, Commands}, "Somebody paused the task: `weir pause`, or the page of the task.", "`weir resume` with the task's name lets it go on where it stopped"},
	{PortTaken, []string{Commands}, "Another program listens on the port, or this user may not.", "stop the other program, or choose another port"},
	{PositionBeyondEnd, []string{Tasks}, "The task has read further than its source's stream reaches: the stream was made again, or lost messages.", "the stream was made again or lost messages: restore it, or publish the task under a new name or with a raised backfill counter"},
	{Schema, []string{Catalogs}, "A JSON schema does not compile, or no object is valid by it.", "correct the schema; documents are objects, so it says `type: object` at its top level"},
	{SchemaReference, []string{Catalogs}, "A reference of a schema leads to no schema of the catalog.", "name a file relative to the one that names it, with a #/pointer or an #anchor that is in it"},
	{Secret, []string{Tasks, Catalogs, Commands}, "A secret that a configuration names is not on this machine, may not be used by catalogs, or stands where others see it.", "give the worker the secret: set the environment variable where it starts and start it again, or make the file and let the task try again with `weir resume`; docs/secrets.md says what a worker may read"},
	{Shuffle, []string{Catalogs}, "The shuffle keys of a derivation do not fit together, or cannot reach its register.", "give all transforms shuffle keys of the same number and types"},
	{SQL, []string{Catalogs}, "SQL of a derivation does not compile, or asks for what it may not.", "correct the SQL; docs/sqlite-derivations.md says what there is"},
	{StateLost, []string{Tasks}, "A part of the task's durable state is gone, or behind another part.", "restore what is gone from a backup, or publish the derivation under a new name"},
	{StateTooLarge, []string{Tasks}, "The state that a derivation's class wants to keep fits into no transaction.", "keep in registers what belongs to a key, and publish the catalog again"},
	{StorageFull, []string{Tasks, Commands, API}, "The NATS server has no room: its disk, or a limit of JetStream or of the account. Nothing is lost.", "free disk space on the server, or raise the limits; tasks go on by themselves"},
	{StreamMissing, []string{Tasks, Commands, API}, "A stream or bucket is not there: nothing was published yet, or somebody removed it.", "publish the catalog, which makes it; what a removed one held has to come from a backup"},
	{Syntax, []string{Catalogs}, "A file cannot be read as YAML or JSON of one value.", "correct the text at that line"},
	{TakenOver, []string{Tasks}, "Another worker has claimed this task since.", "nothing, if the other worker is meant to run it; else stop that one, and `weir resume` with the task's name lets this one take it back"},
	{TestsFailed, []string{Commands}, "Tests of the catalog failed.", "correct the catalog or the tests; `weir test --update` takes what came out as what is expected"},
	{Timeout, []string{Commands, API}, "What was waited for did not come in time.", "`weir status` shows what tasks do; --timeout waits longer"},
	{TooLarge, []string{Tasks, Commands, API}, "A document or a message is larger than the server takes.", "make it smaller, or raise the server's max_payload"},
	{TooManyFaults, []string{Catalogs}, "There are more faults than are listed.", "mend those that are listed first"},
	{TooManyOutputs, []string{Tasks}, "One source document gives more documents than a transaction holds, or a connector sends more than that before a checkpoint.", "split the source document, or return fewer documents for it; a connector has to send checkpoints more often"},
	{TooMuchState, []string{Tasks}, "One source document changes more of a derivation's database than a transaction holds.", "change fewer rows for one document, or raise the server's max_payload"},
	{TypeCheck, []string{Catalogs}, "The TypeScript compiler found a type error in a module.", "correct the module; `weir generate` writes the types for editors"},
	{Unauthorized, []string{API}, "The request has no token, or a wrong one.", "send `Authorization: Bearer TOKEN`; the token stands in the file http-token of the data directory"},
	{UnknownCollection, []string{Catalogs}, "There is no collection of this name.", "define it under collections, or import the file that does"},
	{UnknownLocation, []string{Catalogs}, "By the schema no document has anything there, or the collection has no such field.", "describe it in the schema, or add it to the collection's projections"},
	{UnknownMember, []string{Catalogs}, "The format of catalogs has no such member here.", "docs/reference/catalog.md lists the members"},
	{Usage, []string{Commands}, "The command line is wrong. Nothing was done.", "`weir COMMAND --help` shows what it takes"},
	{Warnings, []string{Commands}, "`weir lint --strict` found something to warn of.", "each warning says what to do; docs/reference/lint.md explains the rules"},
	{WorkerGone, []string{Tasks}, "The worker that ran the task has not been heard of for 15 s: nobody runs it.", "start `weir up` or `weir serve` again"},
	{WrongType, []string{Catalogs}, "Something else is expected here: an object, a list, a string, a number, true or false.", "docs/reference/catalog.md says what each member holds"},
	{WrongValue, []string{Catalogs}, "The value is none that is allowed here.", "the message says what is; docs/reference/catalog.md says what each member holds"},
}
