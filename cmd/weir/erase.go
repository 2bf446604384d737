package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
	"weir/controlplane/erasure"
)

type erase struct {
	connection
	results
	request  erasure.Request
	deletion string
	yes      bool
}

func eraseCommand() *cobra.Command {
	e := &erase{}
	c := &cobra.Command{
		Use:   "erase COLLECTION --key KEY",
		Short: "Erase one key of a collection from where Weir keeps it",
		Long: `Erases the documents of one key: from the collection's stream, all of which it reads, from
what waits for its inbox, from quarantine, from the registers that derivations keep for that
key alone, and from what tasks said of them in their logs and in their status. Tasks that
hold the key start anew for it. The bytes are overwritten on the server. Without --yes it
only says what it would erase. It lists what it cannot reach: what was derived from the key,
registers that hold more than that key, lines of logs that may mean it, and the rows of
destinations, with what to do about each.`,
		Example:           "  weir erase acmeCo/people --key p-17\n  weir erase acmeCo/people --key p-17 --yes\n  weir erase acmeCo/people --key p-17 --deletion '{\"id\":\"p-17\",\"_meta\":{\"op\":\"d\"}}' --yes",
		Args:              exactlyOne("COLLECTION"),
		ValidArgsFunction: completeNames(e.connect, string(catalog.KindCollection)),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.request.Collection = args[0]
			return e.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	e.connection.flags(c)
	e.results.flags(c)
	f := c.Flags()
	f.StringArrayVar(&e.request.Key, "key", nil, "the key; repeat it for each component, in key order")
	f.StringVar(&e.deletion, "deletion", "", "publish this document (or @FILE) afterwards: a deletion, by the schema, for destinations")
	f.DurationVar(&e.request.Wait, "wait", 30*time.Second, "how long tasks may take; what takes longer is done all the same")
	f.BoolVar(&e.yes, "yes", false, "do it; without it nothing is erased")
	return c
}

func (e *erase) run(ctx context.Context, out, notes io.Writer) error {
	if err := e.check(); err != nil {
		return err
	}
	if len(e.request.Key) == 0 {
		return wrongUsage("give --key, once for each component", "no key is named")
	}
	if err := e.readDeletion(); err != nil {
		return err
	}
	conn, err := e.open(ctx, "erase", e.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		return err
	}
	e.request.DryRun = !e.yes
	e.request.Progress = func(text string) { fmt.Fprintln(notes, text) }
	report, err := erasure.Erase(ctx, conn, records, e.request)
	if report != nil {
		if err := e.write(out, report, func(s *sheet) { drawErasure(s, report) }); err != nil {
			return err
		}
	}
	if err == nil && !e.yes {
		fmt.Fprintln(notes, "nothing was erased: say --yes to do it")
	}
	return err
}

func (e *erase) readDeletion() error {
	if e.deletion == "" {
		return nil
	}
	e.request.Deletion = []byte(e.deletion)
	if e.deletion[0] == '@' {
		text, err := os.ReadFile(e.deletion[1:])
		if err != nil {
			return wrongUsage("", "--deletion: %w", err)
		}
		e.request.Deletion = bytes.TrimSpace(text)
	}
	return nil
}

func drawErasure(s *sheet, r *erasure.Report) {
	head := "would be erased"
	if r.Erased {
		head = "erased"
	}
	s.line("%s: key %s of %s", s.paint(bold, head), r.Key, r.Collection)
	t := newTable("~PLACE", ">DOCUMENTS", ">BYTES")
	for _, p := range r.Places {
		t.add(p.Name, p.Documents, p.Bytes)
	}
	s.table(t)
	if len(r.Remains) == 0 {
		return
	}
	s.line("\n%s", s.paint(bold, "not erased:"))
	for _, left := range r.Remains {
		block(&s.b, "left", left.What, s.blockWidth())
		block(&s.b, "do", left.Do, s.blockWidth())
	}
}
