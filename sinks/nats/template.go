package nats

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"weir/collection"
	"weir/document"
	"weir/internal/natsendpoint"
	"weir/sinks"
)

// template makes the subject of a document, or its key in a bucket, of the
// document's fields. Each value is one token, or a part of one, and different
// values of a field are different tokens.
type template struct {
	parts   []part
	tokens  escapes
	key     *document.Key // of the fields, in the order of the template; nil when there are none
	fields  []string
	ptrs    []string
	ordinal []int // by field: its component of the binding's key, for templates that identify a key
}

// part is a text, or the field at an index.
type part struct {
	text  string
	field int  // -1: text
	mixed bool // the field has strings and other values
}

// escapes spells values as parts of tokens.
type escapes struct {
	text               func(string) string // of a string that is not empty; long ones as a hash
	empty, null, quote string              // quote stands before a string that could be taken for another value
}

var (
	subjectTokens = escapes{text: collection.KeyToken, empty: "%e", null: "%n", quote: "%s"}
	keyTokens     = escapes{text: bucketToken, empty: "=e", null: "=n", quote: "=s"}
)

// bucketToken spells a string for a key of a bucket, which may hold less than a
// subject.
func bucketToken(s string) string {
	token := collection.KeyToken(s)
	if hash, long := strings.CutPrefix(token, "%h"); long {
		return "=h" + hash
	}
	return collection.KVKey(s)
}

// parseTemplate reads a template over a collection's fields.
func parseTemplate(text string, tokens escapes, c *sinks.Collection) (*template, error) {
	t := &template{tokens: tokens}
	for rest := text; rest != ""; {
		literal, field, found := strings.Cut(rest, "{")
		if strings.ContainsAny(literal, "}*>") {
			return nil, fmt.Errorf("%q: text between fields has no }, * or >", text)
		}
		if literal != "" {
			t.parts = append(t.parts, part{text: literal, field: -1})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(field, "}")
		if !closed {
			return nil, fmt.Errorf("%q: a { has no }", text)
		}
		if err := t.add(name, c); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		rest = after
	}
	if err := natsendpoint.CheckSubject(t.example("x")); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	if len(t.ptrs) == 0 {
		return t, nil
	}
	var err error
	t.key, err = document.NewKey(t.ptrs)
	return t, err
}

// add adds a field.
func (t *template) add(name string, c *sinks.Collection) error {
	p, ok := c.Projection(name)
	switch {
	case !ok:
		var known []string
		for _, p := range c.Projections {
			if p.Ptr != "" && p.Ptr != sinks.PublishedPointer {
				known = append(known, p.Field)
			}
		}
		return fmt.Errorf("{%s}: collection %s has no such field: it has %s", name, c.Name, strings.Join(known, ", "))
	case p.Ptr == "" || p.Ptr == sinks.PublishedPointer:
		return fmt.Errorf("{%s} is no value of the document's own", name)
	}
	strs, others := slices.Contains(p.Inference.Types, "string"), 0
	for _, kind := range p.Inference.Types {
		switch kind {
		case "array", "object":
			return fmt.Errorf("{%s} can be an %s by the schema, which no subject can hold", name, kind)
		case "string":
		default:
			others++
		}
	}
	t.parts = append(t.parts, part{field: len(t.ptrs), mixed: strs && others > 0})
	t.fields, t.ptrs = append(t.fields, name), append(t.ptrs, p.Ptr)
	return nil
}

// example is the template with a text for each field.
func (t *template) example(value string) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.field < 0 {
			b.WriteString(p.text)
		} else {
			b.WriteString(value)
		}
	}
	return b.String()
}

// pattern matches what the template gives: a token with a field in it may be
// anything.
func (t *template) pattern() string {
	tokens := strings.Split(t.example("\x00"), ".")
	for i, token := range tokens {
		if strings.Contains(token, "\x00") {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".")
}

// identifies refuses a template that does not stand for the key of a binding:
// where it holds other fields, or not all of the key, a document cannot be found
// by its key. No token holds two fields, or "a" and "b-c" would be "a-b" and "c".
func (t *template) identifies(b *sinks.Binding) error {
	key := slices.Clone(b.Collection.Key)
	if pointers, err := b.GroupKey(); err != nil {
		return err
	} else if pointers != nil {
		key = pointers
	}
	t.ordinal = make([]int, len(t.ptrs))
	used := map[string]bool{}
	for i, ptr := range t.ptrs {
		t.ordinal[i] = slices.Index(key, ptr)
		if t.ordinal[i] < 0 {
			return fmt.Errorf("{%s} is not in the key (%s): a document is found again by its key alone; leave the field out, or set `deltaUpdates: true`, which publishes changes and looks nothing up", t.fields[i], strings.Join(key, ", "))
		}
		used[ptr] = true
	}
	for _, ptr := range key {
		if !used[ptr] {
			return fmt.Errorf("the key's component %s is missing in %s: documents of different keys would replace each other; add it, or set `deltaUpdates: true`", ptr, t.example("{..}"))
		}
	}
	for token := range strings.SplitSeq(t.example("\x00"), ".") {
		if strings.Count(token, "\x00") > 1 {
			return errors.New("two fields are in one token: put a dot between them, or documents of different keys could have one subject")
		}
	}
	return nil
}

// appendKey appends the subject of a packed key: of a template that identifies
// one.
func (t *template) appendKey(dst []byte, packed []byte) ([]byte, error) {
	values, err := document.UnpackKey(packed)
	if err != nil {
		return dst, err
	}
	return t.append(dst, func(field int) any { return values[t.ordinal[field]] }), nil
}

// appendDoc appends the subject of a document.
func (t *template) appendDoc(dst []byte, doc *document.Doc) ([]byte, error) {
	var values []any
	if t.key != nil {
		packed, err := t.key.AppendPacked(nil, doc, 0)
		if err != nil {
			return dst, err
		}
		if values, err = document.UnpackKey(packed); err != nil {
			return dst, err
		}
	}
	return t.append(dst, func(field int) any { return values[field] }), nil
}

func (t *template) append(dst []byte, value func(field int) any) []byte {
	for _, p := range t.parts {
		if p.field < 0 {
			dst = append(dst, p.text...)
			continue
		}
		dst = append(dst, t.tokens.value(value(p.field), p.mixed)...)
	}
	return dst
}

// value spells a component of a key.
func (e escapes) value(value any, mixed bool) string {
	switch v := value.(type) {
	case nil:
		return e.null
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case *big.Int:
		return e.text(v.String())
	case string:
		switch {
		case v == "":
			return e.empty
		case mixed && looksOtherwise(v):
			return e.quote + e.text(v)
		}
		return e.text(v)
	}
	panic(fmt.Sprintf("a key of a %T", value)) // UnpackKey gives no other
}

// looksOtherwise says whether a string reads as a value of another type does.
func looksOtherwise(s string) bool {
	return s == "true" || s == "false" || strings.Trim(s, "-0123456789") == ""
}
