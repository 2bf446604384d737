package catalog

import (
	"cmp"
	"slices"
	"strings"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

// builtCollection is a collection with its compiled schema.
type builtCollection struct {
	entry  *entry[collectionFile]
	spec   *Collection
	schema *schema.Schema // of what is written; nil when it does not compile, and then nothing is checked against it
	// What documents look like when they are written, and when they are read: the same
	// where one schema is for both. Nil when that is not known.
	written, shape *schema.Shape
}

// What is not written.
const (
	defaultPartitions = 16
	defaultInterval   = "5m"
)

// build makes specs of what was read, and checks them.
func (l *loader) build() *Catalog {
	c := &Catalog{
		Collections: map[string]*Collection{}, Captures: map[string]*Capture{},
		Materializations: map[string]*Materialization{}, Tests: map[string]*Test{}, files: map[string]*file{},
	}
	for _, name := range Names(l.collections) {
		b := l.buildCollection(l.collections[name])
		l.built[name], c.Collections[name] = b, b.spec
	}
	for _, name := range Names(l.built) {
		if b := l.built[name]; b.entry.file.Derive != nil {
			b.spec.Derive = l.buildDerivation(b.entry.file.Derive)
		}
	}
	for _, name := range Names(l.captures) {
		c.Captures[name] = l.buildCapture(l.captures[name])
	}
	for _, name := range Names(l.materializations) {
		c.Materializations[name] = l.buildMaterialization(l.materializations[name])
	}
	for _, name := range Names(l.tests) {
		c.Tests[name] = l.buildTest(l.tests[name])
	}
	for _, f := range l.files { // schemas and documents among them
		c.files[f.origin()] = f
	}
	return c
}

func (l *loader) buildCollection(e *entry[collectionFile]) *builtCollection {
	f := e.file
	spec := &Collection{Name: e.name, Key: f.Key, Partitions: defaultPartitions, OnInvalid: OnInvalidStop, Origin: e.at.origin()}
	b := &builtCollection{entry: e, spec: spec}
	if f.OnInvalid != "" {
		spec.OnInvalid = f.OnInvalid
	}
	if f.Partitions != nil {
		spec.Partitions = *f.Partitions
		if n := *f.Partitions; n > 0 && n&(n-1) != 0 {
			below := 1
			for below*2 < n {
				below *= 2
			}
			l.errorf(fault.WrongValue, f.At.must("partitions"), "a power of two from 1 to 1024", "the number of partitions is a power of two: %d or %d, not %d", below, below*2, n)
		}
	}
	l.buildSchemas(b)
	l.checkKey(b)
	l.buildProjections(b)
	return b
}

// keyPointer parses a component of a key that stands behind others.
func (l *loader) keyPointer(p *place, text string, before []string) (document.Pointer, bool) {
	if p.node.kind != kindString {
		return nil, false
	}
	if text == "" {
		l.errorf(fault.Key, p, "as in /id", "the whole document is no part of a key")
		return nil, false
	}
	pointer, ok := l.pointer(p, text)
	if ok && slices.Contains(before, text) {
		l.errorf(fault.Duplicate, p, "leave one out", "%s is twice in the key", text)
		return nil, false
	}
	return pointer, ok
}

func (l *loader) checkKeyTypes(p *place, text string, types schema.Types) bool {
	const allowed = keyTypes | schema.TypeNull
	wrong := types &^ allowed
	if wrong == 0 && types&keyTypes != 0 {
		return true
	}
	// Only a number that may be fractional counts as a number here.
	names := wrong.Names()
	switch {
	case wrong == schema.AnyType&^allowed && types == schema.AnyType:
		l.errorf(fault.KeyType, p, "give it the type boolean, integer or string", "%s can be of any type", text)
	case len(names) == 0:
		l.errorf(fault.KeyType, p, "give it the type boolean, integer or string", "no value is possible at %s", text)
	default:
		l.errorf(fault.KeyType, p, "a key is made of booleans, integers and strings, or null instead of one", "%s can be of type %s", text, list(names))
	}
	return false
}

// unknownLocation reports a pointer to what no document has that is read.
func (l *loader) unknownLocation(p *place, b *builtCollection, pointer document.Pointer) {
	sides := b.sides()
	l.unknownIn(p, sides[len(sides)-1], b.spec.Name, pointer)
}

// unknownIn reports a pointer to what a schema does not describe.
func (l *loader) unknownIn(p *place, s side, name string, pointer document.Pointer) {
	hint := "describe it in the schema"
	for depth := range pointer {
		sub, exists := s.shape.Locate(pointer[:depth+1])
		if exists != schema.Cannot && exists != schema.Implicit {
			continue
		}
		parent, _ := s.shape.Locate(pointer[:depth])
		if parent == nil {
			parent = sub
		}
		if near := nearest(pointer[depth], Names(parent.Properties)); near != "" {
			fixed := slices.Clone(pointer)
			fixed[depth] = near
			hint = "did you mean " + fixed.String() + "?"
		}
		break
	}
	l.errorf(fault.UnknownLocation, p, hint, "the %s of %s has no %s", s.name, name, pointer)
}

func (l *loader) buildProjections(b *builtCollection) {
	f := b.entry.file
	if len(f.Projections) == 0 {
		return
	}
	b.spec.Projections = make(map[string]Projection, len(f.Projections))
	section := f.At.must("projections")
	folded := map[string]string{}
	for i := range section.node.members {
		name := section.node.members[i].name
		v := f.Projections[name]
		b.spec.Projections[name] = Projection{Location: v.Location, Partition: v.Partition}
		at := section.name(name)
		if other, taken := folded[strings.ToLower(name)]; taken {
			l.errorf(fault.Duplicate, at, "names must differ in more than case", "the fields %s and %s are the same name", other, name)
		}
		folded[strings.ToLower(name)] = name
		l.checkProjection(b, at, name, v)
	}
}

func (l *loader) checkProjection(b *builtCollection, at *place, name string, v projection) {
	if _, err := document.ParsePointer("/" + name); err != nil || name == "" || strings.HasPrefix(name, "/") {
		l.errorf(fault.Name, at, "a pointer without the / at its beginning, or a name of your own", "%q is no name of a field", name)
		return
	}
	if v.At == nil || v.At.node.kind != kindString {
		return
	}
	pointer, ok := l.pointer(v.At, v.Location)
	if !ok || b.shape == nil {
		return
	}
	switch _, exists := b.shape.Locate(pointer); {
	case v.Partition:
		l.checkPartition(b, at, name, v, pointer)
	case exists == schema.Cannot:
		l.unknownLocation(v.At, b, pointer)
	}
	own, _ := document.ParsePointer("/" + name)
	if _, exists := b.shape.Locate(own); exists >= schema.May && own.String() != pointer.String() {
		l.errorf(fault.Duplicate, at, "choose another name", "%s is the name of the field at /%s", name, name)
	}
}

// buildModule returns a derivation's code; nil when there is none.
func (l *loader) buildModule(f *moduleFile) *Module {
	if f == nil {
		return nil
	}
	m := &Module{Clock: ClockDocument}
	if f.Clock != "" {
		m.Clock = f.Clock
	}
	at, ok := f.At.field("module")
	if !ok || at.node.kind != kindString {
		return m
	}
	if strings.ContainsAny(f.Module, "\n{") {
		m.Inline = f.Module
		return m
	}
	abs, ok := l.localPath(at, f.Module)
	if !ok {
		return m
	}
	if _, err := l.disk.size(abs); err != nil {
		l.errorf(fault.File, at, l.nearestFile(abs), "%s: %s", f.Module, reasonOf(err))
	}
	m.Path, m.File = abs, relative(at.file.base, abs)
	m.Sent, _ = l.disk.(sent)
	return m
}

func (l *loader) buildCapture(e *entry[captureFile]) *Capture {
	f := e.file
	c := &Capture{
		Name: e.name, Endpoint: Endpoint{Kind: f.Endpoint.Kind, Config: f.Endpoint.Config},
		Bindings: make([]CaptureBinding, len(f.Bindings)), Interval: defaultInterval, Disable: f.Shards.Disable, Origin: e.at.origin(),
	}
	if at, ok := f.At.field("interval"); ok && at.node.kind == kindString {
		c.Interval = f.Interval
		if _, err := ParseInterval(f.Interval); err != nil {
			l.errorf(fault.WrongValue, at, "as in 30s, 5m, 2h or 1d", "%s", err)
		}
	}
	written := ""
	for i := range f.Bindings {
		b := &f.Bindings[i]
		c.Bindings[i] = CaptureBinding{Resource: b.Resource.Text, Target: b.Target, Disable: b.Disable, Backfill: b.Backfill}
		at, ok := b.At.field("target")
		if !ok || at.node.kind != kindString || b.Disable {
			continue
		}
		switch target := l.collection(at, b.Target); {
		case target == nil:
		case target.entry.file.Derive != nil:
			l.errorf(fault.DerivedCollection, at, "capture into a collection of its own", "%s is derived: only its derivation writes it", b.Target)
		case written != "" && written != b.Target:
			l.errorf(fault.NotSupported, at, "make a capture of its own for each collection", "the capture writes to %s already: captures into several collections are not supported yet", written)
		default:
			written = b.Target
		}
	}
	return c
}

func (l *loader) buildMaterialization(e *entry[materializationFile]) *Materialization {
	f := e.file
	m := &Materialization{
		Name: e.name, Endpoint: Endpoint{Kind: f.Endpoint.Kind, Config: f.Endpoint.Config},
		Bindings: make([]MaterializationBinding, len(f.Bindings)), Disable: f.Shards.Disable, Origin: e.at.origin(),
	}
	for i := range f.Bindings {
		b := &f.Bindings[i]
		m.Bindings[i] = MaterializationBinding{
			Resource: b.Resource.Text, Disable: b.Disable, Backfill: b.Backfill, Priority: b.Priority,
			OnIncompatible: cmp.Or(b.OnIncompatibleSchemaChange, f.OnIncompatibleSchemaChange),
		}
		var source *builtCollection
		if !b.Disable {
			source = l.collection(b.Source.At, b.Source.Name)
		}
		m.Bindings[i].Source = l.buildSource(&b.Source, source)
		m.Bindings[i].Fields = l.buildFields(b.Fields, source)
		m.Bindings[i].Origin = b.origin()
	}
	return m
}
