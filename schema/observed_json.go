package schema

import (
	"encoding/json"
	"fmt"

	"weir/document"
)

// appendTo appends the location's schema.
func (s *seen) appendTo(dst []byte) []byte {
	dst = append(dst, '{')
	if s.any {
		return append(dst, '}')
	}
	dst = appendTypes(append(dst, `"type":`...), s.types)
	if s.types&TypeString != 0 && s.format != nil {
		dst = document.AppendQuoted(append(dst, `,"format":`...), s.format.name)
	}
	switch {
	case s.types&TypeArray == 0:
	case s.items == nil:
		dst = append(dst, `,"maxItems":0`...)
	default:
		dst = s.items.appendTo(append(dst, `,"items":`...))
	}
	if s.types&TypeObject != 0 {
		dst = s.appendMembers(dst)
	}
	return append(dst, '}')
}

func appendTypes(dst []byte, t Types) []byte {
	names := t.Names()
	if len(names) == 1 {
		return document.AppendQuoted(dst, names[0])
	}
	return append(dst, jsonText(names)...)
}

func (s *seen) appendMembers(dst []byte) []byte {
	for i, m := range s.members {
		separator := `,`
		if i == 0 {
			separator = `,"properties":{`
		}
		dst = document.AppendQuoted(append(dst, separator...), m.name)
		dst = m.value.appendTo(append(dst, ':'))
	}
	if len(s.members) > 0 {
		dst = append(dst, '}')
	}
	dst = append(dst, `,"additionalProperties":`...)
	if s.rest == nil {
		return append(dst, "false"...)
	}
	return s.rest.appendTo(dst)
}

// ParseObserved reads what [Observed.Schema] wrote; nothing is the schema of no document.
func ParseObserved(text json.RawMessage) (*Observed, error) {
	o := NewObserved()
	if len(text) == 0 {
		return o, nil
	}
	var d document.Doc
	if err := d.Parse(text); err != nil {
		return nil, fmt.Errorf("observed schema: %w", err)
	}
	if err := o.root.parse(&d, 0); err != nil {
		return nil, fmt.Errorf("observed schema: %w", err)
	}
	if o.root.any {
		return nil, fmt.Errorf("observed schema: it says nothing")
	}
	return o, nil
}

func (s *seen) parse(d *document.Doc, i uint32) error {
	n := &d.Nodes[i]
	if n.Kind != document.Object {
		return fmt.Errorf("%s is no schema of a location", excerpt(d.Raw(i)))
	}
	if n.N == 0 {
		s.any = true
		return nil
	}
	for k := i + 1; k < n.Next; k = d.Nodes[k+1].Next {
		if err := s.parseKeyword(d, d.String(k), k+1); err != nil {
			return err
		}
	}
	if s.types == 0 {
		return fmt.Errorf("a location without a type: %s", excerpt(d.Raw(i)))
	}
	return nil
}

func (s *seen) parseKeyword(d *document.Doc, keyword string, i uint32) error {
	switch keyword {
	case "type":
		return s.parseTypes(d, i)
	case "format":
		for _, f := range observedFormats {
			if d.Nodes[i].Kind == document.String && d.String(i) == f.name {
				s.format = f
				return nil
			}
		}
		return fmt.Errorf("%s is no format that is observed", excerpt(d.Raw(i)))
	case "maxItems":
		return nil
	case "items":
		s.items = &seen{}
		return s.items.parse(d, i)
	case "additionalProperties":
		if d.Nodes[i].Kind == document.False {
			return nil
		}
		s.rest = &seen{}
		return s.rest.parse(d, i)
	case "properties":
		if d.Nodes[i].Kind != document.Object {
			break
		}
		for k := i + 1; k < d.Nodes[i].Next; k = d.Nodes[k+1].Next {
			value := &seen{}
			if err := value.parse(d, k+1); err != nil {
				return err
			}
			s.insert(d.String(k), value)
		}
		return nil
	}
	return fmt.Errorf("%s: %s is not what is observed of a location", keyword, excerpt(d.Raw(i)))
}

func (s *seen) parseTypes(d *document.Doc, i uint32) error {
	first, end := i, i+1
	if d.Nodes[i].Kind == document.Array {
		first, end = i+1, d.Nodes[i].Next
	}
	for k := first; k < end; k = d.Nodes[k].Next {
		t := typeNamed(d.String(k))
		if d.Nodes[k].Kind != document.String || t == TypeString && d.String(k) != "string" {
			return fmt.Errorf("%s is no type", excerpt(d.Raw(k)))
		}
		s.types |= t
	}
	return nil
}
