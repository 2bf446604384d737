package schema

import (
	"fmt"
	"strings"
)

// chooser makes decisions out of fuzzing input; when that is used up, the first choice is taken.
type chooser struct {
	data  []byte
	mixed bool // some location's strategy depends on the value
}

func (c *chooser) n(limit int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % limit
}

func (c *chooser) one(of ...string) string { return of[c.n(len(of))] }

var memberNames = []string{`"a"`, `"b"`, `"c"`, `"\u0061"`, `"é"`, `"ab"`, `"x~/y"`, `"b\u0063"`}

func (c *chooser) name() string { return memberNames[c.n(len(memberNames))] }

func (c *chooser) number() string {
	return c.one("0", "1", "2", "-1", "1.0", "1.5", "3", "-0", "1e2", "0.01", "10", "1e-2", "12345678901234567890", "0.30", "100000000000000000000000", "2.50e1", "1E+3")
}

func (c *chooser) text() string {
	return c.one(`""`, `"a"`, `"ab"`, `"\u0061"`, `"é"`, `"\ud83d\ude00"`, `"aab"`, `"2026-01-07T12:34:56Z"`, `"2026-02-30"`, `"12:00:00Z"`,
		`"127.0.0.1"`, `"abc\n"`, `"b"`, `"1.5"`, `"a/b"`, `"123e4567-e89b-12d3-a456-426614174000"`, `"0"`)
}

// document builds a value; no name occurs twice in an object.
func (c *chooser) document(depth int) string {
	kinds := 8
	if depth == 0 {
		kinds = 5
	}
	switch c.n(kinds) {
	case 0:
		return "null"
	case 1:
		return c.one("true", "false")
	case 2, 3:
		return c.number()
	case 4:
		return c.text()
	case 5:
		var list []string
		for range c.n(5) {
			list = append(list, c.document(depth-1))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	var members []string
	used := map[string]bool{}
	for range c.n(6) {
		name := c.name()
		plain := strings.NewReplacer(`\u0061`, "a", `\u0063`, "c").Replace(name)
		if used[plain] {
			continue
		}
		used[plain] = true
		members = append(members, name+":"+c.document(depth-1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (c *chooser) list(n int, item func() string) string {
	var items []string
	for range n {
		items = append(items, item())
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (c *chooser) members(n int, value func() string) string {
	var members []string
	used := map[string]bool{}
	for range n {
		name := memberNames[[]int{0, 1, 2, 4, 5, 6}[c.n(6)]]
		if !used[name] {
			used[name] = true
			members = append(members, name+":"+value())
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (c *chooser) types() string {
	one := func() string {
		return c.one(`"object"`, `"array"`, `"string"`, `"integer"`, `"number"`, `"null"`, `"boolean"`)
	}
	if c.n(2) == 0 {
		return one()
	}
	a, b := one(), one()
	if a == b {
		return a
	}
	return "[" + a + "," + b + "]"
}

func (c *chooser) pattern() string {
	return c.one(`"^a"`, `"^[a-c]+$"`, `"b"`, `"^a{1,2}b?$"`, `"^[^/]*$"`, `"^é$"`, `"c$|^$"`, `"^[0-9]+-"`, `"^a*ab"`)
}

// keywordMakers lists the keywords of the generated schemas, each with what makes a value for it.
func keywordMakers() []keywordMaker {
	return []keywordMaker{
		{"type", func(c *chooser, _ int) string { return c.types() }},
		{"properties", func(c *chooser, d int) string { return c.members(1+c.n(3), func() string { return c.schema(d - 1) }) }},
		{"required", func(c *chooser, _ int) string {
			return c.one(`["a"]`, `["b","a"]`, `["é","x~/y"]`, `["c"]`)
		}},
		{"additionalProperties", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"patternProperties", func(c *chooser, d int) string {
			return fmt.Sprintf("{%s:%s,\"é\":%s}", c.pattern(), c.schema(d-1), c.schema(d-1))
		}},
		{"propertyNames", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"minProperties", func(c *chooser, _ int) string { return c.one("1", "2", "0") }},
		{"maxProperties", func(c *chooser, _ int) string { return c.one("2", "1", "3") }},
		{"dependentRequired", func(c *chooser, _ int) string { return c.one(`{"a":["b"]}`, `{"b":["a","c"]}`) }},
		{"dependentSchemas", func(c *chooser, d int) string { return c.members(1, func() string { return c.schema(d - 1) }) }},
		{"dependencies", func(c *chooser, d int) string {
			return fmt.Sprintf(`{"a":%s,"b":["c"]}`, c.schema(d-1))
		}},
		{"items", func(c *chooser, d int) string {
			if c.n(3) == 2 {
				return c.list(1+c.n(2), func() string { return c.schema(d - 1) })
			}
			return c.schema(d - 1)
		}},
		{"additionalItems", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"prefixItems", func(c *chooser, d int) string { return c.list(1+c.n(2), func() string { return c.schema(d - 1) }) }},
		{"contains", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"minContains", func(c *chooser, _ int) string { return c.one("0", "1", "2") }},
		{"maxContains", func(c *chooser, _ int) string { return c.one("0", "1", "2") }},
		{"uniqueItems", func(c *chooser, _ int) string { return c.one("true", "false") }},
		{"minItems", func(c *chooser, _ int) string { return c.one("1", "2") }},
		{"maxItems", func(c *chooser, _ int) string { return c.one("2", "1") }},
		{"minLength", func(c *chooser, _ int) string { return c.one("1", "2", "3") }},
		{"maxLength", func(c *chooser, _ int) string { return c.one("1", "2", "0") }},
		{"pattern", func(c *chooser, _ int) string { return c.pattern() }},
		{"format", func(c *chooser, _ int) string {
			return c.one(`"date-time"`, `"date"`, `"time"`, `"uuid"`, `"ipv4"`, `"number"`, `"integer"`, `"regex"`, `"json-pointer"`, `"nonsense"`)
		}},
		{"minimum", func(c *chooser, _ int) string { return c.number() }},
		{"maximum", func(c *chooser, _ int) string { return c.number() }},
		{"exclusiveMinimum", func(c *chooser, _ int) string { return c.number() }},
		{"exclusiveMaximum", func(c *chooser, _ int) string { return c.one(c.number(), "true") }},
		{"multipleOf", func(c *chooser, _ int) string { return c.one("2", "0.01", "1.5", "1e1", "3") }},
		{"enum", func(c *chooser, _ int) string {
			return "[" + c.document(1) + "," + c.document(2) + ",\"unlikely\"]"
		}},
		{"const", func(c *chooser, _ int) string { return c.document(1) }},
		{"allOf", func(c *chooser, d int) string { return c.list(1+c.n(2), func() string { return c.schema(d - 1) }) }},
		{"anyOf", func(c *chooser, d int) string { return c.list(1+c.n(3), func() string { return c.schema(d - 1) }) }},
		{"oneOf", func(c *chooser, d int) string { return c.list(1+c.n(3), func() string { return c.schema(d - 1) }) }},
		{"not", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"if", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"then", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"else", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"$ref", func(c *chooser, _ int) string { return c.one(`"#/$defs/a"`, `"#/$defs/b"`, `"#"`, `"#here"`) }},
		{"$dynamicRef", func(c *chooser, _ int) string { return c.one(`"#here"`, `"#there"`) }},
		{"$recursiveRef", func(c *chooser, _ int) string { return `"#"` }},
		{"unevaluatedProperties", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"unevaluatedItems", func(c *chooser, d int) string { return c.schema(d - 1) }},
		{"contentEncoding", func(c *chooser, _ int) string { return `"base64"` }},
	}
}

type keywordMaker struct {
	name string
	make func(c *chooser, depth int) string
}

// schema builds a schema; what it means may be nothing, and it may not compile.
func (c *chooser) schema(depth int) string {
	if depth <= 0 {
		return c.one("true", `{"type":"integer"}`, "false", `{"type":["string","null"]}`, "{}", `{"minimum":1}`, `{"required":["a"]}`, `{"$ref":"#/$defs/a"}`)
	}
	keywords, makers := map[string]bool{}, keywordMakers()
	var parts []string
	for range 1 + c.n(4) {
		k := makers[c.n(len(makers))]
		if !keywords[k.name] {
			keywords[k.name] = true
			parts = append(parts, fmt.Sprintf("%q:%s", k.name, k.make(c, depth)))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// rootSchema builds a schema with definitions that its references lead to.
func (c *chooser) rootSchema() string {
	body := strings.TrimPrefix(c.schema(3), "{")
	head := fmt.Sprintf(`{"$defs":{"a":%s,"b":{"$anchor":"here","$dynamicAnchor":"there","allOf":[%s]}},`, c.schema(2), c.schema(1))
	switch c.n(8) {
	case 1:
		head += `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	case 2:
		head += `"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,`
	case 3:
		head += `"$schema":"http://json-schema.org/draft-07/schema#",`
	case 4:
		head += `"$schema":"http://json-schema.org/draft-06/schema#",`
	case 5:
		head += `"$schema":"http://json-schema.org/draft-04/schema#",`
	case 6:
		head += `"$dynamicAnchor":"there",`
	}
	return head + body
}
