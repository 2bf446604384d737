package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
	"weir/controlplane/api"
	"weir/fault"
	"weir/journal"
)

// remove holds the flags of `weir delete`.
type remove struct {
	connection
	results
	confirmation
	withData bool
	message  string
}

func deleteCommand() *cobra.Command {
	r := &remove{}
	c := &cobra.Command{
		Use:   "delete NAME...",
		Short: "Remove tasks and collections from what is published",
		Long: `Removes what is published under the names, as a publication of its own: tasks stop.
It is refused while other tasks need a collection, and says which ones. Streams stay
with all their documents; what destinations have stays there.

With --with-data the streams of the collections go too, with what their tasks kept:
that cannot be undone. It asks for the name to be typed; where nobody can be asked,
it takes --yes. What was removed without it earlier can be named again with it, and
a command that was interrupted can be repeated.`,
		Example:           "  weir delete acmeCo/db\n  weir delete acmeCo/orders --with-data",
		Args:              atLeastOne("NAME"),
		ValidArgsFunction: completeNames(r.connect),
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), cmd, args) },
	}
	r.connection.flags(c)
	r.results.flags(c)
	r.confirmation.flags(c)
	c.Flags().BoolVar(&r.withData, "with-data", false, "delete the collections' streams, with all documents")
	c.Flags().StringVarP(&r.message, "message", "m", "", "why, for the history")
	return c
}

func (r *remove) run(ctx context.Context, cmd *cobra.Command, args []string) error {
	if err := r.check(); err != nil {
		return err
	}
	conn, err := r.open(ctx, "delete", r.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	names, left, err := controlplane.Leftovers(ctx, conn, args)
	if err != nil {
		return err
	}
	if len(left) > 0 && !r.withData {
		return fault.New(fault.NotFound, "--with-data removes that", "%s is not published, but %s", left[0].Name, holds(left[0]))
	}
	draft, err := controlplane.DraftDelete(ctx, conn, names, controlplane.Options{Build: version, By: whoIAm(), Message: r.message})
	if err != nil {
		return err
	}
	data, err := draft.Data(ctx)
	if err != nil {
		return err
	}
	data = append(data, left...)
	ask := func() error { return r.ask(cmd, "Remove this?", true) }
	if r.withData {
		ask = func() error {
			for _, d := range data {
				note(cmd.ErrOrStderr(), "%s: %s; that would be deleted for good", d.Name, holds(d))
			}
			return r.askFor(cmd, "This cannot be undone.", args[0])
		}
	}
	if len(names) > 0 {
		err = carryOut(ctx, cmd, draft, &r.results, ask)
	} else if err = ask(); err == nil {
		err = r.write(cmd.OutOrStdout(), controlplane.Published{}, func(*sheet) {})
	}
	if err != nil || !r.withData {
		return err
	}
	return deleteData(ctx, conn, data, cmd.ErrOrStderr())
}

// holds says what is kept of a collection.
func holds(d controlplane.Data) string {
	if d.Gone {
		return "its stream is gone, and state of its tasks is left"
	}
	return fmt.Sprintf("its stream holds %s", plural(int(d.Documents), "document", "documents"))
}

// deleteData deletes what collections keep, as soon as no task writes them. All
// of it can be repeated.
func deleteData(ctx context.Context, conn *journal.Conn, data []controlplane.Data, problems io.Writer) error {
	var tasks []string
	for _, d := range data {
		tasks = append(tasks, d.Tasks...)
	}
	if err := awaitStopped(ctx, conn, tasks); err != nil {
		return err
	}
	for _, d := range data {
		if err := controlplane.DeleteData(ctx, conn, d.Name); err != nil {
			return again(fmt.Errorf("delete the data of %s: %w", d.Name, err))
		}
		note(problems, "deleted the documents of %s", d.Name)
	}
	return nil
}

// again says that a deletion was cut off, and goes on when it is asked for once more.
func again(err error) error {
	return fault.Wrap(err, api.Explain(err).Code, "give the same command again, which goes on with it")
}
