package schema

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"weir/document"
)

// Renamed gives a schema under another URL, to be resources of another Source beside it: the schema itself is url,
// and what it refers to lies below, so that both may be parts of one Source. With relax it is the schema without
// `type`, `required` and `format`, wherever these are said of a value or of the parts of one; what stands inside of
// conditions and alternatives stays as it is.
func (s Source) Renamed(at string, relax bool) (map[string]json.RawMessage, error) {
	r := renaming{docs: map[string]any{}, urls: map[string]string{}, at: at}
	rootURL, fragment, hasFragment := strings.Cut(s.URL, "#")
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		var d document.Doc
		if err := d.Parse(s.Resources[name]); err != nil {
			return nil, &CompileError{URL: name, Reason: err.Error()}
		}
		from, err := absolute(name)
		if err != nil {
			return nil, &CompileError{URL: name, Reason: err.Error()}
		}
		to := at + "/" + strings.TrimPrefix(from, base)
		if name == rootURL && !hasFragment {
			to = at
		}
		r.docs[from], r.urls[from] = decode(&d, 0), to
	}
	r.identify()
	out := make(map[string]json.RawMessage, len(r.docs)+1)
	for from, doc := range r.docs {
		r.rewrite(doc, from)
		if relax {
			relaxSchema(doc)
		}
		out[r.urls[from]] = jsonText(doc)
	}
	if hasFragment {
		root, err := absolute(rootURL)
		if err != nil {
			return nil, &CompileError{URL: s.URL, Reason: err.Error()}
		}
		out[at] = jsonText(map[string]any{"$ref": r.urls[root] + "#" + fragment})
	}
	return out, nil
}

// renaming gives the resources of a schema other URLs.
type renaming struct {
	at   string
	docs map[string]any    // by absolute URL
	urls map[string]string // of resources and of what has an $id: the old absolute one to the new one
}

// identify finds the URLs that schemas give themselves.
func (r *renaming) identify() {
	for _, from := range slices.Sorted(maps.Keys(r.docs)) {
		visitSchemas(r.docs[from], "", from, func(m map[string]any, pointer, own string) {
			if _, ok := m["$id"].(string); !ok || r.urls[own] != "" {
				return
			}
			r.urls[own] = r.at + "/" + url.PathEscape(own)
			if pointer == "" {
				r.urls[own] = r.urls[from]
			}
		})
	}
}

// rewrite gives a resource's schemas their new names, and makes its references lead to those.
func (r *renaming) rewrite(doc any, from string) {
	visitSchemas(doc, "", from, func(m map[string]any, _, own string) {
		if id, ok := m["$id"].(string); ok && !strings.HasPrefix(id, "#") {
			_, anchor, anchored := strings.Cut(id, "#")
			m["$id"] = r.urls[own]
			if anchored {
				m["$id"] = r.urls[own] + "#" + anchor
			}
		}
		for _, keyword := range []string{"$ref", "$dynamicRef"} {
			text, ok := m[keyword].(string)
			if !ok || strings.HasPrefix(text, "#") {
				continue
			}
			target, err := resolve(own, text)
			if err != nil {
				continue // the compiler says so
			}
			target, fragment, anchored := strings.Cut(target, "#")
			to, ok := r.urls[target]
			if ok && anchored {
				to += "#" + fragment
			}
			if ok {
				m[keyword] = to
			}
		}
	})
}

// relaxSchema leaves out what a relaxed schema does not say, in place.
func relaxSchema(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for _, keyword := range []string{"type", "required", "format"} {
		delete(m, keyword)
	}
	for _, keyword := range []string{"allOf", "items", "prefixItems"} {
		list, _ := m[keyword].([]any)
		for _, sub := range list {
			relaxSchema(sub)
		}
	}
	for _, keyword := range []string{"items", "additionalItems", "additionalProperties"} {
		relaxSchema(m[keyword])
	}
	for _, keyword := range []string{"$defs", "definitions", "properties"} {
		members, _ := m[keyword].(map[string]any)
		for _, sub := range members {
			relaxSchema(sub)
		}
	}
}
