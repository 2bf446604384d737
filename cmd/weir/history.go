package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
)

// history holds the flags of `weir history`.
type history struct {
	connection
	results
	of    string
	count int
}

func historyCommand() *cobra.Command {
	h := &history{}
	c := &cobra.Command{
		Use:   "history [PUBLICATION]",
		Short: "List publications, or show what one changed",
		Long: `Lists the publications, newest first: when, who, what, and why. With the identifier
of one, or its beginning, it shows what that publication changed, in words and as
YAML. "weir revert" brings one back.`,
		Example: "  weir history\n  weir history 20261126T101500",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wrongUsage("write `weir history`, or as in `weir history 20261126T101500`", "history takes one PUBLICATION at most")
			}
			return nil
		},
		ValidArgsFunction: completePublications(h.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			return h.run(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
	h.connection.flags(c)
	h.results.flags(c)
	c.Flags().StringVar(&h.of, "catalog", "", "only publications of this catalog, by its name or its path")
	c.Flags().IntVarP(&h.count, "count", "n", 0, "only so many; 0 is all")
	return c
}

func (h *history) run(ctx context.Context, args []string, out io.Writer) error {
	if err := h.check(); err != nil {
		return err
	}
	conn, err := h.open(ctx, "history", h.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	if len(args) == 1 {
		detail, err := controlplane.ShowPublication(ctx, conn, args[0])
		if err != nil {
			return err
		}
		known := (&source{}).connectors()
		for i := range detail.Specs {
			for _, r := range []*catalog.Record{detail.Specs[i].Before, detail.Specs[i].After} {
				if r != nil {
					*r = known.Masked(*r)
				}
			}
		}
		return h.write(out, detail, func(s *sheet) { detailSheet(s, detail) })
	}
	all, err := controlplane.History(ctx, conn, h.of)
	if err != nil {
		return err
	}
	if h.of != "" && len(all) == 0 { // no name: a path
		if h.of, err = pathIdentity(h.of); err != nil {
			return err
		}
		if all, err = controlplane.History(ctx, conn, h.of); err != nil {
			return err
		}
	}
	if h.count > 0 {
		all = all[:min(h.count, len(all))]
	}
	return h.write(out, all, func(s *sheet) { historySheet(s, all) })
}

func historySheet(s *sheet, all []controlplane.PublicationInfo) {
	if len(all) == 0 {
		s.line("no publications yet")
		return
	}
	t := newTable("PUBLICATION", ">AGE", "BY", "SPECS", "~MESSAGE", "~CATALOG")
	for _, p := range all {
		count := map[string]int{}
		for _, c := range p.Specs {
			count[c.Action]++
		}
		what := fmt.Sprintf("+%d ~%d -%d", count[controlplane.Create], count[controlplane.Change], count[controlplane.Remove])
		t.add(p.ID, age(time.Since(p.Time)), p.By, what, whyOf(p.Publication), p.Catalog)
	}
	s.table(t)
}

// detailSheet draws what a publication changed, in words, then as YAML.
func detailSheet(s *sheet, p controlplane.PublicationDetail) {
	s.line("publication %s", s.paint(bold, p.ID))
	s.line("  at   %s, by %s", localTime(p.Time), orNobody(p.By))
	if p.Catalog != "" {
		s.line("  of   %s", p.Catalog)
	}
	if why := whyOf(p.Publication); why != "" {
		s.line("  why  %s", why)
	}
	for _, c := range p.Specs {
		s.line("\n%s", s.paint(marks[c.Action].color, fmt.Sprintf("%s %s %s %s", marks[c.Action].sign, c.Action, c.Kind, c.Name)))
		for _, text := range c.Changes {
			s.wrapped("    ", text)
		}
		for _, line := range lineDiff(specLines(c.Before), specLines(c.After), 3) {
			switch {
			case strings.HasPrefix(line, "+"):
				line = s.paint(good, line)
			case strings.HasPrefix(line, "-"):
				line = s.paint(bad, line)
			}
			s.line("  %s", line)
		}
	}
}

// specLines gives a spec as the lines of its YAML.
func specLines(r *catalog.Record) []string {
	if r == nil {
		return nil
	}
	text, err := catalog.Text(*r)
	if err != nil {
		return []string{"(cannot be shown: " + err.Error() + ")"}
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n")
}

func whyOf(p catalog.Publication) string {
	switch {
	case p.Message != "":
		return p.Message
	case p.Reverts != "":
		return "brings back " + p.Reverts
	}
	return ""
}

func orNobody(by string) string {
	if by == "" {
		return "somebody"
	}
	return by
}

// age is how long ago something was, for people.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// localTime is a time as people read it.
func localTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
