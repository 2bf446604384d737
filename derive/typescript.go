package derive

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"weir/document"
	"weir/schema"
)

// typeWriter writes TypeScript types of shapes.
type typeWriter struct {
	names   map[string]string // of shared types, by their compact text
	used    map[string]bool   // names that were written
	compact bool              // one line, no comments and no shared types: what tells types apart
}

// compactText is the type of a shape in one line.
func compactText(sh *schema.Shape) string {
	w := typeWriter{compact: true}
	return w.text(sh, "")
}

// text is the type of a shape; lines behind the first begin with indent.
func (w *typeWriter) text(sh *schema.Shape, indent string) string {
	return strings.Join(w.union(sh, indent), " | ")
}

// union lists the alternatives of a type, each once.
func (w *typeWriter) union(sh *schema.Shape, indent string) []string {
	switch {
	case sh.Types == 0:
		return []string{"never"}
	case sh.Enum != nil:
		return literals(sh)
	case sh.Types == schema.AnyType && len(sh.Properties) == 0 && len(sh.Required) == 0 && sh.Additional == nil && len(sh.Prefix) == 0 && sh.Items == nil:
		return []string{"unknown"}
	}
	if name := w.shared(sh); name != "" {
		return []string{name}
	}
	var all []string
	if sh.Types&schema.TypeObject != 0 {
		object := *sh
		object.Types = schema.TypeObject
		name := w.shared(&object)
		if name == "" {
			name = w.object(sh, indent)
		}
		all = append(all, name)
	}
	if sh.Types&schema.TypeArray != 0 {
		all = append(all, w.array(sh, indent))
	}
	for _, t := range []struct {
		bits schema.Types
		name string
	}{{schema.TypeString, "string"}, {schema.TypeNumber, "number"}, {schema.TypeBoolean, "boolean"}, {schema.TypeNull, "null"}} {
		if sh.Types&t.bits != 0 {
			all = append(all, t.name)
		}
	}
	return all
}

// shared is the name of a type that stands by itself, "" when there is none.
func (w *typeWriter) shared(sh *schema.Shape) string {
	if w.compact || len(w.names) == 0 {
		return ""
	}
	name := w.names[compactText(sh)]
	if name != "" {
		w.used[name] = true
	}
	return name
}

// literals are the enumerated values that the types allow: JSON text is TypeScript's, too.
func literals(sh *schema.Shape) []string {
	var all []string
	for _, raw := range sh.Enum {
		text := string(raw)
		if sh.Types&typeOfText(raw) != 0 && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return []string{"never"}
	}
	return all
}

func typeOfText(raw json.RawMessage) schema.Types {
	switch raw[0] {
	case '{':
		return schema.TypeObject
	case '[':
		return schema.TypeArray
	case '"':
		return schema.TypeString
	case 't', 'f':
		return schema.TypeBoolean
	case 'n':
		return schema.TypeNull
	}
	if document.Integral(raw) {
		return schema.TypeInteger
	}
	return schema.TypeFractional
}

// object is the type of objects of a shape.
func (w *typeWriter) object(sh *schema.Shape, indent string) string {
	names := slices.Collect(maps.Keys(sh.Properties))
	for name := range sh.Required {
		if sh.Properties[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	closed := sh.Additional != nil && sh.Additional.Types == 0
	switch {
	case len(names) == 0 && closed:
		return "Record<string, never>"
	case len(names) == 0 && !sh.Declared:
		return "{ [k: string]: unknown }"
	}
	inner := indent + "  "
	var b strings.Builder
	b.WriteByte('{')
	optional := false
	var types []string // of all members, for the index signature
	for _, name := range names {
		member := sh.Properties[name]
		if member == nil {
			member, _ = sh.Locate(document.Pointer{name})
		}
		mark := ""
		if !sh.Required[name] {
			mark, optional = "?", true
		}
		w.breakLine(&b, inner)
		w.comment(&b, member, inner)
		b.WriteString(propertyName(name) + mark + ": " + w.text(member, inner) + ";")
		types = append(types, w.union(member, inner)...)
	}
	if sh.Declared && !closed {
		types = append(types, w.union(sh.Additional, inner)...)
		w.breakLine(&b, inner)
		b.WriteString("[k: string]: " + unionOf(types, optional) + ";")
	}
	w.breakLine(&b, indent)
	b.WriteByte('}')
	return b.String()
}

func (w *typeWriter) breakLine(b *strings.Builder, indent string) {
	if w.compact {
		b.WriteByte(' ')
		return
	}
	b.WriteString("\n" + indent)
}

// unionOf joins types, each once. With optional members their absence is a value, too.
func unionOf(types []string, optional bool) string {
	if slices.Contains(types, "unknown") {
		return "unknown"
	}
	var all []string
	for _, t := range types {
		if t != "never" && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	if optional || len(all) == 0 {
		all = append(all, "undefined")
	}
	return strings.Join(all, " | ")
}

// array is the type of arrays of a shape: a tuple where it says what stands at which place.
func (w *typeWriter) array(sh *schema.Shape, indent string) string {
	prefix := sh.Prefix
	if sh.MaxItems >= 0 && len(prefix) > sh.MaxItems {
		prefix = prefix[:sh.MaxItems]
	}
	ends := sh.MaxItems == len(prefix) || sh.Items != nil && sh.Items.Types == 0
	rest := "unknown[]"
	if sh.Items != nil {
		rest = w.elements(sh.Items, indent)
	}
	if len(prefix) == 0 {
		if ends {
			return "[]"
		}
		return rest
	}
	var parts []string
	for i, sub := range prefix {
		text := w.text(sub, indent)
		if i >= sh.MinItems {
			text = parenthesized(text, len(w.union(sub, indent))) + "?"
		}
		parts = append(parts, text)
	}
	if !ends {
		parts = append(parts, "..."+rest)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (w *typeWriter) elements(sh *schema.Shape, indent string) string {
	return parenthesized(w.text(sh, indent), len(w.union(sh, indent))) + "[]"
}

func parenthesized(text string, alternatives int) string {
	if alternatives > 1 {
		return "(" + text + ")"
	}
	return text
}

// comment writes title and description of a shape.
func (w *typeWriter) comment(b *strings.Builder, sh *schema.Shape, indent string) {
	if !w.compact {
		b.WriteString(docComment(indent, sh.Title, sh.Description))
	}
}

// docComment is a comment of paragraphs, and the indentation of what it is about; "" when there are none.
func docComment(indent string, paragraphs ...string) string {
	var lines []string
	for _, p := range paragraphs {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(p, "*/", `*\/`)) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return "/** " + lines[0] + " */\n" + indent
	}
	var b strings.Builder
	b.WriteString("/**\n")
	for _, line := range lines {
		b.WriteString(strings.TrimRight(indent+" * "+line, " ") + "\n")
	}
	b.WriteString(indent + " */\n" + indent)
	return b.String()
}

// propertyName is a member's name as it stands in a type.
func propertyName(name string) string {
	if isIdentifier(name) {
		return name
	}
	return quoted(name)
}

// quoted is a string literal.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("derive: a string has no JSON text: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
