package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/controlplane/api"
)

func (u *UI) graph(v *visit) error {
	now, err := u.snapshotNow(v)
	if err != nil {
		return err
	}
	g, err := u.graphNow(v, now)
	if err != nil {
		return err
	}
	return u.show(v, "graph", frame{Title: "Data flow", Section: "graph", Events: "/events/graph", Page: g})
}

func (u *UI) graphNow(v *visit, now snapshot) (*graphView, error) {
	all, err := u.o.Reads.Collections(v.r.Context())
	if err != nil {
		return nil, err
	}
	return graphOf(now, collectionNames(all)), nil
}

func collectionNames(all []api.Collection) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return names
}

func (u *UI) graphEvents(v *visit, s *stream) error {
	return u.regions(v.r.Context(), s, "graph", func(now snapshot) (any, []string, error) {
		g, err := u.graphNow(v, now)
		return g, []string{"flow", "flow-list"}, err
	})
}

// Line is the path of an edge.
func (e *edge) Line() string {
	x1, y1 := e.From.X+nodeWidth, e.From.Y+nodeHeight/2
	x2, y2 := e.To.X, e.To.Y+nodeHeight/2+e.entry
	if e.Back { // around the boxes, below them
		low := max(e.From.Y, e.To.Y) + nodeHeight + gapY/2 + 4
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d S%d %d %d %d", x1, y1, x1+30, y1, x1+30, low, (x1+x2)/2, low, x2-30, y2, x2, y2)
	}
	bend := max((x2-x1)/2, 30)
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
}

// LabelX is where an edge's number ends: at its reader, where lines are apart
// from each other. That of one that goes back is the middle of its bow.
func (e *edge) LabelX() int {
	if e.Back {
		return (e.From.X + nodeWidth + e.To.X) / 2
	}
	return e.To.X - 12 // before the line's tip
}

// LabelY is above the line, so that it can be read.
func (e *edge) LabelY() int {
	if e.Back {
		return max(e.From.Y, e.To.Y) + nodeHeight + gapY/2
	}
	return e.To.Y + nodeHeight/2 + e.label - 4
}

// Flows says whether documents go through the edge now.
func (e *edge) Flows() bool { return e.Rate > 0 }

// Listed are the boxes by what needs somebody; those without a state are the
// last ones.
func (g *graphView) Listed() []*node {
	place := func(n *node) int {
		if n.State == "" {
			return len(urgency)
		}
		return slices.Index(urgency, n.State)
	}
	return slices.SortedStableFunc(slices.Values(g.Nodes), func(a, b *node) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Name, b.Name))
	})
}

// Short is the name without its prefix, cut to the box; Prefix is the rest. Names
// that begin alike often end otherwise, so the cut is in the middle.
func (n *node) Short() string {
	return middle(n.Name[strings.LastIndexByte(n.Name, '/')+1:], 21)
}

// middle cuts a text to its beginning and its end.
func middle(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + "…" + string(runes[len(runes)-(most-most/2):])
}

// Prefix is what stands before the name's last part, as far as there is room
// beside the state.
func (n *node) Prefix() string {
	at := strings.LastIndexByte(n.Name, '/')
	if at < 0 {
		return ""
	}
	return middle(n.Name[:at], max(23-len(cmp.Or(label(n.State), n.Kind)), 5))
}

// Outline is the box: its form tells the kind.
func (n *node) Outline() string {
	w, h := nodeWidth, nodeHeight
	switch n.Kind {
	case api.KindCapture: // an arrow into the flow
		return fmt.Sprintf("M0 0H%dL%d %dL%d %dH0Z", w-14, w, h/2, w-14, h)
	case api.KindMaterialization: // notched where the flow ends
		return fmt.Sprintf("M0 0H%dV%dH0L14 %dZ", w, h, h/2)
	case api.KindDerivation: // corners cut
		return fmt.Sprintf("M12 0H%dL%d 12V%dL%d %dH12L0 %dV12Z", w-12, w, h-12, w-12, h, h-12)
	}
	return fmt.Sprintf("M8 0H%dQ%d 0 %d 8V%dQ%d %d %d %dH8Q0 %d 0 %dV8Q0 0 8 0Z", w-8, w, w, h-8, w, h, w-8, h, h, h-8) // a round box
}
