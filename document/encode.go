package document

import "slices"

// Compact reports whether Src holds no whitespace outside its strings, so that it can be passed on as it is.
func (d *Doc) Compact() bool {
	return d.tight && len(d.Nodes) > 0 && len(d.Raw(0)) == len(d.Src)
}

// Append appends the subtree at i without whitespace. The order of members, the text of numbers and the escapes
// of strings stay as they are.
func (d *Doc) Append(dst []byte, i uint32) []byte {
	if d.tight {
		return append(dst, d.Raw(i)...)
	}
	n := &d.Nodes[i]
	switch n.Kind {
	case Object:
		dst = append(dst, '{')
		for k := i + 1; k < n.Next; k = d.Nodes[k+1].Next {
			if k > i+1 {
				dst = append(dst, ',')
			}
			dst = append(dst, d.Raw(k)...)
			dst = append(dst, ':')
			dst = d.Append(dst, k+1)
		}
		return append(dst, '}')
	case Array:
		dst = append(dst, '[')
		for k := i + 1; k < n.Next; k = d.Nodes[k].Next {
			if k > i+1 {
				dst = append(dst, ',')
			}
			dst = d.Append(dst, k)
		}
		return append(dst, ']')
	}
	return append(dst, d.Raw(i)...)
}

// AppendSorted appends the subtree at i without whitespace, members sorted by the UTF-8 bytes of their names and
// strings escaped as AppendQuoted does. Numbers keep their text. Documents that differ only in the order of
// members, in whitespace and in escapes give the same bytes.
func (d *Doc) AppendSorted(dst []byte, i uint32) []byte {
	n := &d.Nodes[i]
	switch n.Kind {
	case Object:
		var few [manyMembers]uint32
		dst = append(dst, '{')
		for at, k := range d.sortedNames(few[:], i) {
			if at > 0 {
				dst = append(dst, ',')
			}
			dst = d.appendString(dst, k)
			dst = append(dst, ':')
			dst = d.AppendSorted(dst, k+1)
		}
		return append(dst, '}')
	case Array:
		dst = append(dst, '[')
		for k := i + 1; k < n.Next; k = d.Nodes[k].Next {
			if k > i+1 {
				dst = append(dst, ',')
			}
			dst = d.AppendSorted(dst, k)
		}
		return append(dst, ']')
	case String:
		return d.appendString(dst, i)
	}
	return append(dst, d.Raw(i)...)
}

// appendString appends a string in its shortest form. Only one with escapes can have another form than its text.
func (d *Doc) appendString(dst []byte, i uint32) []byte {
	if d.Nodes[i].Flags&Escaped == 0 {
		return append(dst, d.Raw(i)...)
	}
	var scratch [scratchSize]byte
	return appendQuoted(dst, appendUnescaped(scratch[:0], d.Text(i)))
}

// sortedNames returns an object's names, sorted by their decoded bytes. It uses the memory of room if that is enough.
func (d *Doc) sortedNames(room []uint32, object uint32) []uint32 {
	names := room[:0]
	if n := int(d.Nodes[object].N); n > cap(names) {
		names = make([]uint32, 0, n)
	}
	for k := object + 1; k < d.Nodes[object].Next; k = d.Nodes[k+1].Next {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b uint32) int { return compareText(d, a, d, b) })
	return names
}
