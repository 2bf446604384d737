package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/catalog/lint"
)

func lintCommand() *cobra.Command {
	var output string
	var strict bool
	c := &cobra.Command{
		Use:   "lint CATALOG",
		Short: "Warn of what is allowed in a catalog and yet unsafe or surprising",
		Long: `Looks at a catalog for what works and may still do harm: reductions that count
twice, keys that may be missing, documents that grow without end. Each warning
says where, why, and what to do. docs/reference/lint.md lists the rules.

Exit codes: 0, with warnings too; 1 with --strict when there are any; 2 when the
catalog or the command line is wrong.`,
		Example: `  weir lint examples/orders
  weir lint examples/orders --strict -o json`,
		Args: exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "text", "json"); err != nil {
				return err
			}
			c, err := catalog.Load(args[0])
			if err != nil {
				return err
			}
			warnings := warningsOf(c)
			if err := writeWarnings(cmd.OutOrStdout(), output, warnings); err != nil {
				return err
			}
			if strict && len(warnings) > 0 {
				return fmt.Errorf("%d warnings, and --strict allows none", len(warnings))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	c.Flags().BoolVar(&strict, "strict", false, "end with exit code 1 when there are warnings")
	return c
}

// warningsOf applies all rules to a catalog, with what the built-in connectors
// promise.
func warningsOf(c *catalog.Catalog) []lint.Warning {
	known := sinkRegistry()
	return lint.Check(c, lint.Options{AtLeastOnce: func(kind string) bool {
		sink, err := known.Lookup(kind)
		return err == nil && !sink.Spec().ExactlyOnce
	}})
}

func writeWarnings(out io.Writer, output string, warnings []lint.Warning) error {
	if output == "json" {
		if warnings == nil {
			warnings = []lint.Warning{}
		}
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(warnings)
	}
	c := colors(out)
	for _, w := range warnings {
		fmt.Fprintf(out, "%s:%d: %s%s%s: %s: %s\n    why: %s\n    do:  %s\n", w.File, w.Line, c.Expected, w.Rule, c.End, w.Name, w.What, w.Why, w.Do)
	}
	switch len(warnings) {
	case 0:
		fmt.Fprintln(out, "no warnings")
	case 1:
		fmt.Fprintln(out, "1 warning")
	default:
		fmt.Fprintf(out, "%d warnings\n", len(warnings))
	}
	return nil
}

// printWarnings tells whoever asked for more about the warnings of a catalog
// that is published.
func (c *connection) printWarnings(problems io.Writer, published *catalog.Catalog) {
	if !c.verbose {
		return
	}
	for _, w := range warningsOf(published) {
		fmt.Fprintln(problems, "warning:", w)
	}
}
