// Package catalog turns what a user writes, flow.yaml and the files that it
// names, into a checked, self-contained [Catalog].
//
// It is pure: files go in, typed specs or errors come out. It opens no
// connection, knows no connector and starts nothing. What it guarantees:
//
//   - A Catalog that Load returns is sound as far as files alone can tell:
//     every name resolves, every key exists in its schema with a type that a key
//     may have, every schema compiles, every test document is valid.
//   - Every error of a catalog is reported at once, in a stable order, each with
//     file, line, column, path, reason and, where there is one, a remedy.
//   - Nothing that is written is silently ignored. A field of Flow's format that
//     Weir does not act on yet is refused by name.
//   - Specs need no file any more: schemas are bundled under URLs relative to
//     the catalog's root, and nothing in them names a path of the machine, except
//     [Module.Path], which is left out of their JSON, as [Module.Sent] is.
//   - The same files give the same specs, byte for byte.
//
// YAML is read by the rules of YAML 1.2: `no`, `on` and dates are strings, and
// numbers keep their text. Anchors, aliases and merge keys work; keys must be
// strings. Only files beside the catalog are read, never URLs; of a catalog that
// LoadFiles loads, only those that were given to it.
//
// # Fields of Flow's format
//
// Fields that have no meaning here and change nothing are accepted:
//
//	$schema                                     all files; for editors
//	expectPubId                                 captures, collections, materializations, tests
//	delete: false, reset: false                 wherever Flow has them; true is refused
//	autoDiscover: null                          captures; anything else is refused
//	shards.logLevel, .ringBufferSize,
//	       .readChannelSize, .flags             tasks; tuning of another runtime
//
// Fields that would change what happens are refused with "not supported yet"
// until they do: autoDiscover, secrets, redactSalt, readSchema and writeSchema,
// journals, partitioned projections, partition selectors, notBefore, notAfter,
// readDelay, lambdas, SQLite, Python and connector derivations, sourceCapture,
// onIncompatibleSchemaChange, triggers, groupBy, connector images, storage
// mappings, and the transaction limits and standbys of shards.
package catalog
