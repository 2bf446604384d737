package documents

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/fault"
	"weir/journal"
)

// Directions of a task's documents.
const (
	In  = "in"
	Out = "out"
)

// Pipe is one input or output of a task.
type Pipe struct {
	Direction string // In or Out
	Name      string // of the transform, or of the resource that a binding is about; of an output the collection
	Query     *Query
	source    catalog.Source
}

// Event is a document on its way into or out of a task.
type Event struct {
	Direction  string `json:"direction"`
	Name       string `json:"name"`
	Collection string `json:"collection"`
	Document
}

// Pipes gives the inputs and outputs of a task among what is published: a
// derivation's sources and its collection, a materialization's sources, a
// capture's targets. What a capture reads and a materialization writes lies in
// their endpoints.
func Pipes(records []catalog.Record, task string) ([]Pipe, error) {
	specs := map[string]*catalog.Collection{}
	for _, r := range records {
		if r.Collection != nil {
			specs[r.Collection.Name] = r.Collection
		}
	}
	var pipes []Pipe
	var known []string
	for i := range records {
		name, own := ownPipes(&records[i])
		if name == "" {
			continue
		}
		if name == task {
			pipes = append(pipes, own...)
		}
		known = append(known, name)
	}
	if len(pipes) == 0 && slices.Contains(known, task) {
		return nil, fault.New(fault.NotFound, "enable a transform or a binding, and publish the catalog again", "everything of %s is disabled: there is nothing to see", task)
	}
	if len(pipes) == 0 {
		return nil, unknownTask(task, known, specs)
	}
	for i := range pipes {
		if err := pipes[i].compile(specs); err != nil {
			return nil, err
		}
	}
	return pipes, nil
}

func unknownTask(task string, known []string, specs map[string]*catalog.Collection) error {
	slices.Sort(known)
	switch {
	case specs[task] != nil:
		return fault.New(fault.NotFound, "`weir read "+task+" --follow` shows its documents", "%s is a collection that no task of that name writes", task)
	case len(known) == 0:
		return fault.New(fault.NotFound, "publish a catalog first", "task %s is not published, nor is any other", task)
	}
	known = slices.Compact(known)
	fix := "name one that is: " + strings.Join(known, ", ")
	if near := catalog.Nearest(task, known); near != "" {
		fix = "if you mean " + near + ", name that; `weir list` shows all that is published"
	}
	return fault.New(fault.NotFound, fix, "task %s is not published", task)
}

// ownPipes gives the inputs and outputs of a record that is a task's.
func ownPipes(r *catalog.Record) (task string, pipes []Pipe) {
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		task = r.Collection.Name
		for _, t := range r.Collection.Derive.Transforms {
			if !t.Disable {
				pipes = append(pipes, Pipe{Direction: In, Name: t.Name, source: t.Source})
			}
		}
		pipes = append(pipes, Pipe{Direction: Out, Name: task, source: catalog.Source{Name: task}})
	case r.Materialization != nil:
		task = r.Materialization.Name
		for _, b := range r.Materialization.Bindings {
			if !b.Disable {
				pipes = append(pipes, Pipe{Direction: In, Name: b.Source.Name, source: b.Source})
			}
		}
	case r.Capture != nil:
		task = r.Capture.Name
		seen := map[string]bool{}
		for _, b := range r.Capture.Bindings {
			if !b.Disable && !seen[b.Target] {
				seen[b.Target] = true
				pipes = append(pipes, Pipe{Direction: Out, Name: b.Target, source: catalog.Source{Name: b.Target}})
			}
		}
	}
	return task, pipes
}

func (p *Pipe) compile(specs map[string]*catalog.Collection) error {
	spec, ok := specs[p.source.Name]
	if !ok {
		return fmt.Errorf("collection %s is not published", p.source.Name)
	}
	c, err := collection.New(spec)
	if err != nil {
		return err
	}
	p.Query = &Query{Collection: c}
	if p.Query.Selection, err = c.Select(p.source.Partitions); err != nil {
		return fmt.Errorf("%s of %s: %w", p.Direction, p.source.Name, err)
	}
	return nil
}

// tapped is a pipe being followed, with the message at its head.
type tapped struct {
	*Pipe
	reader *journal.Reader
	head   journal.Message
	filled bool
}

// Tap calls fn with the documents of pipes as they come, the older ones first
// where several are there, until fn's error or ctx ends it. idle is called
// whenever nothing more is there for the moment. Where each pipe begins, its
// query says.
func Tap(ctx context.Context, conn *journal.Conn, pipes []Pipe, idle func() error, fn func(Event) error) error {
	wake := make(chan struct{}, 1)
	all := make([]*tapped, 0, len(pipes))
	defer func() {
		for _, p := range all {
			p.reader.Close()
		}
	}()
	for i := range pipes {
		q := pipes[i].Query
		filter, err := q.filter()
		if err != nil {
			return err
		}
		r, err := conn.NewReader(ctx, journal.ReaderConfig{Stream: q.Collection.StreamName(), Filter: filter, After: q.After, Name: "weir_tap", Wake: wake, Buffer: tapBuffer})
		if err != nil {
			return err
		}
		all = append(all, &tapped{Pipe: &pipes[i], reader: r})
	}
	for {
		first, err := oldest(all)
		switch {
		case err != nil:
			return err
		case first != nil:
			first.filled = false
			if err := fn(Event{first.Direction, first.Name, first.Query.Collection.Name, shown(&first.head)}); err != nil {
				return err
			}
			continue
		}
		if err := idle(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
}

// tapBuffer is what is read ahead of each pipe, in bytes.
const tapBuffer = 1 << 20

// oldest gives the pipe whose next document was stored first; nil when there is
// none now, or while what is stored already of another pipe is on its way.
func oldest(all []*tapped) (first *tapped, err error) {
	for _, p := range all {
		for !p.filled {
			m, ok, err := p.reader.TryNext()
			if err != nil {
				return nil, err
			}
			if !ok && !p.reader.CaughtUp() {
				return nil, nil
			}
			if !ok {
				break
			}
			p.head, p.filled = m, p.Query.admits(&m) && p.source.Admits(m.Time)
		}
		if p.filled && (first == nil || p.head.Time.Before(first.head.Time)) {
			first = p
		}
	}
	return first, nil
}

// BeginAll sets where pipes begin; see [Query.Begin].
func BeginAll(ctx context.Context, conn *journal.Conn, pipes []Pipe, from string, now time.Time) error {
	for _, p := range pipes {
		if err := p.Query.Begin(ctx, conn, from, now); err != nil {
			return err
		}
	}
	return nil
}
