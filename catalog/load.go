package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"weir/fault"
)

// Load reads the catalog of the given files, or directories that hold a
// flow.yaml or flow.json, and of all that these import. Its error is [Errors],
// and then there is no Catalog.
func Load(paths ...string) (*Catalog, error) {
	l := newLoader(onDisk{})
	for _, path := range paths {
		l.loadRoot(path)
	}
	if len(paths) == 0 {
		l.errs = append(l.errs, Error{Code: fault.File, File: ".", Line: 1, Column: 1, Message: "no catalog is named", Hint: "name a flow.yaml or its directory"})
	}
	c := l.build()
	if len(l.errs) > 0 {
		return nil, l.errs.sorted()
	}
	return c, nil
}

// file is a file that was read, once, whatever names it.
type file struct {
	abs   string
	shown string // as messages name it: below the path that the user gave
	base  string // the absolute directory of the root file that led here
	root  *node  // nil when it cannot be read
}

// origin is the file's name relative to the root it was loaded from.
func (f *file) origin() string { return relative(f.base, f.abs) }

// relative names a file from a directory, with slashes.
func relative(dir, abs string) string {
	name, err := filepath.Rel(dir, abs)
	if err != nil {
		return filepath.Base(abs)
	}
	return filepath.ToSlash(name)
}

// loader gathers a catalog and its errors.
type loader struct {
	disk   disk
	files  map[string]*file // by absolute path
	loaded map[string]bool  // files whose entities have been taken
	errs   Errors

	names            map[string]*place // of all entities, folded, to find duplicates
	collections      map[string]*entry[collectionFile]
	captures         map[string]*entry[captureFile]
	materializations map[string]*entry[materializationFile]
	tests            map[string]*entry[testFile]
	built            map[string]*builtCollection
}

// entry is an entity as it was read.
type entry[T any] struct {
	name string
	at   *place // of its name
	file *T
}

func newLoader(d disk) *loader {
	return &loader{
		disk: d, files: map[string]*file{}, loaded: map[string]bool{}, names: map[string]*place{},
		collections: map[string]*entry[collectionFile]{}, captures: map[string]*entry[captureFile]{},
		materializations: map[string]*entry[materializationFile]{}, tests: map[string]*entry[testFile]{},
		built: map[string]*builtCollection{},
	}
}

// maxErrors bounds what one load reports: a file of the wrong sort can be wrong in
// every line, and through YAML aliases many times over.
const maxErrors = 1000

func (l *loader) errorf(code fault.Code, p *place, hint, format string, args ...any) {
	if len(l.errs) == maxErrors {
		code, hint, format, args = fault.TooManyFaults, "mend those above first", "there are more errors than these %d", []any{maxErrors}
	} else if len(l.errs) > maxErrors {
		return
	}
	l.errs = append(l.errs, Error{
		Code: code, File: p.file.shown, Line: max(p.line, 1), Column: max(p.col, 1), Path: p.path(),
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// rootNames are the names of a catalog's file in a directory that is one.
var rootNames = []string{"flow.yaml", "flow.json"}

// loadRoot loads a path that the user gave.
func (l *loader) loadRoot(path string) {
	failed := func(reason, hint string) {
		l.errs = append(l.errs, Error{Code: fault.File, File: path, Line: 1, Column: 1, Message: reason, Hint: hint})
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		failed(reasonOf(err), "name a flow.yaml or its directory")
		return
	}
	info, err := os.Stat(abs)
	if err == nil && info.IsDir() {
		var found []string
		for _, name := range rootNames {
			if _, err := os.Stat(filepath.Join(abs, name)); err == nil {
				found = append(found, name)
			}
		}
		if len(found) != 1 {
			reason := "the directory holds neither flow.yaml nor flow.json"
			if len(found) == 2 {
				reason = "the directory holds both flow.yaml and flow.json"
			}
			failed(reason, "name the file")
			return
		}
		abs, path = filepath.Join(abs, found[0]), filepath.Join(path, found[0])
	}
	f, err := l.open(abs, path, filepath.Dir(abs))
	if err != nil {
		failed(reasonOf(err), nearestRoot(abs))
		return
	}
	l.loadFile(f)
}

// nearestRoot is a hint to the catalog that was probably meant.
func nearestRoot(abs string) string {
	entries, err := os.ReadDir(filepath.Dir(abs))
	if err != nil {
		return "name a flow.yaml or its directory"
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if near := nearest(filepath.Base(abs), names); near != "" && near != filepath.Base(abs) {
		return "did you mean " + near + "?"
	}
	return "name a flow.yaml or its directory; `weir init` makes one"
}

// open reads and parses a file, once. An error says why it cannot be read; a
// file that can be read and not be parsed is reported here and has no root.
func (l *loader) open(abs, shown, base string) (*file, error) {
	if f := l.files[abs]; f != nil {
		return f, nil
	}
	text, err := l.readLimited(abs)
	if err != nil {
		return nil, err
	}
	f := &file{abs: abs, shown: filepath.ToSlash(shown), base: base}
	l.files[abs] = f
	parse := parseYAML
	if strings.EqualFold(filepath.Ext(abs), ".json") {
		parse = parseJSON
	}
	if f.root, err = parse(text); err != nil {
		var syntax *syntaxError
		if !errors.As(err, &syntax) {
			syntax = &syntaxError{line: 1, column: 1, reason: err.Error()}
		}
		f.root = nil
		l.errs = append(l.errs, Error{Code: fault.Syntax, File: f.shown, Line: max(syntax.line, 1), Column: max(syntax.column, 1), Message: syntax.reason, Hint: syntax.remedy})
	}
	return f, nil
}

func (l *loader) readLimited(abs string) ([]byte, error) {
	size, err := l.disk.size(abs)
	if err == nil && size > maxFileSize {
		err = fmt.Errorf("it has %d bytes, more than the %d that are allowed", size, maxFileSize)
	}
	if err != nil {
		return nil, err
	}
	return l.disk.read(abs)
}

// reasonOf is an error of the file system without the path, which messages name
// in the user's own way.
func reasonOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	return err.Error()
}

// localPath turns the name of a file, written at p, into an absolute path.
func (l *loader) localPath(p *place, name string) (string, bool) {
	switch {
	case name == "":
		l.errorf(fault.File, p, "name a file, relative to this one", "the name of the file is empty")
	case strings.Contains(name, "://") || strings.HasPrefix(name, "//"):
		l.errorf(fault.File, p, "download it and name it relative to this file", "%s is a URL: only files of the catalog are read", name)
	case filepath.IsAbs(name):
		l.errorf(fault.File, p, "a path relative to this file", "%s is an absolute path", name)
	case strings.ContainsRune(name, 0):
		l.errorf(fault.File, p, "leave it out", "the name of the file holds a zero byte")
	default:
		return filepath.Join(filepath.Dir(p.file.abs), filepath.FromSlash(name)), true
	}
	return "", false
}

// shownFrom names a file as messages do, seen from the file at p.
func (p *place) shownFrom(abs string) string {
	rel, err := filepath.Rel(filepath.Dir(p.file.abs), abs)
	if err != nil {
		return abs
	}
	return filepath.Join(filepath.Dir(p.file.shown), rel)
}

// openRef opens the file that the string at p names and returns the place of its
// root, nil when there is none; why has been reported then.
func (l *loader) openRef(p *place) *place {
	abs, ok := l.localPath(p, p.node.text)
	if !ok {
		return nil
	}
	return l.openFrom(p, abs, p.node.text)
}

// openFrom opens a file that the value at p calls name.
func (l *loader) openFrom(p *place, abs, name string) *place {
	f, err := l.open(abs, p.shownFrom(abs), p.file.base)
	if err != nil {
		l.errorf(fault.File, p, l.nearestFile(abs), "%s: %s", name, reasonOf(err))
		return nil
	}
	if f.root == nil {
		return nil
	}
	return f.place()
}

// nearestFile is a hint when a file beside the missing one was probably meant.
func (l *loader) nearestFile(abs string) string {
	if near := nearest(filepath.Base(abs), l.disk.names(filepath.Dir(abs))); near != "" {
		return "did you mean " + near + "?"
	}
	return "paths are relative to this file"
}

// splitFragment cuts the fragment from a reference and undoes its escapes.
func splitFragment(ref string) (name, fragment string, err error) {
	name, fragment, _ = strings.Cut(ref, "#")
	fragment, err = url.PathUnescape(fragment)
	return name, fragment, err
}

// loadFile takes the entities of a catalog file and of the files it imports.
func (l *loader) loadFile(f *file) {
	if f.root == nil || l.loaded[f.abs] {
		return
	}
	l.loaded[f.abs] = true
	var c catalogFile
	p := f.place()
	l.decodeStruct(p, reflect.ValueOf(&c).Elem())
	take(l, p, "collections", c.Collections, l.collections)
	take(l, p, "captures", c.Captures, l.captures)
	take(l, p, "materializations", c.Materializations, l.materializations)
	take(l, p, "tests", c.Tests, l.tests)
	for i := range c.Import {
		if at := p.must("import").item(i); at.node.kind == kindString {
			l.loadImport(at)
		}
	}
}

// take adds a section's entities to those of the catalog, in the file's order.
func take[T any](l *loader, root *place, section string, read map[string]T, into map[string]*entry[T]) {
	if len(read) == 0 {
		return
	}
	for _, m := range root.must(section).node.members {
		if at, ok := l.register(root, section, m.name); ok {
			body := read[m.name]
			into[m.name] = &entry[T]{m.name, at, &body}
		}
	}
}

func (l *loader) loadImport(at *place) {
	if strings.Contains(at.node.text, "#") {
		l.errorf(fault.File, at, "name the file alone", "an import takes a whole file: %s", at.node.text)
		return
	}
	if root := l.openRef(at); root != nil {
		l.loadFile(root.file)
	}
}
