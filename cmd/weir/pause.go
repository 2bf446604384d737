package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
	"weir/journal"
)

// control holds the flags of `weir pause` and `weir resume`.
type control struct {
	connection
	results
	why string
}

func pauseCommand() *cobra.Command {
	p := &control{}
	c := &cobra.Command{
		Use:   "pause TASK...",
		Short: "Let tasks stand still until they are resumed",
		Long: `Lets tasks stand still: what they have open is committed, and nothing is lost. They
stay paused through restarts of workers and through publications, until "weir
resume". Pausing a collection that is not derived pauses its inbox: documents that
are published without a key wait.`,
		Example:           "  weir pause acmeCo/db -m \"the database is moved\"\n  weir wait acmeCo/db --for paused",
		Args:              atLeastOne("TASK"),
		ValidArgsFunction: completeNames(p.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.each(cmd.Context(), args, "paused", cmd.OutOrStdout(), func(ctx context.Context, conn *journal.Conn, name string) ([]controlplane.Task, error) {
				return controlplane.Pause(ctx, conn, name, whoIAm(), p.why)
			})
		},
	}
	p.connection.flags(c)
	p.results.flags(c)
	c.Flags().StringVarP(&p.why, "message", "m", "", "why, for those who look at the status")
	return c
}

func resumeCommand() *cobra.Command {
	p := &control{}
	c := &cobra.Command{
		Use:   "resume TASK...",
		Short: "Let paused tasks go on where they stopped, and failed ones try again",
		Long: `Lets paused tasks go on where they stopped. A task that failed, or waits to start
again, starts at once: say it when you have mended what it failed for and nothing
in its catalog has to change.`,
		Example:           "  weir resume acmeCo/db",
		Args:              atLeastOne("TASK"),
		ValidArgsFunction: completeNames(p.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.each(cmd.Context(), args, "resumed", cmd.OutOrStdout(), func(ctx context.Context, conn *journal.Conn, name string) ([]controlplane.Task, error) {
				return controlplane.Resume(ctx, conn, name, whoIAm())
			})
		},
	}
	p.connection.flags(c)
	p.results.flags(c)
	return c
}

// each does one thing to each task, and says so.
func (p *control) each(ctx context.Context, names []string, what string, out io.Writer, do func(context.Context, *journal.Conn, string) ([]controlplane.Task, error)) error {
	if err := p.check(); err != nil {
		return err
	}
	conn, err := p.open(ctx, what, p.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	var failed []error
	done := []controlplane.Task{}
	for _, name := range names {
		tasks, err := do(ctx, conn, name)
		done = append(done, tasks...)
		failed = append(failed, err)
	}
	err = p.write(out, done, func(s *sheet) {
		for _, t := range done {
			s.line("%-7s  %s %s", what, t.Kind, t.Name)
		}
	})
	return errors.Join(append(failed, err)...)
}
