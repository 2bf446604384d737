package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// pairwise reduces decoded values two at a time, as the strategies are defined.
type pairwise struct {
	full   bool
	active map[string][]*strategy // of the newer document, by pointer
	older  map[string][]*strategy // of what is older, in a partial reduction
}

// removed is a value whose location a full reduction removes.
type removed struct{ value any }

// referenceReduce gives a removed when the document is deleted.
func referenceReduce(s *Schema, docs []any, full bool) (any, error) {
	r := &pairwise{full: full}
	left, has := any(nil), false
	if !full {
		left, has, docs = docs[0], true, docs[1:]
	}
	for _, right := range docs {
		r.older = map[string][]*strategy{}
		if has && !full {
			r.active = r.older
			r.collect(s.oracle, left, "")
		}
		r.active = map[string][]*strategy{}
		r.collect(s.oracle, right, "")
		if _, gone := left.(removed); gone {
			left, has = nil, false
		}
		var err error
		if left, err = r.reduce(left, has, "", right, ""); err != nil {
			return nil, err
		}
		has = true
	}
	return left, nil
}

// collect asks v5 which branches a value takes.
func (r *pairwise) collect(s *jsonschema.Schema, v any, at string) {
	if s == nil || s.Always != nil {
		return
	}
	if reduce, ok := s.Extensions[reduceKeyword].(reduceValue); ok {
		parsed, err := parseStrategy(reduce.value)
		if err != nil {
			panic(err)
		}
		if !slices.ContainsFunc(r.active[at], parsed.same) {
			r.active[at] = append(r.active[at], parsed)
		}
	}
	r.collect(s.Ref, v, at)
	for _, sub := range s.AllOf {
		r.collect(sub, v, at)
	}
	for _, sub := range slices.Concat(s.AnyOf, s.OneOf) {
		if judge(sub, v) == nil {
			r.collect(sub, v, at)
		}
	}
	if s.If != nil {
		if judge(s.If, v) == nil {
			r.collect(s.If, v, at)
			r.collect(s.Then, v, at)
		} else {
			r.collect(s.Else, v, at)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			r.collectMember(s, name, member, at+"/"+name)
		}
	case []any:
		for i, element := range v {
			r.collect(s.Items2020, element, at+"/"+strconv.Itoa(i))
		}
	}
}

func (r *pairwise) collectMember(s *jsonschema.Schema, name string, v any, at string) {
	declared := s.Properties[name] != nil
	r.collect(s.Properties[name], v, at)
	for re, sub := range s.PatternProperties {
		if re.MatchString(name) {
			declared = true
			r.collect(sub, v, at)
		}
	}
	if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !declared {
		r.collect(sub, v, at)
	}
}

var errReference = errors.New("cannot be reduced")

func (r *pairwise) tombstone(at string) bool {
	return slices.ContainsFunc(r.older[at], func(s *strategy) bool { return s.remove })
}

// reduce is one step: right is the newer value, whose annotations count. was is where left stands.
func (r *pairwise) reduce(left any, has bool, was string, right any, at string) (any, error) {
	strategies := r.active[at]
	if len(strategies) == 0 {
		return right, nil
	}
	if len(strategies) > 1 {
		return nil, errReference
	}
	s := strategies[0]
	if has && r.tombstone(was) && s.method != lastWriteWins && !s.remove {
		return nil, errReference
	}
	v, err := r.step(s, left, has, was, right, at)
	if err == nil && s.remove && r.full {
		return removed{v}, nil
	}
	return v, err
}

func (r *pairwise) step(s *strategy, left any, has bool, was string, right any, at string) (any, error) {
	switch s.method {
	case lastWriteWins:
		if s.apart && !r.full && has && compareValues(left, right) != 0 {
			return nil, errReference
		}
		return right, nil
	case firstWriteWins:
		if has {
			return left, nil
		}
		return right, nil
	case sum:
		return r.sum(left, has, right)
	case appendItems:
		list, ok := right.([]any)
		old, oldOK := left.([]any)
		switch {
		case !ok || has && left != nil && !oldOK:
			return nil, errReference
		case has && left == nil:
			return nil, nil
		}
		return append(append([]any{}, old...), list...), nil
	case minimize, maximize:
		return r.extreme(s, left, has, was, right, at)
	case merge:
		return r.merge(left, has, was, right, at, s.key, false)
	default:
		return r.set(s, left, has, was, right, at)
	}
}

func (r *pairwise) sum(left any, has bool, right any) (any, error) {
	read := func(v any) (document.Decimal, bool, error) {
		switch v := v.(type) {
		case json.Number:
			d, err := document.ParseDecimal([]byte(v))
			return d, false, err
		case string:
			d, err := document.ParseDecimal([]byte(v))
			return d, true, err
		}
		return document.Decimal{}, false, errReference
	}
	total, text, err := read(right)
	if err != nil || !has {
		return right, err
	}
	old, oldText, err := read(left)
	if err != nil {
		return nil, err
	}
	if total, err = old.Add(total); err != nil {
		return nil, err
	}
	if text || oldText {
		return total.String(), nil
	}
	return json.Number(total.String()), nil
}

func compareValues(a, b any) int {
	var x, y document.Doc
	if err := errors.Join(x.Parse(jsonText(a)), y.Parse(jsonText(b))); err != nil {
		panic(err)
	}
	return document.Compare(&x, 0, &y, 0)
}

func compareKeys(key []document.Pointer, a, b any) int {
	if key == nil {
		return compareValues(a, b)
	}
	for _, p := range key {
		x, left := find(a, p)
		y, right := find(b, p)
		switch {
		case left && right:
			if c := compareValues(x, y); c != 0 {
				return c
			}
		case left:
			return 1
		case right:
			return -1
		}
	}
	return 0
}

func find(v any, p document.Pointer) (any, bool) {
	for _, token := range p {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[token]; !ok {
			return nil, false
		}
	}
	return v, true
}

func (r *pairwise) extreme(s *strategy, left any, has bool, was string, right any, at string) (any, error) {
	c := 0
	if has {
		if c = compareKeys(s.key, left, right); s.method == maximize {
			c = -c
		}
	}
	switch {
	case has && c < 0:
		return left, nil
	case s.key == nil:
		return right, nil
	case !has || c > 0:
		return r.merge(nil, false, was, right, at, nil, true)
	}
	return r.merge(left, true, was, right, at, nil, true)
}

func (r *pairwise) merge(left any, has bool, was string, right any, at string, key []document.Pointer, scalars bool) (any, error) {
	switch right := right.(type) {
	case map[string]any:
		old, same := left.(map[string]any)
		if !r.full && (!has || !same) {
			return r.partial(right, has)
		}
		out := map[string]any{}
		for name, v := range old {
			out[name] = v
		}
		for name, v := range right {
			before, there := old[name]
			after, err := r.reduce(before, there, was+"/"+name, v, at+"/"+name)
			if err != nil {
				return nil, err
			}
			out[name] = after
		}
		for name, v := range out {
			if _, gone := v.(removed); gone {
				delete(out, name)
			}
		}
		return out, nil
	case []any:
		old, same := left.([]any)
		if !r.full && (!has || !same) {
			return r.partial(right, has)
		}
		if key != nil {
			return r.mergeSorted(old, was, right, at, key)
		}
		out := append([]any{}, old...)
		for i := range old {
			if r.tombstone(was + "/" + strconv.Itoa(i)) {
				return nil, errReference
			}
		}
		for i, v := range right {
			var before any
			if i < len(old) {
				before = old[i]
			}
			after, err := r.reduce(before, i < len(old), was+"/"+strconv.Itoa(i), v, at+"/"+strconv.Itoa(i))
			if err != nil {
				return nil, err
			}
			if i < len(old) {
				out[i] = after
			} else {
				out = append(out, after)
			}
		}
		return present(out), nil
	}
	if scalars {
		return right, nil
	}
	return nil, errReference
}

// partial is a merge with nothing, or something of another kind, to the left.
func (r *pairwise) partial(right any, has bool) (any, error) {
	if has {
		return nil, errReference
	}
	return right, nil
}

// present leaves out the elements that are removed.
func present(list []any) []any {
	return slices.DeleteFunc(list, func(v any) bool { _, gone := v.(removed); return gone })
}

func (r *pairwise) mergeSorted(left []any, was string, right []any, at string, key []document.Pointer) (any, error) {
	out := append([]any{}, left...)
	for i, v := range right {
		where := at + "/" + strconv.Itoa(i)
		old := slices.IndexFunc(left, func(o any) bool { return compareKeys(key, o, v) == 0 })
		var before any
		if old >= 0 {
			before = left[old]
		}
		after, err := r.reduce(before, old >= 0, was+"/"+strconv.Itoa(old), v, where)
		if err != nil {
			return nil, err
		}
		out = slices.DeleteFunc(out, func(o any) bool { return compareKeys(key, o, v) == 0 })
		if _, gone := after.(removed); !gone {
			j := sort.Search(len(out), func(j int) bool { return compareKeys(key, out[j], v) >= 0 })
			out = slices.Insert(out, j, after)
		}
	}
	return out, nil
}

// set works on terms as lists of (key, value), whatever their form.
func (r *pairwise) set(s *strategy, left any, has bool, was string, right any, at string) (any, error) {
	_, isObject := right.(map[string]any)
	if old, ok := left.(map[string]any); !isObject || has && !ok {
		return nil, fmt.Errorf("%w: %v", errReference, old)
	}
	l, rt := readTerms(left), readTerms(right)
	same := func(a, b entry) bool {
		if a.named {
			return a.name == b.name
		}
		return compareKeys(s.key, a.value, b.value) == 0
	}
	in := func(list []entry) func(entry) bool {
		return func(e entry) bool { return slices.ContainsFunc(list, func(o entry) bool { return same(e, o) }) }
	}
	not := func(f func(entry) bool) func(entry) bool { return func(e entry) bool { return !f(e) } }
	filter := func(list []entry, keep func(entry) bool) []entry {
		return slices.DeleteFunc(slices.Clone(list), not(keep))
	}
	out := terms{hasAdd: l.hasAdd || rt.hasAdd, add: l.add, mask: l.mask, masked: l.masked}
	switch rt.mask {
	case "remove":
		out.add = filter(l.add, not(in(rt.masked)))
		switch l.mask {
		case "":
			out.mask, out.masked = "remove", rt.masked
		case "remove":
			out.masked = append(filter(l.masked, not(in(rt.masked))), rt.masked...)
		case "intersect":
			out.masked = filter(l.masked, not(in(rt.masked)))
		}
	case "intersect":
		out.add = filter(l.add, in(rt.masked))
		out.mask = "intersect"
		switch l.mask {
		case "":
			out.masked = rt.masked
		case "remove":
			out.masked = filter(rt.masked, not(in(l.masked)))
		case "intersect":
			out.masked = filter(rt.masked, in(l.masked))
		}
	}
	for i, e := range rt.add {
		where := at + "/add/" + e.name
		if !e.named {
			where = at + "/add/" + strconv.Itoa(i)
		}
		j := slices.IndexFunc(out.add, func(o entry) bool { return same(o, e) })
		var before any
		if j >= 0 {
			before = out.add[j].value
		}
		old := was + "/add/" + e.name
		if !e.named {
			old = was + "/add/" + strconv.Itoa(slices.IndexFunc(l.add, func(o entry) bool { return same(o, e) }))
		}
		after, err := r.reduce(before, j >= 0, old, e.value, where)
		if err != nil {
			return nil, err
		}
		e.value = after
		if j >= 0 {
			out.add = slices.Clone(out.add)
			out.add[j] = e
		} else {
			out.add = append(slices.Clone(out.add), e)
		}
	}
	out.add = slices.DeleteFunc(slices.Clone(out.add), func(e entry) bool { _, gone := e.value.(removed); return gone })
	return out.value(s, r.full, l.named || rt.named), nil
}

type entry struct {
	name  string
	named bool
	value any
}

type terms struct {
	hasAdd, named bool
	add           []entry
	mask          string
	masked        []entry
}

func readTerms(v any) terms {
	m, _ := v.(map[string]any)
	var out terms
	read := func(v any) []entry {
		var list []entry
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				list = append(list, entry{value: e})
			}
		case map[string]any:
			out.named = true
			for name, e := range v {
				list = append(list, entry{name, true, e})
			}
		}
		return list
	}
	if add, ok := m["add"]; ok {
		out.hasAdd, out.add = true, read(add)
	}
	for _, mask := range []string{"remove", "intersect"} {
		if v, ok := m[mask]; ok {
			out.mask, out.masked = mask, read(v)
		}
	}
	return out
}

func (t terms) value(s *strategy, full, named bool) any {
	write := func(list []entry) any {
		if named {
			m := map[string]any{}
			for _, e := range list {
				m[e.name] = e.value
			}
			return m
		}
		slices.SortFunc(list, func(a, b entry) int { return compareKeys(s.key, a.value, b.value) })
		out := []any{}
		for _, e := range list {
			out = append(out, e.value)
		}
		return out
	}
	out := map[string]any{}
	if t.hasAdd {
		out["add"] = write(slices.Clone(t.add))
	}
	if t.mask != "" && !full {
		out[t.mask] = write(slices.Clone(t.masked))
	}
	return out
}
