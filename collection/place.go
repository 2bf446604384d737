package collection

import "weir/document"

// Place says where a document that is yet to be written belongs: it checks the
// schema and gives the subject of the document's own key, which is valid until
// the next call of the checker. The error is an [*Invalid].
func (k *Checker) Place(d *document.Doc) ([]byte, error) {
	c := k.collection
	if !k.validator.Valid(d, 0) {
		return nil, c.breaksSchema(d.Src)
	}
	var err error
	if k.packed, err = c.Key.AppendPacked(k.packed[:0], d, 0); err != nil {
		return nil, c.badKey(d.Src, err)
	}
	if k.subject, err = c.AppendKeySubject(k.subject[:0], k.packed); err != nil {
		return nil, c.badKey(d.Src, err)
	}
	return k.subject, nil
}
