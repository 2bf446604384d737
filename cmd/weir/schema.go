package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"weir/catalog"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of flow.yaml, for editors",
		Example: "  weir schema > flow.schema.json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", catalog.JSONSchema())
			return err
		},
	}
}
