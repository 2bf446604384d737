package ui

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"weir/controlplane/api"
)

// stateLagging is a running task that is behind; the pages tell it apart.
const stateLagging = "lagging"

// What makes a running task one that is behind.
const (
	lagSeconds  = 10
	lagMessages = 10_000
)

// stateOf is a task's state as the pages show it.
func stateOf(t api.Task) string {
	if t.State == api.StateRunning && (t.LagSeconds >= lagSeconds || t.Lag >= lagMessages) {
		return stateLagging
	}
	return t.State
}

// urgency orders states by what needs somebody.
var urgency = []string{api.StateFailed, api.StateRetrying, api.StatePaused, stateLagging, api.StatePending, api.StateRunning, api.StateDisabled}

// fleetRow is a task in the list.
type fleetRow struct {
	api.Task
	State   string
	InRate  float64
	OutRate float64
	Held    uint64 // documents that it put aside and that may still be there
	Spark   template.HTML
}

// rank orders rows by what needs somebody: a task that puts documents aside
// runs, but not as it should.
func (r *fleetRow) rank() int {
	rank := 2 * slices.Index(urgency, r.State)
	if r.State == api.StateRunning && r.Held > 0 {
		rank--
	}
	return rank
}

// tally is how many tasks are in a state.
type tally struct {
	State string
	Count int
}

// fleetView is the list of tasks.
type fleetView struct {
	Rows    []fleetRow
	Tallies []tally
}

func fleetOf(now snapshot) fleetView {
	var v fleetView
	counts := map[string]int{}
	for _, t := range now.tasks {
		past := now.past[taskKey(t.Kind, t.Name)]
		row := fleetRow{Task: t, State: stateOf(t), InRate: rate(past, inOf), OutRate: rate(past, outOf), Held: min(t.Quarantined, now.quarantined)}
		row.Spark = spark(past, now.at, busier(t))
		counts[row.State]++
		v.Rows = append(v.Rows, row)
	}
	slices.SortStableFunc(v.Rows, func(a, b fleetRow) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	for _, s := range urgency {
		if counts[s] > 0 {
			v.Tallies = append(v.Tallies, tally{s, counts[s]})
		}
	}
	return v
}

// busier is the counter that shows whether a task moves: captures and inboxes
// write, the others may write nothing and read.
func busier(t api.Task) func(sample) uint64 {
	if t.Kind == api.KindCapture {
		return outOf
	}
	return inOf
}

// snapshotNow gives the newest snapshot. Before the first look, and when the last
// one failed, it looks itself.
func (u *UI) snapshotNow(v *visit) (snapshot, error) {
	now, _ := u.live.latest()
	if now.err == nil && time.Since(now.at) < 2*idle {
		return now, nil
	}
	past := now.past
	now, err := u.o.Reads.look(v.r.Context())
	now.past = past
	return now, err
}

func (u *UI) fleet(v *visit) error {
	now, err := u.snapshotNow(v)
	if err != nil {
		return err
	}
	return u.show(v, "fleet", frame{Title: "Tasks", Section: "fleet", Events: "/events/fleet", Page: fleetOf(now)})
}

func (u *UI) fleetEvents(v *visit, s *stream) error {
	return u.regions(v.r.Context(), s, "fleet", func(now snapshot) (any, []string, error) {
		return fleetOf(now), []string{"counts", "tasks"}, nil
	})
}

// found is what a search found.
type found struct{ What, Name, Path string }

// search lists tasks and collections whose names hold the words; the only one
// is shown at once.
func (u *UI) search(v *visit) error {
	query := strings.TrimSpace(v.r.URL.Query().Get("q"))
	now, err := u.snapshotNow(v)
	if err != nil {
		return err
	}
	all, err := u.o.Reads.Collections(v.r.Context())
	if err != nil {
		return err
	}
	var hits []found
	for _, t := range now.tasks {
		if t.Kind != api.KindInbox && matches(t.Name, query) {
			hits = append(hits, found{t.Kind, t.Name, refPath(taskKey(t.Kind, t.Name))})
		}
	}
	for _, c := range all {
		if matches(c.Name, query) {
			hits = append(hits, found{api.KindCollection, c.Name, entityPath("collections", c.Name)})
		}
	}
	if len(hits) == 1 {
		http.Redirect(v.w, v.r, hits[0].Path, http.StatusSeeOther)
		return nil
	}
	return u.show(v, "search", frame{Title: "Search", Page: hits})
}

// matches says whether a name holds every word of a query.
func matches(name, query string) bool {
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(strings.ToLower(name), word) {
			return false
		}
	}
	return true
}

// Size of a sparkline.
const (
	sparkWidth  = 96
	sparkHeight = 22
)

// spark draws a counter's growth over what is kept, in ten-second steps, as an
// area; the highest step fills the height.
func spark(past []sample, now time.Time, counter func(sample) uint64) template.HTML {
	const steps = 24
	step := keptFor / steps
	grown := make([]float64, steps)
	top, any := 0.0, false
	for i := 1; i < len(past); i++ {
		at := steps - 1 - int(now.Sub(past[i].at)/step)
		if at < 0 || at >= steps || counter(past[i]) < counter(past[i-1]) {
			continue
		}
		grown[at] += float64(counter(past[i]) - counter(past[i-1]))
		top, any = max(top, grown[at]), true
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" preserveAspectRatio="none" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="documents a second over the last two minutes, at most %s">`, sparkWidth, sparkHeight, sparkWidth, sparkHeight, count(top/step.Seconds()))
	fmt.Fprintf(&b, `<path class="base" d="M0 %[2]d.5H%[1]d"/>`, sparkWidth, sparkHeight-1)
	if any && top > 0 {
		fmt.Fprintf(&b, `<path d="M0 %d`, sparkHeight)
		for i, g := range grown {
			y := float64(sparkHeight-1) * (1 - g/top)
			fmt.Fprintf(&b, "L%d %.1fH%d", i*sparkWidth/steps, y+0.5, (i+1)*sparkWidth/steps)
		}
		fmt.Fprintf(&b, `V%dZ"/>`, sparkHeight)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers only
}
