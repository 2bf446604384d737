package collection

import (
	"encoding/json"
	"fmt"
	"maps"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// newInference is a collection as its readers see it when no document was seen: they know
// its key. certain is their schema as far as it does not depend on what was seen.
func newInference(writing *Collection, certain *schema.Schema) (*Collection, error) {
	source := schema.Source{URL: catalog.InferredSchemaURL, Resources: map[string]json.RawMessage{
		catalog.InferredSchemaURL: writing.Spec.ReadSchema.Resources[catalog.InferredSchemaURL],
	}}
	key, err := schema.Compile(source)
	if err != nil {
		return nil, err // it names the schema
	}
	reading := *writing
	reading.Schema, reading.inference = key, &inference{writing: writing, certain: certain}
	return &reading, nil
}

// inference is what readers know of a collection whose schema for them is partly
// made of the documents that were seen.
type inference struct {
	writing *Collection
	certain *schema.Schema  // the schema of readers as far as it does not depend on what was seen
	seen    json.RawMessage // of the documents that were seen; nil: of none
}

// Infers says whether what readers are told of the documents depends on those that
// were seen: the collection's readSchema refers to flow://inferred-schema.
func (c *Collection) Infers() bool { return c.ForReading().inference != nil }

// ForReadingSeen is [Collection.ForReading] of a collection that infers, when
// documents were seen as the given schema, made by [schema.Observed], says.
// Without one, none was.
func (c *Collection) ForReadingSeen(observed json.RawMessage) (*Collection, error) {
	reading := c.ForReading()
	if reading.inference == nil || len(observed) == 0 {
		return reading, nil
	}
	if _, err := schema.ParseObserved(observed); err != nil {
		return nil, fmt.Errorf("collection %s: %w", c.Name, err)
	}
	source := schema.Source{URL: c.Spec.ReadSchema.URL, Resources: maps.Clone(c.Spec.ReadSchema.Resources)}
	both, err := json.Marshal(map[string]any{"allOf": []json.RawMessage{source.Resources[catalog.InferredSchemaURL], observed}})
	if err != nil {
		return nil, fmt.Errorf("collection %s: inferred schema: %w", c.Name, err)
	}
	source.Resources[catalog.InferredSchemaURL] = both
	out, seen := *reading, *reading.inference
	if out.Schema, err = schema.Compile(source); err != nil {
		return nil, fmt.Errorf("collection %s: readSchema: %w", c.Name, err)
	}
	seen.seen = observed
	out.inference = &seen
	return &out, nil
}

// Unseen says of a document that readers do not take whether they shall, once they
// are told of it: none like it was seen, but writers may write it. To be asked of
// a collection as readers see it.
func (c *Collection) Unseen(d *document.Doc) bool {
	n := c.inference
	return n != nil && !n.saw(d) && n.writing.Schema.Validator().Valid(d, 0)
}

// saw is asked of documents that are about to be refused: reading the schema again each
// time costs less than keeping it compiled.
func (n *inference) saw(d *document.Doc) bool {
	seen, err := schema.ParseObserved(n.seen)
	return err == nil && !seen.Add(d)
}

// ForWriting is the collection as its writers see it, of one that infers, as its readers do.
func (c *Collection) ForWriting() *Collection {
	if c.inference == nil {
		return c
	}
	return c.inference.writing
}

// blank says that readers take no document yet: none was seen.
func (c *Collection) blank() bool { return c.inference != nil && c.inference.seen == nil }

// explainUnseen gives what makes a document that readers do not take invalid for writers,
// where that is why it may not be seen.
func (c *Collection) explainUnseen(raw []byte) []schema.Violation {
	var d document.Doc
	if c.inference == nil || d.Parse(raw) != nil || c.inference.saw(&d) {
		return nil
	}
	return c.inference.writing.Schema.Explain(raw)
}

// forResults is the collection as it judges what reduction makes: that may be like no
// document that was written.
func (c *Collection) forResults() *Collection {
	if c.inference == nil {
		return c
	}
	out := *c
	out.Schema = c.inference.certain
	return &out
}
