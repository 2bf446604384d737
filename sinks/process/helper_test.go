package process

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/connector"
	"weir/connector/program/programtest"
)

func TestMain(m *testing.M) {
	programtest.Main(m, func(p *programtest.Program) error {
		h := &helper{Program: p}
		return programtest.Answer(p, h.answer)
	})
}

// helper is a materialization connector: an endpoint in one file. Its kind says
// who keeps checkpoints: exactly: the endpoint, with its rows; staged: Weir, and
// rows are applied when it has kept them.
type helper struct {
	*programtest.Program

	config programtest.Config
	open   *connector.MaterializeOpen
	nonce  int
	loads  []connector.Load
	stores []connector.Store
	staged *database
}

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
	h.Write(r)
	h.Out.Flush()
}

func (h *helper) answer(r *connector.MaterializeRequest) error {
	switch {
	case r.Spec != nil:
		h.say(connector.MaterializeResponse{Spec: &connector.Spec{Protocol: connector.Version, ConfigSchema: json.RawMessage(programtest.ConfigSchema), ResourceConfigSchema: json.RawMessage(helperResourceSchema)}})
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
	return h.Fail(64, "an unexpected request")
}

func (h *helper) configure(text json.RawMessage, step string) (err error) {
	h.config, err = h.Configure(text, step)
	return err
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
			return h.Fail(78, "resource: %v", err)
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
	if h.Kind == "exactly" {
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
	if h.Kind == "staged" {
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
		return h.Fail(65, "document %s is refused", s.Key)
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
	if h.Kind == "staged" {
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
	if h.Kind == "exactly" {
		s := db.Shards[h.open.Range.KeyBegin]
		if s.Nonce != h.nonce {
			return h.Fail(1, "this session was fenced off by another")
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
