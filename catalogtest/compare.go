package catalogtest

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/document"
)

// epsilon is the relative difference up to which numbers are equal: that of
// two neighbouring floats.
const epsilon = 0x1p-52

// Difference is one place in which what a collection holds is not what a test
// expects.
type Difference struct {
	Document int             `json:"document"`           // from 1: among the actual documents, or among the expected ones where it is missing
	Key      json.RawMessage `json:"key,omitempty"`      // of the document, where it is known
	Pointer  string          `json:"pointer,omitempty"`  // where in the document, "" for all of it
	Expected json.RawMessage `json:"expected,omitempty"` // nil: nothing was expected there
	Actual   json.RawMessage `json:"actual,omitempty"`   // nil: nothing is there
}

// compare lists in what actual falls short of the expected document.
func compare(want, got *document.Doc) []Difference {
	c := comparison{want: want, got: got}
	c.node(0, 0, nil)
	return c.differences
}

type comparison struct {
	want, got   *document.Doc
	differences []Difference
}

func (c *comparison) differ(at document.Pointer, want, got json.RawMessage) {
	c.differences = append(c.differences, Difference{Pointer: at.String(), Expected: want, Actual: got})
}

func (c *comparison) node(w, g uint32, at document.Pointer) {
	want, got := &c.want.Nodes[w], &c.got.Nodes[g]
	switch {
	case want.Kind == document.Object && got.Kind == document.Object:
		c.object(w, g, at)
	case want.Kind == document.Array && got.Kind == document.Array && want.N == got.N:
		c.array(w, g, at)
	case isNumber(want.Kind) && isNumber(got.Kind) && sameNumber(c.want, w, c.got, g):
	case !document.Equal(c.want, w, c.got, g):
		c.differ(at, text(c.want, w), text(c.got, g))
	}
}

func (c *comparison) object(w, g uint32, at document.Pointer) {
	for k := w + 1; k < c.want.Nodes[w].Next; k = c.want.Nodes[k+1].Next {
		name := c.want.String(k)
		below := append(slices.Clone(at), name)
		value, ok := c.got.Get(g, name)
		if !ok {
			c.differ(below, text(c.want, k+1), nil)
			continue
		}
		c.node(k+1, value, below)
	}
}

func (c *comparison) array(w, g uint32, at document.Pointer) {
	i, end := 0, c.want.Nodes[w].Next
	for a, b := w+1, g+1; a < end; a, b = c.want.Nodes[a].Next, c.got.Nodes[b].Next {
		c.node(a, b, append(slices.Clone(at), strconv.Itoa(i)))
		i++
	}
}

func isNumber(k document.Kind) bool { return k == document.Integer || k == document.Number }

func sameNumber(a *document.Doc, i uint32, b *document.Doc, j uint32) bool {
	if document.Equal(a, i, b, j) {
		return true
	}
	x, y := document.Float64(a.Text(i)), document.Float64(b.Text(j))
	return math.Abs(x-y) <= epsilon*max(math.Abs(x), math.Abs(y))
}

// text is a value's compact JSON.
func text(d *document.Doc, i uint32) json.RawMessage { return d.Append(nil, i) }

// narrow is what a test would have to expect instead of a document that does
// not hold any more: of the actual document the members that it names, and of
// numbers that are equal its own spelling.
func narrow(want, got *document.Doc) json.RawMessage {
	n := narrowing{want: want, got: got}
	n.node(0, 0)
	return n.out
}

type narrowing struct {
	want, got *document.Doc
	out       []byte
}

func (n *narrowing) node(w, g uint32) {
	want, got := &n.want.Nodes[w], &n.got.Nodes[g]
	switch {
	case want.Kind == document.Object && got.Kind == document.Object:
		n.out = append(n.out, '{')
		begin := len(n.out)
		for k := w + 1; k < want.Next; k = n.want.Nodes[k+1].Next {
			value, ok := n.got.Get(g, n.want.String(k))
			if !ok {
				continue
			}
			if len(n.out) > begin {
				n.out = append(n.out, ',')
			}
			n.out = append(n.want.Append(n.out, k), ':')
			n.node(k+1, value)
		}
		n.out = append(n.out, '}')
	case want.Kind == document.Array && got.Kind == document.Array && want.N == got.N:
		n.out = append(n.out, '[')
		for a, b := w+1, g+1; a < want.Next; a, b = n.want.Nodes[a].Next, n.got.Nodes[b].Next {
			if a > w+1 {
				n.out = append(n.out, ',')
			}
			n.node(a, b)
		}
		n.out = append(n.out, ']')
	case isNumber(want.Kind) && isNumber(got.Kind) && sameNumber(n.want, w, n.got, g):
		n.out = n.want.Append(n.out, w)
	default:
		n.out = n.got.Append(n.out, g)
	}
}

// longest is how much of a value a text shows, in bytes.
const longest = 300

// brief is a value's text, shortened: from a byte that is a little before from.
func brief(value json.RawMessage, from int) string {
	cut := string(value)
	if from = max(from-longest/4, 0); from > 0 && len(cut) > longest {
		cut = "..." + strings.ToValidUTF8(cut[from:], "")
	}
	if len(cut) > longest {
		cut = strings.ToValidUTF8(cut[:longest], "") + "..."
	}
	return cut
}

// common is the length of what two values begin with.
func common(a, b json.RawMessage) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
