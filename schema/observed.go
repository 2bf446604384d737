package schema

import (
	"encoding/json"

	"weir/document"
)

const (
	// observedLimit is how many locations an Observed tells apart.
	observedLimit = 1000
	// observedDepth is how many objects and arrays deep it looks.
	observedDepth = 32
)

// Observed is a schema made by looking at documents: it takes all that were seen, and of others those that have the
// same members with values of the same types. It only ever gets wider. It says nothing of which members are
// required: that a member was in every document so far is no promise about the next one.
//
// Beyond a number of locations the widest objects are no longer told apart by member: their members have one schema
// together. Members of the document itself are kept as long as there is room. It belongs to one goroutine.
type Observed struct {
	root  seen
	limit int
}

// seen is what was seen at one location. Types of none: nothing yet.
type seen struct {
	types   Types // with TypeFractional goes TypeInteger
	format  *observedFormat
	members []seenMember // in the order in which they came first
	index   map[string]int
	rest    *seen // of the members that have no name here, nil while every member gets one
	items   *seen // nil while all arrays were empty
	any     bool  // too deep to be looked at
}

type seenMember struct {
	name  string
	value *seen
}

// observedFormat is a format of strings that is told from their text.
type observedFormat struct {
	name   string
	rule   *format
	likely func(text []byte) bool
}

// observedFormats are those that no string has by chance. A string of digits may be anything.
var observedFormats = []*observedFormat{
	{"date-time", formatNamed("date-time"), func(b []byte) bool { return len(b) >= 20 && b[10]|0x20 == 't' }},
	{"date", formatNamed("date"), func(b []byte) bool { return len(b) == 10 && b[4] == '-' && b[7] == '-' }},
	{"uuid", formatNamed("uuid"), func(b []byte) bool { return len(b) == 36 && b[8] == '-' && b[13] == '-' }},
}

// NewObserved is the schema of no document.
func NewObserved() *Observed { return &Observed{limit: observedLimit} }

// Empty says whether no document was seen.
func (o *Observed) Empty() bool { return o.root.types == 0 }

// Add sees a document, and says whether the schema had to become wider for it.
func (o *Observed) Add(d *document.Doc) (wider bool) {
	if !o.root.add(d, 0, 0) {
		return false
	}
	o.prune()
	return true
}

// Merge makes the schema take what the other one takes, and says whether it had to become wider for that.
func (o *Observed) Merge(other *Observed) (wider bool) {
	if !o.root.unite(&other.root) {
		return false
	}
	o.prune()
	return true
}

// Schema is the schema as JSON, an object in draft 2020-12; nil when no document was seen.
func (o *Observed) Schema() json.RawMessage {
	if o.Empty() {
		return nil
	}
	return o.root.appendTo(nil)
}

func (s *seen) allow(t Types) (wider bool) {
	wider = s.types&t != t
	s.types |= t
	return wider
}

// add sees a value. A value that is like those before it costs a comparison for each of its parts.
func (s *seen) add(d *document.Doc, i uint32, depth int) (wider bool) {
	if s.any {
		return false
	}
	switch d.Nodes[i].Kind {
	case document.Null:
		return s.allow(TypeNull)
	case document.False, document.True:
		return s.allow(TypeBoolean)
	case document.Integer:
		return s.allow(TypeInteger)
	case document.Number:
		if s.types&TypeFractional != 0 || document.Integral(d.Text(i)) {
			return s.allow(TypeInteger)
		}
		return s.allow(TypeNumber)
	case document.String:
		return s.addText(d, i)
	case document.Array:
		return s.addElements(d, i, depth)
	}
	return s.addMembers(d, i, depth)
}

func (s *seen) addText(d *document.Doc, i uint32) (wider bool) {
	first := s.allow(TypeString)
	if !first && s.format == nil {
		return false
	}
	text := d.Text(i)
	if d.Nodes[i].Flags&document.Escaped != 0 {
		text = d.AppendString(nil, i)
	}
	switch {
	case first:
		s.format = formatOf(text)
		return true
	case s.format.rule.valid(text):
		return false
	}
	s.format = nil
	return true
}

func formatOf(text []byte) *observedFormat {
	for _, f := range observedFormats {
		if f.likely(text) && f.rule.valid(text) {
			return f
		}
	}
	return nil
}

func (s *seen) addElements(d *document.Doc, i uint32, depth int) (wider bool) {
	wider = s.allow(TypeArray)
	for k := i + 1; k < d.Nodes[i].Next; k = d.Nodes[k].Next {
		if s.items == nil {
			s.items, wider = newSeen(depth+1), true
		}
		wider = s.items.add(d, k, depth+1) || wider
	}
	return wider
}

func (s *seen) addMembers(d *document.Doc, i uint32, depth int) (wider bool) {
	wider = s.allow(TypeObject)
	next := 0 // documents usually have their members in one order
	for k := i + 1; k < d.Nodes[i].Next; k = d.Nodes[k+1].Next {
		at := s.find(d, k, next)
		switch {
		case at >= 0:
			next = at + 1
			wider = s.members[at].value.add(d, k+1, depth+1) || wider
		case s.rest != nil:
			wider = s.rest.add(d, k+1, depth+1) || wider
		default:
			value := newSeen(depth + 1)
			value.add(d, k+1, depth+1)
			s.insert(d.String(k), value)
			next, wider = len(s.members), true
		}
	}
	return wider
}

// find gives the place of a member that has a name, or -1; next is where it probably is.
func (s *seen) find(d *document.Doc, name uint32, next int) int {
	if d.Nodes[name].Flags&document.Escaped != 0 {
		if at, ok := s.index[d.String(name)]; ok {
			return at
		}
		return -1
	}
	text := d.Text(name)
	if next < len(s.members) && s.members[next].name == string(text) {
		return next
	}
	if at, ok := s.index[string(text)]; ok {
		return at
	}
	return -1
}

func newSeen(depth int) *seen { return &seen{any: depth >= observedDepth} }

func (s *seen) insert(name string, value *seen) {
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[name] = len(s.members)
	s.members = append(s.members, seenMember{name, value})
}

// unite makes s take what o takes. Nothing of o is shared afterwards.
func (s *seen) unite(o *seen) (wider bool) {
	switch {
	case s.any:
		return false
	case o.any:
		*s = seen{any: true}
		return true
	}
	if o.types&TypeString != 0 {
		switch {
		case s.types&TypeString == 0:
			s.format = o.format
		case s.format != nil && s.format != o.format:
			s.format, wider = nil, true
		}
	}
	wider = s.allow(o.types) || wider
	if o.items != nil {
		wider = uniteInto(&s.items, o.items) || wider
	}
	return s.uniteMembers(o) || wider
}

func (s *seen) uniteMembers(o *seen) (wider bool) {
	if o.rest != nil { // what has a name here may be among those that have none there
		for _, m := range s.members {
			if _, ok := o.index[m.name]; !ok {
				wider = m.value.unite(o.rest) || wider
			}
		}
	}
	for _, m := range o.members {
		at, ok := s.index[m.name]
		switch {
		case ok:
			wider = s.members[at].value.unite(m.value) || wider
		case s.rest != nil:
			wider = s.rest.unite(m.value) || wider
		default:
			value := &seen{}
			value.unite(m.value)
			s.insert(m.name, value)
			wider = true
		}
	}
	if o.rest != nil {
		wider = uniteInto(&s.rest, o.rest) || wider
	}
	return wider
}

// uniteInto is unite where there may be nothing yet.
func uniteInto(to **seen, o *seen) (wider bool) {
	if *to != nil {
		return (*to).unite(o)
	}
	*to = &seen{}
	(*to).unite(o)
	return true
}
