package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// MetadataKind is the metadata entry that marks streams and consumers as Weir's.
const MetadataKind = "weir.kind"

// Transform makes the server store what is published to From under To.
type Transform struct {
	From string
	To   string
}

// StreamConfig is a stream as its owner wants it.
type StreamConfig struct {
	Name      string
	Subjects  []string
	Transform *Transform
	Metadata  map[string]string // must hold MetadataKind
	Memory    bool              // nothing on disk; for tests
	FirstSeq  uint64            // of a new stream; 0 means 1
	Replicas  int               // 0 means 1 for a new stream, unchanged for an old one
	Bounds    *Bounds           // nil: nothing is ever discarded
}

// Bounds are of a stream that discards its oldest messages: none of a
// collection does. A stream that is there keeps those that it has, since its
// operator may have changed them.
type Bounds struct {
	Age        time.Duration // of a message
	Bytes      int64         // of all messages
	PerSubject int64         // messages
}

// StreamInfo is a stream as the server knows it.
type StreamInfo struct {
	Name     string
	First    uint64 // sequence of the oldest message
	Last     uint64 // sequence of the newest message ever stored; purging does not lower it
	Messages uint64
	Bytes    uint64
	Created  time.Time
	Metadata map[string]string
	Subjects []string
	Replicas int
	Offline  int // replicas that are not there, or behind
	Memory   bool

	FirstTime time.Time // of the oldest message
	LastTime  time.Time // of the newest
	At        time.Time // by the server's clock, when it told this
}

// config gives the settings that Weir's streams have: nothing is ever
// discarded, nobody can roll the stream up, batches are atomic.
func (s StreamConfig) config() jetstream.StreamConfig {
	cfg := jetstream.StreamConfig{
		Name:               s.Name,
		Subjects:           s.Subjects,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgSize:         -1,
		MaxMsgsPerSubject:  -1,
		MaxConsumers:       -1,
		Storage:            jetstream.FileStorage,
		Replicas:           max(s.Replicas, 1),
		FirstSeq:           s.FirstSeq,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		Metadata:           s.Metadata,
	}
	if b := s.Bounds; b != nil {
		cfg.Discard, cfg.MaxAge, cfg.MaxBytes, cfg.MaxMsgsPerSubject = jetstream.DiscardOld, b.Age, b.Bytes, b.PerSubject
	}
	if s.Memory {
		cfg.Storage = jetstream.MemoryStorage
	}
	if s.Transform != nil {
		cfg.SubjectTransform = &jetstream.SubjectTransformConfig{Source: s.Transform.From, Destination: s.Transform.To}
	}
	return cfg
}

// EnsureStream makes the stream, or changes what may change of one that is
// there: subjects, transform, metadata, replicas. A stream of that name that
// does not carry MetadataKind is not touched: ErrForeignStream.
func (c *Conn) EnsureStream(ctx context.Context, s StreamConfig) (created bool, err error) {
	if s.Metadata[MetadataKind] == "" {
		return false, fmt.Errorf("stream %s: metadata lacks %s", s.Name, MetadataKind)
	}
	cfg := s.config()
	created, err = c.ensure(ctx, cfg, func(have jetstream.StreamConfig) jetstream.StreamConfig {
		want := have
		want.Subjects, want.SubjectTransform = cfg.Subjects, cfg.SubjectTransform
		want.AllowAtomicPublish, want.AllowDirect, want.AllowRollup = true, true, false
		if want.Discard = cfg.Discard; s.Bounds == nil {
			want.MaxMsgs, want.MaxBytes, want.MaxAge, want.MaxMsgsPerSubject = -1, -1, 0, -1
		}
		if s.Replicas > 0 {
			want.Replicas = s.Replicas
		}
		return want
	})
	if err != nil {
		return false, fmt.Errorf("stream %s: %w", s.Name, err)
	}
	return created, nil
}

// ensure creates a stream or brings the one that is there to what wanted gives.
func (c *Conn) ensure(ctx context.Context, cfg jetstream.StreamConfig, wanted func(have jetstream.StreamConfig) jetstream.StreamConfig) (created bool, err error) {
	if c.memory {
		cfg.Storage = jetstream.MemoryStorage
	}
	for attempt := 0; attempt < 3; attempt++ {
		have, err := c.streamInfo(ctx, cfg.Name)
		if errors.Is(err, ErrNoStream) {
			var refused *APIError
			err = c.call(ctx, "STREAM.CREATE."+cfg.Name, cfg, nil)
			if errors.As(err, &refused) && refused.Code == codeStreamNameInUse {
				continue // somebody made it just now, or our own request did and its answer was lost
			}
			return err == nil, c.explainStream(ctx, cfg, err)
		}
		if err != nil {
			return false, err
		}
		if have.Config.Metadata[MetadataKind] == "" {
			return false, fmt.Errorf("%w: it has no %s in its metadata; rename or remove it (`nats stream rm %s`), or choose another name", ErrForeignStream, MetadataKind, cfg.Name)
		}
		if have.Config.Storage != cfg.Storage {
			return false, fmt.Errorf("its storage is %s, not %s; that cannot be changed in place", have.Config.Storage, cfg.Storage)
		}
		want := wanted(have.Config)
		want.Metadata = mergeMetadata(have.Config.Metadata, cfg.Metadata)
		if sameConfig(have.Config, want) {
			return false, nil
		}
		return false, c.explainStream(ctx, want, c.call(ctx, "STREAM.UPDATE."+cfg.Name, want, nil))
	}
	return false, errors.New("it appears and disappears: is somebody else making it?")
}

// Mark sets a member of the metadata of a stream. ErrNoStream when there is none.
func (c *Conn) Mark(ctx context.Context, name, key, value string) error {
	have, err := c.streamInfo(ctx, name)
	if err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	want := have.Config
	want.Metadata = mergeMetadata(have.Config.Metadata, map[string]string{key: value})
	if err := c.explainStream(ctx, want, c.call(ctx, "STREAM.UPDATE."+name, want, nil)); err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	return nil
}

// mergeMetadata keeps what the server and other programs put there.
func mergeMetadata(have, want map[string]string) map[string]string {
	merged := maps.Clone(have)
	maps.Copy(merged, want)
	return merged
}

// sameConfig compares two settings by what is sent.
func sameConfig(a, b jetstream.StreamConfig) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// explainStream adds to a refusal what its reader needs to act on it.
func (c *Conn) explainStream(ctx context.Context, cfg jetstream.StreamConfig, err error) error {
	var refused *APIError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Code == codeSubjectOverlap:
		others := c.overlapping(ctx, cfg)
		if others == "" {
			others = "another stream"
		}
		return fmt.Errorf("its subjects (%s) are taken by %s: remove the subjects there, or that stream: %w", strings.Join(cfg.Subjects, ", "), others, refused)
	case refused.storage():
		return &StorageError{Stream: cfg.Name, Reason: refused}
	}
	return err
}

// overlapping names the streams that hold subjects of cfg.
func (c *Conn) overlapping(ctx context.Context, cfg jetstream.StreamConfig) string {
	var names []string
	for _, subject := range cfg.Subjects {
		streams, err := c.streamsOf(ctx, subject)
		if err != nil {
			return ""
		}
		for _, name := range streams {
			if name != cfg.Name && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// streamsOf names the streams that take messages of a subject.
func (c *Conn) streamsOf(ctx context.Context, subject string) ([]string, error) {
	var answer struct {
		Streams []string `json:"streams"`
	}
	err := c.call(ctx, "STREAM.NAMES", map[string]any{"subject": subject}, &answer)
	return answer.Streams, err
}

func (c *Conn) streamInfo(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	var info jetstream.StreamInfo
	err := c.call(ctx, "STREAM.INFO."+name, nil, &info)
	if err := noStream(err); err != nil {
		return nil, err
	}
	return &info, nil
}

// noStream turns the server's "stream not found" into ErrNoStream.
func noStream(err error) error {
	var refused *APIError
	if errors.As(err, &refused) && refused.Code == codeStreamNotFound {
		return ErrNoStream
	}
	return err
}

// StreamInfo tells about a stream. ErrNoStream when there is none.
func (c *Conn) StreamInfo(ctx context.Context, name string) (StreamInfo, error) {
	info, err := c.streamInfo(ctx, name)
	if err != nil {
		return StreamInfo{}, fmt.Errorf("stream %s: %w", name, err)
	}
	return toStreamInfo(info), nil
}

func toStreamInfo(info *jetstream.StreamInfo) StreamInfo {
	return StreamInfo{
		Name:     info.Config.Name,
		First:    info.State.FirstSeq,
		Last:     info.State.LastSeq,
		Messages: info.State.Msgs,
		Bytes:    info.State.Bytes,
		Created:  info.Created,
		Metadata: info.Config.Metadata,
		Subjects: info.Config.Subjects,
		Replicas: info.Config.Replicas,
		Offline:  offline(info.Cluster),
		Memory:   info.Config.Storage == jetstream.MemoryStorage,

		FirstTime: info.State.FirstTime, LastTime: info.State.LastTime, At: info.TimeStamp,
	}
}

func offline(c *jetstream.ClusterInfo) (n int) {
	if c == nil {
		return 0
	}
	for _, peer := range c.Replicas {
		if peer.Offline || !peer.Current {
			n++
		}
	}
	return n
}

// Subjects gives the subjects of a stream that match a filter, and how many
// messages each has. It is for filters that few subjects match.
func (c *Conn) Subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	var info struct {
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	err := noStream(c.call(ctx, "STREAM.INFO."+stream, map[string]any{"subjects_filter": filter}, &info))
	if err != nil {
		return nil, fmt.Errorf("subjects %s of stream %s: %w", filter, stream, err)
	}
	return info.State.Subjects, nil
}

// Streams lists the streams that are Weir's, buckets included, by name.
func (c *Conn) Streams(ctx context.Context) ([]StreamInfo, error) {
	var found []StreamInfo
	for offset := 0; ; {
		var page struct {
			Total   int                     `json:"total"`
			Streams []*jetstream.StreamInfo `json:"streams"`
		}
		if err := c.call(ctx, "STREAM.LIST", map[string]any{"offset": offset}, &page); err != nil {
			return nil, fmt.Errorf("list streams: %w", err)
		}
		for _, s := range page.Streams {
			if s.Config.Metadata[MetadataKind] != "" {
				found = append(found, toStreamInfo(s))
			}
		}
		offset += len(page.Streams)
		if len(page.Streams) == 0 || offset >= page.Total {
			break
		}
	}
	slices.SortFunc(found, func(a, b StreamInfo) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// DeleteStream removes a stream with all that it holds. ErrNoStream when there
// is none.
func (c *Conn) DeleteStream(ctx context.Context, name string) error {
	if _, err := c.streamInfo(ctx, name); err != nil {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	// It is gone too when an answer was lost and the second request finds none.
	err := noStream(c.call(ctx, "STREAM.DELETE."+name, nil, nil))
	if err != nil && !errors.Is(err, ErrNoStream) {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	return nil
}

// Purge removes the messages of a stream that match subject, which may hold
// wildcards, up to and including a sequence.
func (c *Conn) Purge(ctx context.Context, stream, subject string, through uint64) error {
	if through == 0 {
		return nil
	}
	request := jetstream.StreamPurgeRequest{Subject: subject, Sequence: through + 1}
	if err := noStream(c.call(ctx, "STREAM.PURGE."+stream, request, nil)); err != nil {
		return fmt.Errorf("purge %s of stream %s through %d: %w", subject, stream, through, err)
	}
	return nil
}

// Last gives the newest message of a subject, as the stream's leader knows it.
// ErrNoMessage when there is none.
func (c *Conn) Last(ctx context.Context, stream, subject string) (*Message, error) {
	m, err := c.get(ctx, stream, map[string]any{"last_by_subj": subject})
	if err != nil {
		return nil, fmt.Errorf("newest message of %s in stream %s: %w", subject, stream, err)
	}
	return m.message(), nil
}

// Get gives the message at a sequence. ErrNoMessage when it is not there.
func (c *Conn) Get(ctx context.Context, stream string, seq uint64) (*Message, error) {
	m, err := c.get(ctx, stream, map[string]any{"seq": seq})
	if err != nil {
		return nil, fmt.Errorf("message %d of stream %s: %w", seq, stream, err)
	}
	return m.message(), nil
}

// storedMessage is a message as the API gives it.
type storedMessage struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`

	header nats.Header
}

func (m *storedMessage) message() *Message {
	return &Message{Subject: m.Subject, Data: m.Data, Seq: m.Seq, Time: m.Time, Header: ownHeaders(m.header)}
}

// get asks the leader, not a replica that may be behind.
func (c *Conn) get(ctx context.Context, stream string, what map[string]any) (*storedMessage, error) {
	var answer struct {
		Message storedMessage `json:"message"`
	}
	err := noStream(c.call(ctx, "STREAM.MSG.GET."+stream, what, &answer))
	var refused *APIError
	if errors.As(err, &refused) && refused.Code == codeNoMessage {
		return nil, ErrNoMessage
	}
	if err != nil {
		return nil, err
	}
	m := &answer.Message
	if len(m.Header) > 0 {
		if m.header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
	}
	return m, nil
}
