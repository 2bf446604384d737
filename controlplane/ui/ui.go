package ui

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"weir/controlplane/api"
)

// Reads are what the pages show. Each function may fail, as when NATS is away:
// the page then says so.
type Reads struct {
	Tasks       func(ctx context.Context) ([]api.Task, error)
	Task        func(ctx context.Context, kind, name string) (api.Details, error)
	Collections func(ctx context.Context) ([]api.Collection, error)
	Collection  func(ctx context.Context, name string) (api.CollectionDetails, error)
	Documents   func(ctx context.Context, q api.ReadRequest) (api.ReadAnswer, error)
	Document    func(ctx context.Context, q api.DocumentRequest) (api.Document, error)
	// Follow calls each with the documents after a sequence, as they come.
	Follow func(ctx context.Context, collection string, after uint64, each func(api.Document) error) error
	Logs   func(ctx context.Context, q api.LogsRequest) ([]api.LogLine, error)
	// FollowLogs calls each with the lines after a sequence, as they come.
	FollowLogs func(ctx context.Context, kind, task string, after uint64, each func(api.LogLine) error) error
	Connected  func() (server string, connected bool)

	InQuarantine func(ctx context.Context) (uint64, error) // how many documents
	Quarantine   func(ctx context.Context, q api.QuarantineRequest) (api.QuarantineAnswer, error)
	Quarantined  func(ctx context.Context, q api.EntryRequest) (api.QuarantinedDocument, error)
	Publications func(ctx context.Context, q api.HistoryRequest) (api.HistoryAnswer, error)
	Publication  func(ctx context.Context, q api.PublicationRequest) (api.Publication, error)
	PlanRevert   func(ctx context.Context, q api.PublicationRequest) (api.Plan, error)
}

// Acts are what people do on the pages.
type Acts struct {
	Pause  func(ctx context.Context, r api.PauseRequest) (api.TasksAnswer, error)
	Resume func(ctx context.Context, r api.ResumeRequest) (api.TasksAnswer, error)
	Retry  func(ctx context.Context, r api.RetryRequest) (api.RetryAnswer, error)
	Drop   func(ctx context.Context, r api.EntryRequest) (api.DoneAnswer, error)
	Revert func(ctx context.Context, r api.RevertRequest) (api.PublishAnswer, error)
}

// Options of the pages.
type Options struct {
	Reads   Reads
	Acts    Acts
	Version string
	Log     *zap.Logger
}

// UI serves the pages.
type UI struct {
	o     Options
	pages pages
	live  *live
}

// readTimeout bounds what one page reads.
const readTimeout = 10 * time.Second

// New makes the pages. Run must be called for them to live.
func New(o Options) *UI {
	return &UI{o: o, pages: parsePages(), live: newLive(o.Reads.look)}
}

// Run looks at the tasks until the context ends: more often while somebody
// looks at a page.
func (u *UI) Run(ctx context.Context) { u.live.run(ctx) }

// Mount adds the pages to a listener: handle mounts what wants the token, open
// what does not.
func (u *UI) Mount(handle, open func(pattern string, h http.Handler)) {
	open("GET /assets/{name}", http.HandlerFunc(asset))
	for pattern, page := range map[string]func(*visit) error{
		"GET /{$}":                       u.fleet,
		"GET /graph":                     u.graph,
		"GET /tasks/{kind}/{name...}":    u.task,
		"POST /tasks/{kind}/{name...}":   u.actOnTask,
		"GET /collections":               u.collections,
		"GET /collections/{name...}":     u.collection,
		"GET /quarantine":                u.quarantine,
		"GET /quarantine/{id}":           u.quarantined,
		"POST /quarantine/{id}":          u.actOnQuarantined,
		"GET /publications":              u.publications,
		"GET /publications/{id}":         u.publication,
		"GET /publications/{id}/revert":  u.planRevert,
		"POST /publications/{id}/revert": u.revert,
		"GET /search":                    u.search,
		"GET /help":                      u.help,
		"POST /theme":                    u.theme,
		"/":                              u.notFound,
	} {
		handle(pattern, u.page(page))
	}
	for pattern, follow := range map[string]func(*visit, *stream) error{
		"GET /events/fleet":                  u.fleetEvents,
		"GET /events/graph":                  u.graphEvents,
		"GET /events/tasks/{kind}/{name...}": u.taskEvents,
		"GET /events/collections/{name...}":  u.collectionEvents,
		"GET /events/collections":            u.collectionsEvents,
		"GET /events/quarantine":             u.quarantineEvents,
		"GET /events/publications":           u.publicationsEvents,
	} {
		handle(pattern, u.events(follow))
	}
	handle("GET /raw/{seq}/{name...}", u.page(u.raw))
}
