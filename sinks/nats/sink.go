package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"weir/collection"
	"weir/connector"
	"weir/internal/natsendpoint"
	"weir/sinks"
)

// sink implements sinks.Sink.
type sink struct{}

var _ sinks.Sink = sink{}

// New gives the sink.
func New() sinks.Sink { return sink{} }

// Spec does not promise exactly once: it depends on the stream.
func (sink) Spec() sinks.Spec {
	return sinks.Spec{
		ConfigSchema:   json.RawMessage(natsendpoint.ConfigSchema),
		ResourceSchema: json.RawMessage(resourceSchema),
	}
}

func connect(ctx context.Context, config json.RawMessage, dataDir, task string) (*natsendpoint.Conn, error) {
	return natsendpoint.Dial(ctx, config, dataDir, "weir sink "+task, sinks.Transient)
}

// passing marks an error of the connection that passes by itself.
func passing(err error) error {
	if natsendpoint.Passes(err) {
		return sinks.Transient(err)
	}
	return err
}

// Validate checks the bindings against each other and against the server's
// streams. Documents are written whole: every field may be there.
func (sink) Validate(ctx context.Context, r sinks.ValidateRequest) (sinks.Validated, error) {
	var v sinks.Validated
	_, elsewhere := natsendpoint.Parse(r.Config, r.DataDir)
	if elsewhere != nil && !errors.Is(elsewhere, connector.ErrNoDirectory) {
		return v, elsewhere
	}
	targets, err := parseBindings(r.Bindings)
	if err != nil {
		return v, err
	}
	for i, t := range targets {
		v.Bindings = append(v.Bindings, sinks.ValidatedBinding{ResourcePath: t.path(), Delta: t.delta, Constraints: constraints(&r.Bindings[i])})
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
	for _, t := range targets {
		if t.stream == "" {
			continue
		}
		if _, err := look(ctx, conn, t); err != nil && (!errors.Is(err, errMissing) || t.Create == nil) {
			errs = append(errs, err)
		}
	}
	return v, errors.Join(errs...)
}

func constraints(b *sinks.Binding) map[string]sinks.Constraint {
	out := map[string]sinks.Constraint{}
	for _, p := range b.Collection.Projections {
		c := sinks.Constraint{Type: sinks.FieldOptional, Reason: "documents are written whole"}
		if p.PrimaryKey || p.Ptr == "" {
			c.Type = sinks.LocationRequired
		}
		out[p.Field] = c
	}
	return out
}

// errMissing is a stream or bucket that is not there.
var errMissing = errors.New("is not there")

// look gives the settings of a target's stream, if it can take the documents.
func look(ctx context.Context, conn *natsendpoint.Conn, t *target) (*jetstream.StreamConfig, error) {
	stream, err := conn.JS.Stream(ctx, t.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		what, add := "stream "+t.stream, "nats stream add "+t.stream
		if t.kind == toBucket {
			what, add = "bucket "+t.Bucket, "nats kv add "+t.Bucket
		}
		return nil, fmt.Errorf("nats: %s %w: make it (`%s`), or let Weir make it with `create: {}`", what, errMissing, add)
	}
	if err != nil {
		return nil, passing(fmt.Errorf("nats: stream %s: %w", t.stream, err))
	}
	c := stream.CachedInfo().Config
	switch kind := c.Metadata["weir.kind"]; {
	case kind != "" && kind != madeBySink:
		return nil, fmt.Errorf("nats: stream %s is one of Weir's own (%s), which nobody else writes: choose another", t.stream, kind)
	case c.Mirror != nil:
		return nil, fmt.Errorf("nats: stream %s is a mirror of %s, which takes no messages", t.stream, c.Mirror.Name)
	case !natsendpoint.AnyOverlap(c.Subjects, t.pattern()):
		return nil, fmt.Errorf("nats: stream %s takes no messages on %s but on %s: `nats stream edit %s --subjects ...` adds subjects", t.stream, t.pattern(), strings.Join(c.Subjects, ", "), t.stream)
	}
	return &c, nil
}

// madeBySink is the metadata entry weir.kind of streams that Apply makes.
const madeBySink = "sink"

// Apply makes the streams and buckets that are not there and that may be made.
func (sink) Apply(ctx context.Context, r sinks.ApplyRequest) (sinks.Applied, error) {
	var applied sinks.Applied
	targets, err := parseBindings(r.Bindings)
	if err != nil {
		return applied, err
	}
	conn, err := connect(ctx, r.Config, r.DataDir, r.Task)
	if err != nil {
		return applied, err
	}
	defer conn.Close()
	var made []string
	seen := map[string]bool{}
	for _, t := range targets {
		if t.stream == "" || seen[t.stream] {
			continue
		}
		seen[t.stream] = true
		_, err := look(ctx, conn, t)
		if err == nil {
			continue
		}
		if !errors.Is(err, errMissing) || t.Create == nil {
			return applied, err
		}
		made = append(made, "stream "+t.stream+" made")
		if r.DryRun {
			continue
		}
		if _, err := conn.JS.CreateStream(ctx, t.settings(targets)); err != nil {
			return applied, passing(fmt.Errorf("nats: make stream %s: %w", t.stream, err))
		}
	}
	applied.Action = strings.Join(made, "; ")
	return applied, nil
}

// settings are those of a stream that is made for a target, and for the others
// that go to it: such that transactions can be exactly once.
func (t *target) settings(all []*target) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name: t.stream, Replicas: max(t.Create.Replicas, 1), MaxAge: t.Create.age, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgs: -1,
		AllowAtomicPublish: true, AllowMsgTTL: true, AllowDirect: true, Metadata: map[string]string{"weir.kind": madeBySink},
	}
	if t.Create.MaxBytes > 0 {
		c.MaxBytes = t.Create.MaxBytes
	}
	if t.Create.MaxMessagesPerSubject > 0 {
		c.MaxMsgsPerSubject = t.Create.MaxMessagesPerSubject
	}
	if t.Create.Storage == "memory" {
		c.Storage = jetstream.MemoryStorage
	}
	for _, other := range all {
		if other.stream == t.stream {
			c.Subjects = append(c.Subjects, other.pattern())
		}
	}
	if t.kind == toBucket { // as clients of the protocol make buckets
		c.Subjects = []string{"$KV." + t.Bucket + ".>"}
		c.MaxMsgsPerSubject = max(t.Create.MaxMessagesPerSubject, 1)
		c.DenyDelete, c.Discard, c.AllowRollup = true, jetstream.DiscardNew, true
	}
	c.Subjects = append(c.Subjects, checkpointRoot+t.stream+".>")
	return c
}

// checkpointRoot begins the subjects of checkpoints.
const checkpointRoot = "weir.sink."

// checkpointSubject is where a shard's checkpoints lie in its stream.
func checkpointSubject(stream, task, shard string) string {
	return checkpointRoot + stream + "." + collection.EncodeToken(task) + "." + collection.EncodeToken(shard)
}

// exactly says whether a stream can keep a checkpoint beside the documents: it
// takes batches and the checkpoint's subject, and nothing discards the newest
// message of that.
func exactly(c *jetstream.StreamConfig, subject string) bool {
	return c.AllowAtomicPublish && natsendpoint.AnyOverlap(c.Subjects, subject) && c.Retention == jetstream.LimitsPolicy &&
		(c.MaxAge <= 0 || c.AllowMsgTTL) && (c.Discard != jetstream.DiscardOld || c.MaxMsgs <= 0 && c.MaxBytes <= 0)
}
