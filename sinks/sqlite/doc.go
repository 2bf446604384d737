// Package sqlite materializes collections into the tables of a SQLite
// database, exactly once.
//
// A transaction's rows and its checkpoint are written in one SQLite
// transaction. The fence is table weir_checkpoints of the same database: Open
// raises the shard's epoch and reads its checkpoint in one transaction, and
// every commit first updates the checkpoint where the epoch is still its own.
// If that changes no row, somebody else has opened the shard, and the commit
// is rolled back with ErrFenced.
//
// Rows are kept in memory until Commit, so that a session which is paused
// between Store and Commit holds no lock that would keep its successor out.
// Only a transaction that outgrows that memory takes the lock while it is
// still being stored.
//
// The database is in WAL mode with synchronous=NORMAL: readers never wait, and
// after a power cut the last commits may be missing, rows and checkpoints
// alike, so that the shard reads on from where the database stands.
//
// Table weir_tables remembers which materialization made which table, with
// which backfill counter, for which types, and how often anew. A table is made
// anew when the counter changes, when it is gone, and when it cannot be changed
// and its binding says so: one transaction drops and makes it, fences open
// sessions and counts, so that the name of its position changes with it.
package sqlite
