package sinkstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"weir/document"
	"weir/sinks"
)

// memory is a sink whose endpoint is a map: the suite's own subject. Its kinds
// differ in what they promise.
type memory struct {
	*endpoint
	atLeastOnce bool // rows are written when they are stored, and no checkpoint is kept
	keeps       bool // the checkpoint is kept by whoever opened it, before the rows take effect
	deltaOnly   bool
	loads       bool // rows have to say whether they exist, or they are refused
}

type endpoint struct {
	resources map[string]*held
	shards    map[string]*memoryShard
	refused   string
}

type held struct {
	stateKey string
	rows     map[string]string // by packed key
	changes  []string          // of a binding in delta mode
}

type memoryShard struct {
	epoch      int
	checkpoint []byte
}

type memoryConfig struct {
	Password string `json:"password"`
	Down     bool   `json:"down"`
}

type memoryResource struct {
	Name  string `json:"name"`
	Delta bool   `json:"delta"`
}

func strict(text json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (m memory) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(`{"type":"object"}`), ResourceSchema: json.RawMessage(`{"type":"object","required":["name"]}`), ExactlyOnce: !m.atLeastOnce && !m.keeps}
}

func (m memory) Validate(ctx context.Context, r sinks.ValidateRequest) (v sinks.Validated, err error) {
	var c memoryConfig
	if err := strict(r.Config, &c); err != nil {
		return v, err
	}
	if c.Down {
		return v, sinks.Transient(errors.New("no answer"))
	}
	seen := map[string]bool{}
	for i := range r.Bindings {
		var res memoryResource
		if err := strict(r.Bindings[i].Resource, &res); err != nil {
			return v, err
		}
		if res.Name == "" || seen[res.Name] {
			return v, fmt.Errorf("resource %q has no name, or that of another", res.Name)
		}
		seen[res.Name] = true
		constraints := map[string]sinks.Constraint{}
		for _, p := range r.Bindings[i].Collection.Projections {
			constraints[p.Field] = sinks.Constraint{Type: sinks.FieldOptional}
		}
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{ResourcePath: []string{res.Name}, Delta: res.Delta || m.deltaOnly, Constraints: constraints})
	}
	return v, ctx.Err()
}

// Apply empties the resources of other state keys, which fences their sessions.
func (m memory) Apply(_ context.Context, r sinks.ApplyRequest) (a sinks.Applied, err error) {
	var made []string
	for _, b := range r.Bindings {
		name := nameOf(b)
		if had := m.resources[name]; had != nil && (had.stateKey == b.StateKey || m.deltaOnly) {
			continue
		}
		made = append(made, name)
		if r.DryRun {
			continue
		}
		m.resources[name] = &held{stateKey: b.StateKey, rows: map[string]string{}}
		for _, s := range m.shards {
			s.epoch++
		}
	}
	return sinks.Applied{Action: strings.Join(made, ", ")}, nil
}

func nameOf(b sinks.Binding) string {
	var res memoryResource
	if err := json.Unmarshal(b.Resource, &res); err != nil {
		panic(err) // it was validated
	}
	return res.Name
}

func (m memory) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	shard := m.shards[r.Shard]
	if shard == nil {
		shard = &memoryShard{}
		m.shards[r.Shard] = shard
	}
	shard.epoch++
	s := &memorySession{memory: m, shard: shard, epoch: shard.epoch, request: r, loaded: map[string]bool{}}
	opened := sinks.Opened{Exactly: !m.atLeastOnce, Loads: m.loads}
	switch {
	case m.keeps && r.State != nil:
		if err := json.Unmarshal(r.State, &opened.Checkpoint); err != nil {
			return nil, opened, err
		}
	case !m.atLeastOnce:
		opened.Checkpoint = shard.checkpoint
	}
	return s, opened, ctx.Err()
}

type memorySession struct {
	memory  memory
	shard   *memoryShard
	epoch   int
	request sinks.OpenRequest
	loaded  map[string]bool // in this transaction
	stored  []func()
	broken  error
}

func (s *memorySession) end(err error) error {
	if s.broken == nil {
		s.broken = err
	}
	return err
}

func (s *memorySession) Load(ctx context.Context, binding int, keys [][]byte, loaded func(int, []byte) error) error {
	if s.broken != nil || ctx.Err() != nil {
		return s.end(errors.Join(s.broken, ctx.Err()))
	}
	b := s.request.Bindings[binding]
	if b.Delta {
		return s.end(errors.New("nothing is loaded"))
	}
	for i, key := range keys {
		id := fmt.Sprint(binding, string(key))
		if s.loaded[id] {
			return s.end(fmt.Errorf("key %x is loaded twice", key))
		}
		s.loaded[id] = true
		if doc, ok := s.memory.resources[nameOf(b)].rows[string(key)]; ok {
			if err := loaded(i, []byte(doc)); err != nil {
				return s.end(err)
			}
		}
	}
	return nil
}

func (s *memorySession) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	if s.broken != nil || ctx.Err() != nil {
		return s.end(errors.Join(s.broken, ctx.Err()))
	}
	b := s.request.Bindings[binding]
	to := s.memory.resources[nameOf(b)]
	for _, r := range rows {
		key, doc, gone := string(r.Key), string(r.Raw), r.Delete
		if doc == s.memory.refused {
			text, _ := document.AppendKeyJSON(nil, r.Key)
			return s.end(fmt.Errorf("document %s is refused", text))
		}
		if _, exists := to.rows[key]; s.memory.loads && !b.Delta && !gone && exists != r.Exists {
			return s.end(fmt.Errorf("key %x exists: %t", r.Key, exists))
		}
		write := func() { to.rows[key] = doc }
		switch {
		case b.Delta:
			write = func() { to.changes = append(to.changes, doc) }
		case gone:
			write = func() { delete(to.rows, key) }
		}
		if s.memory.atLeastOnce {
			write()
			continue
		}
		s.stored = append(s.stored, write)
	}
	return nil
}

func (s *memorySession) Commit(ctx context.Context, checkpoint []byte) error {
	if s.broken != nil || ctx.Err() != nil {
		return s.end(errors.Join(s.broken, ctx.Err()))
	}
	if s.epoch != s.shard.epoch && !s.memory.atLeastOnce {
		return s.end(sinks.ErrFenced)
	}
	if s.memory.keeps {
		state, _ := json.Marshal(checkpoint)
		if err := s.request.Keep(ctx, checkpoint, state); err != nil {
			return s.end(err)
		}
	}
	for _, write := range s.stored {
		write()
	}
	s.shard.checkpoint, s.stored = slices.Clone(checkpoint), nil
	clear(s.loaded)
	return nil
}

func (s *memorySession) Rollback(context.Context) error {
	s.stored = nil
	clear(s.loaded)
	return s.broken
}

func (s *memorySession) Close() error {
	s.broken = errors.New("closed")
	return nil
}

func TestConformance(t *testing.T) {
	for name, sink := range map[string]memory{
		"transactions":                  {},
		"transactions that are told":    {loads: true},
		"checkpoints kept by the owner": {keeps: true},
		"at least once":                 {atLeastOnce: true},
		"deltas, at least once":         {atLeastOnce: true, deltaOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			Conformance(t, func(*testing.T) Harness {
				sink := sink
				sink.endpoint = &endpoint{resources: map[string]*held{}, shards: map[string]*memoryShard{}}
				return Harness{
					Sink: sink, Config: json.RawMessage(`{"password":"canary"}`), Secret: "canary", Unreachable: json.RawMessage(`{"password":"canary","down":true}`),
					Resource: func(name string, delta bool) json.RawMessage {
						return json.RawMessage(marshal(memoryResource{name, delta}))
					},
					Documents: func(_ *testing.T, name string) []string {
						held := sink.resources[name]
						return slices.AppendSeq(slices.Clone(held.changes), maps.Values(held.rows))
					},
					AtLeastOnce: sink.atLeastOnce, DeltaOnly: sink.deltaOnly, Appends: sink.deltaOnly,
					Refuse: func(_ *testing.T, _, doc string) { sink.endpoint.refused = doc },
				}
			})
		})
	}
}
