package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/worker"
)

type status struct {
	connection
	results
}

func statusCommand() *cobra.Command {
	s := &status{}
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what tasks do, and why one stands still",
		Long: `Shows what tasks do, and why one stands still. LAG is how many messages wait for the
task, BEHIND how long the oldest of them could have been processed. For a task that does
not run both are counted from where it stands.`,
		Example: "  weir status\n  weir status -o json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	s.connection.flags(c)
	s.results.flags(c)
	return c
}

func (s *status) run(ctx context.Context, out io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	conn, err := s.open(ctx, "status", s.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := worker.ReadStatus(ctx, conn)
	if err != nil {
		return err
	}
	if all == nil {
		all = []worker.Status{} // a list, even when it is empty
	}
	slices.SortStableFunc(all, func(a, b worker.Status) int { return urgency(a) - urgency(b) })
	return s.write(out, all, func(sheet *sheet) {
		if len(all) == 0 {
			sheet.line("no tasks: publish a catalog with `weir publish`, and run `weir serve`")
			return
		}
		sheet.table(statusTable(all, nil, 0, sheet.blockWidth()))
	})
}

// statusTable has one row a task, and below it why it stands still. With
// an earlier status it shows documents a second, else totals.
func statusTable(all []worker.Status, before map[string]worker.Status, elapsed time.Duration, width int) *table {
	t := newTable("~TASK", "KIND", "STATE", ">IN", ">OUT", ">LAG", ">BEHIND")
	if before != nil {
		t = newTable("~TASK", "KIND", "STATE", ">IN/S", ">OUT/S", ">LAG", ">BEHIND")
	}
	for _, one := range all {
		in, out := fmt.Sprint(one.In), fmt.Sprint(one.Out)
		if old, ok := before[statusName(one)]; ok && elapsed > 0 {
			in, out = rate(old.In, one.In, elapsed), rate(old.Out, one.Out, elapsed)
		}
		t.add(one.Task, one.Kind, cell{string(one.State), stateColor(one.State)}, in, out, one.Lag, behind(one.LagSeconds))
		var why strings.Builder
		writeWhy(&why, one, width)
		t.below(why.String())
	}
	return t
}

// behind is a lag in seconds as people say it.
func behind(seconds float64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"d", 24 * 3600}, {"h", 3600}, {"min", 60}} {
		if seconds >= 2*unit.seconds {
			return fmt.Sprintf("%.0f %s", math.Floor(seconds/unit.seconds), unit.name)
		}
	}
	return fmt.Sprintf("%.0f s", math.Floor(seconds))
}

// urgency sorts tasks by how much they need somebody.
func urgency(s worker.Status) int {
	order := []worker.State{worker.StateFailed, worker.StateRetrying, worker.StatePending, worker.StatePaused, worker.StateRunning, worker.StateDisabled}
	return slices.Index(order, s.State)
}

// stateColor shows what needs somebody.
func stateColor(s worker.State) color {
	switch s {
	case worker.StateFailed:
		return bad
	case worker.StateRetrying, worker.StatePending, worker.StatePaused:
		return warns
	case worker.StateRunning:
		return good
	}
	return faint
}

// writeWhy explains a task that stands still, or waits.
func writeWhy(b *strings.Builder, t worker.Status, width int) {
	if t.Why == nil {
		writeWaits(b, t, width)
		return
	}
	w := t.Why
	block(b, "why", w.Message, width)
	if w.File != "" && !strings.Contains(w.Message, w.File) {
		block(b, "at", fmt.Sprintf("%s:%d", w.File, w.Line), width)
	}
	if w.Collection != "" && w.Seq > 0 && !strings.Contains(w.Message, fmt.Sprint("sequence ", w.Seq)) {
		block(b, "in", fmt.Sprintf("%s at sequence %d %s", w.Collection, w.Seq, w.Subject), width)
	}
	if w.Document != "" && !strings.Contains(w.Message, w.Document) {
		block(b, "document", w.Document, width)
	}
	block(b, "fix", w.Fix, width)
	if t.Retry != nil {
		block(b, "again at", t.Retry.Local().Format(time.TimeOnly), width)
	}
}

// writeWaits says when a task that waits for a readDelay goes on.
func writeWaits(b *strings.Builder, t worker.Status, width int) {
	var first time.Time
	for _, until := range t.Waits {
		if first.IsZero() || until.Before(first) {
			first = until
		}
	}
	if !first.IsZero() {
		block(b, "waits until", first.Local().Format(time.DateTime)+" for a readDelay", width)
	}
}

// rate is the growth of a counter, a second. A counter that fell has begun
// anew: the task was published anew in between.
func rate(before, now uint64, elapsed time.Duration) string {
	if now < before {
		before = 0
	}
	return fmt.Sprintf("%.0f", float64(now-before)/elapsed.Seconds())
}
