package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane/quarantine"
	"weir/journal"
)

func quarantineCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "quarantine",
		Short: "Show, retry, mend and drop the documents that tasks put aside",
		Long: `Documents that a collection does not take are put aside if the collection says
onInvalid: quarantine, and always where they came by its inbox. These commands show
them with what they break, and bring them back once the schema, the module or the
document is mended.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(quarantineListCommand(), quarantineShowCommand(), quarantineRetryCommand(), quarantineEditCommand(), quarantineDropCommand())
	return c
}

// chosen says which documents of quarantine are meant: by their IDs, or all
// that a filter selects.
type chosen struct {
	filter quarantine.Filter
	all    bool
}

func (c *chosen) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.filter.Collection, "collection", "", "only documents of this collection")
	f.StringVar(&c.filter.Task, "task", "", "only documents that this task put aside")
	f.StringVar(&c.filter.Rule, "rule", "", "only what breaks this rule: of the schema, or json, key, subject, reduce or size")
}

// entries gives the documents that are meant. IDs that are not there are an
// error.
func (c *chosen) entries(ctx context.Context, conn *journal.Conn, args []string) ([]quarantine.Entry, error) {
	filtered := c.all || c.filter != quarantine.Filter{}
	switch {
	case len(args) > 0 && filtered:
		return nil, wrongUsage("leave one of the two out", "there are both IDs of documents and flags that select documents")
	case len(args) == 0 && !filtered:
		return nil, wrongUsage("give their IDs, as `weir quarantine list` shows them, or --collection, --task, --rule or --all", "no document is named")
	case filtered:
		entries, _, err := quarantine.List(ctx, conn, c.filter, 0)
		return entries, err
	}
	var entries []quarantine.Entry
	for _, arg := range args {
		id, err := entryID(arg)
		if err != nil {
			return nil, err
		}
		d, err := quarantine.Get(ctx, conn, id)
		if err != nil {
			return nil, err
		}
		entries = append(entries, d.Entry)
	}
	return entries, nil
}

func entryID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		return 0, wrongUsage("`weir quarantine list` shows the IDs", "%q is no ID of a quarantined document", text)
	}
	return id, nil
}

type quarantineList struct {
	connection
	results
	chosen
	limit  int
	counts bool
}

func quarantineListCommand() *cobra.Command {
	l := &quarantineList{}
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List quarantined documents, oldest first, or count them",
		Example: "  weir quarantine list --counts\n  weir quarantine list --collection acmeCo/orders --rule type",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return l.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	l.connection.flags(c)
	l.results.flags(c)
	l.chosen.flags(c)
	f := c.Flags()
	f.IntVar(&l.limit, "limit", 100, "list so many at most; 0 is all")
	f.Uint64Var(&l.filter.After, "after", 0, "list what comes behind this ID")
	f.BoolVar(&l.counts, "counts", false, "count the documents by collection, task and rule")
	return c
}

func (l *quarantineList) run(ctx context.Context, out, notes io.Writer) error {
	if err := l.check(); err != nil {
		return err
	}
	conn, err := l.open(ctx, "quarantine", l.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	if l.counts {
		groups, err := quarantine.Groups(ctx, conn, l.filter)
		if err != nil {
			return err
		}
		return l.write(out, groups, func(s *sheet) { drawGroups(s, groups) })
	}
	entries, more, err := quarantine.List(ctx, conn, l.filter, l.limit)
	if err != nil {
		return err
	}
	if err := l.write(out, entries, func(s *sheet) { drawEntries(s, entries) }); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(notes, "there are more: --after %d goes on, --counts counts them all\n", entries[len(entries)-1].ID)
	}
	return nil
}

func drawGroups(s *sheet, groups []quarantine.Group) {
	if len(groups) == 0 {
		s.line("quarantine is empty")
		return
	}
	t := newTable("~COLLECTION", "~TASK", "BY", "RULE", ">COUNT", "NEWEST")
	for _, g := range groups {
		t.add(g.Collection, g.Task, g.By, g.Rule, g.Count, g.Newest.Local().Format(time.DateTime))
	}
	s.table(t)
}

func drawEntries(s *sheet, entries []quarantine.Entry) {
	if len(entries) == 0 {
		s.line("quarantine is empty")
		return
	}
	t := newTable(">ID", "TIME", "~COLLECTION", "~TASK", "BY", "RULE", "~REASON")
	for _, e := range entries {
		t.add(e.ID, e.Time.Local().Format(time.DateTime), e.Collection, e.Task, e.By, e.Rule, cell{strings.TrimSpace(e.Pointer + " " + e.Reason), warns})
	}
	s.table(t)
}

type quarantineShow struct {
	connection
	results
}

func quarantineShowCommand() *cobra.Command {
	q := &quarantineShow{}
	c := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one quarantined document: what it is, what it breaks, and what to do",
		Example: "  weir quarantine show 17",
		Args:    exactlyOne("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.run(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	q.connection.flags(c)
	q.results.flags(c)
	return c
}

func (q *quarantineShow) run(ctx context.Context, arg string, out io.Writer) error {
	if err := q.check(); err != nil {
		return err
	}
	id, err := entryID(arg)
	if err != nil {
		return err
	}
	conn, err := q.open(ctx, "quarantine", q.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	d, err := quarantine.Get(ctx, conn, id)
	if err != nil {
		return err
	}
	return q.write(out, d, func(s *sheet) { drawQuarantined(s, &d) })
}

// came says in words how a document came into quarantine.
func came(e *quarantine.Entry) string {
	switch e.By {
	case quarantine.ByInbox:
		return "it was published to " + e.Collection + " and did not enter"
	case quarantine.ByReader:
		return fmt.Sprintf("%s passed over it; it lies in %s at sequence %d", e.Task, e.Collection, e.Sequence)
	case quarantine.ByOutput:
		return fmt.Sprintf("%s gave it for the document at sequence %d, and it did not enter", e.Task, e.Sequence)
	}
	return e.Task + " captured it, and it did not enter"
}

func drawQuarantined(s *sheet, d *quarantine.Document) {
	label := func(name, text string) {
		if text != "" {
			block(&s.b, name, text, s.blockWidth())
		}
	}
	label("id", fmt.Sprint(d.ID))
	label("at", d.Time.Local().Format(time.DateTime))
	label("collection", d.Collection)
	label("task", d.Task)
	label("came", came(&d.Entry))
	label("origin", d.Origin)
	label("breaks", strings.TrimSpace(d.Pointer+" "+d.Rule+": "+d.Reason))
	label("fix", d.Fix)
	s.line("")
	s.line("%s", pretty(d))
}

// pretty is the document as people read it.
func pretty(d *quarantine.Document) string {
	var b bytes.Buffer
	if d.JSON == nil || json.Indent(&b, d.JSON, "", "  ") != nil {
		return d.Text
	}
	return b.String()
}
