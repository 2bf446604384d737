package collection

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/document"
	"weir/schema"
)

// Rules of an Invalid that are no keyword of JSON Schema.
const (
	RuleJSON    = "json"    // it is no JSON document
	RuleKey     = "key"     // it has no key, or one that cannot be a key
	RuleSubject = "subject" // it lies under a subject that is not its own
	RuleReduce  = "reduce"  // it does not reduce with the others of its key
	RuleSize    = "size"    // the server takes no message as large

	RuleEndpoint = "endpoint" // a destination cannot hold it
)

// maxExcerpt is how many bytes of a document an Invalid holds.
const maxExcerpt = 1 << 10

// Invalid says why a collection does not take a document. Subject and Seq are
// where it was read, zero for a document that is yet to be written: whoever read
// the message fills them in.
type Invalid struct {
	Collection string
	Subject    string
	Seq        uint64
	Pointer    string // where in the document, a JSON pointer
	Rule       string // the keyword of the schema, or one of the Rule constants
	Message    string
	Document   []byte // an excerpt, at most 1 KiB
}

// Error is one line that says all but the excerpt's end.
func (e *Invalid) Error() string {
	var b strings.Builder
	b.WriteString("collection " + e.Collection + ": invalid document")
	if e.Seq != 0 {
		fmt.Fprintf(&b, " at sequence %d", e.Seq)
	}
	if e.Subject != "" {
		b.WriteString(" on " + e.Subject)
	}
	b.WriteString(": ")
	if e.Pointer != "" {
		b.WriteString(e.Pointer + ": ")
	}
	b.WriteString(e.Rule + ": " + e.Message)
	if len(e.Document) > 0 {
		b.WriteString(": " + oneLine(cut(e.Document, maxErrorExcerpt)))
	}
	return b.String()
}

// maxErrorExcerpt keeps error lines readable.
const maxErrorExcerpt = 200

// oneLine shows bytes of any origin on one line of a terminal.
func oneLine(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}

// Excerpt is a copy of a document's beginning, as [Invalid] holds it.
func Excerpt(raw []byte) []byte { return append([]byte(nil), cut(raw, maxExcerpt)...) }

// cut shortens to at most n bytes and does not divide a character.
func cut(raw []byte, n int) []byte {
	if len(raw) <= n {
		return raw
	}
	for back := n; back > n-utf8.UTFMax; back-- {
		if utf8.RuneStart(raw[back]) {
			return raw[:back]
		}
	}
	return raw[:n]
}

// NotJSON is the Invalid of what [document.Doc.Parse] refused.
func NotJSON(name string, raw []byte, err error) *Invalid {
	return &Invalid{Collection: name, Rule: RuleJSON, Message: err.Error(), Document: Excerpt(raw)}
}

func (c *Collection) badKey(raw []byte, err error) *Invalid {
	invalid := &Invalid{Collection: c.Name, Rule: RuleKey, Message: err.Error(), Document: Excerpt(raw)}
	var key *document.KeyError
	if errors.As(err, &key) {
		invalid.Pointer, invalid.Message = key.Pointer, key.Reason
	}
	return invalid
}

// breaksSchema explains a document that did not validate.
func (c *Collection) breaksSchema(raw []byte) *Invalid {
	invalid := &Invalid{Collection: c.Name, Rule: "schema", Message: "breaks the schema", Document: Excerpt(raw)}
	violations := c.explainUnseen(raw)
	if len(violations) == 0 {
		violations = c.Schema.Explain(raw)
	}
	if len(violations) > 0 {
		first := violations[0]
		invalid.Pointer, invalid.Rule, invalid.Message = first.Pointer, first.Rule, first.Message
	}
	return invalid
}

func (c *Collection) badReduction(newest []byte, err error) *Invalid {
	invalid := &Invalid{Collection: c.Name, Rule: RuleReduce, Message: err.Error(), Document: Excerpt(newest)}
	var reduce *schema.ReduceError
	if errors.As(err, &reduce) {
		invalid.Pointer, invalid.Message = reduce.Pointer, reduce.Strategy+": "+reduce.Reason
	}
	return invalid
}
