package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weir/catalog"
	"weir/secrets"
)

// store finds secrets on this machine.
func (k Connectors) store() *secrets.Store {
	if k.Secrets != nil {
		return k.Secrets
	}
	return &secrets.Store{Dir: k.DataDir}
}

// resolve gives a configuration with its secrets in place, and a redactor that
// knows them. Where a secret is absent here the configuration is nil, and it is
// left to the worker to check the endpoint: Unresolved tells of it.
func (k Connectors) resolve(schema, config json.RawMessage) (json.RawMessage, *secrets.Redactor, error) {
	redactor := &secrets.Redactor{}
	resolved, values, err := k.store().Resolve(config)
	if err != nil && onlyAbsent(err) {
		return nil, redactor, nil
	}
	redactor.Add(values...)
	redactor.Add(secrets.Values(schema, resolved)...)
	return resolved, redactor, err
}

// onlyAbsent says whether all that is wrong with secrets is that this machine
// does not have them.
func onlyAbsent(err error) bool {
	for _, one := range each(err) {
		if !errors.Is(one, secrets.ErrAbsent) {
			return false
		}
	}
	return true
}

// Unresolved warns of the endpoints that Check cannot ask, since their secrets
// are not on this machine.
func (k Connectors) Unresolved(c *catalog.Catalog) (warnings []string) {
	look := func(kind, name string, disabled bool, at catalog.Origin, config json.RawMessage) {
		if _, _, err := k.store().Resolve(config); err != nil && !disabled && onlyAbsent(err) {
			var missing []string
			hint := ""
			for _, one := range each(err) {
				var secret *secrets.Error
				if errors.As(one, &secret) {
					missing = append(missing, "${"+secret.Name+"}")
					if k.store().Dir == "" && strings.HasPrefix(secret.Name, "file:") {
						hint = "; paths are relative to the worker's data directory (--data)"
					}
				}
			}
			warnings = append(warnings, fmt.Sprintf("%s:%d: %s %s: %s not on this machine, so its endpoint is first checked by the worker that runs it%s", c.Shown(at.File), at.Line, kind, name, isOrAre(missing), hint))
		}
	}
	for _, name := range catalog.Names(c.Captures) {
		spec := c.Captures[name]
		look("capture", name, spec.Disable, spec.Origin, spec.Endpoint.Config)
	}
	for _, name := range catalog.Names(c.Materializations) {
		spec := c.Materializations[name]
		look("materialization", name, spec.Disable, spec.Origin, spec.Endpoint.Config)
	}
	return warnings
}

func isOrAre(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, ", ") + " are"
}

// localKind is an endpoint that is a program. Only the program's own spec says
// what is secret in its configuration, and it is not started to show something.
const localKind = "local"

const localSchema = `{"properties": {"config": {"secret": true}, "env": {"secret": true}}}`

// Masked gives a record as people may see it: what an endpoint's configuration
// holds of secrets is ***. Of a program every value is, and a configuration of a
// connector that is not known here is hidden as a whole, for want of a schema
// that would tell.
func (k Connectors) Masked(r catalog.Record) catalog.Record {
	switch {
	case r.Capture != nil:
		spec := *r.Capture
		schema := json.RawMessage(nil)
		if source, err := k.Sources.Lookup(spec.Endpoint.Kind); err == nil {
			schema = source.Spec().ConfigSchema
		}
		spec.Endpoint.Config = masked(spec.Endpoint.Kind, schema, spec.Endpoint.Config)
		r.Capture = &spec
	case r.Materialization != nil:
		spec := *r.Materialization
		schema := json.RawMessage(nil)
		if sink, err := k.Sinks.Lookup(spec.Endpoint.Kind); err == nil {
			schema = sink.Spec().ConfigSchema
		}
		spec.Endpoint.Config = masked(spec.Endpoint.Kind, schema, spec.Endpoint.Config)
		r.Materialization = &spec
	}
	return r
}

func masked(kind string, schema, config json.RawMessage) json.RawMessage {
	if kind == localKind {
		schema = json.RawMessage(localSchema)
	}
	if schema == nil {
		return json.RawMessage(`"` + secrets.Masked + `"`)
	}
	return secrets.Mask(schema, config)
}
