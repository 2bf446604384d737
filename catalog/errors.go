package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one fault of a catalog.
type Error struct {
	File    string // as the user would name it: below the path given to Load
	Line    int    // from 1
	Column  int    // from 1, in characters
	Path    string // JSON pointer into the file, "" for its root
	Message string // what is wrong
	Hint    string // what would be right; may be empty
}

// Error prints file:line:column: path: message (hint).
func (e Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errors are all the faults of a catalog, sorted by place, one line each.
type Errors []Error

// Error prints one fault a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the errors in the order of their places, each once.
func (e Errors) sorted() Errors {
	slices.SortFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Hint, b.Hint))
	})
	return slices.Compact(e)
}
