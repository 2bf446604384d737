package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
	"weir/fault"
	"weir/journal"
)

// plan holds the flags of `weir plan`.
type plan struct {
	connection
	results
	source
	exitCode bool
}

// source says which catalog is published, and how.
type source struct {
	identity
	data string
	keep bool
	root string // what the catalog is known by
}

func (s *source) flags(c *cobra.Command) {
	s.identity.flags(c)
	c.Flags().StringVar(&s.data, "data", "", "the workers' data directory, for relative paths of endpoints")
	c.Flags().BoolVar(&s.keep, "keep", false, "leave running what is gone from the catalog")
}

func planCommand() *cobra.Command {
	p := &plan{}
	c := &cobra.Command{
		Use:   "plan CATALOG",
		Short: "Show what publishing a catalog would do",
		Long: `Checks the catalog as "weir publish" does and shows what that would do: what is
created, changed and removed, and what becomes of streams, tables, registers and
tasks. Nothing is changed.

Exit codes: 0; with --exit-code 4 when there is something to publish; 2 when the
catalog or the command line is wrong.`,
		Example: "  weir plan examples/orders\n  weir plan examples/orders --exit-code -o json",
		Args:    exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p.connection.flags(c)
	p.source.flags(c)
	p.results.flags(c)
	c.Flags().BoolVar(&p.exitCode, "exit-code", false, "end with exit code 4 when there is something to publish")
	return c
}

func (p *plan) run(ctx context.Context, path string, out, problems io.Writer) error {
	if err := p.check(); err != nil {
		return err
	}
	c, conn, err := p.prepare(ctx, &p.connection, "plan", path, problems)
	if err != nil {
		return err
	}
	defer conn.Close()
	draft, err := p.draft(ctx, conn, c, "", problems)
	if err != nil {
		return err
	}
	what := draft.Plan()
	if err := p.write(out, what, func(s *sheet) { planSheet(s, what) }); err != nil {
		return err
	}
	if p.exitCode && !what.Empty() {
		return &noError{fault.New(fault.Changes, "`weir publish` publishes it", "there is something to publish")}
	}
	return nil
}

// prepare builds the catalog and connects.
func (s *source) prepare(ctx context.Context, to *connection, role, path string, problems io.Writer) (*catalog.Catalog, *journal.Conn, error) {
	log := to.logger(zapcore.WarnLevel)
	c, err := build(ctx, path, log)
	if err != nil {
		return nil, nil, err
	}
	if s.root, err = s.of(path); err != nil {
		return nil, nil, err
	}
	to.printWarnings(problems, c)
	conn, err := to.open(ctx, role, log)
	return c, conn, err
}

// draft asks the connectors and checks the publication.
func (s *source) draft(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, message string, problems io.Writer) (*controlplane.Draft, error) {
	warnUnresolved(problems, s.connectors(), c)
	actions, err := s.connectors().Examine(ctx, c)
	if err != nil {
		return nil, err
	}
	return controlplane.NewDraft(ctx, conn, c, controlplane.Options{Catalog: s.root, Prune: !s.keep, Build: version, By: whoIAm(), Message: message, Actions: actions})
}

func (s *source) connectors() controlplane.Connectors {
	return controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry(), DataDir: s.data}
}

// marks of what becomes of a spec.
var marks = map[string]struct {
	sign string
	color
}{
	controlplane.Create: {"+", good}, controlplane.Change: {"~", warns}, controlplane.Remove: {"-", bad},
	controlplane.Start: {"+", good}, controlplane.Restart: {"~", warns}, controlplane.Stop: {"-", bad},
}

// planSheet draws a plan.
func planSheet(s *sheet, p controlplane.Plan) {
	if p.Empty() {
		s.line("nothing to publish: %s as in the catalog", plural(len(p.Unchanged), "spec is", "specs are"))
		return
	}
	for _, c := range p.Specs {
		s.line("%s", s.paint(marks[c.Action].color, fmt.Sprintf("%s %s %s %s", marks[c.Action].sign, c.Action, c.Kind, c.Name)))
		for _, text := range c.Changes {
			s.wrapped("    ", text)
		}
		for _, text := range c.Effects {
			s.wrapped("    -> ", text)
		}
	}
	s.line("")
	for _, t := range p.Tasks {
		text := fmt.Sprintf("%-7s %s %s", t.Action, t.Kind, t.Name)
		if t.Why != "" {
			text += ": " + t.Why
		}
		s.line("%s %s", s.paint(marks[t.Action].color, marks[t.Action].sign), text)
	}
	if len(p.GoOn) > 0 {
		s.wrapped("  go on   ", strings.Join(p.GoOn, ", "))
	}
	count := map[string]int{}
	for _, c := range p.Specs {
		count[c.Action]++
	}
	s.line("\n%d to create, %d to change, %d to remove, %d unchanged", count[controlplane.Create], count[controlplane.Change], count[controlplane.Remove], len(p.Unchanged))
}

// plural counts in words.
func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
