package http

import (
	"slices"
	"strings"
	"time"
)

// table finds the route of a path. It does not change.
type table struct {
	literal  map[string]*route
	patterns []*route // the more specific one first
}

// route is a path of a capture. It stays for a while when its capture stops,
// so that requests learn that it will be back.
type route struct {
	session *session // nil: it does not run
	binding int
	task    string
	pattern pattern
	until   time.Time // without a session: when it goes
}

func (t *table) find(path string) *route {
	if r := t.literal[path]; r != nil {
		return r
	}
	rest, ok := strings.CutPrefix(path, "/")
	for _, r := range t.patterns {
		if ok && r.pattern.match(rest) {
			return r
		}
	}
	return nil
}

// all gives every route, in the order of their paths.
func (t *table) all() []*route {
	out := slices.Clone(t.patterns)
	for _, r := range t.literal {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *route) int { return strings.Compare(a.pattern.text, b.pattern.text) })
	return out
}

func newTable(routes []*route) *table {
	t := &table{literal: map[string]*route{}}
	for _, r := range routes {
		if r.pattern.literal() {
			t.literal[r.pattern.text] = r
		} else {
			t.patterns = append(t.patterns, r)
		}
	}
	slices.SortFunc(t.patterns, func(a, b *route) int { return a.pattern.compare(&b.pattern) })
	return t
}
