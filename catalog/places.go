package catalog

import (
	"slices"

	"weir/document"
)

// Place is where a list of documents was written. Only the process that loaded
// the catalog knows it; it is not part of a spec's JSON.
type Place struct {
	Path    string // the absolute file
	Shown   string // the file as messages name it
	Line    int
	Pointer string // JSON pointer into the file
}

// where is the place as it is kept for those who come back to the file.
func (p *place) where() Place {
	return Place{Path: p.file.abs, Shown: p.file.shown, Line: p.line, Pointer: p.path()}
}

// Shown names a file as messages name it, below the path that the user gave. A
// name that no origin of this catalog has stays as it is.
func (c *Catalog) Shown(file string) string {
	if f := c.files[file]; f != nil {
		return f.shown
	}
	return file
}

// At is the origin of the value at a JSON pointer into one of the catalog's
// files, or of what holds it, as deep as the pointer leads. File is named as
// origins name it; of a file that is not known the line is 1.
func (c *Catalog) At(file, pointer string) Origin {
	at := Origin{File: file, Line: 1}
	f := c.files[file]
	if f == nil || f.root == nil {
		return at
	}
	tokens, err := document.ParsePointer(pointer)
	if err != nil {
		return at
	}
	if p, _ := f.place().find(tokens); p.line > 0 {
		at.Line = p.line
	}
	return at
}

// Files lists the absolute files that the catalog was read from, its modules
// among them, sorted.
func (c *Catalog) Files() []string {
	var out []string
	for _, f := range c.files {
		out = append(out, f.abs)
	}
	for _, spec := range c.Collections {
		if spec.Derive == nil {
			continue
		}
		for _, m := range []*Module{spec.Derive.Using.JavaScript, spec.Derive.Using.TypeScript} {
			if m != nil && m.Path != "" {
				out = append(out, m.Path)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
