package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"weir/controlplane"
	"weir/controlplane/api"
	"weir/controlplane/ui"
	"weir/journal"
	"weir/worker"
)

// serveAPI mounts the API and the pages, and answers requests of NATS
// clients. stop ends what runs for them.
func (p *pages) serveAPI(ctx context.Context, conn *journal.Conn, server string, connectors controlplane.Connectors, log *zap.Logger) (stop func(), err error) {
	status := worker.NewStatusReader(conn)
	service := api.New(api.Options{Conn: conn, Server: server, Version: version, Connectors: connectors, Status: func(ctx context.Context) ([]api.Task, error) { return statusTasks(ctx, status) }})
	stop, err = service.Listen(ctx)
	if err != nil || p.Listener == nil {
		return stop, err
	}
	service.Mount(p.Handle)
	u := ui.New(ui.Options{Reads: ui.ReadsOf(service), Acts: ui.ActsOf(service), Version: version, Log: log})
	u.Mount(p.Handle, p.Open)
	p.Refused(u.Login)
	looking, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { // ended by stop
		defer close(ended)
		u.Run(looking)
	}()
	end := stop
	return func() {
		cancel()
		<-ended
		end()
	}, nil
}

// statusTasks gives what workers say of their tasks, one for all shards of a
// task.
func statusTasks(ctx context.Context, status *worker.StatusReader) ([]api.Task, error) {
	all, err := status.Read(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.Task, 0, len(all))
	for _, s := range all {
		out = append(out, statusTask(s))
	}
	return out, nil
}

func statusTask(s worker.Status) api.Task {
	t := api.Task{
		Kind: s.Kind, Name: s.Task, State: string(s.State), Since: s.Since, Retry: s.Retry, Updated: s.Updated, Worker: s.Worker,
		In: s.In, InBytes: s.InBytes, Out: s.Out, OutBytes: s.OutBytes, Quarantined: s.Quarantined, Txns: s.Txns, Lag: s.Lag, LagSeconds: s.LagSeconds, Positions: s.Positions,
	}
	for _, b := range s.Bindings {
		t.Loads = append(t.Loads, api.Load{Binding: b.Name, Collection: b.Collection, In: b.In, Out: b.Out, Lag: b.Lag, LagSeconds: b.LagSeconds})
	}
	if s.Why != nil {
		why := api.Why(*s.Why)
		t.Why = &why
	}
	if f := s.LastFailure; f != nil {
		t.LastFailure = &api.Failure{At: f.At, Why: api.Why(f.Why)}
	}
	var first time.Time
	for _, until := range s.Waits {
		if first.IsZero() || until.Before(first) {
			first = until
		}
	}
	if !first.IsZero() {
		t.Waits = &first
	}
	return t
}
