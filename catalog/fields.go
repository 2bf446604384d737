package catalog

import (
	"encoding/json"
	"slices"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

// origin is where a binding selects its fields, or where it stands when it
// says nothing of them.
func (f *materializationBindingFile) origin() Origin {
	if f.Fields != nil && f.Fields.At != nil {
		return f.Fields.At.origin()
	}
	if f.At != nil {
		return f.At.origin()
	}
	return Origin{}
}

func (l *loader) buildFields(f *fieldsFile, source *builtCollection) *Fields {
	if f == nil {
		return nil
	}
	fields := &Fields{Recommended: DefaultDepth, Exclude: f.Exclude, GroupBy: f.GroupBy}
	if f.Recommended != nil {
		fields.Recommended = f.Recommended.Levels
	}
	for _, name := range Names(f.Require) {
		if fields.Require == nil {
			fields.Require = map[string]json.RawMessage{}
		}
		fields.Require[name] = f.Require[name].Text
		l.checkField(f.Require[name].At, name, source)
		if slices.Contains(f.Exclude, name) {
			l.errorf(fault.Contradiction, f.Require[name].At, "leave one out", "the field %s is required and excluded", name)
		}
	}
	for i, name := range f.Exclude {
		if at := f.At.must("exclude").item(i); at.node.kind == kindString {
			l.checkField(at, name, source)
		}
	}
	l.checkGroupBy(f, source)
	return fields
}

// checkField reports a field that its collection does not have.
func (l *loader) checkField(at *place, name string, source *builtCollection) {
	if source == nil || source.shape == nil || name == "flow_document" || name == "flow_published_at" {
		return
	}
	if _, ok := source.entry.file.Projections[name]; ok {
		return
	}
	pointer, err := document.ParsePointer("/" + name)
	if err == nil {
		if _, exists := source.shape.Locate(pointer); exists != schema.Cannot {
			return
		}
	}
	known := append(Names(source.entry.file.Projections), Names(source.shape.Properties)...)
	hint := "add it to the collection's projections"
	if near := nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	l.errorf(fault.UnknownLocation, at, hint, "%s has no field %s", source.spec.Name, name)
}

// checkGroupBy checks the fields that stand for the collection's key: scalars
// that can be components of a key, though they may be missing or null.
func (l *loader) checkGroupBy(f *fieldsFile, source *builtCollection) {
	locations := map[string]string{}
	for i, name := range f.GroupBy {
		at := f.At.must("groupBy").item(i)
		if at.node.kind != kindString {
			continue
		}
		before := len(l.errs)
		l.checkField(at, name, source)
		switch {
		case slices.Contains(f.GroupBy[:i], name):
			l.errorf(fault.Duplicate, at, "leave one out", "the field %s is twice in groupBy", name)
		case slices.Contains(f.Exclude, name):
			l.errorf(fault.Contradiction, at, "leave one out", "the field %s is in groupBy and excluded", name)
		case name == "flow_document" || name == "flow_published_at":
			l.errorf(fault.KeyType, at, "name a field of a boolean, an integer or a string", "%s cannot be in groupBy", name)
		case len(l.errs) == before && source != nil && source.shape != nil:
			l.checkGroup(at, name, source, locations)
		}
	}
}

func (l *loader) checkGroup(at *place, name string, source *builtCollection, locations map[string]string) {
	location := "/" + name
	if p, ok := source.entry.file.Projections[name]; ok {
		location = p.Location
	}
	pointer, err := document.ParsePointer(location)
	if err != nil {
		return // reported where it was written
	}
	if len(pointer) == 0 {
		l.errorf(fault.KeyType, at, "name a field of a boolean, an integer or a string", "%s is the whole document: it cannot be in groupBy", name)
		return
	}
	if other, twice := locations[location]; twice {
		l.errorf(fault.Duplicate, at, "leave one out", "%s and %s are two fields of one location", other, name)
	}
	locations[location] = name
	sub, _ := source.shape.Locate(pointer)
	l.checkKeyTypes(at, location, sub.Types)
}
