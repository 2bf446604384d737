package api

import (
	"encoding/json"
	"time"

	"weir/fault"
)

// Kinds of what a catalog holds and of tasks.
const (
	KindCapture         = "capture"
	KindCollection      = "collection"
	KindDerivation      = "derivation"
	KindMaterialization = "materialization"
	KindInbox           = "inbox"
)

// States of a task.
const (
	StatePending  = "pending"
	StateRunning  = "running"
	StateRetrying = "retrying"
	StateFailed   = "failed"
	StateDisabled = "disabled"
	StatePaused   = "paused"
)

// Task is a task as it is published, and what it does.
type Task struct {
	Kind        string            `json:"kind" doc:"capture, derivation, materialization or inbox"`
	Name        string            `json:"name" doc:"catalog name; a derivation and an inbox have their collection's"`
	State       string            `json:"state" doc:"pending, running, retrying, failed, paused or disabled"`
	Why         *Why              `json:"why,omitempty" doc:"why it stands still, or runs with a part left out"`
	Since       time.Time         `json:"since,omitzero" doc:"when it came into this state"`
	Retry       *time.Time        `json:"retry,omitempty" doc:"when a retrying task starts again"`
	Updated     time.Time         `json:"updated,omitzero" doc:"when its worker wrote this last"`
	Worker      string            `json:"worker,omitempty"`
	In          uint64            `json:"in" doc:"documents read since its worker took it up"`
	InBytes     uint64            `json:"inBytes"`
	Out         uint64            `json:"out" doc:"documents or rows written"`
	OutBytes    uint64            `json:"outBytes"`
	Quarantined uint64            `json:"quarantined"`
	Txns        uint64            `json:"txns" doc:"transactions committed"`
	Lag         uint64            `json:"lag" doc:"messages that wait to be read; for a task that does not run, counted from where it stands"`
	LagSeconds  float64           `json:"lagSeconds" doc:"age of the oldest of them"`
	Loads       []Load            `json:"loads,omitempty" doc:"by transform or binding"`
	Positions   map[string]uint64 `json:"positions,omitempty" doc:"by source, the sequence through which it has read"`
	LastFailure *Failure          `json:"lastFailure,omitempty" doc:"why it ended last, also when it runs again"`
	Waits       *time.Time        `json:"waits,omitempty" doc:"until when it waits for a readDelay, if nothing else is ready"`
	Reads       []string          `json:"reads" doc:"collections that it reads"`
	Writes      []string          `json:"writes" doc:"collections that it writes"`
	Endpoint    string            `json:"endpoint,omitempty" doc:"kind of the outside system of a capture or materialization"`
}

// Why explains a task's state.
type Why struct {
	Code       fault.Code `json:"code"`
	Message    string     `json:"message"`
	Collection string     `json:"collection,omitempty"`
	Subject    string     `json:"subject,omitempty"`
	Seq        uint64     `json:"seq,omitempty" doc:"of the document in the collection's stream"`
	Pointer    string     `json:"pointer,omitempty" doc:"in the document"`
	Rule       string     `json:"rule,omitempty" doc:"the schema's keyword"`
	File       string     `json:"file,omitempty" doc:"of the author's module or SQL"`
	Line       int        `json:"line,omitempty"`
	Document   string     `json:"document,omitempty" doc:"its beginning"`
	Fix        string     `json:"fix,omitempty" doc:"what to do about it"`
}

// Failure is why and when a task ended.
type Failure struct {
	At  time.Time `json:"at"`
	Why Why       `json:"why"`
}

// Load is what a transform or a binding did since its task was taken up. What a
// derivation or a capture writes has an entry without a name.
type Load struct {
	Binding    string  `json:"binding,omitempty" doc:"name of the transform, or of the binding's resource"`
	Collection string  `json:"collection" doc:"that is read or written"`
	In         uint64  `json:"in" doc:"documents read"`
	Out        uint64  `json:"out" doc:"documents written"`
	Lag        uint64  `json:"lag" doc:"messages that wait"`
	LagSeconds float64 `json:"lagSeconds" doc:"age of the oldest of them"`
}

// Paused says who paused a task.
type Paused struct {
	At  time.Time `json:"at"`
	By  string    `json:"by,omitempty"`
	Why string    `json:"why,omitempty"`
}

// Collection is a published collection and what its stream holds.
type Collection struct {
	Name       string    `json:"name"`
	Key        []string  `json:"key" doc:"JSON pointers"`
	Derived    bool      `json:"derived"`
	Partitions int       `json:"partitions"`
	OnInvalid  string    `json:"onInvalid"`
	Documents  uint64    `json:"documents" doc:"each version of a document counted"`
	Bytes      uint64    `json:"bytes"`
	First      uint64    `json:"first" doc:"sequence of the oldest message"`
	Last       uint64    `json:"last" doc:"sequence of the newest one"`
	Newest     time.Time `json:"newest,omitzero" doc:"time of the newest document"`
	WrittenBy  []string  `json:"writtenBy" doc:"tasks, as kind/name"`
	ReadBy     []string  `json:"readBy" doc:"tasks, as kind/name"`
}

// Document is a stored document.
type Document struct {
	Seq     uint64    `json:"seq" doc:"sequence in the collection's stream"`
	Time    time.Time `json:"time"`
	Subject string    `json:"subject"`
	Content
}

// Content is what stands in a document.
type Content struct {
	Document json.RawMessage `json:"document,omitempty"`
	Text     string          `json:"text,omitempty" doc:"instead of document, where it is no JSON"`
}

// Raw gives the document's bytes.
func (c Content) Raw() []byte {
	if c.Document == nil {
		return []byte(c.Text)
	}
	return c.Document
}

// Details are those of a task.
type Details struct {
	Task
	Spec        string    `json:"spec" doc:"as a file of a catalog in YAML, without secrets; modules by the names of their files"`
	Publication string    `json:"publication" doc:"that wrote the spec last"`
	Catalog     string    `json:"catalog" doc:"path or name of the catalog that the spec came from"`
	Place       string    `json:"place" doc:"file and line of the spec in it"`
	Paused      *Paused   `json:"paused,omitempty" doc:"who paused it; its worker may still be about to"`
	Bindings    []Binding `json:"bindings" doc:"bindings or transforms"`
}

// Binding is a transform of a derivation or a binding of a connector.
type Binding struct {
	Name     string `json:"name" doc:"of the transform, or of the resource"`
	Source   string `json:"source,omitempty" doc:"collection that is read"`
	Target   string `json:"target,omitempty" doc:"collection that is written"`
	How      string `json:"how,omitempty" doc:"shuffle key, delay, priority, backfill counter"`
	Disabled bool   `json:"disabled,omitempty"`
	Position uint64 `json:"position,omitempty" doc:"sequence through which it has read"`
	Load
}

// CollectionDetails are those of a collection.
type CollectionDetails struct {
	Collection
	Spec            string          `json:"spec" doc:"as a file of a catalog in YAML, without secrets; modules by the names of their files"`
	Publication     string          `json:"publication"`
	Catalog         string          `json:"catalog"`
	Place           string          `json:"place"`
	Schema          json.RawMessage `json:"schema" doc:"of documents that are written"`
	ReadSchema      json.RawMessage `json:"readSchema,omitempty" doc:"of documents that are read, where it is another"`
	PartitionFields []string        `json:"partitionFields,omitempty" doc:"logical partitions"`
	Fields          []Field         `json:"fields" doc:"locations that a destination can have as columns"`
}

// Field is a projection of a collection.
type Field struct {
	Name      string   `json:"name"`
	Pointer   string   `json:"pointer" doc:"empty for the whole document"`
	Types     []string `json:"types"`
	Exists    string   `json:"exists" doc:"must, may, implicit or cannot"`
	Key       bool     `json:"key,omitempty"`
	Partition bool     `json:"partition,omitempty"`
}

// LogLine is a line of a task's log.
type LogLine struct {
	Seq     uint64         `json:"seq"`
	Time    time.Time      `json:"ts"`
	Level   string         `json:"level"`
	Message string         `json:"msg"`
	Task    string         `json:"task"`
	Kind    string         `json:"kind"`
	Shard   string         `json:"shard"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// StatusAnswer lists tasks.
type StatusAnswer struct {
	Tasks []Task `json:"tasks"`
}

// TaskRequest names a task.
type TaskRequest struct {
	Kind string `json:"kind" doc:"capture, derivation, materialization or inbox"`
	Name string `json:"name" doc:"catalog name"`
}

// CollectionsAnswer lists collections.
type CollectionsAnswer struct {
	Collections []Collection `json:"collections"`
}

// CollectionRequest names a collection.
type CollectionRequest struct {
	Collection string `json:"collection"`
}

// ReadRequest says which documents to read.
type ReadRequest struct {
	Collection string   `json:"collection"`
	From       string   `json:"from,omitempty" doc:"where to begin: first, last, a sequence, an age as 5m or 3d, or a time (RFC 3339)"`
	Newest     bool     `json:"newest,omitempty" doc:"the newest documents instead, oldest of them first"`
	Key        []string `json:"key,omitempty" doc:"only documents of this key: its components in their order"`
	Partitions []string `json:"partitions,omitempty" doc:"only documents of these logical partitions, each as field=value"`
	Limit      int      `json:"limit,omitempty" doc:"documents at most; 100 unless it is said, 1000 at most"`
}

// ReadAnswer are documents in the order of the stream.
type ReadAnswer struct {
	Documents []Document `json:"documents"`
	Next      uint64     `json:"next" doc:"where to read on: the next request's from"`
	More      bool       `json:"more" doc:"there are more"`
}

// DocumentRequest names one stored document.
type DocumentRequest struct {
	Collection string `json:"collection"`
	Seq        uint64 `json:"seq" doc:"its sequence"`
}

// LogsRequest says which lines of logs to read.
type LogsRequest struct {
	Kind  string    `json:"kind,omitempty" doc:"of the task"`
	Name  string    `json:"name,omitempty" doc:"of the task; empty for all"`
	After uint64    `json:"after,omitempty" doc:"lines behind this sequence"`
	Since time.Time `json:"since,omitzero" doc:"lines of this time and later"`
	Level string    `json:"level,omitempty" doc:"this level and above: info, warn or error"`
	Last  int       `json:"last,omitempty" doc:"the newest lines, so many; 200 unless it is said"`
}

// LogsAnswer are lines of logs, oldest first.
type LogsAnswer struct {
	Lines []LogLine `json:"lines"`
}

// PauseRequest names the tasks of a name, and says why they pause.
type PauseRequest struct {
	Name string `json:"name" doc:"catalog name; every task of that name"`
	By   string `json:"by,omitempty" doc:"who does it"`
	Why  string `json:"why,omitempty" doc:"for people"`
}

// ResumeRequest names the tasks of a name.
type ResumeRequest struct {
	Name string `json:"name" doc:"catalog name; every task of that name"`
	By   string `json:"by,omitempty" doc:"who does it"`
}

// TasksAnswer names tasks.
type TasksAnswer struct {
	Tasks []string `json:"tasks" doc:"as kind/name"`
}

// HistoryRequest selects publications.
type HistoryRequest struct {
	Catalog string `json:"catalog,omitempty" doc:"only of this catalog"`
	Limit   int    `json:"limit,omitempty" doc:"the newest ones, so many; 100 unless it is said"`
}

// HistoryAnswer lists publications, newest first.
type HistoryAnswer struct {
	Publications []Publication `json:"publications"`
}

// Publication is one of the history.
type Publication struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Catalog string    `json:"catalog" doc:"path or name of the catalog that it published; empty for a deletion"`
	By      string    `json:"by,omitempty" doc:"who published"`
	Message string    `json:"message,omitempty" doc:"why"`
	Reverts string    `json:"reverts,omitempty" doc:"the publication that it brought back"`
	Specs   []Change  `json:"specs" doc:"what it did to specs"`
}

// Change is what becomes of a spec or a task.
type Change struct {
	Action  string   `json:"action" doc:"create, change or remove, of specs; start, restart or stop, of tasks"`
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Changes []string `json:"changes,omitempty" doc:"what differs, in words"`
	Effects []string `json:"effects,omitempty" doc:"what that does to streams, tables and state"`
	Why     string   `json:"why,omitempty" doc:"of a task"`
}

// PublicationRequest names a publication.
type PublicationRequest struct {
	ID string `json:"id" doc:"or the beginning of it that no other has"`
}

// RevertRequest names the publication whose catalog is brought back.
type RevertRequest struct {
	ID      string `json:"id" doc:"or the beginning of it that no other has"`
	Newest  string `json:"newest,omitempty" doc:"the newest publication when the plan was made: another one since then refuses the revert"`
	By      string `json:"by,omitempty" doc:"who does it"`
	Message string `json:"message,omitempty" doc:"why"`
}

// PlanRequest is a catalog as its files.
type PlanRequest struct {
	Catalog string            `json:"catalog" doc:"its name, that of weir publish --catalog: what an earlier publication of the same name wrote, and is gone from it, stops"`
	Files   map[string]string `json:"files" doc:"the texts of its files by their paths from its directory, with slashes; no others are read"`
	Root    string            `json:"root,omitempty" doc:"the file that names the others; flow.yaml or flow.json unless it is said"`
	Keep    bool              `json:"keep,omitempty" doc:"what is gone from it is left running"`
}

// PublishRequest is a catalog to be published.
type PublishRequest struct {
	PlanRequest
	Remove  bool    `json:"remove,omitempty" doc:"what is gone from it may be removed: a publication that removes something is refused without this"`
	Newest  *string `json:"newest,omitempty" doc:"the newest publication when the plan was made, as it says: another one since then refuses this one"`
	By      string  `json:"by,omitempty" doc:"who does it"`
	Message string  `json:"message,omitempty" doc:"why"`
}

// Plan says in words what a publication or a revert would do.
type Plan struct {
	Publication string   `json:"publication,omitempty" doc:"that would be brought back, of a revert"`
	Newest      string   `json:"newest" doc:"the newest publication when this plan was made: to be given to publish or revert; empty when there is none"`
	Catalog     string   `json:"catalog"`
	Specs       []Change `json:"specs" doc:"empty: there is nothing to publish"`
	Unchanged   []string `json:"unchanged,omitempty" doc:"specs of the same catalog"`
	Tasks       []Change `json:"tasks"`
	GoOn        []string `json:"goOn" doc:"tasks that are not disturbed"`
	Warnings    []string `json:"warnings,omitempty" doc:"what could not be checked here"`
}

// PublishAnswer says what was published.
type PublishAnswer struct {
	ID        string   `json:"id" doc:"of the new publication; empty when nothing had to change"`
	Created   []string `json:"created"`
	Changed   []string `json:"changed"`
	Removed   []string `json:"removed"`
	Unchanged []string `json:"unchanged"`
	Warnings  []string `json:"warnings,omitempty" doc:"what could not be checked here"`
}

// QuarantineRequest selects quarantined documents; what is empty selects all.
type QuarantineRequest struct {
	Collection string `json:"collection,omitempty"`
	Task       string `json:"task,omitempty" doc:"that put them aside"`
	Rule       string `json:"rule,omitempty" doc:"that they break"`
	After      uint64 `json:"after,omitempty" doc:"only those with a greater ID"`
	Limit      int    `json:"limit,omitempty" doc:"the oldest ones, so many; 100 unless it is said, 1000 at most"`
}

// QuarantineAnswer lists quarantined documents, oldest first.
type QuarantineAnswer struct {
	Entries []Quarantined `json:"entries"`
	More    bool          `json:"more" doc:"there are more"`
}

// Quarantined is a document that a task put aside.
type Quarantined struct {
	ID         uint64    `json:"id"`
	Time       time.Time `json:"time"`
	Collection string    `json:"collection"`
	Task       string    `json:"task"`
	By         string    `json:"by" doc:"how it came here: inbox, reader, output or capture"`
	Rule       string    `json:"rule"`
	Pointer    string    `json:"pointer,omitempty" doc:"in the document"`
	Reason     string    `json:"reason"`
	Origin     string    `json:"origin,omitempty" doc:"subject that it was read under"`
	Sequence   uint64    `json:"sequence,omitempty" doc:"in the stream that it was read from"`
	Size       int       `json:"size"`
	Excerpt    string    `json:"excerpt" doc:"its beginning"`
	Fix        string    `json:"fix"`
}

// QuarantinedDocument is a quarantined document with all of it.
type QuarantinedDocument struct {
	Quarantined
	Content
}

// EntryRequest names a quarantined document.
type EntryRequest struct {
	ID uint64 `json:"id"`
}

// RetryRequest names a quarantined document to bring back.
type RetryRequest struct {
	ID       uint64          `json:"id"`
	Document json.RawMessage `json:"document,omitempty" doc:"the mended document in its place"`
	Again    bool            `json:"again,omitempty" doc:"also if a task has read it already, and will read it a second time"`
}

// RetryAnswer says what became of a retry.
type RetryAnswer struct {
	Done    bool     `json:"done" doc:"it is in its collection, and no longer in quarantine"`
	Action  string   `json:"action" doc:"in words"`
	Seq     uint64   `json:"seq,omitempty" doc:"its sequence in the collection's stream"`
	Reason  string   `json:"reason,omitempty" doc:"why it stays"`
	Pointer string   `json:"pointer,omitempty" doc:"where in the document"`
	Rule    string   `json:"rule,omitempty"`
	Also    []uint64 `json:"also,omitempty" doc:"what other tasks had put aside of the same document, and is gone too"`
}

// DoneAnswer is empty: it is done.
type DoneAnswer struct{}
