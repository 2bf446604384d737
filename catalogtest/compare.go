package catalogtest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"weir/document"
)

// epsilon is the relative difference up to which numbers are equal: that of
// two neighbouring floats.
const epsilon = 0x1p-52

// compare lists in what actual falls short of the expected document, one line
// for each place.
func compare(want, got *document.Doc) []string {
	c := comparison{want: want, got: got}
	c.node(0, 0, "")
	return c.lines
}

type comparison struct {
	want, got *document.Doc
	lines     []string
}

func (c *comparison) differ(pointer, format string, args ...any) {
	if pointer == "" {
		pointer = "the document"
	}
	c.lines = append(c.lines, pointer+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) node(w, g uint32, pointer string) {
	want, got := &c.want.Nodes[w], &c.got.Nodes[g]
	switch {
	case want.Kind == document.Object && got.Kind == document.Object:
		c.object(w, g, pointer)
	case want.Kind == document.Array && got.Kind == document.Array:
		c.array(w, g, pointer)
	case isNumber(want.Kind) && isNumber(got.Kind):
		if !sameNumber(c.want, w, c.got, g) {
			c.differ(pointer, "want %s, got %s", c.want.Raw(w), c.got.Raw(g))
		}
	case !document.Equal(c.want, w, c.got, g):
		c.differ(pointer, "want %s, got %s", brief(c.want, w), brief(c.got, g))
	}
}

func (c *comparison) object(w, g uint32, pointer string) {
	for k := w + 1; k < c.want.Nodes[w].Next; k = c.want.Nodes[k+1].Next {
		name := c.want.String(k)
		at := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		value, ok := c.got.Get(g, name)
		if !ok {
			c.differ(at, "want %s, but it is not there", brief(c.want, k+1))
			continue
		}
		c.node(k+1, value, at)
	}
}

func (c *comparison) array(w, g uint32, pointer string) {
	if want, got := c.want.Nodes[w].N, c.got.Nodes[g].N; want != got {
		c.differ(pointer, "want %d items, got %d: want %s, got %s", want, got, brief(c.want, w), brief(c.got, g))
		return
	}
	i, end := 0, c.want.Nodes[w].Next
	for a, b := w+1, g+1; a < end; a, b = c.want.Nodes[a].Next, c.got.Nodes[b].Next {
		c.node(a, b, pointer+"/"+strconv.Itoa(i))
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

// brief is a value's text, shortened.
func brief(d *document.Doc, i uint32) string {
	text := string(d.Append(nil, i))
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}
