package schema

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

const reduceKeyword = "reduce"

// reduceExtension makes v5 keep the value of `reduce` in each compiled schema. What it says is checked when the
// schema is lowered, where its location is known.
type reduceExtension struct{}

type reduceValue struct{ value any }

func (reduceExtension) Compile(_ jsonschema.CompilerContext, m map[string]any) (jsonschema.ExtSchema, error) {
	if v, ok := m[reduceKeyword]; ok {
		return reduceValue{v}, nil
	}
	return nil, nil
}

// Validate accepts everything: an annotation does not restrict documents.
func (reduceValue) Validate(jsonschema.ValidationContext, any) error { return nil }

// method is how two values of a location become one.
type method uint8

const (
	lastWriteWins method = iota
	firstWriteWins
	merge
	sum
	minimize
	maximize
	appendItems
	set
	mergeSchemas
)

// strategy is a reduce annotation. Equal annotations of a schema are one pointer.
type strategy struct {
	method method
	name   string
	key    []document.Pointer // of merge, minimize, maximize and set; nil when not given
	remove bool               // delete: a full reduction removes the location
	apart  bool               // associative: false: different values stay apart until a full reduction

	// core is the strategy without delete, by which values become one, also those of annotations that differ in
	// nothing else. It is nil for the last write that wins.
	core *strategy
}

// conflict stands for two different strategies at one location.
type conflict struct{ a, b *strategy }

// methodOptions are the strategies with the options that they take.
var methodOptions = map[string]struct {
	method  method
	options []string
}{
	"lastWriteWins":  {lastWriteWins, []string{"associative", "delete"}},
	"firstWriteWins": {firstWriteWins, nil},
	"merge":          {merge, []string{"delete", "key"}},
	"sum":            {sum, nil},
	"minimize":       {minimize, []string{"key"}},
	"maximize":       {maximize, []string{"key"}},
	"append":         {appendItems, nil},
	"set":            {set, []string{"key"}},

	"jsonSchemaMerge": {mergeSchemas, nil},
}

// parseStrategy reads the value of a `reduce` keyword.
func parseStrategy(v any) (*strategy, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reduce is an object such as {strategy: sum}")
	}
	known := strings.Join(slices.Sorted(maps.Keys(methodOptions)), ", ")
	name, ok := m["strategy"].(string)
	if !ok {
		return nil, fmt.Errorf("reduce needs a strategy: one of %s", known)
	}
	kind, ok := methodOptions[name]
	if !ok {
		return nil, fmt.Errorf("unknown strategy %q; known are %s", name, known)
	}
	s := &strategy{method: kind.method, name: name}
	for _, option := range slices.Sorted(maps.Keys(m)) {
		if option == "strategy" {
			continue
		}
		if !slices.Contains(kind.options, option) {
			return nil, fmt.Errorf("strategy %s has no option %q; %s", name, option, knownOptions(kind.options))
		}
		if err := s.setOption(option, m[option]); err != nil {
			return nil, fmt.Errorf("option %s of strategy %s: %w", option, name, err)
		}
	}
	return s, nil
}

func knownOptions(options []string) string {
	if len(options) == 0 {
		return "it takes none"
	}
	return "it takes " + strings.Join(options, ", ")
}

func (s *strategy) setOption(option string, v any) error {
	if option == "key" {
		return s.setKey(v)
	}
	on, ok := v.(bool)
	if !ok {
		return fmt.Errorf("is true or false")
	}
	if option == "delete" {
		s.remove = on
	} else {
		s.apart = !on
	}
	return nil
}

func (s *strategy) setKey(v any) error {
	list, _ := v.([]any)
	if len(list) == 0 {
		return fmt.Errorf("is a list of JSON pointers, with at least one")
	}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return fmt.Errorf("is a list of JSON pointers, with at least one")
		}
		p, err := document.ParsePointer(text)
		if err != nil {
			return err
		}
		s.key = append(s.key, p)
	}
	return nil
}

// same reports whether two annotations say the same.
func (s *strategy) same(t *strategy) bool {
	return s.method == t.method && s.remove == t.remove && s.apart == t.apart && slices.EqualFunc(s.key, t.key, slices.Equal[document.Pointer])
}

// String spells the annotation as users write it.
func (s *strategy) String() string {
	text := s.name
	if s.key != nil {
		names := make([]string, len(s.key))
		for i, p := range s.key {
			names[i] = strconv.Quote(p.String())
		}
		text += ", key: [" + strings.Join(names, ", ") + "]"
	}
	if s.remove {
		text += ", delete: true"
	}
	if s.apart {
		text += ", associative: false"
	}
	return "{strategy: " + text + "}"
}
