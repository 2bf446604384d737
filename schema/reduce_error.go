package schema

import (
	"fmt"
	"strconv"

	"weir/document"
)

// ReduceError tells why documents cannot be reduced.
type ReduceError struct {
	Pointer  string // location in the newer document
	Strategy string
	Reason   string
	// NotAssociative is set when the values can only be reduced fully, onto the root-most document: until then the
	// documents have to be kept apart.
	NotAssociative bool
}

func (e *ReduceError) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the document"
	}
	return fmt.Sprintf("reduce %s by %s: %s", at, e.Strategy, e.Reason)
}

// fail records the first error.
func (r *Reducer) fail(c cell, s *strategy, format string, args ...any) {
	if r.failed == nil {
		r.failed = &ReduceError{Pointer: pointerOf(r.docs[c.doc], c.node), Strategy: s.name, Reason: fmt.Sprintf(format, args...)}
	}
}

func (r *Reducer) failPartial(c cell, s *strategy, left document.Kind) {
	r.failApart(c, s, "%s replaces %s, which only a full reduction can do", r.kind(c), left)
}

// failApart records that documents have to be kept apart.
func (r *Reducer) failApart(c cell, s *strategy, format string, args ...any) {
	if r.failed == nil {
		r.failed = &ReduceError{Pointer: pointerOf(r.docs[c.doc], c.node), Strategy: s.name, NotAssociative: true, Reason: fmt.Sprintf(format, args...)}
	}
}

// pointerOf finds the path to a node.
func pointerOf(d *document.Doc, node uint32) string {
	var p document.Pointer
	for i := uint32(0); i != node; {
		step := uint32(0)
		if d.Nodes[i].Kind == document.Object {
			step = 1
		}
		k, at := i+1, 0
		for d.Nodes[k+step].Next <= node {
			k, at = d.Nodes[k+step].Next, at+1
		}
		if step == 1 {
			p = append(p, d.String(k))
		} else {
			p = append(p, strconv.Itoa(at))
		}
		if k == node {
			break // a member's name
		}
		i = k + step
	}
	return p.String()
}
