package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/connector"
)

// helperVariable makes this test's binary a connector, of the kind it names.
const helperVariable = "CAPTURE_HELPER"

func TestMain(m *testing.M) {
	if kind := os.Getenv(helperVariable); kind != "" {
		h := &helper{kind: kind, in: bufio.NewReader(os.Stdin), out: bufio.NewWriter(os.Stdout)}
		if err := h.run(); err != nil {
			text, _ := json.Marshal(map[string]string{"level": "fatal", "msg": err.Error()})
			fmt.Fprintln(os.Stderr, string(text))
			os.Exit(h.code)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helper is a capture connector: lines of files, of which its state counts how
// many it has given.
type helper struct {
	kind string // ends: it ends when there is no more, and its states are whole; else they are patches
	in   *bufio.Reader
	out  *bufio.Writer
	code int
}

type helperConfig struct {
	Directory string `json:"directory"`
	Password  string `json:"password"`
	Down      bool   `json:"down"`
	Hang      string `json:"hang"` // at the request of this name
}

const helperConfigSchema = `{"type":"object","required":["directory"],"additionalProperties":false,"properties":{
	"directory":{"type":"string"},"password":{"type":"string","secret":true},"down":{"type":"boolean"},"hang":{"type":"string"}}}`

const helperResourceSchema = `{"type":"object","required":["file"],"additionalProperties":false,"properties":{"file":{"type":"string"}}}`

type helperResource struct {
	File string `json:"file"`
}

func (h *helper) say(r connector.CaptureResponse) {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	h.out.Write(append(text, '\n'))
	if r.Captured == nil {
		h.out.Flush()
	}
}

func (h *helper) fail(code int, format string, args ...any) error {
	h.code = code
	return fmt.Errorf(format, args...)
}

func (h *helper) run() error {
	for {
		line, err := h.in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		var r connector.CaptureRequest
		if err := json.Unmarshal(line, &r); err != nil {
			return h.fail(64, "request: %v", err)
		}
		if err := h.answer(&r); err != nil {
			return err
		}
	}
}

func (h *helper) answer(r *connector.CaptureRequest) error {
	switch {
	case r.Spec != nil:
		h.say(connector.CaptureResponse{Spec: &connector.Spec{Protocol: connector.Version, ConfigSchema: json.RawMessage(helperConfigSchema), ResourceConfigSchema: json.RawMessage(helperResourceSchema)}})
	case r.Discover != nil:
		return h.discover(r.Discover.Config)
	case r.Validate != nil:
		if _, err := h.config(r.Validate.Config, "validate"); err != nil {
			return err
		}
		v := &connector.CaptureValidated{}
		for _, b := range r.Validate.Bindings {
			var res helperResource
			if err := json.Unmarshal(b.ResourceConfig, &res); err != nil {
				return h.fail(78, "resource: %v", err)
			}
			v.Bindings = append(v.Bindings, connector.CaptureValidatedBinding{ResourcePath: []string{res.File}})
		}
		h.say(connector.CaptureResponse{Validated: v})
	case r.Apply != nil:
		if _, err := h.config(r.Apply.Capture.Config, "apply"); err != nil {
			return err
		}
		h.say(connector.CaptureResponse{Applied: &connector.Applied{}})
	case r.Open != nil:
		err := h.capture(r.Open)
		if err == nil {
			os.Exit(0)
		}
		return err
	default:
		return h.fail(64, "an unexpected request")
	}
	return nil
}

func (h *helper) config(text json.RawMessage, step string) (c helperConfig, err error) {
	if err := json.Unmarshal(text, &c); err != nil {
		return c, h.fail(78, "config: %v", err)
	}
	if c.Hang == step {
		select {}
	}
	if c.Down && step != "validate" {
		return c, h.fail(1, "cannot reach the source with password %s", c.Password)
	}
	return c, nil
}

func (h *helper) discover(config json.RawMessage) error {
	c, err := h.config(config, "discover")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(c.Directory, "*"))
	if err != nil {
		return h.fail(1, "%v", err)
	}
	d := &connector.Discovered{}
	for _, file := range files {
		name := filepath.Base(file)
		resource, _ := json.Marshal(helperResource{name})
		d.Bindings = append(d.Bindings, connector.DiscoveredBinding{RecommendedName: name, ResourceConfig: resource, DocumentSchema: json.RawMessage(`{"type":"object"}`), Key: []string{"/n"}, ResourcePath: []string{name}})
	}
	h.say(connector.CaptureResponse{Discovered: d})
	return nil
}

// capture gives what files hold, two lines at a time, and looks for more.
func (h *helper) capture(open *connector.CaptureOpen) error {
	c, err := h.config(open.Capture.Config, "open")
	if err != nil {
		return err
	}
	done := map[string]int{}
	if err := json.Unmarshal(open.State, &done); err != nil {
		return h.fail(65, "state: %v", err)
	}
	h.say(connector.CaptureResponse{Opened: &connector.CaptureOpened{ExplicitAcknowledgements: true}})
	sent := make(chan int, 1000)
	go h.acknowledged(sent)
	for {
		any := false
		for i, b := range open.Capture.Bindings {
			given, err := h.give(c.Directory, i, b, done[b.StateKey])
			if err != nil {
				return err
			}
			if given == 0 {
				continue
			}
			any = true
			done[b.StateKey] += given
			state := &connector.ConnectorState{MergePatch: h.kind != "ends"}
			if state.Updated, err = json.Marshal(map[string]int{b.StateKey: done[b.StateKey]}); h.kind == "ends" {
				state.Updated, err = json.Marshal(done)
			}
			if err != nil {
				return err
			}
			sent <- 1
			h.say(connector.CaptureResponse{Checkpoint: &connector.CaptureCheckpoint{State: state}})
		}
		if !any && h.kind == "ends" {
			return nil
		}
		if !any {
			<-time.After(2 * time.Millisecond) // a connector that looks for more
		}
	}
}

// acknowledged ends the program with its input, and when more is acknowledged
// than was sent.
func (h *helper) acknowledged(sent <-chan int) {
	for {
		line, err := h.in.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var r connector.CaptureRequest
		if err := json.Unmarshal(line, &r); err != nil || r.Acknowledge == nil {
			fmt.Fprintln(os.Stderr, "no acknowledge")
			os.Exit(64)
		}
		for range r.Acknowledge.Checkpoints {
			select {
			case <-sent:
			default:
				fmt.Fprintln(os.Stderr, "more is acknowledged than was sent")
				os.Exit(64)
			}
		}
	}
}

func (h *helper) give(directory string, binding int, b connector.CaptureBinding, from int) (int, error) {
	text, err := os.ReadFile(filepath.Join(directory, b.ResourcePath[0]))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, h.fail(1, "%v", err)
	}
	lines := bytes.Split(text, []byte("\n"))
	lines = lines[min(from, len(lines)-1) : len(lines)-1] // the last one has no end
	n := min(len(lines), 2)
	for _, line := range lines[:n] {
		if !json.Valid(line) { // as connectors do that write documents as they are
			fmt.Fprintf(h.out, `{"captured":{"binding":%d,"doc":%s}}`+"\n", binding, line)
			continue
		}
		h.say(connector.CaptureResponse{Captured: &connector.Captured{Binding: binding, Doc: line}})
	}
	return n, nil
}

// endpoint is the configuration of an endpoint that this binary serves.
func endpoint(t *testing.T, kind string, config helperConfig) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"command": []string{os.Args[0], "-test.run=^$"}, "config": config, "env": map[string]string{helperVariable: kind}, "dir": t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return json.RawMessage(strings.ReplaceAll(string(text), `,"hang":""`, ""))
}
