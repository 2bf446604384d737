package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
)

// getting holds the flags of `weir get`.
type getting struct {
	connection
	results
	needed bool
}

func getCommand() *cobra.Command {
	g := &getting{}
	c := &cobra.Command{
		Use:   "get [NAME...]",
		Short: "Print published specs as a catalog that can be published again",
		Long: `Prints the specs as they are published, all of them without a name, as the text of a
flow.yaml. Schemas stand in it in full, and modules as what they were bundled into;
secrets stay the references that they are in the catalog. With --needed the
collections that the named tasks are built from are printed too, so that the text is a
catalog by itself.`,
		Example:           "  weir get acmeCo/db --needed > flow.yaml\n  weir get acmeCo/orders -o json",
		ValidArgsFunction: completeNames(g.connect),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	g.connection.flags(c)
	g.results.flags(c, formYAML, formJSON)
	c.Flags().BoolVar(&g.needed, "needed", false, "print the collections too that the named tasks are built from")
	return c
}

func (g *getting) run(ctx context.Context, names []string, out, problems io.Writer) error {
	if err := g.check(); err != nil {
		return err
	}
	conn, err := g.open(ctx, "get", g.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := controlplane.Records(ctx, conn)
	if err != nil {
		return err
	}
	wanted := all
	if len(names) > 0 {
		if wanted, err = pick(all, names, g.needed); err != nil {
			return err
		}
	}
	shown := masked(wanted)
	for i, r := range wanted {
		if shown[i].Hash() != r.Hash() {
			note(problems, "warning: the secrets in the endpoint of %s are shown as ***: the catalog should name them, as ${env:NAME}", r.Name())
		}
	}
	text, err := catalog.Specs(shown...)
	if err != nil {
		return err
	}
	return g.write(out, json.RawMessage(text), nil)
}

// masked gives records as people may see them.
func masked(records []catalog.Record) []catalog.Record {
	known := (&source{}).connectors()
	out := make([]catalog.Record, len(records))
	for i, r := range records {
		out[i] = known.Masked(r)
	}
	return out
}

// pick gives the records of some names and, with needed, what they are built
// from.
func pick(all []catalog.Record, names []string, needed bool) ([]catalog.Record, error) {
	var out []catalog.Record
	taken := map[string]bool{}
	var take func(name string, collections bool) bool
	take = func(name string, collections bool) bool {
		found := false
		for _, r := range all {
			if r.Name() != name || collections && r.Collection == nil {
				continue
			}
			found = true
			id := string(r.Kind()) + " " + name
			if taken[id] {
				continue
			}
			taken[id] = true
			out = append(out, r)
			if needed {
				for _, of := range r.BuiltFrom() {
					take(of, true)
				}
			}
		}
		return found
	}
	for _, name := range names {
		if !take(name, false) {
			return nil, unknown(all, name)
		}
	}
	return out, nil
}
