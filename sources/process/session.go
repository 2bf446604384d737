package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weir/connector"
	"weir/connector/program"
	"weir/sources"
)

// maxPending bounds the bytes of documents between two checkpoints: they are
// held in memory, since they become durable in one step.
const maxPending = 64 << 20

// session is one run of a program. Pull reads it, and beside that Acknowledge
// writes to it.
type session struct {
	dialog       *program.Dialog
	bindings     int
	acknowledges bool // the program wants to be told of commits

	pending []sources.Document // behind the last checkpoint
	bytes   int                // of these
	failed  error              // of a Pull: the session is over
}

var _ sources.Session = (*session)(nil)

// Pull gives the documents of the program's next checkpoint.
func (s *session) Pull(ctx context.Context) (sources.Batch, error) {
	if s.failed != nil {
		return sources.Batch{}, s.failed
	}
	if err := ctx.Err(); err != nil {
		return sources.Batch{}, err
	}
	for {
		line, err := s.dialog.Receive(ctx)
		if err == nil {
			var batch sources.Batch
			var done bool
			if batch, done, err = s.take(line); done {
				return batch, nil
			}
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return sources.Batch{}, err // what came is kept for the next Pull
		}
		s.failed = s.ended(err)
		return sources.Batch{}, s.failed
	}
}

// ended says of the end of a program what is to become of the session.
func (s *session) ended(err error) error {
	switch {
	case errors.Is(err, io.EOF) && len(s.pending) > 0:
		return fmt.Errorf("the connector ended with %d documents behind its last checkpoint: it must send a checkpoint behind what it captured", len(s.pending))
	case errors.Is(err, io.EOF):
		return err
	}
	return passing(s.dialog.Safe(err))
}

// take handles one message; done: it was a checkpoint.
func (s *session) take(line []byte) (batch sources.Batch, done bool, err error) {
	m, err := connector.DecodeCapture(line)
	switch {
	case err != nil:
		return batch, false, err
	case m.Captured != nil:
		return batch, false, s.add(m.Captured)
	case m.Checkpoint != nil:
		batch.Documents, s.pending, s.bytes = s.pending, nil, 0
		if state := m.Checkpoint.State; state != nil {
			batch.State, batch.Merge = state.Updated, state.MergePatch
		} else {
			batch.State, batch.Merge = json.RawMessage(`{}`), true // nothing of it changed
		}
		return batch, true, nil
	case m.SourcedSchema != nil:
		// What documents look like, the collection's schema says, or they do.
		return batch, false, s.known(m.SourcedSchema.Binding)
	}
	return batch, false, &connector.MessageError{Line: string(line[:min(len(line), 200)]), Reason: "a session has only captured, sourcedSchema and checkpoint"}
}

func (s *session) known(binding int) error {
	if binding >= s.bindings {
		return fmt.Errorf("the connector names binding %d, but there are %d (the first is 0)", binding, s.bindings)
	}
	return nil
}

func (s *session) add(c *connector.Captured) error {
	if err := s.known(c.Binding); err != nil {
		return err
	}
	s.pending = append(s.pending, sources.Document{Binding: c.Binding, Data: c.Doc})
	if s.bytes += len(c.Doc); s.bytes > maxPending {
		return fmt.Errorf("the connector captured %d documents of %d bytes without a checkpoint, and these are held in memory: let it send a checkpoint every few megabytes", len(s.pending), s.bytes)
	}
	return nil
}

// Acknowledge tells the program that checkpoints are durable, if it wants to
// know.
func (s *session) Acknowledge(ctx context.Context, n int) error {
	if !s.acknowledges || n == 0 {
		return nil
	}
	text, err := json.Marshal(connector.CaptureRequest{Acknowledge: &connector.CaptureAcknowledge{Checkpoints: n}})
	if err != nil {
		return fmt.Errorf("encode acknowledge: %w", err)
	}
	err = s.dialog.Send(ctx, append(text, '\n'), nil)
	if err != nil && !errors.Is(err, io.EOF) { // one that has ended need not know
		return passing(s.dialog.Safe(err))
	}
	return nil
}

// Close ends the program.
func (s *session) Close() error {
	s.dialog.Stop()
	return nil
}
