package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/controlplane"
	"weir/secrets"
)

// secretFlags say which secrets of this machine catalogs may use.
type secretFlags struct {
	dir string
	env []string
}

func (s *secretFlags) flags(cmd *cobra.Command, otherwise string) {
	f := cmd.Flags()
	f.StringVar(&s.dir, "secrets-dir", "", "directory of the files that ${file:..} may name; the default: "+otherwise)
	f.StringSliceVar(&s.env, "secrets-env", nil, "variables that ${env:..} may name, as PGPASSWORD or SHOP_*; the default: all but NATS_*, WEIR_*")
}

// store finds secrets: those of the flags, or, for files, what a command allows
// without any.
func (s *secretFlags) store(otherwise secrets.Store) (*secrets.Store, error) {
	store := otherwise
	store.Env = s.env
	if s.dir != "" {
		dir, err := filepath.Abs(s.dir)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, wrongUsage("name a directory that is there", "--secrets-dir %s is no directory", s.dir)
		}
		store.Dir, store.Confined = dir, true
	}
	for _, pattern := range s.env {
		if pattern == "" {
			return nil, wrongUsage("name variables, as PGPASSWORD or SHOP_*", "--secrets-env has an empty name")
		}
	}
	return &store, nil
}

// ownSecrets are those of somebody who runs what they publish: everything that
// they can read themselves.
func ownSecrets(data string) secrets.Store { return secrets.Store{Dir: data} }

// othersSecrets are those of a worker that runs what others publish: files of
// one directory that is there for that.
func othersSecrets(data string) secrets.Store {
	return secrets.Store{Dir: filepath.Join(data, "secrets"), Confined: true}
}

// warnUnresolved tells whoever publishes of what cannot be checked here.
func warnUnresolved(problems io.Writer, k controlplane.Connectors, c *catalog.Catalog) {
	for _, warning := range k.Unresolved(c) {
		fmt.Fprintln(problems, "warning:", warning)
	}
}
