package http

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"weir/connector"
	"weir/sources"
)

// Source captures what is posted to it. It holds the listeners of the process.
type Source struct {
	mu        sync.Mutex
	listeners map[string]*listener // by address as it is written
	linger    time.Duration        // how long a listener without a session stays
}

// New returns the source.
func New() *Source {
	return &Source{listeners: map[string]*listener{}, linger: time.Minute}
}

var _ sources.Source = (*Source)(nil)

// Spec describes the endpoint's configuration and its resources.
func (*Source) Spec() sources.Spec {
	return sources.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema), Records: true}
}

// Validate checks configuration and resources. Whether the address is free,
// only opening tells.
func (*Source) Validate(ctx context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	var v sources.Validated
	s, err := parseConfig(r.Config, r.DataDir)
	if err != nil {
		return v, err
	}
	if s.tls != (tlsFiles{}) && s.noDirectory == nil {
		if _, err := tls.LoadX509KeyPair(s.tls.Certificate, s.tls.Key); err != nil {
			return v, fmt.Errorf("http: endpoint config: tls: %w", err)
		}
	}
	bindings, err := parseBindings(r.Bindings)
	if err != nil {
		return v, err
	}
	for _, b := range bindings {
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: []string{b.resource.Path}})
	}
	return v, cmp.Or(s.noDirectory, ctx.Err())
}

// parseBindings reads the resources of bindings, whose paths differ.
func parseBindings(all []sources.Binding) ([]binding, error) {
	out := make([]binding, len(all))
	paths := connector.Resources{}
	for i, b := range all {
		r, p, err := parseResource(b.Resource, b.Collection.Key)
		if err == nil {
			err = paths.Claim(p.shape(), "path "+r.Path, b.Collection.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("http: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		writes := b.Collection.Writes
		out[i] = binding{collection: writes, resource: r, pattern: p, stateKey: b.StateKey, checkers: &sync.Pool{New: func() any { return writes.Checker() }}}
	}
	return out, nil
}

// Apply has nothing to prepare.
func (*Source) Apply(ctx context.Context, _ sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, ctx.Err()
}

// Open begins to take requests. A session of the same shard that is open yet
// is closed.
func (h *Source) Open(ctx context.Context, r sources.OpenRequest) (sources.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	settings, err := parseConfig(r.Config, r.DataDir)
	if err != nil {
		return nil, err
	}
	bindings, err := parseBindings(r.Bindings)
	if err != nil {
		return nil, err
	}
	s, err := newSession(r, settings, bindings)
	if err != nil {
		return nil, err
	}
	if err := h.attach(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr gives the address at which captures that listen on the given one are
// reached, empty if there is no listener: with port 0 one is drawn.
func (h *Source) Addr(listen string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.listeners[listen]; l != nil {
		return l.socket.Addr().String()
	}
	return ""
}
