package ui

import (
	"context"

	"weir/controlplane/api"
)

// ReadsOf gives what the pages read of the API.
func ReadsOf(s *api.Service) Reads {
	return Reads{
		Tasks: s.Tasks,
		Task: func(ctx context.Context, kind, name string) (api.Details, error) {
			return s.Describe(ctx, api.TaskRequest{Kind: kind, Name: name})
		},
		Collections: s.ListCollections,
		Collection: func(ctx context.Context, name string) (api.CollectionDetails, error) {
			return s.Collection(ctx, api.CollectionRequest{Collection: name})
		},
		Documents:  s.Read,
		Document:   s.Document,
		Follow:     s.Follow,
		Logs:       s.ListLogs,
		FollowLogs: s.FollowLogs,
		Connected:  s.Connected,

		InQuarantine: s.InQuarantine,
		Quarantine:   s.Quarantine,
		Quarantined:  s.Quarantined,
		Publications: s.Publications,
		Publication:  s.Publication,
		PlanRevert:   s.PlanRevert,
	}
}

// ActsOf gives what people do on the pages by the API.
func ActsOf(s *api.Service) Acts {
	return Acts{Pause: s.Pause, Resume: s.Resume, Retry: s.Retry, Drop: s.Drop, Revert: s.Revert}
}
