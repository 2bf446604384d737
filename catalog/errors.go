package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/fault"
)

// Error is one fault of a catalog.
type Error struct {
	Code    fault.Code `json:"code"`
	File    string     `json:"file"`           // as the user would name it: below the path given to Load
	Line    int        `json:"line"`           // from 1
	Column  int        `json:"column"`         // from 1, in characters
	Path    string     `json:"path,omitempty"` // JSON pointer into the file, "" for its root
	Message string     `json:"message"`        // what is wrong
	Hint    string     `json:"hint,omitempty"` // what would be right, where more can be said than the code does
}

// Error prints file:line:column: path: message (hint) [code].
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
	b.WriteString(" [" + string(e.Code) + "]")
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
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Hint, b.Hint), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(e)
}
