package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// MessageError is a line of a connector that is no message.
type MessageError struct {
	Line   string // its beginning
	Reason string
}

func (e *MessageError) Error() string {
	return fmt.Sprintf("the connector's output is no message of the protocol: %s: %s", e.Reason, e.Line)
}

// DecodeCapture reads one line of a capture connector. What it gives points
// into the line.
func DecodeCapture(line []byte) (r CaptureResponse, err error) {
	if binding, doc, ok := document(line, "captured"); ok {
		r.Captured = &Captured{binding, doc}
		return r, nil
	}
	err = decode(line, &r)
	switch {
	case err != nil:
	case r.Captured != nil:
		err = checkDocument(line, r.Captured.Binding, r.Captured.Doc)
	case r.SourcedSchema != nil:
		err = checkDocument(line, r.SourcedSchema.Binding, r.SourcedSchema.DocumentSchema)
	case r.Checkpoint != nil:
		err = checkState(line, r.Checkpoint.State)
	}
	return r, err
}

// DecodeMaterialize reads one line of a materialization connector.
func DecodeMaterialize(line []byte) (r MaterializeResponse, err error) {
	if binding, doc, ok := document(line, "loaded"); ok {
		r.Loaded = &Loaded{binding, doc}
		return r, nil
	}
	if err = decode(line, &r); err != nil {
		return r, err
	}
	if r.Loaded != nil {
		return r, checkDocument(line, r.Loaded.Binding, r.Loaded.Doc)
	}
	for _, s := range []*Stated{r.Flushed, r.StartedCommit, r.Acknowledged} {
		if s == nil {
			continue
		}
		if err := checkState(line, s.State); err != nil {
			return r, err
		}
	}
	if r.Applied != nil {
		return r, checkState(line, r.Applied.State)
	}
	return r, nil
}

// decode reads an object with exactly one of the members of response, which
// are all pointers.
func decode(line []byte, response any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(response); err != nil {
		return malformed(line, reason(err))
	}
	if _, err := d.Token(); err != io.EOF { // More takes a bracket too many for the end
		return malformed(line, "more follows the message on its line")
	}
	v := reflect.ValueOf(response).Elem()
	n := 0
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			n++
		}
	}
	if n != 1 {
		return malformed(line, fmt.Sprintf("it has %d of the members %s, and must have one", n, names(v.Type())))
	}
	return nil
}

func names(t reflect.Type) string {
	var all []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// reason says of an error of encoding/json what a connector's author needs.
func reason(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return "it is a " + wrong.Value + ", not an object"
		}
		return fmt.Sprintf("%s is a %s", wrong.Field, wrong.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func checkDocument(line []byte, binding int, doc json.RawMessage) error {
	switch {
	case binding < 0:
		return malformed(line, fmt.Sprintf("binding %d is negative", binding))
	case len(doc) == 0 || doc[0] != '{':
		return malformed(line, "its document is missing or no object")
	}
	return nil
}

func checkState(line []byte, s *ConnectorState) error {
	if s != nil && len(s.Updated) == 0 {
		return malformed(line, "its state has no member updated")
	}
	return nil
}

// excerpt is how much of a line stands in an error.
const excerpt = 200

func malformed(line []byte, why string) error {
	line = bytes.TrimSpace(line)
	text := string(line)
	if len(line) > excerpt {
		text = strings.ToValidUTF8(string(line[:excerpt]), "") + "..."
	}
	return &MessageError{Line: text, Reason: why}
}

// document reads the one message that comes by the million, in the form that
// is usual: {"captured":{"binding":0,"doc":{...}}}, the binding perhaps left
// out or behind. It leaves every other form, and what is no JSON, to decode.
func document(line []byte, member string) (binding int, doc json.RawMessage, ok bool) {
	rest, ok := after(line, `{`, `"`+member+`"`, `:`, `{`)
	if !ok {
		return 0, nil, false
	}
	if behind, has := after(rest, `"binding"`, `:`); has {
		if binding, rest, ok = number(behind); !ok {
			return 0, nil, false
		}
		if rest, ok = after(rest, `,`); !ok {
			return 0, nil, false
		}
	}
	if rest, ok = after(rest, `"doc"`, `:`); !ok {
		return 0, nil, false
	}
	rest = bytes.TrimLeft(rest, " \t")
	tail := bytes.TrimRight(rest, " \t\r\n")
	for range 2 { // the closing braces of the message
		if !bytes.HasSuffix(tail, []byte("}")) {
			return 0, nil, false
		}
		tail = bytes.TrimRight(tail[:len(tail)-1], " \t")
	}
	if len(tail) < 2 || tail[0] != '{' || !json.Valid(tail) { // a binding behind the document makes it invalid
		return 0, nil, false
	}
	return binding, json.RawMessage(tail), true
}

// after skips tokens with space before each.
func after(text []byte, tokens ...string) ([]byte, bool) {
	for _, token := range tokens {
		text = bytes.TrimLeft(text, " \t")
		if len(text) < len(token) || string(text[:len(token)]) != token {
			return text, false
		}
		text = text[len(token):]
	}
	return text, true
}

// number reads a small natural number.
func number(text []byte) (n int, rest []byte, ok bool) {
	text = bytes.TrimLeft(text, " \t")
	i := 0
	for ; i < len(text) && i < 9 && '0' <= text[i] && text[i] <= '9'; i++ {
		n = 10*n + int(text[i]-'0')
	}
	leading := i > 1 && text[0] == '0'
	return n, text[i:], i > 0 && !leading
}
