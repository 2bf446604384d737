// Package collection makes a catalog collection runnable: it names what the
// collection is on NATS, says which document belongs where, checks documents
// that were read, and combines documents that are about to be written.
//
// What it guarantees:
//
//   - Names. Every catalog name, key and task has one spelling in subjects, in
//     stream and consumer names and in KV keys. Encodings are injective, and
//     Decode functions accept only what Encode functions produce.
//   - Place. [Collection.AppendSubject] computes the same partition and the same
//     subject as the server's subject transform ([Collection.Transform]) does for
//     a document that was published under its key.
//   - Validity. [Checker] and [Combiner] hand on no document that breaks the
//     collection's schema, has no key or lies under a subject of another key:
//     the error is an [*Invalid] that says which document, where in it, and why.
//   - Combination. A [Combiner] gives one document for each key, reduced as the
//     schema's annotations say, in memory bounded by [CombinerOptions.Limit]:
//     what exceeds it is sorted to a temporary file, with the same result.
//
// The package reads and writes no stream: it knows subjects and documents, and
// leaves transport to package journal.
package collection
