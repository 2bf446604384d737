package catalog

import "slices"

// KindInbox is the kind of the task that a collection has for documents which
// anybody publishes to it.
const KindInbox Kind = "inbox"

// TaskKind is the kind of the task that a record stands for.
func (r Record) TaskKind() Kind {
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		return KindDerivation
	case r.Collection != nil:
		return KindInbox
	}
	return r.Kind()
}

// Disabled says whether the spec itself lets its task stand still.
func (r Record) Disabled() bool {
	off := func(whole bool, n int, part func(i int) bool) bool {
		for i := range n {
			if !part(i) {
				return whole
			}
		}
		return true
	}
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		d := r.Collection.Derive
		return off(d.Disable, len(d.Transforms), func(i int) bool { return d.Transforms[i].Disable })
	case r.Capture != nil:
		return off(r.Capture.Disable, len(r.Capture.Bindings), func(i int) bool { return r.Capture.Bindings[i].Disable })
	case r.Materialization != nil:
		return off(r.Materialization.Disable, len(r.Materialization.Bindings), func(i int) bool { return r.Materialization.Bindings[i].Disable })
	}
	return false
}

// Reads names the collections that the record's task reads, sorted. What is
// disabled does not read.
func (r Record) Reads() []string {
	var names []string
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		for _, t := range r.Collection.Derive.Transforms {
			if !t.Disable && !r.Collection.Derive.Disable {
				names = append(names, t.Source.Name)
			}
		}
	case r.Materialization != nil:
		for _, b := range r.Materialization.Bindings {
			if !b.Disable && !r.Materialization.Disable {
				names = append(names, b.Source.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Writes names the collections that the record's task writes, sorted.
func (r Record) Writes() []string {
	var names []string
	switch {
	case r.Collection != nil:
		return []string{r.Collection.Name}
	case r.Capture != nil:
		for _, b := range r.Capture.Bindings {
			if !b.Disable && !r.Capture.Disable {
				names = append(names, b.Target)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// BuiltFrom names the collections whose specs the record's task is built from:
// when one of them changes, the task starts anew.
func (r Record) BuiltFrom() []string {
	var names []string
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		names = append(names, r.Collection.Name)
		for _, t := range r.Collection.Derive.Transforms {
			names = append(names, t.Source.Name)
		}
	case r.Capture != nil:
		for _, b := range r.Capture.Bindings {
			names = append(names, b.Target)
		}
	case r.Materialization != nil:
		for _, b := range r.Materialization.Bindings {
			names = append(names, b.Source.Name)
		}
	}
	return names
}

// StateKind is what a derivation keeps beside its position.
type StateKind string

// Kinds of state.
const (
	StateNone      StateKind = ""
	StateRegisters StateKind = "registers"
	StateDatabase  StateKind = "tables"
)

// State says what the derivation keeps. A database without migrations has no
// tables, and so no state.
func (d *Derivation) State() StateKind {
	switch {
	case d.Using.SQLite != nil && len(d.Using.SQLite.Migrations) > 0:
		return StateDatabase
	case d.Register != nil:
		return StateRegisters
	}
	return StateNone
}
