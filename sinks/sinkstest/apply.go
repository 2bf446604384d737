package sinkstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"weir/sinks"
)

func applyTwice(t *testing.T, s *suite) {
	bindings := []sinks.Binding{s.binding("things", false), s.binding("others", false)}
	if _, err := s.tryApply(true, bindings...); err != nil {
		t.Fatalf("a dry run where nothing is yet: %v", err)
	}
	s.apply(slices.Clone(bindings)...)
	if action := s.apply(slices.Clone(bindings)...); action != "" {
		t.Fatalf("a second apply does something: %s", action)
	}
	session, _ := s.open("0-1", bindings...)
	s.commit(session, "one", doc(1, "a"))
	s.apply(bindings...)
	s.holds("things", doc(1, "a"))
}

func fieldsMayBeAdded(t *testing.T, s *suite) {
	session, _ := s.open("0-1", s.binding("things", false))
	s.commit(session, "one", doc(1, "a"))
	session.Close()
	wider := strings.Replace(thingSchema, `"properties":{`, `"properties":{"added":{"type":["string","null"]},`, 1)
	b := s.bindingOf("things", false, wider, "/id")
	session, opened := s.open("0-1", b)
	if opened.Exactly && string(opened.Checkpoint) != "one" {
		t.Fatalf("checkpoint %q after a field was added", opened.Checkpoint)
	}
	more := `{"id":2,"v":"b","added":"x"}`
	s.commit(session, "two", more)
	s.holds("things", doc(1, "a"), more)
}

func backfillStartsAnew(t *testing.T, s *suite) {
	b := s.binding("things", false)
	old, opened := s.open("0-1", b)
	s.commit(old, "one", doc(1, "a"))
	if opened.Exactly {
		s.store(old, doc(2, "stale"))
	}
	b.StateKey = sinks.StateKey(sinks.ResourcePath(b.StateKey), 7)
	s.apply(b)
	if s.Appends {
		s.holds("things", doc(1, "a"))
	} else {
		s.holds("things")
	}
	if opened.Exactly && !s.Appends {
		if err := old.Commit(t.Context(), []byte("stale")); !errors.Is(err, sinks.ErrFenced) {
			t.Fatalf("a session from before the backfill commits: %v", err)
		}
	}
	old.Close()
	session, _ := s.open("0-1", b)
	s.commit(session, "two", doc(3, "new"))
	if s.Appends {
		s.holds("things", doc(1, "a"), doc(3, "new"))
	} else {
		s.holds("things", doc(3, "new"))
	}
}

// incompatibleResources: what cannot be changed is left alone, or made anew
// under a state key that never was.
func incompatibleResources(t *testing.T, s *suite) {
	narrow := strings.Replace(thingSchema, `"type":"string"`, `"type":"boolean"`, 1)
	b := s.bindingOf("things", false, narrow, "/id")
	if b.Delta || s.AtLeastOnce {
		t.Log("does not apply: what a resource is made for is not changed with its rows in it")
		return
	}
	old, opened := s.open("0-1", b, s.binding("others", false))
	s.commit(old, "one", `{"id":1,"v":true}`)
	was, path := b.StateKey, sinks.ResourcePath(b.StateKey)

	b = s.binding("things", false)
	others := s.binding("others", false)
	_, err := s.tryApply(false, b, others)
	var unfit *sinks.IncompatibleError
	if err == nil {
		t.Log("does not apply: the sink's resources take everything")
		return
	}
	if !errors.As(err, &unfit) || len(unfit.Reasons) != 1 || len(unfit.Reasons[0]) == 0 {
		t.Fatalf("a resource that does not fit: %v", err)
	}
	if _, dry := s.tryApply(true, b, others); dry == nil || dry.Error() != err.Error() {
		t.Errorf("dry run: %v, want %v", dry, err)
	}
	s.holds("things", `{"id":1,"v":true}`)
	s.commit(old, "two", `{"id":2,"v":false}`)

	b.Rebuild = true
	if _, err := s.tryApply(true, b, others); err != nil {
		t.Errorf("dry run of a rebuild: %v", err)
	}
	s.holds("things", `{"id":1,"v":true}`, `{"id":2,"v":false}`)
	bindings := []sinks.Binding{b, others}
	s.apply(bindings...)
	if bindings[0].StateKey == was || bindings[1].StateKey != others.StateKey {
		t.Errorf("state keys %q and %q", bindings[0].StateKey, bindings[1].StateKey)
	}
	s.holds("things")
	if err := old.Commit(t.Context(), []byte("stale")); opened.Exactly && !errors.Is(err, sinks.ErrFenced) {
		t.Errorf("a session from before commits: %v", err)
	}
	session, again := s.open("0-1", b, others)
	if opened.Exactly && string(again.Checkpoint) != "two" {
		t.Errorf("checkpoint %q", again.Checkpoint)
	}
	s.commit(session, "three", doc(3, "new"))
	seen := map[string]bool{was: true, bindings[0].StateKey: true}
	for _, backfill := range []int{1, 0, 1} { // a counter that is lowered never finds its former state
		b.StateKey = sinks.StateKey(path, backfill)
		bindings = []sinks.Binding{b, others}
		s.apply(bindings...)
		if seen[bindings[0].StateKey] {
			t.Errorf("state key %q a second time", bindings[0].StateKey)
		}
		seen[bindings[0].StateKey] = true
		s.holds("things")
	}
}

func configurationIsStrict(t *testing.T, s *suite) {
	spec := s.Sink.Spec()
	for what, schema := range map[string]json.RawMessage{"config": spec.ConfigSchema, "resource": spec.ResourceSchema} {
		if !json.Valid(schema) {
			t.Errorf("the %s schema is no JSON", what)
		}
	}
	if err := s.validate(s.Config, s.Resource("things", false)); err != nil {
		t.Fatal(err)
	}
	for what, broken := range s.brokenRequests() {
		if _, err := s.Sink.Validate(t.Context(), broken); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func (s *suite) validate(config json.RawMessage, resources ...json.RawMessage) error {
	_, err := s.Sink.Validate(s.Context(), s.validateRequest(config, resources...))
	return err
}

func (s *suite) validateRequest(config json.RawMessage, resources ...json.RawMessage) sinks.ValidateRequest {
	r := sinks.ValidateRequest{Task: task, Config: config, DataDir: s.DataDir}
	c := s.collection(thingSchema, "/id")
	for _, resource := range resources {
		r.Bindings = append(r.Bindings, sinks.Binding{Resource: resource, Collection: c})
	}
	return r
}

// brokenRequests are requests that no sink takes.
func (s *suite) brokenRequests() map[string]sinks.ValidateRequest {
	good := s.Resource("things", false)
	out := map[string]sinks.ValidateRequest{
		"a resource that is a list":           s.validateRequest(s.Config, json.RawMessage(`[]`)),
		"a resource with an unknown property": s.validateRequest(s.Config, withMember(good, `"nosuch":1`)),
		"a config with an unknown property":   s.validateRequest(withMember(s.Config, `"nosuch":1`), good),
		"a resource in two bindings":          s.validateRequest(s.Config, good, good),
	}
	var schema struct {
		Required []string `json:"required"`
	}
	if err := json.Unmarshal(s.Sink.Spec().ResourceSchema, &schema); err != nil {
		s.Error(err)
	}
	if len(schema.Required) > 0 {
		out["a resource without what it must have"] = s.validateRequest(s.Config, json.RawMessage(`{}`))
	}
	return out
}

// secretsStaySecret: whatever goes wrong, the error does not show what the
// configuration hides; and an endpoint that does not answer is trouble that
// passes.
func secretsStaySecret(t *testing.T, s *suite) {
	show := func(step string, err error) {
		if err != nil && s.Secret != "" && strings.Contains(err.Error(), s.Secret) {
			t.Errorf("%s shows the secret: %v", step, err)
		}
	}
	for what, r := range s.brokenRequests() {
		_, err := s.Sink.Validate(t.Context(), r)
		show("validate of "+what, err)
	}
	b := s.binding("things", false)
	bad := b
	bad.Resource = withMember(b.Resource, `"nosuch":1`)
	for _, wrong := range [][]sinks.Binding{{bad}, {b, b}} {
		_, err := s.tryApply(false, wrong...)
		show("apply", err)
	}
	if s.Unreachable == nil {
		return
	}
	s.Config = s.Unreachable
	err := s.validate(s.Config, b.Resource)
	show("validate", err)
	if err == nil {
		_, err = s.tryApply(false, b)
		show("apply", err)
	}
	var session sinks.Session
	if err == nil {
		session, _, err = s.Sink.Open(t.Context(), s.openRequest("0-1", b))
		show("open", err)
	}
	if err == nil {
		err = session.Store(t.Context(), 0, []sinks.Row{s.row(doc(1, "a"))})
		show("store", err)
		if err == nil {
			err = session.Commit(t.Context(), []byte("one"))
			show("commit", err)
		}
		session.Close()
	}
	if !errors.Is(err, sinks.ErrTransient) {
		t.Errorf("an endpoint that does not answer gives %v, want ErrTransient", err)
	}
}

// withMember adds a member to a JSON object.
func withMember(object json.RawMessage, member string) json.RawMessage {
	body := bytes.TrimPrefix(bytes.TrimSpace(object), []byte("{"))
	if string(bytes.TrimSpace(body)) == "}" {
		return json.RawMessage("{" + member + "}")
	}
	return json.RawMessage("{" + member + "," + string(body))
}
