package ui

import (
	"context"
	"errors"
	"html/template"
	"time"

	"weir/controlplane/api"
)

const (
	logLines = 100         // of a task, when its page is opened
	byPages  = "the pages" // who acts: whoever has the token
)

// taskView is the page of a task.
type taskView struct {
	api.Details
	State    string
	InRate   float64
	OutRate  float64
	InSpark  template.HTML
	OutSpark template.HTML
	LagSpark template.HTML
	Shown    shownDocument // the document of the last error
	Logs     []api.LogLine
	Path     string
	DocPath  string // where the document of the error can be seen
}

// taskOf reads what the page of a task shows, but for its log.
func (u *UI) taskOf(ctx context.Context, kind, name string) (*taskView, error) {
	d, err := u.o.Reads.Task(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	now, past := time.Now(), u.live.history(kind, name)
	t := &taskView{
		Details: d, State: stateOf(d.Task), Path: refPath(taskKey(kind, name)),
		InRate: rate(past, inOf), OutRate: rate(past, outOf),
		InSpark: spark(past, now, inOf), OutSpark: spark(past, now, outOf), LagSpark: lagSpark(past, now),
	}
	if w := d.Why; w != nil {
		if w.Document != "" {
			t.Shown = showDocument([]byte(w.Document), w.Pointer)
		}
		if w.Collection != "" && w.Seq > 0 {
			t.DocPath = entityPath("collections", w.Collection) + seekQuery("seq", count64(w.Seq))
		}
	}
	return t, nil
}

func (u *UI) task(v *visit) error {
	kind, name := v.r.PathValue("kind"), v.r.PathValue("name")
	t, err := u.taskOf(v.r.Context(), kind, name)
	if err != nil {
		return err
	}
	if t.Logs, err = u.o.Reads.Logs(v.r.Context(), api.LogsRequest{Kind: kind, Name: name, Last: logLines}); err != nil {
		return err
	}
	var last uint64 // of the log's lines that the page has
	if n := len(t.Logs); n > 0 {
		last = t.Logs[n-1].Seq
	}
	return u.show(v, "task", frame{Title: name, Section: "fleet", Events: eventsAfter(t.Path, last), Page: t})
}

// taskEvents follows a task's state, and the lines of its log behind the last
// one that the browser has.
func (u *UI) taskEvents(v *visit, s *stream) error {
	kind, name := v.r.PathValue("kind"), v.r.PathValue("name")
	ctx, cancel := context.WithCancel(v.r.Context())
	defer cancel()
	failed := make(chan error, 2)
	go func() {
		failed <- u.regions(ctx, s, "task", func(snapshot) (any, []string, error) {
			t, err := u.taskOf(ctx, kind, name)
			return t, []string{"state-of", "trouble-card", "numbers", "bindings"}, err
		})
	}()
	go func() {
		failed <- u.o.Reads.FollowLogs(ctx, kind, name, s.after(v), func(l api.LogLine) error {
			html, err := u.pages.fragment("task", "log-line", l)
			if err != nil {
				return err
			}
			return s.rows("log", html, l.Seq, 1)
		})
	}()
	err := <-failed
	cancel()
	return errors.Join(err, <-failed)
}

// actOnTask pauses or resumes a task, and leads back to its page.
func (u *UI) actOnTask(v *visit) error {
	kind, name := v.r.PathValue("kind"), v.r.PathValue("name")
	var err error
	switch v.r.PostFormValue("do") {
	case "pause":
		_, err = u.o.Acts.Pause(v.r.Context(), api.PauseRequest{Name: name, By: byPages, Why: v.r.PostFormValue("why")})
	case "resume":
		_, err = u.o.Acts.Resume(v.r.Context(), api.ResumeRequest{Name: name, By: byPages})
	default:
		err = &missing{"There is nothing of that kind to do with a task.", "Use the buttons on its page."}
	}
	if err != nil {
		return err
	}
	v.redirect(refPath(taskKey(kind, name)))
	return nil
}

// CanPause says whether the task has a button to pause it.
func (t *taskView) CanPause() bool {
	return t.Kind != api.KindInbox && t.Paused == nil && t.Task.State != api.StateDisabled
}

// lagSpark draws how much waited over what is kept, as spark draws growth.
func lagSpark(past []sample, now time.Time) template.HTML {
	var sum uint64
	rising := make([]sample, 0, len(past)+1)
	for _, s := range past {
		sum += s.lag
		rising = append(rising, sample{at: s.at, lag: sum})
	}
	return spark(rising, now, func(s sample) uint64 { return s.lag })
}

// Reason is why the task stands as it does, but for who paused it, which has a
// card of its own.
func (t *taskView) Reason() *api.Why {
	if t.Paused != nil && t.Task.State == api.StatePaused {
		return nil
	}
	return t.Why
}
