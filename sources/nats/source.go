package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"weir/connector"
	"weir/internal/natsendpoint"
	"weir/sources"
)

// source implements sources.Source.
type source struct{}

var (
	_ sources.Source     = source{}
	_ sources.Discoverer = source{}
)

// New gives the source.
func New() sources.Source { return source{} }

func (source) Spec() sources.Spec {
	return sources.Spec{
		ConfigSchema:   json.RawMessage(natsendpoint.ConfigSchema),
		ResourceSchema: json.RawMessage(resourceSchema),
	}
}

func connect(ctx context.Context, config json.RawMessage, dataDir, task string) (*natsendpoint.Conn, error) {
	return natsendpoint.Dial(ctx, config, dataDir, "weir source "+task, sources.Transient)
}

// passing marks an error of the connection that passes by itself.
func passing(err error) error {
	if natsendpoint.Passes(err) {
		return sources.Transient(err)
	}
	return err
}

// Validate checks the resources against the server's streams.
func (source) Validate(ctx context.Context, r sources.ValidateRequest) (sources.Validated, error) {
	var v sources.Validated
	_, elsewhere := natsendpoint.Parse(r.Config, r.DataDir)
	if elsewhere != nil && !errors.Is(elsewhere, connector.ErrNoDirectory) {
		return v, elsewhere
	}
	bindings, err := parseBindings(r.Bindings)
	if err != nil {
		return v, err
	}
	for _, b := range bindings {
		v.Bindings = append(v.Bindings, sources.ValidatedBinding{ResourcePath: b.path})
	}
	if elsewhere != nil {
		return v, elsewhere
	}
	conn, err := connect(ctx, r.Config, r.DataDir, r.Task)
	if err != nil {
		return v, err
	}
	defer conn.Close()
	var errs []error
	for _, b := range bindings {
		if b.Stream == "" {
			continue
		}
		if _, err := look(ctx, conn, b); err != nil {
			errs = append(errs, err)
		}
	}
	return v, errors.Join(errs...)
}

// look gives the state of a binding's stream, if it can be captured.
func look(ctx context.Context, conn *natsendpoint.Conn, b *binding) (*jetstream.StreamInfo, error) {
	stream, err := conn.JS.Stream(ctx, b.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("nats: there is no stream %s: `nats stream ls` lists those that there are", b.Stream)
	}
	if err != nil {
		return nil, passing(fmt.Errorf("nats: stream %s: %w", b.Stream, err))
	}
	info := stream.CachedInfo()
	if kind := info.Config.Retention; kind != jetstream.LimitsPolicy {
		return nil, fmt.Errorf("nats: stream %s has %s retention, which removes a message as soon as its consumers have it: let another stream source from it (`nats stream add --source %s`) and capture that one", b.Stream, strings.ToLower(kind.String()), b.Stream)
	}
	if b.Filter != "" && len(info.Config.Subjects) > 0 && !natsendpoint.AnyOverlap(info.Config.Subjects, b.Filter) {
		return nil, fmt.Errorf("nats: filter %s matches no subject of stream %s, which takes %s", b.Filter, b.Stream, strings.Join(info.Config.Subjects, ", "))
	}
	return info, nil
}

// Apply has nothing to prepare: consumers are made when a session opens.
func (source) Apply(ctx context.Context, r sources.ApplyRequest) (sources.Applied, error) {
	if err := ctx.Err(); err != nil {
		return sources.Applied{}, err
	}
	if _, err := natsendpoint.Parse(r.Config, r.DataDir); err != nil {
		return sources.Applied{}, err
	}
	_, err := parseBindings(r.Bindings)
	return sources.Applied{}, err
}

// discovered is the schema of documents of which nothing is known but what the
// source adds.
const discovered = `{"type":"object","required":["_meta"],"properties":{"_meta":{"type":"object","required":["stream","seq"],"properties":{"stream":{"type":"string"},"seq":{"type":"integer"},"subject":{"type":"string"},"ts":{"type":"string","format":"date-time"},"op":{"enum":["u","d"]}}}}}`

// Discover lists the server's streams that can be captured.
func (source) Discover(ctx context.Context, r sources.DiscoverRequest) (sources.Discovered, error) {
	found := sources.Discovered{Bindings: []sources.DiscoveredBinding{}}
	conn, err := connect(ctx, r.Config, r.DataDir, "discover")
	if err != nil {
		return found, err
	}
	defer conn.Close()
	list := conn.JS.ListStreams(ctx)
	for info := range list.Info() {
		if info.Config.Retention != jetstream.LimitsPolicy {
			continue
		}
		name := info.Config.Name
		text, err := json.Marshal(map[string]string{"stream": name})
		if err != nil {
			return found, err
		}
		found.Bindings = append(found.Bindings, sources.DiscoveredBinding{
			Name: name, Resource: text, Schema: json.RawMessage(discovered), Key: []string{"/_meta/seq"}, ResourcePath: []string{name},
			Disable: info.Config.Metadata["weir.kind"] != "" || strings.HasPrefix(name, "KV_") || strings.HasPrefix(name, "OBJ_"),
		})
	}
	if err := list.Err(); err != nil {
		return found, passing(fmt.Errorf("nats: list streams: %w", err))
	}
	return found, nil
}
