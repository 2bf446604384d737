package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
)

type publish struct {
	connection
	data   string
	keep   bool
	output string
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
	c.Flags().StringVarP(&p.output, "output", "o", "text", "text or json")
	return c
}

func (p *publish) run(ctx context.Context, path string, out, problems io.Writer) error {
	if err := oneOf("output", p.output, "text", "json"); err != nil {
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
	if p.output == "json" {
		return json.NewEncoder(out).Encode(done)
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"created", done.Created}, {"changed", done.Changed}, {"removed", done.Removed}, {"unchanged", done.Unchanged}} {
		for _, name := range part.names {
			fmt.Fprintf(out, "%-9s  %s\n", part.what, name)
		}
	}
	if done.ID == "" {
		fmt.Fprintln(out, "nothing to publish")
	}
	return nil
}
