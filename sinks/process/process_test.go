package process

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/connector/program/programtest"
	"weir/sinks"
	"weir/sinks/sinkstest"
)

func TestConformance(t *testing.T) {
	for _, kind := range []string{"exactly", "staged"} {
		t.Run(kind, func(t *testing.T) {
			sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness { return harness(t, kind) })
		})
	}
}

func harness(t *testing.T, kind string) sinkstest.Harness {
	dir := t.TempDir()
	return sinkstest.Harness{
		Sink:        New(false),
		Config:      programtest.Endpoint(t, kind, programtest.Config{Directory: dir, Password: "canary"}),
		AtLeastOnce: kind != "exactly",
		Secret:      "canary",
		Unreachable: programtest.Endpoint(t, kind, programtest.Config{Directory: dir, Password: "canary", Down: true}),
		Resource: func(name string, delta bool) json.RawMessage {
			text, _ := json.Marshal(helperResource{name, delta})
			return text
		},
		Documents: func(t *testing.T, name string) (docs []string) {
			db, err := readDatabase(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, doc := range append(slices.Collect(maps.Values(db.Resources[name].Rows)), db.Resources[name].Changes...) {
				docs = append(docs, string(doc))
			}
			return docs
		},
		Refuse: func(t *testing.T, _, doc string) {
			if err := os.WriteFile(filepath.Join(dir, "refused"), []byte(doc), 0o644); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// TestHanging breaks off steps at a connector that does not answer.
func TestHanging(t *testing.T) {
	for _, step := range []string{"validate", "apply", "open"} {
		config := programtest.Endpoint(t, "staged", programtest.Config{Directory: t.TempDir(), Hang: step})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			var err error
			switch step {
			case "validate":
				_, err = New(false).Validate(ctx, sinks.ValidateRequest{Task: "acmeCo/out", Config: config})
			case "apply":
				_, err = New(false).Apply(ctx, sinks.ApplyRequest{Task: "acmeCo/out", Config: config})
			default:
				_, _, err = New(false).Open(ctx, sinks.OpenRequest{Task: "acmeCo/out", Shard: "0-1", Config: config})
			}
			ended <- err
		}()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", step, err)
		}
	}
}

// TestAgainstTheProtocol: a connector that says what it must not at that time
// is told so.
func TestAgainstTheProtocol(t *testing.T) {
	const begin = `read s; echo '{"spec":{"protocol":3032023,"configSchema":{},"resourceConfigSchema":{}}}'; read o; echo '{"opened":{}}'; read a; echo '{"acknowledged":{}}'; `
	for script, want := range map[string]string{
		`read f; echo '{"loaded":{"doc":{"id":1}}}'; sleep 9`:                                                 "there are 0 bindings",
		`read f; echo '{"startedCommit":{}}'; sleep 9`:                                                        "only loaded and flushed may follow flush",
		`read f; echo '{"flushed":{}}'; read c; echo '{"flushed":{}}'; sleep 9`:                               "it is no answer to startCommit",
		`read f; echo '{"flushed":{}}'; exit 0`:                                                               "the connector ended",
		`read f; echo '{"flushed":{}}'; read c; echo '{"startedCommit":{}}'; read a; echo '{"x":1}'; sleep 9`: "it has 0 of the members",
		`read f; echo '{"flushed":{}}'; read c; echo nobody >&2; exit 1`:                                      "exit status 1: nobody",
	} {
		text, _ := json.Marshal(map[string]any{"command": []string{"sh", "-c", begin + script}})
		session, _, err := New(false).Open(t.Context(), sinks.OpenRequest{Task: "acmeCo/out", Shard: "0-1", Config: text})
		if err != nil {
			t.Fatal(err)
		}
		err = session.Commit(t.Context(), []byte("one"))
		session.Close()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", script, err, want)
		}
	}
}
