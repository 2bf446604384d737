package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/catalogtest"
	"weir/fault"
)

// tests holds the flags of `weir test`.
type tests struct {
	results
	filter  string
	update  bool
	watch   bool
	verbose bool

	path   string
	match  *regexp.Regexp // nil: all tests
	colors catalogtest.Colors
	out    io.Writer
}

func testCommand() *cobra.Command {
	t := &tests{}
	c := &cobra.Command{
		Use:   "test CATALOG",
		Short: "Run the tests of a catalog",
		Long: `Runs each test of the catalog through the real engine, on a NATS server in
memory and on fresh collections. Nothing is published anywhere. At the end it names
the transforms that no test has a document for.

With --update the verify steps that fail are made to expect what they found: their
documents are rewritten where they stand, all else in the file stays as it is. Read
the difference before you keep it.

Exit codes: 0 all tests pass, 1 some fail, 2 the catalog or the command line is wrong.`,
		Example: `  weir test examples/orders
  weir test examples/orders --filter totals --watch
  weir test examples/orders -o junit > report.xml`,
		Args: exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.path, t.out, t.colors = args[0], cmd.OutOrStdout(), colors(cmd.OutOrStdout())
			if err := t.checkFlags(); err != nil {
				return err
			}
			if t.watch {
				return t.follow(cmd.Context())
			}
			return t.once(cmd.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&t.filter, "filter", "", "run only the tests whose names match a regular expression")
	t.results.flags(c, formText, formJSON, "junit")
	f.BoolVar(&t.update, "update", false, "rewrite what failing verify steps expect")
	f.BoolVarP(&t.watch, "watch", "w", false, "go on, and run what a change of a file affects")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "say more of tests that pass: what they are about, and what modules print")
	return c
}

// colors are those of a terminal.
func colors(out io.Writer) catalogtest.Colors {
	if !colored(out) {
		return catalogtest.Colors{}
	}
	return catalogtest.Colors{Expected: "\x1b[31m", Actual: "\x1b[32m", Faint: "\x1b[2m", End: "\x1b[0m"}
}

// checkFlags refuses flags that say nothing or contradict each other.
func (t *tests) checkFlags() (err error) {
	if err := t.check(); err != nil {
		return err
	}
	if t.watch && (t.update || !t.forPeople()) {
		return wrongUsage("leave --update and --output out", "--watch shows text and rewrites nothing")
	}
	if t.filter != "" {
		if t.match, err = regexp.Compile(t.filter); err != nil {
			return wrongUsage("write a regular expression, as in --filter orders", "--filter %s: %w", t.filter, err)
		}
	}
	return nil
}

// load reads and builds the catalog, which must have tests to run.
func (t *tests) load(ctx context.Context) (*catalog.Catalog, error) {
	c, err := build(ctx, t.path, (&connection{verbose: t.verbose}).logger(zapcore.WarnLevel))
	if err != nil {
		return nil, err
	}
	names := catalog.Names(c.Tests)
	switch {
	case len(names) == 0:
		return nil, fault.New(fault.NotFound, "add some under `tests:`; docs/testing.md shows how", "the catalog has no tests")
	case t.match != nil && !slices.ContainsFunc(names, t.match.MatchString):
		return nil, wrongUsage("name a part of one of them, as "+names[0], "--filter %s matches none of the %d tests", t.filter, len(names))
	}
	return c, nil
}

func (t *tests) selected(spec *catalog.Test) bool {
	return t.match == nil || t.match.MatchString(spec.Name)
}

// once runs the tests and ends.
func (t *tests) once(ctx context.Context) error {
	c, err := t.load(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	report := catalogtest.NewReport(c, t.path)
	var failed []catalogtest.Result
	err = catalogtest.Runner{Select: t.selected, KeepGoing: t.update}.Run(ctx, c, func(r catalogtest.Result) {
		one := report.Add(c, r)
		if r.Err != nil {
			failed = append(failed, r)
		}
		if t.forPeople() && (r.Err == nil || !t.update) {
			one.WriteText(t.out, t.colors, t.verbose)
		}
	})
	if err == nil && t.update {
		err = t.rewrite(ctx, c, report, failed)
	}
	if err != nil {
		return err
	}
	report.Took(time.Since(began))
	switch t.form {
	case formJSON:
		err = report.Write(t.out)
	case "junit":
		err = report.WriteJUnit(t.out)
	default:
		report.WriteSummary(t.out, t.colors, t.match == nil)
	}
	if err == nil && report.Failed > 0 {
		err = fault.New(fault.TestsFailed, "", "%d of %d tests failed", report.Failed, len(report.Tests))
	}
	return err
}

// rewrite makes failing tests expect what they found, and shows what it did. A
// test that fails again afterwards stays failed: its results change by
// themselves.
func (t *tests) rewrite(ctx context.Context, c *catalog.Catalog, report *catalogtest.Report, failed []catalogtest.Result) error {
	report.Update(catalogtest.Rewrite(c, failed))
	updated := map[string]bool{}
	for _, one := range report.Tests {
		updated[one.Test] = one.Outcome == catalogtest.Updated
	}
	if report.Updated > 0 {
		again, err := t.load(ctx)
		if err != nil {
			return fmt.Errorf("after the update: %w", err)
		}
		runner := catalogtest.Runner{Select: func(spec *catalog.Test) bool { return updated[spec.Name] }}
		if err := runner.Run(ctx, again, report.Again); err != nil {
			return err
		}
	}
	for i := range report.Tests {
		if one := &report.Tests[i]; t.forPeople() && one.Outcome != catalogtest.Passed {
			one.WriteText(t.out, t.colors, t.verbose)
		}
	}
	return nil
}
