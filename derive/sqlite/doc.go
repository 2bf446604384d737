// Package sqlite runs the lambdas of derivations that are written in SQL, in a
// SQLite database of the shard's own.
//
// New makes an empty database in a file without a name; LoadRegister puts its
// pages in place as they were after the last commit; Open applies the
// migrations that are new and compiles the lambdas; Apply runs a lambda for
// one document, whose rows are documents; Changes gives the pages that changed.
//
// # State
//
// The file is a copy that is thrown away: what is durable are the pages that
// Changes gave, which the caller keeps as it keeps registers, by page number.
// The file is never synced and no crash is repaired in it. Whatever fails, the
// database is closed and made anew from its pages, so that it can never hold
// more or less than what was committed with the documents that came out.
//
// # What statements can reach
//
// The database has a file system of its own, which holds it and temporary
// files for large sorts, and a clock that shows the document's time. What would
// leave it (ATTACH, extensions), what a restart would lose (temporary tables),
// what would break the transaction (BEGIN, COMMIT) and most pragmas are refused
// when a statement is compiled; a lambda cannot change the tables themselves.
//
// A lambda has a time limit, its texts and blobs have one of 64 MiB each, and
// so have the documents that it gives. Memory for pages is bounded by
// Options.Cache; sorts beyond it go to a file.
package sqlite
