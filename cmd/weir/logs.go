package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
	"weir/journal"
	"weir/tasklog"
)

// logs holds the flags of `weir logs`.
type logs struct {
	connection
	results
	kind   string
	level  string
	since  time.Duration
	last   int
	follow bool
	query  tasklog.Query
}

func logsCommand() *cobra.Command {
	l := &logs{}
	c := &cobra.Command{
		Use:   "logs [TASK]",
		Short: "Show what tasks log, and what their modules print",
		Long: `Shows the lines that a task has logged, wherever it runs, or those of all tasks:
failures and retries with their cause, what connectors did, and what modules print
with console.log. The server keeps the newest lines of each task for a week.

Fields of a line stand behind it as name=value; txn is the number of the newest
transaction that the task had committed then. Where a task logged more than is
kept, dropped says how many lines are missing before that one.`,
		Example: `  weir logs acmeCo/totals
  weir logs acmeCo/totals -f
  weir logs --level warn --since 1h -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wrongUsage("name one, or none to see every task's", "logs takes one task at most, but there are %s", strings.Join(args, ", "))
			}
			return nil
		},
		ValidArgsFunction: completeNames(l.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				l.query.Task = args[0]
			}
			if err := l.checkFlags(); err != nil {
				return err
			}
			return l.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	l.connection.flags(c)
	l.results.flags(c, formText, formJSON, formYAML)
	f := c.Flags()
	f.BoolVarP(&l.follow, "follow", "f", false, "go on with new lines as they come, until Ctrl-C")
	f.DurationVar(&l.since, "since", 0, "lines of the last 30m, 24h and so on; the default is as far back as they are kept")
	f.StringVar(&l.level, "level", "info", "the lowest level: info, warn or error")
	f.StringVar(&l.kind, "kind", "", "only tasks of a kind: capture, derivation, materialization or inbox")
	f.IntVarP(&l.last, "last", "n", 200, "the newest lines, of those that are there; 0 is all")
	return c
}

func (l *logs) checkFlags() error {
	if err := l.check(); err != nil {
		return err
	}
	if err := oneOf("level", l.level, "info", "warn", "error"); err != nil {
		return err
	}
	if l.kind != "" {
		if err := oneOf("kind", l.kind, "capture", "derivation", "materialization", "inbox"); err != nil {
			return err
		}
	}
	if l.since < 0 || l.last < 0 {
		return wrongUsage("say a time and a number that are not below 0, as --since 10m --last 100", "--since or --last is below 0")
	}
	level, err := zapcore.ParseLevel(l.level)
	if err != nil {
		return err
	}
	l.query.Kind, l.query.Level, l.query.Last = l.kind, level, l.last
	if l.since > 0 {
		l.query.Since = time.Now().Add(-l.since)
	}
	return nil
}

func (l *logs) run(ctx context.Context, out, problems io.Writer) error {
	conn, err := l.open(ctx, "logs", l.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	there, err := tasklog.Read(ctx, conn, l.query)
	if err != nil {
		return err
	}
	for _, e := range there {
		if err := l.print(out, e); err != nil {
			return err
		}
		l.query.After = e.Seq
	}
	if len(there) == 0 && l.query.Task != "" { // what was deleted still has its lines; a name that never was has none
		if _, err := controlplane.Describe(ctx, conn, l.query.Task); err != nil {
			return err
		}
	}
	switch {
	case l.follow:
		return l.goOn(ctx, conn, out)
	case len(there) == 0:
		fmt.Fprintln(problems, "no lines: a task logs when it starts, stops, fails or retries, and what its module prints; `weir status` shows what tasks do")
	}
	return nil
}

// goOn prints lines as they come. A reader of its output that goes away, as
// `head`, ends it.
func (l *logs) goOn(ctx context.Context, conn *journal.Conn, out io.Writer) error {
	return tasklog.Follow(ctx, conn, l.query, func(e tasklog.Entry) error { return l.print(out, e) })
}

func (l *logs) print(out io.Writer, e tasklog.Entry) error {
	return l.item(out, e, func(s *sheet) { s.line("%s", l.line(s, e)) })
}

// levelColors show what needs somebody.
func levelColor(level zapcore.Level) color {
	switch {
	case level >= zapcore.ErrorLevel:
		return bad
	case level == zapcore.WarnLevel:
		return warns
	}
	return faint
}

// line draws a line of a log: time, level, task, message, fields. The task is
// left out where it is the one that was asked for.
func (l *logs) line(s *sheet, e tasklog.Entry) string {
	level := strings.ToUpper(e.Level)
	parts := []string{
		s.paint(faint, e.Time.Local().Format("2006-01-02 15:04:05.000")),
		s.paint(levelColor(e.Severity()), fmt.Sprintf("%-5s", level)),
	}
	if l.query.Task == "" {
		parts = append(parts, s.paint(bold, e.Task))
	}
	if l.query.Task == "" || l.query.Kind == "" {
		parts = append(parts, s.paint(faint, e.Kind))
	}
	parts = append(parts, printable(e.Message))
	for _, name := range e.FieldNames() {
		parts = append(parts, s.paint(faint, name+"=")+fieldText(e.Fields[name]))
	}
	return strings.Join(parts, " ")
}

// fieldText spells a field's value: plain words as they are, all else as JSON.
func fieldText(value any) string {
	text, ok := value.(string)
	if ok && text != "" && !strings.ContainsAny(text, " \t\n\"=") {
		return printable(text)
	}
	encoded, err := json.Marshal(value)
	if err != nil { // it was JSON
		return fmt.Sprint(value)
	}
	return string(encoded)
}

// printable takes out what would change a terminal: a module prints what it
// wants.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}
