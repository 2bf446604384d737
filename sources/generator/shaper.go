package generator

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"weir/document"
	"weir/schema"
)

// maxDepth is how deep documents of a recursive schema get, beyond what is
// required.
const maxDepth = 6

// shaper makes documents of a schema: it follows the keywords that say what a
// value looks like, and has the result checked against all of them.
type shaper struct {
	resources map[string]any // decoded schemas by their address
	url       string
	key       map[string]bool // pointers
	compiled  *schema.Schema
	validator *schema.Validator
}

// place is a schema, and the address of the resource that it is a part of.
type place struct {
	schema map[string]any
	url    string
}

func newShaper(source schema.Source, key []string) (*shaper, error) {
	compiled, err := schema.Compile(source)
	if err != nil {
		return nil, err
	}
	s := &shaper{resources: map[string]any{}, url: source.URL, key: map[string]bool{}, compiled: compiled, validator: compiled.Validator()}
	for name, text := range source.Resources {
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		s.resources[name] = v
	}
	for _, ptr := range key {
		s.key[ptr] = true
	}
	return s, nil
}

func (s *shaper) takes(d *document.Doc) bool { return s.validator.Valid(d, 0) }

// why says what the schema has against a document.
func (s *shaper) why(doc []byte) string {
	for _, v := range s.compiled.Explain(doc) {
		return v.String()
	}
	return "it gave no reason"
}

// document makes document n.
func (s *shaper) document(random *rand.Rand, n int64) []byte {
	d := &drawing{shaper: s, random: random, n: n}
	return d.value(nil, s.find(s.url, ""), "", 0)
}

// find looks a reference up. One that leads nowhere is any schema: the compiler
// refused what it could not resolve, and the document is checked.
func (s *shaper) find(reference, from string) place {
	full := reference
	if base, err := url.Parse(from); err == nil {
		if ref, err := url.Parse(reference); err == nil && from != "" {
			full = base.ResolveReference(ref).String()
		}
	}
	name, fragment, _ := strings.Cut(full, "#")
	v := s.resources[name]
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	pointer, err := document.ParsePointer(fragment)
	if err != nil {
		return place{url: name}
	}
	for _, token := range pointer {
		switch at := v.(type) {
		case map[string]any:
			v = at[token]
		case []any:
			v = nil
			for i := range at {
				if fmt.Sprint(i) == token {
					v = at[i]
				}
			}
		default:
			v = nil
		}
	}
	return placed(v, name)
}

func placed(v any, from string) place {
	m, _ := v.(map[string]any) // true and false allow anything and nothing: the check tells
	return place{m, from}
}

// drawing makes one document.
type drawing struct {
	*shaper
	random *rand.Rand
	n      int64
}

// flat resolves what refers to or combines other schemas, taking one of several
// alternatives.
func (d *drawing) flat(at place, depth int) place {
	if depth > 32 || at.schema == nil {
		return at
	}
	out := place{maps.Clone(at.schema), at.url}
	join := func(other place) {
		other = d.flat(other, depth+1)
		out = place{united(out.schema, other.schema), pick(other.schema != nil && len(out.schema) == 0, other.url, out.url)}
	}
	if ref, ok := out.schema["$ref"].(string); ok {
		delete(out.schema, "$ref")
		target := d.flat(d.find(ref, at.url), depth+1)
		if len(out.schema) == 0 {
			return target
		}
		out = place{united(d.absolute(target), out.schema), at.url}
	}
	all, _ := out.schema["allOf"].([]any)
	delete(out.schema, "allOf")
	for _, sub := range all {
		join(placed(sub, at.url))
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if some, _ := out.schema[keyword].([]any); len(some) > 0 {
			delete(out.schema, keyword)
			join(placed(some[d.random.IntN(len(some))], at.url))
		}
	}
	return out
}

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// absolute is a schema whose references at its members' top are complete, so
// that it can stand in another resource.
func (d *drawing) absolute(at place) map[string]any {
	resolved, _ := resolve(at.schema, at.url).(map[string]any)
	return resolved
}

func resolve(v any, from string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, sub := range v {
			if ref, ok := sub.(string); ok && name == "$ref" {
				out[name] = joined(from, ref)
				continue
			}
			out[name] = resolve(sub, from)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, sub := range v {
			out[i] = resolve(sub, from)
		}
		return out
	}
	return v
}

func joined(from, ref string) string {
	base, err := url.Parse(from)
	if err != nil {
		return ref
	}
	relative, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	return base.ResolveReference(relative).String()
}

// united is a schema that asks for what two ask for, as far as shaping goes.
func united(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]any{}
	}
	for name, v := range b {
		was, there := out[name]
		switch mine := was.(type) {
		case map[string]any:
			if theirs, ok := v.(map[string]any); ok {
				out[name] = united(mine, theirs)
				continue
			}
		case []any:
			if theirs, ok := v.([]any); ok && name == "required" {
				out[name] = append(slices.Clone(mine), theirs...)
				continue
			}
		}
		if !there || name != "type" {
			out[name] = v
		}
	}
	return out
}

// value appends a value of a schema.
func (d *drawing) value(dst []byte, at place, ptr string, depth int) []byte {
	at = d.flat(at, 0)
	s := at.schema
	if v, ok := s["const"]; ok {
		return appendJSON(dst, v)
	}
	if all, _ := s["enum"].([]any); len(all) > 0 {
		return appendJSON(dst, all[d.random.IntN(len(all))])
	}
	switch d.typeOf(s) {
	case "null":
		return append(dst, "null"...)
	case "boolean":
		return fmt.Appendf(dst, "%t", d.random.IntN(2) == 1)
	case "integer":
		return d.number(dst, s, true, d.key[ptr])
	case "number":
		return d.number(dst, s, false, d.key[ptr])
	case "array":
		return d.array(dst, at, ptr, depth)
	case "object":
		return d.object(dst, at, ptr, depth)
	}
	return document.AppendQuoted(dst, d.text(s, ptr))
}

// typeOf chooses a type. Null is rare where there are others.
func (d *drawing) typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		some := slices.Clone(t)
		if len(some) > 1 && d.random.IntN(10) > 0 {
			some = slices.DeleteFunc(some, func(v any) bool { return v == "null" })
		}
		if len(some) > 0 {
			name, _ := some[d.random.IntN(len(some))].(string)
			return name
		}
	}
	for _, hint := range [][2]string{{"properties", "object"}, {"required", "object"}, {"items", "array"}, {"minimum", "number"}, {"maximum", "number"}} {
		if _, ok := s[hint[0]]; ok {
			return hint[1]
		}
	}
	return "string"
}

func (d *drawing) object(dst []byte, at place, ptr string, depth int) []byte {
	properties, _ := at.schema["properties"].(map[string]any)
	required := map[string]bool{}
	names := slices.Sorted(maps.Keys(properties))
	all, _ := at.schema["required"].([]any)
	for _, v := range all {
		if name, ok := v.(string); ok {
			if required[name] = true; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	dst = append(dst, '{')
	first := true
	for _, name := range names {
		sub := ptr + document.Pointer{name}.String()
		optional := !required[name] && !d.holdsKey(sub)
		if properties[name] == false || optional && (depth >= maxDepth || d.random.IntN(5) == 0) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(document.AppendQuoted(dst, name), ':')
		dst = d.value(dst, placed(properties[name], at.url), sub, depth+1)
	}
	return append(dst, '}')
}

// holdsKey says whether a component of the key is at a place or below it.
func (d *drawing) holdsKey(ptr string) bool {
	for key := range d.key {
		if key == ptr || strings.HasPrefix(key, ptr+"/") {
			return true
		}
	}
	return false
}

func (d *drawing) array(dst []byte, at place, ptr string, depth int) []byte {
	low := natural(at.schema["minItems"], 0)
	high := natural(at.schema["maxItems"], low+3)
	if depth >= maxDepth {
		high = low
	}
	prefix, _ := at.schema["prefixItems"].([]any)
	n := low + d.random.IntN(max(high-low, 0)+1)
	if at.schema["items"] == false {
		n = min(n, len(prefix))
	}
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		sub := at.schema["items"]
		if i < len(prefix) {
			sub = prefix[i]
		}
		dst = d.value(dst, placed(sub, at.url), ptr+"/-", depth+1)
	}
	return append(dst, ']')
}

func appendJSON(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T of a decoded schema: %v", v, err))
	}
	return append(dst, text...)
}
