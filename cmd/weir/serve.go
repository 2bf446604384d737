package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
)

type serve struct {
	connection
	web     web
	secrets secretFlags
	data    string
	role    string
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
	data, err := dataDir(s.data, "serve")
	if err != nil {
		return err
	}
	store, err := s.secrets.store(othersSecrets(data))
	if err != nil {
		return err
	}
	log := s.logger(zapcore.InfoLevel)
	conn, err := s.open(ctx, "serve", log)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, warning := range conn.Warnings(ctx) {
		log.Warn(warning)
	}
	if s.role != "worker" {
		if err := controlplane.Prepare(ctx, conn); err != nil {
			return err
		}
	}
	pages, err := s.web.start(ctx, data, problems, log)
	if err != nil {
		return err
	}
	defer pages.stop()
	watched := pages.monitor(conn, s.role != "controlplane")
	if s.role != "worker" {
		connectors := controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry(), DataDir: data, Secrets: store}
		stopAPI, err := pages.serveAPI(ctx, conn, conn.URL(), connectors, log)
		if err != nil {
			return err
		}
		defer stopAPI()
	}
	show := &screen{out: out, url: conn.URL(), pages: pages.line, data: data, terminal: isTerminal(out)}
	if s.role == "controlplane" {
		show.ready(nil)
		<-ctx.Done()
		return nil
	}
	options := workerOptions(conn, data, log)
	options.Secrets = store
	return runWorker(ctx, options, watched, show)
}
