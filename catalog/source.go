package catalog

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

// sourceRef names a collection, in a short and a long form.
type sourceRef struct {
	At   *place // of the name
	Name string
	Body *sourceBody // nil in the short form
}

type sourceBody struct {
	located
	Name       string        `flow:"name,required" hint:"the name of a collection" doc:"The collection."`
	Partitions *selectorFile `flow:"partitions" doc:"Reads only some of the collection's logical partitions."`
	NotBefore  timestamp     `flow:"notBefore" doc:"Passes over documents that were stored before this time (RFC 3339). Changing it reads nothing again."`
	NotAfter   timestamp     `flow:"notAfter" doc:"Passes over documents that were stored after this time (RFC 3339). Changing it reads nothing again."`
}

// selectorFile selects logical partitions by the values of their fields.
type selectorFile struct {
	located
	Include map[string][]jsonValue `flow:"include" doc:"Lists of values by partition field, as in { region: [EU, US] }: a document must have one of the values of every field that is named."`
	Exclude map[string][]jsonValue `flow:"exclude" doc:"Lists of values by partition field: a document that has any of them is passed over."`
}

func (s *sourceRef) decode(l *loader, p *place) {
	switch p.node.kind {
	case kindString:
		s.At, s.Name = p, p.node.text
	case kindObject:
		s.Body = &sourceBody{}
		l.decodeStruct(p, reflect.ValueOf(s.Body).Elem())
		s.At, _ = p.field("name")
		s.Name = s.Body.Name
	default:
		l.errorf(fault.WrongType, p, "the name of a collection", "expected a string or an object, found %s", p.node.kind)
	}
}

func (*sourceRef) describe() shapeText {
	return shapeText{"oneOf": []any{
		shapeText{"type": "string", "pattern": namePattern},
		structSchema(reflect.TypeFor[sourceBody]()),
	}}
}

// timestamp is a time, as RFC 3339 writes it.
type timestamp struct {
	At   *place
	Time *time.Time // nil when there is none
}

func (t *timestamp) decode(l *loader, p *place) {
	t.At = p
	if p.node.kind == kindNull {
		return
	}
	if !l.expect(p, kindString) {
		return
	}
	parsed, err := time.Parse(time.RFC3339Nano, p.node.text)
	if err != nil {
		l.errorf(fault.WrongValue, p, "as in 2024-01-31T00:00:00Z", "%q is no time", p.node.text)
		return
	}
	parsed = parsed.UTC()
	t.Time = &parsed
}

func (*timestamp) describe() shapeText {
	return shapeText{"type": []any{"string", "null"}, "format": "date-time"}
}

// buildSource makes the spec of a source and checks what it selects. source is
// nil when the collection cannot be told, or is not read.
func (l *loader) buildSource(f *sourceRef, source *builtCollection) Source {
	s := Source{Name: f.Name}
	if f.Body == nil {
		return s
	}
	s.NotBefore, s.NotAfter = f.Body.NotBefore.Time, f.Body.NotAfter.Time
	if s.NotBefore != nil && s.NotAfter != nil && s.NotAfter.Before(*s.NotBefore) {
		l.errorf(fault.Contradiction, f.Body.NotAfter.At, "name a later time, or leave one out", "notAfter is before notBefore: no document is between them")
	}
	if f.Body.Partitions == nil {
		return s
	}
	include := l.selectorValues(f.Body.Partitions, "include", f.Body.Partitions.Include, source)
	exclude := l.selectorValues(f.Body.Partitions, "exclude", f.Body.Partitions.Exclude, source)
	if len(include)+len(exclude) > 0 {
		s.Partitions = &Selector{Include: include, Exclude: exclude}
	}
	return s
}

// selectorValues checks one side of a selector.
func (l *loader) selectorValues(f *selectorFile, side string, fields map[string][]jsonValue, source *builtCollection) map[string][]json.RawMessage {
	section, ok := f.At.field(side)
	if !ok || section.node.kind != kindObject {
		return nil
	}
	out := map[string][]json.RawMessage{}
	for i := range section.node.members {
		m := &section.node.members[i]
		shape, known := l.partitionField(section.name(m.name), m.name, source)
		if m.value.kind != kindArray {
			continue // reported when it was read
		}
		if len(m.value.items) == 0 {
			l.errorf(fault.Partition, section.child(m), "name a value, or leave the field out", "there is no value for the partition field %s", m.name)
		}
		out[m.name] = []json.RawMessage{}
		for j, value := range fields[m.name] {
			if known {
				l.checkPartitionValue(section.child(m).item(j), m.name, shape)
			}
			out[m.name] = append(out[m.name], value.Text)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// partitionField reports a field that is no logical partition of the source,
// and gives the shape of one that is.
func (l *loader) partitionField(at *place, name string, source *builtCollection) (*schema.Shape, bool) {
	if source == nil {
		return nil, false
	}
	v, explicit := source.entry.file.Projections[name]
	if explicit && v.Partition {
		pointer, err := document.ParsePointer(v.Location)
		if err != nil || source.shape == nil {
			return nil, false
		}
		shape, _ := source.shape.Locate(pointer)
		return shape, true
	}
	partitions := source.spec.PartitionFields()
	hint := "it has none: give one of its projections partition: true"
	if len(partitions) > 0 {
		hint = "one of " + list(partitions)
	}
	if near := nearest(name, partitions); near != "" {
		hint = "did you mean " + near + "?"
	}
	inferred := false
	if pointer, err := document.ParsePointer("/" + name); err == nil && source.shape != nil {
		_, exists := source.shape.Locate(pointer)
		inferred = exists >= schema.May
	}
	if explicit || inferred {
		l.errorf(fault.Partition, at, hint, "the field %s of %s is no logical partition", name, source.spec.Name)
	} else {
		l.errorf(fault.UnknownLocation, at, hint, "%s has no field %s", source.spec.Name, name)
	}
	return nil, false
}

func (l *loader) checkPartitionValue(at *place, field string, shape *schema.Shape) {
	types := map[kind]schema.Types{kindNull: schema.TypeNull, kindString: schema.TypeString, kindBoolean: schema.TypeBoolean, kindNumber: schema.TypeInteger}
	names := list((shape.Types & partitionTypes).Names())
	switch is := types[at.node.kind]; {
	case is == 0 || is&shape.Types == 0:
		l.errorf(fault.Partition, at, "the field is of type "+names, "the partition field %s is never %s", field, at.node.kind)
	case at.node.kind == kindString && at.node.text == "":
		l.errorf(fault.Partition, at, "name a value", "the value of the partition field %s is empty", field)
	case at.node.kind == kindNumber && !isInteger(at.node.json()):
		l.errorf(fault.Partition, at, "the field is of type "+names, "the partition field %s is never a fraction", field)
	}
}

// isInteger says whether a number's text has an integer's value, as a key has.
func isInteger(text []byte) bool {
	var d document.Doc
	if err := d.Parse(text); err != nil {
		return false
	}
	whole := document.Key{Pointers: []document.Pointer{{}}}
	_, err := whole.AppendPacked(nil, &d, 0)
	return err == nil
}

// checkPartition checks a projection that is a logical partition.
func (l *loader) checkPartition(b *builtCollection, at *place, name string, v projection, pointer document.Pointer) {
	if !tokenRule.MatchString(name) {
		l.errorf(fault.Name, at, "letters, numbers, -, _ and .", "%q is no name of a partition field", name)
	}
	sides := b.sides()
	for _, s := range sides {
		of := ""
		if len(sides) > 1 {
			of = " by " + s.name
		}
		shape, exists := s.shape.Locate(pointer)
		switch exists {
		case schema.Cannot, schema.Implicit:
			l.unknownIn(v.At, s, b.spec.Name, pointer)
		case schema.May:
			l.errorf(fault.Partition, v.At, "require it and all that it stands in", "%s may be missing%s: every document is in one partition", pointer, of)
		default:
			l.checkKeyTypes(v.At, pointer.String()+of, shape.Types)
		}
	}
}

// partitionTypes are the types that a logical partition may have: those of a
// component of a key.
const partitionTypes = keyTypes | schema.TypeNull

// PartitionFields gives the names of the projections that are logical
// partitions, sorted: in this order their values stand in subjects.
func (c *Collection) PartitionFields() []string {
	var names []string
	for name, p := range c.Projections {
		if p.Partition {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
