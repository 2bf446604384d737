package worker

import (
	"context"

	"weir/collection"
	"weir/document"
	"weir/journal"
)

// decoder reads messages of one collection into a document and checks them.
type decoder struct {
	conn       *journal.Conn
	collection *collection.Collection // as readers see it
	checker    *collection.Checker
	doc        document.Doc
	learned    bool // the inferred schema became wider since the start
}

func newDecoder(conn *journal.Conn, c *collection.Collection) *decoder {
	return &decoder{conn: conn, collection: c, checker: c.Checker()}
}

// decode gives the message's document, which is valid until the next call.
// The error is a *collection.Invalid when the message is at fault.
func (d *decoder) decode(ctx context.Context, m *journal.Message) (*document.Doc, error) {
	if err := d.doc.Parse(m.Data); err != nil {
		return nil, d.place(m, collection.NotJSON(d.collection.Name, m.Data, err))
	}
	err := d.checker.Check(&d.doc, m.Subject)
	if err != nil && d.collection.Unseen(&d.doc) {
		if err := d.learn(ctx, m.Seq); err != nil {
			return nil, err
		}
		err = d.checker.Check(&d.doc, m.Subject)
	}
	if err != nil {
		return nil, d.place(m, err)
	}
	return &d.doc, nil
}

// place adds where the message stands.
func (d *decoder) place(m *journal.Message, err error) error {
	var invalid *collection.Invalid
	if asInvalid(err, &invalid) {
		invalid.Subject, invalid.Seq = m.Subject, m.Seq
	}
	return err
}
