package catalog

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

// Keywords of JSON Schema that hold schemas: one or an array of them, and by name.
var (
	schemaKeywords = []string{
		"additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items", "not",
		"oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
	}
	namedSchemaKeywords = []string{"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)

// fileScheme is the scheme of URLs while a bundle is gathered: absolute files.
const fileScheme = "weir"

// bundle gathers one schema and every file that it refers to.
type bundle struct {
	*loader
	resources map[string]*resource // by URL
	order     []*resource
	ids       map[string]target // what $id gives URLs of its own
	visited   map[*node]bool
	refs      []reference
	special   special         // what may be referred to by Flow's URLs; nil: nothing
	used      map[string]bool // of these
}

// resource is one file, or a schema that stands inside a catalog's file.
type resource struct {
	url     string
	place   *place
	query   string // of a schema inside a catalog's file: which one
	anchors []string
}

type target struct {
	place *place
	in    *resource
}

// reference is a $ref that waits to be resolved.
type reference struct {
	at   *place // of its text
	base *url.URL
}

// compileSchema bundles and compiles the schema at ref. It reports what is wrong
// and then returns false.
func (l *loader) compileSchema(ref schemaRef) (schema.Source, *schema.Schema, bool) {
	return l.compileBundle(ref, nil)
}

// compileBundle is compileSchema of one that may refer to special schemas.
func (l *loader) compileBundle(ref schemaRef, known special) (schema.Source, *schema.Schema, bool) {
	if ref.At == nil {
		return schema.Source{}, nil, false
	}
	b := &bundle{loader: l, resources: map[string]*resource{}, ids: map[string]target{}, visited: map[*node]bool{}, special: known, used: map[string]bool{}}
	before := len(l.errs)
	root, fragment := b.root(ref.At)
	b.resolveAll()
	if len(l.errs) > before || root == nil {
		return schema.Source{}, nil, false
	}
	dir := b.directory()
	source := schema.Source{URL: root.name(dir) + fragment, Resources: make(map[string]json.RawMessage, len(b.order))}
	for _, r := range b.order {
		source.Resources[r.name(dir)] = r.place.node.json()
	}
	for _, name := range Names(b.used) {
		resources, err := known[name]()
		if err != nil {
			b.errorf(fault.Schema, ref.At, "", "%s: %s", name, err)
			return schema.Source{}, nil, false
		}
		maps.Copy(source.Resources, resources)
	}
	compiled, err := schema.Compile(source)
	if err != nil {
		b.reportCompile(ref.At, dir, err)
		return schema.Source{}, nil, false
	}
	return source, compiled, true
}

// root adds the schema itself, and returns the fragment that selects it.
func (b *bundle) root(at *place) (*resource, string) {
	if at.node.kind != kindString {
		return b.add(at, "ptr="+(&url.URL{Path: at.path()}).EscapedPath()), ""
	}
	name, fragment, err := splitFragment(at.node.text)
	if err != nil {
		b.errorf(fault.SchemaReference, at, "a file, and # with a pointer or an anchor in it", "%q: %s", at.node.text, err)
		return nil, ""
	}
	abs, ok := b.localPath(at, name)
	if !ok {
		return nil, ""
	}
	root := b.addFile(at, abs, name)
	if root == nil {
		return nil, ""
	}
	if fragment == "" {
		return root, ""
	}
	if !b.fragment(at, target{root.place, root}, fragment) {
		return nil, ""
	}
	return root, "#" + (&url.URL{Fragment: fragment}).EscapedFragment()
}

// addFile adds a file that the value at p names.
func (b *bundle) addFile(p *place, abs, name string) *resource {
	if r := b.resources[(&url.URL{Scheme: fileScheme, Path: filepath.ToSlash(abs)}).String()]; r != nil {
		return r
	}
	if b.loaded[abs] {
		b.errorf(fault.SchemaReference, p, "move the schema into a file of its own", "%s is a file of the catalog, and may hold more than a schema should tell", name)
		return nil
	}
	root := b.openFrom(p, abs, name)
	if root == nil {
		return nil
	}
	return b.add(root, "")
}

func (b *bundle) add(p *place, query string) *resource {
	u := &url.URL{Scheme: fileScheme, Path: filepath.ToSlash(p.file.abs), RawQuery: query}
	r := &resource{url: u.String(), place: p, query: query}
	b.resources[r.url] = r
	b.order = append(b.order, r)
	b.walk(r, p, u)
	return r
}

// walk visits a schema and those inside it, for their references and anchors.
func (b *bundle) walk(r *resource, p *place, base *url.URL) {
	if p.node.kind != kindObject || b.visited[p.node] {
		return
	}
	b.visited[p.node] = true
	base = b.identify(r, p, base)
	for _, keyword := range []string{"$ref", "$dynamicRef"} {
		if at, ok := p.field(keyword); ok && at.node.kind == kindString {
			b.refs = append(b.refs, reference{at, base})
		}
	}
	for _, keyword := range schemaKeywords {
		if at, ok := p.field(keyword); ok {
			for i := range at.node.items {
				b.walk(r, at.item(i), base)
			}
			b.walk(r, at, base)
		}
	}
	for _, keyword := range namedSchemaKeywords {
		if at, ok := p.field(keyword); ok {
			for i := range at.node.members {
				b.walk(r, at.child(&at.node.members[i]), base)
			}
		}
	}
}

// identify takes a schema's names for itself and returns the base URL inside it.
func (b *bundle) identify(r *resource, p *place, base *url.URL) *url.URL {
	for _, keyword := range []string{"$anchor", "$dynamicAnchor"} {
		if at, ok := p.field(keyword); ok && at.node.kind == kindString {
			r.anchors = append(r.anchors, at.node.text)
		}
	}
	id, ok := p.field(r.idKeyword())
	if !ok || id.node.kind != kindString {
		return base
	}
	u, err := base.Parse(id.node.text)
	if err != nil {
		b.errorf(fault.SchemaReference, id, "leave it out, or write a URL", "$id is no URL: %s", id.node.text)
		return base
	}
	if u.Fragment != "" { // an anchor, as draft-07 and older spell it
		r.anchors = append(r.anchors, u.Fragment)
		u.Fragment, u.RawFragment = "", ""
	}
	b.ids[u.String()] = target{p, r}
	return u
}

// idKeyword is where a schema says its URL.
func (r *resource) idKeyword() string {
	if draft, ok := r.place.field("$schema"); ok && strings.Contains(draft.node.text, "/draft-04/") {
		return "id"
	}
	return "$id"
}

// resolveAll resolves the references, and those of the files that they lead to.
func (b *bundle) resolveAll() {
	for len(b.refs) > 0 {
		refs := b.refs
		b.refs = nil
		for _, ref := range refs {
			b.resolve(ref)
		}
	}
}

func (b *bundle) resolve(ref reference) {
	text := ref.at.node.text
	if strings.HasPrefix(text, flowScheme) {
		b.useSpecial(ref.at, text)
		return
	}
	written, err := url.Parse(text)
	if err != nil {
		b.errorf(fault.SchemaReference, ref.at, "a file, and # with a pointer or an anchor in it", "%q is no reference: it is no URL", text)
		return
	}
	u := ref.base.ResolveReference(written)
	fragment := u.Fragment
	u.Fragment, u.RawFragment = "", ""
	found, ok := b.ids[u.String()]
	if !ok {
		if found, ok = b.open(ref, written, u); !ok {
			return
		}
	}
	if fragment != "" && ref.at.token == "$ref" {
		b.fragment(ref.at, found, fragment)
	}
}

// useSpecial notes that a schema of Flow's is referred to.
func (b *bundle) useSpecial(at *place, text string) {
	name, _, _ := strings.Cut(text, "#")
	switch {
	case b.special == nil:
		b.errorf(fault.SchemaReference, at, "use it in a readSchema beside a writeSchema, or write the schema out", "%s stands for a schema in a readSchema alone", name)
	case b.special[name] == nil:
		hint := "known are " + list(Names(b.special))
		if near := nearest(name, Names(b.special)); near != "" {
			hint = "did you mean " + near + "?"
		}
		b.errorf(fault.SchemaReference, at, hint, "there is no schema %s", name)
	default:
		b.used[name] = true
	}
}

// open finds the resource of a URL, or reads its file.
func (b *bundle) open(ref reference, written, u *url.URL) (target, bool) {
	if r := b.resources[u.String()]; r != nil {
		return target{r.place, r}, true
	}
	switch {
	case u.Host == "json-schema.org":
		return target{}, false // a metaschema: the compiler has them
	case written.IsAbs() || written.Host != "":
		b.errorf(fault.SchemaReference, ref.at, "download it and name it relative to this file", "%s is a URL: only files of the catalog are read", written)
		return target{}, false
	case u.Scheme != fileScheme || u.RawQuery != "":
		b.errorf(fault.SchemaReference, ref.at, "the $id above changes what relative references mean: leave it out", "%s leads to %s, which is no file of the catalog", written, u)
		return target{}, false
	case strings.HasPrefix(written.Path, "/"):
		b.errorf(fault.SchemaReference, ref.at, "a path relative to this file", "%s is an absolute path", written.Path)
		return target{}, false
	}
	r := b.addFile(ref.at, filepath.FromSlash(u.Path), written.Path)
	if r == nil {
		return target{}, false
	}
	return target{r.place, r}, true
}

// fragment checks that a pointer or an anchor leads somewhere. What it leads to is
// a schema, even where no keyword says so.
func (b *bundle) fragment(at *place, in target, fragment string) bool {
	if in.place == nil {
		return true
	}
	if !strings.HasPrefix(fragment, "/") {
		if slices.Contains(in.in.anchors, fragment) {
			return true
		}
		hint := "an anchor of " + in.place.file.shown + ": " + list(in.in.anchors)
		if near := nearest(fragment, in.in.anchors); near != "" {
			hint = "did you mean #" + near + "?"
		} else if len(in.in.anchors) == 0 {
			hint = "the file has no $anchor"
		}
		b.errorf(fault.SchemaReference, at, hint, "%s: there is no anchor %s", at.node.text, fragment)
		return false
	}
	pointer, err := document.ParsePointer(fragment)
	if err != nil {
		b.errorf(fault.SchemaReference, at, "as in #/$defs/id", "%s: %s is no JSON pointer", at.node.text, fragment)
		return false
	}
	stop, ok := in.place.find(pointer)
	if !ok {
		b.errorf(fault.SchemaReference, at, stop.nearestMember(pointer, in.place), "%s: nothing is there", at.node.text)
		return false
	}
	base, err := url.Parse(in.in.url)
	if err == nil {
		b.walk(in.in, stop, base)
	}
	return true
}

// nearestMember is a hint for a pointer, followed from root, that ended at p.
func (p *place) nearestMember(pointer document.Pointer, root *place) string {
	depth := 0
	for q := p; q != root; q = q.up {
		depth++
	}
	var names []string
	for i := range p.node.members {
		names = append(names, p.node.members[i].name)
	}
	if near := nearest(pointer[depth], names); near != "" {
		return "did you mean #" + append(slices.Clone(pointer[:depth]), near).String() + "?"
	}
	return "it ends at #" + pointer[:depth].String()
}

// directory is what the bundle's URLs are relative to: the catalog's root, or the
// nearest directory above it that holds all files of the bundle.
func (b *bundle) directory() string {
	dir := b.order[0].place.file.base
	for _, r := range b.order {
		for !strings.HasPrefix(r.place.file.abs, strings.TrimSuffix(dir, string(os.PathSeparator))+string(os.PathSeparator)) && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
		}
	}
	return dir
}

func (r *resource) name(dir string) string {
	return (&url.URL{Path: relative(dir, r.place.file.abs), RawQuery: r.query}).String()
}

// reportCompile reports a schema that does not compile, at its line if that is known.
func (b *bundle) reportCompile(at *place, dir string, err error) {
	var one *schema.CompileError
	var several schema.CompileErrors
	switch {
	case errors.As(err, &several):
		for _, each := range several {
			b.reportFault(at, dir, each)
		}
	case errors.As(err, &one):
		b.reportFault(at, dir, one)
	default:
		b.errorf(fault.Schema, at, "", "the schema does not compile: %s", err)
	}
}

func (b *bundle) reportFault(at *place, dir string, failed *schema.CompileError) {
	for _, r := range b.order {
		if r.name(dir) != failed.URL {
			continue
		}
		if pointer, err := document.ParsePointer(failed.Pointer); err == nil {
			at, _ = r.place.find(pointer)
		}
	}
	b.errorf(fault.Schema, at, "", "the schema does not compile: %s", failed.Reason)
}
