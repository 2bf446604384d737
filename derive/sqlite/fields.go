package sqlite

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"weir/catalog"
	"weir/document"
	"weir/sinks"
)

// field is a projection of the source collection, as statements use it.
type field struct {
	sinks.Projection
	pointer  document.Pointer
	numeric  string // "integer" or "number": strings of that format are bound as numbers
	base64   bool   // strings are bound as the bytes that they encode
	fallback value  // what is bound where the document has nothing
}

// names finds the fields of a collection by the names of parameters.
type names struct {
	fields []sinks.Projection // sorted by field
}

// find gives the projection that a parameter means. An exact name goes before
// one where an underscore stands for a space or, in the simple form, a dash.
func (n names) find(parameter string) (sinks.Projection, error) {
	if !strings.HasPrefix(parameter, "$") {
		return sinks.Projection{}, fmt.Errorf("%s is no field: parameters are written $field, as in $id or $address$city", orQuestionMark(parameter))
	}
	for _, p := range n.fields {
		if parameter == "$"+strings.ReplaceAll(p.Field, "/", "$") || parameter == "$p::("+p.Field+")" {
			return p, nil
		}
	}
	var found []sinks.Projection
	for _, p := range n.fields {
		if parameter == canonical(p.Field) || parameter == explicit(p.Field) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return sinks.Projection{}, fmt.Errorf("there is no field %s: %s", parameter, n.hint(parameter))
	}
	return sinks.Projection{}, fmt.Errorf("%s means both the field %q and the field %q: give one of them another name with a projection of the collection", parameter, found[0].Field, found[1].Field)
}

func orQuestionMark(parameter string) string {
	if parameter == "" {
		return "?"
	}
	return parameter
}

// hint names the parameter that was probably meant.
func (n names) hint(parameter string) string {
	known := map[string]bool{}
	for _, p := range n.fields {
		known[canonical(p.Field)] = true
	}
	all := slices.Sorted(maps.Keys(known))
	if near := catalog.Nearest(parameter, all); near != "" {
		return "did you mean " + near + "?"
	}
	const most = 12
	if len(all) > most {
		return fmt.Sprintf("the collection has %s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return "the collection has " + strings.Join(all, ", ")
}

// canonical is the name of a field's parameter.
func canonical(name string) string {
	simple := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSpace(r) || r == '_' || r == '-' || r == '/'
	}
	for _, r := range name {
		if !simple(r) {
			return explicit(name)
		}
	}
	return "$" + strings.Map(func(r rune) rune {
		switch {
		case r == '/':
			return '$'
		case r == '-' || unicode.IsSpace(r):
			return '_'
		}
		return r
	}, name)
}

// explicit is the long form of a parameter, for names of any characters but
// brackets: SQLite ends it at the first one that closes.
func explicit(name string) string {
	return "$p::(" + strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, name) + ")"
}

// newField prepares a projection for binding.
func newField(p sinks.Projection) (field, error) {
	f := field{Projection: p, base64: p.Inference.ContentEncoding == "base64"}
	var err error
	if f.pointer, err = document.ParsePointer(p.Ptr); err != nil {
		return f, err
	}
	if format := p.Inference.Format; format == "integer" || format == "number" {
		f.numeric = format
	}
	if p.Inference.Default != nil {
		var d document.Doc
		if err := d.Parse(p.Inference.Default); err != nil {
			return f, fmt.Errorf("default of %s: %w", p.Ptr, err)
		}
		v, text := f.value(nil, &d, 0)
		v.text = text
		f.fallback = v
	}
	return f, nil
}
