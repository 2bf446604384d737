package http

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pattern is a binding's path: segments, of which those in braces stand for
// any one segment.
type pattern struct {
	text     string
	segments []segment
}

type segment struct {
	text  string
	param bool // text is its name
}

// parsePattern reads a path as /orders or /hooks/{tenant}.
func parsePattern(text string) (pattern, error) {
	p := pattern{text: text}
	rest, ok := strings.CutPrefix(text, "/")
	if !ok {
		return p, errors.New("it does not begin with /")
	}
	if strings.ContainsAny(text, "?#% ") {
		return p, errors.New("it holds one of ? # % and space, which a path is compared without")
	}
	seen := map[string]bool{}
	for i, part := range strings.Split(rest, "/") {
		name, opened := strings.CutPrefix(part, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case part == "" && rest != "":
			return p, errors.New("it has an empty segment: leave out the slash that is too many")
		case part == "." || part == "..":
			return p, fmt.Errorf("segment %q is not one that a request can ask for", part)
		case opened != closed || strings.ContainsAny(name, "{}"):
			return p, fmt.Errorf("segment %d: a parameter is a whole segment, as {tenant} is", i+1)
		case opened && (name == "" || seen[name]):
			return p, fmt.Errorf("segment %d: each parameter needs a name of its own", i+1)
		}
		seen[name] = opened
		p.segments = append(p.segments, segment{text: name, param: opened})
	}
	return p, nil
}

// match compares a request's path, without its first slash, segment by
// segment.
func (p *pattern) match(path string) bool {
	for i, s := range p.segments {
		part, rest, more := strings.Cut(path, "/")
		if s.param && part == "" || !s.param && part != s.text || more != (i < len(p.segments)-1) {
			return false
		}
		path = rest
	}
	return true
}

// params gives name and value of each parameter of a path that matches.
func (p *pattern) params(path string) (out [][2]string) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range p.segments {
		if s.param {
			out = append(out, [2]string{s.text, parts[i]})
		}
	}
	return out
}

// shape is the same for patterns that match the same paths.
func (p *pattern) shape() string {
	var b strings.Builder
	for _, s := range p.segments {
		if b.WriteByte('/'); s.param {
			b.WriteString("{}")
		} else {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// literal says that there are no parameters.
func (p *pattern) literal() bool {
	return !slices.ContainsFunc(p.segments, func(s segment) bool { return s.param })
}

// compare puts the pattern first that is more specific at the first segment in
// which they differ.
func (p *pattern) compare(other *pattern) int {
	for i := range min(len(p.segments), len(other.segments)) {
		a, b := p.segments[i], other.segments[i]
		switch {
		case a.param != b.param && b.param:
			return -1
		case a.param != b.param:
			return 1
		case !a.param && a.text != b.text:
			return strings.Compare(a.text, b.text)
		}
	}
	return len(p.segments) - len(other.segments)
}
