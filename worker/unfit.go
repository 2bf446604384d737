package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/fault"
	"weir/sinks"
)

// haltError is a task that does not run because the catalog says so for what
// was met: it stands until a publication or the endpoint changes that.
type haltError struct{ err error }

func (e *haltError) Error() string { return e.err.Error() }
func (e *haltError) Unwrap() error { return e.err }

// apply makes the bindings' resources. Bindings that do not fit what exists
// follow their onIncompatibleSchemaChange: those that may be disabled are left
// out, and the others applied without them. It gives the specs and bindings
// that are left, with the names of their state, and why others are not.
func (m *materialization) apply(ctx context.Context, sink sinks.Sink, r sinks.ApplyRequest, specs []catalog.MaterializationBinding) ([]catalog.MaterializationBinding, []sinks.Binding, *Why, error) {
	var left []string
	for {
		if err := m.env.cut("sink.apply.before"); err != nil {
			return nil, nil, nil, err
		}
		applied, err := sink.Apply(ctx, r)
		var unfit *sinks.IncompatibleError
		if !errors.As(err, &unfit) {
			if err != nil {
				return nil, nil, nil, fromConnector("apply", err)
			}
			m.env.applied(applied.Action)
			for i, key := range applied.StateKeys {
				r.Bindings[i].StateKey = key
			}
			return specs, r.Bindings, disabledBindings(left), m.env.cut("sink.apply.after")
		}
		if err := refuseUnfit(unfit, specs); err != nil {
			return nil, nil, nil, err
		}
		left = append(left, unfit.Error())
		if len(unfit.Reasons) == len(specs) {
			return nil, nil, nil, &haltError{&sinks.IncompatibleError{Reasons: map[int][]string{0: left}}}
		}
		keep := func(i int) bool { return unfit.Reasons[i] == nil }
		specs, r.Bindings = kept(specs, keep), kept(r.Bindings, keep)
	}
}

// refuseUnfit gives the error of bindings that are not to be left out, nil if
// all of them are.
func refuseUnfit(unfit *sinks.IncompatibleError, specs []catalog.MaterializationBinding) error {
	refused, halting := map[int][]string{}, map[int][]string{}
	for _, i := range slices.Sorted(maps.Keys(unfit.Reasons)) {
		switch specs[i].OnIncompatible {
		case catalog.OnIncompatibleDisableBinding:
		case catalog.OnIncompatibleDisableTask:
			halting[i] = unfit.Reasons[i]
		default:
			refused[i] = unfit.Reasons[i]
		}
	}
	switch {
	case len(refused) > 0:
		return &sinks.IncompatibleError{Reasons: refused}
	case len(halting) > 0:
		return &haltError{&sinks.IncompatibleError{Reasons: halting}}
	}
	return nil
}

func kept[T any](list []T, keep func(i int) bool) []T {
	var out []T
	for i, v := range list {
		if keep(i) {
			out = append(out, v)
		}
	}
	return out
}

// disabledBindings is what stands in the status of a task that runs without
// some of its bindings.
func disabledBindings(left []string) *Why {
	if len(left) == 0 {
		return nil
	}
	return &Why{Code: fault.Incompatible, Message: "runs without the bindings that do not fit: " + strings.Join(left, "; "), Fix: fault.Incompatible.Fix()}
}

// forget drops positions of resources that were made anew since: their names
// are never used again.
func (p positions) forget(bindings []sinks.Binding) {
	for _, b := range bindings {
		resource := b.StateKey[:strings.LastIndex(b.StateKey, ".v")+2]
		maps.DeleteFunc(p, func(key string, _ uint64) bool {
			return strings.HasPrefix(key, resource) && !strings.HasPrefix(key, b.StateKey+"/")
		})
	}
}
