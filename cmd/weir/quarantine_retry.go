package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane/quarantine"
	"weir/fault"
)

type quarantineRetry struct {
	connection
	results
	chosen
	options quarantine.Options
}

func quarantineRetryCommand() *cobra.Command {
	q := &quarantineRetry{}
	c := &cobra.Command{
		Use:   "retry [ID...]",
		Short: "Give quarantined documents back to their collections, if they are valid now",
		Long: `Checks each document by the schema that is published now and publishes it to its
collection, where it is the newest of its key. One that tasks had passed over lies in
the collection already: it is moved to the end of it, so that its readers meet it again.
What is still invalid stays in quarantine.`,
		Example: "  weir quarantine retry 17 18\n  weir quarantine retry --collection acmeCo/orders --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	q.connection.flags(c)
	q.results.flags(c, formText, formJSONL, formYAML)
	q.chosen.flags(c)
	f := c.Flags()
	f.BoolVar(&q.all, "all", false, "retry everything")
	f.BoolVar(&q.options.Again, "again", false, "retry also what another task has read already and will read twice")
	f.BoolVar(&q.options.DryRun, "dry-run", false, "only say what would happen")
	return c
}

func (q *quarantineRetry) run(ctx context.Context, args []string, out, notes io.Writer) error {
	if err := q.check(); err != nil {
		return err
	}
	conn, err := q.open(ctx, "quarantine", q.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	entries, err := q.entries(ctx, conn, args)
	if err != nil {
		return err
	}
	retrier, err := quarantine.NewRetrier(ctx, conn)
	if err != nil {
		return err
	}
	done, stay := 0, 0
	settled := map[uint64]bool{} // with another task's entry of the same document
	for _, e := range entries {
		if settled[e.ID] {
			continue
		}
		outcome, err := retrier.Retry(ctx, e.ID, q.options)
		if errors.Is(err, quarantine.ErrNoEntry) {
			continue // somebody else was quicker
		}
		if err != nil {
			return err
		}
		for _, id := range outcome.Also {
			settled[id] = true
		}
		if outcome.Done {
			done++
		} else {
			stay++
		}
		if err := q.item(out, outcome, func(s *sheet) { drawOutcome(s, &outcome) }); err != nil {
			return err
		}
	}
	verb := "retried"
	if q.options.DryRun {
		verb = "would be retried"
	}
	fmt.Fprintf(notes, "%s %s\n", countOf(done), verb)
	if stay > 0 {
		return &noError{fault.New(fault.No, "mend them with `weir quarantine edit`, or publish a schema that takes them", "%s not taken: quarantine keeps them", countOf(stay))}
	}
	return nil
}

// countOf spells a number of documents.
func countOf(n int) string {
	if n == 1 {
		return "1 document"
	}
	return fmt.Sprintf("%d documents", n)
}

func drawOutcome(s *sheet, o *quarantine.Outcome) {
	mark := s.paint(good, "ok")
	if !o.Done {
		mark = s.paint(bad, "no")
	}
	s.line("%s %d %s", mark, o.ID, o.Action)
	label := func(name, text string) {
		if text != "" {
			block(&s.b, name, text, s.blockWidth())
		}
	}
	if o.Pointer != "" || o.Rule != "" {
		label("breaks", o.Pointer+" "+o.Rule+": "+o.Reason)
	} else {
		label("why", o.Reason)
	}
	if o.Sequence > 0 {
		label("at", fmt.Sprintf("sequence %d, %s", o.Sequence, o.Subject))
	}
	if len(o.Also) > 0 {
		text, _ := json.Marshal(o.Also) // numbers
		label("with", "the entries of other tasks for it: "+string(text))
	}
}

type quarantineDrop struct {
	connection
	results
	chosen
	yes, dry bool
}

func quarantineDropCommand() *cobra.Command {
	q := &quarantineDrop{}
	c := &cobra.Command{
		Use:   "drop [ID...]",
		Short: "Remove documents from quarantine for good",
		Long: `Removes documents from quarantine. A document that never entered its collection is
gone then. One that a task passed over stays in its collection: only the note of it goes.`,
		Example: "  weir quarantine drop 17 --yes\n  weir quarantine drop --collection acmeCo/orders --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	q.connection.flags(c)
	q.results.flags(c)
	q.chosen.flags(c)
	f := c.Flags()
	f.BoolVar(&q.all, "all", false, "drop everything")
	f.BoolVar(&q.yes, "yes", false, "do it; without it nothing is dropped")
	f.BoolVar(&q.dry, "dry-run", false, "only show what would be dropped")
	return c
}

func (q *quarantineDrop) run(ctx context.Context, args []string, out, notes io.Writer) error {
	if err := q.check(); err != nil {
		return err
	}
	conn, err := q.open(ctx, "quarantine", q.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	entries, err := q.entries(ctx, conn, args)
	if err != nil {
		return err
	}
	if err := q.write(out, entries, func(s *sheet) { drawEntries(s, entries) }); err != nil {
		return err
	}
	if q.dry || len(entries) == 0 {
		return nil
	}
	if !q.yes {
		return wrongUsage("say --yes to drop what is listed", "%s would be gone for good", countOf(len(entries)))
	}
	for _, e := range entries {
		if err := quarantine.Drop(ctx, conn, e); err != nil {
			return err
		}
	}
	fmt.Fprintf(notes, "%s dropped\n", countOf(len(entries)))
	return nil
}
