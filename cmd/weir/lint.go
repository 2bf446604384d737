package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/catalog/lint"
	"weir/fault"
	natssink "weir/sinks/nats"
)

func lintCommand() *cobra.Command {
	r := results{}
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
			if err := r.check(); err != nil {
				return err
			}
			c, err := catalog.Load(args[0])
			if err != nil {
				return err
			}
			warnings := warningsOf(c)
			if err := writeWarnings(cmd.OutOrStdout(), &r, warnings); err != nil {
				return err
			}
			if strict && len(warnings) > 0 {
				return fault.New(fault.Warnings, "", "%s, and --strict allows none", plural(len(warnings), "warning", "warnings"))
			}
			return nil
		},
	}
	r.flags(c, formText, formJSON, formYAML)
	c.Flags().BoolVar(&strict, "strict", false, "end with exit code 1 when there are warnings")
	return c
}

// warningsOf applies all rules to a catalog, with what the built-in connectors
// promise.
func warningsOf(c *catalog.Catalog) []lint.Warning {
	return lint.Check(c, lint.Options{
		AtLeastOnce:  atLeastOnce,
		ConfigSchema: configSchema,
	})
}

// atLeastOnce says whether a materialization is at least once, as far as its
// catalog tells.
func atLeastOnce(m *catalog.Materialization) bool {
	sink, err := sinkRegistry().Lookup(m.Endpoint.Kind)
	if err != nil || sink.Spec().ExactlyOnce {
		return false
	}
	if m.Endpoint.Kind != "nats" {
		return true
	}
	var resources []json.RawMessage
	for _, b := range m.Bindings {
		if !b.Disable {
			resources = append(resources, b.Resource)
		}
	}
	return natssink.AtLeastOnce(resources)
}

// configSchema is that of an endpoint of captures or materializations; nil when
// there is no connector of that kind.
func configSchema(section, kind string) json.RawMessage {
	if section == "captures" {
		if source, err := sourceRegistry().Lookup(kind); err == nil {
			return source.Spec().ConfigSchema
		}
		return nil
	}
	if sink, err := sinkRegistry().Lookup(kind); err == nil {
		return sink.Spec().ConfigSchema
	}
	return nil
}

func writeWarnings(out io.Writer, r *results, warnings []lint.Warning) error {
	if warnings == nil {
		warnings = []lint.Warning{} // a list, even when it is empty
	}
	return r.write(out, warnings, func(s *sheet) {
		for _, w := range warnings {
			s.line("%s:%d: %s: %s: %s\n    why: %s\n    do:  %s", w.File, w.Line, s.paint(bad, w.Rule), w.Name, w.What, w.Why, w.Do)
		}
		switch len(warnings) {
		case 0:
			s.line("no warnings")
		case 1:
			s.line("1 warning")
		default:
			s.line("%d warnings", len(warnings))
		}
	})
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
