package api

import (
	"context"

	"weir/controlplane"
)

// Pause lets tasks stand still until they are resumed.
func (s *Service) Pause(ctx context.Context, r PauseRequest) (TasksAnswer, error) {
	tasks, err := controlplane.Pause(ctx, s.conn, r.Name, r.By, r.Why)
	return TasksAnswer{Tasks: refs(tasks)}, err
}

// Resume lets paused tasks go on.
func (s *Service) Resume(ctx context.Context, r ResumeRequest) (TasksAnswer, error) {
	tasks, err := controlplane.Resume(ctx, s.conn, r.Name, r.By)
	return TasksAnswer{Tasks: refs(tasks)}, err
}

// Publications lists what was published, newest first.
func (s *Service) Publications(ctx context.Context, r HistoryRequest) (HistoryAnswer, error) {
	if err := limit("limit", &r.Limit, usualLimit); err != nil {
		return HistoryAnswer{}, err
	}
	a := HistoryAnswer{Publications: []Publication{}}
	all, err := controlplane.History(ctx, s.conn, r.Catalog)
	for _, p := range all {
		if len(a.Publications) == r.Limit {
			break
		}
		of := Publication{ID: p.ID, Time: p.Time, Catalog: p.Catalog, By: p.By, Message: p.Message, Reverts: p.Reverts, Specs: []Change{}}
		for _, c := range p.Specs {
			of.Specs = append(of.Specs, Change{Action: c.Action, Kind: string(c.Kind), Name: c.Name})
		}
		a.Publications = append(a.Publications, of)
	}
	return a, err
}

// Publication gives a publication with what differs.
func (s *Service) Publication(ctx context.Context, r PublicationRequest) (Publication, error) {
	p, err := controlplane.ShowPublication(ctx, s.conn, r.ID)
	of := Publication{ID: p.ID, Time: p.Time, Catalog: p.Catalog, By: p.By, Message: p.Message, Reverts: p.Reverts, Specs: []Change{}}
	for _, c := range p.Specs {
		of.Specs = append(of.Specs, Change{Action: c.Action, Kind: string(c.Kind), Name: c.Name, Changes: c.Changes})
	}
	return of, err
}

// PlanRevert says what Revert would do.
func (s *Service) PlanRevert(ctx context.Context, r PublicationRequest) (Plan, error) {
	_, plan, err := s.draftRevert(ctx, RevertRequest{ID: r.ID})
	return plan, err
}

// Revert brings the catalog of a publication back.
func (s *Service) Revert(ctx context.Context, r RevertRequest) (RevertAnswer, error) {
	draft, plan, err := s.draftRevert(ctx, r)
	if err != nil {
		return RevertAnswer{}, err
	}
	if r.Newest != "" && plan.Newest != r.Newest {
		return RevertAnswer{}, controlplane.ErrConcurrent
	}
	done, err := draft.Publish(ctx)
	return RevertAnswer{ID: done.ID, Created: append([]string{}, done.Created...), Changed: append([]string{}, done.Changed...), Removed: append([]string{}, done.Removed...)}, err
}

func (s *Service) draftRevert(ctx context.Context, r RevertRequest) (*controlplane.Draft, Plan, error) {
	draft, err := controlplane.DraftRevert(ctx, s.conn, r.ID, controlplane.Options{Build: s.version, By: r.By, Message: r.Message})
	if err != nil {
		return nil, Plan{}, err
	}
	actions, err := s.connectors.Examine(ctx, draft.Catalog())
	if err != nil {
		return nil, Plan{}, err
	}
	draft.SetActions(actions)
	of := draft.Plan()
	plan := Plan{Publication: of.Reverts, Newest: of.Newest, Catalog: of.Catalog, Specs: []Change{}, Tasks: []Change{}, GoOn: append([]string{}, of.GoOn...)}
	for _, c := range of.Specs {
		plan.Specs = append(plan.Specs, Change{Action: c.Action, Kind: string(c.Kind), Name: c.Name, Changes: c.Changes, Effects: c.Effects})
	}
	for _, c := range of.Tasks {
		plan.Tasks = append(plan.Tasks, Change{Action: c.Action, Kind: string(c.Kind), Name: c.Name, Why: c.Why})
	}
	return draft, plan, nil
}
