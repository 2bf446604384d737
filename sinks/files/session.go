package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"weir/internal/objects"
	"weir/sinks"
)

// mostOpen is how many files are written at a time: a transaction whose
// documents are of more hours than that gets more than one file of some.
const mostOpen = 8

// session writes the transactions of one shard.
type session struct {
	log      commitLog
	name     string // of this session: a nonce
	prefix   string // of the names of data files: the task and the shard
	bindings []*target
	step     func(string) error // of tests: called at each step

	ctx    context.Context // of the session: files are open across calls
	end    context.CancelFunc
	broken error

	open   map[string]*output // by binding and folder
	staged []move             // files of the open transaction that are complete
	parts  int                // files of the open transaction
	line   []byte
}

// target is a binding and how its documents are written.
type target struct {
	resource resource
	encoder  *encoder
}

// output is a file that is being written.
type output struct {
	to     move
	object objects.Writer
	packed io.WriteCloser
}

// Load has nothing to look up: bindings are in delta mode.
func (s *session) Load(context.Context, int, [][]byte, func(int, []byte) error) error {
	return s.fail(errors.New("files: nothing can be loaded: bindings are in delta mode"))
}

// Store writes documents into files that are staged.
func (s *session) Store(ctx context.Context, binding int, rows []sinks.Row) error {
	done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	t := s.bindings[binding]
	for i := range rows {
		if err := s.store(binding, t, &rows[i]); err != nil {
			return s.failIn(ctx, s.orFenced(err))
		}
	}
	return s.failIn(ctx, s.step("store"))
}

// begin starts a call: whatever waits for the store ends with its context.
func (s *session) begin(ctx context.Context) (done func() bool, err error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if err := ctx.Err(); err != nil {
		return nil, s.fail(err)
	}
	return context.AfterFunc(ctx, s.end), nil
}

func (s *session) store(binding int, t *target, row *sinks.Row) error {
	published := row.Published
	if published.IsZero() {
		published = time.Now()
	}
	folder := t.resource.folder(published)
	out, err := s.output(binding, t, folder)
	if err != nil {
		return err
	}
	if s.line, err = t.encoder.append(s.line[:0], row); err != nil {
		return err
	}
	_, err = out.packed.Write(s.line)
	return err
}

// output gives the file of a binding and folder, a new one if need be.
func (s *session) output(binding int, t *target, folder string) (*output, error) {
	key := fmt.Sprintf("%d %s", binding, folder)
	if out := s.open[key]; out != nil {
		return out, nil
	}
	if len(s.open) >= mostOpen {
		if err := s.finishAll(); err != nil {
			return nil, err
		}
	}
	s.parts++
	name := fmt.Sprintf("%s-%010d-%03d%s", s.prefix, s.log.last+1, s.parts, t.resource.suffix())
	out := &output{to: move{From: s.log.folder + "staging/" + s.name + "-" + name, To: path.Join(folder, name)}}
	var err error
	if out.object, err = s.log.store.Create(s.ctx, out.to.From); err != nil {
		return nil, err
	}
	s.open[key] = out
	if out.packed, err = objects.Compress(out.object, t.resource.Compression); err == nil {
		_, err = out.packed.Write(t.encoder.header)
	}
	return out, err
}

// finishAll completes the files that are open (step 1).
func (s *session) finishAll() error {
	for key, out := range s.open {
		if err := out.packed.Close(); err != nil {
			return err
		}
		if err := out.object.Commit(); err != nil {
			return err
		}
		delete(s.open, key)
		s.staged = append(s.staged, out.to)
		if err := s.step("stage"); err != nil {
			return err
		}
	}
	return nil
}

// Commit runs the steps of the package's doc.
func (s *session) Commit(ctx context.Context, checkpoint []byte) error {
	done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := s.finishAll(); err != nil { // step 1
		return s.failIn(ctx, s.orFenced(err))
	}
	c := commit{V: commitVersion, Session: s.name, Checkpoint: checkpoint, HasPoint: true, Files: s.staged}
	before := s.log.last
	if err = s.log.append(s.ctx, c); err == nil { // step 2
		err = s.step("commit")
	}
	if err == nil {
		err = s.log.publish(s.ctx, c, s.step) // step 3
	}
	if err == nil {
		err = s.log.forget(s.ctx, before) // step 4
	}
	if err != nil {
		return s.failIn(ctx, err)
	}
	s.staged, s.parts = nil, 0
	return s.failIn(ctx, s.step("forget"))
}

// orFenced is an error, or the fence if that is why a staged file is gone:
// whoever takes a shard over removes what was staged.
func (s *session) orFenced(err error) error {
	if !objects.Missing(err) {
		return err
	}
	newest, _, failed := s.log.numbers(s.ctx)
	if failed != nil || newest <= s.log.last {
		return err
	}
	return fmt.Errorf("commit %d in %s, where %d is there: %w", s.log.last+1, s.log.store.Name(s.log.folder), newest, sinks.ErrFenced)
}

// Rollback removes what is staged.
func (s *session) Rollback(ctx context.Context) error {
	done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := s.drop(s.ctx); err != nil {
		return s.failIn(ctx, err)
	}
	return nil
}

func (s *session) drop(ctx context.Context) error {
	for key, out := range s.open {
		out.object.Abort()
		delete(s.open, key)
	}
	for _, f := range s.staged {
		if err := s.log.store.Remove(ctx, f.From); err != nil {
			return err
		}
	}
	s.staged, s.parts = nil, 0
	return nil
}

// failIn is fail for an error of a call whose context may have ended.
func (s *session) failIn(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		err = ended
	}
	return s.fail(err)
}

// fail ends the session: what was staged, the next opening removes.
func (s *session) fail(err error) error {
	err = explain(err)
	if s.broken == nil {
		s.broken = fmt.Errorf("the session has ended: %w", err)
		for _, out := range s.open {
			out.object.Abort()
		}
		clear(s.open)
	}
	return err
}

// Close ends the session; files that are being written are dropped.
func (s *session) Close() error {
	if s.ctx == nil {
		return nil
	}
	_ = s.fail(errors.New("closed")) // it returns what it is given
	s.end()
	s.ctx = nil
	return s.log.store.Close()
}

// explain marks trouble that passes by itself.
func explain(err error) error {
	if errors.Is(err, sinks.ErrFenced) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var lasting *lastingError
	if errors.As(err, &lasting) || !objects.Passes(err) {
		return fmt.Errorf("files: %w", err)
	}
	return sinks.Transient(fmt.Errorf("files: %w", err))
}

// lastingError is one that somebody has to do something about.
type lastingError struct{ text string }

func (e *lastingError) Error() string { return e.text }

func lastingf(format string, args ...any) error {
	return &lastingError{fmt.Sprintf(format, args...)}
}
