// Package schema compiles JSON schemas, validates documents, explains what is wrong with them, and reduces
// documents of one key into one as the schema's `reduce` annotations say.
//
// jsonschema/v5 compiles a schema and is the authority on what it means. Its compiled form is lowered into rules
// that read a document's arena directly; what is not lowered is asked of v5 itself, so that the verdict is v5's in
// every case. Explanations come from v5, run again on the document that was refused.
//
// A schema is self-contained: Compile never opens a file or a connection. One without `$schema` is draft 2020-12
// and may use draft-07's spellings (`items` as a list with `additionalItems`, `definitions`, `dependencies`); drafts
// 4, 6, 7, 2019-09 and 2020-12 can be asked for by `$schema`. `format` is asserted in all of them, content encodings
// and media types in none.
//
// Reductions are associative: however a sequence of documents is grouped, reducing the groups and then their
// results gives the same document, as long as the annotations agree: whether a value keeps the first or takes the
// greatest must not depend on the value. Partial reductions keep apart what only a full one can reduce. Sums are exact
// decimals.
//
// A Schema and a Shape may be used by many goroutines; a Validator and a Reducer belong to one.
package schema
