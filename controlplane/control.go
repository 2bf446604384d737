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
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the control: %w", err)
	}
	var tasks []Task
	for _, key := range keys {
		r := now.records[key]
		t := Task{Kind: r.TaskKind(), Name: name}
		if _, err := bucket.Put(ctx, collection.ControlKey(string(t.Kind), name), text); err != nil {
			return tasks, fmt.Errorf("write the control of %s %s: %w", t.Kind, name, err)
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
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
