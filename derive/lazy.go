package derive

import (
	"strings"

	"github.com/dop251/goja"

	"weir/document"
)

// frame is a parsed document that JavaScript looks at during one call. Frames are used again by later calls; the
// views of a former call know by their generation that their time is over.
type frame struct {
	vm  *VM
	doc *document.Doc
	own document.Doc // what doc points to when the frame holds a register
	src string       // doc.Src; substrings of it cost nothing
	buf []byte       // the bytes behind own
	gen uint64

	// values holds, by node, what was handed out: reading a member twice gives the same object.
	values  []goja.Value
	touched []uint32
	large   map[uint32]goja.Value // in place of values for documents of very many nodes
}

// maxValues bounds the nodes for which a frame keeps a slice between calls.
const maxValues = 1 << 16

// open makes a frame show d.
func (f *frame) open(d *document.Doc, src string) {
	f.doc, f.src = d, src
	if n := len(d.Nodes); n > maxValues {
		f.large = map[uint32]goja.Value{}
	} else if n > len(f.values) {
		f.values = make([]goja.Value, n+n/2)
	}
}

// close ends the life of all views of the frame.
func (f *frame) close() {
	f.gen++
	for _, i := range f.touched {
		f.values[i] = nil
	}
	f.touched = f.touched[:0]
	f.doc, f.src, f.large = nil, "", nil
}

// footprint is about how many bytes the frame keeps between calls.
func (f *frame) footprint() int {
	return cap(f.buf) + 24*cap(f.own.Nodes) + 16*cap(f.values)
}

// value gives the JavaScript value of a node; parent is the view that is asked, nil for the root.
func (f *frame) value(i uint32, parent *view) goja.Value {
	n := &f.doc.Nodes[i]
	switch n.Kind {
	case document.Null:
		return goja.Null()
	case document.False:
		return f.vm.values.no
	case document.True:
		return f.vm.values.yes
	case document.Integer, document.Number:
		return f.vm.values.number(f.doc.Text(i))
	}
	if f.large != nil {
		v, ok := f.large[i]
		if !ok {
			v = f.make(i, n, parent)
			f.large[i] = v
		}
		return v
	}
	v := f.values[i]
	if v == nil {
		v = f.make(i, n, parent)
		f.values[i] = v
		f.touched = append(f.touched, i)
	}
	return v
}

func (f *frame) make(i uint32, n *document.Node, parent *view) goja.Value {
	v := view{f: f, gen: f.gen, node: i, parent: parent}
	switch n.Kind {
	case document.Object:
		o := f.vm.newLazyObject()
		o.view = v
		return f.vm.rt.NewDynamicObject(o)
	case document.Array:
		a := f.vm.rt.NewDynamicArray(&lazyArray{view: v, size: int(n.N), last: i + 1})
		if err := a.SetPrototype(f.vm.arrays.arrays); err != nil {
			panic(err)
		}
		return a
	}
	s := f.text(i)
	if len(f.src) > maxKeptWhole+len(s) {
		s = strings.Clone(s)
	}
	return f.vm.values.text(s)
}

// text is the decoded string of a node, a part of src where it can be.
func (f *frame) text(i uint32) string {
	n := &f.doc.Nodes[i]
	if n.Flags&document.Escaped != 0 {
		return f.doc.String(i)
	}
	return f.src[n.Off:n.End]
}

// view is what lazy objects and lazy arrays share.
type view struct {
	f      *frame
	parent *view
	gen    uint64
	node   uint32
	dirty  bool // this container, or one below it, was written to: it cannot be copied as bytes
}

// check throws when the call that the view belongs to is over.
func (v *view) check() {
	if v.gen != v.f.gen {
		panic(v.f.vm.rt.NewTypeError("document used after its call returned: copy what you keep"))
	}
}

// touch marks the view and all around it as written to.
func (v *view) touch() {
	for p := v; p != nil && !p.dirty; p = p.parent {
		p.dirty = true
	}
}

// raw is the view's JSON text as it arrived; false when it was written to.
func (v *view) raw() ([]byte, bool) {
	v.check()
	if v.dirty {
		return nil, false
	}
	return v.f.doc.Raw(v.node), true
}

// written is a member that JavaScript wrote.
type written struct {
	value goja.Value // nil: deleted
	added bool       // stands behind the document's own members
}

// indexFrom is the number of members from which look-ups go through a map.
const indexFrom = 24

// lazyObject shows an object of a document; what is written to it stands in an overlay.
type lazyObject struct {
	view
	asked uint8 // look-ups in an object of many members: a few do not pay for an index
	over  map[string]written
	added []string          // names of added members, in order
	index map[string]uint32 // of objects with many members
}

// objectsAtOnce is for how many objects memory is taken at once; one that JavaScript keeps keeps all of them.
const objectsAtOnce = 8

func (vm *VM) newLazyObject() *lazyObject {
	if len(vm.objects) == 0 {
		vm.objects = make([]lazyObject, objectsAtOnce)
	}
	o := &vm.objects[0]
	vm.objects = vm.objects[1:]
	return o
}

func (o *lazyObject) find(name string) (uint32, bool) {
	if o.index != nil {
		i, ok := o.index[name]
		return i, ok
	}
	d := o.f.doc
	if d.Nodes[o.node].N >= indexFrom {
		if o.asked++; o.asked > 2 {
			o.buildIndex()
			return o.find(name)
		}
	}
	return d.Get(o.node, name)
}

func (o *lazyObject) buildIndex() {
	n := &o.f.doc.Nodes[o.node]
	o.index = make(map[string]uint32, n.N)
	for k := o.node + 1; k < n.Next; k = o.f.doc.Nodes[k+1].Next {
		o.index[o.f.text(k)] = k + 1
	}
}

// Get implements goja.DynamicObject.
func (o *lazyObject) Get(name string) goja.Value {
	o.check()
	if o.over != nil {
		if w, ok := o.over[name]; ok {
			return w.value
		}
	}
	if i, ok := o.find(name); ok {
		return o.f.value(i, &o.view)
	}
	return nil
}

// Has implements goja.DynamicObject.
func (o *lazyObject) Has(name string) bool {
	o.check()
	if o.over != nil {
		if w, ok := o.over[name]; ok {
			return w.value != nil
		}
	}
	_, ok := o.find(name)
	return ok
}

// Set implements goja.DynamicObject.
func (o *lazyObject) Set(name string, v goja.Value) bool {
	o.check()
	o.touch()
	if v == nil {
		v = goja.Undefined()
	}
	if o.over == nil {
		o.over = map[string]written{}
	}
	w, known := o.over[name]
	if !known {
		_, w.added = o.find(name)
		w.added = !w.added
	}
	if known && w.value == nil {
		w.added = true
	}
	if w.added && w.value == nil {
		o.added = append(o.added, name)
	}
	w.value = v
	o.over[name] = w
	return true
}

// Delete implements goja.DynamicObject.
func (o *lazyObject) Delete(name string) bool {
	if !o.Has(name) {
		return true
	}
	o.touch()
	if o.over == nil {
		o.over = map[string]written{}
	}
	if o.over[name].added {
		for i, s := range o.added {
			if s == name {
				o.added = append(o.added[:i:i], o.added[i+1:]...)
				break
			}
		}
	}
	o.over[name] = written{}
	return true
}

// Keys implements goja.DynamicObject.
func (o *lazyObject) Keys() []string {
	o.check()
	n := &o.f.doc.Nodes[o.node]
	names := make([]string, 0, int(n.N)+len(o.added))
	for k := o.node + 1; k < n.Next; k = o.f.doc.Nodes[k+1].Next {
		name := o.f.text(k)
		if w, ok := o.over[name]; ok && (w.value == nil || w.added) {
			continue
		}
		names = append(names, name)
	}
	return append(names, o.added...)
}

// lazyArray shows an array of a document; the first write gives it a list of elements of its own.
type lazyArray struct {
	view
	size  int
	at    uint32 // index of the element at last: reading in order steps from node to node
	last  uint32
	nodes []uint32 // node of each element, once one is read out of order
	items []item   // once the array is written to
	owned bool     // items holds the elements
}

// item is one element of an array that was written to: a value, or still a node.
type item struct {
	value goja.Value // nil: node
	node  uint32
}

// maxGrowth is how far beyond its end an array may be written to: it has no holes, so all between takes memory.
const maxGrowth = 1 << 20

// Len implements goja.DynamicArray.
func (a *lazyArray) Len() int {
	a.check()
	if a.owned {
		return len(a.items)
	}
	return a.size
}

// Get implements goja.DynamicArray.
func (a *lazyArray) Get(i int) goja.Value {
	if i < 0 || i >= a.Len() {
		return nil
	}
	if !a.owned {
		return a.f.value(a.element(i), &a.view)
	}
	if v := a.items[i].value; v != nil {
		return v
	}
	return a.f.value(a.items[i].node, &a.view)
}

func (a *lazyArray) element(i int) uint32 {
	if a.nodes != nil {
		return a.nodes[i]
	}
	if uint32(i) < a.at {
		a.buildNodes()
		return a.nodes[i]
	}
	for ; a.at < uint32(i); a.at++ {
		a.last = a.f.doc.Nodes[a.last].Next
	}
	return a.last
}

func (a *lazyArray) buildNodes() {
	a.nodes = make([]uint32, 0, a.size)
	for k := a.node + 1; len(a.nodes) < a.size; k = a.f.doc.Nodes[k].Next {
		a.nodes = append(a.nodes, k)
	}
}

func (a *lazyArray) own() {
	a.check()
	a.touch()
	if a.owned {
		return
	}
	a.owned = true
	a.items = make([]item, 0, a.size+1)
	for k := a.node + 1; len(a.items) < a.size; k = a.f.doc.Nodes[k].Next {
		a.items = append(a.items, item{node: k})
	}
}

// Set implements goja.DynamicArray.
func (a *lazyArray) Set(i int, v goja.Value) bool {
	if i < 0 {
		return false
	}
	a.own()
	if v == nil {
		v = goja.Undefined()
	}
	if i >= len(a.items) && !a.SetLen(i+1) {
		return false
	}
	a.items[i].value = v
	return true
}

// SetLen implements goja.DynamicArray.
func (a *lazyArray) SetLen(n int) bool {
	a.own()
	if n < 0 || n > len(a.items)+maxGrowth {
		return false
	}
	if n <= len(a.items) {
		a.items = a.items[:n]
		return true
	}
	for len(a.items) < n {
		a.items = append(a.items, item{value: goja.Undefined()})
	}
	return true
}
