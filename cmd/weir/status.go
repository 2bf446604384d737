package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/worker"
)

type status struct {
	connection
	output string
}

func statusCommand() *cobra.Command {
	s := &status{}
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show what tasks do, and why one stands still",
		Example: "  weir status\n  weir status -o json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	s.connection.flags(c)
	c.Flags().StringVarP(&s.output, "output", "o", "table", "table or json")
	return c
}

func (s *status) run(ctx context.Context, out io.Writer) error {
	if err := oneOf("output", s.output, "table", "json"); err != nil {
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
	if s.output == "json" {
		if all == nil {
			all = []worker.Status{} // a list, even when it is empty
		}
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	}
	if len(all) == 0 {
		fmt.Fprintln(out, "no tasks: publish a catalog with `weir publish`, and run `weir serve`")
		return nil
	}
	fmt.Fprint(out, statusTable(all, nil, 0, 1000))
	return nil
}

// statusTable draws one line a task, and below it why it stands still. With
// an earlier status it shows documents a second, else totals.
func statusTable(all []worker.Status, before map[string]worker.Status, elapsed time.Duration, width int) string {
	head := []string{"TASK", "KIND", "STATE", "IN", "OUT", "LAG"}
	if before != nil {
		head[3], head[4] = "IN/S", "OUT/S"
	}
	rows := [][]string{head}
	for _, t := range all {
		in, out := fmt.Sprint(t.In), fmt.Sprint(t.Out)
		if old, ok := before[statusName(t)]; ok && elapsed > 0 {
			in, out = rate(old.In, t.In, elapsed), rate(old.Out, t.Out, elapsed)
		}
		rows = append(rows, []string{t.Task, t.Kind, string(t.State), in, out, fmt.Sprint(t.Lag)})
	}
	widths := make([]int, len(head))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			pad := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell))
			if j >= 3 {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
			if j+1 < len(row) {
				b.WriteString("  ")
			}
		}
		b.WriteString("\n")
		if i > 0 {
			writeWhy(&b, all[i-1], width)
		}
	}
	return b.String()
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

// maxLines bounds what one label may fill.
const maxLines = 4

// block writes a labelled text, broken between words into lines of the width;
// only a word that is longer than a line is broken itself.
func block(b *strings.Builder, label, text string, width int) {
	const indent = 14
	room := width - indent - 1
	var line []rune
	lines := 0
	end := func() {
		if len(line) > 0 && lines < maxLines {
			fmt.Fprintf(b, "%*s %s\n", indent-1, label, string(line))
			label = ""
			lines++
		}
		line = line[:0]
	}
	for _, word := range strings.Fields(text) {
		runes := []rune(word)
		if len(line) > 0 && len(line)+1+len(runes) > room {
			end()
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for len(line)+len(runes) > room {
			n := room - len(line)
			line, runes = append(line, runes[:n]...), runes[n:]
			end()
		}
		line = append(line, runes...)
	}
	end()
}

// rate is the growth of a counter, a second. A counter that fell has begun
// anew: the task was published anew in between.
func rate(before, now uint64, elapsed time.Duration) string {
	if now < before {
		before = 0
	}
	return fmt.Sprintf("%.0f", float64(now-before)/elapsed.Seconds())
}
