package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"weir/catalog"
	"weir/controlplane"
	"weir/fault"
)

// Status lists the tasks that are published, with what they do.
func (s *Service) Status(ctx context.Context, _ nothing) (StatusAnswer, error) {
	tasks, _, err := s.tasks(ctx)
	return StatusAnswer{Tasks: tasks}, err
}

// Tasks are those of Status.
func (s *Service) Tasks(ctx context.Context) ([]Task, error) {
	tasks, _, err := s.tasks(ctx)
	return tasks, err
}

// tasks are the tasks of the published records, with those records.
func (s *Service) tasks(ctx context.Context) ([]Task, []catalog.Record, error) {
	records, err := controlplane.Records(ctx, s.conn)
	if err != nil {
		return nil, nil, err
	}
	status, err := s.status(ctx)
	if err != nil {
		return nil, nil, err
	}
	tasks := make([]Task, 0, len(records))
	for _, r := range records {
		t := taskOf(r)
		i := slices.IndexFunc(status, func(of Task) bool { return of.Kind == t.Kind && of.Name == t.Name })
		if i < 0 {
			tasks = append(tasks, untaken(t))
			continue
		}
		now := status[i]
		now.Reads, now.Writes, now.Endpoint = t.Reads, t.Writes, t.Endpoint // the catalog's
		tasks = append(tasks, now)
	}
	slices.SortFunc(tasks, func(a, b Task) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return tasks, records, nil
}

// untaken is a task that no worker has written of.
func untaken(t Task) Task {
	if t.State == "" {
		t.State = StatePending
		t.Why = &Why{Code: fault.NoWorker, Message: "no worker has taken this task up", Fix: fault.NoWorker.Fix()}
	}
	return t
}

// taskOf is the task of a record, as far as the catalog says.
func taskOf(r catalog.Record) Task {
	t := Task{Name: r.Name(), Kind: string(r.TaskKind()), Reads: append([]string{}, r.Reads()...), Writes: append([]string{}, r.Writes()...)}
	switch {
	case r.Capture != nil:
		t.Endpoint = r.Capture.Endpoint.Kind
	case r.Materialization != nil:
		t.Endpoint = r.Materialization.Endpoint.Kind
	}
	if r.Disabled() {
		t.State = StateDisabled
	}
	return t
}

// Describe gives a task with its spec and its bindings.
func (s *Service) Describe(ctx context.Context, r TaskRequest) (Details, error) {
	tasks, records, err := s.tasks(ctx)
	if err != nil {
		return Details{}, err
	}
	i := slices.IndexFunc(tasks, func(t Task) bool { return t.Kind == r.Kind && t.Name == r.Name })
	if i < 0 {
		return Details{}, notFound(r.Kind, r.Name, namesOf(tasks, r.Kind))
	}
	d := Details{Task: tasks[i]}
	for _, record := range records {
		if t := taskOf(record); t.Kind != r.Kind || t.Name != r.Name {
			continue
		}
		d.Publication, d.Catalog = record.Publication, record.Catalog
		if d.Spec, d.Place, err = s.specOf(record); err != nil {
			return d, err
		}
		d.Bindings = bindingsOf(record)
	}
	if d.Paused, err = s.paused(ctx, r); err != nil {
		return d, err
	}
	for i := range d.Bindings {
		locate(&d.Task, &d.Bindings[i])
	}
	return d, nil
}

// paused gives who paused a task, nil when nobody did.
func (s *Service) paused(ctx context.Context, r TaskRequest) (*Paused, error) {
	control, err := controlplane.ReadControl(ctx, s.conn, controlplane.Task{Kind: catalog.Kind(r.Kind), Name: r.Name})
	if err != nil || control == nil || !control.Paused {
		return nil, err
	}
	return &Paused{At: control.At, By: control.By, Why: control.Why}, nil
}

func namesOf(tasks []Task, kind string) []string {
	var names []string
	for _, t := range tasks {
		if t.Kind == kind {
			names = append(names, t.Name)
		}
	}
	return names
}

// bindingsOf are the bindings or transforms of a task.
func bindingsOf(r catalog.Record) []Binding {
	out := []Binding{}
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		for _, f := range r.Collection.Derive.Transforms {
			out = append(out, Binding{Name: f.Name, Source: f.Source.Name, Target: r.Name(), How: howTransform(f), Disabled: f.Disable})
		}
	case r.Capture != nil:
		for _, b := range r.Capture.Bindings {
			out = append(out, Binding{Name: resourceName(b.Resource), Target: b.Target, How: raised(b.Backfill), Disabled: b.Disable})
		}
	case r.Materialization != nil:
		for _, b := range r.Materialization.Bindings {
			out = append(out, Binding{Name: resourceName(b.Resource), Source: b.Source.Name, How: raised(b.Backfill), Disabled: b.Disable})
		}
	}
	return out
}

// howTransform says in words how a transform reads.
func howTransform(f catalog.Transform) string {
	how := "not shuffled"
	if !f.Shuffle.Any {
		how = "shuffled by " + strings.Join(f.Shuffle.Key, ", ")
	}
	if f.ReadDelay != "" {
		how += "; " + f.ReadDelay + " later"
	}
	if f.Priority != 0 {
		how += fmt.Sprintf("; priority %d", f.Priority)
	}
	if f.Backfill > 0 {
		how += "; " + raised(f.Backfill)
	}
	return how
}

func raised(backfill int) string {
	if backfill == 0 {
		return ""
	}
	return fmt.Sprintf("backfill counter %d", backfill)
}

// resourceName shows the values of a resource that are texts, as table and
// schema are.
func resourceName(resource json.RawMessage) string {
	var members map[string]any
	if json.Unmarshal(resource, &members) != nil {
		return string(resource)
	}
	for _, name := range []string{"table", "subject", "stream", "path", "name", "url"} {
		if text, ok := members[name].(string); ok {
			return text
		}
	}
	return string(resource)
}

// locate adds how far a binding has come, and what waits for it.
func locate(t *Task, b *Binding) {
	of := b.Source
	if of == "" {
		of = b.Target
	}
	named := slices.ContainsFunc(t.Loads, func(l Load) bool { return l.Collection == of && l.Binding == b.Name })
	for _, l := range t.Loads {
		if l.Collection == of && (l.Binding == b.Name || !named && l.Binding != "") {
			b.Load = l
		}
	}
	found := false
	for key, seq := range t.Positions {
		if SourceOf(key) == b.Source && strings.HasPrefix(key, bindingPrefix(t.Kind, b.Name)) && (!found || seq < b.Position) {
			b.Position, found = seq, true
		}
	}
}

// bindingPrefix is what the keys of a transform's positions begin with. Those of
// other bindings name their resource in a way of their connector's.
func bindingPrefix(kind, name string) string {
	if kind == KindDerivation {
		return name + ".v"
	}
	return ""
}

// SourceOf is the collection that a position is of. Its key is the binding, the
// shard and the collection, with slashes between, and perhaps a selection of
// partitions.
func SourceOf(key string) string {
	key, _, _ = strings.Cut(key, "?")
	_, rest, _ := strings.Cut(key, "/")
	_, source, _ := strings.Cut(rest, "/")
	return source
}
