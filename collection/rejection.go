package collection

import (
	"fmt"
	"strconv"
	"strings"
)

// Rejection is what is kept beside a quarantined document: which task met it,
// where, and why it is not taken. It is stored as headers.
type Rejection struct {
	Task     string
	Pointer  string // in the document
	Rule     string // the schema's keyword, or one of the Rule constants
	Reason   string
	Origin   string // the subject it was read under; of a captured document the capture
	Sequence uint64 // of the message that was read; of a captured document the checkpoint's number
	Part     int    // of Parts, counted from 1, when no message holds the document; else 0
	Parts    int
}

// Names of the headers of quarantined documents.
const (
	headerTask     = "Weir-Task"
	headerPointer  = "Weir-Pointer"
	headerRule     = "Weir-Rule"
	headerReason   = "Weir-Reason"
	headerOrigin   = "Weir-Origin"
	headerSequence = "Weir-Sequence"
	headerPart     = "Weir-Part"
)

// Header spells the rejection as headers: one line each, of bounded length.
func (r Rejection) Header() map[string]string {
	h := map[string]string{
		headerTask:     headerText(r.Task),
		headerPointer:  headerText(r.Pointer),
		headerRule:     headerText(r.Rule),
		headerReason:   headerText(r.Reason),
		headerOrigin:   headerText(r.Origin),
		headerSequence: strconv.FormatUint(r.Sequence, 10),
	}
	if r.Parts > 0 {
		h[headerPart] = fmt.Sprintf("%d of %d", r.Part, r.Parts)
	}
	return h
}

// ParseRejection reads what [Rejection.Header] has written. What is missing or
// cannot be read is left empty: a document is not lost for its headers.
func ParseRejection(h map[string]string) Rejection {
	r := Rejection{
		Task: h[headerTask], Pointer: h[headerPointer], Rule: h[headerRule], Reason: h[headerReason], Origin: h[headerOrigin],
	}
	r.Sequence, _ = strconv.ParseUint(h[headerSequence], 10, 64) // 0: not known
	if part, parts, ok := strings.Cut(h[headerPart], " of "); ok {
		p, errPart := strconv.Atoi(part)
		n, errParts := strconv.Atoi(parts)
		if errPart == nil && errParts == nil && 1 <= p && p <= n {
			r.Part, r.Parts = p, n
		}
	}
	return r
}

// headerText makes a string fit for a header: one line, of bounded length.
func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > 512 {
		s = strings.ToValidUTF8(s[:512], "") + "..."
	}
	return s
}

// BadName is what a subject of [BadStream] says.
type BadName struct {
	Collection string
	By         string // the task, for outputs and captured documents with more behind a tilde
	Sequence   uint64
	N          int
	Part       int // counted from 1
}

// ParseBadSubject reads the subject of a quarantined document or of a part of
// one.
func ParseBadSubject(subject string) (BadName, error) {
	bad := func(why string) (BadName, error) {
		return BadName{}, fmt.Errorf("subject %q of a quarantined document: %s", subject, why)
	}
	tail, ok := strings.CutPrefix(subject, badRoot)
	tokens := strings.Split(tail, ".")
	if !ok || len(tokens) != 4 {
		return bad("is not " + badRoot + "<collection>.<task>.<sequence>.<number>")
	}
	name := BadName{Part: 1}
	var err error
	if name.Collection, err = DecodeToken(tokens[0]); err != nil {
		return bad(err.Error())
	}
	if name.By, err = DecodeToken(tokens[1]); err != nil {
		return bad(err.Error())
	}
	if name.Sequence, err = strconv.ParseUint(tokens[2], 10, 64); err != nil {
		return bad("the sequence is no number")
	}
	n, part, more := strings.Cut(tokens[3], "-")
	if name.N, err = strconv.Atoi(n); err != nil || name.N < 0 {
		return bad("the last token is no number")
	}
	if !more {
		return name, nil
	}
	if name.Part, err = strconv.Atoi(part); err != nil || name.Part < 2 {
		return bad("the part is no number above 1")
	}
	return name, nil
}

// BadPart is the subject of a part, counted from 1, of the quarantined document
// under subject.
func BadPart(subject string, part int) string {
	if part == 1 {
		return subject
	}
	return subject + "-" + strconv.Itoa(part)
}

// BadSiblings matches what readers have quarantined of a collection's document,
// by its sequence, and outputs and captured documents of the same number.
func BadSiblings(name string, seq uint64) string {
	return badRoot + EncodeToken(name) + ".*." + strconv.FormatUint(seq, 10) + ".*"
}
