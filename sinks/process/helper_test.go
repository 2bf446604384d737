package process

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/connector"
)

// helperVariable makes this test's binary a connector, of the kind it names.
const helperVariable = "MATERIALIZE_HELPER"

func TestMain(m *testing.M) {
	if kind := os.Getenv(helperVariable); kind != "" {
		h := &helper{kind: kind, in: bufio.NewReaderSize(os.Stdin, 1<<20), out: bufio.NewWriter(os.Stdout), code: 1}
		if err := h.run(); err != nil {
			text, _ := json.Marshal(map[string]string{"level": "fatal", "msg": err.Error()})
			fmt.Fprintln(os.Stderr, string(text))
			os.Exit(h.code)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helper is a materialization connector: an endpoint in one file.
type helper struct {
	// kind says who keeps checkpoints: exactly: the endpoint, with its rows;
	// staged: Weir, and rows are applied when it has kept them.
	kind string
	in   *bufio.Reader
	out  *bufio.Writer
	code int

	config helperConfig
	open   *connector.MaterializeOpen
	nonce  int
	loads  []connector.Load
	stores []connector.Store
	staged *database
}

type helperConfig struct {
	Directory string `json:"directory"`
	Password  string `json:"password"`
	Down      bool   `json:"down"`
	Hang      string `json:"hang"` // at the request of this name
}

const helperConfigSchema = `{"type":"object","required":["directory"],"additionalProperties":false,"properties":{
	"directory":{"type":"string"},"password":{"type":"string","secret":true},"down":{"type":"boolean"},"hang":{"type":"string"}}}`

const helperResourceSchema = `{"type":"object","required":["name"],"additionalProperties":false,"properties":{"name":{"type":"string"},"delta":{"type":"boolean"}}}`

type helperResource struct {
	Name  string `json:"name"`
	Delta bool   `json:"delta,omitempty"`
}

// database is what the file holds.
type database struct {
	Resources map[string]*table
	Shards    map[uint32]*shardRow
}

type table struct {
	StateKey string
	Types    map[string]string // of fields
	Rows     map[string]json.RawMessage
	Changes  []json.RawMessage
}

type shardRow struct {
	Nonce      int
	Checkpoint *connector.Checkpoint
}

func readDatabase(dir string) (*database, error) {
	d := &database{Resources: map[string]*table{}, Shards: map[uint32]*shardRow{}}
	text, err := os.ReadFile(filepath.Join(dir, "db.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(text, d)
}

func (d *database) write(dir string) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "db.json")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (h *helper) say(r connector.MaterializeResponse) {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	h.out.Write(append(text, '\n'))
	h.out.Flush()
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
		var r connector.MaterializeRequest
		if err := json.Unmarshal(line, &r); err != nil {
			return h.fail(64, "request: %v", err)
		}
		if err := h.answer(&r); err != nil {
			return err
		}
	}
}

func (h *helper) answer(r *connector.MaterializeRequest) error {
	switch {
	case r.Spec != nil:
		h.say(connector.MaterializeResponse{Spec: &connector.Spec{Protocol: connector.Version, ConfigSchema: json.RawMessage(helperConfigSchema), ResourceConfigSchema: json.RawMessage(helperResourceSchema)}})
		return nil
	case r.Validate != nil:
		return h.validate(r.Validate)
	case r.Apply != nil:
		return h.apply(r.Apply)
	case r.Open != nil:
		return h.opened(r.Open)
	case r.Acknowledge != nil:
		return h.acknowledge()
	case r.Load != nil:
		h.loads = append(h.loads, *r.Load)
		return nil
	case r.Flush != nil:
		return h.flush()
	case r.Store != nil:
		return h.store(r.Store)
	case r.StartCommit != nil:
		return h.commit(r.StartCommit)
	}
	return h.fail(64, "an unexpected request")
}

func (h *helper) configure(text json.RawMessage, step string) error {
	if err := json.Unmarshal(text, &h.config); err != nil {
		return h.fail(78, "config: %v", err)
	}
	if h.config.Hang == step {
		select {}
	}
	if h.config.Down && step != "validate" {
		return h.fail(1, "cannot reach the endpoint with password %s", h.config.Password)
	}
	return nil
}

func (h *helper) validate(r *connector.MaterializeValidate) error {
	if err := h.configure(r.Config, "validate"); err != nil {
		return err
	}
	db, err := readDatabase(h.config.Directory)
	if err != nil {
		return err
	}
	v := &connector.MaterializeValidated{}
	for _, b := range r.Bindings {
		var res helperResource
		if err := json.Unmarshal(b.ResourceConfig, &res); err != nil {
			return h.fail(78, "resource: %v", err)
		}
		out := connector.MaterializeValidatedBinding{ResourcePath: []string{res.Name}, DeltaUpdates: res.Delta}
		for _, p := range b.Collection.Projections {
			c := connector.Constraint{Type: "FIELD_OPTIONAL", Reason: "all fields may be there"}
			if p.IsPrimaryKey || p.Ptr == "" {
				c.Type = "LOCATION_REQUIRED"
			}
			if t := db.Resources[res.Name]; t != nil && t.Types[p.Field] != "" && t.Types[p.Field] != typesOf(p) {
				c = connector.Constraint{Type: "INCOMPATIBLE", Reason: "it is " + t.Types[p.Field]}
			}
			out.ProjectionConstraints = append(out.ProjectionConstraints, connector.ProjectionConstraint{Field: p.Field, Constraint: c})
		}
		v.Bindings = append(v.Bindings, out)
	}
	h.say(connector.MaterializeResponse{Validated: v})
	return nil
}

func typesOf(p connector.Projection) string { return strings.Join(p.Inference.Types, " or ") }

// apply makes tables. One whose backfill counter was raised starts empty, and
// sessions from before are fenced off.
func (h *helper) apply(r *connector.MaterializeApply) error {
	if err := h.configure(r.Materialization.Config, "apply"); err != nil {
		return err
	}
	db, err := readDatabase(h.config.Directory)
	if err != nil {
		return err
	}
	var did []string
	for _, b := range r.Materialization.Bindings {
		name, raised := b.ResourcePath[0], false
		if r.LastMaterialization != nil {
			for _, last := range r.LastMaterialization.Bindings {
				raised = raised || slices.Equal(last.ResourcePath, b.ResourcePath) && last.Backfill < b.Backfill
			}
		}
		t := db.Resources[name]
		if t == nil || raised {
			did = append(did, "made "+name)
			t = &table{StateKey: b.StateKey, Rows: map[string]json.RawMessage{}}
			db.Resources[name] = t
			for _, s := range db.Shards {
				s.Nonce++
			}
		}
		t.Types = map[string]string{}
		for _, p := range b.Collection.Projections {
			if slices.Contains(b.FieldSelection.Values, p.Field) {
				t.Types[p.Field] = typesOf(p)
			}
		}
	}
	if err := db.write(h.config.Directory); err != nil {
		return err
	}
	h.say(connector.MaterializeResponse{Applied: &connector.Applied{ActionDescription: strings.Join(did, ", ")}})
	return nil
}

func (h *helper) opened(r *connector.MaterializeOpen) error {
	if err := h.configure(r.Materialization.Config, "open"); err != nil {
		return err
	}
	h.open = r
	opened := &connector.MaterializeOpened{}
	if h.kind == "exactly" {
		db, err := readDatabase(h.config.Directory)
		if err != nil {
			return err
		}
		s := db.Shards[r.Range.KeyBegin]
		if s == nil {
			s = &shardRow{Checkpoint: &connector.Checkpoint{}}
			db.Shards[r.Range.KeyBegin] = s
		}
		s.Nonce++
		if err := db.write(h.config.Directory); err != nil {
			return err
		}
		h.nonce, opened.RuntimeCheckpoint = s.Nonce, s.Checkpoint
	}
	h.say(connector.MaterializeResponse{Opened: opened})
	return nil
}

// acknowledge applies what was staged: also what a former run has left.
func (h *helper) acknowledge() error {
	if h.kind == "staged" {
		name := filepath.Join(h.config.Directory, fmt.Sprintf("staged.%d", h.open.Range.KeyBegin))
		var state struct{ Staged bool }
		if err := json.Unmarshal(h.open.State, &state); err != nil {
			return err
		}
		if text, err := os.ReadFile(name); err == nil && (state.Staged || h.staged != nil) {
			if err := json.Unmarshal(text, &h.stores); err != nil {
				return err
			}
			db, err := readDatabase(h.config.Directory)
			if err != nil {
				return err
			}
			h.write(db)
			if err := db.write(h.config.Directory); err != nil {
				return err
			}
			if err := os.Remove(name); err != nil {
				return err
			}
		}
		h.stores = nil
	}
	h.say(connector.MaterializeResponse{Acknowledged: &connector.Stated{}})
	return nil
}

// resource gives a binding's table.
func (h *helper) resource(db *database, binding int) *table {
	return db.Resources[h.open.Materialization.Bindings[binding].ResourcePath[0]]
}

func (h *helper) flush() error {
	db, err := readDatabase(h.config.Directory)
	if err != nil {
		return err
	}
	for _, l := range h.loads {
		if doc, ok := h.resource(db, l.Binding).Rows[base64.StdEncoding.EncodeToString(l.KeyPacked)]; ok {
			h.say(connector.MaterializeResponse{Loaded: &connector.Loaded{Binding: l.Binding, Doc: doc}})
		}
	}
	h.loads = nil
	h.say(connector.MaterializeResponse{Flushed: &connector.Stated{}})
	return nil
}

func (h *helper) store(s *connector.Store) error {
	if refused, err := os.ReadFile(filepath.Join(h.config.Directory, "refused")); err == nil && string(refused) == string(s.Doc) {
		return h.fail(65, "document %s is refused", s.Key)
	}
	h.stores = append(h.stores, *s)
	return nil
}

// write writes what was stored.
func (h *helper) write(db *database) {
	for _, s := range h.stores {
		t, key := h.resource(db, s.Binding), base64.StdEncoding.EncodeToString(s.KeyPacked)
		switch {
		case h.open.Materialization.Bindings[s.Binding].DeltaUpdates:
			t.Changes = append(t.Changes, s.Doc)
		case s.Delete:
			delete(t.Rows, key)
		default:
			t.Rows[key] = s.Doc
		}
	}
}

func (h *helper) commit(r *connector.StartCommit) error {
	if h.kind == "staged" {
		text, err := json.Marshal(h.stores)
		if err == nil {
			err = os.WriteFile(filepath.Join(h.config.Directory, fmt.Sprintf("staged.%d", h.open.Range.KeyBegin)), text, 0o644)
		}
		if err != nil {
			return err
		}
		h.staged = &database{}
		h.say(connector.MaterializeResponse{StartedCommit: &connector.Stated{State: &connector.ConnectorState{Updated: json.RawMessage(`{"staged":true}`), MergePatch: true}}})
		return nil
	}
	db, err := readDatabase(h.config.Directory)
	if err != nil {
		return err
	}
	if h.kind == "exactly" {
		s := db.Shards[h.open.Range.KeyBegin]
		if s.Nonce != h.nonce {
			return h.fail(1, "this session was fenced off by another")
		}
		s.Checkpoint = r.RuntimeCheckpoint
	}
	h.write(db)
	h.stores = nil
	if err := db.write(h.config.Directory); err != nil {
		return err
	}
	h.say(connector.MaterializeResponse{StartedCommit: &connector.Stated{}})
	return nil
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
	return text
}
