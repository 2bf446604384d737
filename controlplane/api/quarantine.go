package api

import (
	"context"

	"weir/controlplane/quarantine"
)

// Quarantine lists documents that tasks put aside.
func (s *Service) Quarantine(ctx context.Context, r QuarantineRequest) (QuarantineAnswer, error) {
	if err := limit("limit", &r.Limit, usualLimit); err != nil {
		return QuarantineAnswer{}, err
	}
	a := QuarantineAnswer{Entries: []Quarantined{}}
	entries, more, err := quarantine.List(ctx, s.conn, quarantine.Filter{Collection: r.Collection, Task: r.Task, Rule: r.Rule, After: r.After}, r.Limit)
	for _, e := range entries {
		a.Entries = append(a.Entries, quarantined(e))
	}
	a.More = more
	return a, err
}

// InQuarantine gives how many documents are put aside now.
func (s *Service) InQuarantine(ctx context.Context) (uint64, error) {
	return quarantine.Count(ctx, s.conn)
}

func quarantined(e quarantine.Entry) Quarantined {
	return Quarantined{
		ID: e.ID, Time: e.Time, Collection: e.Collection, Task: e.Task, By: e.By, Rule: e.Rule, Pointer: e.Pointer, Reason: e.Reason,
		Origin: e.Origin, Sequence: e.Sequence, Size: e.Size, Excerpt: e.Excerpt, Fix: e.Fix,
	}
}

// Quarantined gives a quarantined document.
func (s *Service) Quarantined(ctx context.Context, r EntryRequest) (QuarantinedDocument, error) {
	d, err := quarantine.Get(ctx, s.conn, r.ID)
	return QuarantinedDocument{Quarantined: quarantined(d.Entry), Content: Content{Document: d.JSON, Text: d.Text}}, err
}

// Retry brings a quarantined document back.
func (s *Service) Retry(ctx context.Context, r RetryRequest) (RetryAnswer, error) {
	retrier, err := quarantine.NewRetrier(ctx, s.conn)
	if err != nil {
		return RetryAnswer{}, err
	}
	o, err := retrier.Retry(ctx, r.ID, quarantine.Options{Document: r.Document, Again: r.Again})
	return RetryAnswer{Done: o.Done, Action: o.Action, Seq: o.Sequence, Reason: o.Reason, Pointer: o.Pointer, Rule: o.Rule, Also: o.Also}, err
}

// Drop removes a quarantined document for good.
func (s *Service) Drop(ctx context.Context, r EntryRequest) (DoneAnswer, error) {
	d, err := quarantine.Get(ctx, s.conn, r.ID)
	if err != nil {
		return DoneAnswer{}, err
	}
	return DoneAnswer{}, quarantine.Drop(ctx, s.conn, d.Entry)
}
