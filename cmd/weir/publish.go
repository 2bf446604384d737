package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"weir/controlplane"
)

type publish struct {
	connection
	results
	source
	confirmation
	message string
}

func publishCommand() *cobra.Command {
	p := &publish{}
	c := &cobra.Command{
		Use:   "publish CATALOG",
		Short: "Publish a catalog to a NATS server: streams and tasks become what it says",
		Long: `Checks the catalog, shows what would be done ("weir plan"), asks on a terminal
whether to do it, makes the streams, and publishes everything in one step; workers
("weir serve") follow. What an earlier publication of the same catalog wrote and is
gone from it stops, its streams stay: where nobody can be asked, that takes --yes. A
catalog that is published from several paths, or from a path that others use too, is
given a name with --catalog. What tasks of other catalogs need is not taken from them.
To publish documents, see "weir ingest".`,
		Example: "  weir publish examples/orders\n  weir publish examples/orders -m \"totals by day\" --yes --nats nats://127.0.0.1:4222",
		Args:    exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.run(cmd.Context(), cmd, args[0])
		},
	}
	p.connection.flags(c)
	p.source.flags(c)
	p.results.flags(c)
	p.confirmation.flags(c)
	c.Flags().StringVarP(&p.message, "message", "m", "", "why, for the history")
	return c
}

func (p *publish) run(ctx context.Context, cmd *cobra.Command, path string) error {
	if err := p.check(); err != nil {
		return err
	}
	c, conn, err := p.prepare(ctx, &p.connection, "publish", path, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer conn.Close()
	draft, err := p.draft(ctx, conn, c, p.message, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	return carryOut(ctx, cmd, draft, &p.results, func() error {
		return p.askFirst(cmd, "Publish this?", draft.Plan(), ", --keep to leave it running"+orNamed)
	})
}

// carryOut shows what a draft would do, asks, and does it.
func carryOut(ctx context.Context, cmd *cobra.Command, draft *controlplane.Draft, r *results, ask func() error) error {
	plan := draft.Plan()
	if !plan.Empty() {
		if interactive(cmd) {
			s := newSheet(cmd.ErrOrStderr())
			planSheet(s, plan)
			fmt.Fprint(cmd.ErrOrStderr(), s.b.String())
		}
		if err := ask(); err != nil {
			return err
		}
	}
	done, err := draft.Publish(ctx)
	if err != nil {
		return err
	}
	return r.write(cmd.OutOrStdout(), done, func(s *sheet) { publishedSheet(s, done) })
}

// publishedSheet draws what was done.
func publishedSheet(s *sheet, done controlplane.Published) {
	for _, part := range []struct {
		what  string
		names []string
		color
	}{{"created", done.Created, good}, {"changed", done.Changed, warns}, {"removed", done.Removed, bad}, {"unchanged", done.Unchanged, faint}} {
		for _, name := range part.names {
			s.line("%s  %s", s.paint(part.color, fmt.Sprintf("%-9s", part.what)), name)
		}
	}
	if done.ID == "" {
		s.line("nothing to publish")
		return
	}
	s.line("publication %s", done.ID)
}
