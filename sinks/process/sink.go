package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"weir/connector"
	"weir/connector/program"
	"weir/sinks"
)

// version is what connectors are told of the task's.
const version = "1"

// Sink materializes through programs.
type Sink struct{ forbidden bool }

// New returns the sink; forbidden: one that starts no program, and says so.
func New(forbidden bool) Sink { return Sink{forbidden} }

var _ sinks.Sink = Sink{}

// Spec describes what all local connectors share. Which of them are exactly
// once, their sessions say.
func (Sink) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(program.ConfigSchema), ResourceSchema: json.RawMessage(program.ResourceSchema)}
}

// begin starts a program and lets it say what it is.
func (s Sink) begin(ctx context.Context, config json.RawMessage, log *zap.Logger) (*program.Endpoint, *program.Dialog, error) {
	if s.forbidden {
		return nil, nil, program.ErrForbidden
	}
	return program.Begin(ctx, config, log, func(line []byte) (*connector.Spec, error) {
		r, err := connector.DecodeMaterialize(line)
		return r.Spec, err
	})
}

// ask sends a request and gives the answer.
func ask(ctx context.Context, d *program.Dialog, limit program.Limit, request connector.MaterializeRequest) (connector.MaterializeResponse, error) {
	line, err := d.Ask(ctx, limit, request)
	if err != nil {
		return connector.MaterializeResponse{}, d.Safe(err)
	}
	r, err := connector.DecodeMaterialize(line)
	return r, d.Safe(err)
}

func unexpected(step string) error {
	return fmt.Errorf("the connector answers %s with another message", step)
}

// passing marks what may pass by itself, and what says that another owner has
// come.
func passing(err error) error {
	var exit *program.ExitError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &exit) && strings.Contains(exit.Last, "fenced off"):
		return fmt.Errorf("%w: %w", sinks.ErrFenced, err)
	case program.Passes(err):
		return sinks.Transient(err)
	}
	return err
}

// Validate checks configuration and resources against the connector's schemas,
// and then lets the program check them.
func (s Sink) Validate(ctx context.Context, r sinks.ValidateRequest) (v sinks.Validated, err error) {
	e, d, err := s.begin(ctx, r.Config, r.Log)
	if err == nil {
		defer d.Stop()
		v, err = validate(ctx, e, d, r)
	}
	if r.Starts {
		err = passing(err)
	}
	return v, err
}

func validate(ctx context.Context, e *program.Endpoint, d *program.Dialog, r sinks.ValidateRequest) (v sinks.Validated, err error) {
	request := &connector.MaterializeValidate{Name: r.Task, ConnectorType: "LOCAL", Config: e.Config}
	for i := range r.Bindings {
		b := &r.Bindings[i]
		if err := d.CheckResource(b.Resource); err != nil {
			return v, fmt.Errorf("binding %d (%s): %w", i, b.Collection.Name, err)
		}
		request.Bindings = append(request.Bindings, connector.MaterializeValidateBinding{
			ResourceConfig: b.Resource, Collection: sinks.CollectionSpec(&b.Collection), FieldConfig: b.FieldConfig,
			Backfill: sinks.Backfill(b.StateKey), GroupBy: b.GroupBy,
		})
	}
	answer, err := ask(ctx, d, program.ValidateLimit, connector.MaterializeRequest{Validate: request})
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
	for i := range answer.Validated.Bindings {
		b, name := &answer.Validated.Bindings[i], r.Bindings[i].Collection.Name
		path := strings.Join(b.ResourcePath, "\x00")
		if path == "" {
			return v, fmt.Errorf("the connector gives binding %d (%s) no resource path", i, name)
		}
		if err := paths.Claim(path, "the resource "+strings.Join(b.ResourcePath, "/"), name); err != nil {
			return v, fmt.Errorf("binding %d (%s): %w", i, name, err)
		}
		constraints, err := constraintsOf(b)
		if err != nil {
			return v, fmt.Errorf("binding %d (%s): %w", i, name, err)
		}
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{ResourcePath: b.ResourcePath, Delta: b.DeltaUpdates, Constraints: constraints})
	}
	return v, nil
}

// constraintsOf gives the constraints of a binding, of whichever form. Where a
// list names a field more than once, the strictest word counts.
func constraintsOf(b *connector.MaterializeValidatedBinding) (map[string]sinks.Constraint, error) {
	out := map[string]sinks.Constraint{}
	add := func(field string, c connector.Constraint) error {
		next := sinks.Constraint{Type: sinks.ConstraintType(c.Type), Reason: c.Reason, Folded: c.FoldedField}
		switch c.Type {
		case "LOCATION_RECOMMENDED":
			next.Type = sinks.FieldOptional
		case "UNSATISFIABLE":
			next.Type = sinks.Incompatible
		}
		rank, ok := strictness[next.Type]
		if !ok {
			return fmt.Errorf("the connector gives field %s the constraint %q, which there is not", field, c.Type)
		}
		if had, ok := out[field]; !ok || rank > strictness[had.Type] {
			out[field] = next
		}
		return nil
	}
	for field, c := range b.Constraints {
		if err := add(field, c); err != nil {
			return nil, err
		}
	}
	for _, p := range b.ProjectionConstraints {
		if err := add(p.Field, p.Constraint); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var strictness = map[sinks.ConstraintType]int{
	sinks.FieldOptional: 0, sinks.LocationRequired: 1, sinks.FieldRequired: 2, sinks.Incompatible: 3, sinks.FieldForbidden: 4,
}

// Open starts the program that materializes.
func (s Sink) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	opening := &session{sink: s, request: r, wanted: map[string]want{}}
	if err := json.Unmarshal(orNull(r.State), &opening.kept); err != nil {
		return nil, sinks.Opened{}, fmt.Errorf("kept state: %w", err)
	}
	if err := opening.kept.check(); err != nil {
		return nil, sinks.Opened{}, err
	}
	var err error
	if opening.bindings, err = bindAll(r.Bindings); err != nil {
		return nil, sinks.Opened{}, err
	}
	opened, err := opening.start(ctx)
	if err != nil {
		return nil, sinks.Opened{}, err
	}
	return opening, opened, nil
}

func orNull(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("null")
	}
	return text
}
