package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"weir/connector"
	"weir/sinks"
)

// Sink sends documents to HTTP endpoints.
type Sink struct {
	mu   sync.Mutex
	open map[string]*confirmed // by shard and the bindings' state
}

// New returns the sink.
func New() *Sink { return &Sink{open: map[string]*confirmed{}} }

var _ sinks.Sink = (*Sink)(nil)

// confirmed gives what the shard's former session has got through of a
// transaction that it did not finish.
func (s *Sink) confirmed(r *sinks.OpenRequest) *confirmed {
	name := r.Task + "\x00" + r.Shard
	for i := range r.Bindings {
		name += "\x00" + r.Bindings[i].StateKey
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[name] == nil {
		s.open[name] = &confirmed{}
	}
	return s.open[name]
}

// Spec describes the endpoint's configuration and its resources.
func (*Sink) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema)}
}

// Validate checks configuration and resources. Nothing is sent.
func (*Sink) Validate(ctx context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	var v sinks.Validated
	if _, err := parseConfig(r.Config); err != nil {
		return v, err
	}
	paths := connector.Resources{}
	for i := range r.Bindings {
		b := &r.Bindings[i]
		path, err := parseResource(b.Resource)
		if err != nil {
			return v, fmt.Errorf("webhook: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		if len(b.FieldConfig) > 0 {
			return v, fmt.Errorf("webhook: binding %d (%s): fields have no configuration here: leave it out", i, b.Collection.Name)
		}
		if err := paths.Claim(path, fmt.Sprintf("path %q", path), b.Collection.Name); err != nil {
			return v, fmt.Errorf("webhook: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{ResourcePath: []string{path}, Delta: true, Constraints: constraints(&b.Collection)})
	}
	return v, ctx.Err()
}

// constraints let the document be sent as it is, and nothing else of it.
func constraints(c *sinks.Collection) map[string]sinks.Constraint {
	out := map[string]sinks.Constraint{}
	for _, p := range c.Projections {
		switch {
		case p.Ptr == "":
			out[p.Field] = sinks.Constraint{Type: sinks.LocationRequired, Reason: "documents are sent as they are"}
		case p.PrimaryKey:
			out[p.Field] = sinks.Constraint{Type: sinks.FieldOptional, Reason: "the key keeps documents in order"}
		default:
			out[p.Field] = sinks.Constraint{Type: sinks.FieldForbidden, Reason: "documents are sent as they are, not as fields: derive a collection that has what the endpoint shall see"}
		}
	}
	return out
}

// Apply has nothing to make.
func (*Sink) Apply(ctx context.Context, _ sinks.ApplyRequest) (sinks.Applied, error) {
	return sinks.Applied{}, ctx.Err()
}

// Open begins a session. Former ones are not fenced by the endpoint: the
// worker's checkpoint is.
func (s *Sink) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	if err := ctx.Err(); err != nil {
		return nil, sinks.Opened{}, err
	}
	c, err := parseConfig(r.Config)
	if err != nil {
		return nil, sinks.Opened{}, err
	}
	out := &session{settings: c, client: newClient(c), lanes: make([]lane, c.lanes), confirmed: s.confirmed(&r), log: r.Log, now: now, pause: pause}
	if out.log == nil {
		out.log = zap.NewNop()
	}
	for i := range r.Bindings {
		b := &r.Bindings[i]
		path, err := parseResource(b.Resource)
		if err != nil {
			return nil, sinks.Opened{}, fmt.Errorf("webhook: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		to := target{name: r.Task + "\x00" + b.StateKey, collection: b.Collection.Name}
		to.url, to.shown = c.at(path)
		out.targets = append(out.targets, to)
	}
	return out, sinks.Opened{}, nil
}
