package schema

import (
	"encoding/json"

	"weir/document"
)

// values are those of an enum or a const.
type values struct {
	doc     document.Doc // an array of them
	strings []string     // decoded
	others  []uint32     // nodes of doc that are no strings
	lookup  map[string]struct{}
}

// manyStrings is from how many strings on a map is quicker than comparing one by one.
const manyStrings = 9

func newValues(list []any) *values {
	text, err := json.Marshal(list)
	if err != nil {
		panic("schema: a value that came from JSON is none: " + err.Error())
	}
	v := &values{}
	if err := v.doc.Parse(text); err != nil {
		panic("schema: re-encoded values: " + err.Error())
	}
	for i := uint32(1); i < v.doc.Nodes[0].Next; i = v.doc.Nodes[i].Next {
		if v.doc.Nodes[i].Kind == document.String {
			v.strings = append(v.strings, v.doc.String(i))
		} else {
			v.others = append(v.others, i)
		}
	}
	if len(v.strings) >= manyStrings {
		v.lookup = make(map[string]struct{}, len(v.strings))
		for _, s := range v.strings {
			v.lookup[s] = struct{}{}
		}
	}
	return v
}

func (v *values) hasText(text []byte) bool {
	if v.lookup != nil {
		_, ok := v.lookup[string(text)]
		return ok
	}
	for _, s := range v.strings {
		if s == string(text) {
			return true
		}
	}
	return false
}

func (v *values) has(d *document.Doc, i uint32) bool {
	for _, j := range v.others {
		if document.Equal(&v.doc, j, d, i) {
			return true
		}
	}
	return false
}
