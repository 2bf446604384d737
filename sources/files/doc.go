// Package files captures the documents of files in a directory or a bucket:
// JSON lines, JSON, CSV, TSV and Debian's control files, plain or compressed.
//
// Each document is captured exactly once. The state holds, for each file, how
// far it was read, and the worker makes documents and state durable in one
// step. What a file is known by:
//
//   - A plain file of lines or rows may grow. It is read on from where it was
//     left, if it still begins with the same bytes; else it is a new file under
//     an old name and is read from its beginning.
//   - A compressed file, or one of JSON values or paragraphs, is read as a whole,
//     and again as a whole when its content has changed after it was read to its
//     end. One that was not complete is read on if it begins with what was read.
//   - A last line without an end is waited for until the file has been left
//     alone for a while; so is, in a directory, a whole file that is read as one.
//
// The state is bounded: of the files that are done the oldest are remembered
// together, by the time until which all was read (see progress).
package files
