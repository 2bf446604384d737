package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
)

// up holds the flags of `weir up`.
type up struct {
	runner
	identity
	confirmation
	port int
}

func upCommand() *cobra.Command {
	u := &up{}
	c := &cobra.Command{
		Use:   "up CATALOG",
		Short: "Publish a catalog and keep it running, with a NATS server of its own",
		Long: `Publishes the catalog (a file, or a directory that holds a flow.yaml), runs its
tasks and shows what they do until Ctrl-C. Started again it goes on where it was.

The NATS server is embedded: JetStream on disk, every write synced. With --nats or
--context a server that is there is used instead. Any NATS client publishes
documents to weir.pub.<collection>.<key>, or without a key to weir.pub.<collection>.
The pages are at http://127.0.0.1:4280; the first start prints the address that logs in.

The catalog is the whole wish: what is gone from it stops, its streams stay. On a
server that others publish to as well, that is asked first, or takes --yes.`,
		Example: `  weir up examples/orders
  weir up examples/orders --port 0 --data /var/lib/weir/orders
  nats pub weir.pub.acmeCo/orders '{"id": "o-1", ...}'`,
		Args: exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := u.check(cmd); err != nil {
				return err
			}
			return u.run(cmd, args[0])
		},
	}
	u.upFlags(c)
	return c
}

// upFlags adds the flags of commands that run a catalog.
func (u *up) upFlags(c *cobra.Command) {
	u.flagsOr(c, "a server of its own")
	c.Flags().StringVar(&u.data, "data", "", "data directory; the default is one for each catalog under the user's state directory")
	c.Flags().IntVar(&u.port, "port", 4222, "port of the embedded NATS server; 0 picks one")
	u.identity.flags(c)
	u.confirmation.flags(c)
	u.secrets.flags(c, "any, from the data directory on")
	u.web.flags(c, "another port if taken")
}

// check refuses flags that say nothing or contradict each other.
func (u *up) check(cmd *cobra.Command) error {
	switch {
	case u.port < 0 || u.port > 65535:
		return wrongUsage("say 1 to 65535, or 0 to have one picked", "--port %d is no port", u.port)
	case u.given() && cmd.Flags().Changed("port"):
		return wrongUsage("leave one out", "--port is for the embedded server, which --nats and --context replace")
	}
	return u.web.check(cmd)
}

func (u *up) run(cmd *cobra.Command, path string) error {
	ctx, out, problems := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	c, err := build(ctx, path, u.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	u.printWarnings(problems, c)
	i, err := u.begin(ctx, path, out, problems)
	if err != nil {
		return err
	}
	defer i.stop()
	warnUnresolved(problems, i.connectors, c)
	if err := i.connectors.Check(ctx, c); err != nil {
		return err
	}
	if err := u.publish(cmd, i, c); err != nil {
		return err
	}
	if err := i.serve(ctx, everything); err != nil {
		return err
	}
	return i.work(ctx)
}

// publish makes the catalog the published one. A server of its own has nobody
// else's specs; on another one it asks before it removes any.
func (u *up) publish(cmd *cobra.Command, i *instance, c *catalog.Catalog) error {
	draft, err := controlplane.NewDraft(cmd.Context(), i.conn, c, controlplane.Options{Catalog: i.catalog, Prune: true, Build: version, By: whoIAm()})
	if err != nil {
		return err
	}
	if gone := removals(draft.Plan()); len(gone) > 0 && u.given() {
		if err := u.askFirst(cmd, "This would remove "+strings.Join(gone, ", ")+". Go on?", draft.Plan(), orNamed); err != nil {
			return err
		}
	}
	_, err = draft.Publish(cmd.Context())
	return err
}

// begin connects to the server of the catalog at a path.
func (u *up) begin(ctx context.Context, path string, out, problems io.Writer) (*instance, error) {
	name, err := u.of(path)
	if err != nil {
		return nil, err
	}
	place, err := catalogPlace(path)
	if err != nil {
		return nil, err
	}
	i, err := u.prepare(place, ownSecrets, out, problems)
	if err != nil {
		return nil, err
	}
	i.catalog = name
	log, err := u.log(i)
	if err != nil {
		return nil, err
	}
	if u.given() {
		err = i.open(ctx, &u.connection, "up", log)
	} else {
		err = i.embed(ctx, u.port, log)
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range i.conn.Warnings(ctx) {
		fmt.Fprintln(problems, "warning:", warning)
	}
	return i, nil
}

// log gives the logger: while the screen shows the status, a file in the data
// directory, which lasts until the next start; else standard error.
func (u *up) log(i *instance) (*zap.Logger, error) {
	if !i.screen.terminal || !isTerminal(os.Stderr) {
		return u.logger(zapcore.WarnLevel), nil
	}
	file := filepath.Join(i.data, "weir.log")
	f, err := os.Create(file)
	if err != nil {
		return nil, &environmentError{err}
	}
	i.screen.log = file
	return u.logTo(f, zapcore.InfoLevel), nil
}
