package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"weir/internal/objects"
	"weir/sinks"
)

// commit is the record of one commit, or of an opening.
type commit struct {
	V          int    `json:"v"`
	Session    string `json:"session"` // who made it
	Checkpoint []byte `json:"checkpoint,omitempty"`
	HasPoint   bool   `json:"hasCheckpoint,omitempty"` // an empty checkpoint is one, too
	Files      []move `json:"files,omitempty"`
}

// move is a staged file and what it is called as data.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

const commitVersion = 1

// commitLog is the chain of a shard's commits.
type commitLog struct {
	store  *objects.Store
	folder string // of the shard, with a slash at its end
	last   uint64 // number of the newest commit that is known to be ours or older
}

func (l *commitLog) key(n uint64) string { return fmt.Sprintf("%scommits/%020d.json", l.folder, n) }

// numbers lists the commits that are there: few, since older ones are removed.
func (l *commitLog) numbers(ctx context.Context) (newest uint64, older []uint64, err error) {
	prefix := l.folder + "commits/"
	err = l.store.List(ctx, prefix, func(o objects.Object) error {
		digits, isCommit := strings.CutSuffix(strings.TrimPrefix(o.Key, prefix), ".json")
		n, err := strconv.ParseUint(digits, 10, 64)
		if !isCommit || err != nil || n == 0 {
			return lastingf("%s is nothing that Weir wrote: move it away", l.store.Name(o.Key))
		}
		if n > newest {
			newest, n = n, newest
		}
		if n > 0 {
			older = append(older, n)
		}
		return nil
	})
	return newest, older, err
}

func (l *commitLog) read(ctx context.Context, n uint64) (c commit, err error) {
	r, err := l.store.Read(ctx, l.key(n), 0)
	if err != nil {
		return c, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, lastingf("commit %s is damaged: %v", l.store.Name(l.key(n)), err)
	}
	if c.V != commitVersion {
		return c, lastingf("commit %s has format %d, this weir knows %d: it was written by a newer one", l.store.Name(l.key(n)), c.V, commitVersion)
	}
	return c, nil
}

// append makes the next commit (step 2). ErrFenced: it counts for nothing.
func (l *commitLog) append(ctx context.Context, c commit) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	next := l.last + 1
	err = l.store.CreateNew(ctx, l.key(next), text)
	if errors.Is(err, objects.ErrExists) {
		return fmt.Errorf("commit %d in %s: %w", next, l.store.Name(l.folder), sinks.ErrFenced)
	}
	if err != nil {
		return err
	}
	newest, _, err := l.numbers(ctx)
	if err != nil {
		return err
	}
	if newest != next {
		err := fmt.Errorf("commit %d in %s, where %d is there: %w", next, l.store.Name(l.folder), newest, sinks.ErrFenced)
		return errors.Join(err, l.store.Remove(ctx, l.key(next)))
	}
	l.last = next
	return nil
}

// publish gives a commit's files their names (step 3), as far as they do not
// have them.
func (l *commitLog) publish(ctx context.Context, c commit, step func(string) error) error {
	for _, f := range c.Files {
		err := l.store.Move(ctx, f.From, f.To)
		if objects.Missing(err) {
			err = l.published(ctx, f)
		}
		if err == nil {
			err = step("publish")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// published checks that a file that is staged no more has its name.
func (l *commitLog) published(ctx context.Context, f move) error {
	r, err := l.store.Read(ctx, f.To, 0)
	if err == nil {
		return r.Close()
	}
	if objects.Missing(err) {
		return lastingf("%s, which was committed, is gone, and so is its staged copy: somebody removed them; put the file back, or remove the folder %s to have everything written again", l.store.Name(f.To), l.store.Name(strings.TrimSuffix(l.folder, "/")))
	}
	return err
}

// attempts is how often an opening tries to be the last one.
const attempts = 8

// claim takes the shard over, and gives its newest commit.
func (l *commitLog) claim(ctx context.Context, session string, step func(string) error) (c commit, err error) {
	for range attempts {
		var older []uint64
		if l.last, older, err = l.numbers(ctx); err != nil {
			return c, err
		}
		if c = (commit{V: commitVersion}); l.last > 0 {
			c, err = l.read(ctx, l.last)
			if objects.Missing(err) { // another opening made a newer one
				continue
			}
			if err != nil {
				return c, err
			}
		}
		if err := l.publish(ctx, c, step); err != nil {
			return c, err
		}
		mine := commit{V: commitVersion, Session: session, Checkpoint: c.Checkpoint, HasPoint: c.HasPoint}
		before := l.last
		err = l.append(ctx, mine)
		if errors.Is(err, sinks.ErrFenced) {
			continue
		}
		if err != nil {
			return c, err
		}
		if before > 0 {
			older = append(older, before)
		}
		return c, l.forget(ctx, older...)
	}
	return c, err
}

// forget removes commits before the newest (step 4).
func (l *commitLog) forget(ctx context.Context, numbers ...uint64) error {
	for _, n := range numbers {
		if err := l.store.Remove(ctx, l.key(n)); err != nil {
			return err
		}
	}
	return nil
}

// checkExclusive makes sure that the store refuses to make what is there: one
// that does not know how would let two owners commit.
func (l *commitLog) checkExclusive(ctx context.Context) error {
	for range 2 {
		err := l.store.CreateNew(ctx, l.folder+"exclusive", []byte("{}"))
		if errors.Is(err, objects.ErrExists) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return lastingf("%s overwrites objects that must not be there (it ignores If-None-Match), so that no two owners could be told apart: use a server that knows conditional writes", l.store)
}
