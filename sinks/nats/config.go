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
	"weir/sinks"
)

// resource is a binding's resource: a stream with a subject, a bucket with a
// key, or a core subject alone.
type resource struct {
	Stream       string  `json:"stream"`
	Subject      string  `json:"subject"`
	Bucket       string  `json:"bucket"`
	Key          string  `json:"key"`
	DeltaUpdates bool    `json:"deltaUpdates"`
	Create       *create `json:"create"`
}

// create says how a stream or bucket is made that is not there.
type create struct {
	Replicas              int    `json:"replicas"`
	Storage               string `json:"storage"`
	MaxAge                string `json:"maxAge"`
	MaxBytes              int64  `json:"maxBytes"`
	MaxMessagesPerSubject int64  `json:"maxMessagesPerSubject"`

	age time.Duration
}

const resourceSchema = `{
  "type": "object",
  "title": "NATS stream, bucket or subject",
  "description": "stream with subject, bucket with key, or subject alone, which is a core subject.",
  "additionalProperties": false,
  "properties": {
    "stream": {"type": "string", "minLength": 1, "title": "Stream", "description": "Name of the JetStream stream that keeps the documents."},
    "subject": {"type": "string", "minLength": 1, "title": "Subject", "description": "Subject of a document: tokens, and fields of the collection in braces, as in orders.{customer}.{id}. Without stream it is a core subject.", "x-collection-name": true},
    "bucket": {"type": "string", "minLength": 1, "title": "Bucket", "description": "Name of a key-value bucket."},
    "key": {"type": "string", "minLength": 1, "title": "Key", "description": "Key of a document in the bucket, as in {customer}.{id}."},
    "deltaUpdates": {"type": "boolean", "default": false, "title": "Delta updates", "description": "Publish each change instead of keeping one document a key, which is the newest of its subject. A core subject gets delta updates always, a bucket never."},
    "create": {
      "type": "object",
      "title": "Create",
      "description": "Make the stream or bucket if it is not there, with these settings; {} takes the defaults. Without it a missing one is an error.",
      "additionalProperties": false,
      "properties": {
        "replicas": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1, "title": "Replicas", "description": "Servers that keep it."},
        "storage": {"enum": ["file", "memory"], "default": "file", "title": "Storage", "description": "Where messages are kept."},
        "maxAge": {"type": "string", "title": "Maximum age", "description": "How long messages are kept, as in 720h. Left out: for ever."},
        "maxBytes": {"type": "integer", "minimum": 1, "title": "Maximum bytes", "description": "How many bytes are kept; older messages are discarded, which ends exactly once."},
        "maxMessagesPerSubject": {"type": "integer", "minimum": 1, "title": "Messages of a subject", "description": "How many messages are kept of each subject: 1 keeps the state, and is the default of a bucket. Left out: all."}
      }
    }
  }
}`

// kind of destination.
type kind int

const (
	toStream kind = iota
	toBucket
	toCore
)

// target is a resource, checked.
type target struct {
	resource
	kind     kind
	stream   string // "" for a core subject
	template *template
	delta    bool
}

// path names the resource.
func (t *target) path() []string {
	switch t.kind {
	case toCore:
		return []string{"core", t.Subject}
	case toBucket:
		return []string{t.stream, t.Key}
	}
	return []string{t.stream, t.Subject}
}

func parseResource(b *sinks.Binding) (*target, error) {
	t := &target{}
	err := connector.DecodeConfig(b.Resource, &t.resource)
	if err == nil {
		err = t.check()
	}
	if err == nil {
		text, escapes := t.Subject, subjectTokens
		if t.kind == toBucket {
			text, escapes = t.Key, keyTokens
		}
		t.template, err = parseTemplate(text, escapes, &b.Collection)
	}
	if err == nil && !t.delta {
		err = t.template.identifies(b)
	}
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	return t, nil
}

func (t *target) check() error {
	r := &t.resource
	switch {
	case r.Bucket == "" && r.Subject == "":
		return errors.New("subject is missing: say under which one documents are published, as in { stream: ORDERS, subject: orders.{id} }, or name a bucket and a key")
	case r.Bucket != "" && (r.Stream != "" || r.Subject != ""):
		return errors.New("give either bucket with key or stream with subject")
	case r.Bucket != "" && r.Key == "":
		return errors.New("key is missing: say under which key documents are kept, as in { bucket: orders, key: '{id}' }")
	case r.Bucket == "" && r.Key != "":
		return errors.New("key belongs to a bucket")
	case r.Bucket != "" && r.DeltaUpdates:
		return errors.New("deltaUpdates: a bucket keeps one document a key")
	case r.Stream == "" && r.Bucket == "" && r.Create != nil:
		return errors.New("create belongs to a stream or bucket: a core subject keeps nothing")
	case strings.ContainsAny(r.Stream, ".*>/\\ \t\r\n"):
		return fmt.Errorf("stream %q: names of streams have no dots, wildcards, slashes or blanks", r.Stream)
	case strings.Trim(r.Bucket, bucketLetters) != "":
		return fmt.Errorf("bucket %q: names of buckets have letters, digits, - and _ only", r.Bucket)
	}
	t.stream, t.delta = r.Stream, r.DeltaUpdates
	switch {
	case r.Bucket != "":
		t.kind, t.stream = toBucket, "KV_"+r.Bucket
	case r.Stream == "":
		t.kind, t.delta = toCore, true
	}
	if r.Create == nil || r.Create.MaxAge == "" {
		return nil
	}
	var err error
	if r.Create.age, err = time.ParseDuration(r.Create.MaxAge); err != nil || r.Create.age <= 0 {
		return fmt.Errorf("create.maxAge %q is no duration, as 720h is", r.Create.MaxAge)
	}
	return nil
}

const bucketLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// AtLeastOnce says whether bindings with these resources are at least once
// whatever the server's streams are: they go to a core subject, to several
// streams, or to one that is made with a limit which may discard the checkpoint.
// Of a stream that exists only the server knows more.
func AtLeastOnce(resources []json.RawMessage) bool {
	stream := ""
	for i, text := range resources {
		t := &target{}
		if connector.DecodeConfig(text, &t.resource) != nil || t.check() != nil {
			return false // the catalog's check says so
		}
		if i == 0 {
			stream = t.stream
		}
		limited := t.Create != nil && t.Create.MaxBytes > 0 && t.kind == toStream // a full bucket refuses documents instead
		if t.kind == toCore || t.stream != stream || limited {
			return true
		}
	}
	return false
}

// pattern matches the subjects of the target's documents.
func (t *target) pattern() string {
	if t.kind == toBucket {
		return "$KV." + t.Bucket + "." + t.template.pattern()
	}
	return t.template.pattern()
}

// parseBindings reads the resources of a request. No two documents of
// different bindings may have one subject.
func parseBindings(bindings []sinks.Binding) ([]*target, error) {
	out := make([]*target, len(bindings))
	var errs []error
	for i := range bindings {
		name := bindings[i].Collection.Name
		t, err := parseResource(&bindings[i])
		if err == nil {
			err = checkFieldConfig(&bindings[i])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("nats: binding of %s: %w", name, err))
			continue
		}
		out[i] = t
		for _, other := range out[:i] {
			switch {
			case other == nil:
			case slices.Equal(other.path(), t.path()):
				errs = append(errs, fmt.Errorf("nats: binding of %s: %s is the resource of another binding already", name, strings.Join(t.path(), " ")))
			case (!t.delta || !other.delta) && natsendpoint.Overlap(other.pattern(), t.pattern()):
				errs = append(errs, fmt.Errorf("nats: binding of %s: its subjects %s can be those of another binding too (%s): let them differ in a token", name, t.pattern(), other.pattern()))
			}
		}
	}
	return out, errors.Join(errs...)
}

// checkFieldConfig refuses configurations of fields: documents are written
// whole.
func checkFieldConfig(b *sinks.Binding) error {
	for field, text := range b.FieldConfig {
		var given map[string]json.RawMessage
		if err := json.Unmarshal(text, &given); err != nil || len(given) > 0 {
			return fmt.Errorf("fields.require: %s: documents are written whole, so fields have no configuration: write {}", field)
		}
	}
	return nil
}
