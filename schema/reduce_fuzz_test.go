package schema

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/document"
)

// reducible is a generated schema with what makes documents for it.
type reducible struct {
	schema string
	make   func(c *chooser) string
}

// reduction builds a schema with annotations.
func (c *chooser) reduction(depth int) reducible {
	one := c.strategy(depth)
	switch c.n(7) {
	case 1: // the strategy depends on a branch, to the same effect
		one.schema = fmt.Sprintf(`{"anyOf":[%s,{"const":"never"}]}`, one.schema)
	case 2: // or to another one, for strings
		c.mixed = true
		numeric := one.make
		one.schema = fmt.Sprintf(`{"if":{"type":"string"},"then":{"reduce":{"strategy":"firstWriteWins"}},"else":%s}`, one.schema)
		one.make = func(c *chooser) string {
			if c.n(4) == 1 {
				return c.text()
			}
			return numeric(c)
		}
	case 3:
		one.schema = fmt.Sprintf(`{"allOf":[%s]}`, one.schema)
	case 4: // null deletes
		one.schema = fmt.Sprintf(`{"if":{"type":"null"},"then":{"reduce":{"strategy":"lastWriteWins","delete":true}},"else":%s}`, one.schema)
		there := one.make
		one.make = func(c *chooser) string {
			if c.n(3) == 1 {
				return "null"
			}
			return there(c)
		}
	}
	return one
}

func (c *chooser) strategy(depth int) reducible {
	kinds := 15
	if depth == 0 {
		kinds = 8
	}
	annotated := func(strategy, more string, make func(c *chooser) string) reducible {
		return reducible{fmt.Sprintf(`{"reduce":{"strategy":%q}%s}`, strategy, more), make}
	}
	scalar := func(c *chooser) string { return c.document(1) }
	switch c.n(kinds) {
	case 0:
		return annotated("sum", "", func(c *chooser) string {
			return c.one("1", "2.50", `"1.1"`, "-3", "1e2", "12345678901234567890123", `"0.01"`, "0.1")
		})
	case 1:
		return annotated("minimize", "", scalar)
	case 2:
		return annotated("maximize", "", scalar)
	case 3:
		return annotated("firstWriteWins", "", scalar)
	case 4:
		return annotated("append", "", func(c *chooser) string { return c.list(c.n(3), func() string { return c.document(1) }) })
	case 5:
		return reducible{`{}`, scalar}
	case 6:
		return reducible{`{"reduce":{"strategy":"lastWriteWins","associative":false}}`, scalar}
	case 7:
		return reducible{fmt.Sprintf(`{"reduce":{"strategy":"lastWriteWins","delete":%s}}`, c.one("false", "true")), scalar}
	case 8, 9:
		return c.mergedObject(depth)
	case 10:
		return c.changedObject(depth)
	case 11:
		sub := c.reduction(depth - 1)
		return annotated("merge", `,"items":`+sub.schema, func(c *chooser) string {
			return c.list(c.n(4), func() string { return sub.make(c) })
		})
	case 12:
		sub := c.reduction(depth - 1)
		return reducible{fmt.Sprintf(`{"reduce":{"strategy":"merge","key":["/k"]},"items":{"reduce":{"strategy":"merge"},"properties":{"v":%s}}}`, sub.schema),
			func(c *chooser) string { return c.keyed(sub) }}
	case 13:
		sub := c.reduction(depth - 1)
		name := c.one("minimize", "maximize")
		return reducible{fmt.Sprintf(`{"reduce":{"strategy":%q,"key":["/k"]},"properties":{"v":%s}}`, name, sub.schema),
			func(c *chooser) string {
				return c.one(`{"k":1,"v":`, `{"k":2,"v":`, `{"v":`) + sub.make(c) + "}"
			}}
	}
	return c.setStrategy(depth)
}

func (c *chooser) mergedObject(depth int) reducible {
	a, b, other := c.reduction(depth-1), c.reduction(depth-1), c.reduction(depth-1)
	return reducible{
		fmt.Sprintf(`{"reduce":{"strategy":"merge"},"properties":{"a":%s,"b":%s},"additionalProperties":%s}`, a.schema, b.schema, other.schema),
		func(c *chooser) string {
			var members []string
			for _, m := range []struct {
				name string
				make func(c *chooser) string
			}{{`"a"`, a.make}, {`"b"`, b.make}, {`"c"`, other.make}, {`"x~/y"`, other.make}} {
				if c.n(3) > 0 {
					members = append(members, m.name+":"+m.make(c))
				}
			}
			if c.n(2) == 1 {
				slices.Reverse(members)
			}
			return "{" + strings.Join(members, " , ") + "}"
		}}
}

// changedObject is one that says of itself whether it is deleted.
func (c *chooser) changedObject(depth int) reducible {
	sub := c.reduction(depth - 1)
	return reducible{
		fmt.Sprintf(`{"if":{"properties":{"op":{"const":"d"}},"required":["op"]},"then":{"reduce":{"strategy":"merge","delete":true}},
"else":{"reduce":{"strategy":"merge"}},"properties":{"v":%s}}`, sub.schema),
		func(c *chooser) string {
			head := "{" + c.one(`"op":"u"`, `"op":"d"`, `"x":1`)
			if c.n(3) == 0 {
				return head + "}"
			}
			return head + `,"v":` + sub.make(c) + "}"
		}}
}

// keyed makes an array in the order of /k.
func (c *chooser) keyed(sub reducible) string {
	var list []string
	for k := range 4 {
		if c.n(2) == 1 {
			list = append(list, fmt.Sprintf(`{"k":%d,"v":%s}`, k, sub.make(c)))
		}
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (c *chooser) setStrategy(depth int) reducible {
	sub := c.reduction(depth - 1)
	switch c.n(3) {
	case 0:
		return reducible{fmt.Sprintf(`{"reduce":{"strategy":"set"},"properties":{"add":{"additionalProperties":%s}}}`, sub.schema),
			func(c *chooser) string {
				return c.setOf(func() string {
					var list []string
					for _, name := range []string{`"a"`, `"b"`, `"c"`} {
						if c.n(2) == 1 {
							list = append(list, name+":"+sub.make(c))
						}
					}
					return "{" + strings.Join(list, ",") + "}"
				})
			}}
	case 1:
		return reducible{fmt.Sprintf(`{"reduce":{"strategy":"set","key":["/k"]},"properties":{"add":{"items":{"reduce":{"strategy":"merge"},"properties":{"v":%s}}}}}`, sub.schema),
			func(c *chooser) string { return c.setOf(func() string { return c.keyed(sub) }) }}
	}
	return reducible{`{"reduce":{"strategy":"set"}}`, func(c *chooser) string {
		return c.setOf(func() string {
			var list []string
			for _, v := range []string{"null", "1", "2.0", `"a"`, `"b"`} {
				if c.n(2) == 1 {
					list = append(list, v)
				}
			}
			return "[" + strings.Join(list, ",") + "]"
		})
	}}
}

func (c *chooser) setOf(term func() string) string {
	switch c.n(5) {
	case 1:
		return `{"remove":` + term() + `}`
	case 2:
		return `{"add":` + term() + `,"remove":` + term() + `}`
	case 3:
		return `{"intersect":` + term() + `,"add":` + term() + `}`
	case 4:
		return `{"intersect":` + term() + `}`
	}
	return `{"add":` + term() + `}`
}

// reduceAgrees compares folds with the reference, and groupings with each other. It counts the folds that have a result.
func reduceAgrees(t *testing.T, data []byte) (results int) {
	c := &chooser{data: data}
	g := c.reduction(3)
	s := compile(t, g.schema)
	texts := make([]string, 2+c.n(6))
	docs := make([]*document.Doc, len(texts))
	values := make([]any, len(texts))
	for i := range texts {
		texts[i] = g.make(c)
		docs[i] = parse(t, texts[i])
		values[i] = decode(docs[i], 0)
		if !s.Validator().Valid(docs[i], 0) {
			t.Fatalf("generated document is invalid: %s %s", g.schema, texts[i])
		}
	}
	describe := fmt.Sprintf("schema %s\ndocuments %s", g.schema, strings.Join(texts, "\n          "))
	r := s.Reducer()
	for _, full := range []bool{false, true} {
		got, err := r.Reduce(nil, docs, full)
		want, refused := referenceReduce(s, values, full)
		if refused == nil && err != nil && (!apart(err) || !s.deletes) { // documents may be kept apart without need
			t.Fatalf("%s\nfull %t: %v, but the reference gives %s", describe, full, err, jsonText(plainValue(want)))
		}
		if err != nil || refused != nil {
			continue
		}
		results++
		if r.Deleted() != isRemoved(want) {
			t.Fatalf("%s\nfull %t: deleted %t, but the reference gives %s", describe, full, r.Deleted(), jsonText(plainValue(want)))
		}
		result, expected := parse(t, string(got)), parse(t, string(jsonText(plainValue(want))))
		if !document.Equal(result, 0, expected, 0) {
			t.Fatalf("%s\nfull %t\ngives %s\nnot   %s", describe, full, got, expected.Src)
		}
		deleted := r.Deleted()
		// Where the newer value chooses the strategy, as in `if` it is a string keep the first, otherwise the
		// greatest, the definition itself is not associative.
		for cut := 1; cut < len(docs) && !c.mixed; cut++ {
			left, leftOK := c.grouped(t, r, docs[:cut], full)
			right, rightOK := c.grouped(t, r, docs[cut:], false)
			if !leftOK || !rightOK {
				continue
			}
			both, err := r.Reduce(nil, slices.Concat(left, right), full)
			if err != nil && (full || !apart(err)) {
				t.Fatalf("%s\nfull %t: in groups, of which the first are %d: %v", describe, full, cut, err)
			}
			if err != nil {
				continue
			}
			if r.Deleted() != deleted || !deleted && string(both) != string(got) && !document.Equal(parse(t, string(both)), 0, result, 0) {
				t.Fatalf("%s\nfull %t\nat once      %s\ngroups of %d  %s\nleft %s\nright %s", describe, full, got, cut, both, sources(left), sources(right))
			}
		}
	}
	return results
}

func apart(err error) bool {
	var failed *ReduceError
	return errors.As(err, &failed) && failed.NotAssociative
}

func isRemoved(v any) bool {
	_, gone := v.(removed)
	return gone
}

func plainValue(v any) any {
	if gone, ok := v.(removed); ok {
		return gone.value
	}
	return v
}

func sources(docs []*document.Doc) []string {
	var out []string
	for _, d := range docs {
		out = append(out, string(d.Src))
	}
	return out
}

// grouped reduces documents in groups, and groups of what comes of those, as long as they reduce; full says that the
// first one is the root-most. It is false when there are documents that can neither be reduced nor kept apart.
func (c *chooser) grouped(t *testing.T, r *Reducer, docs []*document.Doc, full bool) ([]*document.Doc, bool) {
	if len(docs) == 1 && !full {
		return docs, true
	}
	if full {
		out, err := r.Reduce(nil, docs, true)
		if err != nil {
			return nil, false
		}
		if r.Deleted() {
			return nil, true
		}
		return []*document.Doc{parse(t, string(out))}, true
	}
	cut := 1 + c.n(len(docs)-1)
	left, ok := c.grouped(t, r, docs[:cut], false)
	if !ok {
		return nil, false
	}
	right, ok := c.grouped(t, r, docs[cut:], false)
	if !ok {
		return nil, false
	}
	left = slices.Clone(left)
	for _, next := range right {
		last := len(left) - 1
		out, err := r.Reduce(nil, []*document.Doc{left[last], next}, false)
		switch {
		case err == nil:
			left[last] = parse(t, string(out))
		case apart(err):
			left = append(left, next)
		default:
			return nil, false
		}
	}
	return left, true
}

func FuzzReduce(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		f.Add(randomBytes(r, 300))
	}
	f.Fuzz(func(t *testing.T, data []byte) { reduceAgrees(t, data) })
}

func TestRandomReductionsAgreeWithTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	results := 0
	for range 1500 {
		results += reduceAgrees(t, randomBytes(r, 300))
	}
	if results < 800 {
		t.Errorf("only %d reductions have a result", results)
	}
}
