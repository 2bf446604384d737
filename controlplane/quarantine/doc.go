// Package quarantine shows the documents that tasks put aside because they are
// invalid, and brings them back: it retries, mends and drops them.
//
// A document that never entered its collection (an inbox met it, or it is an
// output or was captured) is published to it. One that a reader passed over
// lies in its collection still: it is moved to the end of it, so that every
// reader meets it once more, and once only.
//
// Nothing is lost when a retry is ended anywhere: the document is published
// first and removed from quarantine last, and a marker in the same atomic batch
// makes sure that a second retry does not publish it again.
//
// The package writes only what a collection's schema takes. How documents come
// here is the worker's business; how they are kept is package collection's.
package quarantine
