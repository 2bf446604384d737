package quarantine

import (
	"encoding/json"
	"fmt"
	"slices"

	"weir/document"
)

// Set gives a document with another value at a pointer: in place of the one
// that is there, as a new member of an object, or, with "-", behind the last
// element of an array. All else keeps its text.
func Set(text []byte, pointer string, value json.RawMessage) ([]byte, error) {
	path, err := document.ParsePointer(pointer)
	if err != nil {
		return nil, err
	}
	var doc, check document.Doc
	if err := check.Parse(value); err != nil {
		return nil, fmt.Errorf("value for %s: %w", pointer, err)
	}
	if err := doc.Parse(text); err != nil {
		return nil, fmt.Errorf("the document is no JSON, so nothing can be set in it: write it anew: %w", err)
	}
	if at, ok := path.Find(&doc, 0); ok {
		n := doc.Nodes[at]
		from, to := n.Off, n.End
		if n.Kind == document.String { // with its quotes
			from, to = from-1, to+1
		}
		return slices.Concat(text[:from], value, text[to:]), nil
	}
	last := len(path) - 1
	at, ok := path[:last].Find(&doc, 0)
	n := doc.Nodes[at]
	var added []byte
	switch {
	case ok && n.Kind == document.Object:
		added = slices.Concat(document.AppendQuoted(nil, path[last]), []byte(":"), value)
	case ok && n.Kind == document.Array && path[last] == "-":
		added = value
	case ok:
		return nil, fmt.Errorf("%s: nothing can be added to the %s at %q", pointer, n.Kind, path[:last].String())
	default:
		return nil, fmt.Errorf("%s: the document has nothing at %q", pointer, path[:last].String())
	}
	if n.N > 0 {
		added = slices.Concat([]byte(","), added)
	}
	return slices.Concat(text[:n.End-1], added, text[n.End-1:]), nil
}
