package worker

import (
	"errors"
	"io/fs"

	"weir/journal"
	"weir/sinks"
	"weir/sources"
)

// Code names a reason that a task does not run, or runs without something. It
// stands in status records (Why.Code), in the task's log and in metrics.
type Code struct {
	Name  string
	Means string
	Fix   string // what to do about it
}

// The codes of reasons.
const (
	codeBatchTooLarge     = "batch-too-large"
	codeCatalog           = "catalog"
	codeDisk              = "disk"
	codeEndpoint          = "endpoint"
	codeEndpointAway      = "endpoint-away"
	codeError             = "error"
	codeForeignStream     = "foreign-stream"
	codeIncompatible      = "incompatible"
	codeInvalidDocument   = "invalid-document"
	codeModule            = "module"
	codeNatsAway          = "nats-away"
	codeNatsRefused       = "nats-refused"
	codeNewerFormat       = "newer-format"
	codePaused            = "paused"
	codePositionBeyondEnd = "position-beyond-end"
	codeSecret            = "secret"
	codeStateLost         = "state-lost"
	codeStateTooLarge     = "state-too-large"
	codeStorageFull       = "storage-full"
	codeStreamMissing     = "stream-missing"
	codeTakenOver         = "taken-over"
	codeTooLarge          = "too-large"
	codeTooManyOutputs    = "too-many-outputs"
	codeTooMuchState      = "too-much-state"
	codeWorkerGone        = "worker-gone"
)

// Codes lists the codes, sorted by name.
func Codes() []Code { return codes }

var codes = []Code{
	{codeBatchTooLarge, "The server takes only smaller batches than Weir makes.", "start Weir with --max-batch set to what the server allows (jetstream limits batch max_msgs; `weir doctor` finds out)"},
	{codeCatalog, "What is published of this task, or of a collection that it uses, cannot be run.", "correct the catalog and publish it again"},
	{codeDisk, "The worker's disk has no room for temporary files, or refuses them.", "make room in the worker's directory for temporary files; the task goes on by itself"},
	{codeEndpoint, "The endpoint refused something: its configuration, what it was asked to prepare, or a document.", "look at the endpoint and its configuration; after a change publish the catalog again"},
	{codeEndpointAway, "The endpoint cannot be reached, is busy, or asks to come again later.", "look whether the endpoint runs and can be reached from the worker; the task goes on by itself"},
	{codeError, "Something that has no code of its own.", "read the message; `weir logs` shows what came before it. After a change publish the catalog again"},
	{codeForeignStream, "A stream or bucket of a name that Weir needs belongs to something else.", "rename or remove that stream, or publish under another name"},
	{codeIncompatible, "What exists at the endpoint cannot be changed into what a binding needs.", "raise the binding's backfill counter, or set `onIncompatibleSchemaChange: backfill`, to have the table made anew and filled from the collection; or let the binding's resource name another table"},
	{codeInvalidDocument, "A document fails its collection's schema, is no JSON, lies under a subject that is not its key's, or is none any more after its reduction.", "mend the module or source that made it, or publish a schema that takes it, or set `onInvalid: quarantine` on the collection"},
	{codeModule, "A module or a lambda threw, took too long, or returned what is no document.", "mend the module or the SQL, and publish the catalog again"},
	{codeNatsAway, "The NATS server does not answer.", "look whether the server runs and can be reached from the worker (`weir doctor`); the task goes on by itself"},
	{codeNatsRefused, "The NATS server refused a request.", "read the server's reason in the message; `weir doctor` looks at limits and permissions"},
	{codeNewerFormat, "A record was written by a newer Weir than this one.", "run the newer weir that wrote it"},
	{codePaused, "Somebody paused the task: `weir pause`, or the page of the task.", "`weir resume` with the task's name lets it go on where it stopped"},
	{codePositionBeyondEnd, "The task has read further than its source's stream reaches: the stream was made again, or lost messages.", "the stream was made again or lost messages: restore it, or publish the task under a new name or with a raised backfill counter"},
	{codeSecret, "A secret that the endpoint's configuration names is not on the worker's machine, or may not be used by catalogs.", "give the worker the secret: set the environment variable where it starts and start it again, or make the file and publish the catalog again; docs/secrets.md says what a worker may read"},
	{codeStateLost, "A part of the task's durable state is gone, or behind another part.", "restore what is gone from a backup, or publish the derivation under a new name"},
	{codeStateTooLarge, "The state that a derivation's class wants to keep fits into no transaction.", "keep in registers what belongs to a key, and publish the catalog again"},
	{codeStorageFull, "The NATS server has no room: its disk, or a limit of JetStream or of the account. Nothing is lost.", "free disk space on the server, or raise the limits; the task goes on by itself"},
	{codeStreamMissing, "A stream or bucket that the task needs is not there: somebody removed it.", "publish the catalog again, which makes it anew; what it held has to come from a backup"},
	{codeTakenOver, "Another worker has claimed this task since.", "nothing, if the other worker is meant to run it; else stop that one and start this one again"},
	{codeTooLarge, "A document is larger than the server takes.", "make the document smaller, or raise the server's max_payload"},
	{codeTooManyOutputs, "One source document gives more documents than a transaction holds.", "split the source document, or return fewer documents for it"},
	{codeTooMuchState, "One source document changes more of a derivation's database than a transaction holds.", "change fewer rows for one document, or raise the server's max_payload"},
	{codeWorkerGone, "The worker that ran the task has not been heard of for 15 s: nobody runs it.", "start `weir up` or `weir serve` again"},
}

// fix is what to do about a code.
func fix(code string) string {
	for _, c := range codes {
		if c.Name == code {
			return c.Fix
		}
	}
	return ""
}

// codeOf gives the code of an error of the worker's surroundings, those that no
// document is to blame for.
func codeOf(err error) string {
	var (
		refused *journal.APIError
		file    *fs.PathError
	)
	switch {
	case takenOver(err), errors.Is(err, errRaced):
		return codeTakenOver
	case errors.Is(err, journal.ErrPositionBeyondEnd):
		return codePositionBeyondEnd
	case errors.Is(err, journal.ErrBatchFull), errors.Is(err, journal.ErrBatchTooLarge):
		return codeBatchTooLarge
	case errors.Is(err, journal.ErrStorageFull):
		return codeStorageFull
	case errors.Is(err, journal.ErrForeignStream):
		return codeForeignStream
	case errors.Is(err, journal.ErrNoStream):
		return codeStreamMissing
	case journal.Away(err):
		return codeNatsAway
	case errors.As(err, &refused):
		return codeNatsRefused
	case errors.As(err, &file):
		return codeDisk
	}
	return codeError
}

// codeOfConnector gives the code of a connector's error.
func codeOfConnector(err error) string {
	if takenOver(err) {
		return codeTakenOver
	}
	if errors.Is(err, sinks.ErrTransient) || errors.Is(err, sources.ErrTransient) {
		return codeEndpointAway
	}
	return codeEndpoint
}
