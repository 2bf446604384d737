package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"weir/document"
)

// limitKeyword bounds, at the root of a schema that jsonSchemaMerge merges, how many locations the result describes.
const limitKeyword = "x-complexity-limit"

const (
	// maxLocations bounds it in any case: documents come from anywhere, and a reduction is to end.
	maxLocations = 5000
	// maxExpanded bounds what a schema describes when its references are followed, each time anew.
	maxExpanded = 4 * maxLocations
)

// mergedURL names a schema that is itself a value.
const mergedURL = "value.json"

// foldSchemas unites JSON schemas: the result accepts what any of them does.
func (r *Reducer) foldSchemas(dst []byte, s *strategy, l list) []byte {
	if l.n == 1 {
		return r.copy(dst, r.cells[l.last])
	}
	var all *Shape
	limit := 0
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		text := r.copy(nil, c)
		one, err := Compile(Source{URL: mergedURL, Resources: map[string]json.RawMessage{mergedURL: text}})
		if err != nil {
			r.fail(c, s, "needs a JSON schema: %v", err)
			return dst
		}
		newer, ok := complexityLimit(r.docs[c.doc], c.node)
		switch {
		case !ok:
			r.fail(c, s, "%s is a number from 1 on", limitKeyword)
			return dst
		case one.expanded() > maxExpanded:
			r.fail(c, s, "the schema describes more than %d locations", maxExpanded)
			return dst
		case newer > 0:
			limit = newer
		}
		if all == nil {
			all = one.Shape()
		} else {
			all = unite(all, one.Shape())
		}
	}
	most := maxLocations
	if limit > 0 {
		most = min(limit, most)
	}
	out := all.within(most).describe()
	if object, ok := out.(map[string]any); ok && limit > 0 {
		object[limitKeyword] = limit
	}
	return append(dst, jsonText(out)...)
}

// complexityLimit reads a schema's limit, 0 when it has none.
func complexityLimit(d *document.Doc, node uint32) (limit int, ok bool) {
	if d.Nodes[node].Kind != document.Object {
		return 0, true
	}
	i, there := d.Get(node, limitKeyword)
	if !there {
		return 0, true
	}
	limit, err := strconv.Atoi(string(d.Raw(i)))
	return limit, err == nil && limit > 0
}

// expanded counts the locations that a schema describes when its references are followed, each time anew, up to
// somewhat more than maxExpanded. Inside of itself a recursive schema is one.
func (s *Schema) expanded() int {
	sizes := map[*rule]int{}
	var count func(r *rule) int
	count = func(r *rule) int {
		if r == nil {
			return 0
		}
		if n, ok := sizes[r]; ok {
			return n
		}
		sizes[r] = 1
		n := 1
		always, sometimes := r.annotating()
		for _, sub := range slices.Concat(always, sometimes) {
			n = min(n+count(sub), maxExpanded+1)
		}
		sizes[r] = n
		return n
	}
	return count(s.root)
}

// describe writes a shape as a JSON schema, from which the same shape is inferred.
func (sh *Shape) describe() any {
	if sh.Types == 0 {
		return false
	}
	out := map[string]any{}
	switch names := sh.Types.Names(); {
	case sh.Types == AnyType:
	case len(names) == 1:
		out["type"] = names[0]
	default:
		out["type"] = names
	}
	for keyword, text := range map[string]string{"title": sh.Title, "description": sh.Description} {
		if text != "" {
			out[keyword] = text
		}
	}
	if sh.Default != nil {
		out["default"] = sh.Default
	}
	if sh.Enum != nil {
		out["enum"] = sh.Enum
	}
	sh.describeScalars(out)
	if sh.Types&TypeObject != 0 {
		sh.describeMembers(out)
	}
	if sh.Types&TypeArray != 0 {
		sh.describeElements(out)
	}
	if len(out) == 0 {
		return true
	}
	return out
}

func (sh *Shape) describeScalars(out map[string]any) {
	if sh.Types&TypeString != 0 {
		for keyword, text := range map[string]string{"format": sh.Format, "contentEncoding": sh.ContentEncoding} {
			if text != "" {
				out[keyword] = text
			}
		}
	}
	if sh.Types&TypeNumber != 0 {
		for keyword, number := range map[string]string{"minimum": sh.Minimum, "maximum": sh.Maximum} {
			if number != "" {
				out[keyword] = json.Number(number)
			}
		}
	}
}

func (sh *Shape) describeMembers(out map[string]any) {
	properties := map[string]any{}
	for name, sub := range sh.Properties {
		properties[name] = sub.describe()
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(sh.Required) > 0 {
		out["required"] = slices.Sorted(maps.Keys(sh.Required))
	}
	describeRest(out, "additionalProperties", sh.Additional)
}

// describeRest writes what holds for members or elements that are not named, where that is not anything.
func describeRest(out map[string]any, keyword string, sh *Shape) {
	if sh == nil {
		return
	}
	if described := sh.describe(); described != true {
		out[keyword] = described
	}
}

func (sh *Shape) describeElements(out map[string]any) {
	var prefix []any
	for _, sub := range sh.Prefix {
		prefix = append(prefix, sub.describe())
	}
	if prefix != nil {
		out["prefixItems"] = prefix
	}
	describeRest(out, "items", sh.Items)
	if sh.MinItems > 0 {
		out["minItems"] = sh.MinItems
	}
	if sh.MaxItems >= 0 {
		out["maxItems"] = sh.MaxItems
	}
}

// within is the shape with at most limit locations. From the deepest ones up, members and elements lose their names and
// places: what is known of each becomes what is known of all. Where that is not enough, what is below is left open.
func (sh *Shape) within(limit int) *Shape {
	for _, change := range []func(*Shape){(*Shape).unname, (*Shape).leaveOpen} {
		for depth := sh.depth(); depth > 0 && sh.locations() > limit; depth-- {
			sh = sh.changedAt(depth-1, change)
		}
	}
	return sh
}

func (sh *Shape) unname() {
	for _, name := range sh.Names() {
		if sh.Additional != nil {
			sh.Additional, sh.Declared = unite(sh.Additional, sh.Properties[name]), true
		}
	}
	for _, sub := range sh.Prefix {
		if sh.Items != nil {
			sh.Items = unite(sh.Items, sub)
		}
	}
	sh.Properties, sh.Required, sh.Prefix = nil, nil, nil
}

func (sh *Shape) leaveOpen() {
	sh.Properties, sh.Required, sh.Additional, sh.Prefix, sh.Items = nil, nil, nil, nil, nil
}

// children lists the shapes right below.
func (sh *Shape) children() []*Shape {
	var out []*Shape
	for _, sub := range sh.Properties {
		out = append(out, sub)
	}
	out = append(out, sh.Prefix...)
	for _, sub := range []*Shape{sh.Additional, sh.Items} {
		if sub != nil {
			out = append(out, sub)
		}
	}
	return out
}

// locations counts what the shape describes, itself included. What cannot exist is not one.
func (sh *Shape) locations() int {
	if sh.Types == 0 {
		return 0
	}
	n := 1
	for _, sub := range sh.children() {
		n += sub.locations()
	}
	return n
}

func (sh *Shape) depth() int {
	deepest := 0
	for _, sub := range sh.children() {
		if sub.Types != 0 {
			deepest = max(deepest, 1+sub.depth())
		}
	}
	return deepest
}

// changedAt is a copy in which the shapes at a depth are changed.
func (sh *Shape) changedAt(depth int, change func(*Shape)) *Shape {
	out := *sh
	if depth == 0 {
		change(&out)
		return &out
	}
	below := func(sub *Shape) *Shape {
		if sub == nil {
			return nil
		}
		return sub.changedAt(depth-1, change)
	}
	out.Properties = map[string]*Shape{}
	for name, sub := range sh.Properties {
		out.Properties[name] = below(sub)
	}
	out.Prefix = nil
	for _, sub := range sh.Prefix {
		out.Prefix = append(out.Prefix, below(sub))
	}
	out.Additional, out.Items = below(sh.Additional), below(sh.Items)
	return &out
}
