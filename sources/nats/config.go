package nats

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/connector"
	"weir/internal/natsendpoint"
	"weir/sources"
)

// resource is a binding's resource: a stream, or a core subject.
type resource struct {
	Stream    string            `json:"stream"`
	Filter    string            `json:"filter"`
	Subject   string            `json:"subject"`
	Queue     string            `json:"queue"`
	Start     json.RawMessage   `json:"start"`
	Fields    map[string]string `json:"fields"`
	Metadata  *bool             `json:"metadata"`
	Headers   bool              `json:"headers"`
	OnNotJSON string            `json:"onNotJSON"`
	OnLost    string            `json:"onLost"`
}

// What is done about a message that is no JSON object, or about messages that
// are gone before they were read.
const (
	stop     = "stop"
	wrap     = "wrap"
	goOnward = "continue"
)

const resourceSchema = `{
  "type": "object",
  "title": "NATS stream or subject",
  "description": "Either stream, which captures every message once, or subject, a core subject, which captures at most once.",
  "additionalProperties": false,
  "properties": {
    "stream": {"type": "string", "minLength": 1, "title": "Stream", "description": "Name of a JetStream stream.", "x-collection-name": true},
    "filter": {"type": "string", "minLength": 1, "title": "Filter", "description": "Capture messages of these subjects of the stream only, as in orders.*.created."},
    "subject": {"type": "string", "minLength": 1, "title": "Core subject", "description": "A subject that is subscribed to, in place of a stream: at most once."},
    "queue": {"type": "string", "minLength": 1, "title": "Queue group", "description": "Share a core subject with the other members of this group."},
    "start": {"type": ["string", "integer"], "default": "first", "title": "Start", "description": "Where a stream is begun: first, new, a sequence, or a time as in 2026-01-31T12:00:00Z."},
    "fields": {"type": "object", "additionalProperties": {"type": "string"}, "title": "Fields", "description": "Members that documents get from tokens of the subject, as in { customer: '{{wildcard(1)}}' }: the token under the first * of filter or subject. A member that a document has stays."},
    "metadata": {"type": "boolean", "default": true, "title": "Metadata", "description": "Add to /_meta where a message comes from: subject, op, and of a stream stream, seq and ts. Members that a document has stay."},
    "headers": {"type": "boolean", "default": false, "title": "Headers", "description": "Add the message's headers to /_meta/headers."},
    "onNotJSON": {"enum": ["stop", "wrap"], "default": "stop", "title": "On no JSON", "description": "What happens to a message that is no JSON object: stop with an error that names it, or wrap it as { data: its bytes in base64 }."},
    "onLost": {"enum": ["stop", "continue"], "default": "stop", "title": "On lost", "description": "What happens when the stream discarded messages before they were read: stop with an error that says which, or continue with what is left."}
  }
}`

// binding is a resource, checked.
type binding struct {
	resource
	start  start
	fields []field
	path   []string
}

// start is where a stream is begun.
type start struct {
	new  bool
	seq  uint64
	time time.Time
}

func parseResource(text json.RawMessage) (*binding, error) {
	b := &binding{}
	if err := connector.DecodeConfig(text, &b.resource); err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	err := b.check()
	if err == nil {
		b.start, err = parseStart(b.Start)
	}
	if err == nil {
		b.fields, err = parseFields(b.Fields, b.pattern())
	}
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	if b.Metadata == nil {
		b.Metadata = new(bool)
		*b.Metadata = true
	}
	b.path = []string{b.Stream}
	switch {
	case b.Subject != "":
		b.path = []string{"core", b.Subject}
	case b.Filter != "":
		b.path = append(b.path, b.Filter)
	}
	return b, nil
}

// pattern is what subjects match.
func (r *resource) pattern() string {
	if r.Subject != "" {
		return r.Subject
	}
	return r.Filter
}

func (r *resource) check() error {
	switch {
	case r.Stream == "" && r.Subject == "":
		return errors.New("stream is missing: name the stream, as in { stream: ORDERS }, or a core subject, as in { subject: orders.> }, which is captured at most once")
	case r.Stream != "" && r.Subject != "":
		return errors.New("give either stream or subject: subjects of a stream are selected by filter")
	case r.Subject != "" && (r.Filter != "" || r.Start != nil || r.OnLost != ""):
		return errors.New("filter, start and onLost belong to streams: a core subject keeps nothing")
	case r.Stream != "" && r.Queue != "":
		return errors.New("queue belongs to core subjects")
	case r.OnNotJSON != "" && r.OnNotJSON != stop && r.OnNotJSON != wrap:
		return fmt.Errorf("onNotJSON is %q: stop or wrap", r.OnNotJSON)
	case r.OnLost != "" && r.OnLost != stop && r.OnLost != goOnward:
		return fmt.Errorf("onLost is %q: stop or continue", r.OnLost)
	case strings.ContainsAny(r.Stream, ".*>/\\ \t\r\n"):
		return fmt.Errorf("stream %q: names of streams have no dots, wildcards, slashes or blanks", r.Stream)
	}
	if p := r.pattern(); p != "" {
		return natsendpoint.CheckSubject(p)
	}
	return nil
}

func parseStart(text json.RawMessage) (s start, err error) {
	if text == nil {
		return s, nil
	}
	if json.Unmarshal(text, &s.seq) == nil {
		return s, nil
	}
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return s, fmt.Errorf("start %s: first, new, a sequence or a time", text)
	}
	switch word {
	case "first":
		return s, nil
	case "new":
		s.new = true
		return s, nil
	}
	if s.time, err = time.Parse(time.RFC3339Nano, word); err != nil {
		return s, fmt.Errorf("start %q: first, new, a sequence, or a time as in 2026-01-31T12:00:00Z", word)
	}
	return s, nil
}

// parseBindings reads the resources of a request. The paths differ.
func parseBindings(bindings []sources.Binding) ([]*binding, error) {
	out := make([]*binding, len(bindings))
	var errs []error
	for i, b := range bindings {
		var err error
		if out[i], err = parseResource(b.Resource); err != nil {
			errs = append(errs, fmt.Errorf("binding of %s: %w", b.Collection.Name, err))
			continue
		}
		for _, other := range out[:i] {
			if other != nil && slices.Equal(other.path, out[i].path) {
				errs = append(errs, fmt.Errorf("binding of %s: %s is captured by another binding already", b.Collection.Name, strings.Join(out[i].path, " ")))
			}
		}
	}
	return out, errors.Join(errs...)
}
