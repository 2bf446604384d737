package collection

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir/document"
	"weir/schema"
)

// ParseKey packs a key that a person wrote, one text a component in key order.
// What the schema says of a component decides how its text is read: where only
// strings are allowed it is one as it stands, else it is JSON, and a string
// where it is none. A string in its quotes is a string everywhere.
func (c *Collection) ParseKey(components []string) ([]byte, error) {
	if len(components) != len(c.Key.Pointers) {
		names := make([]string, len(c.Key.Pointers))
		for i, p := range c.Key.Pointers {
			names[i] = p.String()
		}
		return nil, fmt.Errorf("the key of %s has %d components (%s), and %d are given", c.Name, len(names), strings.Join(names, ", "), len(components))
	}
	whole := document.Key{Pointers: []document.Pointer{{}}}
	var packed []byte
	for i, text := range components {
		sub, _ := c.Schema.Shape().Locate(c.Key.Pointers[i])
		var d document.Doc
		if err := d.Parse(keyComponent(text, sub)); err != nil {
			return nil, fmt.Errorf("key component %q: %w", text, err)
		}
		var err error
		if packed, err = whole.AppendPacked(packed, &d, 0); err != nil {
			return nil, fmt.Errorf("%s cannot be the key's component %s: %w", text, c.Key.Pointers[i], err)
		}
	}
	return packed, nil
}

// keyComponent is the JSON text of a component.
func keyComponent(text string, sub *schema.Shape) []byte {
	scalar := json.Valid([]byte(text)) && !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[")
	quoted := scalar && strings.HasPrefix(text, `"`)
	onlyStrings := sub != nil && sub.Types&^schema.TypeNull == schema.TypeString
	if quoted || scalar && !onlyStrings {
		return []byte(text)
	}
	return document.AppendQuoted(nil, text)
}

// KeyFilter is the one subject that reads the documents of a packed key within
// the selection. A subject may be shared by keys that differ in kind alone: who
// reads compares the document's own key, by [Collection.HasKey].
func (s Selection) KeyFilter(packed []byte) (string, error) {
	tokens, err := appendTokens(nil, packed)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d", s.of.docPrefix, partitionOf(tokens, s.of.Partitions))
	for _, f := range s.fields {
		b.WriteByte('.')
		if !f.except && len(f.tokens) == 1 {
			b.WriteString(f.tokens[0])
		} else {
			b.WriteByte('*')
		}
	}
	b.WriteByte('.')
	b.Write(tokens)
	return b.String(), nil
}

// HasKey says whether a document has a packed key. What is no JSON, or has no
// key, has none.
func (c *Collection) HasKey(d *document.Doc, packed []byte) bool {
	var room [128]byte
	own, err := c.Key.AppendPacked(room[:0], d, 0)
	return err == nil && string(own) == string(packed)
}
