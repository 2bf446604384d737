package schema

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// lowering turns v5's compiled schemas into rules. Each compiled schema becomes one rule, so recursion is kept.
type lowering struct {
	res        *resources
	memo       map[*jsonschema.Schema]*rule
	rules      []*rule
	strategies []*strategy
	patterns   map[string]*pattern
	dynamic    []string // locations of references that v5 resolves while it validates
	anchors    map[string]int
	recursive  int // how many schemas of the resources have `$recursiveAnchor: true`
	hints      int
	faults     CompileErrors
}

func lower(oracle *jsonschema.Schema, res *resources) (*Schema, error) {
	l := &lowering{res: res, memo: map[*jsonschema.Schema]*rule{}, patterns: map[string]*pattern{}, anchors: map[string]int{}}
	l.countAnchors()
	root := l.rule(oracle)
	if err := l.faults.orNil(); err != nil {
		return nil, err
	}
	if err := l.refuseLoops(); err != nil {
		return nil, err
	}
	l.refuseConflicts(root)
	if err := l.faults.orNil(); err != nil {
		return nil, err
	}
	s := &Schema{oracle: oracle, root: root, rules: l.rules, dialect: res.dialect, hints: l.hints}
	s.reduces, s.static = surveyReductions(root)
	s.annotations = map[*strategy]*annotation{}
	for _, one := range l.strategies {
		s.annotations[one] = &annotation{strategy: one}
		s.prunes = s.prunes || one.method == set || one.remove
		s.deletes = s.deletes || one.remove
	}
	if len(l.dynamic) > 0 {
		if s.reduces {
			return nil, l.fail(l.dynamic[0], "a dynamic reference with several targets cannot be combined with reduce annotations")
		}
		slices.Sort(l.dynamic)
		for _, at := range slices.Compact(l.dynamic) {
			s.fallbacks = append(s.fallbacks, strings.TrimPrefix(at, base))
		}
		// What such a reference means depends on the schemas on the way to it, from the root on.
		s.root = &rule{location: oracle.Location, source: oracle, fallback: oracle, kinds: allKinds}
	}
	return s, nil
}

func (l *lowering) fail(location, format string, args ...any) *CompileError {
	out := &CompileError{Reason: fmt.Sprintf(format, args...)}
	l.res.place(out, location)
	return out
}

// note remembers a fault beside which others can be found.
func (l *lowering) note(location, format string, args ...any) {
	l.faults = append(l.faults, l.fail(location, format, args...))
}

// countAnchors counts the possible targets of dynamic references: with a single one, they are plain references.
func (l *lowering) countAnchors() {
	for at, doc := range l.res.docs {
		visitSchemas(doc, "", at, func(m map[string]any, _, _ string) {
			if name, ok := m["$dynamicAnchor"].(string); ok {
				l.anchors[name]++
			}
			if on, _ := m["$recursiveAnchor"].(bool); on {
				l.recursive++
			}
		})
	}
}

func (l *lowering) optional(s *jsonschema.Schema) *rule {
	if s == nil {
		return nil
	}
	return l.rule(s)
}

func (l *lowering) list(schemas []*jsonschema.Schema) []*rule {
	var out []*rule
	for _, s := range schemas {
		out = append(out, l.rule(s))
	}
	return out
}

func (l *lowering) rule(s *jsonschema.Schema) *rule {
	if r, ok := l.memo[s]; ok {
		return r
	}
	r := &rule{id: len(l.rules), location: s.Location, source: s, kinds: allKinds}
	l.memo[s] = r
	l.rules = append(l.rules, r)
	if s.Always != nil {
		if !*s.Always {
			r.kinds = 0
		}
		return r
	}
	r.kinds, r.integral = kindsOf(s.Types)
	if len(s.Constant) > 0 {
		r.constant = newValues(s.Constant[:1])
	}
	if len(s.Enum) > 0 {
		r.enum = newValues(s.Enum)
	}
	r.format = formatNamed(s.Format)
	r.members = l.memberRule(s)
	r.elements = l.elementRule(s)
	r.text = l.textRule(s)
	r.number = newNumberRule(s)
	r.inPlace = l.inPlaceRule(s)
	r.unevaluatedMembers = l.optional(s.UnevaluatedProperties)
	r.unevaluatedElements = l.optional(s.UnevaluatedItems)
	if reduce, ok := s.Extensions[reduceKeyword].(reduceValue); ok {
		r.strategy = l.strategy(s.Location, reduce.value)
	}
	return r
}

func (l *lowering) strategy(location string, v any) *strategy {
	parsed, err := parseStrategy(v)
	if err != nil {
		l.note(location+"/"+reduceKeyword, "%s", err)
		return nil
	}
	return l.one(parsed)
}

// one makes equal strategies a single pointer.
func (l *lowering) one(s *strategy) *strategy {
	for _, known := range l.strategies {
		if known.same(s) {
			return known
		}
	}
	switch {
	case s.remove:
		core := *s
		core.remove = false
		s.core = l.one(&core).core
	case s.method != lastWriteWins || s.apart:
		s.core = s
	}
	l.strategies = append(l.strategies, s)
	return s
}

func kindsOf(types []string) (kinds uint16, integral bool) {
	if len(types) == 0 {
		return allKinds, false
	}
	for _, t := range types {
		switch t {
		case "null":
			kinds |= 1 << document.Null
		case "boolean":
			kinds |= 1<<document.False | 1<<document.True
		case "integer":
			kinds |= 1<<document.Integer | 1<<document.Number
		case "number":
			kinds |= 1<<document.Integer | 1<<document.Number
		case "string":
			kinds |= 1 << document.String
		case "array":
			kinds |= 1 << document.Array
		case "object":
			kinds |= 1 << document.Object
		}
	}
	return kinds, slices.Contains(types, "integer") && !slices.Contains(types, "number")
}

func (l *lowering) memberRule(s *jsonschema.Schema) *memberRule {
	m := &memberRule{min: s.MinProperties, max: s.MaxProperties, names: l.optional(s.PropertyNames), regexNames: s.RegexProperties}
	l.properties(m, s)
	for _, re := range slices.SortedFunc(maps.Keys(s.PatternProperties), comparePatterns) {
		m.patterns = append(m.patterns, patternRule{l.pattern(re), l.rule(s.PatternProperties[re])})
	}
	switch additional := s.AdditionalProperties.(type) {
	case bool:
		m.covers, m.closed = true, !additional
	case *jsonschema.Schema:
		m.covers, m.additional = true, l.rule(additional)
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		m.needs = append(m.needs, dependency{name: name, names: s.DependentRequired[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		if names, ok := s.Dependencies[name].([]string); ok {
			m.needs = append(m.needs, dependency{name: name, names: names})
		}
	}
	if m.min <= 0 && m.max < 0 && m.names == nil && !m.regexNames && len(m.properties) == 0 && len(m.patterns) == 0 &&
		!m.covers && len(m.needs) == 0 && len(m.rest) == 0 {
		return nil
	}
	return m
}

// maxProperties is how many properties a Validator's hints can tell apart.
const maxProperties = math.MaxUint16

// properties fills the table of names that are declared or required.
func (l *lowering) properties(m *memberRule, s *jsonschema.Schema) {
	m.index = map[string]int{}
	add := func(name string) *property {
		i, ok := m.index[name]
		if !ok {
			i = len(m.properties)
			m.index[name] = i
			m.properties = append(m.properties, property{name: name})
		}
		return &m.properties[i]
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		sub := l.rule(s.Properties[name])
		add(name).rule = sub
	}
	bit := uint64(1)
	for _, name := range s.Required {
		if bit == 0 {
			m.rest = append(m.rest, name)
			continue
		}
		if p := add(name); p.bit == 0 {
			p.bit = bit
			m.required |= bit
			bit <<= 1
		}
	}
	if len(m.properties) > maxProperties {
		l.note(s.Location, "has more than %d properties", maxProperties)
	}
	m.hint = l.hints
	l.hints += len(m.properties) + 1
}

func (l *lowering) elementRule(s *jsonschema.Schema) *elementRule {
	e := &elementRule{min: s.MinItems, max: s.MaxItems, unique: s.UniqueItems, counts: s.ContainsEval,
		prefix: l.list(s.PrefixItems), rest: l.optional(s.Items2020)}
	e.covers = e.rest != nil
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		e.rest, e.covers = l.rule(items), true
	case []*jsonschema.Schema:
		e.prefix = l.list(items)
		switch more := s.AdditionalItems.(type) {
		case bool:
			e.closed, e.covers = !more, more
		case *jsonschema.Schema:
			e.rest, e.covers = l.rule(more), true
		}
	}
	if s.MinContains != -1 || s.MaxContains != -1 {
		e.contains, e.least, e.most = l.optional(s.Contains), s.MinContains, s.MaxContains
	}
	if e.min <= 0 && e.max < 0 && !e.unique && len(e.prefix) == 0 && e.rest == nil && !e.closed && !e.covers && e.contains == nil {
		return nil
	}
	return e
}

func (l *lowering) textRule(s *jsonschema.Schema) *textRule {
	if s.MinLength <= 0 && s.MaxLength == -1 && s.Pattern == nil {
		return nil
	}
	t := &textRule{min: s.MinLength, max: s.MaxLength}
	if s.Pattern != nil {
		t.pattern = l.pattern(s.Pattern)
	}
	return t
}

func (l *lowering) inPlaceRule(s *jsonschema.Schema) *inPlaceRule {
	p := &inPlaceRule{any: l.list(s.AnyOf), one: l.list(s.OneOf), not: l.optional(s.Not)}
	for _, ref := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef} {
		if ref != nil {
			p.all = append(p.all, l.rule(ref))
		}
	}
	p.all = append(p.all, l.list(s.AllOf)...)
	if s.If != nil {
		p.cond, p.then, p.alts = l.rule(s.If), l.optional(s.Then), l.optional(s.Else)
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		p.needs = append(p.needs, dependency{name: name, rule: l.rule(s.DependentSchemas[name])})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
			p.needs = append(p.needs, dependency{name: name, rule: l.rule(sub)})
		}
	}
	l.noteDynamic(s)
	p.branches = len(p.any) > 0 || len(p.one) > 0 || p.cond != nil || len(p.needs) > 0
	if !p.branches && len(p.all) == 0 && p.not == nil {
		return nil
	}
	return p
}

// noteDynamic finds the references whose target depends on how validation came to them.
func (l *lowering) noteDynamic(s *jsonschema.Schema) {
	own := !strings.HasPrefix(s.Location, "http://json-schema.org/") && !strings.HasPrefix(s.Location, "https://json-schema.org/")
	if ref := s.RecursiveRef; ref != nil && ref.RecursiveAnchor && (l.recursive > 1 || !own) {
		l.dynamic = append(l.dynamic, s.Location+"/$recursiveRef")
	}
	if ref := s.DynamicRef; ref != nil && ref.DynamicAnchor != "" && (l.anchors[ref.DynamicAnchor] > 1 || !own) {
		l.dynamic = append(l.dynamic, s.Location+"/$dynamicRef")
	}
}

// inPlaceRules lists the rules that a rule applies to the same value.
func (r *rule) inPlaceRules() []*rule {
	p := r.inPlace
	if p == nil {
		return nil
	}
	out := slices.Concat(p.all, p.any, p.one)
	for _, sub := range []*rule{p.not, p.cond, p.then, p.alts} {
		if sub != nil {
			out = append(out, sub)
		}
	}
	for _, need := range p.needs {
		out = append(out, need.rule)
	}
	return out
}

// refuseLoops refuses schemas that apply themselves to the same value, which v5 notices only at some of them while
// it compiles, and at the others for some documents.
func (l *lowering) refuseLoops() error {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(l.rules))
	var walk func(r *rule) *rule
	walk = func(r *rule) *rule {
		switch state[r.id] {
		case open:
			return r
		case done:
			return nil
		}
		state[r.id] = open
		for _, sub := range r.inPlaceRules() {
			if loop := walk(sub); loop != nil {
				return loop
			}
		}
		state[r.id] = done
		return nil
	}
	if len(l.dynamic) > 0 {
		return nil // v5 decides, for each document
	}
	for _, r := range l.rules {
		if loop := walk(r); loop != nil {
			return l.fail(loop.location, "refers to itself at the same place of the document, without an end")
		}
	}
	return nil
}
