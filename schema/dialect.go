package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// dialect knows which schemas were written with draft-07's `items: [..]` although they do not ask for a draft.
// They were rewritten to `prefixItems` and `items`, the spelling of 2020-12; its other old spellings v5 reads
// as they are.
type dialect struct {
	moved map[string]bool   // resource URL + "#" + pointer of such a schema, as the user wrote it
	roots map[string]string // resources whose schema has an $id: that, resolved, to the resource's URL
}

// adapt rewrites the resources in place.
func adapt(res *resources) (*dialect, error) {
	d := &dialect{moved: map[string]bool{}, roots: map[string]string{}}
	for _, at := range slices.Sorted(maps.Keys(res.docs)) {
		root, ok := res.docs[at].(map[string]any)
		if !ok {
			continue
		}
		if id, ok := root["$id"].(string); ok {
			if own, err := resolve(at, id); err == nil {
				own, _, _ = strings.Cut(own, "#")
				d.roots[own] = at
			}
		}
		if draft, ok := root["$schema"].(string); ok {
			if err := res.refuseIgnored(draft, at, root); err != nil {
				return nil, err
			}
			continue
		}
		if err := d.rewrite(res, at, root); err != nil {
			return nil, err
		}
	}
	if len(d.moved) == 0 {
		return d, nil
	}
	ids := res.identified()
	for at, doc := range res.docs {
		visitReferences(doc, at, "", func(m map[string]any, keyword, from, _ string) {
			if text, ok := m[keyword].(string); ok && keyword != "$schema" {
				m[keyword] = d.follow(ids, from, text)
			}
		})
	}
	return d, nil
}

// refuseIgnored refuses a reduction that the schema's own draft would silently ignore.
func (res *resources) refuseIgnored(draft, at string, root map[string]any) error {
	old := false
	for _, d := range []*jsonschema.Draft{jsonschema.Draft4, jsonschema.Draft6, jsonschema.Draft7} {
		old = old || sameDraft(draft, d.URL())
	}
	if !old {
		return nil
	}
	var found error
	visitSchemas(root, "", at, func(m map[string]any, pointer, _ string) {
		_, refers := m["$ref"]
		if _, reduces := m[reduceKeyword]; refers && reduces && found == nil {
			found = &CompileError{res.name(at), pointer + "/" + reduceKeyword,
				"the draft that $schema names ignores whatever stands beside a $ref; put the two into an allOf, or leave $schema out"}
		}
	})
	return found
}

func sameDraft(a, b string) bool {
	plain := func(s string) string {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
		return strings.TrimRight(s, "#/")
	}
	return plain(a) == plain(b)
}

func (d *dialect) rewrite(res *resources, at string, root map[string]any) error {
	var conflict error
	var lists []map[string]any
	visitSchemas(root, "", at, func(m map[string]any, pointer, _ string) {
		if _, ok := m["items"].([]any); !ok {
			return
		}
		if _, ok := m["prefixItems"]; ok && conflict == nil {
			conflict = &CompileError{res.name(at), pointer + "/items",
				"a list of items and prefixItems say the same thing in two spellings; use one of them"}
		}
		d.moved[at+"#"+pointer] = true
		lists = append(lists, m)
	})
	for _, m := range lists {
		m["prefixItems"] = m["items"]
		delete(m, "items")
		if rest, ok := m["additionalItems"]; ok {
			m["items"] = rest
			delete(m, "additionalItems")
		}
	}
	return conflict
}

// identified maps the URL of every schema with an `$id`, and of every resource, to its location.
func (res *resources) identified() map[string]string {
	ids := map[string]string{}
	for at, doc := range res.docs {
		ids[at] = at + "#"
		visitSchemas(doc, "", at, func(_ map[string]any, pointer, from string) {
			if _, ok := ids[from]; !ok {
				ids[from] = at + "#" + pointer
			}
		})
	}
	return ids
}

// follow adapts a reference that leads through a rewritten schema.
func (d *dialect) follow(ids map[string]string, from, text string) string {
	before, fragment, ok := strings.Cut(text, "#")
	if !ok || !strings.HasPrefix(fragment, "/") {
		return text
	}
	target, err := resolve(from, before)
	if err != nil {
		return text
	}
	target, _, _ = strings.Cut(target, "#")
	at, ok := ids[target]
	if !ok {
		return text
	}
	tokens := strings.Split(fragment[1:], "/")
	for i, token := range tokens {
		if d.moved[at] {
			switch {
			case token == "items" && i+1 < len(tokens) && isIndex(tokens[i+1]):
				tokens[i] = "prefixItems"
			case token == "additionalItems":
				tokens[i] = "items"
			}
		}
		at += "/" + plainPointer(token)
	}
	return before + "#/" + strings.Join(tokens, "/")
}

func isIndex(token string) bool {
	_, err := strconv.ParseUint(token, 10, 32)
	return err == nil
}

// split takes a location of v5's apart: the resource, and the pointer into it as the user wrote it. V5 names
// resources by their $id.
func (d *dialect) split(location string) (resource, pointer string) {
	at, fragment, _ := strings.Cut(location, "#")
	if resource, ok := d.roots[at]; ok {
		at = resource
	}
	return at, d.original(at, plainPointer(fragment))
}

// original translates a pointer into what v5 compiled to one into what the user wrote.
func (d *dialect) original(resource, pointer string) string {
	if len(d.moved) == 0 || pointer == "" {
		return pointer
	}
	at := resource + "#"
	start := len(at)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		if d.moved[at] {
			switch token {
			case "prefixItems":
				token = "items"
			case "items":
				token = "additionalItems"
			}
		}
		at += "/" + token
	}
	return at[start:]
}

// Where the subschemas of a schema stand, by the shape of the keyword's value.
var (
	schemaKeywords = []string{"additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items",
		"not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
	listKeywords = []string{"allOf", "anyOf", "items", "oneOf", "prefixItems"}
	mapKeywords  = []string{"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)

// visitSchemas calls fn for a schema and each schema in it, parents first, with its pointer and base URL.
func visitSchemas(v any, pointer, from string, fn func(m map[string]any, pointer, from string)) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if id, ok := m["$id"].(string); ok {
		if at, err := resolve(from, id); err == nil {
			from, _, _ = strings.Cut(at, "#")
		}
	}
	fn(m, pointer, from)
	for _, k := range schemaKeywords {
		visitSchemas(m[k], pointer+"/"+k, from, fn)
	}
	for _, k := range listKeywords {
		list, _ := m[k].([]any)
		for i, sub := range list {
			visitSchemas(sub, pointer+"/"+k+"/"+strconv.Itoa(i), from, fn)
		}
	}
	for _, k := range mapKeywords {
		members, _ := m[k].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			visitSchemas(members[name], pointer+"/"+k+"/"+pointerToken.Replace(name), from, fn)
		}
	}
}

var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")
