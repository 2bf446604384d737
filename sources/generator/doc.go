// Package generator is a source that makes its documents up: for
// demonstrations, tutorials and load tests.
//
// Document n of a binding is a function of the seed, the binding's name and n,
// whoever asks and when: the state is the number of documents that were made,
// and a session that is opened again goes on with the next one. Templates that
// ask the clock are the exception. Documents are shaped by a template of
// Go's text/template, or by the collection's schema.
package generator
