package connector

import (
	"errors"
	"path/filepath"
)

// ErrNoDirectory is a relative path of a configuration where nobody knows which
// directory it is relative to. Whoever checks an endpoint gives it only when
// nothing else is wrong, with all that can be said without the endpoint.
var ErrNoDirectory = errors.New("its path is relative to the worker's data directory")

// Place makes paths absolute that are relative to a data directory; empty ones
// stay. Where no directory is given and one is relative, it changes
// nothing and the error is ErrNoDirectory.
func Place(dataDir string, paths ...*string) error {
	relative := func(path string) bool { return path != "" && !filepath.IsAbs(path) }
	for _, path := range paths {
		if relative(*path) && dataDir == "" {
			return ErrNoDirectory
		}
	}
	for _, path := range paths {
		if !relative(*path) {
			continue
		}
		abs, err := filepath.Abs(filepath.Join(dataDir, *path))
		if err != nil {
			return err
		}
		*path = abs
	}
	return nil
}
