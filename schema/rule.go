package schema

import (
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// rule is a compiled schema, lowered. Groups of keywords that apply to one kind of values are nil when the schema
// has none of them.
type rule struct {
	id       int
	location string // as v5 names it
	source   *jsonschema.Schema

	fallback *jsonschema.Schema // v5 decides, nothing else here counts
	kinds    uint16             // bit set of document.Kind that are allowed
	integral bool               // a number that is written with a fraction or exponent must be an integer
	constant *values
	enum     *values
	members  *memberRule
	elements *elementRule
	text     *textRule
	number   *numberRule
	format   *format // asserted on every kind of value by v5, though all its formats accept what is no string
	inPlace  *inPlaceRule

	unevaluatedMembers  *rule
	unevaluatedElements *rule

	strategy *strategy // of the reduce annotation, or nil
}

const allKinds = 1<<(document.Object+1) - 1

// memberRule holds what applies to objects.
type memberRule struct {
	min, max   int // -1: none
	properties []property
	index      map[string]int // into properties
	hint       int            // where this rule's hints begin
	required   uint64         // bit set of property.bit
	rest       []string       // required names beyond 64
	patterns   []patternRule
	additional *rule
	closed     bool // additionalProperties: false
	covers     bool // additionalProperties is there: every member counts as evaluated
	names      *rule
	regexNames bool // names must be regular expressions (draft-04's metaschema)
	needs      []dependency
}

type property struct {
	name string
	bit  uint64 // in memberRule.required; 0 when not required
	rule *rule  // nil when the name is only required
}

type patternRule struct {
	pattern *pattern
	rule    *rule
}

// dependency is what the presence of a name asks for.
type dependency struct {
	name  string
	names []string
	rule  *rule
}

// elementRule holds what applies to arrays.
type elementRule struct {
	min, max int // -1: none
	unique   bool
	prefix   []*rule
	rest     *rule
	closed   bool // nothing may follow prefix
	covers   bool // every element counts as evaluated
	contains *rule
	least    int  // -1: none
	most     int  // -1: none
	counts   bool // elements that match contains count as evaluated
}

// textRule holds what applies to strings.
type textRule struct {
	min, max int // code points; -1: none
	pattern  *pattern
}

// numberRule holds what applies to numbers.
type numberRule struct {
	min, above, max, below *bound
	multiple               *bound
}

// inPlaceRule holds the schemas that apply to the same value.
type inPlaceRule struct {
	all              []*rule // references and allOf
	any              []*rule
	one              []*rule
	not              *rule
	cond, then, alts *rule
	needs            []dependency // dependentSchemas
	branches         bool         // any, one, cond or needs: what applies depends on the value
}

// format is a named format.
type format struct {
	accepts func(any) bool
	quick   func([]byte) bool // true: accepted for certain; nil when there is none
}

// pattern is a regular expression.
type pattern struct {
	re   *regexp.Regexp
	runs []byteRun // set when the expression is a sequence of byte classes
	fast bool
	end  bool
}
