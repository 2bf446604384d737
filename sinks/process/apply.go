package process

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"weir/connector"
	"weir/connector/program"
	"weir/document"
	"weir/sinks"
)

// keptVersion is the version of kept.
const keptVersion = 1

// kept is the state that the owner keeps for a shard: the connector's own, and
// what was applied last, which the connector is told the next time. The
// configuration is not in it, since it holds secrets.
type kept struct {
	V         int             `json:"v"`
	Applied   []applied       `json:"applied,omitempty"`
	Connector json.RawMessage `json:"connector,omitempty"`
}

// applied is a binding as it was applied last.
type applied struct {
	Path     []string                 `json:"path"`
	Backfill int                      `json:"backfill,omitempty"`
	Asked    string                   `json:"asked"`             // the state key that the owner asked for
	StateKey string                   `json:"stateKey"`          // the one that it got
	Rebuilt  int                      `json:"rebuilt,omitempty"` // how often it was made anew without being asked for
	Delta    bool                     `json:"delta,omitempty"`
	Resource json.RawMessage          `json:"resource"`
	Fields   connector.FieldSelection `json:"fields"`
}

func (k *kept) check() error {
	if k.V > keptVersion {
		return fmt.Errorf("the kept state of the connector has version %d, which a newer weir wrote: this one knows %d", k.V, keptVersion)
	}
	k.V = keptVersion
	return nil
}

// update takes over a state that the connector gave; nil: it gave none.
func (k *kept) update(s *connector.ConnectorState) error {
	if s == nil {
		return nil
	}
	if !s.MergePatch {
		k.Connector = s.Updated
		return nil
	}
	merged, err := document.MergePatch(k.Connector, s.Updated)
	if err != nil {
		return fmt.Errorf("connector state: %w", err)
	}
	k.Connector = merged
	return nil
}

func (k *kept) encode() (json.RawMessage, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode the connector's state: %w", err)
	}
	return text, nil
}

func (k *kept) state() json.RawMessage {
	if len(k.Connector) == 0 {
		return json.RawMessage(`{}`)
	}
	return k.Connector
}

// find gives what was applied for a resource.
func (k *kept) find(path []string) (applied, bool) {
	for _, a := range k.Applied {
		if slices.Equal(a.Path, path) {
			return a, true
		}
	}
	return applied{}, false
}

// Apply lets the program make the resources of the bindings. A resource that
// does not fit is made anew as a raised backfill counter has it: the connector
// is told of one that was raised. A dry run asks nothing of the program, which
// knows none: what does not fit, validation has said.
func (s Sink) Apply(ctx context.Context, r sinks.ApplyRequest) (a sinks.Applied, err error) {
	if r.DryRun {
		reasons := map[int][]string{}
		for i, b := range r.Bindings {
			if len(b.Incompatible) > 0 && !b.Rebuild {
				reasons[i] = b.Incompatible
			}
		}
		if len(reasons) > 0 {
			return a, &sinks.IncompatibleError{Reasons: reasons}
		}
		return a, ctx.Err()
	}
	var k kept
	if err := json.Unmarshal(orNull(r.State), &k); err != nil {
		return a, fmt.Errorf("kept state: %w", err)
	}
	if err := k.check(); err != nil {
		return a, err
	}
	e, d, err := s.begin(ctx, r.Config, r.Log)
	if err != nil {
		return a, passing(err)
	}
	defer d.Stop()
	if a, err = apply(ctx, e, d, r, k); err != nil {
		return a, passing(err)
	}
	return a, nil
}

func apply(ctx context.Context, e *program.Endpoint, d *program.Dialog, r sinks.ApplyRequest, k kept) (a sinks.Applied, err error) {
	v, err := validate(ctx, e, d, sinks.ValidateRequest{Task: r.Task, Config: r.Config, DataDir: r.DataDir, Bindings: r.Bindings, Log: r.Log})
	if err != nil {
		return a, err
	}
	unfit := make([][]string, len(r.Bindings))
	reasons := map[int][]string{}
	for i := range r.Bindings {
		if unfit[i] = incompatible(&r.Bindings[i], v.Bindings[i].Constraints); unfit[i] != nil && !r.Bindings[i].Rebuild {
			reasons[i] = unfit[i]
		}
	}
	if len(reasons) > 0 {
		return a, &sinks.IncompatibleError{Reasons: reasons}
	}
	last := materializationSpec(r.Task, e.Config, r.Bindings, k.Applied)
	now := nextApplied(r.Bindings, v, k, unfit)
	text, err := ask(ctx, d, program.ApplyLimit, connector.MaterializeRequest{Apply: &connector.MaterializeApply{
		Materialization: materializationSpec(r.Task, e.Config, r.Bindings, now), Version: version,
		LastMaterialization: last, LastVersion: lastVersion(last), State: k.state(),
	}})
	if err != nil {
		return a, err
	}
	if text.Applied == nil {
		return a, unexpected("apply")
	}
	k.Applied = now
	if err := k.update(text.Applied.State); err != nil {
		return a, err
	}
	state, err := k.encode()
	if err != nil {
		return a, err
	}
	if r.Keep != nil && string(state) != string(r.State) {
		if err := r.Keep(ctx, nil, state); err != nil {
			return a, err
		}
	}
	a.Action = text.Applied.ActionDescription
	for _, b := range now {
		a.StateKeys = append(a.StateKeys, b.StateKey)
	}
	return a, nil
}

func lastVersion(last *connector.MaterializationSpec) string {
	if last == nil {
		return ""
	}
	return version
}

// incompatible says which of a binding's fields do not fit what is there.
func incompatible(b *sinks.Binding, constraints map[string]sinks.Constraint) (reasons []string) {
	fields := append(slices.Clone(b.Fields.Keys), b.Fields.Values...)
	if b.Fields.Document != "" {
		fields = append(fields, b.Fields.Document)
	}
	slices.Sort(fields)
	for _, field := range fields {
		if c := constraints[field]; c.Type == sinks.Incompatible {
			reasons = append(reasons, fmt.Sprintf("field %s: incompatible with what the endpoint has: %s", field, c.Reason))
		}
	}
	return reasons
}

// nextApplied says how bindings are applied now. A binding that asks for
// another state, or does not fit, gets a state key that it never had, and the
// connector sees its backfill counter raised.
func nextApplied(bindings []sinks.Binding, v sinks.Validated, k kept, unfit [][]string) []applied {
	out := make([]applied, len(bindings))
	for i, b := range bindings {
		a := applied{
			Path: v.Bindings[i].ResourcePath, Asked: b.StateKey, Backfill: sinks.Backfill(b.StateKey), Delta: b.Delta, Resource: b.Resource,
			Fields: connector.FieldSelection{Keys: b.Fields.Keys, Values: b.Fields.Values, Document: b.Fields.Document, FieldConfig: b.FieldConfig},
		}
		had, known := k.find(a.Path)
		a.Rebuilt = had.Rebuilt
		if known && (unfit[i] != nil || sinks.Backfill(b.StateKey) < sinks.Backfill(had.Asked)) {
			a.Rebuilt++ // a counter that was lowered would find its former state
		}
		a.StateKey = sinks.RebuiltKey(b.StateKey, int64(a.Rebuilt))
		switch {
		case known && a.StateKey == had.StateKey:
			a.Backfill = had.Backfill
		case known:
			a.Backfill = max(a.Backfill, had.Backfill+1)
		}
		out[i] = a
	}
	return out
}

// materializationSpec is the task as bindings were applied, or are; nil: none
// were. Collections are as they are now: a binding whose collection is no longer
// among them is left out.
func materializationSpec(task string, config json.RawMessage, bindings []sinks.Binding, as []applied) *connector.MaterializationSpec {
	if as == nil {
		return nil
	}
	spec := &connector.MaterializationSpec{
		Name: task, ConnectorType: "LOCAL", Config: config, Bindings: []connector.MaterializationBinding{},
		ShardTemplate: connector.PlausibleShard("materialize/" + task), RecoveryLogTemplate: connector.PlausibleJournal("recovery/materialize/" + task),
	}
	for _, a := range as {
		i := slices.IndexFunc(bindings, func(b sinks.Binding) bool { return samePath(b.StateKey, a.StateKey) })
		if i < 0 {
			continue
		}
		spec.Bindings = append(spec.Bindings, connector.MaterializationBinding{
			ResourceConfig: a.Resource, ResourcePath: a.Path, Collection: sinks.CollectionSpec(&bindings[i].Collection), FieldSelection: a.Fields,
			DeltaUpdates: a.Delta, Backfill: a.Backfill, StateKey: a.StateKey, JournalReadSuffix: "materialize/" + task + "/" + a.StateKey,
		})
	}
	return spec
}

// samePath says whether two state keys are of one resource.
func samePath(a, b string) bool {
	i, j := strings.LastIndex(a, ".v"), strings.LastIndex(b, ".v")
	return i >= 0 && j >= 0 && a[:i] == b[:j]
}
