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

// connector opens a connection without a word.
type connector func(context.Context) (*journal.Conn, error)

// completeNames completes what is published. Kinds bound it to those; none:
// everything.
func completeNames(connect connector, kinds ...string) cobra.CompletionFunc {
	return complete(connect, func(ctx context.Context, conn *journal.Conn) ([]string, error) {
		records, err := controlplane.Records(ctx, conn)
		var names []string
		for _, r := range records {
			if len(kinds) == 0 || slices.Contains(kinds, string(r.Kind())) {
				names = append(names, r.Name()+"\t"+string(r.TaskKind()))
			}
		}
		return names, err
	})
}

// completePublications completes identifiers of publications, the newest first.
func completePublications(connect connector) cobra.CompletionFunc {
	return complete(connect, func(ctx context.Context, conn *journal.Conn) ([]string, error) {
		all, err := controlplane.History(ctx, conn, "")
		var ids []string
		for _, p := range all {
			ids = append(ids, p.ID+"\t"+p.Message)
		}
		return ids, err
	})
}

// complete completes an argument from a list of candidates with their
// descriptions, where the server answers at once.
func complete(connect connector, list func(context.Context, *journal.Conn) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		conn, err := connect(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer conn.Close()
		all, err := list(ctx, conn)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.DeleteFunc(all, func(candidate string) bool {
			word, _, _ := strings.Cut(candidate, "\t")
			return !strings.HasPrefix(word, begun) || slices.Contains(args, word)
		}), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// connect opens the connection without a word.
func (c *connection) connect(ctx context.Context) (*journal.Conn, error) {
	return c.open(ctx, "completion", zap.NewNop())
}
