// Package postgres materializes collections into the tables of a PostgreSQL
// database, exactly once.
//
// A transaction's rows and its checkpoint are written in one transaction of
// the database. The fence is table weir_checkpoints in the schema of the
// endpoint: Open raises the shard's epoch and reads its checkpoint in one
// statement, and every commit first updates the checkpoint where the epoch is
// still its own. If that changes no row, somebody else has opened the shard;
// the statement fails then, and the transaction with it.
//
// Rows go by COPY, in the binary format, into temporary tables while they are
// handed over, so that the server works beside whoever reduces them. What
// follows at the commit is one round trip: the fence, the removal of deleted
// rows, one INSERT ... ON CONFLICT for each table, and the COMMIT itself. So a
// session that is frozen between two steps holds no lock that its successor
// waits for. Rows that are only added go to their table at once.
//
// Statements have no names, temporary tables are made in the transaction that
// uses them unless the connection has them already, and settings are those of
// the transaction: a pooler may hand each transaction another connection.
//
// Values are converted here and not by the server, so that what a column's
// type cannot hold is reported with its document and field. An integer beyond
// 64 bits widens its BIGINT column to NUMERIC, in the transaction that stores
// it.
//
// Table weir_tables remembers which materialization made which table, as
// weir_tables of package sqlite does.
package postgres
