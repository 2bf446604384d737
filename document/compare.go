package document

import "cmp"

// Compare orders two values deeply: null < false < true < numbers < strings < arrays < objects. Numbers compare
// as exact decimals (1 equals 1.0), strings by the bytes of their UTF-8, arrays element by element with the
// shorter first. Of two objects the smallest name decides at which their members differ; lacking it comes
// before having it with any value.
func Compare(a *Doc, i uint32, b *Doc, j uint32) int {
	x, y := &a.Nodes[i], &b.Nodes[j]
	if c := cmp.Compare(x.Kind.rank(), y.Kind.rank()); c != 0 {
		return c
	}
	switch x.Kind {
	case Integer, Number:
		return CompareNumbers(a.Text(i), b.Text(j))
	case String:
		return compareText(a, i, b, j)
	case Array:
		return compareArrays(a, i, b, j)
	case Object:
		return compareObjects(a, i, b, j)
	}
	return 0
}

// rank gives both kinds of numbers one place in the order.
func (k Kind) rank() Kind {
	if k == Integer {
		return Number
	}
	return k
}

func compareArrays(a *Doc, i uint32, b *Doc, j uint32) int {
	endA, endB := a.Nodes[i].Next, b.Nodes[j].Next
	for i, j = i+1, j+1; i < endA && j < endB; i, j = a.Nodes[i].Next, b.Nodes[j].Next {
		if c := Compare(a, i, b, j); c != 0 {
			return c
		}
	}
	switch {
	case i < endA:
		return 1
	case j < endB:
		return -1
	}
	return 0
}

func compareObjects(a *Doc, i uint32, b *Doc, j uint32) int {
	var fewA, fewB [manyMembers]uint32
	left, right := a.sortedNames(fewA[:], i), b.sortedNames(fewB[:], j)
	for n := 0; n < len(left) && n < len(right); n++ {
		// The smaller name is one that the other object lacks.
		if c := compareText(a, left[n], b, right[n]); c != 0 {
			return -c
		}
		if c := Compare(a, left[n]+1, b, right[n]+1); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(left), len(right))
}

// Equal reports whether two values are the same whatever the order of members and the spelling of numbers and
// strings; that is, whether Compare returns 0.
func Equal(a *Doc, i uint32, b *Doc, j uint32) bool {
	x, y := &a.Nodes[i], &b.Nodes[j]
	if x.Kind.rank() != y.Kind.rank() || x.N != y.N {
		return false
	}
	if x.Kind == Object && x.N <= manyMembers {
		return equalObjects(a, i, b, j)
	}
	if x.Kind == Array {
		return equalArrays(a, i, b, j)
	}
	return Compare(a, i, b, j) == 0
}

func equalArrays(a *Doc, i uint32, b *Doc, j uint32) bool {
	end := a.Nodes[i].Next
	for i, j = i+1, j+1; i < end; i, j = a.Nodes[i].Next, b.Nodes[j].Next {
		if !Equal(a, i, b, j) {
			return false
		}
	}
	return true
}

// equalObjects pairs the members of objects of one size: those that stand at the same place first, since most
// documents of a collection write their members in one order.
func equalObjects(a *Doc, i uint32, b *Doc, j uint32) bool {
	end, object := a.Nodes[i].Next, j
	for i, j = i+1, j+1; i < end; i, j = a.Nodes[i+1].Next, b.Nodes[j+1].Next {
		value := j + 1
		if compareText(a, i, b, j) != 0 {
			var ok bool
			if value, ok = b.member(object, a, i); !ok {
				return false
			}
		}
		if !Equal(a, i+1, b, value) {
			return false
		}
	}
	return true
}

// member returns the value whose name equals the one at node name of from.
func (d *Doc) member(object uint32, from *Doc, name uint32) (uint32, bool) {
	for k := object + 1; k < d.Nodes[object].Next; k = d.Nodes[k+1].Next {
		if compareText(d, k, from, name) == 0 {
			return k + 1, true
		}
	}
	return 0, false
}
