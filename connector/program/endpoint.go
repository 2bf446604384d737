package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"weir/connector"
	"weir/schema"
)

// ErrForbidden is what there is instead of programs where they are switched
// off.
var ErrForbidden = errors.New("local connectors are switched off here (WEIR_NO_LOCAL is set): a catalog's endpoint.local would run programs on this machine")

// A Limit is how long a program may take for a step.
type Limit struct {
	Step string
	For  time.Duration
}

// The limits of steps. Where the answer is a question of how much there is at
// the endpoint, they are long.
var (
	specLimit     = Limit{"spec", 30 * time.Second}
	ValidateLimit = Limit{"validate", 2 * time.Minute}
	DiscoverLimit = Limit{"discover", 10 * time.Minute}
	ApplyLimit    = Limit{"apply", 10 * time.Minute}
	OpenLimit     = Limit{"open", 10 * time.Minute}
)

// ConfigSchema describes the configuration of an endpoint of kind local.
const ConfigSchema = `{
  "type": "object",
  "title": "Local connector",
  "required": ["command"],
  "additionalProperties": false,
  "properties": {
    "command": {
      "type": "array",
      "items": { "type": "string" },
      "minItems": 1,
      "title": "Command",
      "description": "The program and its arguments. It is started in the directory of the catalog's file, without a shell."
    },
    "config": {
      "type": "object",
      "default": {},
      "title": "Configuration",
      "description": "What the connector is configured with: it is told on its standard input, never by arguments or environment. The connector's own spec says what belongs here."
    },
    "env": {
      "type": "object",
      "additionalProperties": { "type": "string" },
      "default": {},
      "title": "Environment",
      "description": "Environment variables of the program, beside PATH, HOME, TMPDIR and LANG. They are no place for secrets: other users of the machine may see them."
    },
    "dir": {
      "type": "string",
      "title": "Directory",
      "description": "The absolute directory that the program is started in. The catalog's loader sets it."
    }
  }
}`

// ResourceSchema describes the resources of an endpoint of kind local.
const ResourceSchema = `{
  "type": "object",
  "title": "Resource of a local connector",
  "description": "As the connector's own spec says."
}`

// Endpoint is the configuration of an endpoint of kind local.
type Endpoint struct {
	Command []string          `json:"command"`
	Config  json.RawMessage   `json:"config"`
	Env     map[string]string `json:"env"`
	Dir     string            `json:"dir"`
}

// ParseEndpoint reads an endpoint's configuration.
func ParseEndpoint(text json.RawMessage) (*Endpoint, error) {
	var e Endpoint
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return nil, fmt.Errorf("endpoint.local: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if len(e.Command) == 0 || e.Command[0] == "" {
		return nil, errors.New("endpoint.local: command is missing: name the program and its arguments, as in { command: [python3, connector.py] }")
	}
	for name, value := range e.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("endpoint.local: env: %q is no name of a variable, or its value holds a NUL character", name)
		}
	}
	if len(e.Config) == 0 {
		e.Config = json.RawMessage(`{}`)
	}
	if trimmed := bytes.TrimSpace(e.Config); trimmed[0] != '{' {
		return nil, errors.New("endpoint.local: config must be an object")
	}
	return &e, nil
}

// Start starts the endpoint's program. Until its spec is known, every string
// of the configuration is taken for a secret.
func (e *Endpoint) Start(secrets []string, log *zap.Logger) (*Program, error) {
	return Start(Command{Args: e.Command, Dir: e.Dir, Env: e.Env, Secrets: secrets, Log: log})
}

// Dialog is a program that answers requests, one at a time.
type Dialog struct {
	*Program
	Spec    connector.Spec
	Secrets []string
}

// Begin starts the program of a configuration, asks it for its spec, which kind
// decodes, and checks the configuration by it.
func Begin(ctx context.Context, config json.RawMessage, log *zap.Logger, kind func(line []byte) (*connector.Spec, error)) (*Endpoint, *Dialog, error) {
	e, err := ParseEndpoint(config)
	if err != nil {
		return nil, nil, err
	}
	d, err := e.Begin(ctx, log, kind)
	if err != nil {
		return nil, nil, err
	}
	if err := d.CheckConfig(e); err != nil {
		d.Stop()
		return nil, nil, err
	}
	return e, d, nil
}

// Begin starts the program and asks it for its spec, which kind decodes.
func (e *Endpoint) Begin(ctx context.Context, log *zap.Logger, kind func(line []byte) (*connector.Spec, error)) (*Dialog, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := e.Start(strs(e.Config, nil), log)
	if err != nil {
		return nil, err
	}
	d := &Dialog{Program: p}
	if err := d.spec(ctx, e, kind); err != nil {
		p.Stop()
		return nil, err
	}
	return d, nil
}

func (d *Dialog) spec(ctx context.Context, e *Endpoint, kind func(line []byte) (*connector.Spec, error)) error {
	request := map[string]any{"spec": connector.SpecRequest{ConnectorType: "LOCAL", Config: json.RawMessage(`{}`)}}
	line, err := d.Ask(ctx, specLimit, request)
	if err != nil {
		return err
	}
	spec, err := kind(line)
	if err == nil && spec == nil {
		err = &connector.MessageError{Line: string(line[:min(len(line), 200)]), Reason: "it was asked for its spec, and answers with something else"}
	}
	if err == nil {
		err = spec.Check()
	}
	if err != nil {
		return err
	}
	d.Spec = *spec
	d.Secrets = secretsOf(e.Config, spec.ConfigSchema)
	d.logs.reveal(d.Secrets)
	return nil
}

// Ask sends a request and waits for one line, for as long as the limit says.
func (p *Program) Ask(ctx context.Context, limit Limit, request any) ([]byte, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", limit.Step, err)
	}
	within, cancel := context.WithTimeout(ctx, limit.For)
	defer cancel()
	if err = p.Send(within, append(text, '\n'), nil); err == nil {
		var line []byte
		if line, err = p.Receive(within); err == nil {
			return line, nil
		}
	}
	return nil, limit.explain(ctx, err)
}

// TimeoutError is a program that did not answer in time.
type TimeoutError struct{ Limit Limit }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the connector did not answer %s within %s", e.Limit.Step, e.Limit.For)
}

// explain says of the error of a step what it is.
func (l Limit) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return &TimeoutError{l}
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the connector ended instead of answering %s: it must read requests until its standard input ends", l.Step)
	}
	return err
}

// Passes says whether an error of a program may pass by itself: it ended, or
// did not answer. What is against the protocol stays.
func Passes(err error) bool {
	var (
		exit    *ExitError
		timeout *TimeoutError
	)
	return errors.As(err, &exit) && exit.Passes() || errors.As(err, &timeout)
}

// CheckConfig checks the endpoint's configuration against the connector's
// schema.
func (d *Dialog) CheckConfig(e *Endpoint) error {
	return d.check("endpoint.local.config", e.Config, d.Spec.ConfigSchema)
}

// CheckResource checks a binding's resource against the connector's schema.
func (d *Dialog) CheckResource(resource json.RawMessage) error {
	return d.check("resource", resource, d.Spec.ResourceConfigSchema)
}

func (d *Dialog) check(what string, value, by json.RawMessage) error {
	s, err := schema.Compile(schema.Source{URL: "spec.json", Resources: map[string]json.RawMessage{"spec.json": by}})
	if err != nil {
		return fmt.Errorf("the connector's spec has a schema that is none, for %s: %w", what, err)
	}
	var all []string
	for _, v := range s.Explain(value) {
		all = append(all, fmt.Sprintf("%s%s: %s", what, v.Pointer, v.Message))
	}
	if len(all) > 0 {
		return errors.New(redactor(d.Secrets).Text(strings.Join(all, "; ")))
	}
	return nil
}

// Safe gives an error of the program without the secrets of its configuration.
func (d *Dialog) Safe(err error) error { return Safe(err, d.Secrets) }

// Safe gives an error without secrets in its text.
func Safe(err error, values []string) error { return redactor(values).Error(err) }

// secretsOf gives the values of a configuration that its schema calls secret,
// and those whose name does.
func secretsOf(config, by json.RawMessage) []string {
	names := map[string]bool{}
	var s any
	if json.Unmarshal(by, &s) == nil {
		secretNames(s, names)
	}
	return strs(config, func(name string) bool {
		if names[name] {
			return true
		}
		lower := strings.ToLower(name)
		return slices.ContainsFunc([]string{"password", "passwd", "secret", "token", "credential", "private_key", "privatekey", "api_key", "apikey"}, func(word string) bool {
			return strings.Contains(lower, word)
		})
	})
}

// secretNames gathers the names of properties with secret: true.
func secretNames(s any, names map[string]bool) {
	switch s := s.(type) {
	case []any:
		for _, v := range s {
			secretNames(v, names)
		}
	case map[string]any:
		if properties, ok := s["properties"].(map[string]any); ok {
			for name, v := range properties {
				if of, ok := v.(map[string]any); ok && (of["secret"] == true || of["airbyte_secret"] == true) {
					names[name] = true
				}
			}
		}
		for _, v := range s {
			secretNames(v, names)
		}
	}
}

// strs gives the strings of a JSON value that stand under a name that is
// wanted, at any depth; nil: all.
func strs(text json.RawMessage, wanted func(name string) bool) []string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	found := map[string]bool{}
	var walk func(v any, in bool)
	walk = func(v any, in bool) {
		switch v := v.(type) {
		case string:
			if in {
				found[v] = true
			}
		case []any:
			for _, e := range v {
				walk(e, in)
			}
		case map[string]any:
			for name, e := range v {
				walk(e, in || wanted(name))
			}
		}
	}
	if wanted == nil {
		wanted = func(string) bool { return true }
	}
	walk(v, false)
	return slices.Sorted(maps.Keys(found))
}
