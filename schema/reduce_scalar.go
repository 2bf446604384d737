package schema

import "weir/document"

// number reads a number, or a string that holds one.
func (r *Reducer) number(s *strategy, c cell) (n document.Decimal, text, ok bool) {
	d := r.docs[c.doc]
	raw := d.Text(c.node)
	switch kind := d.Nodes[c.node].Kind; kind {
	case document.Integer, document.Number:
	case document.String:
		text = true
		if d.Nodes[c.node].Flags&document.Escaped != 0 {
			raw = d.AppendString(nil, c.node)
		}
	default:
		r.fail(c, s, "needs a number, but got %s", kind)
		return n, text, false
	}
	n, err := document.ParseDecimal(raw)
	if err != nil {
		r.fail(c, s, "needs a number, but got %s: %v", excerpt(d.Raw(c.node)), err)
	}
	return n, text, err == nil
}

func (r *Reducer) foldSum(dst []byte, s *strategy, l list) []byte {
	total, quoted, ok := r.number(s, r.cells[l.first])
	for at := r.cells[l.first].next; ok && at >= 0; at = r.cells[at].next {
		var n document.Decimal
		var text bool
		if n, text, ok = r.number(s, r.cells[at]); !ok {
			break
		}
		var err error
		if total, err = total.Add(n); err != nil {
			r.fail(r.cells[at], s, "%v", err)
			return dst
		}
		quoted = quoted || text
	}
	if !ok {
		return dst
	}
	if !quoted {
		return total.Append(dst)
	}
	return append(total.Append(append(dst, '"')), '"')
}

func (r *Reducer) foldAppend(dst []byte, s *strategy, l list) []byte {
	null := false
	start := len(dst)
	dst = append(dst, '[')
	for at := l.first; at >= 0; at = r.cells[at].next {
		c := r.cells[at]
		if kind := r.kind(c); kind != document.Array {
			if at == l.first && kind == document.Null {
				null = true
				continue
			}
			r.fail(c, s, "needs an array, but got %s", kind)
			return dst
		}
		if r.docs[c.doc].Nodes[c.node].N == 0 {
			continue
		}
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		// The brackets of the copy are not wanted.
		open := len(dst)
		dst = r.copy(dst, c)
		copy(dst[open:], dst[open+1:])
		dst = dst[:len(dst)-2]
	}
	if null {
		return append(dst[:start], "null"...)
	}
	return append(dst, ']')
}
