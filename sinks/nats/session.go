package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"weir/document"
	"weir/internal/natsendpoint"
	"weir/sinks"
)

// checkpointVersion is the format version of checkpoints in streams.
const checkpointVersion = 1

// checkpoint is the last message of every transaction of a shard, where the
// stream keeps it.
type checkpoint struct {
	V      int    `json:"v"`
	Writer string `json:"writer"` // drawn by each session
	Number uint64 `json:"number"` // of the transaction; 0: the session was opened
	State  []byte `json:"state"`  // what the session's owner gave
}

// Headers of documents.
const (
	bindingHeader   = "Weir-Binding"   // the state key of the binding in standard mode, so that documents of a former one are told apart
	operationHeader = "Weir-Operation" // DEL: the document is deleted
	kvOperation     = "KV-Operation"   // the same in buckets
)

// session is one shard's connection. A transaction goes through these steps:
//
//  1. Store makes messages of rows and keeps them;
//  2. Commit sends them: as one atomic batch that ends in the checkpoint, which
//     must follow the one that this session knows; or, where the stream keeps
//     no checkpoint, so that each is acknowledged;
//  3. all answers are there: the transaction is durable.
type session struct {
	conn    *natsendpoint.Conn
	api     string // prefix of JetStream's API
	task    string
	targets []*bound

	stream  string // of all documents, with the checkpoint; "" when there is none
	subject string // of the checkpoint
	forever bool   // the checkpoint needs a mark against the stream's age limit
	last    checkpoint
	seq     uint64 // of the last checkpoint

	messages []*nats.Msg    // of the open transaction
	of       []*bound       // their targets
	ids      []string       // their Nats-Msg-Id
	alike    map[string]int // how many of the open transaction have one
	doc      document.Doc
	broken   error // what ended the session
}

// bound is a target with the binding's name.
type bound struct {
	*target
	source   string // the collection's name
	stateKey string
	atomic   bool // the stream takes batches
	pack     *document.Key
}

var _ sinks.Session = (*session)(nil)

// Open connects and takes the checkpoint over, where the stream keeps one.
func (sink) Open(ctx context.Context, r sinks.OpenRequest) (sinks.Session, sinks.Opened, error) {
	var opened sinks.Opened
	targets, err := parseBindings(r.Bindings)
	if err != nil {
		return nil, opened, err
	}
	conn, err := connect(ctx, r.Config, r.DataDir, r.Task)
	if err != nil {
		return nil, opened, err
	}
	s := &session{conn: conn, task: r.Task, api: "$JS.API.", alike: map[string]int{}}
	if domain := conn.JS.Options().Domain; domain != "" {
		s.api = "$JS." + domain + ".API."
	}
	if err = s.bind(ctx, &r, targets); err == nil && s.stream != "" {
		opened.Checkpoint, err = s.claim(ctx)
		opened.Exactly, opened.MaxRows = true, maxBatch-1
	}
	if err != nil {
		conn.Close()
		return nil, opened, err
	}
	return s, opened, nil
}

// bind looks at the streams. Where all documents go to one that can keep the
// checkpoint, it does.
func (s *session) bind(ctx context.Context, r *sinks.OpenRequest, targets []*target) error {
	exact := true
	for i, t := range targets {
		b := &bound{target: t, source: r.Bindings[i].Collection.Name, stateKey: r.Bindings[i].StateKey}
		s.targets = append(s.targets, b)
		if !t.delta {
			pointers, err := r.Bindings[i].GroupKey()
			if err != nil {
				return err
			}
			if pointers == nil {
				pointers = r.Bindings[i].Collection.Key
			}
			if b.pack, err = document.NewKey(pointers); err != nil {
				return err
			}
		}
		if t.stream == "" {
			exact = false
			continue
		}
		c, err := look(ctx, s.conn, t)
		if err != nil {
			return err
		}
		b.atomic = c.AllowAtomicPublish
		s.subject = checkpointSubject(t.stream, r.Task, r.Shard)
		s.forever = c.MaxAge > 0
		exact = exact && t.stream == targets[0].stream && exactly(c, s.subject)
	}
	if exact && len(targets) > 0 {
		s.stream = targets[0].stream
	}
	return nil
}

// claim writes a checkpoint of this session behind the newest one: from here
// on nobody else's can follow.
func (s *session) claim(ctx context.Context) (state []byte, err error) {
	for {
		newest, err := s.newest(ctx)
		if err != nil {
			return nil, err
		}
		s.seq, s.last = 0, checkpoint{}
		if newest != nil {
			if s.last, err = decodeCheckpoint(newest.Data); err != nil {
				return nil, fmt.Errorf("nats: checkpoint at %d of stream %s: %w", newest.Sequence, s.stream, err)
			}
			s.seq = newest.Sequence
		}
		state = s.last.State
		s.last.V, s.last.Writer, s.last.Number = checkpointVersion, nuid.Next(), 0
		ack, err := s.send(ctx, nil, s.checkpointMessage(s.last))
		switch {
		case errors.Is(err, errMoved):
			continue // another session opened just now, or the last batch of a former one came through
		case err != nil:
			return nil, err
		}
		s.seq = ack.Sequence
		s.tidy(ctx)
		return state, nil
	}
}

func decodeCheckpoint(text []byte) (c checkpoint, err error) {
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	if c.V < 1 || c.V > checkpointVersion {
		return c, fmt.Errorf("it has format version %d, but this weir reads up to %d: run the newer weir that wrote it", c.V, checkpointVersion)
	}
	return c, nil
}

// newest gives the newest checkpoint as the stream's leader knows it, nil when
// there is none.
func (s *session) newest(ctx context.Context) (*jetstream.RawStreamMsg, error) {
	var found *jetstream.RawStreamMsg
	err := s.lastOf(ctx, s.stream, []string{s.subject}, func(_ int, m *jetstream.RawStreamMsg) error {
		found = m
		return nil
	})
	return found, err
}

// tidy removes the shard's former checkpoints. They are harmless: where that is
// not allowed, they stay.
func (s *session) tidy(ctx context.Context) {
	if stream, err := s.conn.JS.Stream(ctx, s.stream); err == nil {
		_ = stream.Purge(ctx, jetstream.WithPurgeSubject(s.subject), jetstream.WithPurgeKeep(1))
	}
}

// Store makes messages of rows (step 1).
func (s *session) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	if s.broken != nil {
		return s.broken
	}
	b := s.targets[binding]
	for i := range rows {
		err := s.stage(b, &rows[i])
		if sinks.IsRefused(err) {
			return err // a Rollback puts all right
		}
		if err != nil {
			return s.end(err)
		}
	}
	if err := ctx.Err(); err != nil {
		return s.end(err)
	}
	return nil
}

func (s *session) stage(b *bound, r *sinks.Row) error {
	deleted := r.Delete && !b.delta
	if deleted && !r.Exists {
		return nil
	}
	subject, err := b.subject(r)
	if key := (*document.KeyError)(nil); errors.As(err, &key) {
		return sinks.Refuse(b.source, key.Pointer, r.Raw, "no subject can hold the value: it "+key.Reason)
	}
	if err != nil {
		return fmt.Errorf("nats: document %s: %w", rowName(r), err)
	}
	m := &nats.Msg{Subject: subject, Header: nats.Header{}}
	if !b.delta {
		m.Header[bindingHeader] = []string{b.stateKey}
	}
	switch {
	case deleted && b.kind == toBucket:
		m.Header[kvOperation] = []string{"DEL"}
	case deleted:
		m.Header[operationHeader] = []string{"DEL"}
	default:
		m.Data = append([]byte(nil), r.Raw...)
	}
	if size := m.Size() + batchRoom; int64(size) > s.conn.MaxPayload() {
		return sinks.Refuse(b.source, "", r.Raw, fmt.Sprintf("document %s takes %d bytes with its headers, and the destination's server takes messages of %d: raise max_payload in its configuration, or write smaller documents", rowName(r), size, s.conn.MaxPayload()))
	}
	s.messages, s.of, s.ids = append(s.messages, m), append(s.of, b), append(s.ids, s.messageID(b, r, deleted))
	return nil
}

// subject is that of a row's document.
func (b *bound) subject(r *sinks.Row) (string, error) {
	var dst []byte
	if b.kind == toBucket {
		dst = append(dst, "$KV."+b.Bucket+"."...)
	}
	var err error
	if b.delta {
		dst, err = b.template.appendDoc(dst, r.Doc)
	} else {
		dst, err = b.template.appendKey(dst, r.Key)
	}
	return string(dst), err
}

// rowName names a row's document in messages.
func rowName(r *sinks.Row) string {
	text, err := document.AppendKeyJSON(nil, r.Key)
	if err != nil {
		return "of an unknown key"
	}
	if len(text) > 200 {
		text = append(text[:200], "..."...)
	}
	return string(text)
}

// Commit is steps 2 and 3.
func (s *session) Commit(ctx context.Context, state []byte) error {
	if s.broken != nil {
		return s.broken
	}
	var err error
	if s.stream != "" {
		err = s.commitExactly(ctx, state)
	} else {
		err = s.publish(ctx, state)
	}
	if err != nil {
		return s.end(err)
	}
	s.drop()
	return nil
}

func (s *session) commitExactly(ctx context.Context, state []byte) error {
	if len(s.messages) >= maxBatch {
		return fmt.Errorf("nats: a transaction of %d documents does not fit an atomic batch of %d messages", len(s.messages), maxBatch)
	}
	next := s.last
	next.Number++
	next.State = state
	ack, err := s.send(ctx, s.messages, s.checkpointMessage(next))
	if errors.Is(err, errMoved) {
		return fmt.Errorf("nats: stream %s: %w", s.stream, sinks.ErrFenced)
	}
	if err != nil {
		return err
	}
	s.last, s.seq = next, ack.Sequence
	if next.Number%tidyEvery == 0 {
		s.tidy(ctx)
	}
	return nil
}

// tidyEvery is after how many transactions former checkpoints are removed.
const tidyEvery = 64

// Rollback forgets the rows of the open transaction.
func (s *session) Rollback(context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	s.drop()
	return nil
}

func (s *session) drop() { s.messages, s.of, s.ids, s.alike = nil, nil, nil, map[string]int{} }

func (s *session) end(err error) error {
	s.drop()
	s.broken = fmt.Errorf("the session has ended: %w", err)
	return err
}

// Close ends the session.
func (s *session) Close() error {
	if s.broken == nil {
		_ = s.end(errors.New("closed")) // it returns what it is given
	}
	s.conn.Close()
	return nil
}

// Load looks up the newest messages of keys' subjects. What a former binding
// wrote there counts for nothing.
func (s *session) Load(ctx context.Context, binding int, keys [][]byte, loaded func(i int, doc []byte) error) error {
	if s.broken != nil {
		return s.broken
	}
	b := s.targets[binding]
	if b.delta {
		return s.end(errors.New("nats: delta updates have nothing to load"))
	}
	subjects := make([]string, len(keys))
	for i, key := range keys {
		subject, err := b.subject(&sinks.Row{Key: key})
		if err != nil {
			return s.end(fmt.Errorf("nats: %w", err))
		}
		subjects[i] = subject
	}
	err := s.lastOf(ctx, b.stream, subjects, func(i int, m *jetstream.RawStreamMsg) error {
		if len(m.Data) == 0 || m.Header.Get(bindingHeader) != b.stateKey {
			return nil
		}
		if err := s.own(b, keys[i], m); err != nil {
			return err
		}
		return loaded(i, m.Data)
	})
	if err != nil {
		return s.end(err)
	}
	return nil
}

// own checks that a message is the document of a key.
func (s *session) own(b *bound, key []byte, m *jetstream.RawStreamMsg) error {
	var packed []byte
	err := s.doc.Parse(m.Data)
	if err == nil {
		packed, err = b.pack.AppendPacked(nil, &s.doc, 0)
	}
	if err == nil && string(packed) != string(key) {
		err = fmt.Errorf("its key is not %s", rowName(&sinks.Row{Key: key}))
	}
	if err != nil {
		return fmt.Errorf("nats: message %d of stream %s, on %s, is not the document that was published there: %w", m.Sequence, b.stream, m.Subject, err)
	}
	return nil
}

// decodeStored reads a message as JetStream's API gives it.
func decodeStored(text []byte) (*jetstream.RawStreamMsg, error) {
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Header  string `json:"hdrs"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	m := &jetstream.RawStreamMsg{Subject: answer.Message.Subject, Sequence: answer.Message.Seq, Data: answer.Message.Data, Header: nats.Header{}}
	if answer.Message.Header == "" {
		return m, nil
	}
	raw, err := base64.StdEncoding.DecodeString(answer.Message.Header)
	if err == nil {
		m.Header, err = nats.DecodeHeadersMsg(raw)
	}
	return m, err
}
