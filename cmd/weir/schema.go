package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/fault"
	"weir/worker"
)

type schemaOf struct {
	connection
	inferred string
	history  bool
}

func schemaCommand() *cobra.Command {
	s := &schemaOf{}
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of flow.yaml, for editors, or what was inferred of a collection",
		Long: `Prints the JSON Schema of flow.yaml. With --inferred it prints the schema of the
documents that were seen in a collection whose readSchema refers to
flow://inferred-schema; with --history each schema that it had, one record a line.`,
		Example: "  weir schema > flow.schema.json\n  weir schema --inferred acmeCo/orders",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	s.connection.flags(c)
	f := c.Flags()
	f.StringVar(&s.inferred, "inferred", "", "print the inferred schema of this collection")
	f.BoolVar(&s.history, "history", false, "print all versions of the inferred schema that are kept, oldest first")
	return c
}

func (s *schemaOf) run(ctx context.Context, out io.Writer) error {
	if s.inferred != "" {
		return s.printInferred(ctx, out)
	}
	if s.history {
		return wrongUsage("say --inferred COLLECTION too", "--history shows how an inferred schema came about, and no collection is named")
	}
	_, err := fmt.Fprintf(out, "%s\n", catalog.JSONSchema())
	return err
}

func (s *schemaOf) printInferred(ctx context.Context, out io.Writer) error {
	conn, err := s.open(ctx, "schema", s.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	target, err := publishedCollection(ctx, conn, s.inferred)
	if err != nil {
		return err
	}
	if !target.Infers() {
		return fault.New(fault.NotFound, "let its readSchema refer to "+catalog.InferredSchemaURL, "nothing is inferred of %s: its readSchema does not ask for it", s.inferred)
	}
	versions, err := worker.InferredHistory(ctx, conn, s.inferred)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return fault.New(fault.NotFound, "try again after the first document", "nothing is inferred of %s yet: no document was written or read since its readSchema refers to %s", s.inferred, catalog.InferredSchemaURL)
	}
	if s.history {
		lines := json.NewEncoder(out)
		for _, v := range versions {
			if err := lines.Encode(v); err != nil {
				return err
			}
		}
		return nil
	}
	var text bytes.Buffer
	if err := json.Indent(&text, versions[len(versions)-1].Schema, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text.Bytes())
	return err
}
