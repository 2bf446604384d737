package catalog

import (
	"encoding/json"
	"slices"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

// Schemas that a readSchema may refer to by these URLs.
const (
	writeSchemaURL   = "flow://write-schema"
	relaxedSchemaURL = "flow://relaxed-write-schema"
	// InferredSchemaURL is the schema of the documents that were seen in the
	// collection. What a spec holds under it is the part that is certain before any
	// was: they have their key, and are in a logical partition.
	InferredSchemaURL = "flow://inferred-schema"

	flowScheme = "flow://"
)

// special are the schemas that a bundle may refer to by URLs of Flow's: each gives the resources that it stands
// for.
type special map[string]func() (map[string]json.RawMessage, error)

// constrain says that there is one schema, or one for each side.
func (*collectionFile) constrain(s shapeText) {
	s["oneOf"] = []any{
		shapeText{"required": []string{"schema"}, "properties": shapeText{"writeSchema": false, "readSchema": false}},
		shapeText{"required": []string{"writeSchema", "readSchema"}, "properties": shapeText{"schema": false}},
	}
}

// side is what a collection asks of its documents when they are written or when they are read.
type side struct {
	name  string // as messages call it
	shape *schema.Shape
}

// sides lists the schemas that were understood: one where it is for both.
func (b *builtCollection) sides() []side {
	all := []side{{"schema", b.shape}}
	if b.entry.file.ReadSchema.At != nil {
		all = []side{{"writeSchema", b.written}, {"readSchema", b.shape}}
	}
	return slices.DeleteFunc(all, func(s side) bool { return s.shape == nil })
}

// buildSchemas compiles the schema, or the two.
func (l *loader) buildSchemas(b *builtCollection) {
	f := b.entry.file
	if !l.checkSchemaFields(f) {
		return
	}
	write := f.Schema
	if write.At == nil {
		write = f.WriteSchema
	}
	var ok bool
	if b.spec.Schema, b.schema, ok = l.compileSchema(write); ok {
		b.written = l.documentShape(write.At, b.schema)
	}
	b.shape = b.written
	if f.ReadSchema.At == nil || !ok {
		return
	}
	b.shape = nil
	source, compiled, ok := l.compileBundle(f.ReadSchema, specialOf(b))
	if !ok {
		return
	}
	b.spec.ReadSchema = &source
	b.shape = l.documentShape(f.ReadSchema.At, compiled)
}

// checkSchemaFields says whether the collection has one schema, or one for each side.
func (l *loader) checkSchemaFields(f *collectionFile) bool {
	if f.At.node.kind != kindObject {
		return false // as was reported
	}
	has := func(name string) bool { _, ok := f.At.field(name); return ok }
	one, write, read := has("schema"), has("writeSchema"), has("readSchema")
	switch {
	case one && (write || read):
		other := "writeSchema"
		if !write {
			other = "readSchema"
		}
		l.errorf(fault.Contradiction, f.At.name(other), "schema alone for both, or writeSchema and readSchema", "%s stands beside schema", other)
	case one || write && read:
		return true
	case write:
		l.errorf(fault.Missing, f.At, "the schema of what is read, or use schema alone for both", "readSchema is missing")
	case read:
		l.errorf(fault.Missing, f.At, "the schema of what is written, or use schema alone for both", "writeSchema is missing")
	default:
		l.errorf(fault.Missing, f.At, "a JSON schema, inline or the name of its file", "schema is missing")
	}
	return false
}

// specialOf gives what a collection's readSchema may refer to.
func specialOf(b *builtCollection) special {
	renamed := func(url string, relax bool) func() (map[string]json.RawMessage, error) {
		return func() (map[string]json.RawMessage, error) { return b.spec.Schema.Renamed(url, relax) }
	}
	return special{
		writeSchemaURL:   renamed(writeSchemaURL, false),
		relaxedSchemaURL: renamed(relaxedSchemaURL, true),
		InferredSchemaURL: func() (map[string]json.RawMessage, error) {
			return map[string]json.RawMessage{InferredSchemaURL: keySchema(b.placed(), b.written)}, nil
		},
	}
}

// placed lists the locations that say where a document belongs: the key's and those of
// logical partitions.
func (b *builtCollection) placed() []string {
	locations := slices.Clone(b.spec.Key)
	for _, name := range Names(b.entry.file.Projections) {
		if v := b.entry.file.Projections[name]; v.Partition {
			locations = append(locations, v.Location)
		}
	}
	return locations
}

// documentShape is the shape of a schema's documents, nil (and reported) when not all of these are objects.
func (l *loader) documentShape(at *place, compiled *schema.Schema) *schema.Shape {
	shape := compiled.Shape()
	switch shape.Types {
	case schema.TypeObject:
		return shape
	case 0:
		l.errorf(fault.Schema, at, "say type: object, and nothing that contradicts it", "no document can be valid by this schema")
	case schema.AnyType:
		l.errorf(fault.Schema, at, "say type: object at its top level", "the schema takes values of any type: a document is an object")
	default:
		l.errorf(fault.Schema, at, "say type: object at its top level", "the schema takes values of type %s: a document is an object", list(shape.Types.Names()))
	}
	return nil // its locations would be reported once more, one by one
}

// keyTypes are the types that a component of a key may have; null beside another.
const keyTypes = schema.TypeBoolean | schema.TypeInteger | schema.TypeString

func (l *loader) checkKey(b *builtCollection) {
	f := b.entry.file
	at, ok := f.At.field("key")
	if !ok || at.node.kind != kindArray {
		return
	}
	if len(f.Key) == 0 {
		l.errorf(fault.Key, at, "as in: key: [/id]", "the key is empty")
	}
	for i, text := range f.Key {
		p := at.item(i)
		if pointer, ok := l.keyPointer(p, text, f.Key[:i]); ok {
			l.checkKeyLocation(p, b, pointer)
		}
	}
}

// checkKeyLocation checks a component of the key against each of the schemas.
func (l *loader) checkKeyLocation(p *place, b *builtCollection, pointer document.Pointer) {
	sides := b.sides()
	var defaults []string
	for _, s := range sides {
		of := ""
		if len(sides) > 1 {
			of = " by " + s.name
		}
		sub, exists := s.shape.Locate(pointer)
		switch {
		case exists == schema.Cannot || exists == schema.Implicit:
			l.unknownIn(p, s, b.spec.Name, pointer)
		case exists == schema.May && sub.Default == nil:
			l.errorf(fault.Key, p, "require it and all that it stands in, or give it a default", "%s may be missing%s: every document has its key", pointer, of)
		default:
			l.checkKeyTypes(p, pointer.String()+of, sub.Types)
			l.checkKeyDefault(p, pointer.String()+of, sub)
		}
		defaults = append(defaults, string(sub.Default))
	}
	if len(defaults) == 2 && defaults[0] != defaults[1] && defaults[0] != "" && defaults[1] != "" {
		l.errorf(fault.Key, p, "give it one default", "%s has the default %s by writeSchema and %s by readSchema: it would be two keys", pointer, defaults[0], defaults[1])
	}
}

// checkKeyDefault refuses a default that cannot stand in for a component of a key.
func (l *loader) checkKeyDefault(p *place, text string, at *schema.Shape) {
	value := at.Default
	if value == nil {
		return
	}
	if string(value) == "null" && at.Types&schema.TypeNull == 0 {
		l.errorf(fault.Key, p, "give it another default, or let it be null", "%s has the default null, but is never null", text)
		return
	}
	key := document.Key{Pointers: []document.Pointer{{"x"}}, Defaults: [][]byte{value}}
	var empty document.Doc
	if err := empty.Parse([]byte("{}")); err != nil {
		panic("catalog: {} is no document: " + err.Error())
	}
	if _, err := key.AppendPacked(nil, &empty, 0); err != nil {
		l.errorf(fault.Key, p, "a boolean, an integer, a string or null", "the default %s of %s cannot be part of a key", value, text)
	}
}
