package controlplane_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"weir/catalog"
	"weir/controlplane"
	"weir/secrets"
	"weir/sources"
)

// login is a source that needs a password, and tells it in its errors.
type login struct{ sources.Source }

func (login) Spec() sources.Spec {
	return sources.Spec{ConfigSchema: json.RawMessage(`{"properties": {"password": {"secret": true}}}`)}
}

func (login) Validate(_ context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	if !strings.Contains(string(r.Config), `"right"`) {
		return sources.Validated{}, errors.New("refused with " + string(r.Config))
	}
	return sources.Validated{}, nil
}

func TestSecretsInPublications(t *testing.T) {
	variables := map[string]string{}
	k := controlplane.Connectors{Sources: sources.Registry{"login": login{}}, Secrets: &secrets.Store{Lookup: func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}}}
	spec := &catalog.Capture{Name: "a/in", Origin: catalog.Origin{File: "flow.yaml", Line: 3}, Endpoint: catalog.Endpoint{Kind: "login", Config: json.RawMessage(`{"password":"${env:PW}"}`)}}
	c := &catalog.Catalog{Captures: map[string]*catalog.Capture{"a/in": spec}}
	check := func() error { return k.Check(t.Context(), c) }

	if err := check(); err != nil {
		t.Errorf("a secret that is absent here: %v", err)
	}
	if got := k.Unresolved(c); len(got) != 1 || got[0] != "flow.yaml:3: capture a/in: ${env:PW} is not on this machine, so its endpoint is first checked by the worker that runs it" {
		t.Errorf("warnings: %q", got)
	}
	variables["PW"] = "wrong-word"
	if err := check(); err == nil || !strings.Contains(err.Error(), `refused with {"password":"***"}`) || strings.Contains(err.Error(), "wrong-word") {
		t.Errorf("a wrong one: %v", err)
	}
	variables["PW"] = "right"
	if err := check(); err != nil || len(k.Unresolved(c)) != 0 {
		t.Errorf("the right one: %v, %q", err, k.Unresolved(c))
	}
	spec.Endpoint.Config = json.RawMessage(`{"password":"${env:NATS_PASSWORD}"}`)
	if err := check(); err == nil || !strings.Contains(err.Error(), "may not be used by catalogs") {
		t.Errorf("one that is not for catalogs: %v", err)
	}

	shown := k.Masked(catalog.Record{Capture: &catalog.Capture{Endpoint: catalog.Endpoint{Kind: "login", Config: json.RawMessage(`{"password":"x1","user":"u"}`)}}})
	if got := string(shown.Capture.Endpoint.Config); got != `{"password":"***","user":"u"}` {
		t.Errorf("masked: %s", got)
	}
	shown = k.Masked(catalog.Record{Materialization: &catalog.Materialization{Endpoint: catalog.Endpoint{Kind: "unknown", Config: json.RawMessage(`{"password":"x1"}`)}}})
	if got := string(shown.Materialization.Endpoint.Config); got != `"***"` {
		t.Errorf("of an unknown connector: %s", got)
	}
	shown = k.Masked(catalog.Record{Materialization: &catalog.Materialization{Endpoint: catalog.Endpoint{Kind: "local", Config: json.RawMessage(`{"command":["python3","x.py"],"config":{"key":"k1","named":"${env:K}"}}`)}}})
	if got := string(shown.Materialization.Endpoint.Config); got != `{"command":["python3","x.py"],"config":{"key":"***","named":"${env:K}"}}` {
		t.Errorf("of a program: %s", got)
	}
	if string(spec.Endpoint.Config) != `{"password":"${env:NATS_PASSWORD}"}` {
		t.Error("the spec itself was changed")
	}
}
