package main

import (
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
	"weir/derive"
	"weir/fault"
)

// generatedDir holds what is generated, beside the catalog.
const generatedDir = "flow_generated"

func generateCommand() *cobra.Command {
	check := false
	c := &cobra.Command{
		Use:   "generate CATALOG",
		Short: "Write TypeScript types of documents, registers and functions, for editors and type checks",
		Long: `Writes declarations into flow_generated beside the catalog: a module for each
collection, which modules import as flow/<collection>. A tsconfig.json that
editors find is made where there is none. With --check nothing is written, and
the command fails when something would be.`,
		Example: "  weir generate examples/orders\n  weir generate examples/orders --check",
		Args:    exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return generate(args[0], check, cmd.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; fail if what is there is not what would be written")
	return c
}

func generate(catalogPath string, check bool, out io.Writer) error {
	c, err := catalog.Load(catalogPath)
	if err != nil {
		return err
	}
	root := catalogDir(catalogPath)
	wanted, err := generatedFiles(c)
	if err != nil {
		return err
	}
	changes, err := compareGenerated(root, wanted)
	if err != nil {
		return err
	}
	if check {
		for _, change := range changes {
			fmt.Fprintln(out, change)
		}
		if len(changes) > 0 {
			return fault.New(fault.Changes, "run `weir generate "+catalogPath+"`", "%s is not up to date", filepath.ToSlash(filepath.Join(root, generatedDir)))
		}
		return nil
	}
	for _, change := range changes {
		if err := change.make(root, wanted); err != nil {
			return err
		}
		fmt.Fprintln(out, change)
	}
	return adviseEditor(root, out)
}

// editorProject is the project that editors find, in the catalog's directory. It is its owner's once it is there.
const editorProject = "tsconfig.json"

// generatedFiles are all files to be there, by their names below the catalog's directory.
func generatedFiles(c *catalog.Catalog) (map[string]string, error) {
	declarations, err := derive.Declarations(c)
	if err != nil {
		return nil, err
	}
	files := map[string]string{editorProject: "{ \"extends\": \"./" + generatedDir + "/" + derive.ProjectFile + "\" }\n"}
	for name, text := range declarations {
		files[path.Join(generatedDir, name)] = text
	}
	files[path.Join(generatedDir, derive.ProjectFile)], err = derive.EditorProject()
	return files, err
}

// change is what is to be done about one file.
type change struct{ what, name string }

func (c change) String() string { return fmt.Sprintf("%-8s  %s", c.what, c.name) }

// make does it.
func (c change) make(root string, wanted map[string]string) error {
	if c.what == "removed" {
		return os.Remove(filepath.Join(root, filepath.FromSlash(c.name)))
	}
	return derive.WriteDeclarations(root, map[string]string{c.name: wanted[c.name]})
}

// compareGenerated lists what differs from the wanted files, sorted by name.
func compareGenerated(root string, wanted map[string]string) ([]change, error) {
	var changes []change
	for name, text := range wanted {
		found, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			changes = append(changes, change{"created", name})
		case err != nil:
			return nil, err
		case string(found) != text && name != editorProject:
			changes = append(changes, change{"changed", name})
		}
	}
	files := os.DirFS(root)
	err := fs.WalkDir(files, generatedDir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(name, ".d.ts") {
			return err
		}
		if _, ok := wanted[name]; ok {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err == nil && strings.HasPrefix(string(text), derive.Generated) { // what is of other makers stays
			changes = append(changes, change{"removed", name})
		}
		return err
	})
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.name, b.name) })
	return changes, err
}

// adviseEditor says what to do about a project of the author's own that does not know the generated one.
func adviseEditor(root string, out io.Writer) error {
	text, err := os.ReadFile(filepath.Join(root, editorProject))
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), generatedDir) {
		fmt.Fprintf(out, "%s does not know the types: add \"extends\": \"./%s/%s\" to it\n", editorProject, generatedDir, derive.ProjectFile)
	}
	return nil
}
