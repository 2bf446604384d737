package catalog

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"weir/document"
)

// syntaxError is a file that cannot be read as one JSON value.
type syntaxError struct {
	line, column   int
	reason, remedy string
}

func (e *syntaxError) Error() string { return e.reason }

// parseJSON reads a JSON file.
func parseJSON(text []byte) (*node, error) {
	var d document.Doc
	if err := d.Parse(text); err != nil {
		var syntax *document.SyntaxError
		if errors.As(err, &syntax) {
			return nil, &syntaxError{line: syntax.Line, column: syntax.Column, reason: "no JSON: " + syntax.Reason}
		}
		return nil, &syntaxError{line: 1, column: 1, reason: err.Error()}
	}
	c := jsonConverter{doc: &d, line: 1}
	return c.convert(0), nil
}

// jsonConverter makes nodes of a parsed document. It visits values in the order
// of the text, so lines and columns are counted once.
type jsonConverter struct {
	doc    *document.Doc
	offset int
	line   int
	column int // of offset, from 0
}

func (c *jsonConverter) locate(i uint32) (line, column int) {
	target := int(c.doc.Nodes[i].Off)
	if c.doc.Nodes[i].Kind == document.String {
		target-- // the quote
	}
	for ; c.offset < target; c.offset++ {
		b := c.doc.Src[c.offset]
		switch {
		case b == '\n':
			c.line, c.column = c.line+1, 0
		case utf8.RuneStart(b):
			c.column++
		}
	}
	return c.line, c.column + 1
}

func (c *jsonConverter) convert(i uint32) *node {
	d := c.doc
	n := &node{}
	n.line, n.column = c.locate(i)
	switch d.Nodes[i].Kind {
	case document.Array:
		n.kind = kindArray
		for k := i + 1; k < d.Nodes[i].Next; k = d.Nodes[k].Next {
			n.items = append(n.items, c.convert(k))
		}
	case document.Object:
		n.kind = kindObject
		for k := i + 1; k < d.Nodes[i].Next; k = d.Nodes[k+1].Next {
			m := member{name: d.String(k)}
			m.line, m.column = c.locate(k)
			m.value = c.convert(k + 1)
			n.members = append(n.members, m)
		}
	case document.String:
		n.kind, n.text = kindString, d.String(i)
	case document.Null:
		n.kind, n.text = kindNull, "null"
	case document.Integer, document.Number:
		n.kind, n.text = kindNumber, string(d.Raw(i))
	default:
		n.kind, n.text = kindBoolean, string(d.Raw(i))
	}
	n.measure()
	return n
}

// parseYAML reads a YAML file of one document.
func parseYAML(text []byte) (root *node, err error) {
	if !utf8.Valid(text) {
		return nil, notUTF8(text)
	}
	document, err := decodeYAML(text)
	if err != nil {
		return nil, err
	}
	c := yamlConverter{done: map[*yaml.Node]*node{}}
	root, err = c.convert(document.Content[0], 1)
	if err == nil && root.depth > maxDepth {
		return nil, &syntaxError{line: 1, column: 1, reason: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	if err == nil && root.size > maxExpanded {
		return nil, &syntaxError{line: 1, column: 1, reason: fmt.Sprintf("larger than %d MiB once its aliases are written out", maxExpanded>>20)}
	}
	return root, err
}

// decodeYAML has the YAML library read the text. It turns the library's panics
// on texts that it did not foresee into errors: such a text is still only input.
func decodeYAML(text []byte) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, &syntaxError{line: 1, column: 1, reason: fmt.Sprintf("no YAML that can be read: %v", r)}
		}
	}()
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	doc = &yaml.Node{}
	if err := d.Decode(doc); err != nil {
		return nil, yamlError(err)
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, &syntaxError{line: second.Line, column: 1, reason: "a second YAML document", remedy: "one file holds one document: drop the `---`, or import a file of its own"}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(err)
	}
	return doc, nil
}

func notUTF8(text []byte) error {
	e := &syntaxError{line: 1, column: 1, reason: "the file is not UTF-8"}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size < 2 {
			break
		}
		if e.column++; r == '\n' {
			e.line, e.column = e.line+1, 1
		}
		text = text[size:]
	}
	return e
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// yamlError takes the line out of the library's message.
func yamlError(err error) error {
	if errors.Is(err, io.EOF) {
		return &syntaxError{line: 1, column: 1, reason: "the file is empty"}
	}
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	e := &syntaxError{line: 1, column: 1}
	if m := yamlLine.FindStringSubmatch(reason); m != nil {
		e.line, _ = strconv.Atoi(m[1])
		reason = reason[len(m[0]):]
	}
	e.reason = "no YAML: " + reason
	return e
}

// yamlConverter makes nodes of what the YAML library read.
type yamlConverter struct {
	done map[*yaml.Node]*node // nil while a node is being converted
}

func failAt(n *yaml.Node, remedy, format string, args ...any) error {
	return &syntaxError{line: max(n.Line, 1), column: max(n.Column, 1), reason: fmt.Sprintf(format, args...), remedy: remedy}
}

func (c *yamlConverter) convert(y *yaml.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, failAt(y, "", "nested deeper than %d levels", maxDepth)
	}
	if y.Kind == yaml.AliasNode {
		n, seen := c.done[y.Alias]
		if !seen || n == nil {
			return nil, failAt(y, "", "alias *%s stands inside its own anchor", y.Value)
		}
		return n, nil
	}
	c.done[y] = nil
	n := &node{line: y.Line, column: y.Column}
	var err error
	switch y.Kind {
	case yaml.ScalarNode:
		err = c.scalar(n, y)
	case yaml.SequenceNode:
		err = c.sequence(n, y, depth)
	case yaml.MappingNode:
		err = c.mapping(n, y, depth)
	default:
		err = failAt(y, "", "no YAML value")
	}
	if err != nil {
		return nil, err
	}
	n.measure()
	c.done[y] = n
	return n, nil
}

// tag returns an explicit tag, "" when there is none.
func tag(y *yaml.Node) string {
	if y.Style&yaml.TaggedStyle == 0 {
		return ""
	}
	return y.Tag
}

func (c *yamlConverter) sequence(n *node, y *yaml.Node, depth int) error {
	if t := tag(y); t != "" && t != "!!seq" {
		return failAt(y, "leave the tag out", "tag %s has no meaning in JSON", t)
	}
	n.kind = kindArray
	for _, item := range y.Content {
		v, err := c.convert(item, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	return nil
}

func (c *yamlConverter) mapping(n *node, y *yaml.Node, depth int) error {
	if t := tag(y); t != "" && t != "!!map" {
		return failAt(y, "leave the tag out", "tag %s has no meaning in JSON", t)
	}
	n.kind = kindObject
	seen := make(map[string]*yaml.Node, len(y.Content)/2)
	var merges []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		value, err := c.convert(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			if merges, err = appendMerge(merges, y.Content[i+1], value); err != nil {
				return err
			}
			continue
		}
		name, err := c.key(key, depth+1)
		if err != nil {
			return err
		}
		if first := seen[name]; first != nil {
			return failAt(key, "", "%q stands here twice, first at %d:%d", name, first.Line, first.Column)
		}
		seen[name] = key
		n.members = append(n.members, member{name: name, line: key.Line, column: key.Column, value: value})
	}
	n.merge(merges)
	return nil
}

// appendMerge takes the value of a merge key: an object, or an array of objects.
func appendMerge(merges []*node, y *yaml.Node, value *node) ([]*node, error) {
	objects := []*node{value}
	if value.kind == kindArray {
		objects = value.items
	}
	for _, o := range objects {
		if o.kind != kindObject {
			return nil, failAt(y, "", "the merge key << takes an object or an array of objects, not %s", o.kind)
		}
	}
	return append(merges, objects...), nil
}

// merge adds the members of others that the object does not have itself; of the
// others the first one counts.
func (n *node) merge(others []*node) {
	if len(others) == 0 {
		return
	}
	have := make(map[string]bool, len(n.members))
	for i := range n.members {
		have[n.members[i].name] = true
	}
	for _, other := range others {
		for _, m := range other.members {
			if !have[m.name] {
				have[m.name] = true
				n.members = append(n.members, m)
			}
		}
	}
}

func (c *yamlConverter) key(y *yaml.Node, depth int) (string, error) {
	key, err := c.convert(y, depth)
	switch {
	case err != nil:
		return "", err
	case key.kind == kindString:
		return key.text, nil
	case key.kind == kindArray || key.kind == kindObject:
		return "", failAt(y, "", "a key is %s: only strings can be", key.kind)
	default:
		return "", failAt(y, fmt.Sprintf("write %q in quotes", y.Value), "the key %s is %s: only strings can be", y.Value, key.kind)
	}
}

const quotedStyles = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// scalar resolves a scalar by YAML 1.2's core schema.
func (c *yamlConverter) scalar(n *node, y *yaml.Node) error {
	n.kind, n.text = kindString, y.Value
	n.block = y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	explicit := tag(y)
	switch {
	case explicit == "!!str" || explicit == "" && y.Style&quotedStyles != 0:
		return nil
	case explicit != "" && !strings.Contains(" !!null !!bool !!int !!float !!merge ", " "+explicit+" "):
		return failAt(y, "write it as a string", "tag %s has no meaning in JSON", explicit)
	}
	switch y.Value {
	case "", "~", "null", "Null", "NULL":
		n.kind, n.text = kindNull, "null"
	case "true", "True", "TRUE":
		n.kind, n.text = kindBoolean, "true"
	case "false", "False", "FALSE":
		n.kind, n.text = kindBoolean, "false"
	default:
		if infinite.MatchString(y.Value) {
			return failAt(y, "write it in quotes if a string is meant", "JSON has no number %s", y.Value)
		}
		if text, ok := jsonNumber(y.Value); ok {
			n.kind, n.text = kindNumber, text
		}
	}
	want := map[string]kind{"!!null": kindNull, "!!bool": kindBoolean, "!!int": kindNumber, "!!float": kindNumber}
	if k, ok := want[explicit]; ok && k != n.kind {
		return failAt(y, "", "%q is not what its tag %s says", y.Value, explicit)
	}
	return nil
}

var (
	infinite = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	radix    = regexp.MustCompile(`^0(o[0-7]{1,64}|x[0-9a-fA-F]{1,64})$`)
	decimal  = regexp.MustCompile(`^([-+]?)(\.[0-9]+|[0-9]+(?:\.[0-9]*)?)((?:[eE][-+]?[0-9]+)?)$`)
)

// jsonNumber returns the JSON text of a plain scalar that is a number. A text
// that is a JSON number already stays as it is.
func jsonNumber(text string) (string, bool) {
	if c := text[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return "", false
	}
	if radix.MatchString(text) {
		v, ok := new(big.Int).SetString(text, 0)
		if !ok {
			return "", false
		}
		return v.String(), true
	}
	m := decimal.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	whole, fraction, point := strings.Cut(m[2], ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if point && fraction == "" {
		fraction = "0"
	}
	if point {
		fraction = "." + fraction
	}
	return strings.TrimPrefix(m[1], "+") + whole + fraction + m[3], true
}
