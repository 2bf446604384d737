package schema

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Source is a self-contained schema: everything that it refers to, directly or not, is in Resources.
type Source struct {
	// URL names the schema: a key of Resources, perhaps with a fragment (`#/$defs/order` or `#Order`).
	URL string `json:"url"`
	// Resources are JSON schemas by their URLs, which have no fragment. References between them resolve as URLs do.
	Resources map[string]json.RawMessage `json:"resources"`
}

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	oracle      *jsonschema.Schema
	root        *rule
	rules       []*rule
	dialect     *dialect
	fallbacks   []string
	reduces     bool
	prunes      bool                      // full reductions may leave out parts of a value, even of a single document
	deletes     bool                      // some strategy has delete
	annotations map[*strategy]*annotation // of each strategy of the schema
	static      bool                      // strategies follow from names alone, whatever branch of the schema a document takes
	hints       int                       // how many property hints a Validator keeps
}

// Fallbacks lists the schema locations that are validated by jsonschema/v5 on decoded values, sorted. It is empty
// for all but schemas with dynamic references.
func (s *Schema) Fallbacks() []string { return s.fallbacks }

// Reduces reports whether the schema holds a reduce annotation that says more than that the last write wins.
func (s *Schema) Reduces() bool { return s.reduces }

// CompileError says what is wrong with a schema, and where.
type CompileError struct {
	URL     string // the resource, as Source.Resources names it
	Pointer string // JSON pointer into it
	Reason  string
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("schema %s#%s: %s", e.URL, e.Pointer, e.Reason)
}

// CompileErrors are several things that are wrong with a schema.
type CompileErrors []*CompileError

func (all CompileErrors) Error() string {
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes the first one what errors.As finds.
func (all CompileErrors) Unwrap() error { return all[0] }

// orNil is the plain error of a list that may be empty.
func (all CompileErrors) orNil() error {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// Violation is one reason why a document is invalid.
type Violation struct {
	Pointer       string `json:"pointer"`       // JSON pointer into the document
	Rule          string `json:"rule"`          // the violated keyword, such as `type`
	SchemaPointer string `json:"schemaPointer"` // where that keyword stands: a pointer, behind its URL and `#` when it is in another resource than the schema's
	Message       string `json:"message"`       // for people, naming the offending value
}

func (v Violation) String() string {
	at := v.Pointer
	if at == "" {
		at = "the document"
	}
	return fmt.Sprintf("%s: %s (%s)", at, v.Message, v.SchemaPointer)
}
