// Package document reads, compares, keys and writes JSON documents without building a tree of Go values.
//
// A Doc is an arena: one flat slice of nodes that hold offsets into the document's bytes. Parse fills it in one
// pass and reuses its memory, so a Doc taken from a pool parses without allocating. Whatever nobody changes is
// passed on as the bytes it arrived in; numbers keep their text, however many digits they have.
//
// Parse is strict. It takes exactly one RFC 8259 value and refuses what other readers repair silently: invalid
// UTF-8, a name that occurs twice in an object (names are compared with their escapes resolved), escapes of lone
// surrogates, nesting beyond MaxDepth, texts beyond MaxSize and exponents of more than 18 digits. Every refusal
// is a *SyntaxError that names offset, line, column and reason.
//
// Numbers are compared and added as the decimals they are, never by way of float64, and no operation takes
// memory out of proportion to the text: 1e999999999 can be compared, but a sum that needed more than MaxDigits
// digits is an error.
//
// A Key packs the values at its pointers into bytes in the tuple encoding of FoundationDB: within a kind of
// value the packed bytes sort as the values do, and equal values pack to equal bytes (1, 1.0 and 1e0 are one key).
//
// A Doc belongs to one goroutine while it parses. A parsed Doc, a Pointer, a Key and a Decimal may be read by many.
package document
