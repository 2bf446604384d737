package generator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"weir/connector"
	"weir/sources"
)

// Source makes documents up.
type Source struct{ now func() time.Time }

// New returns the source.
func New() Source { return Source{now: time.Now} }

var _ sources.Source = Source{}

// Spec describes the endpoint's configuration and its resources.
func (Source) Spec() sources.Spec {
	return sources.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema)}
}

// Validate checks configuration and resources.
func (Source) Validate(ctx context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	var v sources.Validated
	if _, err := parseConfig(r.Config); err != nil {
		return v, err
	}
	names := connector.Resources{}
	for i, b := range r.Bindings {
		res, err := parseResource(b.Resource)
		if err == nil {
			err = names.Claim(res.Name, fmt.Sprintf("name %q", res.Name), b.Collection.Name)
		}
		if err != nil {
			return v, fmt.Errorf("generator: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: []string{res.Name}})
	}
	return v, ctx.Err()
}

// Apply has nothing to prepare.
func (Source) Apply(ctx context.Context, _ sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, ctx.Err()
}

// state says how many documents were made.
type state struct {
	V    int              `json:"v"`
	Made map[string]int64 `json:"made"` // by state key
}

const stateVersion = 1

func parseState(text json.RawMessage) (s state, err error) {
	if len(text) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("generator: the state is damaged: %w", err)
	}
	if s.V != stateVersion {
		return s, fmt.Errorf("generator: the state has format %d, this weir knows %d: it was written by a newer one", s.V, stateVersion)
	}
	return s, nil
}

// Open goes on with the first document that the state does not cover.
func (s Source) Open(ctx context.Context, r sources.OpenRequest) (sources.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := parseConfig(r.Config)
	if err != nil {
		return nil, err
	}
	made, err := parseState(r.State)
	if err != nil {
		return nil, err
	}
	next := &session{now: s.now, began: s.now(), closed: make(chan struct{})}
	for i, b := range r.Bindings {
		res, err := parseResource(b.Resource)
		if err != nil {
			return nil, fmt.Errorf("generator: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		m, err := newMaker(c, res, b, s.now)
		if err != nil {
			return nil, fmt.Errorf("generator: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		m.binding, m.made = i, made.Made[m.stateKey]
		next.makers = append(next.makers, m)
	}
	return next, nil
}
