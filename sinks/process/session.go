package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weir/connector"
	"weir/connector/program"
	"weir/document"
	"weir/sinks"
)

// sendSize is how many bytes of requests are sent at once.
const sendSize = 64 << 10

// phase says where a transaction stands. The protocol's order is: loads, a
// flush, stores, and startCommit.
type phase int

const (
	resting phase = iota // nothing was sent since the last acknowledgement
	loading              // loads were sent
	storing              // the flush was answered: loads are over
)

// session is one run of a program.
type session struct {
	sink     Sink
	request  sinks.OpenRequest
	bindings []*bound
	kept     kept
	exactly  bool // the connector keeps checkpoints

	dialog *program.Dialog
	lines  lines
	phase  phase
	wanted map[string]want // keys that were asked for, by binding and key
	broken error           // what ended the session
}

// want is who waits for the document of a key.
type want struct {
	index  int
	loaded func(i int, doc []byte) error
}

var (
	_ sinks.Session = (*session)(nil)
	_ sinks.Flusher = (*session)(nil)
)

// start starts the program, opens it with the state that is kept, and lets it
// end what it had begun before.
func (s *session) start(ctx context.Context) (opened sinks.Opened, err error) {
	part, err := connector.ShardRange(s.request.Shard)
	if err != nil {
		return opened, err
	}
	e, d, err := s.sink.begin(ctx, s.request.Config, s.request.Log)
	if err != nil {
		return opened, passing(err)
	}
	s.dialog, s.phase = d, resting
	spec := materializationSpec(s.request.Task, e.Config, s.request.Bindings, s.current())
	answer, err := ask(ctx, d, program.OpenLimit, connector.MaterializeRequest{Open: &connector.MaterializeOpen{
		Materialization: spec, Version: version, Range: part, State: s.kept.state(),
	}})
	if err == nil && answer.Opened == nil {
		err = unexpected("open")
	}
	if err == nil {
		err = s.acknowledge(ctx)
	}
	if err != nil {
		d.Stop()
		return opened, passing(d.Safe(err))
	}
	opened.Loads = true
	if c := answer.Opened.RuntimeCheckpoint; c != nil {
		opened.Exactly, opened.Checkpoint = true, c.Text()
	}
	s.exactly = opened.Exactly
	return opened, nil
}

// current is how this session's bindings were applied.
func (s *session) current() []applied {
	out := []applied{}
	for i, b := range s.request.Bindings {
		a := applied{Path: sinks.ResourcePath(b.StateKey), StateKey: b.StateKey, Backfill: sinks.Backfill(b.StateKey), Resource: b.Resource, Delta: b.Delta}
		for _, had := range s.kept.Applied {
			if samePath(had.StateKey, b.StateKey) {
				a = had
			}
		}
		f := s.request.Bindings[i].Fields
		a.Fields = connector.FieldSelection{Keys: f.Keys, Values: f.Values, Document: f.Document, FieldConfig: b.FieldConfig}
		out = append(out, a)
	}
	return out
}

// end keeps what ended the session.
func (s *session) end(err error) error {
	if err != nil && s.broken == nil {
		s.broken = passing(s.dialog.Safe(err))
		return s.broken
	}
	return err
}

// Load asks for documents. They come until Flush returns.
func (s *session) Load(ctx context.Context, binding int, keys [][]byte, loaded func(i int, doc []byte) error) error {
	if s.broken != nil {
		return s.broken
	}
	b := s.bindings[binding]
	switch {
	case b.delta:
		return s.end(fmt.Errorf("the binding of %s has delta updates: there is nothing to load", b.name))
	case s.phase == storing && len(keys) > 0:
		return s.end(errors.New("loads must come before stores"))
	}
	for i, key := range keys {
		s.phase = loading
		s.wanted[wantedKey(binding, key)] = want{i, loaded}
		if err := s.lines.load(b, key); err != nil {
			return s.end(err)
		}
		if err := s.sendFull(ctx, s.received); err != nil {
			return s.end(err)
		}
	}
	return s.end(ctx.Err())
}

func wantedKey(binding int, key []byte) string { return fmt.Sprint(binding, ":") + string(key) }

// sendFull sends what has been gathered when it is enough.
func (s *session) sendFull(ctx context.Context, received func(line []byte) error) error {
	if len(s.lines.text) < sendSize {
		return nil
	}
	return s.send(ctx, received)
}

func (s *session) send(ctx context.Context, received func(line []byte) error) error {
	if len(s.lines.text) == 0 {
		return ctx.Err()
	}
	err := s.dialog.Send(ctx, s.lines.text, received)
	s.lines.text = s.lines.text[:0]
	return err
}

// received handles what the connector says while loads are sent.
func (s *session) received(line []byte) error {
	r, err := connector.DecodeMaterialize(line)
	if err == nil && r.Loaded == nil {
		err = refused(line, "only loaded may come between load and flush")
	}
	if err != nil {
		return err
	}
	return s.loaded(r.Loaded, line)
}

// refused is a message at the wrong time.
func refused(line []byte, why string) error {
	return &connector.MessageError{Line: string(line[:min(len(line), 200)]), Reason: why}
}

func (s *session) loaded(r *connector.Loaded, line []byte) error {
	if r.Binding >= len(s.bindings) {
		return refused(line, fmt.Sprintf("there are %d bindings (the first is 0)", len(s.bindings)))
	}
	var doc document.Doc
	if err := doc.Parse(r.Doc); err != nil {
		return refused(line, "its document: "+err.Error())
	}
	key, err := s.bindings[r.Binding].key.AppendPacked(nil, &doc, 0)
	if err != nil {
		return refused(line, "its document: "+err.Error())
	}
	name := wantedKey(r.Binding, key)
	w, ok := s.wanted[name]
	if !ok {
		return refused(line, "this key was not asked for, or was answered already")
	}
	delete(s.wanted, name)
	return w.loaded(w.index, r.Doc)
}

// Flush waits for what was asked for.
func (s *session) Flush(ctx context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	return s.end(s.flush(ctx))
}

func (s *session) flush(ctx context.Context) error {
	if s.phase == storing {
		return nil
	}
	s.lines.text = append(s.lines.text, "{\"flush\":{}}\n"...)
	// What comes while this is sent may be the answer already.
	var flushed *connector.Stated
	handle := func(line []byte) error {
		r, err := connector.DecodeMaterialize(line)
		switch {
		case err != nil:
			return err
		case r.Loaded != nil && flushed == nil:
			return s.loaded(r.Loaded, line)
		case r.Flushed != nil && flushed == nil:
			flushed = r.Flushed
			return nil
		}
		return refused(line, "only loaded and flushed may follow flush")
	}
	if err := s.exchange(ctx, handle, func() bool { return flushed != nil }); err != nil {
		return err
	}
	s.phase = storing
	clear(s.wanted)
	return s.keep(ctx, nil, flushed.State)
}

// exchange sends what has been gathered and handles lines until done.
func (s *session) exchange(ctx context.Context, handle func(line []byte) error, done func() bool) error {
	err := s.send(ctx, handle)
	for err == nil && !done() {
		var line []byte
		if line, err = s.dialog.Receive(ctx); err == nil {
			err = handle(line)
		}
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the connector ended in the middle of a transaction: it must go on until its standard input ends")
	}
	return err
}

// askOne sends one request behind what has been gathered, and waits for the one
// answer that it has.
func (s *session) askOne(ctx context.Context, request connector.MaterializeRequest, step string, answer func(r connector.MaterializeResponse) *connector.Stated) (*connector.Stated, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", step, err)
	}
	s.lines.text = append(append(s.lines.text, text...), '\n')
	var got *connector.Stated
	handle := func(line []byte) error {
		r, err := connector.DecodeMaterialize(line)
		if err != nil {
			return err
		}
		if got != nil || answer(r) == nil {
			return refused(line, "it is no answer to "+step)
		}
		got = answer(r)
		return nil
	}
	return got, s.exchange(ctx, handle, func() bool { return got != nil })
}

// acknowledge tells the connector that its last commit is durable with its
// state, and waits until it has done what it does then.
func (s *session) acknowledge(ctx context.Context) error {
	got, err := s.askOne(ctx, connector.MaterializeRequest{Acknowledge: &struct{}{}}, "acknowledge", func(r connector.MaterializeResponse) *connector.Stated { return r.Acknowledged })
	if err != nil {
		return err
	}
	s.phase = resting
	return s.keep(ctx, nil, got.State)
}

// keep makes a state durable that the connector gave, with a checkpoint if
// there is one.
func (s *session) keep(ctx context.Context, checkpoint []byte, state *connector.ConnectorState) error {
	if s.request.Keep == nil || state == nil && (checkpoint == nil || s.exactly) {
		return nil
	}
	if err := s.kept.update(state); err != nil {
		return err
	}
	text, err := s.kept.encode()
	if err != nil {
		return err
	}
	return s.request.Keep(ctx, checkpoint, text)
}

// Store sends rows.
func (s *session) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	if s.broken != nil {
		return s.broken
	}
	if err := s.flush(ctx); err != nil {
		return s.end(err)
	}
	b := s.bindings[binding]
	for i := range rows {
		if err := s.lines.store(b, &rows[i]); err != nil {
			return s.end(err)
		}
		if err := s.sendFull(ctx, silent); err != nil {
			return s.end(err)
		}
	}
	return s.end(ctx.Err())
}

// silent is for steps that a connector does not answer.
func silent(line []byte) error {
	return refused(line, "nothing may come between flushed and startedCommit")
}

// Commit lets the connector commit. Its state and the checkpoint are kept
// before it is told to go on, unless it keeps them itself.
func (s *session) Commit(ctx context.Context, checkpoint []byte) error {
	if s.broken != nil {
		return s.broken
	}
	return s.end(s.commit(ctx, checkpoint))
}

func (s *session) commit(ctx context.Context, checkpoint []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	started, err := s.askOne(ctx, connector.MaterializeRequest{StartCommit: &connector.StartCommit{RuntimeCheckpoint: connector.NewCheckpoint(checkpoint)}},
		"startCommit", func(r connector.MaterializeResponse) *connector.Stated { return r.StartedCommit })
	if err != nil {
		return err
	}
	if err := s.keep(ctx, checkpoint, started.State); err != nil {
		return err
	}
	return s.acknowledge(ctx)
}

// Rollback starts the program anew if it was told anything of the transaction:
// the protocol has no way back.
func (s *session) Rollback(ctx context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	if s.phase == resting {
		return nil
	}
	s.dialog.Stop()
	s.lines.text = s.lines.text[:0]
	clear(s.wanted)
	_, err := s.start(ctx)
	return s.end(err)
}

// Close ends the program.
func (s *session) Close() error {
	if s.broken == nil {
		s.broken = errors.New("the session is closed")
	}
	s.dialog.Stop()
	return nil
}
