package ui

import (
	"cmp"
	"math"
	"slices"

	"weir/controlplane/api"
)

// node is a box of the graph: a task, or a collection that none derives. A
// derivation stands for its collection as well.
type node struct {
	ID     string
	Kind   string
	Name   string
	Path   string
	State  string
	Detail string // a line below the name
	X, Y   int
	Reads  []string // names, for the list
	Writes []string
	layer  int
	order  float64
}

// edge is what flows from one box to another.
type edge struct {
	From, To *node
	Rate     float64
	Back     bool // against the direction, or to itself
	entry    int  // where its line meets the reader, from the box's middle
	label    int  // the same of its number
}

// graphView is the graph with its layout.
type graphView struct {
	Nodes         []*node
	Edges         []*edge
	Width, Height int
}

// Sizes of the graph, in pixels.
const (
	nodeWidth  = 214
	nodeHeight = 52
	gapX       = 88
	gapY       = 20
	margin     = 16
)

// graphOf lays out what the tasks read and write.
func graphOf(now snapshot, names []string) *graphView {
	b := &graphBuilder{now: now, byName: map[string]*node{}, view: &graphView{}}
	derived := map[string]bool{}
	for _, t := range now.tasks {
		if t.Kind == api.KindDerivation {
			derived[t.Name] = true
		}
	}
	for _, name := range names {
		if !derived[name] {
			b.collection(name)
		}
	}
	for _, t := range now.tasks {
		if t.Kind != api.KindInbox {
			b.task(t)
		}
	}
	for _, t := range now.tasks {
		if t.Kind != api.KindInbox {
			b.edges(t)
		}
	}
	b.view.layout()
	return b.view
}

type graphBuilder struct {
	now    snapshot
	byName map[string]*node // collections by name, tasks by kind/name
	view   *graphView
}

func (b *graphBuilder) add(key string, n *node) *node {
	n.ID = elementID("node", n.Kind, n.Name)
	b.byName[key] = n
	b.view.Nodes = append(b.view.Nodes, n)
	return n
}

// collection gives the box that stands for a collection.
func (b *graphBuilder) collection(name string) *node {
	if n := b.byName[name]; n != nil {
		return n
	}
	return b.add(name, &node{Kind: api.KindCollection, Name: name, Path: entityPath("collections", name)})
}

func (b *graphBuilder) task(t api.Task) {
	key := taskKey(t.Kind, t.Name)
	n := b.add(key, &node{Kind: t.Kind, Name: t.Name, Path: refPath(key), State: stateOf(t), Reads: t.Reads, Writes: t.Writes, Detail: t.Endpoint})
	if t.Kind == api.KindDerivation {
		b.byName[t.Name] = n
	}
}

func (b *graphBuilder) edges(t api.Task) {
	past := b.now.past[taskKey(t.Kind, t.Name)]
	self := b.byName[taskKey(t.Kind, t.Name)]
	for _, name := range t.Reads {
		from := b.collection(name)
		b.view.Edges = append(b.view.Edges, &edge{From: from, To: self, Rate: rate(past, func(s sample) uint64 { return loadOf(s.loads, name, readOf) })})
	}
	if t.Kind == api.KindDerivation {
		return
	}
	for _, name := range t.Writes {
		b.view.Edges = append(b.view.Edges, &edge{From: self, To: b.collection(name), Rate: rate(past, func(s sample) uint64 { return loadOf(s.loads, name, writtenOf) })})
	}
}

// loadOf is what a task has read of, or written to, a collection.
func loadOf(loads []api.Load, collection string, count func(api.Load) uint64) uint64 {
	var sum uint64
	for _, l := range loads {
		if l.Collection == collection {
			sum += count(l)
		}
	}
	return sum
}

func readOf(l api.Load) uint64    { return l.In }
func writtenOf(l api.Load) uint64 { return l.Out }

// layout places the boxes: each behind what it reads, and within a layer near
// what it is connected with.
func (g *graphView) layout() {
	g.markBack()
	g.setLayers()
	layers := map[int][]*node{}
	deepest := 0
	for _, n := range g.Nodes {
		layers[n.layer] = append(layers[n.layer], n)
		deepest = max(deepest, n.layer)
	}
	for _, layer := range layers {
		slices.SortStableFunc(layer, func(a, b *node) int { return cmp.Compare(a.Name, b.Name) })
		inOrder(layer)
	}
	for round := range 8 {
		for i := range deepest + 1 {
			at := i
			if round%2 == 1 {
				at = deepest - i
			}
			g.arrange(layers[at], round%2 == 0)
		}
	}
	tallest := 0
	for _, layer := range layers {
		tallest = max(tallest, len(layer))
	}
	for at, layer := range layers {
		top := (tallest - len(layer)) * (nodeHeight + gapY) / 2
		for i, n := range layer {
			n.X, n.Y = margin+at*(nodeWidth+gapX), margin+top+i*(nodeHeight+gapY)
		}
	}
	g.spread()
	g.Width = 2*margin + (deepest+1)*(nodeWidth+gapX) - gapX
	g.Height = 2*margin + tallest*(nodeHeight+gapY) - gapY
}

// spread gives the lines into a box places of their own, in the order of the
// boxes that they come from, and room for a number at each.
func (g *graphView) spread() {
	const (
		linesHigh  = 28 // of what the lines share
		mostApart  = 16 // from one line to the next
		leastApart = 13 // from one number to the next
	)
	into := map[*node][]*edge{}
	for _, e := range g.Edges {
		into[e.To] = append(into[e.To], e)
	}
	for _, edges := range into {
		slices.SortStableFunc(edges, func(a, b *edge) int { return cmp.Compare(a.height(), b.height()) })
		gaps := len(edges) - 1
		apart := min(mostApart, linesHigh/max(gaps, 1))
		for i, e := range edges {
			e.entry = (2*i - gaps) * apart / 2
			e.label = (2*i - gaps) * max(apart, leastApart) / 2
		}
	}
}

// height is from where a line comes to its reader: one that goes back comes from
// below.
func (e *edge) height() int {
	if e.Back {
		return math.MaxInt
	}
	return e.From.Y
}

func inOrder(layer []*node) {
	for i, n := range layer {
		n.order = float64(i)
	}
}

// markBack finds the edges that close a cycle, by going through the graph depth
// first.
func (g *graphView) markBack() {
	const (
		open = 1
		done = 2
	)
	outgoing := map[*node][]*edge{}
	for _, e := range g.Edges {
		outgoing[e.From] = append(outgoing[e.From], e)
	}
	state := map[*node]int{}
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = open
		for _, e := range outgoing[n] {
			switch state[e.To] {
			case open:
				e.Back = true
			case 0:
				visit(e.To)
			}
		}
		state[n] = done
	}
	for _, n := range g.Nodes {
		if state[n] == 0 {
			visit(n)
		}
	}
}

// setLayers puts every box one layer behind the last of what it depends on;
// captures stand directly before what they write.
func (g *graphView) setLayers() {
	for range g.Nodes { // at most so many rounds, as there are no cycles left
		moved := false
		for _, e := range g.Edges {
			if !e.Back && e.To.layer < e.From.layer+1 {
				e.To.layer, moved = e.From.layer+1, true
			}
		}
		if !moved {
			break
		}
	}
	// With captures anywhere, collections begin in the second layer.
	if !slices.ContainsFunc(g.Nodes, func(n *node) bool { return n.Kind == api.KindCapture }) {
		return
	}
	for _, n := range g.Nodes {
		if n.Kind == api.KindCollection && n.layer == 0 {
			n.layer = 1
		}
	}
	for range g.Nodes {
		for _, e := range g.Edges {
			if !e.Back {
				e.To.layer = max(e.To.layer, e.From.layer+1)
			}
		}
	}
}

// arrange sorts a layer by the mean place of the neighbours on one side.
func (g *graphView) arrange(layer []*node, before bool) {
	sum, n := map[*node]float64{}, map[*node]float64{}
	for _, e := range g.Edges {
		self, other := e.To, e.From
		if !before {
			self, other = e.From, e.To
		}
		if !e.Back {
			sum[self] += other.order
			n[self]++
		}
	}
	place := func(x *node) float64 {
		if n[x] == 0 {
			return x.order
		}
		return sum[x] / n[x]
	}
	slices.SortStableFunc(layer, func(a, b *node) int { return cmp.Compare(place(a), place(b)) })
	inOrder(layer)
}
