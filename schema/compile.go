package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// base makes relative resource URLs absolute, so that v5 does not take them for paths of this machine.
const base = "schema:///"

// Compile compiles a schema. Its error is a *CompileError, or CompileErrors when it has several faults of reductions.
func Compile(src Source) (s *Schema, err error) {
	res, err := readResources(src.Resources)
	if err != nil {
		return nil, err
	}
	target, err := absolute(src.URL)
	if err != nil {
		return nil, &CompileError{URL: src.URL, Reason: err.Error()}
	}
	defer func() {
		// v5 panics at schemas with numbers that it cannot represent, and at some that a metaschema of the
		// user's own lets through.
		if r := recover(); r != nil {
			s, err = nil, &CompileError{URL: src.URL, Reason: fmt.Sprintf("cannot be compiled: %v", r)}
		}
	}()
	oracle, err := res.compile(target)
	if err != nil {
		return nil, res.explain(target, err)
	}
	return lower(oracle, res)
}

// resources are the parsed JSON schemas of a Source.
type resources struct {
	docs    map[string]any    // by absolute URL, rewritten to what v5 reads
	names   map[string]string // absolute URL to the Source's own spelling
	dialect *dialect
}

func readResources(texts map[string]json.RawMessage) (*resources, error) {
	res := &resources{docs: map[string]any{}, names: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if strings.Contains(name, "#") {
			return nil, &CompileError{URL: name, Reason: "the URL of a resource has no fragment"}
		}
		at, err := absolute(name)
		if err != nil {
			return nil, &CompileError{URL: name, Reason: err.Error()}
		}
		if other, ok := res.names[at]; ok {
			return nil, &CompileError{URL: name, Reason: fmt.Sprintf("is the same URL as %q", other)}
		}
		var d document.Doc
		if err := d.Parse(texts[name]); err != nil {
			return nil, &CompileError{URL: name, Reason: err.Error()}
		}
		switch d.Nodes[0].Kind {
		case document.Object, document.True, document.False:
		default:
			return nil, &CompileError{URL: name, Reason: fmt.Sprintf("a schema is an object, true or false, not %s", excerpt(d.Raw(0)))}
		}
		res.docs[at], res.names[at] = decode(&d, 0), name
	}
	var err error
	res.dialect, err = adapt(res)
	return res, err
}

// absolute completes the URL of a resource.
func absolute(ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", err
	}
	if u.IsAbs() {
		return ref, nil
	}
	return resolve(base, ref)
}

// resolve resolves a reference as v5 does.
func resolve(from, ref string) (string, error) {
	if strings.HasPrefix(ref, "urn:") {
		return ref, nil
	}
	u, err := url.Parse(ref)
	if err != nil {
		return "", err
	}
	if u.IsAbs() {
		return ref, nil
	}
	if strings.HasPrefix(from, "urn:") {
		from, _, _ = strings.Cut(from, "#")
		return from + ref, nil
	}
	b, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	return b.ResolveReference(u).String(), nil
}

// name is how the user knows an absolute URL.
func (res *resources) name(absolute string) string {
	if name, ok := res.names[absolute]; ok {
		return name
	}
	return strings.TrimPrefix(absolute, base)
}

// missing is the loader's refusal of a URL that is not among the resources.
type missing struct{ url string }

func (e *missing) Error() string { return "no resource " + e.url }

func (res *resources) compile(target string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.ExtractAnnotations = true
	c.AssertFormat = true
	c.Formats = formats()
	c.LoadURL = func(u string) (io.ReadCloser, error) { return nil, &missing{u} }
	c.RegisterExtension(reduceKeyword, nil, reduceExtension{})
	c.RegisterExtension(defaultKeyword, nil, defaultExtension{})
	// A nil decoder is none: v5 would assert contents in drafts before 2019-09.
	for name := range jsonschema.Decoders {
		c.Decoders[name] = nil
	}
	for name := range jsonschema.MediaTypes {
		c.MediaTypes[name] = nil
	}
	for at, doc := range res.docs {
		text, err := json.Marshal(doc)
		if err != nil {
			return nil, err
		}
		if err := c.AddResource(at, bytes.NewReader(text)); err != nil {
			return nil, err
		}
	}
	return c.Compile(target)
}

// explain turns v5's error into one that says where in which resource the trouble is.
func (res *resources) explain(target string, err error) error {
	out := &CompileError{URL: res.name(target)}
	if at, fragment, ok := strings.Cut(target, "#"); ok {
		out.URL, out.Pointer = res.name(at), plainPointer(fragment)
	}
	var cause error
	var wrapped *jsonschema.SchemaError
	if errors.As(err, &wrapped) {
		cause = wrapped.Err
	}
	var absent *missing
	var invalid *jsonschema.ValidationError
	var loop jsonschema.InfiniteLoopError
	switch {
	case errors.As(cause, &absent):
		res.explainMissing(out, absent.url)
	case errors.As(cause, &invalid):
		res.explainInvalid(out, invalid)
	case errors.As(cause, &loop):
		// The path goes on through what the first reference leads to.
		path := string(loop)
		if i := strings.Index(path, "/$ref"); i >= 0 {
			path = path[:i+len("/$ref")]
		}
		res.place(out, path)
		out.Reason = "refers to itself at the same place of the document, without an end"
	case cause == nil:
		out.Reason = strings.TrimPrefix(err.Error(), "jsonschema: ")
	default:
		reason := strings.TrimPrefix(cause.Error(), "jsonschema: ")
		if ref, ok := strings.CutSuffix(reason, " not found"); ok {
			res.explainDangling(out, ref)
			break
		}
		out.Reason = reason
	}
	return out
}

// place sets URL and pointer from a location of v5's.
func (res *resources) place(out *CompileError, location string) {
	at, pointer := res.dialect.split(location)
	out.URL, out.Pointer = res.name(at), pointer
}

func (res *resources) explainMissing(out *CompileError, u string) {
	known := slices.Sorted(maps.Values(res.names))
	have := "the schema has no resources"
	if len(known) > 0 {
		have = "its resources are " + strings.Join(known, ", ")
	}
	if ref, ok := res.find(func(target string) bool { before, _, _ := strings.Cut(target, "#"); return before == u }); ok {
		out.URL, out.Pointer = ref.resource, ref.pointer
		if ref.keyword == "$schema" {
			out.Reason = fmt.Sprintf("$schema %q is no draft of JSON Schema that is known: write the URL of draft-04, draft-06, draft-07, 2019-09 or 2020-12, or leave $schema out", ref.text)
			return
		}
		out.Reason = fmt.Sprintf("%s %q leads to %s, which is not part of the schema (%s)", ref.keyword, ref.text, res.name(u), have)
		return
	}
	out.Reason = fmt.Sprintf("%s is not part of the schema (%s)", res.name(u), have)
}

func (res *resources) explainDangling(out *CompileError, target string) {
	if ref, ok := res.find(func(t string) bool { return t == target }); ok {
		out.URL, out.Pointer = ref.resource, ref.pointer
		out.Reason = fmt.Sprintf("%s %q leads to nothing", ref.keyword, ref.text)
		return
	}
	out.Reason = strings.TrimPrefix(target, base) + " leads to nothing"
}

// explainInvalid finds out which resource breaks its metaschema, which v5 does not tell.
func (res *resources) explainInvalid(out *CompileError, broken *jsonschema.ValidationError) {
	found := broken
	for _, at := range slices.Sorted(maps.Keys(res.docs)) {
		meta := jsonschema.Draft2020.URL()
		if m, ok := res.docs[at].(map[string]any); ok {
			if own, ok := m["$schema"].(string); ok {
				meta = own
			}
		}
		c := jsonschema.NewCompiler()
		c.LoadURL = func(u string) (io.ReadCloser, error) { return nil, &missing{u} }
		if s, err := c.Compile(meta); err == nil {
			if err := judge(s, res.docs[at]); errors.As(err, &found) {
				out.URL = res.name(at)
				out.Pointer = res.dialect.original(at, nearest(found).pointer())
				break
			}
		}
	}
	leaf := nearest(found)
	out.Reason = leaf.keyword() + ": " + leaf.message()
}

// reference is where a schema refers to another one.
type reference struct{ resource, pointer, keyword, text string }

// find returns the first reference whose resolved target is wanted.
func (res *resources) find(wanted func(target string) bool) (found reference, ok bool) {
	for _, at := range slices.Sorted(maps.Keys(res.docs)) {
		visitReferences(res.docs[at], at, "", func(m map[string]any, keyword, from, pointer string) {
			text, isText := m[keyword].(string)
			if !isText || ok {
				return
			}
			if target, err := resolve(from, text); err == nil && wanted(target) {
				ok = true
				found = reference{res.name(at), res.dialect.original(at, pointer) + "/" + keyword, keyword, text}
			}
		})
	}
	return found, ok
}

// visitReferences calls fn for each keyword that refers to a schema, with the base URL that holds there.
func visitReferences(v any, from, pointer string, fn func(m map[string]any, keyword, from, pointer string)) {
	visitSchemas(v, pointer, from, func(m map[string]any, pointer, from string) {
		for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$schema"} {
			if _, ok := m[keyword]; ok {
				fn(m, keyword, from, pointer)
			}
		}
	})
}

// plainPointer decodes the percent escapes of a fragment that is a JSON pointer.
func plainPointer(fragment string) string {
	if plain, err := url.PathUnescape(fragment); err == nil {
		return plain
	}
	return fragment
}
