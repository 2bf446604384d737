// Package program runs a connector that is a program of its own: it starts the
// process, carries lines to its standard input and from its standard output,
// hands on what it logs on standard error, and ends it with everything that it
// started.
//
// What it guarantees: whatever happens, a program that was started ends, with
// its process group, at the latest when Stop returns; on Linux also when this
// process is killed. Its environment has nothing of this process's but where
// programs, files and the language are found. A secret value is in nothing that
// it logged or said in an error. Memory is bounded: by the longest message, and
// a few chunks beside.
package program
