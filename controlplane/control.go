package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// Task names a task.
type Task struct {
	Kind catalog.Kind `json:"kind"` // capture, derivation, materialization or inbox
	Name string       `json:"name"`
}

// Pause lets the tasks of a name stand still until they are resumed: restarts and
// publications change nothing about it. Workers commit what is open first.
func Pause(ctx context.Context, conn *journal.Conn, name, by, why string) ([]Task, error) {
	return control(ctx, conn, name, catalog.Control{V: catalog.ControlVersion, Paused: true, At: time.Now().UTC(), By: by, Why: why})
}

// Resume lets paused tasks go on where they stopped, and those that failed or
// wait to start again start at once.
func Resume(ctx context.Context, conn *journal.Conn, name, by string) ([]Task, error) {
	return control(ctx, conn, name, catalog.Control{V: catalog.ControlVersion, At: time.Now().UTC(), By: by})
}

func control(ctx context.Context, conn *journal.Conn, name string, c catalog.Control) ([]Task, error) {
	bucket, err := openCatalog(ctx, conn)
	if err != nil {
		return nil, err
	}
	now, err := readPublished(ctx, bucket)
	if err != nil {
		return nil, err
	}
	keys := keysOf(now.records, name)
	if len(keys) == 0 {
		return nil, unknownName(now.records, name)
	}
	var tasks []Task
	for _, key := range keys {
		r := now.records[key]
		t := Task{Kind: r.TaskKind(), Name: name}
		said := func(old *catalog.Control, _ error) error { // what cannot be read gives way to what is said now
			c.Starts = old.Starts
			*old = c
			return nil
		}
		if err := changeControl(ctx, bucket, t, said); err != nil {
			return tasks, err
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// StartAnew lets the worker that runs a task start it anew, once what is open is
// committed. A task that stands still, for whatever reason, stays as it is, but
// one that failed is tried again.
func StartAnew(ctx context.Context, conn *journal.Conn, t Task) error {
	bucket, err := openCatalog(ctx, conn)
	if err != nil {
		return err
	}
	return changeControl(ctx, bucket, t, func(c *catalog.Control, err error) error {
		c.Starts++
		return err
	})
}

// changeControl changes what is wanted of a task, whoever else does meanwhile.
// change gets what was said last, and why that cannot be read.
func changeControl(ctx context.Context, bucket *journal.Bucket, t Task, change func(c *catalog.Control, err error) error) error {
	key := collection.ControlKey(string(t.Kind), t.Name)
	for {
		c := catalog.Control{V: catalog.ControlVersion, At: time.Now().UTC()}
		var unread error
		e, err := bucket.Get(ctx, key)
		switch {
		case err == nil:
			c, unread = catalog.DecodeControl(e.Value)
		case !errors.Is(err, journal.ErrNoKey):
			return fmt.Errorf("control of %s %s: %w", t.Kind, t.Name, err)
		}
		if err := change(&c, unread); err != nil {
			return fmt.Errorf("control of %s %s: %w", t.Kind, t.Name, err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("encode the control: %w", err)
		}
		_, err = bucket.Update(ctx, key, text, e.Revision)
		if errors.Is(err, journal.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write the control of %s %s: %w", t.Kind, t.Name, err)
		}
		return nil
	}
}

// ReadControl gives what was said of a task last; nil: nothing was ever said.
func ReadControl(ctx context.Context, conn *journal.Conn, t Task) (*catalog.Control, error) {
	bucket, err := openCatalog(ctx, conn)
	if err != nil {
		return nil, err
	}
	return readControl(ctx, bucket, t)
}

// readControl gives what is wanted of a task; nil: nothing was ever said.
func readControl(ctx context.Context, bucket *journal.Bucket, t Task) (*catalog.Control, error) {
	e, err := bucket.Get(ctx, collection.ControlKey(string(t.Kind), t.Name))
	if errors.Is(err, journal.ErrNoKey) {
		return nil, nil //nolint:nilnil // nobody said anything
	}
	if err != nil {
		return nil, fmt.Errorf("control of %s %s: %w", t.Kind, t.Name, err)
	}
	c, err := catalog.DecodeControl(e.Value)
	return &c, err
}
