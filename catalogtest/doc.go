// Package catalogtest runs the tests of a catalog through the real engine: a
// NATS server in memory, the control plane's publication, a worker. Each test
// gets collections of its own, which are fresh; only derivations run.
//
// The steps of a test are taken in order. Before each one, and after the last,
// everything that was ingested so far has gone through every derivation. An
// ingest step validates its documents and combines them by key, in one
// transaction, as a capture would. A verify step reads all documents of a
// collection, combines them by key, and compares them in key order with the
// expected ones, position by position: an actual document may have more
// members than the expected one, at any depth; arrays have the same length;
// numbers are equal within the precision of a float.
package catalogtest
