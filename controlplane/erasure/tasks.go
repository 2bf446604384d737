package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/catalog"
	"weir/controlplane"
	"weir/journal"
	"weir/tasklog"
)

// statusBucket holds what tasks do; workers write it.
const statusBucket = "weir_status"

// logged is what was found in the stream of task logs.
type logged struct {
	place   int // in the report, from 1; 0: not there yet
	through uint64
	others  int      // lines of tasks that read or write the collection, and are not surely about the key
	perhaps []uint64 // of them those that may be
}

// plainFields are fields of lines that name what is in the catalog.
var plainFields = []string{"collection", "transform", "function", "code", "logger"}

// logs erases the lines about the key in the stream of task logs, from where it
// ended before.
func (e *erasing) logs(ctx context.Context) error {
	l := &e.logged
	if l.place == 0 {
		e.report.Places = append(e.report.Places, Place{Name: "lines of task logs"})
		l.place = len(e.report.Places)
	}
	place := &e.report.Places[l.place-1]
	var sure []uint64
	err := tasklog.Each(ctx, e.conn, tasklog.Query{After: l.through}, func(entry tasklog.Entry) error {
		l.through = entry.Seq
		of := e.traceOf(&entry)
		switch is, maybe := e.traces.about(of); {
		case is:
			sure = append(sure, entry.Seq)
			place.Documents++
			for _, text := range of.texts {
				place.Bytes += len(text)
			}
		case maybe:
			l.perhaps = append(l.perhaps, entry.Seq)
		case e.traces.uses(of.task):
			l.others++
		}
		return nil
	})
	if err != nil || e.dry {
		return err
	}
	for _, seq := range sure {
		if err := e.conn.Erase(ctx, tasklog.Stream, seq); err != nil {
			return err
		}
	}
	return nil
}

// traceOf is what a line says. What a module prints while it has a document has
// the sequence in its transform's source.
func (e *erasing) traceOf(entry *tasklog.Entry) trace {
	t := trace{task: controlplane.Task{Kind: catalog.Kind(entry.Kind), Name: entry.Task}, texts: []string{entry.Message}}
	for name, value := range entry.Fields {
		if text, ok := value.(string); ok && !slices.Contains(plainFields, name) {
			t.texts = append(t.texts, text)
		}
	}
	t.subject, _ = entry.Fields["subject"].(string)
	t.collection, _ = entry.Fields["collection"].(string)
	if n, ok := entry.Fields["seq"].(json.Number); ok {
		seq, _ := n.Int64()
		t.seq = uint64(seq)
	}
	if transform, ok := entry.Fields["transform"].(string); ok {
		t.collection = ""
		if slices.Contains(e.traces.tasks[t.task], transform) {
			t.collection = e.target.Name
		}
	}
	return t
}

// teller is a status record that tells of the key.
type teller struct {
	task     controlplane.Task
	key      string
	revision uint64
}

// reason is the part of a status record that says why a task ended.
type reason struct {
	Message    string `json:"message"`
	Collection string `json:"collection"`
	Subject    string `json:"subject"`
	Seq        uint64 `json:"seq"`
	Document   string `json:"document"`
}

// statuses erases the status records that tell of the key, and lets their tasks
// start anew: a worker writes them from what it remembers of a failure, and
// forgets that when it starts a task anew.
func (e *erasing) statuses(ctx context.Context) error {
	place := Place{Name: "status records of tasks"}
	defer func() { e.report.Places = append(e.report.Places, place) }()
	bucket, err := e.conn.Bucket(ctx, statusBucket)
	if errors.Is(err, journal.ErrNoStream) {
		return nil
	}
	if err != nil {
		return err
	}
	var tellers []teller
	err = bucket.Scan(ctx, "", func(entry journal.Entry) error {
		task, tells := e.tells(entry)
		if tells {
			place.Documents++
			place.Bytes += len(entry.Value)
			tellers = append(tellers, teller{task: task, key: entry.Key, revision: entry.Revision})
		}
		return nil
	})
	if err != nil || e.dry {
		return err
	}
	for _, t := range tellers {
		if err := bucket.Erase(ctx, t.key, t.revision); err != nil {
			return err
		}
		if !slices.ContainsFunc(e.records, func(r catalog.Record) bool { return r.TaskKind() == t.task.Kind && r.Name() == t.task.Name }) {
			continue // nobody runs it
		}
		if err := controlplane.StartAnew(ctx, e.conn, t.task); err != nil {
			return err
		}
		e.tellers = append(e.tellers, t)
	}
	return nil
}

// tells says whether a status record tells of the key, and whose it is.
func (e *erasing) tells(entry journal.Entry) (controlplane.Task, bool) {
	var s struct {
		Kind        catalog.Kind `json:"kind"`
		Task        string       `json:"task"`
		Why         reason       `json:"why"`
		LastFailure struct {
			Why reason `json:"why"`
		} `json:"lastFailure"`
	}
	if json.Unmarshal(entry.Value, &s) != nil || s.Kind == "" { // a worker's sign of life
		return controlplane.Task{}, false
	}
	task := controlplane.Task{Kind: s.Kind, Name: s.Task}
	for _, why := range []reason{s.Why, s.LastFailure.Why} {
		of := trace{task: task, texts: []string{why.Message, why.Document}, collection: why.Collection, subject: why.Subject, seq: why.Seq}
		if sure, _ := e.traces.about(of); sure {
			return task, true
		}
	}
	return task, false
}

// awaitStatuses waits until the workers have written anew what was erased of
// status records.
func (e *erasing) awaitStatuses(ctx context.Context) error {
	if e.dry || len(e.tellers) == 0 {
		return nil
	}
	bucket, err := e.conn.Bucket(ctx, statusBucket)
	if err != nil {
		return err
	}
	patience, stop := context.WithTimeout(ctx, e.wait)
	defer stop()
	for _, t := range e.tellers {
		if err := e.awaitStatus(ctx, patience, bucket, t); err != nil {
			return fmt.Errorf("wait for the status of %s: %w", t.task.Name, err)
		}
	}
	return nil
}

// awaitStatus waits for one record until patience ends. What its worker wrote
// while it stopped the task is erased too.
func (e *erasing) awaitStatus(ctx, patience context.Context, bucket *journal.Bucket, t teller) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for looks := 0; ; looks++ {
		entry, err := bucket.Get(ctx, t.key)
		if err != nil && !errors.Is(err, journal.ErrNoKey) {
			return err
		}
		if err == nil {
			if _, tells := e.tells(entry); !tells {
				return nil
			}
			if err := bucket.Erase(ctx, t.key, entry.Revision); err != nil {
				return err
			}
		}
		if looks == 0 && e.progress != nil {
			e.progress("waiting for " + t.task.Name + " to start anew")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.Done():
			e.remain(fmt.Sprintf("the status of %s %s, if its worker still runs: it was erased, and the worker may write again what it remembers", t.task.Kind, t.task.Name),
				"see with `weir status "+t.task.Name+"` that it has started anew, or start its worker again; then erase the key again")
			return nil
		case <-again.C:
		}
	}
}

// saidElsewhere notes what tasks may have said of the key in words that nobody
// can tell.
func (e *erasing) saidElsewhere() {
	const gone = "they are gone after seven days; at once with `nats stream purge weir_logs`, which removes the lines of all tasks"
	if n := len(e.logged.perhaps); n > 0 {
		var some []string
		for _, seq := range e.logged.perhaps[:min(n, mostKeys)] {
			some = append(some, fmt.Sprint(seq))
		}
		e.remain(fmt.Sprintf("%d lines of task logs with the values of the key, which are too short to tell whether they mean it (sequences in weir_logs: %s)", n, strings.Join(some, ", ")),
			"look at each with `nats stream get weir_logs SEQUENCE`, and erase it with `nats stream rmm weir_logs SEQUENCE`; "+gone)
	}
	if e.logged.others > 0 {
		e.remain(fmt.Sprintf("%d other lines of logs of tasks that read or write %s: what console.log or an error tells of the key in other words is not known", e.logged.others, e.target.Name),
			"look at them with `weir logs`; "+gone)
	}
	e.remain("what workers wrote to their own standard error, and where that is kept", "remove it by its own means")
}
