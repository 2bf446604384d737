package worker

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/fault"
	"weir/journal"
)

// controls are what people want of single tasks, by the tasks' keys in records
// of status. They stand beside what is published, and outlast it.
type controls map[string]control

// control is the newest record of one task.
type control struct {
	catalog.Control
	revision uint64 // of the record; grows
}

// take takes over an entry of the catalog's bucket, and says whether it was a
// control.
func (c controls) take(e journal.Entry) bool {
	task, ok := strings.CutPrefix(e.Key, catalog.ControlPrefix)
	switch {
	case !ok:
		return false
	case e.Deleted:
		delete(c, task)
		return true
	}
	said, err := catalog.DecodeControl(e.Value)
	if err != nil { // who wrote it wanted something: to go on might be the opposite
		said = catalog.Control{Paused: true, At: e.Created, Why: err.Error()}
	}
	c[task] = control{said, e.Revision}
	return true
}

// again says whether somebody resumed a task, since it was looked at last, that
// has failed or waits to start again: it is to start now, though nothing that it
// is built from has changed.
func (c controls) again(t *task) bool {
	now := c[taskKey(t.kind, t.env.task)]
	fresh := now.revision > t.control
	t.control = now.revision
	return fresh && !now.Paused && t.state.standsStill()
}

// apply lets the paused ones of the tasks stand still, and others start anew
// once for each time that this was asked for. A task that the catalog disables
// is disabled first.
func (c controls) apply(tasks map[string]*task) {
	for _, t := range tasks {
		control := c[taskKey(t.kind, t.env.task)]
		t.control = control.revision
		if control.Starts > 0 {
			t.hash += fmt.Sprintf(" start %d", control.Starts)
		}
		if !control.Paused || t.run == nil {
			continue
		}
		t.run = nil
		t.hash += " paused"
		t.state.state, t.state.since, t.state.why = StatePaused, control.At, pausedBecause(control.Control)
	}
}

// resumeFrom keeps what a former task of the same name knew of its progress: one
// that is started begins anew.
func (t *task) resumeFrom(old *task) {
	old.state.mu.Lock()
	at, left, readers := old.state.positions, old.state.left, through(old.state.readers, old.state.positions)
	was := old.state.state
	old.state.mu.Unlock()
	if t.state.state == StatePaused && was != StatePaused {
		t.env.log.Info("task is paused", zap.String("why", t.state.why.Message))
	}
	t.state.takeOver(readers, left)
	if t.run == nil {
		t.state.committed(at)
	}
}

// remember keeps what the record of a former worker says of the task's progress.
func (t *task) remember(former Status) {
	t.state.takeOver(former.Readers, remembered(former))
	if t.run == nil {
		t.state.committed(former.Positions)
	}
}

func pausedBecause(c catalog.Control) *Why {
	message := "paused"
	if c.By != "" {
		message += " by " + c.By
	}
	message += " at " + c.At.UTC().Format(time.RFC3339)
	if c.Why != "" {
		message += ": " + c.Why
	}
	return &Why{Code: fault.Paused, Message: message, Fix: fault.Paused.Fix()}
}
