// Package erasure removes one key of a collection from where Weir keeps it:
// the collection's stream, what waits for its inbox, quarantine, the registers
// that derivations keep for that key alone, and what tasks said of it in their
// logs and in their status. Messages are overwritten in the server's store, not
// only marked as gone.
//
// Registers are their task's: it is asked by a record in their bucket and
// erases them at its next start, for which it is started anew. The record is
// there before the documents go that may be all that tells which registers
// they led to, and counts once they are gone.
//
// A status record is written by a worker from memory: its task starts anew too.
//
// What it cannot remove it names: lines of logs that may mean the key, what was
// derived from it, registers that other documents share, databases of
// derivations, and the rows of destinations, with what to do about each.
//
// Erasing the same key again is safe, and removes what was stored since.
package erasure
