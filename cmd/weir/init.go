package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/fault"
)

// templates are catalogs to begin with, one a directory. Each has a README.md
// whose second paragraph says what it is.
//
//go:embed templates
var templates embed.FS

// editorSchema is the JSON Schema of flow.yaml, beside it.
const editorSchema = "flow.schema.json"

func initCommand() *cobra.Command {
	template := "hello"
	names, err := templateNames()
	if err != nil {
		panic(err) // they are in the binary
	}
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "Write a catalog to begin with: it is tested, and runs as it is",
		Long: "Writes a small catalog with its tests, documents to try it with, and a schema that\neditors complete flow.yaml by. Files that are there are never overwritten.\n\nTemplates:\n" +
			describeTemplates(names),
		Example: "  weir init shop --template orders\n  weir dev shop",
		Args:    exactlyOne("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("template", template, names...); err != nil {
				return err
			}
			return writeTemplate(template, args[0], cmd.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&template, "template", "t", template, alternatives(names))
	_ = c.RegisterFlagCompletionFunc("template", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)) // defined above, once
	return c
}

func templateNames() ([]string, error) {
	entries, err := templates.ReadDir("templates")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// describeTemplates says in a line of each what it is.
func describeTemplates(names []string) string {
	var b strings.Builder
	for _, name := range names {
		text, err := templates.ReadFile(path.Join("templates", name, "README.md"))
		if err != nil {
			panic(err) // they are in the binary
		}
		paragraphs := strings.Split(string(text), "\n\n")
		fmt.Fprintf(&b, "  %-9s %s\n", name, strings.ReplaceAll(strings.TrimSpace(paragraphs[1]), "\n", "\n            "))
	}
	return strings.TrimRight(b.String(), "\n")
}

// templateFiles gives the files of a template, with the editor's schema.
func templateFiles(name string) (map[string][]byte, error) {
	files := map[string][]byte{editorSchema: append(slices.Clone(catalog.JSONSchema()), '\n')}
	root := path.Join("templates", name)
	err := fs.WalkDir(templates, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(p)
		files[strings.TrimPrefix(p, root+"/")] = text
		return err
	})
	return files, err
}

// writeTemplate writes a template's files, all or none.
func writeTemplate(name, dir string, out io.Writer) error {
	files, err := templateFiles(name)
	if err != nil {
		return err
	}
	var taken []string
	names := catalog.Names(files)
	for _, file := range names {
		_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(file)))
		switch {
		case err == nil:
			taken = append(taken, file)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if len(taken) > 0 {
		return fault.New(fault.File, "name another directory, or move what is there", "%s holds %s already: nothing was written", dir, strings.Join(taken, ", "))
	}
	for _, file := range names {
		if err := writeNew(filepath.Join(dir, filepath.FromSlash(file)), files[file]); err != nil {
			return err
		}
		fmt.Fprintln(out, "created  "+filepath.ToSlash(filepath.Join(dir, file)))
	}
	fmt.Fprintf(out, "\nnext: weir dev %s   (%s says more)\n", dir, filepath.ToSlash(filepath.Join(dir, "README.md")))
	return nil
}

// writeNew writes a file that must not be there.
func writeNew(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // a catalog is its author's, like any source
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
