package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"weir/controlplane"
	"weir/journal"
)

// completionPatience is how long a shell waits for names: who presses a key does
// not wait for a server that is away.
const completionPatience = 300 * time.Millisecond

// completeNames completes what is published, where the server answers at once.
// Kinds bound it to those; none: everything.
func completeNames(connect func(context.Context) (*journal.Conn, error), kinds ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		conn, err := connect(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer conn.Close()
		records, err := controlplane.Records(ctx, conn)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, r := range records {
			if strings.HasPrefix(r.Name(), begun) && !slices.Contains(args, r.Name()) && (len(kinds) == 0 || slices.Contains(kinds, string(r.Kind()))) {
				names = append(names, r.Name()+"\t"+string(r.TaskKind()))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// connect opens the connection without a word.
func (c *connection) connect(ctx context.Context) (*journal.Conn, error) {
	return c.open(ctx, "completion", zap.NewNop())
}
