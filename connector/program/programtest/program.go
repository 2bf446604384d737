// Package programtest makes a test's own binary a connector that speaks the
// protocol on its standard streams.
package programtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
)

// variable makes a test's binary a connector, of the kind it names.
const variable = "CONNECTOR_KIND"

// Program is a connector as a process of its own.
type Program struct {
	Kind string
	In   *bufio.Reader
	Out  *bufio.Writer

	code int
}

// Config is what its endpoint is configured with.
type Config struct {
	Directory string `json:"directory"`
	Password  string `json:"password"`
	Down      bool   `json:"down"`
	Hang      string `json:"hang,omitempty"` // at the request of this name
}

// ConfigSchema is that of Config.
const ConfigSchema = `{"type":"object","required":["directory"],"additionalProperties":false,"properties":{
	"directory":{"type":"string"},"password":{"type":"string","secret":true},"down":{"type":"boolean"},"hang":{"type":"string"}}}`

// Main is a package's TestMain: it runs the connector where [Endpoint] asked for
// one, and the tests elsewhere.
func Main(m *testing.M, run func(*Program) error) {
	kind := os.Getenv(variable)
	if kind == "" {
		os.Exit(m.Run())
	}
	p := &Program{Kind: kind, In: bufio.NewReaderSize(os.Stdin, 1<<20), Out: bufio.NewWriter(os.Stdout), code: 1}
	if err := run(p); err != nil {
		text, _ := json.Marshal(map[string]string{"level": "fatal", "msg": err.Error()})
		fmt.Fprintln(os.Stderr, string(text))
		os.Exit(p.code)
	}
	os.Exit(0)
}

// Endpoint is the configuration of an endpoint that this binary serves.
func Endpoint(t testing.TB, kind string, config Config) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"command": []string{os.Args[0], "-test.run=^$"}, "config": config, "env": map[string]string{variable: kind}, "dir": t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Answer answers requests until there are no more.
func Answer[Request any](p *Program, answer func(*Request) error) error {
	for {
		line, err := p.In.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		var r Request
		if err := json.Unmarshal(line, &r); err != nil {
			return p.Fail(64, "request: %v", err)
		}
		if err := answer(&r); err != nil {
			return err
		}
	}
}

// Write writes a response, without flushing it.
func (p *Program) Write(response any) {
	text, err := json.Marshal(response)
	if err == nil {
		_, err = p.Out.Write(append(text, '\n'))
	}
	if err != nil {
		panic(err) // it is ours, and who reads it is there
	}
}

// Fail is an error that ends the program with an exit code.
func (p *Program) Fail(code int, format string, args ...any) error {
	p.code = code
	return fmt.Errorf(format, args...)
}

// Configure reads a configuration, and does at a step what it says.
func (p *Program) Configure(text json.RawMessage, step string) (c Config, err error) {
	if err := json.Unmarshal(text, &c); err != nil {
		return c, p.Fail(78, "config: %v", err)
	}
	if c.Hang == step {
		select {}
	}
	if c.Down && step != "validate" {
		return c, p.Fail(1, "cannot reach the endpoint with password %s", c.Password)
	}
	return c, nil
}
