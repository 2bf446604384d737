// Package controlplane turns catalogs into publications: it builds them,
// checks them against what is published, makes streams and buckets, and
// writes the records that workers run.
//
// A publication is all or nothing: everything is checked before the first
// stream is made, and the records are written in one atomic batch that ends
// in the publication's own record. Streams of collections that are gone from
// a catalog stay: a publication never deletes documents.
//
// The package does not know workers: both meet in the records of package
// catalog in the bucket weir_catalog.
package controlplane
