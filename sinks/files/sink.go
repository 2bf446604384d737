package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weir/connector"
	"weir/internal/objects"
	"weir/sinks"
)

// Sink materializes into files.
type Sink struct {
	open func(ctx context.Context, l objects.Location, dataDir string) (*objects.Store, error)
	step func(name string) error
}

// New returns the sink.
func New() Sink {
	return Sink{open: objects.Open, step: func(string) error { return nil }}
}

var _ sinks.Sink = Sink{}

// Spec describes the endpoint's configuration and its resources.
func (Sink) Spec() sinks.Spec {
	return sinks.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema), ExactlyOnce: true}
}

// Validate checks configuration and resources, and whether the place can be
// listed. A directory need not be there yet.
func (s Sink) Validate(ctx context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	var v sinks.Validated
	c, err := parseConfig(r.Config)
	if err != nil {
		return v, err
	}
	paths := connector.Resources{}
	for i := range r.Bindings {
		b := &r.Bindings[i]
		res, err := parseResource(b.Resource, b.Collection.Name)
		if err == nil {
			err = checkFieldConfigs(b)
		}
		if err == nil {
			err = paths.Claim(res.Path, fmt.Sprintf("path %q", res.Path), b.Collection.Name)
		}
		if err != nil {
			return v, fmt.Errorf("files: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{ResourcePath: []string{res.Path}, Delta: true, Constraints: constraints(&res, b)})
	}
	store, err := s.open(ctx, c.Location, r.DataDir)
	if errors.Is(err, connector.ErrNoDirectory) {
		return v, err
	}
	if err != nil {
		return v, fmt.Errorf("files: %w", err)
	}
	defer store.Close()
	return v, check(ctx, store)
}

func check(ctx context.Context, store *objects.Store) error {
	enough := errors.New("enough")
	err := store.List(ctx, controlFolder+"/", func(objects.Object) error { return enough })
	if err == nil || errors.Is(err, enough) {
		return ctx.Err()
	}
	if objects.Missing(err) {
		return fmt.Errorf("files: the bucket %s does not exist: make it, or change url", store)
	}
	return explain(fmt.Errorf("%s: %w", store, err))
}

// Apply has nothing to make: folders come with their files. A raised backfill
// counter leaves files alone.
func (Sink) Apply(ctx context.Context, _ sinks.ApplyRequest) (sinks.Applied, error) {
	return sinks.Applied{}, ctx.Err()
}

// Open takes the shard over, completes the last commit, and removes what was
// staged for others.
func (s Sink) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	opened := sinks.Opened{Exactly: true}
	c, err := parseConfig(r.Config)
	if err != nil {
		return nil, opened, err
	}
	next := &session{name: nonce(), prefix: fileName(r.Task, r.Shard), open: map[string]*output{}, step: s.step}
	for i := range r.Bindings {
		b := &r.Bindings[i]
		t := &target{}
		if t.resource, err = parseResource(b.Resource, b.Collection.Name); err == nil {
			t.encoder, err = newEncoder(&t.resource, b)
		}
		if err != nil {
			return nil, opened, fmt.Errorf("files: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		next.bindings = append(next.bindings, t)
	}
	if next.log.store, err = s.open(ctx, c.Location, r.DataDir); err != nil {
		return nil, opened, fmt.Errorf("files: %w", err)
	}
	next.log.folder = fmt.Sprintf("%s/%s/%s/", controlFolder, strings.ReplaceAll(r.Task, "/", "="), r.Shard)
	last, err := next.takeOver(ctx)
	if err != nil {
		next.log.store.Close()
		return nil, opened, explain(err)
	}
	if last.HasPoint {
		opened.Checkpoint = append([]byte{}, last.Checkpoint...)
	}
	opened.Pace = sinks.Pace{Every: c.interval, Bytes: c.Bytes}
	next.ctx, next.end = context.WithCancel(context.WithoutCancel(ctx))
	return next, opened, nil
}

func (s *session) takeOver(ctx context.Context) (last commit, err error) {
	if err := ctx.Err(); err != nil {
		return last, err
	}
	if err := s.log.checkExclusive(ctx); err != nil {
		return last, err
	}
	if last, err = s.log.claim(ctx, s.name, s.step); err != nil {
		return last, err
	}
	staging := s.log.folder + "staging/"
	err = s.log.store.List(ctx, staging, func(o objects.Object) error { return s.log.store.Remove(ctx, o.Key) })
	for _, folder := range []string{"", "commits/", "staging/"} {
		err = errors.Join(err, s.log.store.CleanFolder(s.log.folder+folder))
	}
	return last, err
}

func nonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// fileName begins the names of a shard's files: no other task or shard has it.
func fileName(task, shard string) string {
	sum := sha256.Sum256([]byte(task))
	return hex.EncodeToString(sum[:4]) + "-" + shard
}
