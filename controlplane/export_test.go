package controlplane

import (
	"context"

	"weir/catalog"
	"weir/journal"
)

// Draft checks a publication, and gives what applies it later.
func Draft(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, o Options) (apply func() error, err error) {
	d, err := newDraft(ctx, conn, c, o)
	return func() error { return d.apply(ctx, conn, o) }, err
}
