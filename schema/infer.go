package schema

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"

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
	if s.Default != nil {
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

// intersect is the shape of values that fit both.
func intersect(a, b *Shape) *Shape {
	out := &Shape{
		Types:           a.Types & b.Types,
		Title:           cmp.Or(a.Title, b.Title),
		Description:     cmp.Or(a.Description, b.Description),
		Format:          cmp.Or(a.Format, b.Format),
		ContentEncoding: cmp.Or(a.ContentEncoding, b.ContentEncoding),
		Default:         a.Default,
		Enum:            a.Enum,
		Minimum:         greater(a.Minimum, b.Minimum),
		Maximum:         lesser(a.Maximum, b.Maximum),
		Properties:      map[string]*Shape{},
		Required:        map[string]bool{},
		Declared:        a.Declared || b.Declared,
		Additional:      bothOf(a.Additional, b.Additional),
		Items:           bothOf(a.Items, b.Items),
		MinItems:        max(a.MinItems, b.MinItems),
		MaxItems:        a.MaxItems,
	}
	if out.Default == nil {
		out.Default = b.Default
	}
	switch {
	case out.Enum == nil:
		out.Enum = b.Enum
	case b.Enum != nil:
		out.Enum = slices.DeleteFunc(slices.Clone(a.Enum), func(v json.RawMessage) bool { return !contains(b.Enum, v) })
	}
	if a.MaxItems < 0 || b.MaxItems >= 0 && b.MaxItems < a.MaxItems {
		out.MaxItems = b.MaxItems
	}
	for name, sub := range a.Properties {
		out.Properties[name] = bothOf(sub, b.at(name))
	}
	for name, sub := range b.Properties {
		out.Properties[name] = bothOf(a.at(name), sub)
	}
	for _, sh := range []*Shape{a, b} {
		for name := range sh.Required {
			out.Required[name] = true
		}
	}
	for i := range max(len(a.Prefix), len(b.Prefix)) {
		both := bothOf(a.elementAt(i), b.elementAt(i))
		if both == nil {
			both = anything()
		}
		out.Prefix = append(out.Prefix, both)
	}
	return out
}

// bothOf intersects shapes of which nil stands for anything.
func bothOf(a, b *Shape) *Shape {
	switch {
	case a == nil:
		return b
	case b == nil || a == b:
		return a
	}
	return intersect(a, b)
}

// at is what a shape says about a member, nil when nothing.
func (sh *Shape) at(name string) *Shape {
	if sub, ok := sh.Properties[name]; ok {
		return sub
	}
	return sh.Additional
}

func (sh *Shape) elementAt(i int) *Shape {
	if i < len(sh.Prefix) {
		return sh.Prefix[i]
	}
	return sh.Items
}

func contains(list []json.RawMessage, v json.RawMessage) bool {
	return slices.ContainsFunc(list, func(o json.RawMessage) bool { return string(o) == string(v) })
}

// unite is the shape of values that fit one of two. What is said of one kind of values counts only where both
// allow that kind.
func unite(a, b *Shape) *Shape {
	switch {
	case a.Types == 0:
		return b
	case b.Types == 0 || a == b:
		return a
	}
	out := &Shape{
		Types:       a.Types | b.Types,
		Title:       agreed(a.Title, b.Title),
		Description: agreed(a.Description, b.Description),
		MaxItems:    -1,
	}
	if string(a.Default) == string(b.Default) {
		out.Default = a.Default
	}
	if x, y := a.enumerated(), b.enumerated(); x != nil && y != nil {
		out.Enum = slices.Clone(x)
		for _, v := range y {
			if !contains(x, v) {
				out.Enum = append(out.Enum, v)
			}
		}
	}
	out.uniteScalars(a, b)
	out.uniteMembers(a, b)
	out.uniteElements(a, b)
	return out
}

func agreed(a, b string) string {
	if a == b {
		return a
	}
	return ""
}

func (sh *Shape) enumerated() []json.RawMessage {
	if sh.Enum == nil && sh.Types == TypeNull {
		return []json.RawMessage{json.RawMessage("null")}
	}
	return sh.Enum
}

// only returns the shape that alone allows a type, or nil when both do or none.
func only(t Types, a, b *Shape) *Shape {
	switch {
	case a.Types&t != 0 && b.Types&t == 0:
		return a
	case a.Types&t == 0 && b.Types&t != 0:
		return b
	}
	return nil
}

func (sh *Shape) uniteScalars(a, b *Shape) {
	sh.Format, sh.ContentEncoding = agreed(a.Format, b.Format), agreed(a.ContentEncoding, b.ContentEncoding)
	if one := only(TypeString, a, b); one != nil {
		sh.Format, sh.ContentEncoding = one.Format, one.ContentEncoding
	}
	if one := only(TypeNumber, a, b); one != nil {
		sh.Minimum, sh.Maximum = one.Minimum, one.Maximum
		return
	}
	if a.Minimum != "" && b.Minimum != "" {
		sh.Minimum = lesser(a.Minimum, b.Minimum)
	}
	if a.Maximum != "" && b.Maximum != "" {
		sh.Maximum = greater(a.Maximum, b.Maximum)
	}
}

func (sh *Shape) uniteMembers(a, b *Shape) {
	if one := only(TypeObject, a, b); one != nil {
		sh.Properties, sh.Required, sh.Additional, sh.Declared = one.Properties, one.Required, one.Additional, one.Declared
		return
	}
	sh.Properties, sh.Required = map[string]*Shape{}, map[string]bool{}
	for name, sub := range a.Properties {
		sh.Properties[name] = eitherOf(sub, b.at(name))
	}
	for name, sub := range b.Properties {
		sh.Properties[name] = eitherOf(a.at(name), sub)
	}
	for name := range a.Required {
		if b.Required[name] {
			sh.Required[name] = true
		}
	}
	if a.Additional != nil && b.Additional != nil {
		sh.Additional, sh.Declared = unite(a.Additional, b.Additional), a.Declared || b.Declared
	}
}

// eitherOf unites shapes of which nil stands for anything.
func eitherOf(a, b *Shape) *Shape {
	if a == nil || b == nil {
		return anything()
	}
	return unite(a, b)
}

func (sh *Shape) uniteElements(a, b *Shape) {
	if one := only(TypeArray, a, b); one != nil {
		sh.Prefix, sh.Items, sh.MinItems, sh.MaxItems = one.Prefix, one.Items, one.MinItems, one.MaxItems
		return
	}
	for i := range max(len(a.Prefix), len(b.Prefix)) {
		sh.Prefix = append(sh.Prefix, eitherOf(a.elementAt(i), b.elementAt(i)))
	}
	if a.Items != nil && b.Items != nil {
		sh.Items = unite(a.Items, b.Items)
	}
	sh.MinItems = min(a.MinItems, b.MinItems)
	if a.MaxItems >= 0 && b.MaxItems >= 0 {
		sh.MaxItems = max(a.MaxItems, b.MaxItems)
	}
}
