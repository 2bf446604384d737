package catalog

import (
	"slices"
	"strings"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

// buildDerivation makes the spec of a collection's derivation.
func (l *loader) buildDerivation(f *deriveFile) *Derivation {
	d := &Derivation{Transforms: make([]Transform, len(f.Transforms)), Disable: f.Shards.Disable}
	d.Using = l.buildUsing(&f.Using)
	if f.Register != nil {
		d.Register = l.buildRegister(f.Register)
		if f.Using.Copy != nil {
			l.errorf(fault.Contradiction, f.At.name("register"), "leave it out, or use javascript", "copy never uses a register")
		}
		if f.Using.SQLite != nil {
			l.errorf(fault.Contradiction, f.At.name("register"), "leave it out, and keep state in tables", "sqlite never uses a register")
		}
	}
	if at, ok := f.At.field("transforms"); ok && at.node.kind == kindArray && len(f.Transforms) == 0 {
		l.errorf(fault.Missing, at, "a list of { name, source, shuffle }", "a derivation reads at least one collection")
	}
	names := map[string]*place{}
	keys := make([]shuffleKey, 0, len(f.Transforms))
	for i := range f.Transforms {
		t := &f.Transforms[i]
		d.Transforms[i] = Transform{
			Name: t.Name, Shuffle: Shuffle{Any: t.Shuffle.Any, Key: t.Shuffle.Key},
			Backfill: t.Backfill, Disable: t.Disable, Priority: t.Priority, ReadDelay: t.ReadDelay, Lambda: l.lambda(f, t),
		}
		l.checkReadDelay(t)
		l.checkTransformName(t, names)
		source := l.transformSource(t)
		d.Transforms[i].Source = l.buildSource(&t.Source, source)
		if key, ok := l.shuffleKey(t, source); ok && !t.Disable && t.Name != "" {
			keys = append(keys, key)
		}
	}
	d.ShuffleKeyTypes = l.shuffleKeyTypes(f, keys)
	return d
}

func (l *loader) buildUsing(f *usingFile) Using {
	u := Using{JavaScript: l.buildModule(f.JavaScript), TypeScript: l.buildModule(f.TypeScript), SQLite: buildSQLite(f.SQLite)}
	if f.Copy != nil {
		u.Copy = &Copy{}
	}
	if f.At == nil || f.At.node.kind != kindObject {
		return u
	}
	switch len(f.At.node.members) {
	case 1:
	case 0:
		l.errorf(fault.Missing, f.At, "javascript, typescript, sqlite or copy", "using names nothing")
	default:
		l.errorf(fault.Contradiction, f.At, "leave all but one out", "using takes one of javascript, typescript, sqlite and copy, not %d", len(f.At.node.members))
	}
	return u
}

func (l *loader) buildRegister(f *registerFile) *Register {
	r := &Register{}
	var compiled *schema.Schema
	r.Schema, compiled, _ = l.compileSchema(f.Schema)
	if f.Initial == nil {
		return r
	}
	r.Initial = f.Initial.Text
	if compiled != nil {
		l.checkValue(f.Initial.At, compiled, "the register's schema")
	}
	return r
}

func (l *loader) checkTransformName(t *transformFile, names map[string]*place) {
	at, ok := t.At.field("name")
	if !ok || at.node.kind != kindString {
		return
	}
	switch {
	case !tokenRule.MatchString(t.Name):
		l.errorf(fault.Name, at, "letters, numbers, -, _ and .", "%q is no name of a transform", t.Name)
	case encodedBytes(t.Name) > maxNameBytes:
		l.errorf(fault.Name, at, "shorten it", "the name of the transform is too long")
	case names[t.Name] != nil:
		first := names[t.Name]
		l.errorf(fault.Duplicate, at, "names of transforms are unique in their derivation", "%s is defined twice, first at %s:%d:%d", t.Name, first.file.shown, first.line, first.col)
	default:
		names[t.Name] = at
	}
}

func (l *loader) checkReadDelay(t *transformFile) {
	at, ok := t.At.field("readDelay")
	if !ok || at.node.kind != kindString {
		return
	}
	if _, err := ParseDelay(t.ReadDelay); err != nil || t.ReadDelay == "" {
		l.errorf(fault.WrongValue, at, "as in 30s, 15m, 2h or 1d", "%q is no delay: a number followed by s, m, h or d, and no longer than ten years", t.ReadDelay)
	}
}

func (l *loader) transformSource(t *transformFile) *builtCollection {
	if t.Disable || t.Source.At == nil || t.Source.At.node.kind != kindString {
		return nil
	}
	return l.collection(t.Source.At, t.Source.Name)
}

// shuffleKey is a transform's shuffle key, with the types of its components.
type shuffleKey struct {
	at    *place
	name  string
	types []schema.Types // nil when they cannot be told
	width int
}

// shuffleKey checks a transform's shuffle key against its source. A component may
// be missing or null: such documents meet under the key null.
func (l *loader) shuffleKey(t *transformFile, source *builtCollection) (shuffleKey, bool) {
	if t.Shuffle.At == nil || t.Shuffle.Any || t.Shuffle.At.node.kind != kindObject {
		return shuffleKey{}, false
	}
	at, ok := t.Shuffle.At.field("key")
	if !ok || at.node.kind != kindArray {
		return shuffleKey{}, false
	}
	if len(t.Shuffle.Key) == 0 {
		l.errorf(fault.Shuffle, at, "name a component, or write shuffle: any", "the shuffle key is empty")
		return shuffleKey{}, false
	}
	key := shuffleKey{at: at, name: t.Name, width: len(t.Shuffle.Key)}
	for i, text := range t.Shuffle.Key {
		p := at.item(i)
		pointer, ok := l.keyPointer(p, text, t.Shuffle.Key[:i])
		if !ok || source == nil || source.shape == nil {
			continue
		}
		if types, ok := l.shuffleType(p, source, pointer); ok {
			key.types = append(key.types, types)
		}
	}
	if len(key.types) < key.width {
		key.types = nil
	}
	return key, true
}

func (l *loader) shuffleType(p *place, source *builtCollection, pointer document.Pointer) (schema.Types, bool) {
	sub, exists := source.shape.Locate(pointer)
	if exists == schema.Cannot || exists == schema.Implicit {
		l.unknownLocation(p, source, pointer)
		return 0, false
	}
	if !l.checkKeyTypes(p, pointer.String(), sub.Types) {
		return 0, false
	}
	return sub.Types &^ schema.TypeNull, true
}

// shuffleKeyTypes compares the shuffle keys of all transforms. With a register
// they must agree, since a register belongs to a key whatever transform it comes
// from, and where shuffleKeyTypes says what they are; else they may differ, and
// then have no types in common.
func (l *loader) shuffleKeyTypes(f *deriveFile, keys []shuffleKey) []string {
	if f.Register != nil && len(keys) == 0 && len(f.Transforms) > 0 && !l.anyBroken(f) {
		l.errorf(fault.Shuffle, f.At.name("register"), "give a transform a shuffle key, or leave the register out", "no transform has a shuffle key: none can reach the register")
	}
	if len(keys) == 0 {
		if len(f.ShuffleKeyTypes) > 0 && !l.anyBroken(f) {
			l.errorf(fault.Shuffle, f.At.must("shuffleKeyTypes"), "leave it out, or give a transform a shuffle key", "no transform has a shuffle key that could be of these types")
		}
		return nil
	}
	first := keys[0]
	agree := first.types != nil
	for _, key := range keys[1:] {
		switch {
		case key.width != first.width:
			agree = false
			l.disagree(f, key, "%s has a shuffle key of %d components, %s one of %d", key.name, key.width, first.name, first.width)
		case key.types == nil:
			agree = false
		case first.types != nil:
			for i := range key.types {
				if key.types[i] != first.types[i] {
					agree = false
					l.disagree(f, key, "component %d of the shuffle key is of type %s for %s and of type %s for %s",
						i+1, list(key.types[i].Names()), key.name, list(first.types[i].Names()), first.name)
				}
			}
		}
	}
	if !agree {
		return nil
	}
	types := make([]string, len(first.types))
	for i, t := range first.types {
		types[i] = strings.Join(t.Names(), "|")
	}
	l.checkWrittenTypes(f, types)
	return types
}

// anyBroken says whether a transform's shuffle could not be read: what is missing
// then is reported already.
func (l *loader) anyBroken(f *deriveFile) bool {
	return slices.ContainsFunc(f.Transforms, func(t transformFile) bool { return !t.Shuffle.Any && !t.Disable })
}

func (l *loader) disagree(f *deriveFile, key shuffleKey, format string, args ...any) {
	switch {
	case f.Register != nil:
		l.errorf(fault.Shuffle, key.at, "transforms that share registers have shuffle keys of the same types", format, args...)
	case len(f.ShuffleKeyTypes) > 0:
		l.errorf(fault.Shuffle, key.at, "leave shuffleKeyTypes out, or give all transforms shuffle keys of the same types", format, args...)
	}
}

func (l *loader) checkWrittenTypes(f *deriveFile, types []string) {
	at, ok := f.At.field("shuffleKeyTypes")
	if ok && !slices.Equal(f.ShuffleKeyTypes, types) {
		l.errorf(fault.Shuffle, at, "leave it out, or write "+strings.Join(types, ", "), "shuffleKeyTypes are not those of the sources' schemas")
	}
}
