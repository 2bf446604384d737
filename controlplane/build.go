package controlplane

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/derive"
	"weir/sinks"
	"weir/sources"
)

// Connectors are what a catalog's endpoints may be.
type Connectors struct {
	Sinks   sinks.Registry
	Sources sources.Registry
	DataDir string // relative paths of endpoints are relative to it
}

// Build bundles the modules of a catalog and compiles everything in it, so
// that no worker meets a fault that could have been found before. The error
// is catalog.Errors with every fault.
func Build(c *catalog.Catalog) error {
	var faults catalog.Errors
	for _, name := range slices.Sorted(maps.Keys(c.Collections)) {
		spec := c.Collections[name]
		if _, err := collection.New(spec); err != nil {
			faults = append(faults, fault(spec.Origin, "collections", name, err))
		}
		if spec.Derive == nil {
			continue
		}
		if err := buildModule(spec); err != nil {
			faults = append(faults, fault(spec.Origin, "collections", name, err))
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
	var faults catalog.Errors
	for _, name := range slices.Sorted(maps.Keys(c.Captures)) {
		spec := c.Captures[name]
		source, err := k.Sources.Lookup(spec.Endpoint.Kind)
		if err == nil {
			_, err = source.Validate(ctx, captureRequest(k.DataDir, c, spec))
		}
		if err != nil && !errors.Is(err, sources.ErrTransient) {
			faults = append(faults, fault(spec.Origin, "captures", name, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Materializations)) {
		spec := c.Materializations[name]
		if err := k.checkMaterialization(ctx, c, spec); err != nil && !errors.Is(err, sinks.ErrTransient) {
			faults = append(faults, fault(spec.Origin, "materializations", name, err))
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

func captureRequest(dataDir string, c *catalog.Catalog, spec *catalog.Capture) sources.ValidateRequest {
	r := sources.ValidateRequest{Task: spec.Name, Config: spec.Endpoint.Config, DataDir: dataDir}
	for _, b := range spec.Bindings {
		if !b.Disable {
			r.Bindings = append(r.Bindings, sources.Binding{Resource: b.Resource, Collection: sources.Collection{Name: b.Target, Key: c.Collections[b.Target].Key}})
		}
	}
	return r
}

// fault places an error of a module in the module, any other at the entity.
func fault(at catalog.Origin, section, name string, err error) catalog.Error {
	path := "/" + section + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	var module *derive.ModuleError
	if errors.As(err, &module) && module.File != "" {
		return catalog.Error{File: module.File, Line: module.Line, Column: module.Column, Message: module.Message, Hint: "module of " + name}
	}
	return catalog.Error{File: at.File, Line: at.Line, Column: 1, Path: path, Message: err.Error()}
}

func (k Connectors) checkMaterialization(ctx context.Context, c *catalog.Catalog, spec *catalog.Materialization) error {
	sink, err := k.Sinks.Lookup(spec.Endpoint.Kind)
	if err != nil {
		return err
	}
	var enabled []catalog.MaterializationBinding
	for _, b := range spec.Bindings {
		if !b.Disable {
			enabled = append(enabled, b)
		}
	}
	r := sinks.ValidateRequest{Task: spec.Name, Config: spec.Endpoint.Config, DataDir: k.DataDir}
	_, err = sinks.Resolve(ctx, sink, r, enabled, func(name string) (*collection.Collection, error) {
		source, err := collection.New(c.Collections[name])
		if err != nil {
			return nil, err
		}
		return source.ForReading(), nil
	})
	return err
}
