package catalog

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"weir/fault"
)

// Patterns of names and pointers, as JSON Schema takes them too.
const (
	tokenPattern   = `^[\p{L}\p{N}\-_.]+$`
	namePattern    = `^[\p{L}\p{N}\-_.]+(/[\p{L}\p{N}\-_.]+)*$`
	pointerPattern = `^(/([^/~]|~[01])+)*$`
)

var (
	tokenRule = regexp.MustCompile(tokenPattern)
	nameRule  = regexp.MustCompile(namePattern)
)

// maxNameBytes bounds a name as streams and consumers carry it. They may have 255
// bytes; a consumer's name also holds a shard (at most 9 bytes), a nonce (22) and
// separators.
const maxNameBytes = 200

// register reports a name that cannot be one, or is taken. Entities of all kinds
// share one namespace, in which letters' case makes no difference: streams become
// directories, and not all file systems tell them apart.
func (l *loader) register(root *place, section, name string) (*place, bool) {
	at := root.must(section).name(name)
	if reason, hint := nameFault(name); reason != "" {
		l.errorf(fault.Name, at, hint, "%s", reason)
	}
	folded := strings.ToLower(name)
	first, taken := l.names[folded]
	if !taken {
		l.names[folded] = at
		return at, true
	}
	here, there := fmt.Sprintf("%s:%d:%d", at.file.shown, at.line, at.col), fmt.Sprintf("%s:%d:%d", first.file.shown, first.line, first.col)
	switch {
	case here == there: // one anchor, used twice
		l.errorf(fault.Duplicate, at, "the anchor is used twice: write one of them out, under another name", "%s is defined twice", name)
	case first.token != name:
		l.errorf(fault.Duplicate, at, "names must differ in more than case", "%s and %s, at %s, are the same name", name, first.token, there)
	default:
		l.errorf(fault.Duplicate, at, "names are unique across collections, captures, materializations and tests", "%s is defined twice, first at %s", name, there)
	}
	return nil, false
}

// nameFault says what is wrong with a catalog name, "" for nothing.
func nameFault(name string) (reason, hint string) {
	switch {
	case name == "":
		return "the name is empty", "as in acmeCo/orders"
	case strings.ContainsRune(name, '='):
		return fmt.Sprintf("%q holds =", name), "names hold letters, numbers, -, _ and . in parts separated by /"
	case strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
		return fmt.Sprintf("%q has an empty part", name), "no / at the beginning, at the end or twice in a row"
	case !nameRule.MatchString(name):
		return fmt.Sprintf("%q is no name", name), "names hold letters, numbers, -, _ and . in parts separated by /"
	case encodedBytes(name) > maxNameBytes:
		return fmt.Sprintf("%q is too long: %d bytes as the name of a stream, where a . and each byte that is not ASCII take three", name, encodedBytes(name)),
			fmt.Sprintf("at most %d", maxNameBytes)
	}
	return "", ""
}

// encodedBytes is the length of a name as that of a stream.
func encodedBytes(name string) int {
	n := 0
	for i := range len(name) {
		n++
		if name[i] == '.' || name[i] > unicode.MaxASCII {
			n += 2
		}
	}
	return n
}

// reference returns the hint for a collection that does not exist.
func (l *loader) reference(name string) string {
	known := Names(l.collections)
	if near := nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	// A name without its prefix, or with another one, is the other usual slip.
	last := name[strings.LastIndexByte(name, '/')+1:]
	for _, candidate := range known {
		if strings.HasSuffix(candidate, "/"+last) {
			return "did you mean " + candidate + "?"
		}
	}
	return "define it under collections, or import the file that does"
}

// collection looks up a collection that is named at p.
func (l *loader) collection(p *place, name string) *builtCollection {
	if p == nil {
		return nil
	}
	c := l.built[name]
	if c == nil {
		l.errorf(fault.UnknownCollection, p, l.reference(name), "there is no collection %s", quoteName(name))
	}
	return c
}

func quoteName(name string) string {
	if nameRule.MatchString(name) {
		return name
	}
	return fmt.Sprintf("%q", name)
}
