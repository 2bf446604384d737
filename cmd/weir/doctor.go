package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/doctor"
	"weir/fault"
)

type doctorFlags struct {
	connection
	results
	timeout time.Duration
}

func doctorCommand() *cobra.Command {
	d := &doctorFlags{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Examine the server, the streams, the workers and the tasks",
		Long: `Looks at what Weir needs and how it is: the server's version, clock and limits,
whether what is acknowledged is on disk, what this user may do, batches, replicas,
how collections grow, readers, quarantine, workers and tasks. Each finding is ok, a
warning or a failure, with the reason and what to do.

It changes nothing; what can only be tried is tried on a stream of its own, which is
removed again. Permissions are those of the user of this connection.

Exit codes: 0, with warnings too; 4 when something fails; 3 when there is no server.`,
		Example: "  weir doctor\n  weir doctor --nats nats://127.0.0.1:4222 -o json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.check(); err != nil {
				return err
			}
			return d.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	d.connection.flags(c)
	d.results.flags(c)
	c.Flags().DurationVar(&d.timeout, "timeout", time.Minute, "how long the examination may take")
	return c
}

func (d *doctorFlags) run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	level := zapcore.ErrorLevel // what the server says of denied subjects is a finding
	conn, err := d.open(ctx, "doctor", d.logger(level))
	if err != nil {
		return err
	}
	defer conn.Close()
	report, err := doctor.Examine(ctx, conn, version)
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Timeout, "look whether the server is very busy; --timeout gives the examination more time", "the examination took longer than %s", d.timeout)
	}
	if err != nil {
		return err
	}
	if err := d.write(out, report, func(s *sheet) { drawReport(s, &report) }); err != nil {
		return err
	}
	if report.Worst() != doctor.Fail {
		return nil
	}
	failed := 0
	for _, f := range report.Findings {
		if f.Level == doctor.Fail {
			failed++
		}
	}
	return &noError{fault.New(fault.Findings, "", "%d of %d findings are failures", failed, len(report.Findings))}
}

func drawReport(s *sheet, r *doctor.Report) {
	colors := map[doctor.Level]color{doctor.OK: good, doctor.Warn: warns, doctor.Fail: bad}
	for _, f := range r.Findings {
		s.line("%s  %s%s  %s", s.paint(colors[f.Level], fmt.Sprintf("%-4s", f.Level)), f.Check, strings.Repeat(" ", max(14-len(f.Check), 0)), printable(f.What))
		if f.Level != doctor.OK {
			block(&s.b, "why", printable(f.Why), s.blockWidth())
			block(&s.b, "fix", printable(f.Fix), s.blockWidth())
		}
	}
	if len(r.Collections) == 0 {
		return
	}
	s.line("")
	t := newTable("~COLLECTION", ">MESSAGES", ">BYTES", ">BYTES A DAY", ">QUARANTINED", ">REPLICAS")
	for _, g := range r.Collections {
		perDay := "-"
		if g.PerDay > 0 {
			perDay = fmt.Sprint(g.PerDay)
		}
		t.add(g.Collection, g.Messages, g.Bytes, perDay, g.Quarantined, g.Replicas)
	}
	s.table(t)
}
