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
