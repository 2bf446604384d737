package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// Explain says why a document is invalid, sorted by the place in the document. It returns nil for a valid one. It
// takes some hundred times as long as Valid: it is meant for documents that Valid refused.
func (s *Schema) Explain(raw []byte) []Violation {
	var d document.Doc
	if err := d.Parse(raw); err != nil {
		return []Violation{{Rule: "syntax", Message: err.Error()}}
	}
	err := judge(s.oracle, decode(&d, 0))
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []Violation{{Rule: "schema", Message: "cannot be validated: " + err.Error()}}
	}
	var out []Violation
	for _, l := range (explanation{&d, s}).leaves(invalid) {
		out = append(out, Violation{Pointer: l.pointer(), Rule: l.keyword(), SchemaPointer: s.schemaPointer(l.err), Message: l.message()})
	}
	slices.SortStableFunc(out, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.SchemaPointer, b.SchemaPointer))
	})
	return slices.Compact(out)
}

// schemaPointer is where the violated keyword stands, as the user wrote the schema.
func (s *Schema) schemaPointer(err *jsonschema.ValidationError) string {
	at, pointer := s.dialect.split(err.AbsoluteKeywordLocation)
	if own, _ := s.dialect.split(s.oracle.Location); own == at {
		return pointer
	}
	return strings.TrimPrefix(at, base) + "#" + pointer
}

// explanation has what messages quote: the document and the schema. Both are nil when a schema is itself the document.
type explanation struct {
	d *document.Doc
	s *Schema
}

// leaf is one reason among those of a tree of v5's errors.
type leaf struct {
	explanation
	err          *jsonschema.ValidationError
	alternatives []leaf // of anyOf and oneOf: why each was refused
}

// nearest returns the first reason of an error.
func nearest(err *jsonschema.ValidationError) leaf { return explanation{}.leaves(err)[0] }

// leaves flattens an error, in the order of places. Of the alternatives of anyOf and oneOf it follows the one that was meant, if
// that can be told.
func (e explanation) leaves(err *jsonschema.ValidationError) []leaf {
	if len(err.Causes) == 0 || strings.HasSuffix(err.KeywordLocation, "/minContains") {
		return []leaf{{explanation: e, err: err}}
	}
	if err.Message == "anyOf failed" || err.Message == "oneOf failed" {
		return e.choice(err)
	}
	var out []leaf
	for _, cause := range err.Causes {
		out = append(out, e.leaves(cause)...)
	}
	slices.SortStableFunc(out, func(a, b leaf) int {
		return cmp.Or(cmp.Compare(a.err.InstanceLocation, b.err.InstanceLocation),
			cmp.Compare(a.err.AbsoluteKeywordLocation, b.err.AbsoluteKeywordLocation))
	})
	return out
}

func (e explanation) choice(err *jsonschema.ValidationError) []leaf {
	self := leaf{explanation: e, err: err}
	var meant [][]leaf
	for _, cause := range err.Causes {
		branch := e.leaves(cause)
		at := slices.IndexFunc(branch, func(l leaf) bool { return l.excludes(err.InstanceLocation) })
		self.alternatives = append(self.alternatives, branch[max(at, 0)])
		if at < 0 {
			meant = append(meant, branch)
		}
	}
	if len(meant) == 1 {
		return meant[0]
	}
	return []leaf{self}
}

// excludes reports whether a reason shows that an alternative was not meant: the value is of another type, or a
// member that tells alternatives apart has another value.
func (l leaf) excludes(instance string) bool {
	below, ok := strings.CutPrefix(l.err.InstanceLocation, instance)
	if !ok {
		return false
	}
	switch l.keyword() {
	case "type":
		return below == ""
	case "const", "enum":
		return strings.Count(below, "/") <= 1
	}
	return false
}

func (l leaf) pointer() string { return plainPointer(l.err.InstanceLocation) }

const notAllowed = "not allowed"

// keyword is the violated keyword.
func (l leaf) keyword() string {
	tokens := strings.Split(l.err.AbsoluteKeywordLocation, "/")
	last := len(tokens) - 1
	switch {
	case last >= 2 && (tokens[last-2] == "dependentRequired" || tokens[last-2] == "dependencies"):
		return tokens[last-2]
	case l.err.Message != notAllowed:
		return tokens[last]
	case slices.Contains(schemaKeywords, tokens[last]):
		return tokens[last]
	case last >= 1 && (slices.Contains(listKeywords, tokens[last-1]) || slices.Contains(mapKeywords, tokens[last-1])):
		return tokens[last-1]
	}
	return "false"
}

// value is an excerpt of the offending value, or "" when there is none at hand.
func (l leaf) value() string {
	if l.d == nil {
		return ""
	}
	p, err := document.ParsePointer(l.pointer())
	if err != nil {
		return ""
	}
	node, ok := p.Find(l.d, 0)
	if !ok {
		return ""
	}
	return excerpt(l.d.Raw(node))
}

// message says what is wrong, for people.
func (l leaf) message() string {
	text, value := l.err.Message, l.value()
	with := func(join string) string {
		if value == "" {
			return text
		}
		return text + join + value
	}
	if l.alternatives != nil {
		return l.choiceMessage(value)
	}
	if text == notAllowed {
		return "is not allowed here"
	}
	switch l.keyword() {
	case "type":
		return with(" ")
	case "enum", "const":
		text = l.allowed()
		return with(", but got ")
	case "pattern":
		return with(": ")
	case "format":
		if at := strings.LastIndex(text, " is not valid "); at >= 0 && value != "" {
			return value + " is not a valid " + strings.Trim(text[at+len(" is not valid "):], "'")
		}
	case "additionalProperties":
		names := strings.TrimSuffix(strings.TrimPrefix(text, "additionalProperties "), " not allowed")
		list := strings.Split(names, ", ")
		slices.Sort(list)
		return "properties that are not allowed: " + strings.Join(list, ", ")
	case "minContains", "maxContains":
		return strings.Replace(text, "valid must be", "number of elements that match contains must be", 1)
	case "oneOf":
		return strings.Replace(text, "valid against schemas at indexes", "must match one alternative only, but matches those at indexes", 1)
	case "not":
		return strings.Replace(with(": "), "not failed", "matches what `not` forbids", 1)
	}
	return text
}

// allowed lists the values of enum or const.
func (l leaf) allowed() string {
	if l.s == nil {
		return l.err.Message
	}
	location := strings.TrimSuffix(l.err.AbsoluteKeywordLocation, "/"+l.keyword())
	at := slices.IndexFunc(l.s.rules, func(r *rule) bool { return r.location == location })
	if at < 0 {
		return l.err.Message
	}
	source := l.s.rules[at].source
	list := source.Enum
	if l.keyword() == "const" {
		list = source.Constant
	}
	var texts []string
	for i, v := range list {
		if i == manyValues {
			texts = append(texts, fmt.Sprintf("… (%d values)", len(list)))
			break
		}
		texts = append(texts, excerpt(jsonText(v)))
	}
	if len(texts) == 1 {
		return "must be " + texts[0]
	}
	return "must be one of " + strings.Join(texts, ", ")
}

// manyValues is how many values of an enum a message lists.
const manyValues = 10

// manyAlternatives is how many refused alternatives a message names.
const manyAlternatives = 4

func (l leaf) choiceMessage(value string) string {
	var reasons []string
	for i, a := range l.alternatives {
		if i == manyAlternatives {
			reasons = append(reasons, "…")
			break
		}
		reason := a.message()
		if below := strings.TrimPrefix(a.pointer(), l.pointer()); below != "" {
			reason = "at " + below + ": " + reason
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return fmt.Sprintf("%s matches none of the %d alternatives: %s", cmp.Or(value, "value"), len(l.alternatives), strings.Join(reasons, "; "))
}
