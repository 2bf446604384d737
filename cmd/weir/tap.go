package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
	"weir/controlplane/documents"
	"weir/fault"
)

type tap struct {
	connection
	results
	in, out bool
	from    string
	limit   int
}

func tapCommand() *cobra.Command {
	t := &tap{}
	c := &cobra.Command{
		Use:   "tap TASK",
		Short: "Follow the documents that go into a task and come out of it",
		Long: `Shows the documents of a task's inputs and outputs side by side as they are stored,
each with the name of the transform or the collection: what a derivation reads and gives,
what a materialization reads, what a capture writes. A tap changes nothing and slows
nothing down; Ctrl-C ends it.`,
		Example:           "  weir tap acmeCo/customer-totals\n  weir tap acmeCo/customer-totals --out --from 5m\n  weir tap acmeCo/to-postgres -o jsonl | jq .document",
		Args:              exactlyOne("TASK"),
		ValidArgsFunction: completeNames(t.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	t.connection.flags(c)
	t.results.flags(c, formText, formJSONL, formYAML)
	f := c.Flags()
	f.BoolVar(&t.in, "in", false, "only what goes in")
	f.BoolVar(&t.out, "out", false, "only what comes out")
	f.StringVar(&t.from, "from", "new", "a sequence, a time, an age (5m, 2h, 3d), first, last or new")
	f.IntVarP(&t.limit, "limit", "n", 0, "end after so many documents; 0 is never")
	return c
}

func (t *tap) run(ctx context.Context, task string, out, notes io.Writer) error {
	if err := t.check(); err != nil {
		return err
	}
	conn, err := t.open(ctx, "tap", t.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		return err
	}
	pipes, err := documents.Pipes(records, task)
	if err != nil {
		return err
	}
	if pipes = t.wanted(pipes); len(pipes) == 0 {
		return fault.New(fault.NotFound, "look at the endpoint, or at the other side of the task", "%s has nothing there on NATS: what a capture reads and a materialization writes lies in its endpoint", task)
	}
	if err := begin(ctx, t.from, func(now time.Time) error { return documents.BeginAll(ctx, conn, pipes, t.from, now) }); err != nil {
		return err
	}
	if t.forPeople() {
		fmt.Fprintf(notes, "tapping %s: %s\n", task, pipesInWords(pipes))
	}
	buffered := bufio.NewWriter(out)
	label := labels{width: labelWidth(pipes), colors: colored(out), wide: terminalWidth(out)}
	count := 0
	err = documents.Tap(ctx, conn, pipes, buffered.Flush, func(e documents.Event) error {
		if !json.Valid(e.Data) {
			e.Data, _ = json.Marshal(string(e.Data))
		}
		if err := t.item(buffered, e, func(s *sheet) { label.draw(s, &e) }); err != nil {
			return err
		}
		if count++; count == t.limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, buffered.Flush())
}

// wanted leaves out what --in and --out do not ask for.
func (t *tap) wanted(pipes []documents.Pipe) []documents.Pipe {
	var out []documents.Pipe
	for _, p := range pipes {
		if t.in == t.out || t.in == (p.Direction == documents.In) {
			out = append(out, p)
		}
	}
	return out
}

func pipesInWords(pipes []documents.Pipe) string {
	text := ""
	for i, p := range pipes {
		if i > 0 {
			text += ", "
		}
		text += p.Direction + " " + p.Name
		if c := p.Query.Collection.Name; c != p.Name {
			text += " (" + c + ")"
		}
	}
	return text
}

func labelWidth(pipes []documents.Pipe) int {
	width := 0
	for _, p := range pipes {
		width = max(width, utf8.RuneCountInString(p.Name))
	}
	return width
}

// labels draws events on lines of their own, documents below each other.
type labels struct {
	width  int // of the longest name
	wide   int // of the terminal; 0: nothing is cut
	colors bool
}

func (l labels) draw(s *sheet, e *documents.Event) {
	s.colors = l.colors
	arrow, tint := "→", color("\x1b[36m")
	if e.Direction == documents.Out {
		arrow, tint = "←", good
	}
	at := e.Time.Local().Format("15:04:05.000")
	head := fmt.Sprintf("%s %s %-3s %-*s %d", at, arrow, e.Direction, l.width, e.Name, e.Seq)
	document := oneLine(string(e.Data))
	if l.wide > 0 {
		document = shorten(document, max(l.wide-utf8.RuneCountInString(head)-2, narrowest))
	}
	s.line("%s %s %s %s %s", s.paint(faint, at), s.paint(tint, fmt.Sprintf("%s %-3s %-*s", arrow, e.Direction, l.width, e.Name)), s.paint(faint, fmt.Sprint(e.Seq)), "", document)
}
