// Package worker runs tasks: derivations, captures, materializations and the
// inboxes of collections, each as a shard with one transaction loop.
//
// A shard reads what is there, processes it, commits, and reads on while the
// commit is in flight (txn.go). What it writes and how far it has read become
// durable in one atomic step that also proves that the shard is still its
// own: for collections a batch that ends in a marker (shard.go), for
// destinations with transactions the rows and a checkpoint row. So a killed,
// paused or doubled worker loses nothing and doubles nothing.
//
// States of a task:
//
//	pending -> running -> retrying -> running
//	                   -> failed (bad document, broken module, taken over)
//	disabled (the catalog says so)
//
// A failed task starts again when a publication changes it, the collections
// that it touches or its module. Trouble that passes by itself (an
// unreachable server, a locked database) is retried for ever with growing
// pauses; other errors a few times, then the task is failed and its status
// says why: the document, the rule, the author's file and line.
//
// The package does not know the control plane: both meet in the records of
// package catalog kept in the bucket weir_catalog, and in the status records
// of the bucket weir_status.
package worker
