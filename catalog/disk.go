package catalog

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/fault"
)

// disk is where a loader finds files, by their absolute paths.
type disk interface {
	size(path string) (int64, error) // an error, too, for what is no regular file
	read(path string) ([]byte, error)
	names(dir string) []string // of the regular files in a directory, for hints
}

// onDisk are the files of this machine.
type onDisk struct{}

func (onDisk) size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errors.New("it is no regular file")
	}
	return info.Size(), nil
}

func (onDisk) read(path string) ([]byte, error) { return os.ReadFile(path) }

func (onDisk) names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

// sent are files that came as texts: there are no others.
type sent map[string]string

var errNotSent = errors.New("it is not among the files that were sent")

func (s sent) size(path string) (int64, error) {
	text, ok := s[path]
	if !ok {
		return 0, errNotSent
	}
	return int64(len(text)), nil
}

func (s sent) read(path string) ([]byte, error) { return []byte(s[path]), nil }

func (s sent) names(dir string) []string {
	var names []string
	for path := range s {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

// sentDir is the directory of files that were sent. It is nowhere: what leads
// out of it finds nothing.
var sentDir = filepath.Join(string(filepath.Separator), "sent")

// LoadFiles loads a catalog whose files are not on disk: their texts by their
// paths from the catalog's directory, with slashes. Nothing else is read,
// neither here nor when its modules are bundled. root is the file that leads to
// the others; empty: flow.yaml or flow.json. The error is [Errors], and then
// there is no Catalog.
func LoadFiles(root string, files map[string]string) (*Catalog, error) {
	from := sent{}
	l := newLoader(from)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
			l.errs = append(l.errs, Error{Code: fault.File, File: cmp.Or(name, `""`), Line: 1, Column: 1, Message: "this is no path below the catalog's directory", Hint: "name files from there, with slashes and without .. as in schemas/order.yaml"})
		}
		from[filepath.Join(sentDir, filepath.FromSlash(name))] = files[name]
	}
	if root == "" {
		root = l.rootAmong(files)
	}
	if len(l.errs) == 0 {
		l.loadSent(root)
	}
	c := l.build()
	if len(l.errs) > 0 {
		return nil, l.errs.sorted()
	}
	return c, nil
}

// rootAmong finds the file that a catalog begins with.
func (l *loader) rootAmong(files map[string]string) string {
	_, yaml := files[rootNames[0]]
	_, json := files[rootNames[1]]
	switch {
	case yaml == json:
		reason := "there is neither flow.yaml nor flow.json among the files"
		if yaml {
			reason = "there are both flow.yaml and flow.json among the files"
		}
		l.errs = append(l.errs, Error{Code: fault.File, File: rootNames[0], Line: 1, Column: 1, Message: reason, Hint: "say which file is the root"})
	case json:
		return rootNames[1]
	}
	return rootNames[0]
}

func (l *loader) loadSent(root string) {
	abs := filepath.Join(sentDir, filepath.FromSlash(root))
	f, err := l.open(abs, root, filepath.Dir(abs))
	if err != nil {
		l.errs = append(l.errs, Error{Code: fault.File, File: root, Line: 1, Column: 1, Message: reasonOf(err), Hint: l.nearestFile(abs)})
		return
	}
	l.loadFile(f)
}
