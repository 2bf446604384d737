package main

import (
	"context"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
)

type publish struct {
	connection
	results
	data string
	keep bool
}

func publishCommand() *cobra.Command {
	p := &publish{}
	c := &cobra.Command{
		Use:   "publish CATALOG",
		Short: "Publish a catalog to a NATS server: streams and tasks become what it says",
		Long: `Checks the catalog, makes its streams, and publishes it in one step; workers
("weir serve") follow. What an earlier publication of the same path wrote and is
gone from it stops, its streams stay. To publish documents, see "weir ingest".`,
		Example: "  weir publish examples/orders --nats nats://127.0.0.1:4222",
		Args:    exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p.connection.flags(c)
	c.Flags().StringVar(&p.data, "data", "", "the workers' data directory, for relative paths of endpoints")
	c.Flags().BoolVar(&p.keep, "keep", false, "leave running what is gone from the catalog")
	p.results.flags(c)
	return c
}

func (p *publish) run(ctx context.Context, path string, out, problems io.Writer) error {
	if err := p.check(); err != nil {
		return err
	}
	root, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	c, err := build(ctx, path, p.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	p.printWarnings(problems, c)
	connectors := controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry(), DataDir: p.data}
	warnUnresolved(problems, connectors, c)
	if err := connectors.Check(ctx, c); err != nil {
		return err
	}
	conn, err := p.open(ctx, "publish", p.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	done, err := controlplane.Publish(ctx, conn, c, controlplane.Options{Catalog: root, Prune: !p.keep, Build: version})
	if err != nil {
		return err
	}
	return p.write(out, done, func(s *sheet) {
		for _, part := range []struct {
			what  string
			names []string
		}{{"created", done.Created}, {"changed", done.Changed}, {"removed", done.Removed}, {"unchanged", done.Unchanged}} {
			for _, name := range part.names {
				s.line("%-9s  %s", part.what, name)
			}
		}
		if done.ID == "" {
			s.line("nothing to publish")
		}
	})
}
