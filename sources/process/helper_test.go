package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weir/connector"
	"weir/connector/program/programtest"
)

func TestMain(m *testing.M) {
	programtest.Main(m, func(p *programtest.Program) error {
		h := &helper{Program: p}
		return programtest.Answer(p, h.answer)
	})
}

// helper is a capture connector: lines of files, of which its state counts how
// many it has given. Of the kind ends, it ends when there is no more, and its
// states are whole; else they are patches.
type helper struct{ *programtest.Program }

const helperResourceSchema = `{"type":"object","required":["file"],"additionalProperties":false,"properties":{"file":{"type":"string"}}}`

type helperResource struct {
	File string `json:"file"`
}

func (h *helper) say(r connector.CaptureResponse) {
	h.Write(r)
	if r.Captured == nil {
		h.Out.Flush()
	}
}

func (h *helper) answer(r *connector.CaptureRequest) error {
	switch {
	case r.Spec != nil:
		h.say(connector.CaptureResponse{Spec: &connector.Spec{Protocol: connector.Version, ConfigSchema: json.RawMessage(programtest.ConfigSchema), ResourceConfigSchema: json.RawMessage(helperResourceSchema)}})
	case r.Discover != nil:
		return h.discover(r.Discover.Config)
	case r.Validate != nil:
		if _, err := h.Configure(r.Validate.Config, "validate"); err != nil {
			return err
		}
		v := &connector.CaptureValidated{}
		for _, b := range r.Validate.Bindings {
			var res helperResource
			if err := json.Unmarshal(b.ResourceConfig, &res); err != nil {
				return h.Fail(78, "resource: %v", err)
			}
			v.Bindings = append(v.Bindings, connector.CaptureValidatedBinding{ResourcePath: []string{res.File}})
		}
		h.say(connector.CaptureResponse{Validated: v})
	case r.Apply != nil:
		if _, err := h.Configure(r.Apply.Capture.Config, "apply"); err != nil {
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
		return h.Fail(64, "an unexpected request")
	}
	return nil
}

func (h *helper) discover(config json.RawMessage) error {
	c, err := h.Configure(config, "discover")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(c.Directory, "*"))
	if err != nil {
		return h.Fail(1, "%v", err)
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
	c, err := h.Configure(open.Capture.Config, "open")
	if err != nil {
		return err
	}
	done := map[string]int{}
	if err := json.Unmarshal(open.State, &done); err != nil {
		return h.Fail(65, "state: %v", err)
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
			state := &connector.ConnectorState{MergePatch: h.Kind != "ends"}
			if state.Updated, err = json.Marshal(map[string]int{b.StateKey: done[b.StateKey]}); h.Kind == "ends" {
				state.Updated, err = json.Marshal(done)
			}
			if err != nil {
				return err
			}
			sent <- 1
			h.say(connector.CaptureResponse{Checkpoint: &connector.CaptureCheckpoint{State: state}})
		}
		if !any && h.Kind == "ends" {
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
		line, err := h.In.ReadBytes('\n')
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
		return 0, h.Fail(1, "%v", err)
	}
	lines := bytes.Split(text, []byte("\n"))
	lines = lines[min(from, len(lines)-1) : len(lines)-1] // the last one has no end
	n := min(len(lines), 2)
	for _, line := range lines[:n] {
		if !json.Valid(line) { // as connectors do that write documents as they are
			fmt.Fprintf(h.Out, `{"captured":{"binding":%d,"doc":%s}}`+"\n", binding, line)
			continue
		}
		h.say(connector.CaptureResponse{Captured: &connector.Captured{Binding: binding, Doc: line}})
	}
	return n, nil
}
