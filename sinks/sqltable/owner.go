package sqltable

import (
	"encoding/json"
	"fmt"
	"slices"

	"weir/sinks"
)

// Owner is what a sink remembers of a table, in the database that holds it.
// Task is empty for a table that no task has made or taken over.
type Owner struct {
	Task     string
	StateKey string            // what the task asked for
	Rebuilt  int64             // how often the table was made anew
	Made     map[string]string // by folded column: the flat type that it was made for
}

// Key is the name of the table's state.
func (o *Owner) Key() string { return sinks.RebuiltKey(o.StateKey, o.Rebuilt) }

// EncodeMade gives Made as it is kept.
func (o *Owner) EncodeMade() (string, error) {
	text, err := json.Marshal(o.Made)
	if err != nil {
		return "", fmt.Errorf("encode the columns of a table: %w", err)
	}
	return string(text), nil
}

// DecodeMade reads what EncodeMade gave.
func (o *Owner) DecodeMade(text string) error {
	if err := json.Unmarshal([]byte(text), &o.Made); err != nil {
		return fmt.Errorf("what is remembered of a table's columns: %w", err)
	}
	return nil
}

// CheckKey makes sure that a binding's table is the one that Apply gave its
// state key: another owner may have made it anew since.
func (o *Owner) CheckKey(t *Table, b *sinks.Binding) error {
	if o.Key() == b.StateKey {
		return nil
	}
	return sinks.Transient(fmt.Errorf("table %s was made anew by another start of this materialization (its state is %s, not %s)", t.Ref(), o.Key(), b.StateKey))
}

// TablePlan is what becomes of the table of one binding.
type TablePlan struct {
	Owner
	Statements []string
	Fence      bool // sessions that are open know a table that is gone
}

// PlanAll plans the tables of bindings over what look finds of each in the
// database. What does not fit is reported for all of them.
func PlanAll(task string, bindings []sinks.Binding, tables []*Table, look func(*Table) (Owner, []Existing, error)) ([]TablePlan, error) {
	plans := make([]TablePlan, len(tables))
	unfit := map[int][]string{}
	for i, t := range tables {
		was, existing, err := look(t)
		if err != nil {
			return nil, err
		}
		var reasons []string
		if plans[i], reasons, err = planOwned(task, &bindings[i], t, was, existing); err != nil {
			return nil, err
		}
		for _, reason := range reasons {
			unfit[i] = append(unfit[i], fmt.Sprintf("table %s: %s", t.Ref(), reason))
		}
	}
	if len(unfit) > 0 {
		return nil, &sinks.IncompatibleError{Reasons: unfit}
	}
	return plans, nil
}

// planOwned compares a table with what its binding needs. It is made anew when
// its state key changed, when it is gone though a task made it, and when it
// cannot be changed and the binding says so.
func planOwned(task string, b *sinks.Binding, t *Table, was Owner, existing []Existing) (TablePlan, []string, error) {
	for i := range existing {
		existing[i].Flat = was.Made[t.dialect.Fold(existing[i].Name)]
	}
	p := TablePlan{Owner: Owner{Task: task, StateKey: b.StateKey, Rebuilt: was.Rebuilt, Made: t.flats()}}
	anew := func(statements ...string) (TablePlan, []string, error) {
		p.Statements, p.Rebuilt, p.Fence = append(statements, t.Make()...), was.Rebuilt+1, true
		return p, nil, nil
	}
	switch {
	case len(existing) == 0 && was.Task != "":
		return anew()
	case len(existing) > 0 && was.Task != "" && was.Task != task:
		return p, nil, fmt.Errorf("table %s belongs to materialization %s: drop the table if that is gone, or let the binding's resource name another table", t.Ref(), was.Task)
	case was.Task != "" && was.StateKey != b.StateKey:
		return anew(t.Drop())
	}
	change, err := t.Plan(existing, was.Task != "")
	reasons := append(slices.Clone(b.Incompatible), change.Incompatible...)
	switch {
	case err != nil || len(reasons) > 0 && !b.Rebuild:
		return p, reasons, err
	case len(reasons) > 0:
		return anew(t.Drop())
	}
	p.Statements = change.Statements
	return p, nil, nil
}

// flats are the flat types of a table's columns, by folded name.
func (t *Table) flats() map[string]string {
	out := map[string]string{}
	for _, c := range t.Columns {
		out[t.dialect.Fold(c.Name)] = c.Flat.String()
	}
	return out
}
