package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
)

type serve struct {
	runner
	role string
}

func serveCommand() *cobra.Command {
	s := &serve{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run what is published on a NATS server, until stopped",
		Long: `Runs the control plane and a worker against a NATS server that is there. It
publishes nothing itself: it follows what "weir publish" publishes.`,
		Example: "  weir serve --nats nats://127.0.0.1:4222 --data /var/lib/weir",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.web.check(cmd); err != nil {
				return err
			}
			return s.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.connection.flags(c)
	c.Flags().StringVar(&s.data, "data", "", "data directory, for relative paths of endpoints; the default is under the user's state directory")
	c.Flags().StringVar(&s.role, "role", "all", "all, worker or controlplane")
	s.secrets.flags(c, "secrets in the data directory")
	s.web.flags(c, "")
	return c
}

func (s *serve) run(ctx context.Context, out, problems io.Writer) error {
	if err := oneOf("role", s.role, "all", "worker", "controlplane"); err != nil {
		return err
	}
	i, err := s.prepare("serve", othersSecrets, out, problems)
	if err != nil {
		return err
	}
	if err := i.open(ctx, &s.connection, "serve", s.logger(zapcore.InfoLevel)); err != nil {
		return err
	}
	defer i.stop()
	for _, warning := range i.conn.Warnings(ctx) {
		i.log.Warn(warning)
	}
	r := role{works: s.role != "controlplane", controls: s.role != "worker"}
	if r.controls {
		if err := controlplane.Prepare(ctx, i.conn); err != nil {
			return err
		}
	}
	if err := i.serve(ctx, r); err != nil {
		return err
	}
	if r.works {
		return i.work(ctx)
	}
	i.screen.ready(nil)
	<-ctx.Done()
	return nil
}
