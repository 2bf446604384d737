package sourcestest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"weir/document"
	"weir/schema"
	"weir/sources"
)

func contextsEndPull(t *testing.T, s *suite) {
	session, b := s.filled(nil)
	batches := s.batches(session, s.wanted())
	if _, err := session.Pull(endedContext(t)); !errors.Is(err, context.Canceled) && !ended(err) {
		t.Fatalf("pull with an ended context: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { // waited for below
		for {
			if _, err := session.Pull(ctx); err != nil {
				waiting <- err
				return
			}
		}
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) && !ended(err) {
		t.Fatalf("a waiting pull whose context ends: %v", err)
	}
	if err := session.Acknowledge(t.Context(), len(batches)); err != nil {
		t.Fatalf("acknowledge after a broken off pull: %v", err)
	}
	session.Close()
	s.check(b, s.Documents)
	fresh, _ := s.filled(nil)
	if _, err := fresh.Pull(endedContext(t)); err == nil {
		t.Fatal("a pull with an ended context gives a batch")
	}
	s.same(s.captured(s.batches(fresh, s.wanted())))
}

// contextsEndSteps: a step with an ended context says so, or had nothing to
// wait for; and the endpoint is as before.
func contextsEndSteps(t *testing.T, s *suite) {
	over := endedContext(t)
	if _, err := s.Source.Open(over, s.openRequest(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	mayEnd := func(step string, err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", step, err)
		}
	}
	_, err := s.Source.Validate(over, s.validateRequest())
	mayEnd("validate", err)
	_, err = s.Source.Apply(over, s.applyRequest())
	mayEnd("apply", err)
	if d, ok := s.Source.(sources.Discoverer); ok {
		_, err = d.Discover(over, sources.DiscoverRequest{Config: s.Config, DataDir: s.DataDir})
		mayEnd("discover", err)
	}
	session, _ := s.filled(nil)
	batches := s.batches(session, s.wanted())
	mayEnd("acknowledge", session.Acknowledge(over, len(batches)))
	s.same(s.captured(batches))
}

func closeEnds(t *testing.T, s *suite) {
	session := s.open(nil)
	for range 2 {
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := session.Pull(t.Context()); err == nil {
		t.Fatal("a closed session gives a batch")
	}
}

func closeEndsWaitingPull(t *testing.T, s *suite) {
	session, _ := s.filled(nil)
	s.batches(session, s.wanted())
	waiting := make(chan error, 1)
	go func() { // waited for below
		for {
			if _, err := session.Pull(context.Background()); err != nil {
				waiting <- err
				return
			}
		}
	}()
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	<-waiting
}

func applyTwice(t *testing.T, s *suite) {
	if _, err := s.Source.Apply(t.Context(), s.applyRequest()); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Source.Apply(t.Context(), s.applyRequest()); err != nil || again.Action != "" {
		t.Fatalf("a second apply does %q: %v", again.Action, err)
	}
}

func discoversWhatItTakes(t *testing.T, s *suite) {
	d, ok := s.Source.(sources.Discoverer)
	if !ok {
		t.Log("does not apply: the source discovers nothing")
		return
	}
	r := sources.DiscoverRequest{Config: s.Config, DataDir: s.DataDir}
	found, err := d.Discover(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, b := range found.Bindings {
		if b.Name == "" || names[b.Name] {
			t.Errorf("the name %q is empty or that of another", b.Name)
		}
		names[b.Name] = true
		for _, ptr := range b.Key {
			if _, err := document.ParsePointer(ptr); err != nil || ptr == "" {
				t.Errorf("%s: key %q is no pointer into the document: %v", b.Name, ptr, err)
			}
		}
		if _, err := schema.Compile(schema.Source{URL: "schema.json", Resources: map[string]json.RawMessage{"schema.json": b.Schema}}); err != nil {
			t.Errorf("%s: schema: %v", b.Name, err)
		}
		v := s.validateRequest()
		v.Bindings = []sources.Binding{{Resource: b.Resource, Collection: sources.Collection{Name: "acmeCo/found", Key: b.Key, Schema: b.Schema}}}
		validated, err := s.Source.Validate(t.Context(), v)
		if err != nil {
			t.Errorf("%s: its resource is refused: %v", b.Name, err)
			continue
		}
		if !slices.Equal(validated.Bindings[0].ResourcePath, b.ResourcePath) {
			t.Errorf("%s: resource path %q, validated as %q", b.Name, b.ResourcePath, validated.Bindings[0].ResourcePath)
		}
	}
}

func configurationIsStrict(t *testing.T, s *suite) {
	spec := s.Source.Spec()
	if !json.Valid(spec.ConfigSchema) || !json.Valid(spec.ResourceSchema) {
		t.Errorf("a schema of the spec is no JSON")
	}
	for what, broken := range s.brokenRequests() {
		if _, err := s.Source.Validate(t.Context(), broken); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

// brokenRequests are requests that no source takes.
func (s *suite) brokenRequests() map[string]sources.ValidateRequest {
	out := map[string]sources.ValidateRequest{}
	for what, config := range map[string]json.RawMessage{
		"a config with an unknown property": withMember(s.Config, `"nosuch":1`),
		"a config that is a list":           json.RawMessage(`[]`),
	} {
		r := s.validateRequest()
		r.Config = config
		out[what] = r
	}
	for what, resource := range map[string]json.RawMessage{
		"a resource with an unknown property": withMember(s.Bindings[0].Resource, `"nosuch":1`),
		"a resource that is a list":           json.RawMessage(`[]`),
	} {
		r := s.validateRequest()
		r.Bindings = slices.Clone(s.Bindings)
		r.Bindings[0].Resource = resource
		out[what] = r
	}
	twice := s.validateRequest()
	twice.Bindings = append(slices.Clone(s.Bindings), s.Bindings[0])
	out["a resource in two bindings"] = twice
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
	for what, broken := range s.brokenRequests() {
		_, err := s.Source.Validate(t.Context(), broken)
		show("validate of "+what, err)
		_, err = s.Source.Apply(t.Context(), sources.ApplyRequest{Task: task, Config: broken.Config, DataDir: broken.DataDir, Bindings: broken.Bindings})
		show("apply of "+what, err)
		session, err := s.Source.Open(t.Context(), sources.OpenRequest{Task: task, Shard: "0-1", Config: broken.Config, DataDir: broken.DataDir, Bindings: broken.Bindings})
		show("open of "+what, err)
		if err == nil {
			session.Close()
		}
	}
	if s.Unreachable == nil {
		return
	}
	s.Config = s.Unreachable
	_, err := s.Source.Validate(t.Context(), s.validateRequest())
	show("validate", err)
	if err == nil {
		_, err = s.Source.Apply(t.Context(), s.applyRequest())
		show("apply", err)
	}
	if err == nil {
		var session sources.Session
		if session, err = s.Source.Open(t.Context(), s.openRequest(nil)); err == nil {
			session.Close()
		}
		show("open", err)
	}
	if !errors.Is(err, sources.ErrTransient) {
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
