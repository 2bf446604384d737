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
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	s.connection.flags(c)
	c.Flags().StringVarP(&s.output, "output", "o", "table", "table or json")
	return c
}

func (s *status) run(ctx context.Context, out io.Writer) error {
	if s.output != "table" && s.output != "json" {
		return &usageError{fmt.Errorf("--output %s is unknown: table or json", s.output)}
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
			in, out = rate(t.In-old.In, elapsed), rate(t.Out-old.Out, elapsed)
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

// writeWhy explains a task that stands still.
func writeWhy(b *strings.Builder, t worker.Status, width int) {
	if t.Why == nil {
		return
	}
	line := func(label, text string) {
		if text == "" {
			return
		}
		text = "    " + label + strings.Join(strings.Fields(text), " ")
		if utf8.RuneCountInString(text) >= width {
			text = string([]rune(text)[:width-4]) + "..."
		}
		b.WriteString(text + "\n")
	}
	line("", t.Why.Message)
	if t.Why.File != "" {
		line("at        ", fmt.Sprintf("%s:%d", t.Why.File, t.Why.Line))
	}
	if t.Why.Collection != "" && t.Why.Seq > 0 {
		line("document  ", fmt.Sprintf("%s sequence %d %s", t.Why.Collection, t.Why.Seq, t.Why.Subject))
	}
	line("          ", t.Why.Document)
	if t.Retry != nil {
		line("again at  ", t.Retry.Local().Format(time.TimeOnly))
	}
}

func rate(n uint64, elapsed time.Duration) string {
	return fmt.Sprintf("%.0f", float64(n)/elapsed.Seconds())
}
