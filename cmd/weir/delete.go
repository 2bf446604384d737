package main

import (
	"context"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
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
it takes --yes.`,
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

func (r *remove) run(ctx context.Context, cmd *cobra.Command, names []string) error {
	if err := r.check(); err != nil {
		return err
	}
	conn, err := r.open(ctx, "delete", r.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	draft, err := controlplane.DraftDelete(ctx, conn, names, controlplane.Options{Build: version, By: whoIAm(), Message: r.message})
	if err != nil {
		return err
	}
	data, err := draft.Data(ctx)
	if err != nil {
		return err
	}
	ask := func() error { return r.ask(cmd, "Remove this?", true) }
	if r.withData {
		ask = func() error {
			for _, d := range data {
				note(cmd.ErrOrStderr(), "%s has %s: they would be deleted for good", d.Name, plural(int(d.Documents), "document", "documents"))
			}
			return r.askFor(cmd, "This cannot be undone.", names[0])
		}
	}
	if err := carryOut(ctx, cmd, draft, &r.results, ask); err != nil || !r.withData {
		return err
	}
	var collections []string
	for _, d := range data {
		collections = append(collections, d.Name)
	}
	if err := awaitStopped(ctx, conn, collections); err != nil {
		return err
	}
	for _, d := range data {
		if err := controlplane.DeleteData(ctx, conn, d.Name); err != nil {
			return err
		}
		note(cmd.ErrOrStderr(), "deleted the documents of %s", d.Name)
	}
	return nil
}
