package files

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"
	"weir/connector"

	"weir/internal/objects"
	"weir/schema"
	"weir/sources"
)

// Source captures files.
type Source struct {
	open func(ctx context.Context, l objects.Location, dataDir string) (*objects.Store, error)
	now  func() time.Time
}

// New returns the source.
func New() Source { return Source{open: objects.Open, now: time.Now} }

var (
	_ sources.Source     = Source{}
	_ sources.Discoverer = Source{}
)

// Spec describes the endpoint's configuration and its resources.
func (Source) Spec() sources.Spec {
	return sources.Spec{ConfigSchema: json.RawMessage(configSchema), ResourceSchema: json.RawMessage(resourceSchema)}
}

// Validate checks configuration and resources, and whether the place can be
// listed.
func (s Source) Validate(ctx context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	var v sources.Validated
	c, err := parseConfig(r.Config)
	if err != nil {
		return v, err
	}
	matches := connector.Resources{}
	for i, b := range r.Bindings {
		res, err := parseResource(b.Resource)
		if err == nil {
			err = matches.Claim(res.Match, fmt.Sprintf("match %q", res.Match), b.Collection.Name)
		}
		if err != nil {
			return v, fmt.Errorf("files: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: []string{res.Match}})
	}
	store, err := s.open(ctx, c.Location, r.DataDir)
	if errors.Is(err, connector.ErrNoDirectory) {
		return v, err
	}
	if err != nil {
		return v, fmt.Errorf("files: %w", err)
	}
	defer store.Close()
	return v, s.check(ctx, store)
}

// check looks whether the place can be listed.
func (Source) check(ctx context.Context, store *objects.Store) error {
	err := store.ListFolders(ctx, "", objects.Folders{Denied: passOver}, func(objects.Object) error { return errEnough })
	if err == nil || errors.Is(err, errEnough) {
		return nil
	}
	if objects.Missing(err) {
		what := "bucket"
		if store.Local() {
			what = "directory"
		}
		return fmt.Errorf("files: the %s %s does not exist: make it, or change url", what, store)
	}
	return explain(store.String(), &storeError{err})
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// Apply has nothing to prepare: files belong to whoever writes them.
func (Source) Apply(ctx context.Context, _ sources.ApplyRequest) (sources.Applied, error) {
	return sources.Applied{}, ctx.Err()
}

// Open begins behind what the state covers.
func (s Source) Open(ctx context.Context, r sources.OpenRequest) (sources.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := parseConfig(r.Config)
	if err != nil {
		return nil, err
	}
	state, err := parseState(r.State)
	if err != nil {
		return nil, err
	}
	next := &session{interval: c.interval, settle: c.settle, now: s.now, log: cmp.Or(r.Log, zap.NewNop()), denied: map[string]bool{}}
	for i, b := range r.Bindings {
		res, err := parseResource(b.Resource)
		if err != nil {
			return nil, fmt.Errorf("files: binding %d (%s): %w", i, b.Collection.Name, err)
		}
		stateKey := b.StateKey
		if stateKey == "" {
			stateKey = res.Match
		}
		var shape *schema.Shape
		if b.Collection.Writes != nil {
			shape = b.Collection.Writes.Schema.Shape()
		}
		next.bindings = append(next.bindings, newBinding(i, stateKey, res, b.Collection.Key, shape, state.Bindings[stateKey]))
	}
	if next.store, err = s.open(ctx, c.Location, r.DataDir); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	next.ctx, next.end = context.WithCancel(context.WithoutCancel(ctx))
	return next, nil
}

// explain marks trouble that passes by itself.
func explain(place string, err error) error {
	var store *storeError
	passes := incomplete(err) || errors.As(err, &store) && objects.Passes(err)
	if place != "" {
		err = fmt.Errorf("%s: %w", place, err)
	}
	err = fmt.Errorf("files: %w", err)
	if passes {
		return sources.Transient(err)
	}
	return err
}

// origin names the place of a document of the batch.
func (b *batch) origin(i int) string {
	return b.places[i].file + ":" + strconv.FormatInt(b.places[i].line, 10)
}
