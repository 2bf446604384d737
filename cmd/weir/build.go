package main

import (
	"context"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"weir/catalog"
	"weir/controlplane"
	"weir/derive"
)

// build loads a catalog and checks all of it that needs no server: its files,
// its modules, and, where a TypeScript compiler is there, the types of those.
func build(ctx context.Context, path string, log *zap.Logger) (*catalog.Catalog, error) {
	c, err := catalog.Load(path)
	if err != nil {
		return nil, err
	}
	if err := controlplane.Build(c); err != nil {
		return nil, err
	}
	root, err := filepath.Abs(catalogDir(path))
	if err != nil {
		return nil, err
	}
	notice, err := derive.CheckTypes(ctx, c, root)
	if err != nil {
		return nil, err
	}
	if notice != "" {
		log.Debug(notice)
	}
	return c, nil
}

// catalogDir is the directory of a catalog, which is a file or a directory.
func catalogDir(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path)
	}
	return path
}
