package schema

import (
	"encoding/json"
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// Shape infers what the schema says about each location.
func (s *Schema) Shape() *Shape {
	in := inference{open: map[*jsonschema.Schema]bool{}, done: map[*jsonschema.Schema]*Shape{}}
	return in.shape(s.oracle)
}

type inference struct {
	open map[*jsonschema.Schema]bool
	done map[*jsonschema.Schema]*Shape
}

// shape infers the shape of a schema. Inside of itself, a recursive schema is known by its types alone.
func (in *inference) shape(s *jsonschema.Schema) *Shape {
	switch {
	case s.Always != nil && !*s.Always:
		return nothing()
	case s.Always != nil:
		return anything()
	case in.done[s] != nil:
		return in.done[s]
	case in.open[s]:
		return &Shape{Types: typesOf(s), MaxItems: -1}
	}
	in.open[s] = true
	sh := in.own(s)
	for _, ref := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef} {
		if ref != nil {
			sh = intersect(sh, in.shape(ref))
		}
	}
	for _, sub := range s.AllOf {
		sh = intersect(sh, in.shape(sub))
	}
	for _, alternatives := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf} {
		if len(alternatives) > 0 {
			sh = intersect(sh, in.union(alternatives))
		}
	}
	if s.If != nil {
		sh = intersect(sh, in.condition(s))
	}
	delete(in.open, s)
	in.done[s] = sh
	return sh
}

func (in *inference) union(alternatives []*jsonschema.Schema) *Shape {
	sh := in.shape(alternatives[0])
	for _, sub := range alternatives[1:] {
		sh = unite(sh, in.shape(sub))
	}
	return sh
}

func (in *inference) condition(s *jsonschema.Schema) *Shape {
	then, alts := in.shape(s.If), anything()
	if s.Then != nil {
		then = intersect(then, in.shape(s.Then))
	}
	if s.Else != nil {
		alts = in.shape(s.Else)
	}
	return unite(then, alts)
}

// own is what a schema's keywords say, without those that apply other schemas to the same value.
func (in *inference) own(s *jsonschema.Schema) *Shape {
	sh := &Shape{Types: typesOf(s), Title: s.Title, Description: s.Description, Format: s.Format, ContentEncoding: s.ContentEncoding,
		MinItems: max(s.MinItems, 0), MaxItems: s.MaxItems}
	if _, null := s.Extensions[defaultKeyword].(nullDefault); s.Default != nil || null {
		sh.Default = jsonText(s.Default)
	}
	list := s.Enum
	if len(s.Constant) > 0 {
		list = s.Constant[:1]
	}
	for _, v := range list {
		sh.Enum = append(sh.Enum, jsonText(v))
	}
	sh.Minimum = greater(boundText(s.Minimum), boundText(s.ExclusiveMinimum))
	sh.Maximum = lesser(boundText(s.Maximum), boundText(s.ExclusiveMaximum))
	in.members(sh, s)
	in.elements(sh, s)
	return sh
}

const defaultKeyword = "default"

// defaultExtension makes v5 remember a default of null, which it takes for none.
type defaultExtension struct{}

type nullDefault struct{}

func (defaultExtension) Compile(_ jsonschema.CompilerContext, m map[string]any) (jsonschema.ExtSchema, error) {
	if v, ok := m[defaultKeyword]; ok && v == nil {
		return nullDefault{}, nil
	}
	return nil, nil
}

// Validate accepts everything, as for any annotation.
func (nullDefault) Validate(jsonschema.ValidationContext, any) error { return nil }

func (in *inference) members(sh *Shape, s *jsonschema.Schema) {
	sh.Properties = map[string]*Shape{}
	for name, sub := range s.Properties {
		shape := in.shape(sub)
		for re, other := range s.PatternProperties {
			if re.MatchString(name) {
				shape = intersect(shape, in.shape(other))
			}
		}
		sh.Properties[name] = shape
	}
	sh.Required = map[string]bool{}
	for _, name := range s.Required {
		sh.Required[name] = true
	}
	switch additional := s.AdditionalProperties.(type) {
	case bool:
		if !additional {
			sh.Additional = nothing()
		}
	case *jsonschema.Schema:
		sh.Additional, sh.Declared = in.shape(additional), true
	}
	for _, sub := range s.PatternProperties {
		if sh.Additional == nil {
			sh.Additional = anything()
		}
		sh.Additional, sh.Declared = unite(sh.Additional, in.shape(sub)), true
	}
}

func (in *inference) elements(sh *Shape, s *jsonschema.Schema) {
	prefix, rest := s.PrefixItems, s.Items2020
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		rest = items
	case []*jsonschema.Schema:
		prefix = items
		switch more := s.AdditionalItems.(type) {
		case bool:
			if !more {
				sh.Items = nothing()
			}
		case *jsonschema.Schema:
			rest = more
		}
	}
	for _, sub := range prefix {
		sh.Prefix = append(sh.Prefix, in.shape(sub))
	}
	if rest != nil {
		sh.Items = in.shape(rest)
	}
}

// typesOf lists the types that `type`, `enum` and `const` allow.
func typesOf(s *jsonschema.Schema) Types {
	if s.Always != nil {
		if *s.Always {
			return AnyType
		}
		return 0
	}
	types := AnyType
	if len(s.Types) > 0 {
		types = 0
		for _, name := range s.Types {
			types |= typeNamed(name)
		}
	}
	for _, list := range [][]any{s.Enum, s.Constant} {
		if len(list) == 0 {
			continue
		}
		var listed Types
		for _, v := range list {
			listed |= typeOf(v)
		}
		types &= listed
	}
	return types
}

func typeNamed(name string) Types {
	switch name {
	case "array":
		return TypeArray
	case "boolean":
		return TypeBoolean
	case "integer":
		return TypeInteger
	case "number":
		return TypeNumber
	case "null":
		return TypeNull
	case "object":
		return TypeObject
	}
	return TypeString
}

func typeOf(v any) Types {
	switch v := v.(type) {
	case nil:
		return TypeNull
	case bool:
		return TypeBoolean
	case json.Number:
		if document.Integral([]byte(v)) {
			return TypeInteger
		}
		return TypeFractional
	case []any:
		return TypeArray
	case map[string]any:
		return TypeObject
	}
	return TypeString
}

func jsonText(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic("schema: a value that came from JSON is none: " + err.Error())
	}
	return text
}

func boundText(r *big.Rat) string {
	if r == nil {
		return ""
	}
	places, _ := r.FloatPrec()
	return r.FloatString(places)
}

func greater(a, b string) string {
	if a == "" || b != "" && document.CompareNumbers([]byte(a), []byte(b)) < 0 {
		return b
	}
	return a
}

func lesser(a, b string) string {
	if a == "" || b != "" && document.CompareNumbers([]byte(a), []byte(b)) > 0 {
		return b
	}
	return a
}
