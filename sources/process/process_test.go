package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/connector/program"
	"weir/connector/program/programtest"
	"weir/sources"
	"weir/sources/sourcestest"
)

func TestConformance(t *testing.T) {
	for _, kind := range []string{"patches", "ends"} {
		t.Run(kind, func(t *testing.T) {
			sourcestest.Conformance(t, func(t *testing.T) sourcestest.Harness { return harness(t, kind) })
		})
	}
}

func harness(t *testing.T, kind string) sourcestest.Harness {
	dir := t.TempDir()
	files := []string{"a", "empty", "b"}
	h := sourcestest.Harness{
		Source:      New(false),
		Config:      programtest.Endpoint(t, kind, programtest.Config{Directory: dir, Password: "canary"}),
		Documents:   [][]string{{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`, `{"n":5}`}, nil, {`{"n":1}`}},
		More:        [][]string{{`{"n":6}`}, {`{"n":1}`}},
		Secret:      "canary",
		Unreachable: programtest.Endpoint(t, kind, programtest.Config{Directory: dir, Password: "canary", Down: true}),
		Big:         func(size int) string { return fmt.Sprintf(`{"n":7,"v":"%s"}`, strings.Repeat("x", size)) },
	}
	h.Bring = func(_ context.Context, binding int, doc string) error {
		f, err := os.OpenFile(filepath.Join(dir, files[binding]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = f.WriteString(doc + "\n")
		return errors.Join(err, f.Close())
	}
	h.Bad = func(t *testing.T) string {
		if err := h.Bring(t.Context(), 0, "{bad-line}"); err != nil {
			t.Fatal(err)
		}
		return "bad-line"
	}
	for i, file := range files {
		h.Bindings = append(h.Bindings, sources.Binding{
			Resource:   json.RawMessage(fmt.Sprintf(`{"file":%q}`, file)),
			Collection: sources.Collection{Name: "acmeCo/" + file, Key: []string{"/n"}, Schema: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}}}`)},
		})
		for _, doc := range h.Documents[i] {
			if err := h.Bring(t.Context(), i, doc); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// TestErrors: what is wrong with a connector, its error says.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	local := func(members string) json.RawMessage {
		return json.RawMessage(`{"dir":` + quote(t, dir) + `,` + members + `}`)
	}
	say := func(line string) json.RawMessage {
		return local(`"command":["sh","-c",` + quote(t, "read line; "+line) + `]`)
	}
	const spec = `echo '{"spec":{"protocol":3032023,"configSchema":{"type":"object"},"resourceConfigSchema":{"type":"object","required":["name"]}}}'; read line; `
	for _, c := range []struct {
		config json.RawMessage
		want   string
	}{
		{local(`"command":["no-such-program"]`), `program no-such-program of the connector was not found: install it`},
		{json.RawMessage(`{"command":["sh"],"dir":"/no/such/directory"}`), `the directory /no/such/directory, which the connector is started in, is not on this machine`},
		{local(`"command":["` + dir + `/"]`), `connector`},
		{local(`"command":[]`), `command is missing`},
		{local(`"comand":["sh"]`), `unknown field "comand"`},
		{local(`"command":["sh"],"config":[]`), `config must be an object`},
		{local(`"command":["sh"],"env":{"A=B":"c"}`), `"A=B" is no name of a variable`},
		{say(`echo hello`), `no message of the protocol: invalid character 'h' looking for beginning of value: hello`},
		{say(`echo '{"opened":{}}'`), `it was asked for its spec, and answers with something else`},
		{say(`echo '{"spec":{"protocol":1}}'`), `speaks version 1 of the protocol`},
		{say(`echo oops >&2; exit 3`), `the connector ended with exit status 3: oops`},
		{say(`echo '{"level":"fatal","msg":"cannot start","error":"no disk"}' >&2; echo bye >&2; exit 1`), `exit status 1: cannot start: no disk`},
		{say(`kill -9 $$`), `the connector ended with signal: killed and said nothing on standard error`},
		{say(`exit 0`), `the connector ended instead of answering spec`},
		{say(spec + `echo '{"applied":{}}'`), `the connector answers validate with another message`},
		{say(spec + `echo '{"validated":{"bindings":[]}}'`), `answered for 0 bindings of 1`},
		{say(spec + `echo '{"validated":{"bindings":[{"resourcePath":[]}]}}'`), `gives binding 0 (acmeCo/a) no resource path`},
	} {
		r := sources.ValidateRequest{Task: "acmeCo/in", Config: c.config, Bindings: []sources.Binding{{Resource: json.RawMessage(`{"name":"a"}`), Collection: sources.Collection{Name: "acmeCo/a", Key: []string{"/n"}}}}}
		if _, err := New(false).Validate(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, sources.ErrTransient) {
			t.Errorf("%s:\n got %v\nwant %s", c.config, err, c.want)
		}
	}
	_, err := New(true).Validate(t.Context(), sources.ValidateRequest{Config: say("exit 1")})
	if !errors.Is(err, program.ErrForbidden) {
		t.Errorf("forbidden: %v", err)
	}
}

func quote(t *testing.T, s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestHanging breaks off each step at a connector that does not answer.
func TestHanging(t *testing.T) {
	for _, step := range []string{"discover", "validate", "apply", "open"} {
		h := harness(t, "patches")
		h.Config = programtest.Endpoint(t, "patches", programtest.Config{Directory: t.TempDir(), Hang: step})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- askFor(ctx, h, step) }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", step, err)
		}
	}
}

func askFor(ctx context.Context, h sourcestest.Harness, step string) (err error) {
	s := New(false)
	switch step {
	case "discover":
		_, err = s.Discover(ctx, sources.DiscoverRequest{Config: h.Config})
	case "validate":
		_, err = s.Validate(ctx, sources.ValidateRequest{Task: "acmeCo/in", Config: h.Config, Bindings: h.Bindings})
	case "apply":
		_, err = s.Apply(ctx, sources.ApplyRequest{Task: "acmeCo/in", Config: h.Config, Bindings: h.Bindings})
	default:
		_, err = s.Open(ctx, sources.OpenRequest{Task: "acmeCo/in", Shard: "0-1", Config: h.Config, Bindings: h.Bindings})
	}
	return err
}

// TestEnds tells a program that has nothing more now from one that left
// documents behind its last checkpoint, and from one that failed.
func TestEnds(t *testing.T) {
	const begin = `read s; echo '{"spec":{"protocol":3032023,"configSchema":{},"resourceConfigSchema":{}}}'; read v; echo '{"validated":{"bindings":[{"resourcePath":["a"]}]}}'; read o; echo '{"opened":{}}'; `
	const doc, checkpoint = `echo '{"captured":{"doc":{"n":1}}}'; `, `echo '{"checkpoint":{"state":{"updated":{"n":1}}}}'; `
	for script, want := range map[string]string{
		doc + checkpoint:                                      "EOF",
		doc + checkpoint + doc:                                "the connector ended with 1 documents behind its last checkpoint",
		doc + checkpoint + `echo gone >&2; exit 1`:            "transient: the connector ended with exit status 1: gone",
		doc + checkpoint + `echo bad >&2; exit 65`:            "the connector ended with exit status 65: bad",
		`echo '{"captured":{"binding":1,"doc":{}}}'; sleep 9`: "the connector names binding 1, but there are 1",
		`echo '{"opened":{}}'; sleep 9`:                       "a session has only captured, sourcedSchema and checkpoint",
	} {
		config := json.RawMessage(`{"command":["sh","-c",` + quote(t, begin+script) + `]}`)
		session, err := New(false).Open(t.Context(), sources.OpenRequest{Task: "acmeCo/in", Shard: "0-1", Config: config, Bindings: []sources.Binding{{Resource: json.RawMessage(`{}`), Collection: sources.Collection{Name: "acmeCo/a", Key: []string{"/n"}}, StateKey: "a.v0"}}})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = session.Pull(t.Context())
		}
		session.Close()
		got := err.Error()
		if errors.Is(err, sources.ErrTransient) {
			got = "transient: " + got
		}
		if !strings.Contains(got, want) || err != io.EOF && want == "EOF" {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
}
