package ui

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// schemaRow is a line of a schema drawn as a tree.
type schemaRow struct {
	Depth    int
	Name     string
	Type     string
	Required bool
	Notes    []string // limits, reductions, references
	Doc      string
}

// Limits of what is drawn: a schema may be of any size, and refer to itself.
const (
	deepestRow = 8
	mostRowsOf = 400
)

// schemaTree draws the members that a schema names. What it says in other ways
// stands in its text, below the tree.
func schemaTree(text json.RawMessage) []schemaRow {
	if len(text) == 0 {
		return nil
	}
	t := tree{}
	if json.Unmarshal(text, &t.root) != nil {
		return nil
	}
	t.members(t.root, 0)
	return t.rows
}

type tree struct {
	root map[string]any
	rows []schemaRow
}

// members draws what a schema says of the members of objects and the elements
// of lists, in the schema itself and in those that it is made of.
func (t *tree) members(s map[string]any, depth int) {
	s = t.resolve(s)
	if s == nil || depth > deepestRow || len(t.rows) > mostRowsOf {
		return
	}
	required := map[string]bool{}
	list, _ := s["required"].([]any)
	for _, name := range list {
		if text, ok := name.(string); ok {
			required[text] = true
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if of, ok := properties[name].(map[string]any); ok {
			t.row(name, of, required[name], depth)
		}
	}
	if of, ok := s["items"].(map[string]any); ok {
		t.row("[…]", of, false, depth)
	}
	if of, ok := s["additionalProperties"].(map[string]any); ok {
		t.row("any other", of, false, depth)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		all, _ := s[keyword].([]any)
		for i, one := range all {
			of, ok := one.(map[string]any)
			if !ok {
				continue
			}
			if keyword == "allOf" {
				t.members(of, depth)
				continue
			}
			t.row(fmt.Sprintf("%s %d", map[string]string{"anyOf": "or", "oneOf": "either"}[keyword], i+1), of, false, depth)
		}
	}
}

func (t *tree) row(name string, s map[string]any, required bool, depth int) {
	r := schemaRow{Depth: depth, Name: name, Required: required, Type: typeOf(s)}
	if ref, ok := s["$ref"].(string); ok {
		r.Notes = append(r.Notes, "as "+ref)
	}
	s = t.resolve(s)
	if r.Type == "" {
		r.Type = typeOf(s)
	}
	r.Doc, _ = s["description"].(string)
	if r.Doc == "" {
		r.Doc, _ = s["title"].(string)
	}
	r.Notes = append(r.Notes, notes(s)...)
	t.rows = append(t.rows, r)
	t.members(s, depth+1)
}

// resolve follows a reference within the text.
func (t *tree) resolve(s map[string]any) map[string]any {
	for range deepestRow {
		ref, ok := s["$ref"].(string)
		if !ok {
			return s
		}
		next := t.lookup(ref)
		if next == nil {
			return s
		}
		s = next
	}
	return s
}

func (t *tree) lookup(ref string) map[string]any {
	url, fragment, _ := strings.Cut(ref, "#")
	at := t.root
	if url != "" {
		resources, _ := t.root["$defs"].(map[string]any)
		of, ok := resources[url].(map[string]any)
		if !ok {
			return nil
		}
		at = of
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if name == "" {
			continue
		}
		next, ok := at[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
		if !ok {
			return nil
		}
		at = next
	}
	return at
}

func typeOf(s map[string]any) string {
	switch of := s["type"].(type) {
	case string:
		return of
	case []any:
		names := make([]string, 0, len(of))
		for _, name := range of {
			names = append(names, fmt.Sprint(name))
		}
		return strings.Join(names, " or ")
	}
	return ""
}

// notes are the keywords that people look for.
func notes(s map[string]any) []string {
	var out []string
	for _, keyword := range []string{"format", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "const", "default"} {
		if v, ok := s[keyword]; ok {
			out = append(out, keyword+" "+plain(v))
		}
	}
	if all, ok := s["enum"].([]any); ok {
		texts := make([]string, 0, len(all))
		for _, v := range all {
			texts = append(texts, plain(v))
		}
		out = append(out, "one of "+short(strings.Join(texts, ", "), 120))
	}
	if reduce, ok := s["reduce"].(map[string]any); ok {
		out = append(out, "reduce: "+fmt.Sprint(reduce["strategy"]))
	}
	if s["additionalProperties"] == false {
		out = append(out, "no other members")
	}
	return out
}

func plain(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return short(string(text), 60)
}
