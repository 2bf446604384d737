package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
	"weir/worker"
)

// describe holds the flags of `weir describe`.
type describe struct {
	connection
	results
}

func describeCommand() *cobra.Command {
	d := &describe{}
	c := &cobra.Command{
		Use:   "describe NAME",
		Short: "Show what a task or collection is, what it does, and who reads and writes it",
		Long: `Shows a published task or collection: what its spec says in short, its state with the
last error, its lag, who reads and writes it, and the publication that wrote it.
"weir get" prints the whole spec, "weir logs" what the task logs.`,
		Example:           "  weir describe acmeCo/customer-totals",
		Args:              exactlyOne("NAME"),
		ValidArgsFunction: completeNames(d.connect),
		RunE:              func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context(), args[0], cmd.OutOrStdout()) },
	}
	d.connection.flags(c)
	d.results.flags(c)
	return c
}

// described is a published spec with what its task does.
type described struct {
	controlplane.Described
	Status []worker.Status `json:"status,omitempty"` // of its shards
}

func (d *describe) run(ctx context.Context, name string, out io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	conn, err := d.open(ctx, "describe", d.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	found, err := controlplane.Describe(ctx, conn, name)
	if err != nil {
		return err
	}
	states, err := worker.ReadStatus(ctx, conn)
	if err != nil {
		return err
	}
	all := make([]described, len(found))
	for i, one := range found {
		one.Record = (&source{}).connectors().Masked(one.Record)
		all[i].Described = one
		for _, s := range states {
			if s.Task == name && s.Kind == string(one.Task) {
				all[i].Status = append(all[i].Status, s)
			}
		}
	}
	return d.write(out, all, func(s *sheet) {
		for i, one := range all {
			if i > 0 {
				s.line("")
			}
			one.draw(s)
		}
	})
}

// draw shows one spec: labelled lines.
func (d described) draw(s *sheet) {
	kind := d.Task
	if kind == catalog.KindInbox {
		kind = catalog.KindCollection
	}
	s.line("%s  %s", s.paint(bold, d.Name), kind)
	say := func(label, text string) {
		if text != "" {
			s.wrapped(fmt.Sprintf("  %-11s", label), text)
		}
	}
	say("catalog", d.Catalog)
	say("published", d.publication())
	switch {
	case d.Record.Collection != nil:
		d.drawCollection(say)
	case d.Record.Capture != nil:
		say("endpoint", d.Record.Capture.Endpoint.Kind)
		say("writes", strings.Join(d.Writes, ", "))
	default:
		say("endpoint", d.Record.Materialization.Endpoint.Kind)
		for i, b := range d.Record.Materialization.Bindings {
			text := b.Source.Name + " -> " + string(b.Resource)
			if b.Disable {
				text += " (disabled)"
			}
			say(fmt.Sprintf("binding %d", i), text)
		}
	}
	say("written by", tasksText(d.WrittenBy))
	say("read by", tasksText(d.ReadBy))
	d.drawState(s, say)
}

// publication says when it was published, and by whom.
func (d described) publication() string {
	text := localTime(d.Published)
	if d.Last != nil && d.Last.By != "" {
		text += " by " + d.Last.By
	}
	if d.Last != nil && d.Last.Message != "" {
		text += ": " + d.Last.Message
	}
	return strings.TrimSpace(text + " (" + d.Publication + ")")
}

func (d described) drawCollection(say func(label, text string)) {
	c := d.Record.Collection
	say("key", strings.Join(c.Key, ", "))
	if fields := c.PartitionFields(); len(fields) > 0 {
		say("partitions", fmt.Sprintf("%d, by %s", c.Partitions, strings.Join(fields, ", ")))
	}
	if c.OnInvalid != catalog.OnInvalidStop {
		say("onInvalid", c.OnInvalid)
	}
	if d.Stream == nil {
		say("stream", "gone: publish the catalog again to have it made")
	} else {
		say("documents", fmt.Sprintf("%d in %s, stream %s", d.Stream.Documents, size(d.Stream.Bytes), d.Stream.Name))
	}
	if c.Derive == nil {
		return
	}
	say("using", usingText(c.Derive))
	if state := c.Derive.State(); state != catalog.StateNone {
		say("keeps", string(state))
	}
	for _, t := range c.Derive.Transforms {
		text := t.Source.Name
		if !t.Shuffle.Any {
			text += " by " + strings.Join(t.Shuffle.Key, ", ")
		}
		if t.ReadDelay != "" {
			text += ", " + t.ReadDelay + " later"
		}
		if t.Disable {
			text += " (disabled)"
		}
		say("transform", t.Name+" reads "+text)
	}
}

// usingText names what computes a derivation.
func usingText(d *catalog.Derivation) string {
	module := func(language string, m *catalog.Module) string {
		if m.File == "" {
			return language
		}
		return language + " " + m.File
	}
	switch u := d.Using; {
	case u.JavaScript != nil:
		return module("javascript", u.JavaScript)
	case u.TypeScript != nil:
		return module("typescript", u.TypeScript)
	case u.SQLite != nil:
		return "sqlite, " + plural(len(u.SQLite.Migrations), "migration", "migrations")
	}
	return "copy"
}

// drawState shows what the task does.
func (d described) drawState(s *sheet, say func(label, text string)) {
	if d.Control != nil && !d.Control.Paused && d.Control.By != "" {
		say("resumed", localTime(d.Control.At)+" by "+d.Control.By)
	}
	if len(d.Status) == 0 {
		say("state", "nobody runs it: start `weir up` or `weir serve`")
		return
	}
	for _, one := range d.Status {
		text := s.paint(stateColor(one.State), string(one.State)) + " since " + localTime(one.Since)
		if one.Task == d.Name && d.Task == catalog.KindInbox {
			text = "inbox " + text
		}
		say("state", text)
		say("since then", fmt.Sprintf("%s in (%s), %d out (%s), %s", plural(int(one.In), "document", "documents"), size(one.InBytes), one.Out, size(one.OutBytes), plural(int(one.Txns), "transaction", "transactions")))
		if one.Quarantined > 0 {
			say("quarantine", plural(int(one.Quarantined), "document", "documents")+": `weir quarantine list` shows them")
		}
		if one.State != worker.StateDisabled {
			lag := plural(int(one.Lag), "message waits", "messages wait")
			if one.LagSeconds >= 1 {
				lag += ", the oldest document for " + behind(one.LagSeconds)
			}
			say("lag", lag)
		}
		for _, key := range slices.Sorted(maps.Keys(one.Positions)) {
			say("position", fmt.Sprintf("%s at %d", key, one.Positions[key]))
		}
		if f := one.LastFailure; f != nil && one.State == worker.StateRunning {
			say("last failure", localTime(f.At)+": "+f.Why.Message+" ["+string(f.Why.Code)+"]")
		}
		var why strings.Builder
		writeWhy(&why, one, s.blockWidth())
		s.b.WriteString(why.String())
	}
}

func tasksText(tasks []controlplane.Task) string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = string(t.Kind) + " " + t.Name
	}
	return strings.Join(names, ", ")
}
