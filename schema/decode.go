package schema

import (
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// decode builds the Go values that v5 works on; numbers are json.Number, so that they stay exact.
func decode(d *document.Doc, i uint32) any {
	n := &d.Nodes[i]
	switch n.Kind {
	case document.Null:
		return nil
	case document.False:
		return false
	case document.True:
		return true
	case document.Integer, document.Number:
		return json.Number(d.Text(i))
	case document.String:
		return d.String(i)
	case document.Array:
		list := make([]any, 0, n.N)
		for k := i + 1; k < n.Next; k = d.Nodes[k].Next {
			list = append(list, decode(d, k))
		}
		return list
	}
	members := make(map[string]any, n.N)
	for k := i + 1; k < n.Next; k = d.Nodes[k+1].Next {
		members[d.String(k)] = decode(d, k+1)
	}
	return members
}

// judge asks v5. It panics at numbers whose exponent has more than six digits; that becomes an error.
func judge(s *jsonschema.Schema, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("number out of range: %v", r)
		}
	}()
	return s.Validate(v)
}

// excerptSize is how much of a value a message shows, in bytes.
const excerptSize = 60

// excerpt shortens text for a message, between characters.
func excerpt(text []byte) string {
	if len(text) <= excerptSize {
		return string(text)
	}
	end := excerptSize
	for end > 0 && text[end]&0xC0 == 0x80 {
		end--
	}
	return string(text[:end]) + "…"
}
