package sinks

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
)

// Decision says of one field whether it is materialized, and why.
type Decision struct {
	Field        string
	Selected     bool
	Reason       string
	Incompatible string // it is selected, though the endpoint has something else there: what
}

// Complete gives a binding the fields that its validation and the user's
// selection lead to, and what else is known only after validation.
func Complete(b *Binding, v ValidatedBinding, fields *catalog.Fields, backfill int) ([]Decision, error) {
	selection, decisions, err := Select(&b.Collection, v.Constraints, fields)
	if err != nil {
		return decisions, err
	}
	b.Fields, b.Delta, b.StateKey = selection, v.Delta, StateKey(v.ResourcePath, backfill)
	b.Incompatible = nil
	for _, d := range decisions {
		if d.Incompatible != "" {
			b.Incompatible = append(b.Incompatible, fmt.Sprintf("field %s: %s", d.Field, d.Incompatible))
		}
	}
	b.FieldConfig = nil
	if fields != nil && len(fields.Require) > 0 {
		b.FieldConfig = maps.Clone(fields.Require)
	}
	return decisions, nil
}

// Select decides which fields of a collection are materialized, and gives the
// decision on every field, sorted. Reasons for a field have a rank, and the
// fields with the strongest reasons choose first. The depth that the user
// recommends, metadata and the user's projections are soft reasons: a field
// that only these speak for gives way to anything against it. What the user or
// the sink requires is hard: something against it is an error, and all of
// these are reported at once. Only that the endpoint has something incompatible
// is none: the field is selected, and the decision says so, since a resource
// that is made anew can have it. fields may be nil for the default.
func Select(c *Collection, constraints map[string]Constraint, fields *catalog.Fields) (Selection, []Decision, error) {
	s := newSelector(c, constraints, fields)
	s.checkNames()
	slices.SortStableFunc(s.candidates, func(a, b *candidate) int {
		return cmp.Or(-cmp.Compare(a.rank, b.rank), strings.Compare(a.Ptr, b.Ptr), strings.Compare(a.Field, b.Field))
	})
	for _, k := range s.candidates {
		s.decide(k)
	}
	selection := s.selection()
	slices.SortFunc(s.candidates, func(a, b *candidate) int { return strings.Compare(a.Field, b.Field) })
	decisions := make([]Decision, len(s.candidates))
	for i, k := range s.candidates {
		decisions[i] = Decision{Field: k.Field, Selected: k.selected, Reason: k.reason}
		if k.selected {
			decisions[i].Incompatible = k.incompatible
		}
	}
	return selection, decisions, errors.Join(s.errs...)
}

// rank orders the reasons for a field, weakest first.
type rank int

const (
	notDesired rank = iota
	byDepth
	byMetadata
	byProjection
	byPartition
	byLocation           // its location is required: hard as long as no field of it is selected
	byLocationProjection // the same, and the user named it
	byField
	byUser
	byGroup
)

// reason says why, in a decision.
func (r rank) reason() string {
	return [...]string{
		"not selected: deeper than fields.recommended, or nothing asks for it",
		"within fields.recommended",
		"metadata of every collection",
		"the user's projection",
		"a logical partition",
		"its location is required",
		"the user's projection of a required location",
		"required by the endpoint",
		"required under fields.require",
		"in fields.groupBy",
	}[r]
}

// candidate is a field on its way to a decision.
type candidate struct {
	Projection
	rank         rank
	required     bool   // by the user or the endpoint, as this field
	location     bool   // some field of the location is required
	against      string // what speaks against it whatever else is selected
	incompatible string // what the endpoint has in its place
	selected     bool
	reason       string
}

// selector makes the decisions on one collection's fields.
type selector struct {
	collection  *Collection
	constraints map[string]Constraint
	depth       int
	require     map[string]json.RawMessage
	exclude     []string
	groupBy     []string

	candidates []*candidate
	excluded   []string              // locations whose field the user excludes
	byLocation map[string]*candidate // the selected field of a location
	byFolded   map[string]*candidate
	missed     map[string]bool // required locations that were reported as lacking a field
	errs       []error
}

func newSelector(c *Collection, constraints map[string]Constraint, fields *catalog.Fields) *selector {
	s := &selector{collection: c, constraints: constraints, depth: catalog.DefaultDepth,
		byLocation: map[string]*candidate{}, byFolded: map[string]*candidate{}, missed: map[string]bool{}}
	if fields != nil {
		s.depth, s.require, s.exclude, s.groupBy = fields.Recommended, fields.Require, fields.Exclude, fields.GroupBy
	}
	for _, p := range c.Projections {
		k := &candidate{Projection: p}
		_, user := s.require[p.Field]
		kind := constraints[p.Field].Type
		k.required = user || kind == FieldRequired || slices.Contains(s.groupBy, p.Field)
		k.location = kind == LocationRequired || p.PrimaryKey && len(s.groupBy) == 0
		if kind == Incompatible {
			k.incompatible = "incompatible with what the endpoint has: " + constraints[p.Field].Reason
		}
		k.rank = s.rank(k, user, kind)
		k.against = s.against(k)
		s.candidates = append(s.candidates, k)
		if slices.Contains(s.exclude, p.Field) {
			s.excluded = append(s.excluded, p.Ptr)
		}
	}
	return s
}

func (s *selector) rank(k *candidate, user bool, kind ConstraintType) rank {
	switch {
	case slices.Contains(s.groupBy, k.Field):
		return byGroup
	case user:
		return byUser
	case kind == FieldRequired:
		return byField
	case k.location && k.Explicit:
		return byLocationProjection
	case k.location:
		return byLocation
	case k.Partition && s.depth != 0:
		return byPartition
	case k.Explicit && s.depth != 0:
		return byProjection
	case s.depth != 0 && (k.Ptr == PublishedPointer || k.Ptr == "/_meta/op" || k.Ptr == ""):
		return byMetadata
	case s.desired(k):
		return byDepth
	}
	return notDesired
}

// desired applies fields.recommended: locations at that depth, and above it
// those that have no deeper ones.
func (s *selector) desired(k *candidate) bool {
	depth := strings.Count(k.Ptr, "/")
	if depth == 0 || k.Ptr == "/_meta" || strings.HasPrefix(k.Ptr, "/_meta/") {
		return false
	}
	object := true
	for _, t := range k.Inference.Types {
		object = object && (t == "object" || t == "null")
	}
	if s.depth == catalog.AnyDepth {
		return !object
	}
	return depth == s.depth || depth < s.depth && (!object || k.Inference.Childless)
}

// against gives what speaks against a field whatever else is selected.
func (s *selector) against(k *candidate) string {
	constraint, known := s.constraints[k.Field]
	switch {
	case slices.Contains(s.exclude, k.Field):
		return "excluded under fields.exclude"
	case !known:
		return "the endpoint does not take it"
	case constraint.Type == FieldForbidden:
		return "forbidden by the endpoint: " + constraint.Reason
	}
	return ""
}

// checkNames reports names in the user's selection that are no field.
func (s *selector) checkNames() {
	for _, names := range []struct {
		list  []string
		where string
	}{{slices.Sorted(maps.Keys(s.require)), "fields.require"}, {s.exclude, "fields.exclude"}, {s.groupBy, "fields.groupBy"}} {
		for _, name := range names.list {
			if _, ok := s.collection.Projection(name); !ok {
				s.errs = append(s.errs, fmt.Errorf("%s: collection %s has no field %q: name a location of its schema, or give it a projection", names.where, s.collection.Name, name))
			}
		}
	}
}

// decide selects or rejects the strongest field that is left.
func (s *selector) decide(k *candidate) {
	folded := cmp.Or(s.constraints[k.Field].Folded, k.Field)
	same := s.byLocation[k.Ptr]
	needed := k.required || k.location && same == nil
	against := k.against
	if other := s.byFolded[folded]; against == "" && other != nil {
		against = fmt.Sprintf("field %s has the same name at the endpoint", other.Field)
	}
	if against == "" && !needed {
		against = s.softly(k, same)
	}
	k.reason = cmp.Or(against, k.rank.reason())
	if against == "" {
		k.selected = true
		s.byFolded[folded] = k
		if same == nil {
			s.byLocation[k.Ptr] = k
		}
		return
	}
	if k.required {
		s.errs = append(s.errs, fmt.Errorf("field %s is %s, but %s", k.Field, k.rank.reason(), against))
	}
}

// softly gives what speaks against a field that nothing requires.
func (s *selector) softly(k *candidate, same *candidate) string {
	if k.rank == notDesired {
		return k.rank.reason()
	}
	if same != nil {
		return fmt.Sprintf("field %s has the same location", same.Field)
	}
	if k.incompatible != "" {
		return k.incompatible
	}
	for ptr := k.Ptr; strings.Contains(ptr, "/") && k.Ptr != PublishedPointer; {
		ptr = ptr[:strings.LastIndexByte(ptr, '/')]
		if ptr == "" {
			break
		}
		if parent := s.byLocation[ptr]; parent != nil {
			return fmt.Sprintf("field %s holds it", parent.Field)
		}
		if slices.Contains(s.excluded, ptr) {
			return fmt.Sprintf("its parent %s is excluded", ptr)
		}
	}
	return ""
}

// selection sorts the selected fields and reports locations that lack one.
func (s *selector) selection() Selection {
	var out Selection
	taken := map[string]bool{}
	for _, field := range s.groupBy {
		out.Keys, taken[field] = append(out.Keys, field), true // one that was refused is an error already
	}
	for _, ptr := range s.collection.Key {
		if len(s.groupBy) > 0 {
			break
		}
		k := s.byLocation[ptr]
		if k == nil {
			s.missing(ptr, "a component of the key")
			continue
		}
		out.Keys, taken[k.Field] = append(out.Keys, k.Field), true
	}
	if k := s.byLocation[""]; k != nil {
		out.Document, taken[k.Field] = k.Field, true
	}
	for _, k := range s.candidates {
		if k.selected && !taken[k.Field] {
			out.Values = append(out.Values, k.Field)
		}
		if k.location && (!k.PrimaryKey || len(s.groupBy) > 0) && s.byLocation[k.Ptr] == nil {
			s.missing(k.Ptr, "required by the endpoint")
		}
	}
	slices.Sort(out.Values)
	return out
}

func (s *selector) missing(ptr, what string) {
	if s.missed[ptr] {
		return
	}
	s.missed[ptr] = true
	var why []string
	for _, k := range s.candidates {
		if k.Ptr == ptr {
			why = append(why, k.Field+": "+k.reason)
		}
	}
	name := cmp.Or(ptr, "the whole document")
	s.errs = append(s.errs, fmt.Errorf("%s is %s, but no field of it can be materialized (%s)", name, what, strings.Join(why, "; ")))
}
