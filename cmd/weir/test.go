package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/catalogtest"
	"weir/controlplane"
)

func testCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test CATALOG",
		Short: "Run the tests of a catalog",
		Long: `Runs each test of the catalog through the real engine, on a NATS server in
memory and on fresh collections. Nothing is published anywhere.`,
		Example: "  weir test examples/orders",
		Args:    exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTests(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
}

func runTests(ctx context.Context, path string, out io.Writer) error {
	began := time.Now()
	c, err := catalog.Load(path)
	if err != nil {
		return err
	}
	if err := controlplane.Build(c); err != nil {
		return err
	}
	if len(c.Tests) == 0 {
		return errors.New("the catalog has no tests: add some under `tests:`")
	}
	failed := 0
	err = catalogtest.Run(ctx, c, func(r catalogtest.Result) {
		if r.Err == nil {
			fmt.Fprintf(out, "ok    %s (%d ms)\n", r.Test, r.Took.Milliseconds())
			return
		}
		failed++
		fmt.Fprintf(out, "FAIL  %s\n%s\n", r.Test, r.Err)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d passed, %d failed in %.1f s\n", len(c.Tests)-failed, failed, time.Since(began).Seconds())
	if failed > 0 {
		return fmt.Errorf("%d of %d tests failed", failed, len(c.Tests))
	}
	return nil
}
