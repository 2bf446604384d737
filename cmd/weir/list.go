package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
	"weir/worker"
)

// list holds the flags of `weir list`.
type list struct {
	connection
	results
	prefix string
}

// kinds are what `weir list` may be asked for, by each of their names.
var kinds = map[string]catalog.Kind{
	"collections": catalog.KindCollection, "collection": catalog.KindCollection,
	"captures": catalog.KindCapture, "capture": catalog.KindCapture,
	"derivations": catalog.KindDerivation, "derivation": catalog.KindDerivation,
	"materializations": catalog.KindMaterialization, "materialization": catalog.KindMaterialization,
}

// kindNames are those that people are told.
var kindNames = []string{"collections", "captures", "derivations", "materializations"}

func listCommand() *cobra.Command {
	l := &list{}
	c := &cobra.Command{
		Use:     "list [KIND...]",
		Aliases: []string{"ls"},
		Short:   "List what is published, with its state, size and lag",
		Long: `Lists what is published: collections, captures, derivations and materializations, or
only some of these kinds. DOCS and BYTES are of the collection's stream, where a
document may be stored several times for its key; LAG is how many messages wait.`,
		Example:   "  weir list\n  weir list derivations materializations --prefix acmeCo/",
		ValidArgs: kindNames,
		RunE:      func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), args, cmd.OutOrStdout()) },
	}
	l.connection.flags(c)
	l.results.flags(c, formTable, formJSON, formYAML, formName)
	c.Flags().StringVar(&l.prefix, "prefix", "", "only names that begin so")
	return c
}

// formName is a form of results: names alone, one a line.
const formName = "name"

// listed is one published spec with what its task does.
type listed struct {
	controlplane.Listed
	Status *worker.Status `json:"status,omitempty"` // nobody ran the task yet: none
}

func (l *list) run(ctx context.Context, args []string, out io.Writer) error {
	if err := l.check(); err != nil {
		return err
	}
	var wanted []catalog.Kind
	for _, arg := range args {
		kind, ok := kinds[strings.ToLower(arg)]
		if !ok {
			return wrongUsage("say "+alternatives(kindNames), "there is no kind %q", arg)
		}
		wanted = append(wanted, kind)
	}
	conn, err := l.open(ctx, "list", l.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := controlplane.List(ctx, conn)
	if err != nil {
		return err
	}
	states, err := worker.ReadStatus(ctx, conn)
	if err != nil {
		return err
	}
	shown := []listed{}
	for _, one := range all {
		ofKind := len(wanted) == 0 || slices.Contains(wanted, one.Kind) || slices.Contains(wanted, one.Task)
		if ofKind && strings.HasPrefix(one.Name, l.prefix) {
			shown = append(shown, listed{one, statusOf(states, one.Task, one.Name)})
		}
	}
	if l.form == formName {
		for _, one := range shown {
			if _, err := fmt.Fprintln(out, one.Name); err != nil {
				return err
			}
		}
		return nil
	}
	return l.write(out, shown, func(s *sheet) { listSheet(s, shown) })
}

// statusOf finds the status of a task; nil: nobody has run it.
func statusOf(all []worker.Status, kind catalog.Kind, name string) *worker.Status {
	for i := range all {
		if all[i].Task == name && all[i].Kind == string(kind) {
			return &all[i]
		}
	}
	return nil
}

func listSheet(s *sheet, all []listed) {
	if len(all) == 0 {
		s.line("nothing is published: `weir publish` publishes a catalog")
		return
	}
	t := newTable("~NAME", "KIND", "STATE", ">DOCS", ">BYTES", ">LAG")
	for _, one := range all {
		kind := one.Task
		if kind == catalog.KindInbox {
			kind = catalog.KindCollection
		}
		state, lag := one.state()
		docs, bytes := "", ""
		if one.Stream != nil {
			docs, bytes = fmt.Sprint(one.Stream.Documents), size(one.Stream.Bytes)
		}
		t.add(one.Name, kind, state, docs, bytes, lag)
	}
	s.table(t)
}

// state is what the task does, and its lag. A collection's inbox is told of only
// where it does not simply run.
func (one listed) state() (cell, string) {
	switch {
	case one.Status == nil && one.Disabled:
		return cell{string(worker.StateDisabled), faint}, ""
	case one.Status == nil && one.Task != catalog.KindInbox:
		return cell{string(worker.StatePending), warns}, ""
	case one.Status == nil:
		return cell{}, ""
	}
	state := one.Status.State
	if one.Task == catalog.KindInbox {
		if state == worker.StateRunning {
			return cell{}, ""
		}
		return cell{"inbox " + string(state), stateColor(state)}, ""
	}
	lag := ""
	if state != worker.StateDisabled {
		lag = fmt.Sprint(one.Status.Lag)
	}
	return cell{string(state), stateColor(state)}, lag
}

// size is a number of bytes for people.
func size(bytes uint64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	n, prefix := float64(bytes)/unit, 0
	for n >= unit && prefix < 4 {
		n /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", n, "KMGTP"[prefix])
}
