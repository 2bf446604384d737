package catalog

import (
	"math"
	"reflect"
	"strconv"
	"strings"

	"weir/fault"
)

// The structs of format.go say what a catalog's files may hold; their tags are
// read by the decoder here, by JSONSchema and by the reference page:
//
//	flow:"name,required,alias=other"  the field's name
//	doc:"..."                         what it is for
//	later:"..."                       known, not acted on yet: refused, with the remedy
//	ignored:"..."                     accepted without a meaning here, and why
//	min, max, enum, default, pattern  as in JSON Schema

// located is embedded in every struct of the format: where it was read.
type located struct{ At *place }

// custom is a value that may be written in several ways: it reads itself.
type custom interface {
	decode(l *loader, p *place)
	describe() shapeText
}

// field is what a struct's tags say of one field.
type field struct {
	index    int
	name     string
	alias    string
	required bool
	later    string
	ignored  string
	tag      reflect.StructTag
	typ      reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		spec, ok := f.Tag.Lookup("flow")
		if !ok {
			continue
		}
		out := field{index: i, later: f.Tag.Get("later"), ignored: f.Tag.Get("ignored"), tag: f.Tag, typ: f.Type}
		out.name, spec, _ = strings.Cut(spec, ",")
		for option := range strings.SplitSeq(spec, ",") {
			if alias, ok := strings.CutPrefix(option, "alias="); ok {
				out.alias = alias
			}
			out.required = out.required || option == "required"
		}
		fields = append(fields, out)
	}
	return fields
}

// decode reads the value at p into v, reporting all that does not fit.
func (l *loader) decode(p *place, v reflect.Value, tag reflect.StructTag) {
	if c, ok := v.Addr().Interface().(custom); ok {
		c.decode(l, p)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		l.decode(p, v.Elem(), tag)
	case reflect.Struct:
		l.decodeStruct(p, v)
	case reflect.Map:
		l.decodeMap(p, v, tag)
	case reflect.Slice:
		l.decodeSlice(p, v, tag)
	case reflect.String:
		if l.expect(p, kindString) {
			v.SetString(p.node.text)
			l.checkEnum(p, tag)
		}
	case reflect.Bool:
		if l.expect(p, kindBoolean) {
			v.SetBool(p.node.text == "true")
		}
	case reflect.Int:
		l.decodeInt(p, v, tag)
	default:
		panic("catalog format: no decoder for " + v.Type().String())
	}
}

// expect reports a value of another kind.
func (l *loader) expect(p *place, want kind) bool {
	if p.node.kind == want {
		return true
	}
	l.errorf(fault.WrongType, p, "", "expected %s, found %s", want, p.node.kind)
	return false
}

func (l *loader) checkEnum(p *place, tag reflect.StructTag) {
	enum, ok := tag.Lookup("enum")
	if !ok {
		return
	}
	values := strings.Split(enum, "|")
	for _, value := range values {
		if p.node.text == value {
			return
		}
	}
	l.errorf(fault.WrongValue, p, "one of "+list(values), "%q is no value of this field", p.node.text)
}

func (l *loader) decodeInt(p *place, v reflect.Value, tag reflect.StructTag) {
	if !l.expect(p, kindNumber) {
		return
	}
	low, high := intLimit(tag, "min", 0), intLimit(tag, "max", math.MaxInt32)
	n, err := strconv.ParseInt(p.node.text, 10, 64)
	if err != nil || n < low || n > high {
		l.errorf(fault.WrongValue, p, "a whole number from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10), "%s is out of range", p.node.text)
		return
	}
	v.SetInt(n)
}

func intLimit(tag reflect.StructTag, name string, fallback int64) int64 {
	n, err := strconv.ParseInt(tag.Get(name), 10, 64)
	if err != nil {
		return fallback
	}
	return n
}

func (l *loader) decodeSlice(p *place, v reflect.Value, tag reflect.StructTag) {
	if !l.expect(p, kindArray) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(p.node.items), len(p.node.items)))
	for i := range p.node.items {
		l.decode(p.item(i), v.Index(i), tag)
	}
}

func (l *loader) decodeMap(p *place, v reflect.Value, tag reflect.StructTag) {
	if !l.expect(p, kindObject) {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(p.node.members)))
	for i := range p.node.members {
		m := &p.node.members[i]
		value := reflect.New(v.Type().Elem()).Elem()
		l.decode(p.child(m), value, tag)
		v.SetMapIndex(reflect.ValueOf(m.name), value)
	}
}

func (l *loader) decodeStruct(p *place, v reflect.Value) {
	v.Field(0).Field(0).Set(reflect.ValueOf(p)) // located, first in every struct of the format
	if !l.expect(p, kindObject) {
		return
	}
	fields := fieldsOf(v.Type())
	seen := make([]string, v.NumField())
	for i := range p.node.members {
		m := &p.node.members[i]
		f := findField(fields, m.name)
		if f == nil {
			l.unknownField(p, m.name, fields)
			continue
		}
		if other := seen[f.index]; other != "" {
			l.errorf(fault.Contradiction, p.name(m.name), "leave one out", "%s and %s are two names of one field", other, m.name)
			continue
		}
		seen[f.index] = m.name
		switch {
		case f.later != "":
			l.later(p.name(m.name), m.name, f.later)
		case f.ignored == "":
			l.decode(p.child(m), v.Field(f.index), f.tag)
		}
	}
	for i := range fields {
		if f := &fields[i]; f.required && seen[f.index] == "" {
			l.errorf(fault.Missing, p, f.tag.Get("hint"), "%s is missing", f.name)
		}
	}
}

func findField(fields []field, name string) *field {
	for i := range fields {
		if f := &fields[i]; f.name == name || f.alias != "" && f.alias == name {
			return f
		}
	}
	return nil
}

func (l *loader) unknownField(p *place, name string, fields []field) {
	var known []string
	for i := range fields {
		if fields[i].later == "" && fields[i].ignored == "" {
			known = append(known, fields[i].name)
		}
	}
	hint := "known here: " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	l.errorf(fault.UnknownMember, p.name(name), hint, "unknown field %s", name)
}

// later reports a field that Weir knows and does not act on yet.
func (l *loader) later(p *place, name, remedy string) {
	l.errorf(fault.NotSupported, p, remedy, "%s is not supported yet", name)
}
