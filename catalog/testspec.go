package catalog

import (
	"errors"

	"weir/document"
	"weir/fault"
	"weir/schema"
)

func (l *loader) buildTest(e *entry[testFile]) *Test {
	f := &e.file.Body
	t := &Test{Name: e.name, Description: f.Description, Steps: make([]Step, len(f.Steps)), Origin: e.at.origin()}
	for i := range f.Steps {
		s := &f.Steps[i]
		if s.At == nil || s.At.node.kind != kindObject {
			continue
		}
		t.Steps[i].Origin = s.At.origin()
		if len(s.At.node.members) != 1 {
			l.errorf(fault.Contradiction, s.At, "write each as an element of steps", "a step is one ingest or one verify, not %d", len(s.At.node.members))
			continue
		}
		if s.Ingest != nil {
			t.Steps[i].Ingest = l.buildIngest(s.Ingest)
		}
		if s.Verify != nil {
			t.Steps[i].Verify = l.buildVerify(s.Verify)
		}
	}
	return t
}

func (l *loader) buildIngest(f *ingestFile) *Ingest {
	in := &Ingest{Description: f.Description, Collection: f.Collection, Documents: f.Documents.json(), At: f.Documents.where()}
	at, ok := f.At.field("collection")
	if !ok || at.node.kind != kindString {
		return in
	}
	c := l.collection(at, f.Collection)
	if c == nil || c.schema == nil {
		return in
	}
	for _, doc := range f.Documents.At {
		l.checkValue(doc, c.schema, "the schema of "+c.spec.Name)
	}
	return in
}

func (l *loader) buildVerify(f *verifyFile) *Verify {
	source := l.collection(f.Collection.At, f.Collection.Name)
	return &Verify{Description: f.Description, Collection: l.buildSource(&f.Collection, source), Documents: f.Documents.json(), At: f.Documents.where()}
}

// checkValue reports what makes the value at p invalid by a schema.
func (l *loader) checkValue(p *place, s *schema.Schema, name string) {
	text := p.node.json()
	var d document.Doc
	if err := d.Parse(text); err != nil {
		var syntax *document.SyntaxError
		if errors.As(err, &syntax) {
			err = errors.New(syntax.Reason)
		}
		l.errorf(fault.InvalidValue, p, "", "no document: %s", err)
		return
	}
	if s.Validator().Valid(&d, 0) {
		return
	}
	for _, v := range s.Explain(text) {
		at := p
		if pointer, err := document.ParsePointer(v.Pointer); err == nil {
			at, _ = p.find(pointer)
		}
		l.errorf(fault.InvalidValue, at, "", "not valid by %s: %s", name, v.Message)
	}
}
