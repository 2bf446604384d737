package main

import (
	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
)

// revert holds the flags of `weir revert`.
type revert struct {
	connection
	results
	source
	confirmation
	message string
}

func revertCommand() *cobra.Command {
	r := &revert{}
	c := &cobra.Command{
		Use:   "revert PUBLICATION",
		Short: "Bring a publication back: its catalog becomes again what it was then",
		Long: `Publishes the catalog of a publication as it was after it, as a new publication:
it shows what would be done, and asks on a terminal. Documents stay as they are.
Other catalogs are not touched, and what their tasks need is not taken from them.
"weir history" lists the publications.`,
		Example:           "  weir revert 20261126T101500",
		Args:              exactlyOne("PUBLICATION"),
		ValidArgsFunction: completePublications(r.connect),
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd, args[0]) },
	}
	r.connection.flags(c)
	r.results.flags(c)
	r.confirmation.flags(c)
	c.Flags().StringVar(&r.data, "data", "", "the workers' data directory, for relative paths of endpoints")
	c.Flags().StringVarP(&r.message, "message", "m", "", "why, for the history")
	return c
}

func (r *revert) run(cmd *cobra.Command, id string) error {
	if err := r.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	conn, err := r.open(ctx, "revert", r.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	draft, err := controlplane.DraftRevert(ctx, conn, id, controlplane.Options{Build: version, By: whoIAm(), Message: r.message})
	if err != nil {
		return err
	}
	actions, err := r.connectors().Examine(ctx, draft.Catalog())
	if err != nil {
		return err
	}
	draft.SetActions(actions)
	return carryOut(ctx, cmd, draft, &r.results, func() error {
		return r.askFirst(cmd, "Bring this back?", draft.Plan(), "")
	})
}
