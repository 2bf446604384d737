package collection

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/document"
	"weir/schema"
)

// A Checker checks documents that were read from the collection's stream. It has
// scratch memory: one for each goroutine.
type Checker struct {
	collection *Collection
	validator  *schema.Validator
	packed     []byte
	subject    []byte
}

// Checker makes a Checker.
func (c *Collection) Checker() *Checker {
	return &Checker{collection: c, validator: c.Schema.Validator()}
}

// Check says whether a document fits the collection's schema and has the key that
// its subject claims. The error is an [*Invalid], without the sequence, which the
// caller knows.
func (k *Checker) Check(d *document.Doc, subject string) error {
	own, invalid := k.place(d)
	if invalid != nil {
		invalid.Subject = subject
		return invalid
	}
	if string(own) != subject {
		return k.belied(d, subject)
	}
	return nil
}

// Place says where a document that is yet to be written belongs: it checks the
// schema and gives the subject of the document's own key, which is valid until
// the next call of the Checker. The error is an [*Invalid].
func (k *Checker) Place(d *document.Doc) ([]byte, error) {
	own, invalid := k.place(d)
	if invalid != nil {
		return nil, invalid
	}
	return own, nil
}

func (k *Checker) place(d *document.Doc) ([]byte, *Invalid) {
	c := k.collection
	if c.blank() || !k.validator.Valid(d, 0) {
		return nil, c.breaksSchema(d.Src)
	}
	var err error
	if k.packed, err = c.Key.AppendPacked(k.packed[:0], d, 0); err != nil {
		return nil, c.badKey(d.Src, err)
	}
	if k.subject, err = c.AppendKeyedSubject(k.subject[:0], d, k.packed); err != nil {
		return nil, c.badKey(d.Src, err)
	}
	return k.subject, nil
}

// Packed is the packed key of the document that passed Check or Place last; it
// is valid until the next.
func (k *Checker) Packed() []byte { return k.packed }

// belied says in what a subject disagrees with its document.
func (k *Checker) belied(d *document.Doc, subject string) *Invalid {
	c := k.collection
	invalid := &Invalid{Collection: c.Name, Subject: subject, Rule: RuleSubject, Document: Excerpt(d.Src)}
	tail, ours := strings.CutPrefix(subject, c.docPrefix)
	if !ours {
		invalid.Message = fmt.Sprintf("is not under %s>", c.docPrefix)
		return invalid
	}
	got := strings.Split(tail, ".")
	want := strings.Split(string(k.subject[len(c.docPrefix):]), ".")
	if len(got) != len(want) {
		what := "key tokens, the key has"
		if c.fields != nil {
			what = "tokens of logical partition fields and key, these have"
		}
		invalid.Message = fmt.Sprintf("has %d %s %d: want %s", len(got)-1, what, len(want)-1, k.subject)
		return invalid
	}
	pointers, what := c.Key.Pointers, "key"
	if c.fields != nil {
		pointers = append(slices.Clone(c.fields.Pointers), c.Key.Pointers...)
	}
	for i, pointer := range pointers {
		if got[i+1] == want[i+1] {
			continue
		}
		if i < len(c.Fields) {
			what = "logical partition field " + c.Fields[i]
		}
		invalid.Pointer = pointer.String()
		invalid.Message = fmt.Sprintf("says %s, the document's %s is %s: want %s", strconv.Quote(got[i+1]), what, strconv.Quote(want[i+1]), k.subject)
		return invalid
	}
	invalid.Message = fmt.Sprintf("is in partition %s, the key belongs to %s of %d: want %s", strconv.Quote(got[0]), want[0], c.Partitions, k.subject)
	return invalid
}
