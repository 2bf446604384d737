package schema

import (
	"cmp"
	"encoding/json"
	"slices"
)

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
