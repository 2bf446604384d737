package collection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/document"
)

// A Selection is a set of logical partitions of a collection. It is told by the
// subjects of documents, without their bytes.
type Selection struct {
	of     *Collection
	fields []tokenSet // one for each of the collection's fields; empty: all
}

// tokenSet is a set of values of one field, as tokens of subjects: those that
// are listed, or all but those.
type tokenSet struct {
	except bool
	tokens []string // sorted, each once
}

// Select gives the partitions that a selector of the catalog means; all of them
// for nil.
func (c *Collection) Select(s *catalog.Selector) (Selection, error) {
	out := c.all()
	if s == nil {
		return out, nil
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(s.Include)), slices.Collect(maps.Keys(s.Exclude))) {
		if !slices.Contains(c.Fields, name) {
			return out, fmt.Errorf("%s has no logical partition %s", c.Name, name)
		}
	}
	for i, name := range c.Fields {
		include, err := valueTokens(s.Include[name])
		if err != nil {
			return out, fmt.Errorf("partition field %s: %w", name, err)
		}
		exclude, err := valueTokens(s.Exclude[name])
		if err != nil {
			return out, fmt.Errorf("partition field %s: %w", name, err)
		}
		if _, included := s.Include[name]; included {
			kept := slices.DeleteFunc(include, func(t string) bool { return slices.Contains(exclude, t) })
			out.fields[i] = tokenSet{tokens: kept}
		} else {
			out.fields[i].tokens = exclude
		}
	}
	return out, nil
}

func (c *Collection) all() Selection {
	s := Selection{of: c, fields: make([]tokenSet, len(c.Fields))}
	for i := range s.fields {
		s.fields[i].except = true
	}
	return s
}

// valueTokens spells JSON values as their documents' subjects do.
func valueTokens(values []json.RawMessage) ([]string, error) {
	tokens := make([]string, 0, len(values))
	whole := document.Key{Pointers: []document.Pointer{{}}}
	for _, text := range values {
		var d document.Doc
		if err := d.Parse(text); err != nil {
			return nil, err
		}
		packed, err := whole.AppendPacked(nil, &d, 0)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be a value of it: %w", text, err)
		}
		token, err := appendTokens(nil, packed)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, string(token))
	}
	slices.Sort(tokens)
	return slices.Compact(tokens), nil
}

// All says whether nothing is left out.
func (s Selection) All() bool {
	return !slices.ContainsFunc(s.fields, func(f tokenSet) bool { return !f.any() })
}

func (f tokenSet) any() bool { return f.except && len(f.tokens) == 0 }

func (f tokenSet) has(token string) bool { return slices.Contains(f.tokens, token) != f.except }

// Has says whether the document of a stored subject is in the selection. A
// subject that is none of the collection's is: whoever reads it finds the fault.
func (s Selection) Has(subject string) bool {
	if len(s.fields) == 0 {
		return true
	}
	tail, ok := strings.CutPrefix(subject, s.of.docPrefix)
	if !ok {
		return true
	}
	_, tail, _ = strings.Cut(tail, ".") // the partition of the key
	for _, f := range s.fields {
		var token string
		if token, tail, ok = strings.Cut(tail, "."); !ok {
			return true
		}
		if !f.has(token) {
			return false
		}
	}
	return true
}

// Filter is the one subject that reads every document of the selection. It may
// read others too: a subject names one value of a field or all.
func (s Selection) Filter() string {
	if s.All() {
		return DocFilter(s.of.Name)
	}
	var b strings.Builder
	b.WriteString(s.of.docPrefix + "*")
	for _, f := range s.fields {
		b.WriteByte('.')
		if !f.except && len(f.tokens) == 1 {
			b.WriteString(f.tokens[0])
		} else {
			b.WriteByte('*')
		}
	}
	b.WriteString(".>")
	return b.String()
}

// Split divides the selection into at most so many parts that share nothing, so
// that the filters of the parts read as little else as possible: one part for
// each combination of values that are listed. A list that would make too many
// stays whole.
func (s Selection) Split(most int) []Selection {
	parts := []Selection{s}
	for i, f := range s.fields {
		if f.except || len(parts)*len(f.tokens) > most {
			continue
		}
		var finer []Selection
		for _, part := range parts {
			for _, token := range f.tokens {
				one := Selection{of: s.of, fields: slices.Clone(part.fields)}
				one.fields[i] = tokenSet{tokens: []string{token}}
				finer = append(finer, one)
			}
		}
		parts = finer
	}
	return parts
}

// Within says whether all of the selection is in another one.
func (s Selection) Within(o Selection) bool {
	for i, f := range s.fields {
		if !f.within(o.fields[i]) {
			return false
		}
	}
	return true
}

func (f tokenSet) within(o tokenSet) bool {
	has := func(token string) bool { return slices.Contains(f.tokens, token) }
	switch {
	case f.except && o.except:
		return !slices.ContainsFunc(o.tokens, func(t string) bool { return !has(t) })
	case o.except:
		return !slices.ContainsFunc(o.tokens, has)
	case f.except:
		return false
	}
	return !slices.ContainsFunc(f.tokens, func(t string) bool { return !slices.Contains(o.tokens, t) })
}

// String spells the selection for records: for each field * (any), values
// divided by spaces, or * and the values that are left out. Tokens of subjects
// hold no space, dot or star. [Collection.ParseSelection] reads it.
func (s Selection) String() string {
	parts := make([]string, len(s.fields))
	for i, f := range s.fields {
		words := f.tokens
		if f.except {
			words = append([]string{"*"}, f.tokens...)
		}
		parts[i] = strings.Join(words, " ")
	}
	return strings.Join(parts, ".")
}

// ParseSelection reads what [Selection.String] has written.
func (c *Collection) ParseSelection(text string) (Selection, error) {
	s := c.all()
	parts := strings.Split(text, ".")
	if len(c.Fields) == 0 || len(parts) != len(c.Fields) {
		return s, fmt.Errorf("selection %q: %s has %d logical partition fields", text, c.Name, len(c.Fields))
	}
	for i, part := range parts {
		words := strings.Split(part, " ")
		s.fields[i] = tokenSet{tokens: words}
		if words[0] == "*" {
			s.fields[i] = tokenSet{except: true, tokens: words[1:]}
		}
		for j, w := range s.fields[i].tokens {
			if w == "" || strings.ContainsAny(w, "*>") || j > 0 && w <= s.fields[i].tokens[j-1] {
				return s, fmt.Errorf("selection %q: %q is no list of values", text, part)
			}
		}
	}
	return s, nil
}
