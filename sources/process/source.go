package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/connector"
	"weir/connector/program"
	"weir/schema"
	"weir/sinks"
	"weir/sources"
)

// version is what connectors are told of the task's. Theirs is to compare it
// with the one before, which they are not told.
const version = "1"

// Source captures through programs.
type Source struct{ forbidden bool }

// New returns the source; forbidden: one that starts no program, and says so.
func New(forbidden bool) Source { return Source{forbidden} }

var (
	_ sources.Source     = Source{}
	_ sources.Discoverer = Source{}
)

// Spec describes what all local connectors share.
func (Source) Spec() sources.Spec {
	return sources.Spec{ConfigSchema: json.RawMessage(program.ConfigSchema), ResourceSchema: json.RawMessage(program.ResourceSchema)}
}

// begin starts a program and lets it say what it is.
func (s Source) begin(ctx context.Context, config json.RawMessage, log *zap.Logger) (*program.Endpoint, *program.Dialog, error) {
	if s.forbidden {
		return nil, nil, program.ErrForbidden
	}
	return program.Begin(ctx, config, log, func(line []byte) (*connector.Spec, error) {
		r, err := connector.DecodeCapture(line)
		return r.Spec, err
	})
}

// ask sends a request and gives the answer.
func ask(ctx context.Context, d *program.Dialog, limit program.Limit, request connector.CaptureRequest) (connector.CaptureResponse, error) {
	line, err := d.Ask(ctx, limit, request)
	if err != nil {
		return connector.CaptureResponse{}, d.Safe(err)
	}
	r, err := connector.DecodeCapture(line)
	return r, d.Safe(err)
}

// Discover lets the program list what it could capture.
func (s Source) Discover(ctx context.Context, r sources.DiscoverRequest) (found sources.Discovered, err error) {
	e, d, err := s.begin(ctx, r.Config, r.Log)
	if err != nil {
		return found, err
	}
	defer d.Stop()
	answer, err := ask(ctx, d, program.DiscoverLimit, connector.CaptureRequest{Discover: &connector.SpecRequest{ConnectorType: "LOCAL", Config: e.Config}})
	if err != nil {
		return found, err
	}
	if answer.Discovered == nil {
		return found, unexpected("discover")
	}
	for _, b := range answer.Discovered.Bindings {
		found.Bindings = append(found.Bindings, sources.DiscoveredBinding{
			Name: b.RecommendedName, Resource: b.ResourceConfig, Schema: b.DocumentSchema, Key: b.Key, ResourcePath: b.ResourcePath, Disable: b.Disable,
		})
	}
	return found, nil
}

func unexpected(step string) error {
	return fmt.Errorf("the connector answers %s with another message", step)
}

// Validate checks configuration and resources against the connector's schemas,
// and then lets the program check them.
func (s Source) Validate(ctx context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	_, d, v, err := s.validate(ctx, r)
	if err != nil && r.Starts {
		err = passing(err)
	}
	if err != nil {
		return v, err
	}
	d.Stop()
	return v, nil
}

func (s Source) validate(ctx context.Context, r sources.ValidateRequest) (*program.Endpoint, *program.Dialog, sources.Validated, error) {
	var v sources.Validated
	e, d, err := s.begin(ctx, r.Config, r.Log)
	if err != nil {
		return nil, nil, v, err
	}
	if v, err = validateWith(ctx, e, d, r); err != nil {
		d.Stop()
		return nil, nil, v, err
	}
	return e, d, v, nil
}

func validateWith(ctx context.Context, e *program.Endpoint, d *program.Dialog, r sources.ValidateRequest) (v sources.Validated, err error) {
	request := &connector.CaptureValidate{Name: r.Task, ConnectorType: "LOCAL", Config: e.Config}
	for i, b := range r.Bindings {
		if err := d.CheckResource(b.Resource); err != nil {
			return v, fmt.Errorf("binding %d (%s): %w", i, b.Collection.Name, err)
		}
		spec, err := collectionSpec(b.Collection)
		if err != nil {
			return v, fmt.Errorf("binding %d (%s): %w", i, b.Collection.Name, err)
		}
		request.Bindings = append(request.Bindings, connector.CaptureValidateBinding{ResourceConfig: b.Resource, Collection: spec, Backfill: sinks.Backfill(b.StateKey)})
	}
	answer, err := ask(ctx, d, program.ValidateLimit, connector.CaptureRequest{Validate: request})
	if err != nil {
		return v, err
	}
	if answer.Validated == nil {
		return v, unexpected("validate")
	}
	if len(answer.Validated.Bindings) != len(r.Bindings) {
		return v, fmt.Errorf("the connector answered for %d bindings of %d", len(answer.Validated.Bindings), len(r.Bindings))
	}
	paths := connector.Resources{}
	for i, b := range answer.Validated.Bindings {
		path, name := strings.Join(b.ResourcePath, "\x00"), r.Bindings[i].Collection.Name
		if path == "" {
			return v, fmt.Errorf("the connector gives binding %d (%s) no resource path", i, name)
		}
		if err := paths.Claim(path, "the resource "+strings.Join(b.ResourcePath, "/"), name); err != nil {
			return v, fmt.Errorf("binding %d (%s): %w", i, name, err)
		}
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: b.ResourcePath})
	}
	return v, nil
}

// collectionSpec describes a binding's collection to the program.
func collectionSpec(c sources.Collection) (connector.CollectionSpec, error) {
	text := c.Schema
	if len(text) == 0 {
		text = json.RawMessage(`{}`)
	}
	source := schema.Source{URL: "schema.json", Resources: map[string]json.RawMessage{"schema.json": text}}
	compiled, err := schema.Compile(source)
	if err != nil {
		return connector.CollectionSpec{}, fmt.Errorf("schema of %s: %w", c.Name, err)
	}
	described, err := sinks.Describe(&catalog.Collection{Name: c.Name, Key: c.Key, Schema: source}, compiled.Shape())
	if err != nil {
		return connector.CollectionSpec{}, err
	}
	return sinks.CollectionSpec(&described), nil
}

// captureSpec is what apply and open tell the program.
func captureSpec(task string, config json.RawMessage, bindings []sources.Binding, v sources.Validated) (*connector.CaptureSpec, error) {
	spec := &connector.CaptureSpec{
		Name: task, ConnectorType: "LOCAL", Config: config, IntervalSeconds: 300, Bindings: []connector.CaptureBinding{},
		ShardTemplate: connector.PlausibleShard("capture/" + task), RecoveryLogTemplate: connector.PlausibleJournal("recovery/capture/" + task),
	}
	for i, b := range bindings {
		collection, err := collectionSpec(b.Collection)
		if err != nil {
			return nil, err
		}
		spec.Bindings = append(spec.Bindings, connector.CaptureBinding{
			ResourceConfig: b.Resource, ResourcePath: v.Bindings[i].ResourcePath, Collection: collection,
			Backfill: sinks.Backfill(b.StateKey), StateKey: b.StateKey,
		})
	}
	return spec, nil
}

// Apply lets the program prepare its endpoint.
func (s Source) Apply(ctx context.Context, r sources.ApplyRequest) (a sources.Applied, err error) {
	e, d, v, err := s.validate(ctx, sources.ValidateRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: r.Bindings, Log: r.Log})
	if err != nil {
		return a, passing(err)
	}
	defer d.Stop()
	spec, err := captureSpec(r.Task, e.Config, r.Bindings, v)
	if err != nil {
		return a, err
	}
	answer, err := ask(ctx, d, program.ApplyLimit, connector.CaptureRequest{Apply: &connector.CaptureApply{Capture: spec, Version: version}})
	if err != nil {
		return a, passing(err)
	}
	if answer.Applied == nil {
		return a, unexpected("apply")
	}
	return sources.Applied{Action: answer.Applied.ActionDescription}, nil
}

// Open starts the program that captures.
func (s Source) Open(ctx context.Context, r sources.OpenRequest) (sources.Session, error) {
	e, d, v, err := s.validate(ctx, sources.ValidateRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: r.Bindings, Log: r.Log})
	if err != nil {
		return nil, passing(err)
	}
	spec, err := captureSpec(r.Task, e.Config, r.Bindings, v)
	if err != nil {
		d.Stop()
		return nil, err
	}
	part, err := connector.ShardRange(r.Shard)
	if err != nil {
		d.Stop()
		return nil, err
	}
	state := r.State
	if len(state) == 0 {
		state = json.RawMessage(`{}`)
	}
	answer, err := ask(ctx, d, program.OpenLimit, connector.CaptureRequest{Open: &connector.CaptureOpen{Capture: spec, Version: version, Range: part, State: state}})
	if err == nil && answer.Opened == nil {
		err = unexpected("open")
	}
	if err != nil {
		d.Stop()
		return nil, passing(err)
	}
	return &session{dialog: d, bindings: len(r.Bindings), acknowledges: answer.Opened.ExplicitAcknowledgements}, nil
}

// passing marks what may pass by itself. A configuration that the program
// refuses is refused by validate, which every start asks first.
func passing(err error) error {
	if program.Passes(err) && !errors.Is(err, context.Canceled) {
		return sources.Transient(err)
	}
	return err
}
