package api

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"weir/catalog"
	"weir/controlplane"
	"weir/fault"
)

// Plan says what Publish would do.
func (s *Service) Plan(ctx context.Context, r PlanRequest) (Plan, error) {
	draft, warnings, err := s.draft(ctx, r, controlplane.Options{})
	if err != nil {
		return Plan{}, err
	}
	plan := planOf(draft)
	plan.Warnings = warnings
	return plan, nil
}

// Publish publishes a catalog: all of it or nothing.
func (s *Service) Publish(ctx context.Context, r PublishRequest) (PublishAnswer, error) {
	draft, warnings, err := s.draft(ctx, r.PlanRequest, controlplane.Options{By: r.By, Message: r.Message})
	if err != nil {
		return PublishAnswer{}, err
	}
	if r.Newest != nil && *r.Newest != draft.Plan().Newest {
		return PublishAnswer{}, controlplane.ErrConcurrent
	}
	if err := r.agreed(draft.Plan()); err != nil {
		return PublishAnswer{}, err
	}
	answer, err := apply(ctx, draft)
	answer.Warnings = warnings
	return answer, err
}

// agreed refuses removals that nobody asked for.
func (r PublishRequest) agreed(plan controlplane.Plan) error {
	var gone []string
	for _, c := range plan.Specs {
		if c.Action == controlplane.Remove {
			gone = append(gone, c.Name)
		}
	}
	if len(gone) == 0 || r.Remove {
		return nil
	}
	return &Error{
		Code: fault.InvalidRequest, Message: "nothing was published, since that would remove " + strings.Join(gone, ", ") + ", which " + r.Catalog + " had until now",
		Fix: `send "remove": true to have that removed, "keep": true to leave it running, or another name if this is another catalog`,
	}
}

// draft checks a catalog as `weir publish` does, but for the types of its
// modules: the compiler would read files that are none of the catalog's.
func (s *Service) draft(ctx context.Context, r PlanRequest, o controlplane.Options) (*controlplane.Draft, []string, error) {
	switch {
	case r.Catalog == "":
		return nil, nil, invalid("catalog: the catalog has no name, which says what it replaces")
	case !controlplane.IdentityRule.MatchString(r.Catalog) && !filepath.IsAbs(r.Catalog):
		return nil, nil, invalid(fmt.Sprintf("catalog: %q is no name: letters, numbers, -, _ and . in parts separated by /, as in shop or acmeCo/shop; or the absolute path of a catalog that was published from one", r.Catalog))
	}
	c, err := catalog.LoadFiles(r.Root, r.Files)
	if err != nil {
		return nil, nil, err
	}
	if err := controlplane.Build(c); err != nil {
		return nil, nil, err
	}
	if o.Actions, err = s.examine(ctx, c); err != nil {
		return nil, nil, err
	}
	o.Catalog, o.Prune, o.Build = r.Catalog, !r.Keep, s.version
	draft, err := controlplane.NewDraft(ctx, s.conn, c, o)
	return draft, s.connectors.Unresolved(c), err
}

// examine asks the endpoints. What they say after their time is not believed:
// that an endpoint cannot be asked is no fault of a catalog.
func (s *Service) examine(ctx context.Context, c *catalog.Catalog) (actions map[string]string, err error) {
	actions, err = s.connectors.Examine(ctx, c)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, &Error{Code: fault.Timeout, Message: fmt.Sprintf("the endpoints of the catalog did not answer within %v, and nothing was published", draftTimeout), Fix: "look whether they can be reached from where Weir runs, then try again"}
	}
	return actions, err
}

// apply publishes a draft. Once it has begun it goes on to its end, whether or
// not who asked is still there: what was begun and left would be streams without
// a use.
func apply(ctx context.Context, draft *controlplane.Draft) (PublishAnswer, error) {
	if err := ctx.Err(); err != nil {
		return PublishAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	done, err := draft.Publish(ctx)
	return PublishAnswer{
		ID: done.ID, Created: append([]string{}, done.Created...), Changed: append([]string{}, done.Changed...),
		Removed: append([]string{}, done.Removed...), Unchanged: append([]string{}, done.Unchanged...),
	}, err
}

// PlanRevert says what Revert would do.
func (s *Service) PlanRevert(ctx context.Context, r PublicationRequest) (Plan, error) {
	draft, err := s.draftRevert(ctx, RevertRequest{ID: r.ID})
	if err != nil {
		return Plan{}, err
	}
	return planOf(draft), nil
}

// Revert brings the catalog of a publication back.
func (s *Service) Revert(ctx context.Context, r RevertRequest) (PublishAnswer, error) {
	draft, err := s.draftRevert(ctx, r)
	if err != nil {
		return PublishAnswer{}, err
	}
	if r.Newest != "" && r.Newest != draft.Plan().Newest {
		return PublishAnswer{}, controlplane.ErrConcurrent
	}
	return apply(ctx, draft)
}

func (s *Service) draftRevert(ctx context.Context, r RevertRequest) (*controlplane.Draft, error) {
	draft, err := controlplane.DraftRevert(ctx, s.conn, r.ID, controlplane.Options{Build: s.version, By: r.By, Message: r.Message})
	if err != nil {
		return nil, err
	}
	actions, err := s.examine(ctx, draft.Catalog())
	draft.SetActions(actions)
	return draft, err
}

func planOf(draft *controlplane.Draft) Plan {
	of := draft.Plan()
	plan := Plan{Publication: of.Reverts, Newest: of.Newest, Catalog: of.Catalog, Specs: []Change{}, Unchanged: of.Unchanged, Tasks: []Change{}, GoOn: append([]string{}, of.GoOn...)}
	for _, c := range of.Specs {
		plan.Specs = append(plan.Specs, Change{Action: c.Action, Kind: string(c.Kind), Name: c.Name, Changes: c.Changes, Effects: c.Effects})
	}
	for _, c := range of.Tasks {
		plan.Tasks = append(plan.Tasks, Change{Action: c.Action, Kind: string(c.Kind), Name: c.Name, Why: c.Why})
	}
	return plan
}
