package lint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// spot is a schema object, as it applies to a location of the documents.
type spot struct {
	keywords map[string]any
	at       document.Pointer // of the documents; an asterisk stands for each element or unnamed member
	branch   bool             // whether it applies depends on the document
	key      bool             // it describes names, or what must not be
	file     string
	pointer  document.Pointer // of the schema object in the file
	home     catalog.Origin   // of the collection, for what stands in no file
}

// origin is where the schema object, or one of its keywords, was written.
func (s *spot) origin(r *run, keyword ...string) catalog.Origin {
	if s.file == "" {
		return s.home
	}
	return r.catalog.At(s.file, append(slices.Clone(s.pointer), keyword...).String())
}

// strategy is the reduction that the schema object asks for, "" for none.
func (s *spot) strategy() string {
	reduce, _ := s.keywords["reduce"].(map[string]any)
	name, _ := reduce["strategy"].(string)
	return name
}

// location names where in the documents the spot applies.
func (s *spot) location() string {
	if len(s.at) == 0 {
		return "the document"
	}
	return s.at.String()
}

// types are those that the schema object names itself.
func (s *spot) types() []string {
	switch t := s.keywords["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var names []string
		for _, v := range t {
			if name, ok := v.(string); ok {
				names = append(names, name)
			}
		}
		return names
	}
	return nil
}

// readSide is the schema by which a collection's documents are reduced.
func readSide(c *catalog.Collection) schema.Source {
	if c.ReadSchema != nil {
		return *c.ReadSchema
	}
	return c.Schema
}

// spots lists the schema objects of a collection, those of its read side, in
// the order of its files.
func (r *run) spots(c *catalog.Collection) []spot {
	if all, ok := r.seen[c.Name]; ok {
		return all
	}
	w := walker{docs: map[string]any{}, visited: map[string]bool{}, home: c.Origin}
	source := readSide(c)
	for name, text := range source.Resources {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			w.docs[name] = v
		}
	}
	w.follow(source.URL, "", nil, false, false)
	r.seen[c.Name] = w.spots
	return w.spots
}

// walker visits a bundled schema, each schema object once for each location.
type walker struct {
	docs    map[string]any // by URL
	visited map[string]bool
	home    catalog.Origin
	spots   []spot
}

// Bounds of what one schema is looked at for: recursive ones have no end.
const (
	mostSpots = 20_000
	mostDepth = 12 // of locations
)

// root makes the relative URLs of resources absolute, so that they resolve.
const root = "weir://catalog/"

// follow visits what a reference, written in a resource, leads to.
func (w *walker) follow(ref, from string, at document.Pointer, branch, key bool) {
	base, err := url.Parse(root + from)
	if err != nil {
		return
	}
	u, err := base.Parse(ref)
	if err != nil {
		return
	}
	fragment := u.Fragment
	u.Fragment, u.RawFragment = "", ""
	name := strings.TrimPrefix(u.String(), root)
	doc, ok := w.docs[name]
	if !ok {
		return // a metaschema, or a resource that an $id renames
	}
	tokens, found := document.Pointer{}, true
	switch {
	case strings.HasPrefix(fragment, "/"):
		if tokens, err = document.ParsePointer(fragment); err != nil {
			return
		}
	case fragment != "":
		tokens, found = anchor(doc, fragment, nil)
	}
	if v, ok := lookup(doc, tokens); ok && found {
		w.visit(v, name, tokens, at, branch, key)
	}
}

// anchor finds the schema object of an $anchor.
func anchor(v any, name string, at document.Pointer) (document.Pointer, bool) {
	switch v := v.(type) {
	case map[string]any:
		if v["$anchor"] == name || v["$dynamicAnchor"] == name || v["$id"] == "#"+name {
			return at, true
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if found, ok := anchor(v[key], name, append(slices.Clone(at), key)); ok {
				return found, true
			}
		}
	case []any:
		for i := range v {
			if found, ok := anchor(v[i], name, append(slices.Clone(at), itoa(i))); ok {
				return found, true
			}
		}
	}
	return nil, false
}

func lookup(v any, tokens document.Pointer) (any, bool) {
	for _, token := range tokens {
		switch parent := v.(type) {
		case map[string]any:
			next, ok := parent[token]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i := index(token, len(parent))
			if i < 0 {
				return nil, false
			}
			v = parent[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// visit takes down a schema object and goes on to those inside.
func (w *walker) visit(v any, url string, pointer, at document.Pointer, branch, key bool) {
	object, ok := v.(map[string]any)
	id := fmt.Sprint(url, "#", pointer, " ", at, branch, key)
	if !ok || w.visited[id] || len(w.spots) >= mostSpots || len(at) > mostDepth {
		return
	}
	w.visited[id] = true
	file, inside := fileOf(url)
	w.spots = append(w.spots, spot{
		keywords: object, at: at, branch: branch, key: key, file: file, pointer: append(slices.Clone(inside), pointer...), home: w.home,
	})
	for _, ref := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if text, ok := object[ref].(string); ok {
			w.follow(text, url, at, branch, key)
		}
	}
	for _, keyword := range slices.Sorted(maps.Keys(object)) {
		w.inside(keyword, object[keyword], url, append(slices.Clone(pointer), keyword), at, branch, key)
	}
}

// inside visits the schemas that a keyword holds.
func (w *walker) inside(keyword string, v any, url string, pointer, at document.Pointer, branch, key bool) {
	below := append(slices.Clone(at), "*")
	switch keyword {
	case "allOf":
		w.each(v, url, pointer, at, branch, key)
	case "anyOf", "oneOf":
		w.each(v, url, pointer, at, true, key)
	case "if", "then", "else":
		w.visit(v, url, pointer, at, true, key)
	case "not", "propertyNames":
		w.visit(v, url, pointer, below, true, true)
	case "dependentSchemas":
		w.named(v, url, pointer, func(string) document.Pointer { return at }, true, key)
	case "properties":
		w.named(v, url, pointer, func(name string) document.Pointer { return append(slices.Clone(at), name) }, branch, key)
	case "patternProperties":
		w.named(v, url, pointer, func(string) document.Pointer { return below }, branch, key)
	case "items", "prefixItems", "additionalItems":
		w.each(v, url, pointer, below, branch, key)
	case "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains":
		w.visit(v, url, pointer, below, branch, key)
	}
}

// each visits a schema, or a list of them.
func (w *walker) each(v any, url string, pointer, at document.Pointer, branch, key bool) {
	list, ok := v.([]any)
	if !ok {
		w.visit(v, url, pointer, at, branch, key)
		return
	}
	for i := range list {
		w.visit(list[i], url, append(slices.Clone(pointer), itoa(i)), at, branch, key)
	}
}

// named visits schemas by name.
func (w *walker) named(v any, url string, pointer document.Pointer, at func(name string) document.Pointer, branch, key bool) {
	object, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		w.visit(object[name], url, append(slices.Clone(pointer), name), at(name), branch, key)
	}
}

// fileOf gives the file of a bundled resource and, of a schema that stands
// inside a catalog's file, where in it.
func fileOf(name string) (file string, inside document.Pointer) {
	u, err := url.Parse(name)
	if err != nil {
		return name, nil
	}
	if text, ok := strings.CutPrefix(u.RawQuery, "ptr="); ok {
		if text, err = url.PathUnescape(text); err == nil {
			inside, _ = document.ParsePointer(text)
		}
	}
	return u.Path, inside
}
