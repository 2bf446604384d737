package schema

import (
	"strconv"
	"testing"

	"weir/document"
)

// shapeHolds checks that a document, if it is valid, fits the inferred shape.
func shapeHolds(t *testing.T, s *Schema, text string, d *document.Doc) {
	t.Helper()
	if judge(s.oracle, decode(d, 0)) != nil {
		return
	}
	if len(s.Fallbacks()) > 0 {
		return // which definition a dynamic reference means is not known statically
	}
	fits(t, s.Shape(), text, d, 0, nil)
}

func fits(t *testing.T, root *Shape, text string, d *document.Doc, i uint32, p document.Pointer) {
	t.Helper()
	sh, exists := root.Locate(p)
	if exists == Cannot {
		t.Fatalf("schema %s\ndocument %s\nhas %q, which cannot exist", text, d.Src, p)
	}
	if kind := nodeTypes(d, i); sh.Types&kind == 0 {
		t.Fatalf("schema %s\ndocument %s\nat %q: %v is not among %v", text, d.Src, p, kind, sh.Types)
	}
	n := d.Nodes[i]
	switch n.Kind {
	case document.Object:
		present := map[string]bool{}
		for k := i + 1; k < n.Next; k = d.Nodes[k+1].Next {
			present[d.String(k)] = true
			fits(t, root, text, d, k+1, append(p[:len(p):len(p)], d.String(k)))
		}
		for _, name := range append(sh.Names(), "a", "b") {
			if _, there := sh.Locate(document.Pointer{name}); there == Must && !present[name] {
				t.Fatalf("schema %s\ndocument %s\nlacks %q of %q, which must exist", text, d.Src, name, p)
			}
		}
	case document.Array:
		for k, at := i+1, 0; k < n.Next; k, at = d.Nodes[k].Next, at+1 {
			fits(t, root, text, d, k, append(p[:len(p):len(p)], strconv.Itoa(at)))
		}
	}
}

func nodeTypes(d *document.Doc, i uint32) Types {
	switch d.Nodes[i].Kind {
	case document.Null:
		return TypeNull
	case document.False, document.True:
		return TypeBoolean
	case document.Integer, document.Number:
		if document.Integral(d.Text(i)) {
			return TypeInteger
		}
		return TypeFractional
	case document.String:
		return TypeString
	case document.Array:
		return TypeArray
	}
	return TypeObject
}

const shapeSchema = `{
 "$defs":{
  "node":{"type":"object","properties":{"label":{"type":"string"},"next":{"$ref":"#/$defs/node"}},"required":["label"]}
 },
 "type":"object",
 "title":"an order",
 "properties":{
  "id":{"type":"string","format":"uuid","description":"which"},
  "n":{"type":"integer","minimum":0,"maximum":5},
  "maybe":{"type":["number","null"]},
  "e":{"enum":["x",1,null]},
  "either":{"anyOf":[{"type":"object","properties":{"p":{"type":"integer"}},"required":["p"]},{"type":"null"}]},
  "list":{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"integer"},"minItems":1},
  "short":{"type":"array","maxItems":1},
  "map":{"type":"object","additionalProperties":{"type":"string"}},
  "closed":{"type":"object","properties":{"a":{"default":7}},"additionalProperties":false},
  "open":{"type":"object"},
  "tree":{"$ref":"#/$defs/node"},
  "both":{"allOf":[{"type":["string","integer"]},{"type":["integer","null"]}]},
  "chosen":{"if":{"type":"string"},"then":{"format":"date"},"else":{"type":"integer"}}
 },
 "required":["id","list","tree","closed","map","either"]
}`

func TestShape(t *testing.T) {
	root := compile(t, shapeSchema).Shape()
	for _, c := range []struct{ pointer, types, exists string }{
		{"", "object", "must"},
		{"/id", "string", "must"},
		{"/n", "integer", "may"},
		{"/maybe", "null, number", "may"},
		{"/e", "integer, null, string", "may"},
		{"/either", "null, object", "must"},
		{"/either/p", "integer", "may"},
		{"/list/0", "string", "must"},
		{"/list/1", "integer", "may"},
		{"/short/0", "array, boolean, null, number, object, string", "implicit"},
		{"/short/1", "", "cannot"},
		{"/map/any", "string", "may"},
		{"/closed/a", "array, boolean, null, number, object, string", "may"},
		{"/closed/b", "", "cannot"},
		{"/open/x", "array, boolean, null, number, object, string", "implicit"},
		{"/nothing", "array, boolean, null, number, object, string", "implicit"},
		{"/tree/label", "string", "must"},
		{"/tree/next", "object", "may"},
		{"/id/x", "", "cannot"},
		{"/list/x", "", "cannot"},
		{"/both", "integer", "may"},
		{"/chosen", "integer, string", "may"},
	} {
		p, err := document.ParsePointer(c.pointer)
		if err != nil {
			t.Fatal(err)
		}
		sh, exists := root.Locate(p)
		if sh.Types.String() != c.types || exists.String() != c.exists {
			t.Errorf("%s: %s, %s", c.pointer, sh.Types, exists)
		}
	}
	id, n, e := root.Properties["id"], root.Properties["n"], root.Properties["e"]
	if root.Title != "an order" || id.Format != "uuid" || id.Description != "which" || n.Minimum != "0" || n.Maximum != "5" || len(e.Enum) != 3 {
		t.Errorf("annotations are lost: %+v %+v %+v", id, n, e)
	}
	if a, _ := root.Locate(document.Pointer{"closed", "a"}); string(a.Default) != "7" {
		t.Errorf("default is %s", a.Default)
	}
	if c, _ := root.Locate(document.Pointer{"chosen"}); c.Format != "date" {
		t.Errorf("format of the string alternative is %q", c.Format)
	}
}
