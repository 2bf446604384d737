package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"weir/controlplane"
)

// identity holds the flag that says what a catalog is known by. Publications
// keep that with each spec: what is gone from a catalog is told from what others
// published by it.
type identity struct{ name string }

func (i *identity) flags(c *cobra.Command) {
	c.Flags().StringVar(&i.name, "catalog", "", "the name by which publications know the catalog; the default is its path")
}

// orNamed is the way out where another catalog has the same path.
const orNamed = ", or --catalog NAME if that is another catalog at the same path"

// of gives what the catalog at a path is known by: the name, if there is one, or
// the path.
func (i *identity) of(path string) (string, error) {
	switch {
	case i.name == "":
		return pathIdentity(path)
	case !controlplane.IdentityRule.MatchString(i.name):
		return "", wrongUsage("use letters, numbers, -, _ and . in parts separated by /, as in shop or acmeCo/shop", "--catalog %s is no name", i.name)
	}
	return i.name, nil
}

// pathIdentity is the path of a catalog, the same one however it is written.
// Links are followed to its directory, not to its file: that of a mounted
// configuration is a link to another place after each change.
func pathIdentity(path string) (string, error) {
	place, err := catalogPlace(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(place); err == nil && info.IsDir() {
		return filepath.EvalSymlinks(place)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(place))
	if err != nil {
		return place, nil //nolint:nilerr // nothing is there: whoever reads it says so
	}
	return filepath.Join(dir, filepath.Base(place)), nil
}

// catalogPlace is the absolute path of a catalog: the directory, where the file
// is the one that the directory stands for.
func catalogPlace(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir, file := filepath.Split(abs)
	other := map[string]string{"flow.yaml": "flow.json", "flow.json": "flow.yaml"}[file]
	if other == "" {
		return abs, nil
	}
	if info, err := os.Stat(abs); err == nil && info.IsDir() {
		return abs, nil
	}
	if _, err := os.Stat(filepath.Join(dir, other)); err == nil {
		return abs, nil
	}
	return filepath.Clean(dir), nil
}
