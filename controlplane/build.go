package controlplane

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/connector"
	"weir/derive"
	"weir/fault"
	"weir/secrets"
	"weir/sinks"
	"weir/sources"
)

// Connectors are what a catalog's endpoints may be.
type Connectors struct {
	Sinks   sinks.Registry
	Sources sources.Registry
	DataDir string         // relative paths of endpoints are relative to it; empty: endpoints with such paths are not asked
	Secrets *secrets.Store // that configurations may name; nil: everything, files relative to DataDir
}

// Build bundles the modules of a catalog and compiles everything in it, so
// that no worker meets a fault that could have been found before. The error
// is catalog.Errors with every fault.
func Build(c *catalog.Catalog) error {
	var faults catalog.Errors
	for _, name := range slices.Sorted(maps.Keys(c.Collections)) {
		spec := c.Collections[name]
		if _, err := collection.New(spec); err != nil {
			faults = append(faults, faultAt(fault.Schema, spec.Origin, "collections", name, err))
		}
		if spec.Derive == nil {
			continue
		}
		if err := buildModule(spec); err != nil {
			faults = append(faults, faultAt(fault.Module, spec.Origin, "collections", name, err))
		}
		faults = append(faults, buildSQL(c, spec)...)
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// buildModule bundles a derivation's module and runs it once.
func buildModule(spec *catalog.Collection) error {
	using := &spec.Derive.Using
	for _, m := range []struct {
		module     *catalog.Module
		typescript bool
	}{{using.JavaScript, false}, {using.TypeScript, true}} {
		if m.module == nil {
			continue
		}
		code, err := derive.Bundle(m.module, m.typescript)
		if err != nil {
			return err
		}
		m.module.Bundle = code
		if _, err := derive.Compile(spec.Derive, spec.Name); err != nil {
			return err
		}
	}
	return nil
}

// Check asks the connectors of a catalog whether they can serve it. The error
// is catalog.Errors with every fault.
func (k Connectors) Check(ctx context.Context, c *catalog.Catalog) error {
	_, err := k.Examine(ctx, c)
	return err
}

// notAsked is said of an endpoint of which only a worker knows where it is.
var notAsked = "not asked: " + connector.ErrNoDirectory.Error() + " (--data)"

// Examine is Check, and gives what would be done at the endpoints of tasks, by
// their names, as far as the endpoints say it.
func (k Connectors) Examine(ctx context.Context, c *catalog.Catalog) (actions map[string]string, err error) {
	var faults catalog.Errors
	actions = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Captures)) {
		spec := c.Captures[name]
		source, err := k.Sources.Lookup(spec.Endpoint.Kind)
		if err == nil {
			err = k.checkCapture(ctx, c, spec, source)
		}
		if errors.Is(err, connector.ErrNoDirectory) {
			actions[name], err = notAsked, nil
		}
		if err != nil && !errors.Is(err, sources.ErrTransient) {
			faults = append(faults, faultAt(codeOf(err), spec.Origin, "captures", name, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Materializations)) {
		action, wrong := k.checkMaterialization(ctx, c, c.Materializations[name])
		faults = append(faults, wrong...)
		actions[name] = action
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return actions, nil
}

func (k Connectors) checkCapture(ctx context.Context, c *catalog.Catalog, spec *catalog.Capture, source sources.Source) error {
	config, redactor, err := k.resolve(source.Spec().ConfigSchema, spec.Endpoint.Config)
	if config == nil {
		return err
	}
	r := captureRequest(k.DataDir, c, spec)
	r.Config = config
	_, err = source.Validate(ctx, r)
	return redactor.Error(err)
}

func captureRequest(dataDir string, c *catalog.Catalog, spec *catalog.Capture) sources.ValidateRequest {
	r := sources.ValidateRequest{Task: spec.Name, Config: spec.Endpoint.Config, DataDir: dataDir}
	for _, b := range spec.Bindings {
		if !b.Disable {
			r.Bindings = append(r.Bindings, sources.Binding{Resource: b.Resource, Collection: sources.Collection{Name: b.Target, Key: c.Collections[b.Target].Key, Schema: c.Collections[b.Target].Schema.Bundle()}})
		}
	}
	return r
}

// faultAt places an error of a module in the module, any other at the entity.
// code is what the other errors are.
func faultAt(code fault.Code, at catalog.Origin, section, name string, err error) catalog.Error {
	path := "/" + section + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	var module *derive.ModuleError
	if errors.As(err, &module) && module.File != "" {
		return catalog.Error{Code: fault.Module, File: module.File, Line: module.Line, Column: module.Column, Message: module.Message, Hint: "module of " + name}
	}
	return catalog.Error{Code: code, File: at.File, Line: at.Line, Column: 1, Path: path, Message: err.Error()}
}

// codeOf tells a secret that is not there from what a connector has against an
// endpoint.
func codeOf(err error) fault.Code {
	var secret *secrets.Error
	if errors.As(err, &secret) {
		return fault.Secret
	}
	return fault.Endpoint
}

// checkMaterialization asks a sink whether it can serve the bindings, and
// whether what exists at the endpoint can be changed into what they need. It gives
// what would be done there.
func (k Connectors) checkMaterialization(ctx context.Context, c *catalog.Catalog, spec *catalog.Materialization) (string, catalog.Errors) {
	sink, err := k.Sinks.Lookup(spec.Endpoint.Kind)
	if err != nil {
		return "", catalog.Errors{faultAt(codeOf(err), spec.Origin, "materializations", spec.Name, err)}
	}
	var enabled []catalog.MaterializationBinding
	var indexes []int
	for i, b := range spec.Bindings {
		if !b.Disable {
			enabled, indexes = append(enabled, b), append(indexes, i)
		}
	}
	config, redactor, err := k.resolve(sink.Spec().ConfigSchema, spec.Endpoint.Config)
	if err != nil {
		return "", catalog.Errors{faultAt(codeOf(err), spec.Origin, "materializations", spec.Name, err)}
	}
	if config == nil {
		return "", nil
	}
	r := sinks.ValidateRequest{Task: spec.Name, Config: config, DataDir: k.DataDir}
	bindings, err := sinks.Resolve(ctx, sink, r, enabled, func(name string) (*collection.Collection, error) {
		source, err := collection.New(c.Collections[name])
		if err != nil {
			return nil, err
		}
		return source.ForReading(), nil
	})
	var applied sinks.Applied
	if err == nil {
		applied, err = sink.Apply(ctx, sinks.ApplyRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: bindings, DryRun: true})
	}
	switch {
	case errors.Is(err, connector.ErrNoDirectory):
		applied.Action = notAsked
	case errors.Is(err, sinks.ErrTransient):
		applied.Action = "what would be done cannot be asked now: " + err.Error()
	}
	faults := bindingFaults(spec, indexes, err)
	for i := range faults {
		faults[i].Message = redactor.Text(faults[i].Message)
	}
	return redactor.Text(applied.Action), faults
}

// bindingFaults places each error of a binding where its fields are selected.
// What does not fit at the endpoint is a fault of bindings that say abort; for
// others it is for the worker to act on. indexes are those of the bindings that
// were asked about.
func bindingFaults(spec *catalog.Materialization, indexes []int, err error) catalog.Errors {
	var faults catalog.Errors
	at := func(i int, err error) {
		f := faultAt(codeOf(err), spec.Bindings[indexes[i]].Origin, "materializations", spec.Name, err)
		f.Path += "/bindings/" + strconv.Itoa(indexes[i])
		faults = append(faults, f)
	}
	var unfit *sinks.IncompatibleError
	if errors.As(err, &unfit) {
		for _, i := range slices.Sorted(maps.Keys(unfit.Reasons)) {
			if spec.Bindings[indexes[i]].OnIncompatible == catalog.OnIncompatibleAbort {
				at(i, errors.New(strings.Join(unfit.Reasons[i], "; ")))
				faults[len(faults)-1].Code = fault.Incompatible
				faults[len(faults)-1].Hint = "raise the binding's backfill counter, or let onIncompatibleSchemaChange be backfill, to have the table made anew and filled from the collection"
			}
		}
		return faults
	}
	for _, err := range each(err) {
		var binding *sinks.BindingError
		switch {
		case errors.As(err, &binding):
			at(binding.Binding, binding)
		case !errors.Is(err, sinks.ErrTransient) && !errors.Is(err, connector.ErrNoDirectory):
			faults = append(faults, faultAt(codeOf(err), spec.Origin, "materializations", spec.Name, err))
		}
	}
	return faults
}

// each takes apart what errors.Join put together.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}
